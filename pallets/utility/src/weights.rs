//! Weights of batches: those of the calls in them, and what a batch adds.

use quids_api::DispatchClass;
use quids_core::Weight;
use quids_support::{
    dispatch::{DispatchInfo, GetDispatchInfo},
    limits::cost,
};

/// Of a batch without calls: its event.
pub const BATCH: Weight = cost::of(2_000_000, 0, 0);
/// What each call costs beside its own weight: a storage transaction, its event.
pub const ITEM: Weight = cost::of(1_500_000, 0, 0);

/// What a batch of these declares. Operational only if all of them are, or normal calls would get the room of operational
/// ones. Always paid for, whatever the calls say.
pub fn batch(calls: &[impl GetDispatchInfo]) -> (Weight, DispatchClass) {
    let mut weight = BATCH;
    let mut class = DispatchClass::Operational;
    for DispatchInfo {
        weight: of_call,
        class: class_of_call,
        ..
    } in calls.iter().map(GetDispatchInfo::dispatch_info)
    {
        weight = weight.saturating_add(of_call).saturating_add(ITEM);
        if class_of_call != DispatchClass::Operational {
            class = DispatchClass::Normal;
        }
    }
    match calls.is_empty() {
        true => (weight, DispatchClass::Normal),
        false => (weight, class),
    }
}
