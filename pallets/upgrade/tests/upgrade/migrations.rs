//! Migrations of new code: done, in steps, failing in every way; safe mode and the way out.

use super::lifecycle::{A, B, R, STRANGER, put_council};
use super::*;
use pallet_upgrade::{Completed, MotionVotes, Running, Suspended};
use quids_api::upgrade::Suspension;
use quids_support::{
    hooks::Hooks,
    migrations::{Progress, SteppedMigration, WeightMeter},
    traits::Get,
};

/// What a step, or the single-block migration, does beside counting itself.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Does {
    GoesOn,
    Ends,
    Panics,
    HasAReason,
    WeighsTooMuch,
    HasALongCursor,
}

thread_local! {
    /// The steps of the first migration; the last one for ever.
    static SCRIPT: RefCell<Vec<Does>> = const { RefCell::new(Vec::new()) };
    static SINGLE: RefCell<Does> = const { RefCell::new(Does::Ends) };
}

const MARK: &[u8] = b"steps";

fn marks() -> u128 {
    quids_io::storage::get_with(MARK, |bytes| {
        bytes.map_or(0, |bytes| u128::from_le_bytes(bytes.try_into().unwrap()))
    })
}

fn act(does: Does, done: u8, meter: &mut WeightMeter) -> Result<Progress, &'static str> {
    quids_io::storage::add(MARK, 1);
    meter.force_use(Weight::new(7, 7));
    match does {
        Does::GoesOn => Ok(Progress::Continue(vec![done + 1])),
        Does::Ends => Ok(Progress::Done),
        Does::Panics => panic!("on purpose"),
        Does::HasAReason => Err("on purpose"),
        Does::WeighsTooMuch => {
            meter.force_use(Limits::get().normal());
            Ok(Progress::Done)
        }
        Does::HasALongCursor => Ok(Progress::Continue(vec![0; 1025])),
    }
}

pub struct First;
impl SteppedMigration for First {
    const ID: &'static str = "first";
    const PAUSES_TRANSACTIONS: bool = true;
    const STEPS_MAX: u32 = 5;
    fn step(cursor: Option<&[u8]>, meter: &mut WeightMeter) -> Result<Progress, &'static str> {
        let done = cursor.map_or(0, |cursor| cursor[0]);
        let does = SCRIPT.with_borrow(|script| *script.get(usize::from(done)).or(script.last()).unwrap());
        act(does, done, meter)
    }
}

/// Takes two steps, and does not stop transactions.
pub struct Second;
impl SteppedMigration for Second {
    const ID: &'static str = "second";
    const PAUSES_TRANSACTIONS: bool = false;
    const STEPS_MAX: u32 = 2;
    fn step(cursor: Option<&[u8]>, meter: &mut WeightMeter) -> Result<Progress, &'static str> {
        act(if cursor.is_some() { Does::Ends } else { Does::GoesOn }, 0, meter)
    }
}

fn single() -> Weight {
    quids_io::storage::add(MARK, 100);
    match SINGLE.with_borrow(|does| *does) {
        Does::Panics => panic!("on purpose"),
        Does::WeighsTooMuch => Limits::get().max_weight,
        _ => Weight::new(3, 3),
    }
}

fn on_new_code(single_does: Does, script: &[Does], f: impl FnOnce()) {
    test(states("test", 6), || {
        put_council();
        new_code(single_does, script);
        f();
    });
}

fn new_code(single_does: Does, script: &[Does]) {
    SINGLE.set(single_does);
    SCRIPT.set(script.to_vec());
    <Upgrade as MigrationPort>::first_block(single);
}

/// The next block begins; its migrations' weight.
fn next_block() -> Weight {
    <Upgrade as MigrationPort>::end_block(System::height());
    System::initialize(System::height().next().unwrap(), Hash::zero(), &Digest::default());
    let weight = <Upgrade as MigrationPort>::advance();
    <Upgrade as Hooks>::on_initialize(System::height());
    weight
}

fn safe_mode() -> Option<(String, String)> {
    match Suspended::<Runtime>::get() {
        Some(Suspension::SafeMode { id, reason, .. }) => Some((id, reason)),
        _ => None,
    }
}

