//! Networks of engines in virtual time: two blocks of one height are never both final, whatever happens, and once messages
//! arrive all go on.
//!
//! `QUIDS_SIMULATION_SEEDS` is the number of random runs (in the long form, thousands), `QUIDS_SIMULATION_SEED` the first seed.

mod host;
mod world;

use fastrand::Rng;
use quids_consensus::{Engine, Halt, Input, Message, Setup, Timer, TimerKind};
use quids_core::{Hash, Height};
use quids_crypto::{Signature, SignatureScheme};
use quids_pobpc::{Evidence, Round, SeatIndex, Signed, Threshold, Vote, VoteKind, faulty_max};
use std::{cell::RefCell, rc::Rc};
use world::{GENESIS, Kind, Plan, Violation, World};

const SEEDS: u64 = 300;
/// Runs that showed faults. 1656: two witnesses were bound to a block, and full nodes, which alone proposed, did not know it.
const FOUND: [u64; 1] = [1656];
/// Milliseconds of virtual time that a network has once it is calm.
const CALM_MS: u64 = 120_000;

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name}: {text:?}"))
    })
}

/// A network with trouble, by seed.
fn troubled(seed: u64) -> Plan {
    let mut rng = Rng::with_seed(seed);
    let nodes = rng.usize(4..=20);
    let mut kinds = vec![Kind::Honest; nodes];
    // Faulty ones are so few that no committee has more than it may have.
    let faulty = faulty_max(nodes.min(7));
    for _ in 0..rng.usize(0..=faulty) {
        let node = rng.usize(0..nodes);
        let all = [
            Kind::Silent,
            Kind::DoubleVoter,
            Kind::DoubleProposer,
            Kind::Liar,
            Kind::Forger,
        ];
        kinds[node] = all[rng.usize(0..all.len())];
    }
    Plan {
        seed,
        kinds,
        heights: rng.u32(2..=4),
        calm_from: rng.u64(0..8_000),
        lost: rng.f64() * 0.4,
        doubled: rng.f64() * 0.3,
        delay_ms: 5..rng.u64(10..2_000),
        apart: if rng.bool() { rng.usize(0..nodes) } else { 0 },
        crashes: rng.f64(),
        ..Plan::calm(Vec::new(), 0)
    }
}

fn run(plan: Plan) -> World {
    let until = plan.calm_from + CALM_MS;
    let mut world = World::new(plan);
    world.run(until);
    world
}

#[test]
fn no_schedule_makes_two_blocks_final_or_stops_the_network() {
    let (first, count) = (
        from_env("QUIDS_SIMULATION_SEED", 0),
        from_env("QUIDS_SIMULATION_SEEDS", SEEDS),
    );
    let (mut crashes, mut evidence) = (0, 0);
    for seed in FOUND.into_iter().chain(first..first + count) {
        let plan = troubled(seed);
        let world = run(plan.clone());
        assert_eq!(world.violations, [], "QUIDS_SIMULATION_SEED={seed} {plan:?}");
        crashes += world.crashes;
        evidence += world.evidence.len();
    }
    // There was something to survive.
    assert!(u64::from(crashes) > count / 4, "{crashes} crashes");
    assert!(evidence > 0 || count < 50);
}

/// The control: the same with journals that are lost. If this passed, the test above would show nothing.
#[test]
fn without_journals_nodes_contradict_themselves() {
    let contradicted = (0..100).filter(|seed| {
        let world = run(Plan {
            forgets: true,
            crashes: 1.0,
            ..troubled(*seed)
        });
        let twice = |violation: &Violation| matches!(violation, Violation::SaidTwice { .. });
        world.violations.iter().any(twice)
    });
    let count = contradicted.count();
    assert!(count > 5, "in {count} of 100 runs only");
}

/// One node of four crashes before each step that it takes.
#[test]
fn a_crash_at_any_step_is_survived() {
    let mut steps = 0;
    for step in 0.. {
        let world = run(Plan {
            crash_at: Some((2, step)),
            ..Plan::calm(vec![Kind::Honest; 4], 3)
        });
        assert_eq!(world.violations, [], "step {step}");
        if world.crashes == 0 {
            break;
        }
        steps = step + 1;
    }
    assert!(steps > 60, "{steps} steps");
}

