//! Evidence: what proves something, and what becomes of whom it is about.

use crate::mock::*;
use pallet_pobpc::{Call, Candidates, Error, Event, NextCandidates, Offences, Reliability, Validators};
use quids_api::{
    InvalidTransaction, TransactionSource, TransactionValidity, TransactionValidityError, pobpc::ValidatorStatus,
};
use quids_core::{Balance, DispatchError, Hash, Height};
use quids_pobpc::{Ballot, Evidence, Proposal, Round, SeatIndex, Signed, Vote, VoteKind};
use quids_support::{origin::Origin, traits::Currency};
use quids_testing::{TestRuntime, assert_noop};

fn signed<M: Ballot>(message: M, seat: u16, by: u8) -> Signed<M> {
    let signature = key(by).sign(&message.signed_bytes(&GENESIS));
    let seat = SeatIndex(seat);
    Signed {
        message,
        seat,
        signature,
    }
}

fn vote(height: u32, block: u8) -> Vote {
    Vote {
        kind: VoteKind::Prevote,
        height: Height(height),
        round: Round(1),
        block: Some(Hash::repeat_byte(block)),
    }
}

/// Two votes of the validator `by`, whose seat is one less.
fn double_vote(height: u32, by: u8) -> Evidence {
    let seat = u16::from(by) - 1;
    Evidence::Votes(Box::new([1, 2].map(|block| signed(vote(height, block), seat, by))))
}

fn report(evidence: Evidence) -> Call<Runtime> {
    Call::report { evidence }
}

fn balances(number: u8) -> (u128, u128) {
    let data = pallet_system::Account::<Runtime>::get(&account(number)).data;
    (data.free.0 / (MICRO / 10), data.reserved.0 / (MICRO / 10))
}

fn seated() -> Vec<u8> {
    next().accounts.iter().map(|one| one.0[0]).collect()
}

fn validate(evidence: Evidence) -> TransactionValidity {
    Runtime::validate_unsigned(TransactionSource::External, &report(evidence).into())
}

const REPORTER: Origin = Origin::Signed(quids_core::AccountId20([100; 20]));

#[test]
fn who_votes_twice_is_slashed_once_and_jailed() {
    with_validators("fffff", || {
        blocks(7);
        let issued = Balances::total_issuance();
        block(|| {
            Runtime::take_events();
            Runtime::call(REPORTER, report(double_vote(4, 3))).unwrap();
            let (account, height) = (account(3), Height(4));
            // A tenth of the bond, a tenth of which is the reporter's.
            let (amount, reward) = (Balance(10 * MICRO), Balance(MICRO));
            let until = Height(8 + 30);
            let reporter = crate::mock::account(100);
            for expected in [
                Event::Slashed {
                    account,
                    height,
                    amount,
                },
                Event::Rewarded {
                    account: reporter,
                    amount: reward,
                },
                Event::Jailed { account, until },
            ] {
                assert!(events_so_far().contains(&expected.into()));
            }
            assert_eq!((balances(3), balances(100)), ((9000, 900), (10_010, 0)));
            assert_eq!(Balances::total_issuance(), Balance(issued.0 - 9 * MICRO));
            let validator = Validators::<Runtime>::get(&account).unwrap();
            assert_eq!(validator.status, ValidatorStatus::Jailed { until });
            assert_eq!(
                (validator.bond, validator.reliability),
                (Balance(90 * MICRO), Reliability::AFTER_JAIL)
            );
            // The same offence, told otherwise.
            assert_noop!(
                Runtime::call(REPORTER, report(double_vote(4, 3))),
                Error::<Runtime>::AlreadyPunished
            );
            let proposals = [1, 2].map(|block| {
                let proposal = Proposal {
                    height,
                    round: Round(0),
                    valid_round: None,
                    block: Hash::repeat_byte(block),
                };
                signed(proposal, 2, 3)
            });
            let proposals = Evidence::Proposals(Box::new(proposals));
            assert_noop!(
                Runtime::call(REPORTER, report(proposals)),
                Error::<Runtime>::AlreadyPunished
            );
            // Another height is another offence, and another's is another's.
            Runtime::call(Origin::None, report(double_vote(5, 3))).unwrap();
            assert_eq!(balances(3), (9000, 810));
        });
        // At once, not after an epoch.
        assert_eq!(seated(), [1, 2, 4, 5]);
        let lists = [Candidates::<Runtime>::get(), NextCandidates::<Runtime>::get()];
        assert!(lists.iter().flatten().all(|one| one.account != account(3)));
        blocks(11);
        assert_eq!(seated(), [1, 2, 4, 5]);
        block(|| {
            let too_early = Error::<Runtime>::TooEarly;
            assert_noop!(Runtime::call(Origin::Signed(account(3)), Call::unjail {}), too_early);
        });
        blocks(19);
        block(|| {
            let jailed = Origin::Signed(account(3));
            assert_noop!(Runtime::call(jailed, Call::unjail {}), Error::<Runtime>::BondTooSmall);
            let amount = Balance(19 * MICRO);
            Runtime::call(jailed, Call::bond_more { amount }).unwrap();
            Runtime::call(jailed, Call::unjail {}).unwrap();
            assert_noop!(Runtime::call(jailed, Call::unjail {}), Error::<Runtime>::NotJailed);
        });
        blocks(10);
        assert_eq!(seated(), [1, 2, 3, 4, 5]);
        // What is too old to be reported is forgotten.
        assert_eq!(Offences::<Runtime>::iter().count(), 0);
    });
}

