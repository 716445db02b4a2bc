//! The checks that stand between a code and `:code`, and the replacement.

use crate::{Config, Error, Event, Pallet};
use alloc::format;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use quids_api::{CheckedRuntime, RuntimeVersion};
use quids_core::DispatchError;
use quids_io::{abi::CODE_SIZE_MAX, log};
use quids_support::{ensure, system::SystemPort, traits::Get};
use scale_info::TypeInfo;

/// The domain of code hashes.
pub const CODE_DOMAIN: &[u8] = b"quids/code/v1";

/// The quantum-resistant hash of a code.
pub type CodeHash = [u8; 64];

/// An upgrade that anybody may apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct UpgradeAuthorization {
    pub code_hash: CodeHash,
    /// Whether the spec version must be greater than the running one.
    pub check_version: bool,
}

/// The hash by which a code is authorized: `quids_crypto::hash_quantum_resistant(b"quids/code/v1", code)`.
pub fn code_hash(code: &[u8]) -> CodeHash {
    quids_io::hashing::quantum_resistant(CODE_DOMAIN, code)
}

impl<T: Config> Pallet<T> {
    /// Checks the code and replaces the chain's by it; the next block runs it.
    pub(crate) fn apply(code: &[u8], code_hash: CodeHash, check_version: bool) -> Result<(), DispatchError> {
        ensure!(
            !pallet_system::Pallet::<T>::code_update_pending(),
            Error::<T>::UpgradePending
        );
        ensure!(!Self::is_migrating(), Error::<T>::MigrationUnderWay);
        let version = Self::check(code, check_version)?;
        pallet_system::Pallet::<T>::update_code(code);
        Self::deposit_event(Event::UpgradeApplied {
            code_hash,
            spec_version: version.spec_version,
        });
        Ok(())
    }

    /// Size, then the host's check (WASM validity, ABI, imports, and a trial run under fuel), then the version that
    /// the code states. What the host answers is a function of the code and the state, so every node agrees.
    pub(crate) fn check(code: &[u8], check_version: bool) -> Result<RuntimeVersion, DispatchError> {
        ensure!(code.len() <= CODE_SIZE_MAX, Error::<T>::CodeTooLarge);
        let checked = quids_io::runtime::check(code).map_err(|reason| {
            log::write(
                log::Level::Warn,
                &format!("upgrade: the trial run refused the code: {reason}"),
            );
            Error::<T>::FailedTrialRun
        })?;
        let CheckedRuntime {
            version: new,
            migrations,
        } = CheckedRuntime::decode(&mut checked.as_slice()).map_err(|_| Error::<T>::InvalidVersion)?;
        let running = T::Version::get();
        ensure!(new.spec_name == running.spec_name, Error::<T>::InvalidSpecName);
        ensure!(
            !check_version || new.spec_version > running.spec_version,
            Error::<T>::SpecVersionMustIncrease
        );
        // A first block over the limit would be no block, and no later code could replace the one that made it.
        ensure!(
            !migrations.any_gt(Self::migration_limit()),
            Error::<T>::MigrationsTooHeavy
        );
        Ok(new)
    }
}
