//! Random bytecode and transactions through the runtime and through plain revm: status, gas, output, logs and state
//! afterwards are the same, and so is how each call and creation within a transaction ends, as its trace says. What a
//! row of bytes means is in `world.rs`; the fuzz target `evm` reads it likewise.
//!
//! `QUIDS_FUZZ_CASES` is the number of cases (in the long run, millions), `QUIDS_FUZZ_SEED` the first seed.

mod dice;
mod ours;
mod outcome;
mod program;
mod reference;
mod world;

use quids_api::names;
use quids_executor::{Executor, ExecutorConfig};
use quids_io::MemoryExternalities;
use std::collections::BTreeMap;
use world::World;

/// Bytes to make a world of.
const BYTES: usize = 1200;

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name}: {text:?}"))
    })
}

/// How often what ended how.
type Ends = BTreeMap<String, usize>;

/// Runs worlds through both. Counts how transactions ended, and how calls and creations within them did.
fn check(cases: u64, call: ours::Call<'_>) -> (Ends, Ends) {
    let first = from_env("QUIDS_FUZZ_SEED", 1);
    let (mut ends, mut inner) = (Ends::new(), Ends::new());
    for seed in first..first + from_env("QUIDS_FUZZ_CASES", cases) {
        let world = World::from_bytes(&dice::bytes_of(seed, BYTES));
        let expected = reference::run(&world);
        let found = ours::run(&world, call);
        assert_eq!(found, expected, "QUIDS_FUZZ_SEED={seed} QUIDS_FUZZ_CASES=1: {world:#?}");
        let frames = reference::frames(&world);
        let found = ours::frames(&world, &frames, call);
        assert_eq!(found, frames, "QUIDS_FUZZ_SEED={seed} QUIDS_FUZZ_CASES=1: {world:#?}");
        for outcome in expected.outcomes {
            *ends.entry(outcome.ended.to_string()).or_default() += 1;
        }
        for ended in frames.iter().flat_map(|frames| frames.iter().skip(1)) {
            *inner.entry(ended.to_string()).or_default() += 1;
        }
    }
    println!("transactions {ends:?}, within them {inner:?}");
    (ends, inner)
}

#[test]
fn the_runtime_natively_agrees_with_revm() {
    let (ends, inner) = check(2000, &mut ours::native);
    // The worlds are worth running: transactions succeed, and fail in many ways. A long run may begin at any seed; a
    // short one by hand may be of one world.
    if std::env::var_os("QUIDS_FUZZ_CASES").is_some() {
        return;
    }
    for end in [
        "Success",
        "Revert",
        "Refused",
        "OutOfGas",
        "StackUnderflow",
        "InvalidOpcode",
        "StackOverflow",
    ] {
        assert!(ends.contains_key(end), "no {end}: {ends:?}");
    }
    // No transaction is a static call itself.
    for end in ["Success", "Revert", "OutOfGas", "StaticStateChange"] {
        assert!(inner.contains_key(end), "no {end} within: {inner:?}");
    }
}

#[test]
fn the_runtime_as_wasm_agrees_with_revm() {
    if quids_runtime_wasm::WASM.is_empty() {
        println!("skipped: the_runtime_as_wasm_agrees_with_revm: built without a runtime");
        return;
    }
    let executor = Executor::new(ExecutorConfig::default()).unwrap();
    let runtime = executor.load(quids_runtime_wasm::WASM).unwrap();
    let mut session = runtime.session().unwrap();
    let mut calls = 0;
    check(1000, &mut |state, input| {
        let output = session
            .call(state, names::QEVM_SIMULATE, input)
            .expect("the runtime answers");
        calls += 1;
        if calls % 20 == 0 {
            let (mut fresh, mut state) = (runtime.session().unwrap(), MemoryExternalities::default());
            let expected = fresh.call(&mut state, names::QEVM_SIMULATE, input).unwrap();
            assert!(
                output == expected,
                "the instance's call {calls} is not as in a fresh one"
            );
        }
        output
    });
}