#[test]
fn as_many_as_may_be_faulty_may_be_down_and_no_more() {
    for (nodes, down, goes_on) in [
        (4, vec![1], true),
        (4, vec![0, 1], false),
        // The first two proposers of the first height among them.
        (7, vec![1, 2], true),
        (7, vec![1, 2, 3], false),
    ] {
        let plan = Plan {
            down,
            ..Plan::calm(vec![Kind::Honest; nodes], 3)
        };
        let world = run(plan.clone());
        match goes_on {
            true => assert_eq!(world.violations, [], "{plan:?}"),
            false => {
                let stuck = |violation: &Violation| matches!(violation, Violation::Stuck { decided: 0, .. });
                assert!(world.violations.iter().all(stuck), "{:?}", world.violations);
                assert!(!world.violations.is_empty());
            }
        }
    }
}

#[test]
fn who_signs_twice_is_found_out() {
    for (kind, is_it) in [
        (
            Kind::DoubleVoter,
            (|one| matches!(one, Evidence::Votes(_))) as fn(&Evidence) -> bool,
        ),
        (Kind::DoubleProposer, |one| matches!(one, Evidence::Proposals(_))),
    ] {
        let found = (0..20).any(|seed| {
            let mut kinds = vec![Kind::Honest; 4];
            kinds[1] = kind;
            let world = run(Plan {
                seed,
                ..Plan::calm(kinds, 4)
            });
            assert_eq!(world.violations, [], "{kind:?} {seed}");
            world.evidence.iter().any(is_it)
        });
        assert!(found, "{kind:?}");
    }
}

/// An engine that nobody else talks to, at its first height; its machine.
fn alone() -> (Engine<host::Disk>, Rc<RefCell<host::Machine>>) {
    let machine = Rc::new(RefCell::new(host::Machine::default()));
    let disk = host::Disk {
        machine: machine.clone(),
        key: host::key(0),
    };
    let setup = Setup {
        genesis: GENESIS,
        key: Some(host::key(0)),
        timeouts: world::timeouts(),
    };
    (Engine::new(setup, disk), machine)
}

fn committee() -> quids_pobpc::Committee {
    world::committee(4, Height(1)).0
}

/// What would be said without the journal is not said: the engine stops, and stays so.
#[test]
fn a_host_that_fails_stops_the_engine() {
    let (mut engine, machine) = alone();
    assert_eq!(
        engine.handle(Input::Propose {
            round: Round(0),
            block: Hash::zero()
        }),
        Err(Halt::NotStarted)
    );
    engine.start(Height(1), committee(), Threshold::DEFAULT).unwrap();
    let timer = Timer {
        height: Height(1),
        round: Round(0),
        kind: TimerKind::Propose,
    };
    machine.borrow_mut().is_broken = true;
    let halt = engine.handle(Input::Timer(timer)).unwrap_err();
    assert!(matches!(halt, Halt::Host(_)), "{halt}");
    machine.borrow_mut().is_broken = false;
    assert_eq!(engine.handle(Input::Timer(timer)), Err(Halt::Stopped));
    assert_eq!(
        engine.start(Height(2), committee(), Threshold::DEFAULT),
        Err(Halt::Stopped)
    );
}

/// Nothing that a stranger sends costs more than a look, or makes the engine say or keep something.
#[test]
fn what_strangers_send_changes_nothing() {
    let (mut engine, machine) = alone();
    engine.start(Height(1), committee(), Threshold::DEFAULT).unwrap();
    let syncs = machine.borrow().syncs;
    let mut rng = Rng::with_seed(3);
    for _ in 0..5_000 {
        let vote = Signed {
            message: Vote {
                kind: if rng.bool() {
                    VoteKind::Prevote
                } else {
                    VoteKind::Precommit
                },
                height: Height(rng.u32(0..4)),
                round: Round(if rng.bool() { rng.u32(0..3) } else { rng.u32(..) }),
                block: rng.bool().then(|| Hash::repeat_byte(rng.u8(..))),
            },
            seat: SeatIndex(rng.u16(0..6)),
            signature: Signature::new(SignatureScheme::Falcon512, &[rng.u8(..); 666]).unwrap(),
        };
        assert_eq!(engine.handle(Input::Message(Message::Vote(vote))), Ok(Vec::new()));
    }
    assert_eq!((machine.borrow().syncs, machine.borrow().unsynced()), (syncs, 0));
}
