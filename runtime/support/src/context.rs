//! The context of the running API call: which extrinsic is executed. Set by the executive at the start of each call
//! and never read before, so nothing passes from one call to the next through it.

use core::cell::Cell;

/// Where in a block's execution something happens. Substrate's `Phase`.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, codec::Encode, codec::Decode, codec::DecodeWithMemTracking, scale_info::TypeInfo,
)]
#[scale_info(replace_segment("quids_support", "frame_system"))]
pub enum Phase {
    ApplyExtrinsic(u32),
    Finalization,
    Initialization,
}

#[cfg(not(target_arch = "wasm32"))]
std::thread_local! {
    static PHASE: Cell<Phase> = const { Cell::new(Phase::Initialization) };
}

#[cfg(target_arch = "wasm32")]
struct OneThread(Cell<Phase>);
// SAFETY: a runtime instance has one thread.
#[cfg(target_arch = "wasm32")]
unsafe impl Sync for OneThread {}
#[cfg(target_arch = "wasm32")]
static PHASE: OneThread = OneThread(Cell::new(Phase::Initialization));

/// The phase of the running call.
pub fn phase() -> Phase {
    #[cfg(target_arch = "wasm32")]
    return PHASE.0.get();
    #[cfg(not(target_arch = "wasm32"))]
    PHASE.get()
}

/// Sets the phase; for the executive and for tests.
pub fn set_phase(phase: Phase) {
    #[cfg(target_arch = "wasm32")]
    PHASE.0.set(phase);
    #[cfg(not(target_arch = "wasm32"))]
    PHASE.set(phase);
}
