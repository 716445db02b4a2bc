//! What a test asks of its runtime: calls, events, blocks, invariants.

use codec::Decode;
use pallet_system::Pallet as System;
use quids_api::{DispatchClass, InherentData, TIMESTAMP_INHERENT};
use quids_core::{Digest, DispatchError, Hash, Header, Height};
use quids_support::{
    context::{Phase, set_phase},
    dispatch::{DispatchResult, DispatchResultWithPostInfo, dispatch_transactional},
    hooks::Hooks,
    migrations::item_prefix,
    origin::Origin,
    system::SystemPort,
};
use serde::de::DeserializeOwned;

/// Milliseconds from a block to the next, where a test says nothing else.
pub const BLOCK_TIME_MS: u64 = 1_000;

/// A runtime in tests. `mock_runtime!` and `test_runtime!` implement it; every function acts on the state of the
/// [`TestExternalities`](crate::TestExternalities) around.
pub trait TestRuntime: pallet_system::Config {
    /// All pallets' hooks.
    type Pallets: Hooks;
    /// The genesis configuration of all pallets.
    type Genesis: Default + DeserializeOwned;

    fn build_genesis(genesis: &Self::Genesis);

    /// The calls that a block's author brings in: what the pallets' `create_inherent` make of the data.
    fn inherents(data: &InherentData) -> Vec<Self::RuntimeCall>;

    /// Makes a call as the executive does: a failure leaves nothing in storage.
    fn call(origin: Origin, call: impl Into<Self::RuntimeCall>) -> DispatchResult {
        Self::dispatch(origin, call).map(drop).map_err(|failed| failed.error)
    }

    /// The same, with what the call says it has used: `post.actual_weight`, `post.pays_fee`, also of one that failed.
    fn dispatch(origin: Origin, call: impl Into<Self::RuntimeCall>) -> DispatchResultWithPostInfo {
        dispatch_transactional(call.into(), origin)
    }

    /// The events since the block began or they were taken.
    fn events() -> Vec<Self::RuntimeEvent> {
        let records = pallet_system::Events::<Self>::get();
        records.into_iter().map(|record| record.event).collect()
    }

    /// The same, and forgets them.
    fn take_events() -> Vec<Self::RuntimeEvent> {
        let events = Self::events();
        pallet_system::Events::<Self>::kill();
        events
    }

    /// The height of the block in execution; 0 before the first.
    fn height() -> Height {
        System::<Self>::height()
    }

    /// Starts the next block, as the executive does.
    ///
    /// # Panics
    /// If a pallet's `on_initialize` panics: it would be no block.
    fn start_block(digest: Digest) {
        let height = Self::height().next().expect("a test ends before the last height");
        set_phase(Phase::Initialization);
        // Parents have no header here that somebody could know: any hash that differs by height will do.
        let parent = quids_io::hashing::blake3_256(&height.0.to_le_bytes());
        System::<Self>::initialize(height, Hash::from(parent), &digest);
        let used = Self::Pallets::on_initialize(height);
        System::<Self>::register_weight(used, DispatchClass::Mandatory);
        set_phase(Phase::ApplyExtrinsic(0));
    }

    /// Ends the block: `on_idle` with what is left of it, `on_finalize`, the header.
    ///
    /// # Panics
    /// If the block is invalid.
    fn end_block() -> Header {
        set_phase(Phase::Finalization);
        let height = Self::height();
        let (_, used) = System::<Self>::consumed_weight();
        let remaining = System::<Self>::limits().max_weight.saturating_sub(used);
        let idle = Self::Pallets::on_idle(height, remaining);
        System::<Self>::register_weight(idle, DispatchClass::Mandatory);
        Self::Pallets::on_finalize(height);
        System::<Self>::finalize(Hash::zero())
    }

    /// Ends this block and runs empty ones until `height` has begun. Each has its inherents; the clock goes on by
    /// [`BLOCK_TIME_MS`] a block.
    ///
    /// # Panics
    /// If a block is invalid.
    fn run_to_block(height: u32) {
        Self::run_to_block_with(
            height,
            |_| Digest::default(),
            |_| Self::apply_inherents(Self::now_ms().saturating_add(BLOCK_TIME_MS)),
        );
    }

    /// Ends this block and begins the next one, at this time: milliseconds since the Unix epoch, or the earliest that the timestamp
    /// pallet lets a block have.
    ///
    /// # Panics
    /// If a block is invalid.
    fn next_block_at(now_ms: u64) {
        let height = Self::height().0.saturating_add(1);
        Self::run_to_block_with(height, |_| Digest::default(), |_| Self::apply_inherents(now_ms));
    }

    /// The time of the last block that has one, in milliseconds since the Unix epoch; 0 without such a block or a timestamp pallet.
    fn now_ms() -> u64 {
        let stored = quids_io::storage::get(&item_prefix("Timestamp", "Now")).unwrap_or_default();
        u64::decode(&mut stored.as_slice()).unwrap_or_default()
    }

    /// Makes the calls that an author whose clock shows `now_ms` brings into the block that has begun.
    ///
    /// # Panics
    /// If one of them fails: it would be no block.
    fn apply_inherents(now_ms: u64) {
        let mut data = InherentData::default();
        data.put(TIMESTAMP_INHERENT, &now_ms);
        for call in Self::inherents(&data) {
            if let Err(failed) = Self::dispatch(Origin::None, call.clone()) {
                panic!("invalid block: inherent {call:?} fails: {:?}", failed.error);
            }
        }
    }

    /// As `run_to_block`; each block that begins gets a digest and, after its hooks, what `inside` does: the inherents, which are left
    /// to it.
    ///
    /// # Panics
    /// If a block is invalid.
    fn run_to_block_with(height: u32, mut digest: impl FnMut(Height) -> Digest, mut inside: impl FnMut(Height)) {
        while Self::height().0 < height {
            if Self::height() > Height::ZERO {
                Self::end_block();
            }
            let next = Height(Self::height().0.saturating_add(1));
            Self::start_block(digest(next));
            inside(next);
        }
    }

    /// The invariants of every pallet, on the state as it is.
    fn try_state() -> Result<(), String> {
        Self::Pallets::try_state()
    }

    /// The error as a client sees it, of whatever a function returns.
    fn error(error: impl Into<DispatchError>) -> DispatchError {
        error.into()
    }
}
