//! Whether the running API call wants its EVM execution recorded, and the record. Calls of signed extrinsics are dispatched
//! by the framework, which knows nothing of traces. Set and taken within one API call, so nothing passes to another.

use core::cell::RefCell;
use quids_api::evm::{EvmOutcome, TraceOptions};

enum Recording {
    Off,
    Wanted(TraceOptions),
    Done(EvmOutcome),
}

#[cfg(not(target_arch = "wasm32"))]
std::thread_local! {
    static RECORDING: RefCell<Recording> = const { RefCell::new(Recording::Off) };
}

#[cfg(target_arch = "wasm32")]
struct OneThread(RefCell<Recording>);
// SAFETY: a runtime instance has one thread.
#[cfg(target_arch = "wasm32")]
unsafe impl Sync for OneThread {}
#[cfg(target_arch = "wasm32")]
static RECORDING: OneThread = OneThread(RefCell::new(Recording::Off));

fn swap(next: impl FnOnce(Recording) -> Recording) {
    let swap = |cell: &RefCell<Recording>| {
        let now = cell.replace(Recording::Off);
        cell.replace(next(now));
    };
    #[cfg(target_arch = "wasm32")]
    swap(&RECORDING.0);
    #[cfg(not(target_arch = "wasm32"))]
    RECORDING.with(swap);
}

/// Runs `f` with its execution recorded: what it returns, and the record, if there was an execution.
pub fn recorded<R>(options: TraceOptions, f: impl FnOnce() -> R) -> (R, Option<EvmOutcome>) {
    swap(|_| Recording::Wanted(options));
    let result = f();
    let mut outcome = None;
    swap(|now| {
        if let Recording::Done(done) = now {
            outcome = Some(done);
        }
        Recording::Off
    });
    (result, outcome)
}

/// What the running call wants recorded.
pub fn wanted() -> Option<TraceOptions> {
    let mut found = None;
    swap(|now| {
        if let Recording::Wanted(options) = now {
            found = Some(options);
        }
        now
    });
    found
}

/// Hands in the record.
pub fn put(outcome: &EvmOutcome) {
    swap(|_| Recording::Done(outcome.clone()));
}
