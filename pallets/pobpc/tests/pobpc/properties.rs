//! Whatever validators do, and in whatever order: every height has a committee, and every bond is held.

use crate::mock::*;
use pallet_pobpc::{Call, CurrentParameters, KeyOwner, Seats, Validators};
use proptest::prelude::*;
use quids_core::{AccountId20, Balance, Hash, Height};
use quids_pobpc::{Evidence, Role, Round, SeatIndex, Signed, Vote, VoteKind, faulty_max, registration_message};
use quids_support::origin::Origin;
use quids_testing::TestRuntime;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Deed {
    Register(u8, bool),
    BondMore(u8),
    Leave(u8),
    Withdraw(u8),
    Report(u8),
    Unjail(u8),
    Seats(u16),
    Blocks(u32),
}

fn deed() -> impl Strategy<Value = Deed> {
    let who = || 1u8..16;
    prop_oneof![
        4 => (who(), any::<bool>()).prop_map(|(who, full)| Deed::Register(who, full)),
        1 => who().prop_map(Deed::BondMore),
        2 => who().prop_map(Deed::Leave),
        2 => who().prop_map(Deed::Withdraw),
        3 => who().prop_map(Deed::Report),
        2 => who().prop_map(Deed::Unjail),
        1 => (1u16..12).prop_map(Deed::Seats),
        4 => (1u32..25).prop_map(Deed::Blocks),
    ]
}

fn registration(number: u8, full: bool) -> Call<Runtime> {
    let key = key(number).public().clone();
    let message = registration_message(&GENESIS, &account(number), &key);
    Call::register {
        proof: crate::mock::key(number).sign(&message),
        key,
        role: if full { Role::Full } else { Role::Witness },
        bond: Balance(100 * MICRO),
        commitment: Some(Hash::repeat_byte(number)),
    }
}

/// Evidence against a validator from the last height at which it had a seat.
fn evidence(number: u8) -> Option<Evidence> {
    let who = account(number);
    let seats = Seats::<Runtime>::iter();
    let place = |(height, seats): (Height, Vec<pallet_pobpc::Member>)| {
        Some((height, seats.iter().position(|one| one.account == who)?))
    };
    let (height, seat) = seats.filter_map(place).max()?;
    let vote = |block| {
        let message = Vote {
            kind: VoteKind::Precommit,
            height,
            round: Round(0),
            block,
        };
        let signature = key(number).sign(&quids_pobpc::Ballot::signed_bytes(&message, &GENESIS));
        let seat = SeatIndex(seat as u16);
        Signed {
            message,
            seat,
            signature,
        }
    };
    Some(Evidence::Votes(Box::new([vote(None), vote(Some(Hash::zero()))])))
}

/// Does it; that it is refused is an answer.
fn perform(deed: &Deed) {
    let by = |number: u8| Origin::Signed(account(number));
    let (origin, what): (Origin, Call<Runtime>) = match *deed {
        Deed::Register(who, full) => (by(who), registration(who, full)),
        Deed::BondMore(who) => (
            by(who),
            Call::bond_more {
                amount: Balance(50 * MICRO),
            },
        ),
        Deed::Leave(who) => (by(who), Call::leave {}),
        Deed::Withdraw(who) => (by(who), Call::withdraw {}),
        Deed::Unjail(who) => (by(who), Call::unjail {}),
        Deed::Report(who) => match evidence(who) {
            Some(evidence) => (by(200), Call::report { evidence }),
            None => return,
        },
        Deed::Seats(count) => {
            let mut parameters = CurrentParameters::<Runtime>::get();
            parameters.witness_count = count;
            (Origin::Root, Call::set_parameters { parameters })
        }
        Deed::Blocks(count) => {
            // This block ends, and others follow.
            end();
            blocks(count);
            start(next().accounts[0]);
            return;
        }
    };
    let _ = Runtime::call(origin, what);
}

/// What the pallets say of their state, and that here nothing else reserves.
fn check_state() -> Result<(), TestCaseError> {
    prop_assert_eq!(Runtime::try_state(), Ok(()));
    for (who, validator) in Validators::<Runtime>::iter() {
        let reserved = pallet_system::Account::<Runtime>::get(&who).data.reserved;
        prop_assert_eq!(validator.bond, reserved, "{}", who);
    }
    prop_assert_eq!(
        Validators::<Runtime>::iter().count(),
        KeyOwner::<Runtime>::iter().count()
    );
    Ok(())
}

/// That of the next height, after a block.
fn check_committee() -> Result<(), TestCaseError> {
    let next = next();
    let seats = next.committee.seats();
    let accounts: BTreeSet<AccountId20> = next.accounts.iter().copied().collect();
    prop_assert_eq!(accounts.len(), seats.len());
    let full = seats.iter().filter(|seat| seat.role == Role::Full).count();
    prop_assert!(full > faulty_max(seats.len()));
    for (who, seat) in next.accounts.iter().zip(seats) {
        prop_assert_eq!(Pobpc::author_of(&seat.key), Some(*who));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_height_has_a_committee_and_every_bond_is_held(deeds in proptest::collection::vec(deed(), 1..60)) {
        with_validators("ffwff", || {
            start(next().accounts[0]);
            for deed in &deeds {
                perform(deed);
                check_state()?;
            }
            end();
            check_committee()?;
            // And for as long as the last of it has effects.
            for _ in 0..12 {
                block(|| ());
                check_committee()?;
            }
            Ok::<_, TestCaseError>(())
        })?;
    }
}
