//! The last block's state, which most ask for, and overlays over it that calls left.

use super::State;
use parking_lot::Mutex;
use quids_core::Hash;
use quids_executor::Runtime;
use quids_state::StateView;
use std::sync::Arc;

/// Overlays that wait for the next call; more are at work at once only while threads that read requests wait for each other.
const WARM_MAX: usize = 8;
/// Bytes of keys and values that an overlay may know and be kept.
const WARM_BYTES_MAX: usize = 256 << 10;

/// The last block's state.
pub struct Latest {
    pub hash: Hash,
    pub state: StateView,
    warm: Mutex<Vec<Warm>>,
}

/// The state with nothing changed and some of it read: most calls of a block read the same things.
pub struct Warm {
    pub runtime: Arc<Runtime>,
    pub state: Box<State>,
}

impl Latest {
    pub fn new(hash: Hash, state: StateView) -> Arc<Self> {
        Arc::new(Self {
            hash,
            state,
            warm: Mutex::default(),
        })
    }

    pub fn take_warm(&self) -> Option<Warm> {
        self.warm.lock().pop()
    }

    /// Keeps what a call left, unless it read much.
    pub fn keep(&self, warm: Warm) {
        let mut kept = self.warm.lock();
        if kept.len() < WARM_MAX && warm.state.known_bytes() <= WARM_BYTES_MAX {
            kept.push(warm);
        }
    }
}
