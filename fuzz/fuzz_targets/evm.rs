//! Random bytecode and transactions through the runtime and through plain revm: they agree on everything.
//! The worlds are those of `bench/tests/differential`, and so is what is compared.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../bench/tests/differential/dice.rs"]
mod dice;
#[path = "../../bench/tests/differential/outcome.rs"]
mod outcome;
#[path = "../../bench/tests/differential/ours.rs"]
mod ours;
#[path = "../../bench/tests/differential/program.rs"]
mod program;
#[path = "../../bench/tests/differential/reference.rs"]
mod reference;
#[path = "../../bench/tests/differential/world.rs"]
mod world;

fuzz_target!(|bytes: &[u8]| {
    let world = world::World::from_bytes(bytes);
    assert_eq!(ours::run(&world, &mut ours::native), reference::run(&world), "{world:#?}");
    let frames = reference::frames(&world);
    assert_eq!(ours::frames(&world, &frames, &mut ours::native), frames, "{world:#?}");
});
