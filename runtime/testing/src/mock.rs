//! Constants of a test runtime, and the macro that makes one.

use quids_api::RuntimeVersion;
use quids_core::{AccountId20, Height, Weight};
use quids_support::{constant, limits::BlockLimits};

constant!(
    /// A block with room for any test; extrinsics and blocks weigh nothing of their own.
    pub Limits: BlockLimits = BlockLimits {
        max_weight: Weight::new(1_000_000_000_000, 100_000_000),
        normal_percent: 75,
        base_extrinsic: Weight::ZERO,
        base_block: Weight::ZERO,
        max_length: 1 << 24,
        max_extrinsic_length: 1 << 23,
    }
);
constant!(
    /// Few enough that tests see old hashes go.
    pub RecentHashes: Height = Height(8)
);
constant!(
    /// Version 1 of the runtime `test`.
    pub Version: RuntimeVersion = RuntimeVersion {
        spec_name: "test".into(),
        impl_name: "test".into(),
        authoring_version: 1,
        spec_version: 1,
        impl_version: 1,
        apis: Vec::new(),
        transaction_version: 1,
        state_version: 1,
    }
);

/// The account of a number: twenty times the same byte.
pub const fn account(number: u8) -> AccountId20 {
    AccountId20([number; 20])
}

/// A runtime of the system pallet, index 0, and the pallets named here, each with its index. What `construct_runtime!`
/// makes is made; the system pallet is configured by [`Limits`], [`RecentHashes`] and [`Version`]; the runtime is a
/// [`TestRuntime`](crate::TestRuntime). The other pallets' `Config` is yours to implement.
#[macro_export]
macro_rules! mock_runtime {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $runtime:ident { $($name:ident: $path:path = $index:literal),+ $(,)? }
    ) => {
        $crate::__private::quids_support::construct_runtime! {
            $(#[$meta])*
            $visibility struct $runtime {
                System: $crate::__private::pallet_system = 0,
                $($name: $path = $index,)+
            }
        }

        impl $crate::__private::pallet_system::Config for $runtime {
            type BlockLimits = $crate::Limits;
            type BlockHashCount = $crate::RecentHashes;
            type Version = $crate::Version;
            type Observers = ();
        }

        $crate::test_runtime!($runtime);
    };
}

/// Makes a [`TestRuntime`](crate::TestRuntime) of a runtime that `construct_runtime!` made in this module. For tests that
/// configure the system pallet themselves; the others use `mock_runtime!`.
#[macro_export]
macro_rules! test_runtime {
    ($runtime:ident) => {
        impl $crate::TestRuntime for $runtime {
            type Pallets = AllPallets;
            type Genesis = RuntimeGenesisConfig;

            fn build_genesis(genesis: &RuntimeGenesisConfig) {
                genesis.build();
            }

            fn inherents(data: &$crate::__private::quids_api::InherentData) -> Vec<RuntimeCall> {
                Self::create_inherents(data)
            }
        }
    };
}
