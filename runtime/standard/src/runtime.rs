//! The runtime as the executive and the APIs see it, and the macro that makes it one.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use quids_api::{RuntimeVersion, api_id};
use quids_support::metadata::PalletMetadata;
use scale_info::TypeInfo;

/// The transaction extensions, in the order of their encoding.
pub type Extensions<T> = (
    pallet_system::extensions::CheckSpecVersion<T>,
    pallet_system::extensions::CheckTxVersion<T>,
    pallet_system::extensions::CheckGenesis<T>,
    pallet_system::extensions::CheckMortality<T>,
    pallet_system::extensions::CheckNonce<T>,
    pallet_balances::ChargeTransactionPayment<T>,
);

/// A runtime of the standard pallets and others, as [`runtime!`](crate::runtime) makes one: what the APIs ask.
pub trait Standard:
    quids_executive::Config<RuntimeCall: From<pallet_qevm::Call<Self>>>
    + TypeInfo
    + pallet_balances::Config
    + pallet_upgrade::Config
    + pallet_qevm::Config
    + pallet_pobpc::Config
{
    /// The errors of all pallets, for metadata.
    type RuntimeError: TypeInfo + 'static;
    /// What every pallet says of itself, by index.
    fn pallets_metadata() -> Vec<(u8, PalletMetadata)>;
    /// Writes the state that a configuration of the pallets describes. Errors: what of the JSON is wrong.
    fn build_genesis(json: &[u8]) -> Result<(), String>;
    /// The Ethereum transaction that a call carries.
    fn envelope(call: &Self::RuntimeCall) -> Option<&[u8]>;
}

/// The version of a chain's code, with the APIs that [`export_apis!`](crate::export_apis) exports. `spec_version` grows with every
/// change of behaviour.
pub fn version(spec_name: &str, spec_version: u32) -> RuntimeVersion {
    let apis: &[(&str, u32)] = &[
        ("Core", 4),
        ("Metadata", 2),
        ("BlockBuilder", 6),
        ("TaggedTransactionQueue", 3),
        ("AccountNonceApi", 1),
        ("TransactionPaymentApi", 4),
        ("SignatureApi", 1),
        ("GenesisBuilder", 1),
        ("AccountKeyApi", 1),
        ("QevmApi", 1),
        ("PobpcApi", 1),
        ("UpgradeApi", 1),
    ];
    RuntimeVersion {
        spec_name: spec_name.to_string(),
        impl_name: spec_name.to_string(),
        authoring_version: 1,
        spec_version,
        impl_version: 1,
        apis: apis.iter().map(|(name, version)| (api_id(name), *version)).collect(),
        transaction_version: 1,
        state_version: 1,
    }
}

/// Makes the runtime that `construct_runtime!` made in this module a [`Standard`] one: `runtime!(Runtime, version)`, where
/// `version` is a function that gives the `RuntimeVersion`. It has to have the pallets `Upgrade`, `Qevm` and `Pobpc` under these
/// names. Emits the types `CurrentVersion`, `Extensions`, `Executive` and `Extrinsic`, the configuration of the executive, the
/// function `call` by which native code calls the APIs, and the exports of the WASM.
#[macro_export]
macro_rules! runtime {
    ($runtime:ident, $version:ident) => {
        $crate::__private::quids_support::constant!(
            /// What metadata and `Core_version` state.
            pub CurrentVersion: $crate::__private::quids_api::RuntimeVersion = $version()
        );

        /// The transaction extensions, in the order of their encoding.
        pub type Extensions = $crate::Extensions<$runtime>;
        /// The executive of this runtime.
        pub type Executive = $crate::__private::quids_executive::Executive<$runtime>;
        /// The extrinsic of this runtime.
        pub type Extrinsic = $crate::__private::quids_executive::Extrinsic<$runtime>;

        impl $crate::Standard for $runtime {
            type RuntimeError = RuntimeError;

            fn pallets_metadata()
            -> $crate::__private::Vec<(u8, $crate::__private::quids_support::metadata::PalletMetadata)> {
                $runtime::pallets_metadata()
            }

            fn build_genesis(json: &[u8]) -> Result<(), $crate::__private::String> {
                let config: RuntimeGenesisConfig = $crate::apis::genesis_config(json)?;
                config.build();
                Ok(())
            }

            fn envelope(call: &RuntimeCall) -> Option<&[u8]> {
                match call {
                    RuntimeCall::Qevm($crate::__private::pallet_qevm::Call::transact { envelope }) => Some(envelope),
                    _ => None,
                }
            }
        }

        $crate::__executive!($runtime);

        /// Calls an API by name, natively; `None` if there is no such API.
        pub fn call(api: &str, bytes: &[u8]) -> Option<$crate::__private::Vec<u8>> {
            $crate::apis::call::<$runtime>(api, bytes)
        }

        $crate::for_each_api!($crate::export_apis [$runtime]);
        $crate::__private::quids_io::warm!($crate::__private::pallet_qevm::warm);
    };
}

/// The executive's configuration, a part of [`runtime!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __executive {
    ($runtime:ident) => {
        impl $crate::__private::quids_executive::Config for $runtime {
            type System = $crate::Counted<$runtime>;
            type Pallets = AllPallets;
            type Extensions = Extensions;
            type Migrations = Upgrade;

            fn is_always_taken(call: &RuntimeCall, who: Option<&$crate::__private::quids_core::AccountId20>) -> bool {
                match (call, who) {
                    (RuntimeCall::Upgrade(_), Some(who)) => Upgrade::has_say(who),
                    (RuntimeCall::Pobpc($crate::__private::pallet_pobpc::Call::report { .. }), _) => true,
                    _ => false,
                }
            }
            fn is_inherent(call: &RuntimeCall) -> bool {
                $runtime::is_inherent(call)
            }
            fn create_inherents(
                data: &$crate::__private::quids_api::InherentData,
            ) -> $crate::__private::Vec<RuntimeCall> {
                $runtime::create_inherents(data)
            }
            fn check_inherents(
                calls: &[RuntimeCall],
                data: &$crate::__private::quids_api::InherentData,
            ) -> $crate::__private::quids_api::CheckInherentsResult {
                $runtime::check_inherents(calls, data)
            }
            fn validate_unsigned(
                source: $crate::__private::quids_api::TransactionSource,
                call: &RuntimeCall,
            ) -> $crate::__private::quids_api::TransactionValidity {
                $runtime::validate_unsigned(source, call)
            }
            fn apply_self_contained(
                call: &RuntimeCall,
            ) -> Option<
                Result<
                    $crate::__private::quids_support::dispatch::DispatchResultWithPostInfo,
                    $crate::__private::quids_api::TransactionValidityError,
                >,
            > {
                Some(Qevm::apply(<Self as $crate::Standard>::envelope(call)?))
            }
            fn self_contained_claim(call: &RuntimeCall) -> Option<$crate::__private::quids_api::SignatureClaim> {
                Qevm::signature_claim(<Self as $crate::Standard>::envelope(call)?)
            }
            fn take_signature(call: &mut RuntimeCall) -> Option<$crate::__private::Vec<u8>> {
                let (envelope, signature) = Qevm::split_signature(<Self as $crate::Standard>::envelope(call)?)?;
                *call = $crate::__private::pallet_qevm::Call::transact { envelope }.into();
                Some(signature)
            }
        }
    };
}
