//! The framework as a runtime of two small pallets sees it: macros, storage, dispatch, events, metadata.

mod composition;
mod dispatch;
mod extrinsic;
mod ledger;
mod metadata;
mod migrations;
mod origin;
mod quiet;
mod storage;

use quids_core::Height;
use quids_support::prelude::*;
use std::cell::RefCell;

thread_local! {
    static TRACE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes that a hook ran.
pub fn trace(line: String) {
    TRACE.with_borrow_mut(|trace| trace.push(line));
}

quids_support::construct_runtime! {
    /// The runtime of these tests.
    pub struct Runtime {
        Quiet: crate::quiet::pallet = 9,
        Ledger: ledger::pallet = 4,
        AlmostNothing: quiet::almost_nothing = 200,
    }
}

quids_support::constant!(pub NoteLengthMax: u32 = 8);

impl ledger::pallet::Config for Runtime {
    type NoteLengthMax = NoteLengthMax;
    type Now = Now;
}
impl quiet::pallet::Config for Runtime {}
impl quiet::almost_nothing::Config for Runtime {}

pub struct Now;
impl quids_support::traits::BlockHeight for Now {
    fn height() -> Height {
        Height(3)
    }
}
