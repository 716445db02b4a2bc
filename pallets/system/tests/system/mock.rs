//! A runtime of the system pallet alone.

use quids_api::RuntimeVersion;
use quids_core::{AccountId20, Hash, Height, Weight};
use quids_support::{constant, construct_runtime, limits::BlockLimits, system::SystemPort};
use quids_testing::{RecentHashes, TestExternalities, account, test_runtime};

construct_runtime! {
    /// A test runtime.
    pub struct Runtime {
        System: pallet_system = 0,
    }
}

pub const GENESIS: Hash = Hash::repeat_byte(9);
pub const ALICE: AccountId20 = account(1);

constant!(pub Limits: BlockLimits = BlockLimits {
    max_weight: Weight::new(1_000_000, 100_000),
    normal_percent: 75,
    base_extrinsic: Weight::new(1_000, 10),
    base_block: Weight::new(2_000, 0),
    max_length: 1 << 20,
    max_extrinsic_length: 1 << 18,
});
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

test_runtime!(Runtime);

impl pallet_system::Config for Runtime {
    type BlockLimits = Limits;
    type BlockHashCount = RecentHashes;
    type Version = Version;
    type Observers = ();
}

/// Runs in the first block.
pub fn test<R>(f: impl FnOnce() -> R) -> R {
    TestExternalities::<Runtime>::default().execute_with(|| {
        System::initialize(Height(1), GENESIS, &Default::default());
        f()
    })
}
