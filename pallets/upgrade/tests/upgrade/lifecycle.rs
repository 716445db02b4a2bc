//! A proposal's way, and every step of it out of order, by the wrong sender, twice, or with something wrong.

use super::*;
use pallet_upgrade::{
    Agenda, Chunks, Code, Council, CouncilVotes, GenesisConfig, MotionVotes, NOTES_MAX, PROPOSALS_MAX,
    PROPOSALS_OF_ONE_MAX, Proposals, costs,
};
use quids_api::upgrade::{Activation, CHUNK_SIZE, Council as CouncilOf, Stage};
use quids_crypto::{KeyPair, PublicKey, SignatureScheme};
use quids_io::abi::HOST_LEVEL;
use quids_support::{hooks::Hooks, origin::EnsureOrigin};

pub const A: AccountId20 = AccountId20([11; 20]);
pub const B: AccountId20 = AccountId20([12; 20]);
const C: AccountId20 = AccountId20([13; 20]);
/// The recovery account.
pub const R: AccountId20 = AccountId20([14; 20]);
pub const STRANGER: AccountId20 = AccountId20([15; 20]);

/// What it takes to be scheduled, in blocks.
const LEAD: u32 = 3;
const DELAY: u32 = 50;
const LIFE: u32 = 20;

fn key(scheme: SignatureScheme) -> PublicKey {
    KeyPair::from_seed(scheme, &[7; 32]).unwrap().public().clone()
}

