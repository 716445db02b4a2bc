//! What a batch declares: what it adds by itself, as measured, and what its calls declare.

use quids_api::DispatchClass;
use quids_core::Weight;
use quids_support::dispatch::{DispatchInfo, GetDispatchInfo};

/// A call within a batch, beside what it declares for itself: its bytes are decoded, several times, and its event is kept. No
/// benchmark of a call has that; by hand, and more than it takes.
pub const ITEM: Weight = Weight::new(2_000_000, 0);

/// A batch by itself, of which `measured` was measured.
pub fn of_batch(measured: Weight, calls: u32) -> Weight {
    measured.saturating_add(ITEM.saturating_mul(calls.into()))
}

/// What a batch of these declares, which by itself weighs `own` by the number of its calls. Operational only if all of them are, or
/// normal calls would get the room of operational ones. Always paid for, whatever the calls say.
pub fn declared(own: impl Fn(u32) -> Weight, calls: &[impl GetDispatchInfo]) -> (Weight, DispatchClass) {
    let count = u32::try_from(calls.len()).unwrap_or(u32::MAX);
    let mut weight = of_batch(own(count), count);
    let mut class = DispatchClass::Operational;
    for DispatchInfo {
        weight: of_call,
        class: class_of_call,
        ..
    } in calls.iter().map(GetDispatchInfo::dispatch_info)
    {
        weight = weight.saturating_add(of_call);
        if class_of_call != DispatchClass::Operational {
            class = DispatchClass::Normal;
        }
    }
    match calls.is_empty() {
        true => (weight, DispatchClass::Normal),
        false => (weight, class),
    }
}
