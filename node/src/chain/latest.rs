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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestChain;
    use quids_api::names;
    use std::time::{Duration, Instant};

    /// A call that is answered at once, however busy the machine is.
    fn call(chain: &TestChain) {
        let start = Instant::now();
        let (_, best) = chain.chain.best();
        // Loads the runtime.
        chain.chain.call(best, names::QEVM_CHAIN, &[]).unwrap();
        while chain
            .chain
            .call_briefly(best, names::QEVM_CHAIN, &[])
            .unwrap()
            .is_none()
        {
            assert!(start.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_call_leaves_its_overlay_to_the_next_of_the_block() {
        let chain = TestChain::new().unwrap();
        let latest = || chain.chain.latest.read().clone();
        let kept = || latest().warm.lock().len();
        assert_eq!(kept(), 0);
        call(&chain);
        assert_eq!(kept(), 1);
        let known = || latest().warm.lock()[0].state.known_bytes();
        let read = known();
        assert!(read > 0);
        call(&chain);
        assert_eq!((kept(), known()), (1, read), "another read the same");
        chain.block(Vec::new()).unwrap();
        assert_eq!(kept(), 0, "of the block before");
    }

    #[test]
    fn few_are_kept_and_small_ones() {
        let chain = TestChain::new().unwrap();
        call(&chain);
        let latest = chain.chain.latest.read().clone();
        let (_, best) = chain.chain.best();
        let warm = |read: &[&[u8]]| {
            let mut state = Box::new(chain.chain.overlay_at(best).unwrap());
            for key in read {
                quids_io::Externalities::get(&mut *state, key).unwrap();
            }
            let runtime = chain.chain.runtime_at(best).unwrap();
            Warm { runtime, state }
        };
        for _ in 0..2 * WARM_MAX {
            latest.keep(warm(&[]));
        }
        assert_eq!(latest.warm.lock().len(), WARM_MAX);
        latest.warm.lock().clear();
        // The runtime's code is larger.
        latest.keep(warm(&[quids_core::well_known_keys::CODE]));
        assert_eq!(latest.warm.lock().len(), 0);
    }
}