fn events_so_far() -> Vec<RuntimeEvent> {
    pallet_system::Events::<Runtime>::get()
        .into_iter()
        .map(|record| record.event)
        .collect()
}

#[test]
fn what_proves_nothing_is_refused() {
    with_validators("fffff", || {
        blocks(30);
        start(account(1));
        let stranger = double_vote(25, 3);
        let same = Evidence::Votes(Box::new([1, 1].map(|block| signed(vote(25, block), 2, 3))));
        let forged = Evidence::Votes(Box::new([signed(vote(25, 1), 2, 3), signed(vote(25, 2), 2, 4)]));
        let nobody = Evidence::Votes(Box::new([1, 2].map(|block| signed(vote(25, block), 5, 3))));
        let invalid = |reason: InvalidTransaction| Err(TransactionValidityError::from(reason));
        for (evidence, error, verdict) in [
            (same, Error::<Runtime>::NoOffence, InvalidTransaction::BadProof),
            (forged, Error::NoOffence, InvalidTransaction::BadProof),
            (nobody, Error::NoOffence, InvalidTransaction::BadProof),
            (
                double_vote(11, 3),
                Error::UnknownHeight,
                InvalidTransaction::AncientBirthBlock,
            ),
            (
                double_vote(32, 3),
                Error::UnknownHeight,
                InvalidTransaction::AncientBirthBlock,
            ),
        ] {
            assert_eq!(validate(evidence.clone()), invalid(verdict));
            assert_noop!(Runtime::call(REPORTER, report(evidence)), error);
        }
        assert_noop!(
            Runtime::call(Origin::Root, report(stranger.clone())),
            DispatchError::BadOrigin
        );
        for height in [12, 31] {
            let valid = validate(double_vote(height, 3)).unwrap();
            assert_eq!((valid.provides.len(), valid.propagate), (1, true));
        }
        // Nobody else may call without a signature.
        let other = Runtime::validate_unsigned(TransactionSource::External, &Call::leave {}.into());
        assert!(matches!(other, Err(TransactionValidityError::Unknown(_))));
        Runtime::call(Origin::None, report(stranger.clone())).unwrap();
        assert_eq!(validate(stranger), invalid(InvalidTransaction::Stale));
    });
}

#[test]
fn who_cannot_be_spared_is_slashed_and_stays() {
    with_validators("fw", || {
        block(|| Runtime::call(REPORTER, report(double_vote(1, 1))).unwrap());
        assert_eq!(seated(), [1, 2]);
        let validator = Validators::<Runtime>::get(&account(1)).unwrap();
        assert_eq!(
            (validator.status, validator.bond),
            (ValidatorStatus::Active, Balance(90 * MICRO))
        );
    });
}

#[test]
fn who_has_left_is_punished_until_the_evidence_is_too_old() {
    with_validators("fffff", || {
        block(|| Runtime::call(Origin::Signed(account(5)), Call::leave {}).unwrap());
        blocks(15);
        block(|| Runtime::call(REPORTER, report(double_vote(8, 5))).unwrap());
        let validator = Validators::<Runtime>::get(&account(5)).unwrap();
        assert_eq!(validator.status, ValidatorStatus::Leaving { until: Height(41) });
        assert_eq!(validator.bond, Balance(90 * MICRO));
        // His own report brings him nothing: all of it is burned.
        let before = balances(5);
        block(|| Runtime::call(Origin::Signed(account(5)), report(double_vote(9, 5))).unwrap());
        assert_eq!(balances(5), (before.0, before.1 - 90));
    });
}