#[test]
fn stepped_migrations_run_one_after_the_other_a_step_a_block() {
    on_new_code(Does::Ends, &[Does::GoesOn, Does::GoesOn, Does::Ends], || {
        assert_eq!(marks(), 100, "the first block has the single-block migrations");
        let paused = Suspension::Migration { id: "first".into() };
        for done in 1..=3 {
            assert_eq!(Suspended::<Runtime>::get(), Some(paused.clone()), "{done}");
            assert!(next_block().any_gt(Weight::new(7, 7)));
            assert_eq!(marks(), 100 + done);
        }
        assert_eq!(Suspended::<Runtime>::get(), None, "the second does not pause");
        assert_eq!(Running::<Runtime>::get().unwrap().id, "second");
        next_block();
        next_block();
        assert_eq!((marks(), Running::<Runtime>::get()), (105, None));
        assert_eq!(next_block(), pallet_upgrade::costs::NO_MIGRATION);
        assert_eq!(Completed::<Runtime>::iter().count(), 2);
        // Done for ever: later code has them and does not run them.
        new_code(Does::Ends, &[Does::Panics]);
        assert_eq!((marks(), Running::<Runtime>::get(), safe_mode()), (205, None, None));
    });
}

/// The single-block migration, the steps, blocks until it fails, what is kept, whose fault it is, the reason in words.
type Case<'a> = (Does, &'a [Does], u32, u128, &'a str, &'a str);

#[test]
fn what_fails_is_undone_and_the_chain_is_in_safe_mode() {
    use Does::*;
    let cases: [Case<'_>; 9] = [
        (Panics, &[Ends], 0, 0, "on_runtime_upgrade", "on purpose"),
        (
            WeighsTooMuch,
            &[Ends],
            0,
            0,
            "on_runtime_upgrade",
            "it weighs 1000000000000 ps",
        ),
        (Ends, &[Panics], 1, 100, "first", "on purpose"),
        (Ends, &[GoesOn, GoesOn, Panics], 3, 102, "first", "on purpose"),
        (Ends, &[GoesOn, HasAReason], 2, 101, "first", "on purpose"),
        (Ends, &[GoesOn, WeighsTooMuch], 2, 101, "first", "are allowed"),
        (
            Ends,
            &[GoesOn, HasALongCursor],
            2,
            101,
            "first",
            "its cursor has 1025 bytes",
        ),
        (Ends, &[GoesOn], 6, 105, "first", "it did not end within 5 steps"),
        (Ends, &[Ends], 99, 103, "", ""),
    ];
    for (single_does, script, blocks, kept, id, words) in cases {
        on_new_code(single_does, script, || {
            let mut taken = 0;
            let mut heaviest = Weight::ZERO;
            while safe_mode().is_none() && taken < blocks {
                taken += 1;
                heaviest = next_block();
            }
            assert!(!heaviest.any_gt(Limits::get().normal()), "{script:?}: {heaviest:?}");
            assert_eq!((taken, marks()), (blocks, kept), "{single_does:?} {script:?}");
            if id.is_empty() {
                assert_eq!(safe_mode(), None);
                return;
            }
            let (found, reason) = safe_mode().unwrap();
            assert_eq!(found, id);
            assert!(reason.contains(words) && reason.len() <= 256, "{reason}");
            let entered = Event::SafeModeEntered { id: id.into(), reason };
            assert!(events().contains(&entered.into()));
            for _ in 0..3 {
                next_block();
            }
            assert_eq!(marks(), kept, "nothing goes on in safe mode");
            // Other code is the way out: it has the migration put right, and goes on where the failed one was.
            let was_at = Running::<Runtime>::get().and_then(|running| running.cursor);
            new_code(Ends, &[GoesOn, GoesOn, GoesOn, GoesOn, Ends]);
            assert_eq!(safe_mode(), None);
            assert!(events().contains(&Event::SafeModeLeft.into()));
            let now_at = Running::<Runtime>::get().unwrap();
            assert_eq!((now_at.id.as_str(), now_at.cursor, now_at.steps), ("first", was_at, 0));
            for _ in 0..9 {
                next_block();
            }
            assert_eq!((Running::<Runtime>::get(), Suspended::<Runtime>::get()), (None, None));
        });
    }
}

#[track_caller]
fn made(origin: Origin, c: Call<Runtime>) {
    assert_eq!(call(origin, c), Ok(()));
}

fn stop(id: &str) -> Call<Runtime> {
    Call::stop_migration { id: id.into() }
}

