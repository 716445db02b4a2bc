//! What always holds of upgrades is asked after every test; here it does not hold, and that is seen.

use super::*;
use pallet_upgrade::{Agenda, Chunks, Code, Council, CouncilVotes, NOTES_MAX, Proposals, Suspended};
use quids_api::upgrade::{Activation, Proposal, Stage, Suspension};

const MEMBER: AccountId20 = AccountId20([3; 20]);

fn change(edit: impl FnOnce(&mut Proposal)) {
    Proposals::<Runtime>::mutate(&0, |proposal| edit(proposal.as_mut().unwrap()));
}

/// With a council of one member, who has proposed a code of one byte, and a chunk of it: `edit` breaks an invariant, which the
/// message names.
#[track_caller]
fn check(edit: impl FnOnce(), message: &str) {
    let council = |genesis: &mut RuntimeGenesisConfig| {
        genesis.upgrade.council = vec![MEMBER, BOB];
        genesis.upgrade.threshold = 2;
    };
    TestExternalities::<Runtime>::genesis(council).execute_unchecked(|| {
        let by = Origin::Signed(MEMBER);
        let propose = Call::propose {
            code_hash: code_hash(b"c"),
            code_size: 1,
            spec_version: 6,
            activation: Activation::After(Height(0)),
            notes: Vec::new(),
        };
        Runtime::call(by, propose).unwrap();
        let bytes = b"c".to_vec();
        Runtime::call(by, Call::upload_chunk { id: 0, index: 0, bytes }).unwrap();
        assert_eq!(Runtime::try_state(), Ok(()));
        edit();
        let found = Runtime::try_state().expect_err(message);
        assert!(found.contains(message), "{found:?} instead of {message:?}");
    });
}

#[test]
fn a_broken_state_is_found() {
    check(
        || Council::<Runtime>::mutate(|council| council.threshold = 3),
        "threshold",
    );
    check(
        || Council::<Runtime>::mutate(|council| council.members.reverse()),
        "in order",
    );
    let vote = || (Council::<Runtime>::get(), Height(0));
    check(|| CouncilVotes::<Runtime>::insert(&ROOT, vote()), "is no member");
    check(
        || CouncilVotes::<Runtime>::insert(&BOB, (Default::default(), Height(0))),
        "what is no council",
    );
    check(Agenda::<Runtime>::kill, "not of the agenda");
    check(|| Proposals::<Runtime>::remove(&0), "is not there");
    check(|| pallet_upgrade::NextProposal::<Runtime>::put(0), "the next is 0");
    check(
        || Agenda::<Runtime>::mutate(|agenda| agenda[0].due = Height(7)),
        "the agenda says",
    );
    check(
        || Agenda::<Runtime>::mutate(|agenda| agenda.push(agenda[0])),
        "each once",
    );
    check(|| pallet_system::Number::<Runtime>::put(Height(22)), "in block 22");
    check(|| change(|proposal| proposal.rejections.push(MEMBER)), "two votes");
    check(|| change(|proposal| proposal.notes = vec![0; NOTES_MAX + 1]), "notes");
    check(|| change(|proposal| proposal.chunks = 2), "2 chunks of 1");
    check(|| change(|proposal| proposal.chunks = 0), "belongs to none");
    check(|| Chunks::<Runtime>::remove(&0, &0), "None bytes");
    check(|| Chunks::<Runtime>::insert(&0, &0, vec![1, 2]), "Some(2) bytes");
    check(|| Code::<Runtime>::insert(&0, vec![1]), "not checked");
    check(
        || {
            Chunks::<Runtime>::remove(&0, &0);
            Code::<Runtime>::insert(&0, vec![1]);
            change(|proposal| proposal.is_checked = true);
        },
        "another one",
    );
    // Ready, and not scheduled; the other way round.
    let ready = |proposal: &mut Proposal| (proposal.is_approved, proposal.is_checked) = (true, true);
    check(|| change(ready), "approved: true, checked: true");
    check(
        || {
            change(|proposal| proposal.stage = Stage::Scheduled { at: Height(20) });
        },
        "approved: false, checked: false",
    );
    check(
        || {
            for id in 1..3 {
                let item = pallet_upgrade::AgendaItem {
                    id,
                    ..Agenda::<Runtime>::get()[0]
                };
                Agenda::<Runtime>::mutate(|agenda| agenda.push(item));
                let proposal = Proposal {
                    chunks: 0,
                    ..Proposals::<Runtime>::get(&0).unwrap()
                };
                Proposals::<Runtime>::insert(&id, proposal);
            }
            pallet_upgrade::NextProposal::<Runtime>::put(3);
        },
        "more than 2",
    );
    let id = String::from("first");
    check(
        || Suspended::<Runtime>::put(Suspension::Migration { id }),
        "wait for migration",
    );
}