/// Root, a council of two of three, and a recovery account with its key.
pub fn put_council() {
    let config =
        format!(r#"{{ "root": "{ROOT}", "council": ["{C}", "{A}", "{B}"], "threshold": 2, "recovery": "{R}" }}"#);
    let config: GenesisConfig = serde_json::from_str(&config).unwrap();
    BuildGenesis::<Runtime>::build(&config);
    System::bind(&R, &key(SignatureScheme::SphincsShake256f));
}

/// A chain with those who govern it; block 1 has begun.
fn governed(f: impl FnOnce()) {
    test(states("test", 6), || {
        put_council();
        f();
    });
}

/// Two chunks, the second of five bytes.
fn big_code() -> Vec<u8> {
    (0..CHUNK_SIZE + 5).map(|index| index as u8).collect()
}

fn chunk(index: u32) -> Vec<u8> {
    big_code().chunks(CHUNK_SIZE).nth(index as usize).unwrap().to_vec()
}

fn proposing(code: &[u8], activation: Activation) -> Call<Runtime> {
    Call::propose {
        code_hash: code_hash(code),
        code_size: code.len() as u32,
        spec_version: 6,
        activation,
        notes: b"why".to_vec(),
    }
}

fn propose() -> Call<Runtime> {
    proposing(&big_code(), Activation::After(Height(0)))
}

fn approve(id: u32) -> Call<Runtime> {
    Call::approve { id }
}

fn cancel(id: u32) -> Call<Runtime> {
    Call::cancel { id }
}

fn complete(id: u32) -> Call<Runtime> {
    Call::complete { id }
}

fn upload(index: u32) -> Call<Runtime> {
    Call::upload_chunk {
        id: 0,
        index,
        bytes: chunk(index),
    }
}

#[track_caller]
fn done(who: AccountId20, c: Call<Runtime>) {
    let name = format!("{:?}", RuntimeCall::from(c.clone()).call_name());
    assert_eq!(call(Origin::Signed(who), c), Ok(()), "{name}");
}

/// Ends the block and begins the next, as the executive does; whether the code was replaced.
fn next_block() -> bool {
    let height = System::height();
    <Upgrade as MigrationPort>::end_block(height);
    System::finalize(Hash::zero());
    let replaced = System::take_code_updated();
    begin(height.next().unwrap());
    replaced
}

fn begin(height: Height) -> Weight {
    System::initialize(height, Hash::zero(), &Digest::default());
    <Upgrade as Hooks>::on_initialize(height)
}

/// Goes to this height; the first block there that ran with new code.
fn go_to(height: u32) -> Option<u32> {
    let mut replaced = None;
    while System::height() < Height(height) {
        if next_block() {
            replaced = replaced.or(Some(System::height().0));
        }
    }
    replaced
}

fn stage(id: u32) -> Option<Stage> {
    Proposals::<Runtime>::get(&id).map(|proposal| proposal.stage)
}

/// Nothing of any proposal is left in the state.
#[track_caller]
fn assert_nothing_left() {
    assert_eq!(Agenda::<Runtime>::get(), []);
    assert_eq!(Proposals::<Runtime>::iter().count(), 0);
    assert_eq!(Chunks::<Runtime>::iter().count(), 0);
    assert_eq!(Code::<Runtime>::iter().count(), 0);
}

/// How far a proposal of A is before a step is tried.
#[derive(Clone, Copy, PartialEq, Debug)]
enum At {
    Nothing,
    Proposed,
    Begun,
    Approved,
    Uploaded,
    Checked,
    Scheduled,
    Activated,
    Cancelled,
    Expired,
}

fn bring_to(at: At) {
    if at == At::Nothing {
        return;
    }
    done(A, propose());
    match at {
        At::Nothing | At::Proposed => {}
        At::Begun => done(A, upload(0)),
        At::Approved => done(B, approve(0)),
        At::Cancelled => done(R, cancel(0)),
        At::Expired => {
            go_to(1 + LIFE + 1);
        }
        At::Uploaded | At::Checked | At::Scheduled | At::Activated => {
            done(A, upload(0));
            done(A, upload(1));
            if at != At::Uploaded {
                done(C, complete(0));
            }
            if at == At::Scheduled || at == At::Activated {
                done(B, approve(0));
            }
            if at == At::Activated {
                go_to(1 + LEAD);
            }
        }
    }
}

#[test]
fn a_proposal_goes_its_way_and_the_code_takes_over_at_its_height() {
    for order in [["approve", "upload"], ["upload", "approve"]] {
        governed(|| {
            done(A, propose());
            assert_eq!(
                stage(0),
                Some(Stage::Open {
                    expires: Height(1 + LIFE)
                })
            );
            go_to(4);
            events();
            for step in order {
                match step {
                    "approve" => done(B, approve(0)),
                    _ => {
                        done(A, upload(0));
                        done(B, upload(1));
                        done(ROOT, complete(0));
                        assert_eq!(Chunks::<Runtime>::iter().count(), 0, "the chunks are one code now");
                        assert_eq!(Code::<Runtime>::get(&0), Some(big_code()));
                    }
                }
            }
            let at = Height(4 + LEAD);
            assert_eq!(stage(0), Some(Stage::Scheduled { at }));
            assert_eq!(events().last(), Some(&Event::Scheduled { id: 0, at }.into()));
            assert_eq!(Upgrade::status().proposals.len(), 1);
            assert_ne!(quids_io::storage::get(well_known_keys::CODE), Some(big_code()));
            assert_eq!(go_to(20), Some(at.0), "the first block that the new code runs");
            assert_eq!(quids_io::storage::get(well_known_keys::CODE), Some(big_code()));
            assert_nothing_left();
        });
    }
}

#[test]
fn the_activation_is_asked_for_and_never_too_near() {
    let cases = [
        (Activation::After(Height(0)), 1 + LEAD),
        (Activation::After(Height(7)), 8),
        (Activation::At(Height(12)), 12),
        // Ready too late for its height: as soon as nodes had the time.
        (Activation::At(Height(1 + LEAD)), 2 + LEAD),
    ];
    for (activation, expected) in cases {
        governed(|| {
            done(A, proposing(CODE, activation));
            done(
                A,
                Call::upload_chunk {
                    id: 0,
                    index: 0,
                    bytes: CODE.to_vec(),
                },
            );
            if expected == 2 + LEAD {
                go_to(2);
            }
            done(A, complete(0));
            done(B, approve(0));
            assert_eq!(
                stage(0),
                Some(Stage::Scheduled { at: Height(expected) }),
                "{activation:?}"
            );
            assert_eq!(go_to(20), Some(expected), "{activation:?}");
        });
    }
}

#[test]
fn every_step_out_of_order_is_refused() {
    use At::*;
    let wrong_size = Call::upload_chunk {
        id: 0,
        index: 0,
        bytes: vec![1; CHUNK_SIZE - 1],
    };
    let oversized = Call::upload_chunk {
        id: 0,
        index: 1,
        bytes: vec![1; CHUNK_SIZE],
    };
    let gone = [Nothing, Activated, Cancelled, Expired];
    let cases: Vec<(At, AccountId20, Call<Runtime>, Error<Runtime>)> = [
        // (how far it is, who, what, why not)
        (Proposed, B, propose(), Error::AlreadyProposed),
        (Proposed, A, approve(0), Error::AlreadyVoted),
        (Proposed, R, approve(0), Error::NotMember),
        (Proposed, A, upload(1), Error::ChunkOutOfOrder),
        (Proposed, A, complete(0), Error::CodeIncomplete),
        (Proposed, A, wrong_size.clone(), Error::WrongChunkSize),
        (Begun, A, upload(0), Error::ChunkKnown),
        (Begun, A, oversized, Error::WrongChunkSize),
        (Begun, A, complete(0), Error::CodeIncomplete),
        (
            Begun,
            A,
            Call::upload_chunk {
                id: 0,
                index: 2,
                bytes: vec![1],
            },
            Error::NoSuchChunk,
        ),
        (
            Begun,
            A,
            Call::upload_chunk {
                id: 0,
                index: u32::MAX,
                bytes: vec![],
            },
            Error::NoSuchChunk,
        ),
        (Approved, C, approve(0), Error::AlreadyApproved),
        (Approved, A, complete(0), Error::CodeIncomplete),
        (Uploaded, A, upload(1), Error::ChunkKnown),
        (Checked, A, upload(0), Error::AlreadyChecked),
        (Checked, A, complete(0), Error::AlreadyChecked),
        (Scheduled, A, upload(0), Error::AlreadyChecked),
        (Scheduled, A, complete(0), Error::AlreadyChecked),
        (Scheduled, C, approve(0), Error::AlreadyApproved),
        (Scheduled, B, propose(), Error::AlreadyProposed),
        // Wrong senders, at every step.
        (Nothing, STRANGER, propose(), Error::NotGovernor),
        (Nothing, ROOT, propose(), Error::NotGovernor),
        (Proposed, STRANGER, approve(0), Error::NotGovernor),
        (Proposed, STRANGER, cancel(0), Error::NotGovernor),
        (Proposed, STRANGER, upload(0), Error::NotGovernor),
        (Uploaded, STRANGER, complete(0), Error::NotGovernor),
        (Scheduled, STRANGER, cancel(0), Error::NotGovernor),
    ]
    .into_iter()
    .chain(gone.into_iter().flat_map(|at| {
        [
            (at, B, approve(0), Error::NoSuchProposal),
            (at, B, cancel(0), Error::NoSuchProposal),
            (at, A, upload(0), Error::NoSuchProposal),
            (at, A, complete(0), Error::NoSuchProposal),
        ]
    }))
    .collect();
    for (at, who, c, error) in cases {
        governed(|| {
            bring_to(at);
            let what = format!("{at:?}: {:?}", RuntimeCall::from(c.clone()).call_name());
            let before = quids_io::storage::root();
            assert_eq!(call(Origin::Signed(who), c.clone()), Err(error.into()), "{what}");
            assert!(call(Origin::None, c).is_err(), "{what} by nobody");
            assert_eq!(quids_io::storage::root(), before, "{what}");
        });
    }
}

#[test]
fn a_proposal_that_cannot_be_is_refused() {
    let proposal = |change: fn(&mut u32, &mut u32, &mut Activation, &mut Vec<u8>)| {
        let (mut size, mut version, mut activation, mut notes) = (5, 6, Activation::After(Height(0)), vec![]);
        change(&mut size, &mut version, &mut activation, &mut notes);
        Call::propose {
            code_hash: [1; 64],
            code_size: size,
            spec_version: version,
            activation,
            notes,
        }
    };
    let cases: [(Call<Runtime>, Error<Runtime>); 9] = [
        (proposal(|size, _, _, _| *size = 0), Error::CodeEmpty),
        (proposal(|size, _, _, _| *size = (8 << 20) + 1), Error::CodeTooLarge),
        (
            proposal(|_, version, _, _| *version = 5),
            Error::SpecVersionMustIncrease,
        ),
        (
            proposal(|_, version, _, _| *version = 0),
            Error::SpecVersionMustIncrease,
        ),
        (
            proposal(|_, _, at, _| *at = Activation::At(Height(0))),
            Error::ActivationTooEarly,
        ),
        (
            proposal(|_, _, at, _| *at = Activation::At(Height(LEAD))),
            Error::ActivationTooEarly,
        ),
        (
            proposal(|_, _, at, _| *at = Activation::At(Height(2 + LIFE))),
            Error::ActivationTooLate,
        ),
        (
            proposal(|_, _, at, _| *at = Activation::After(Height(u32::MAX))),
            Error::ActivationTooLate,
        ),
        (
            proposal(|_, _, _, notes| *notes = vec![0; NOTES_MAX + 1]),
            Error::NotesTooLong,
        ),
    ];
    for (c, error) in cases {
        governed(|| refused(Origin::Signed(A), c, error));
    }
    governed(|| {
        done(
            A,
            proposal(|size, _, at, notes| {
                (*size, *at, *notes) = (8 << 20, Activation::At(Height(1 + LIFE)), vec![0; NOTES_MAX])
            }),
        )
    });
}

#[test]
fn places_are_few_and_nobody_takes_them_all() {
    governed(|| {
        let members: Vec<AccountId20> = (100..120).map(|byte| AccountId20([byte; 20])).collect();
        let council = Call::set_council {
            members: members.clone(),
            threshold: 2,
            recovery: Some(R),
        };
        call(Origin::Root, council).unwrap();
        let mut number = 0u8;
        let mut next = || {
            number += 1;
            proposing(&[number; 3], Activation::After(Height(0)))
        };
        for member in members.iter().take(PROPOSALS_MAX / PROPOSALS_OF_ONE_MAX) {
            for _ in 0..PROPOSALS_OF_ONE_MAX {
                done(*member, next());
            }
            refused(Origin::Signed(*member), next(), Error::<Runtime>::TooManyProposals);
        }
        refused(Origin::Signed(members[19]), next(), Error::<Runtime>::TooManyProposals);
        // The members cannot keep root and the recovery account out.
        for origin in [Origin::Root, Origin::Signed(R)] {
            for _ in 0..PROPOSALS_OF_ONE_MAX {
                call(origin, next()).unwrap();
            }
            refused(origin, next(), Error::<Runtime>::TooManyProposals);
        }
        // Numbers are used once, though places are used again.
        call(Origin::Root, cancel(0)).unwrap();
        call(Origin::Root, cancel(1)).unwrap();
        go_to(1 + LIFE + 1);
        assert_nothing_left();
        done(members[19], next());
        assert!(stage(PROPOSALS_MAX as u32 + 4).is_some());
    });
}

#[test]
fn code_that_is_not_what_was_proposed_is_refused_and_can_be_put_right() {
    let cases: [(Verdict, Option<usize>, Error<Runtime>); 7] = [
        (states("test", 6), Some(0), Error::CodeHashMismatch),
        (states("test", 6), Some(CHUNK_SIZE + 4), Error::CodeHashMismatch),
        (Err("no metadata".into()), None, Error::FailedTrialRun),
        (states("other", 6), None, Error::InvalidSpecName),
        (states("test", 5), None, Error::SpecVersionMustIncrease),
        (states("test", 7), None, Error::SpecVersionMismatch),
        (weighs("test", 6, Weight::MAX), None, Error::MigrationsTooHeavy),
    ];
    for (verdict, wrong_byte, error) in cases {
        governed(|| {
            host_says(verdict);
            done(A, propose());
            done(B, approve(0));
            let mut code = big_code();
            if let Some(at) = wrong_byte {
                code[at] ^= 1;
            }
            for (index, bytes) in (0..).zip(code.chunks(CHUNK_SIZE)) {
                done(
                    A,
                    Call::upload_chunk {
                        id: 0,
                        index,
                        bytes: bytes.to_vec(),
                    },
                );
            }
            refused(Origin::Signed(A), complete(0), error);
            let failed = apply(Origin::Signed(A), complete(0)).unwrap_err();
            let declared = RuntimeCall::from(complete(0)).dispatch_info();
            assert!(
                declared.weight.any_gt(failed.post_info.charged_weight(&declared)),
                "what was not done is not paid"
            );
            // The right bytes, and a host that is content.
            host_says(states("test", 6));
            if let Some(at) = wrong_byte {
                let again = upload((at / CHUNK_SIZE) as u32);
                refused(Origin::Signed(B), again.clone(), Error::<Runtime>::NotProposer);
                done(if at == 0 { A } else { ROOT }, again);
            }
            done(A, complete(0));
            assert_eq!(go_to(20), Some(1 + LEAD));
        });
    }
}

#[test]
fn code_that_no_longer_passes_at_its_height_changes_nothing() {
    let cases: [(Verdict, Error<Runtime>); 3] = [
        (Err("the state is another one now".into()), Error::FailedTrialRun),
        (weighs("test", 6, Weight::MAX), Error::MigrationsTooHeavy),
        (states("test", 5), Error::SpecVersionMustIncrease),
    ];
    let no_block = (states("test", 6), Some("it panics"), Error::FailedTrialRun);
    let cases = cases.map(|(verdict, error)| (verdict, None, error));
    for (verdict, no_block, error) in cases.into_iter().chain([no_block]) {
        governed(|| {
            bring_to(At::Scheduled);
            go_to(LEAD);
            host_says(verdict);
            NO_BLOCK.set(no_block);
            events();
            <Upgrade as MigrationPort>::end_block(System::height());
            let error = DispatchError::from(error);
            assert_eq!(events(), [Event::ActivationFailed { id: 0, error }.into()]);
            assert!(!System::code_update_pending());
            assert_nothing_left();
        });
    }
}

#[test]
fn one_code_a_block_and_what_else_is_due_waits() {
    governed(|| {
        for (id, code) in (0..).zip([b"one", b"two"]) {
            call(Origin::Root, proposing(code, Activation::At(Height(6)))).unwrap();
            done(
                ROOT,
                Call::upload_chunk {
                    id,
                    index: 0,
                    bytes: code.to_vec(),
                },
            );
            done(ROOT, complete(id));
        }
        assert_eq!(go_to(6), Some(6));
        assert_eq!(
            quids_io::storage::get(well_known_keys::CODE).as_deref(),
            Some(&b"one"[..])
        );
        assert_eq!(Agenda::<Runtime>::get().len(), 1);
        assert!(next_block(), "the second follows");
        assert_eq!(
            quids_io::storage::get(well_known_keys::CODE).as_deref(),
            Some(&b"two"[..])
        );
        assert_nothing_left();
    });
    // Root replaces the code in the very block of an activation.
    governed(|| {
        bring_to(At::Scheduled);
        go_to(LEAD);
        call(
            Origin::Root,
            Call::set_code {
                code: b"roots".to_vec(),
            },
        )
        .unwrap();
        assert!(next_block());
        assert_eq!(
            quids_io::storage::get(well_known_keys::CODE).as_deref(),
            Some(&b"roots"[..])
        );
        assert!(next_block());
        assert_eq!(quids_io::storage::get(well_known_keys::CODE), Some(big_code()));
    });
}

#[test]
fn a_block_declares_the_activation_at_its_beginning() {
    governed(|| {
        bring_to(At::Scheduled);
        for height in 2..=1 + LEAD {
            System::initialize(Height(height), Hash::zero(), &Digest::default());
            let weight = <Upgrade as Hooks>::on_initialize(Height(height));
            let expected = match height == LEAD {
                true => costs::AGENDA.saturating_add(costs::activate(big_code().len())),
                false => costs::AGENDA,
            };
            assert_eq!(weight, expected, "{height}");
            <Upgrade as MigrationPort>::end_block(Height(height));
            System::take_code_updated();
        }
    });
}

#[test]
fn proposals_that_nobody_finishes_expire() {
    for at in [At::Proposed, At::Begun, At::Approved, At::Uploaded, At::Checked] {
        governed(|| {
            bring_to(at);
            go_to(1 + LIFE);
            assert!(stage(0).is_some(), "{at:?}");
            events();
            next_block();
            assert!(stage(0).is_none(), "{at:?}");
            assert_eq!(events(), [Event::Expired { id: 0 }.into()], "{at:?}");
            assert_nothing_left();
        });
    }
}

#[test]
fn proposals_are_cancelled_by_those_who_may() {
    // (how far, who in turn, whether it is gone after the last)
    let cases: [(At, &[Origin], bool); 12] = [
        (At::Proposed, &[Origin::Signed(A)], true),
        (At::Proposed, &[Origin::Signed(B)], false),
        (At::Proposed, &[Origin::Signed(B), Origin::Signed(C)], true),
        (At::Uploaded, &[Origin::Signed(A)], true),
        (At::Approved, &[Origin::Signed(A)], false),
        (At::Approved, &[Origin::Signed(A), Origin::Signed(C)], true),
        (At::Scheduled, &[Origin::Signed(C)], false),
        (At::Scheduled, &[Origin::Signed(C), Origin::Signed(B)], true),
        (At::Scheduled, &[Origin::Signed(R)], true),
        (At::Scheduled, &[Origin::Root], true),
        (At::Begun, &[Origin::Root], true),
        (At::Checked, &[Origin::Signed(R)], true),
    ];
    for (at, who, is_gone) in cases {
        governed(|| {
            bring_to(at);
            for origin in who {
                call(*origin, cancel(0)).unwrap();
            }
            assert_eq!(stage(0).is_none(), is_gone, "{at:?} {who:?}");
            if is_gone {
                assert_nothing_left();
                assert_eq!(go_to(10), None);
            } else {
                let last = *who.last().unwrap();
                match last == Origin::Signed(A) {
                    // Without the proposer's approval it is open, and so the proposer's to withdraw.
                    true => done(A, cancel(0)),
                    false => refused(last, cancel(0), Error::<Runtime>::AlreadyVoted),
                }
            }
        });
    }
    // A mind that is changed counts once, as it is last.
    governed(|| {
        done(A, propose());
        done(B, cancel(0));
        done(B, approve(0));
        let proposal = Proposals::<Runtime>::get(&0).unwrap();
        assert_eq!((proposal.is_approved, proposal.rejections), (true, vec![]));
        done(B, cancel(0));
        let proposal = Proposals::<Runtime>::get(&0).unwrap();
        assert_eq!((proposal.is_approved, proposal.approvals), (false, vec![A]));
    });
}

/// With the council's two approvals it has its height; with one of them taken back it has none, until another comes.
#[test]
fn code_whose_approval_is_taken_back_does_not_activate() {
    governed(|| {
        bring_to(At::Scheduled);
        done(B, cancel(0));
        quids_testing::assert_event!(Runtime, Event::ApprovalLost { id: 0 });
        assert!(matches!(stage(0), Some(Stage::Open { .. })), "{:?}", stage(0));
        assert_eq!(go_to(10), None);
        done(C, approve(0));
        assert!(matches!(stage(0), Some(Stage::Scheduled { .. })), "{:?}", stage(0));
        assert!(go_to(30).is_some());
    });
}

#[test]
fn the_recovery_account_decides_alone_and_late() {
    governed(|| {
        done(R, propose());
        for index in 0..2 {
            done(R, upload(index));
        }
        done(R, complete(0));
        assert_eq!(stage(0), Some(Stage::Scheduled { at: Height(1 + DELAY) }));
        assert_eq!(go_to(2 + DELAY), Some(1 + DELAY));
    });
    // The council has the time to stop it.
    governed(|| {
        done(R, propose());
        done(A, cancel(0));
        done(B, cancel(0));
        assert_nothing_left();
    });
    // Any other key is none for a last resort.
    for bound in [None, Some(SignatureScheme::MlDsa87), Some(SignatureScheme::Falcon512)] {
        governed(|| {
            done(A, propose());
            pallet_system::Keys::<Runtime>::remove(&R);
            if let Some(scheme) = bound {
                pallet_system::Keys::<Runtime>::insert(&R, key(scheme));
            }
            for c in [proposing(CODE, Activation::After(Height(0))), cancel(0), upload(0)] {
                refused(Origin::Signed(R), c, Error::<Runtime>::RecoveryKeyTooWeak);
            }
        });
    }
}

#[test]
fn root_decides_alone() {
    governed(|| {
        call(Origin::Root, propose()).unwrap();
        done(ROOT, upload(0));
        done(ROOT, upload(1));
        done(ROOT, complete(0));
        assert_eq!(go_to(10), Some(1 + LEAD));
    });
    governed(|| {
        done(A, propose());
        call(Origin::Root, approve(0)).unwrap();
        refused(Origin::Root, approve(0), Error::<Runtime>::AlreadyApproved);
        assert!(Proposals::<Runtime>::get(&0).unwrap().is_approved);
    });
}

fn council(members: &[AccountId20], threshold: u32, recovery: Option<AccountId20>) -> Call<Runtime> {
    Call::set_council {
        members: members.to_vec(),
        threshold,
        recovery,
    }
}

#[test]
fn other_pallets_may_be_left_to_its_members() {
    type Member = pallet_upgrade::EnsureMember<Runtime>;
    test(states("test", 6), || assert_eq!(Member::passing(), None));
    governed(|| {
        for who in [A, B, C] {
            assert_eq!(Member::ensure(Origin::Signed(who)), Ok(who));
        }
        for origin in [Origin::Root, Origin::None, Origin::Signed(R), Origin::Signed(STRANGER)] {
            assert_eq!(Member::ensure(origin), Err(DispatchError::BadOrigin), "{origin:?}");
        }
        assert!(Member::passing().is_some_and(|origin| Member::ensure(origin).is_ok()));
    });
}

#[test]
fn the_council_replaces_itself() {
    governed(|| {
        let wanted = || council(&[STRANGER, A], 1, None);
        done(A, wanted());
        refused(Origin::Signed(A), wanted(), Error::<Runtime>::AlreadyVoted);
        refused(
            Origin::Signed(A),
            council(&[STRANGER, A, A], 1, None),
            Error::<Runtime>::InvalidCouncil,
        );
        // The same members in another order are the same council.
        refused(
            Origin::Signed(A),
            council(&[A, STRANGER], 1, None),
            Error::<Runtime>::AlreadyVoted,
        );
        // Votes for another one do not add up.
        done(B, council(&[B], 1, None));
        assert!(Council::<Runtime>::get().has(&C));
        done(C, wanted());
        let new = CouncilOf {
            members: vec![A, STRANGER],
            threshold: 1,
            recovery: None,
        };
        assert_eq!(Council::<Runtime>::get(), new);
        assert_eq!(events().last(), Some(&Event::CouncilChanged { council: new }.into()));
        assert_eq!(CouncilVotes::<Runtime>::iter().count(), 0);
        refused(Origin::Signed(B), council(&[B], 1, None), Error::<Runtime>::NotGovernor);
        done(STRANGER, propose());
        assert!(Proposals::<Runtime>::get(&0).unwrap().is_approved, "one is enough now");
    });
    // A vote does not last for ever.
    governed(|| {
        done(A, council(&[A], 1, None));
        go_to(2 + LIFE);
        done(B, council(&[A], 1, None));
        assert_eq!(Council::<Runtime>::get().members.len(), 3);
        done(A, council(&[A], 1, None));
        assert_eq!(Council::<Runtime>::get().members, [A]);
    });
    governed(|| {
        for (wrong, error) in [
            (council(&[], 0, None), Error::InvalidCouncil),
            (council(&[A], 0, None), Error::InvalidCouncil),
            (council(&[A, B], 3, None), Error::InvalidCouncil),
            (council(&[A, B], 1, Some(A)), Error::InvalidCouncil),
            (
                council(&(0..33).map(|b| AccountId20([b; 20])).collect::<Vec<_>>(), 1, None),
                Error::InvalidCouncil,
            ),
            (council(&[B, A, C], 2, Some(R)), Error::<Runtime>::CouncilUnchanged),
        ] {
            refused(Origin::Root, wrong.clone(), error);
        }
        for who in [STRANGER, R, ROOT] {
            refused(
                Origin::Signed(who),
                council(&[A], 1, None),
                Error::<Runtime>::NotGovernor,
            );
        }
        refused(Origin::None, council(&[A], 1, None), DispatchError::BadOrigin);
    });
}

#[test]
fn who_left_the_council_no_longer_counts() {
    governed(|| {
        done(A, propose());
        done(C, cancel(0));
        call(Origin::Root, council(&[B, STRANGER, AccountId20([16; 20])], 2, None)).unwrap();
        done(B, approve(0));
        assert!(
            !Proposals::<Runtime>::get(&0).unwrap().is_approved,
            "A's approval is none any more"
        );
        done(AccountId20([16; 20]), cancel(0));
        assert!(stage(0).is_some(), "nor is C's rejection");
        done(STRANGER, approve(0));
        assert!(Proposals::<Runtime>::get(&0).unwrap().is_approved);
    });
}

#[test]
fn the_level_of_host_functions_rises_one_by_one() {
    // A new chain allows all that its code knows.
    let raise = |above| Call::raise_host_level {
        level: HOST_LEVEL + above,
    };
    governed(|| {
        assert_eq!(Upgrade::host_level(), HOST_LEVEL);
        for (who, level, error) in [
            (STRANGER, 1, Error::<Runtime>::NotGovernor),
            (A, 0, Error::NotNextLevel),
            (A, 2, Error::NotNextLevel),
        ] {
            refused(Origin::Signed(who), raise(level), error);
        }
        for level in [0, HOST_LEVEL - 1, u32::MAX] {
            let lower = Call::raise_host_level { level };
            refused(Origin::Signed(A), lower, Error::<Runtime>::NotNextLevel);
        }
        done(A, raise(1));
        assert_eq!(Upgrade::host_level(), HOST_LEVEL);
        // A vote does not live for ever.
        go_to(2 + LIFE);
        done(B, raise(1));
        assert_eq!(Upgrade::host_level(), HOST_LEVEL);
        done(A, raise(1));
        assert_eq!(Upgrade::host_level(), HOST_LEVEL + 1);
        assert_eq!(MotionVotes::<Runtime>::iter().count(), 0);
        refused(Origin::Root, raise(1), Error::<Runtime>::NotNextLevel);
        call(Origin::Root, raise(2)).unwrap();
        assert_eq!(Upgrade::host_level(), HOST_LEVEL + 2);
        // A code that is checked is checked again at its height, where nobody can leave that out.
        done(A, propose());
        [0, 1].into_iter().for_each(|index| done(A, upload(index)));
        done(A, complete(0));
        refused(Origin::Root, raise(3), Error::<Runtime>::CodeWaits);
        call(Origin::Root, cancel(0)).unwrap();
        // Who leaves the council has wanted nothing.
        done(A, raise(3));
        let council = Call::set_council {
            members: vec![B, C],
            threshold: 1,
            recovery: None,
        };
        call(Origin::Root, council).unwrap();
        assert_eq!(MotionVotes::<Runtime>::iter().count(), 0);
    });
}

#[test]
fn what_a_replaced_council_approved_has_to_be_approved_again() {
    governed(|| {
        done(A, propose());
        done(B, approve(0));
        assert!(Proposals::<Runtime>::get(&0).unwrap().is_approved);
        // Both stay members.
        call(Origin::Root, council(&[A, B, STRANGER], 2, None)).unwrap();
        assert!(Proposals::<Runtime>::get(&0).unwrap().is_approved);
        call(Origin::Root, council(&[B, STRANGER, AccountId20([16; 20])], 2, None)).unwrap();
        let proposal = Proposals::<Runtime>::get(&0).unwrap();
        assert!(
            !proposal.is_approved && matches!(proposal.stage, Stage::Open { .. }),
            "{proposal:?}"
        );
        done(STRANGER, approve(0));
        assert!(Proposals::<Runtime>::get(&0).unwrap().is_approved);
    });
}

#[test]
fn what_root_approved_stays_so_whatever_becomes_of_members() {
    governed(|| {
        done(A, propose());
        done(ROOT, as_root(approve(0)));
        done(A, cancel(0));
        call(Origin::Root, council(&[B, STRANGER], 2, None)).unwrap();
        let proposal = Proposals::<Runtime>::get(&0).unwrap();
        assert!(proposal.is_approved && proposal.approvals.is_empty(), "{proposal:?}");
    });
}

#[test]
fn a_wrong_genesis_makes_no_chain() {
    for wrong in [
        format!(r#"{{ "council": ["{A}"], "threshold": 0 }}"#),
        format!(r#"{{ "council": ["{A}"], "threshold": 2 }}"#),
        format!(r#"{{ "council": ["{A}", "{A}"], "threshold": 1 }}"#),
        format!(r#"{{ "council": ["{A}"], "threshold": 1, "recovery": "{A}" }}"#),
        format!(r#"{{ "recovery": "{A}" }}"#),
        r#"{ "threshold": 1 }"#.into(),
    ] {
        let config: GenesisConfig = serde_json::from_str(&wrong).unwrap();
        let built = std::panic::catch_unwind(|| test(states("test", 6), || BuildGenesis::<Runtime>::build(&config)));
        assert!(built.is_err(), "{wrong}");
    }
}
