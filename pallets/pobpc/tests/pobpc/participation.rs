//! The parent's justification: who voted becomes more reliable.

use crate::mock::*;
use pallet_pobpc::{Call, Error, Reliability, Validators};
use quids_api::{InherentData, pobpc::JUSTIFICATION_INHERENT};
use quids_core::{DispatchError, Hash, Height};
use quids_pobpc::{Ballot, Justification, Round, SeatIndex};
use quids_support::origin::Origin;
use quids_testing::{TestRuntime, assert_noop};

/// Precommits for the parent of the block in execution, by these validators, whose seats are one less.
fn justification(height: u32, by: &[u8]) -> Justification {
    let mut this = Justification {
        height: Height(height),
        round: Round(0),
        block: Hash::repeat_byte(9),
        signatures: Vec::new(),
    };
    let message = this.vote().signed_bytes(&GENESIS);
    this.signatures = by
        .iter()
        .map(|by| (SeatIndex(u16::from(*by) - 1), key(*by).sign(&message)))
        .collect();
    this
}

fn note(justification: Justification) -> Call<Runtime> {
    Call::note_votes { justification }
}

fn reliability(number: u8) -> Reliability {
    Validators::<Runtime>::get(&account(number)).unwrap().reliability
}

#[test]
fn who_voted_gains_and_who_did_not_loses() {
    with_validators("ffffw", || {
        blocks(4);
        let before = [1, 2, 3, 4, 5].map(reliability);
        start(account(1));
        Runtime::call(Origin::None, note(justification(4, &[1, 2, 4, 5]))).unwrap();
        let expected = [0, 1, 2, 3, 4].map(|at| match at {
            2 => before[at].worse(),
            _ => before[at].better(),
        });
        assert_eq!([1, 2, 3, 4, 5].map(reliability), expected);
        let again = note(justification(4, &[1, 2, 4, 5]));
        assert_noop!(Runtime::call(Origin::None, again), Error::<Runtime>::VotesAlreadyNoted);
        end();
        start(account(1));
        Runtime::call(Origin::None, note(justification(5, &[1, 2, 3, 4, 5]))).unwrap();
    });
}

#[test]
fn only_the_parents_justification_counts() {
    with_validators("ffffw", || {
        blocks(4);
        start(account(1));
        let mut other = justification(4, &[1, 2, 3, 4]);
        other.block = Hash::repeat_byte(8);
        let mut forged = justification(4, &[1, 2, 3, 4]);
        forged.signatures[3].0 = SeatIndex(4);
        for wrong in [
            justification(4, &[1, 2, 3]),
            justification(3, &[1, 2, 3, 4]),
            justification(5, &[1, 2, 3, 4]),
            other,
            forged,
        ] {
            assert_noop!(
                Runtime::call(Origin::None, note(wrong.clone())),
                Error::<Runtime>::NoJustification
            );
            assert_eq!(Runtime::create_inherents(&brought(&wrong)), []);
        }
        let right = justification(4, &[1, 2, 3, 4]);
        assert_eq!(
            Runtime::create_inherents(&brought(&right)),
            [note(right.clone()).into()]
        );
        assert!(Runtime::is_inherent(&note(right.clone()).into()));
        for origin in [Origin::Root, Origin::Signed(account(1))] {
            assert_noop!(Runtime::call(origin, note(right.clone())), DispatchError::BadOrigin);
        }
        assert_eq!(Runtime::create_inherents(&InherentData::default()), []);
    });
    // No committee: nothing to prove.
    with_genesis(serde_json::json!({}), || {
        start_with(None, Vec::new());
        assert_noop!(
            Runtime::call(Origin::None, note(justification(0, &[1]))),
            Error::<Runtime>::NoJustification
        );
    });
}

fn brought(justification: &Justification) -> InherentData {
    let mut data = InherentData::default();
    data.put(JUSTIFICATION_INHERENT, justification);
    data
}
