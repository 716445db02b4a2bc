//! The state that a test runs on.

use crate::TestRuntime;
use quids_io::MemoryExternalities;
use std::{collections::BTreeMap, marker::PhantomData};

/// State in memory, from a genesis of the runtime `T`. Whatever runs on it must leave a state in which every pallet's
/// invariants hold ([`Hooks::try_state`](quids_support::hooks::Hooks::try_state)).
///
/// ```ignore
/// TestExternalities::<Runtime>::genesis(|genesis| genesis.template.limit = 100).execute_with(|| {
///     Runtime::run_to_block(1);
///     assert_ok!(Runtime::call(ALICE, Call::give { amount: 5 }));
/// });
/// ```
pub struct TestExternalities<T> {
    memory: MemoryExternalities,
    runtime: PhantomData<T>,
}

impl<T: TestRuntime> Default for TestExternalities<T> {
    /// After a genesis of defaults.
    fn default() -> Self {
        Self::genesis(|_| ())
    }
}

impl<T: TestRuntime> TestExternalities<T> {
    /// After a genesis of defaults but for what `edit` sets.
    pub fn genesis(edit: impl FnOnce(&mut T::Genesis)) -> Self {
        let mut genesis = T::Genesis::default();
        edit(&mut genesis);
        Self::of(&genesis)
    }

    /// After the genesis that a chain's genesis file would state so.
    ///
    /// # Panics
    /// If it does not describe a genesis of the runtime.
    #[track_caller]
    pub fn from_json(json: serde_json::Value) -> Self {
        match serde_json::from_value(json) {
            Ok(genesis) => Self::of(&genesis),
            Err(error) => panic!("the genesis is not one of this runtime: {error}"),
        }
    }

    fn of(genesis: &T::Genesis) -> Self {
        let mut memory = MemoryExternalities::default();
        memory.execute_with(|| T::build_genesis(genesis));
        Self {
            memory,
            runtime: PhantomData,
        }
    }

    /// Runs `f` on the state.
    ///
    /// # Panics
    /// If an invariant of a pallet does not hold afterwards.
    #[track_caller]
    pub fn execute_with<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let (result, invariants) = self.memory.execute_with(|| (f(), T::try_state()));
        if let Err(broken) = invariants {
            panic!("an invariant does not hold at the end: {broken}");
        }
        result
    }

    /// Runs `f` on the state, which may leave any: for tests that break it on purpose.
    pub fn execute_unchecked<R>(&mut self, f: impl FnOnce() -> R) -> R {
        self.memory.execute_with(f)
    }

    /// All keys and values.
    pub fn state(&self) -> &BTreeMap<Vec<u8>, Vec<u8>> {
        self.memory.state()
    }
}
