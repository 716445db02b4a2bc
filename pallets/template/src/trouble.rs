//! Migrations that fail, each in the way that the limit in the state says: for the tests of safe mode. No part of the pallet
//! to copy from.

use crate::{Config, CurrentLimit, Given, RoundTotal};
use core::marker::PhantomData;
use quids_support::{
    migrations::{Progress, SteppedMigration, WeightMeter},
    prelude::*,
};

/// With a limit of this and h more, the single-block migration panics from block h on; a trial run before it goes well.
const PANICS_FROM: u32 = 1_000_000;

/// Panics if the limit says so.
#[expect(clippy::panic, reason = "that is what is tested")]
pub fn in_one_block<T: Config>() {
    let from = CurrentLimit::<T>::get().0.checked_sub(PANICS_FROM);
    if from.is_some_and(|from| pallet_system::Number::<T>::get().0 >= from) {
        panic!("the single-block migration fails at this height");
    }
}

/// Five steps, each of which adds one to the round's total; the third fails if the limit is 2, 3, 4 or 6, and spoils the
/// state if it is 7.
pub struct Trouble<T>(PhantomData<T>);

impl<T: Config> SteppedMigration for Trouble<T> {
    const ID: &'static str = "template/trouble";
    const PAUSES_TRANSACTIONS: bool = true;
    const STEPS_MAX: u32 = 10;

    #[expect(clippy::panic, reason = "that is what is tested")]
    fn step(cursor: Option<&[u8]>, meter: &mut WeightMeter) -> Result<Progress, &'static str> {
        let done = cursor.and_then(|cursor| cursor.first()).copied().unwrap_or_default();
        RoundTotal::<T>::add(1);
        meter.force_use(cost::of(1_000_000, 2, 1));
        match (done, CurrentLimit::<T>::get().0) {
            (2, 2) => panic!("the third step panics"),
            (2, 3) => meter.force_use(Weight::new(1_000_000_000_000, 0)),
            (2, 4) => loop {
                core::hint::spin_loop();
            },
            (2, 6) => return Err("the third step has a reason"),
            (2, 7) => spoil::<T>(),
            (4.., _) => return Ok(Progress::Done),
            _ => {}
        }
        Ok(Progress::Continue(vec![done.saturating_add(1)]))
    }
}

/// Leaves an entry that the pallet cannot read, and one that it says cannot be.
fn spoil<T: Config>() {
    quids_io::storage::set(&Given::<T>::key_for(&AccountId20([0xfe; 20])), &[1]);
    Given::<T>::insert(&AccountId20([0xff; 20]), 0);
}