#[test]
fn a_migration_is_stopped_by_those_who_govern() {
    let on_running = |by: &[Origin]| {
        on_new_code(Does::Ends, &[Does::GoesOn, Does::GoesOn, Does::Ends], || {
            refused(Origin::Signed(STRANGER), stop("first"), Error::<Runtime>::NotGovernor);
            refused(Origin::Root, stop("second"), Error::<Runtime>::NoMigration);
            next_block();
            for origin in by {
                assert_eq!(safe_mode(), None);
                made(*origin, stop("first"));
                if *origin != *by.last().unwrap() {
                    refused(*origin, stop("first"), Error::<Runtime>::AlreadyVoted);
                }
            }
            assert_eq!(
                safe_mode(),
                Some(("first".into(), "those who govern stopped it".into()))
            );
            // What was done stays, nothing goes on, and it is no longer to be stopped.
            let kept = marks();
            next_block();
            assert_eq!(marks(), kept);
            assert_eq!(MotionVotes::<Runtime>::iter().count(), 0);
            refused(Origin::Root, stop("first"), Error::<Runtime>::NoMigration);
            new_code(Does::Ends, &[Does::Ends]);
            assert_eq!(safe_mode(), None);
        });
    };
    on_running(&[Origin::Root]);
    on_running(&[Origin::Signed(R)]);
    on_running(&[Origin::Signed(A), Origin::Signed(B)]);
    // A vote is about one migration, not the next.
    on_new_code(Does::Ends, &[Does::Ends, Does::GoesOn, Does::Ends], || {
        made(Origin::Signed(A), stop("first"));
        next_block();
        assert_eq!(Running::<Runtime>::get().unwrap().id, "second");
        refused(Origin::Signed(B), stop("first"), Error::<Runtime>::NoMigration);
        made(Origin::Signed(B), stop("second"));
        assert_eq!(safe_mode(), None);
        made(Origin::Signed(A), stop("second"));
        assert_eq!(safe_mode().unwrap().0, "second");
    });
}

#[test]
fn the_way_out_of_safe_mode_can_fail_too() {
    on_new_code(Does::Panics, &[Does::Ends], || {
        new_code(Does::WeighsTooMuch, &[Does::Ends]);
        assert_eq!(safe_mode().unwrap().0, "on_runtime_upgrade");
        assert!(!events().contains(&Event::SafeModeLeft.into()));
        new_code(Does::Ends, &[Does::Ends]);
        assert_eq!(safe_mode(), None);
    });
}

#[test]
fn other_code_waits_for_a_migration_and_not_for_safe_mode() {
    on_new_code(
        Does::Ends,
        &[Does::GoesOn, Does::GoesOn, Does::GoesOn, Does::Panics],
        || {
            let set_code = || Call::set_code { code: CODE.to_vec() };
            refused(Origin::Root, set_code(), Error::<Runtime>::MigrationUnderWay);
            // Scheduled for the middle of it: it waits, and takes over in safe mode.
            let propose = Call::propose {
                code_hash: code_hash(CODE),
                code_size: CODE.len() as u32,
                spec_version: 6,
                activation: quids_api::upgrade::Activation::After(Height(0)),
                notes: vec![],
            };
            call(Origin::Root, propose).unwrap();
            let upload = Call::upload_chunk {
                id: 0,
                index: 0,
                bytes: CODE.to_vec(),
            };
            call(Origin::Signed(ROOT), upload).unwrap();
            call(Origin::Signed(ROOT), Call::complete { id: 0 }).unwrap();
            for _ in 0..4 {
                next_block();
                assert!(!System::code_update_pending());
            }
            assert_eq!((safe_mode().is_some(), System::height()), (true, Height(5)));
            next_block();
            assert!(
                !System::code_update_pending(),
                "the block of the failure had no room for more"
            );
            next_block();
            assert!(System::take_code_updated());
            new_code(Does::Ends, &[Does::Ends]);
            assert_eq!(safe_mode(), None);
        },
    );
}

#[test]
fn those_who_govern_have_a_say_in_safe_mode() {
    test(states("test", 6), || {
        assert!(Upgrade::has_say(&ROOT) && !Upgrade::has_say(&BOB));
        let council = Call::set_council {
            members: vec![BOB],
            threshold: 1,
            recovery: Some(AccountId20([9; 20])),
        };
        call(Origin::Root, council).unwrap();
        assert!(Upgrade::has_say(&BOB) && Upgrade::has_say(&AccountId20([9; 20])));
        assert!(!Upgrade::has_say(&AccountId20([8; 20])));
    });
}
