//! A runtime of the system pallet alone.

use quids_api::RuntimeVersion;
use quids_core::{AccountId20, DispatchError, Hash, Height, Weight};
use quids_io::MemoryExternalities;
use quids_support::{
    constant, construct_runtime, dispatch::dispatch_transactional, limits::BlockLimits, origin::Origin,
    system::SystemPort,
};

construct_runtime! {
    /// A test runtime.
    pub struct Runtime {
        System: pallet_system = 0,
    }
}

pub const GENESIS: Hash = Hash::repeat_byte(9);
pub const ALICE: AccountId20 = AccountId20([1; 20]);

constant!(pub Limits: BlockLimits = BlockLimits {
    max_weight: Weight::new(1_000_000, 100_000),
    normal_percent: 75,
    base_extrinsic: Weight::new(1_000, 10),
    base_block: Weight::new(2_000, 0),
    max_length: 1 << 20,
    max_extrinsic_length: 1 << 18,
});
constant!(pub HashCount: Height = Height(8));
constant!(pub Version: RuntimeVersion = RuntimeVersion {
    spec_name: "test".into(),
    impl_name: "test".into(),
    authoring_version: 1,
    spec_version: 7,
    impl_version: 1,
    apis: Vec::new(),
    transaction_version: 3,
    state_version: 1,
});

impl pallet_system::Config for Runtime {
    type BlockLimits = Limits;
    type BlockHashCount = HashCount;
    type Version = Version;
}

/// Runs in the first block.
pub fn test<R>(f: impl FnOnce() -> R) -> R {
    MemoryExternalities::default().execute_with(|| {
        System::initialize(Height(1), GENESIS, &Default::default());
        f()
    })
}

/// Makes a call as the executive does.
pub fn call(origin: Origin, call: impl Into<RuntimeCall>) -> Result<(), DispatchError> {
    dispatch_transactional(call.into(), origin)
        .map(drop)
        .map_err(|failed| failed.error)
}

/// The call fails with this error and changes nothing.
#[track_caller]
pub fn refused(origin: Origin, c: impl Into<RuntimeCall>, error: impl Into<DispatchError>) {
    let before = quids_io::storage::root();
    assert_eq!(call(origin, c), Err(error.into()));
    assert_eq!(quids_io::storage::root(), before, "a failed call changed the state");
}

/// The events so far.
pub fn events() -> Vec<RuntimeEvent> {
    pallet_system::Events::<Runtime>::get()
        .into_iter()
        .map(|record| record.event)
        .collect()
}
