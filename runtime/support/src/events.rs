//! Events: appended to `System.Events`, never read by the runtime, so extrinsics do not depend on each other
//! through them.

use crate::{
    composition::Composition,
    context::{self, Phase},
    storage::hasher::storage_prefix,
};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use quids_core::Hash;
use scale_info::TypeInfo;

/// One entry of `System.Events`. Substrate's `EventRecord`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
#[scale_info(replace_segment("quids_support", "frame_system"))]
pub struct EventRecord<E> {
    pub phase: Phase,
    pub event: E,
    pub topics: Vec<Hash>,
}

/// `twox128("System") ‖ twox128("Events")`: the value that clients know by this key.
pub const EVENTS_KEY: [u8; 32] = storage_prefix("System", "Events");

/// Appends an event.
pub fn deposit<T: Composition, E: Into<T::RuntimeEvent>>(event: E) {
    let record = EventRecord::<T::RuntimeEvent> {
        phase: context::phase(),
        event: event.into(),
        topics: Vec::new(),
    };
    quids_io::storage::append(&EVENTS_KEY, &record.encode());
}
