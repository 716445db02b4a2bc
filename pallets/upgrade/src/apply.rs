//! The checks that stand between a code and `:code`, and the replacement.

use crate::{Config, Error, Event, Pallet, Replaced};
use alloc::format;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use quids_api::{CheckedRuntime, RuntimeVersion};
use quids_core::{DispatchError, Header, well_known_keys};
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
    /// As [`Self::apply`], amid a block: whether blocks can be made under the code is seen at its end.
    pub(crate) fn apply_now(code: &[u8], code_hash: CodeHash, check_version: bool) -> Result<(), DispatchError> {
        let old = quids_io::storage::get(well_known_keys::CODE).unwrap_or_default();
        Self::apply(code, code_hash, check_version, None)?;
        Replaced::<T>::put(old);
        Ok(())
    }

    /// Checks the code and replaces the chain's by it; the next block runs it, and is made on trial if its header is there.
    pub(crate) fn apply(
        code: &[u8],
        code_hash: CodeHash,
        check_version: bool,
        next: Option<&Header>,
    ) -> Result<(), DispatchError> {
        ensure!(
            !pallet_system::Pallet::<T>::code_update_pending(),
            Error::<T>::UpgradePending
        );
        ensure!(!Self::is_migrating(), Error::<T>::MigrationUnderWay);
        let version = Self::check(code, check_version, next)?;
        pallet_system::Pallet::<T>::update_code(code);
        Self::deposit_event(Event::UpgradeApplied {
            code_hash,
            spec_version: version.spec_version,
        });
        Ok(())
    }

    /// At the end of a block whose transactions replaced the code: that is undone if the new one makes no block.
    pub(crate) fn confirm(next: &Header) {
        let Some(old) = Replaced::<T>::take() else { return };
        let code = quids_io::storage::get(well_known_keys::CODE).unwrap_or_default();
        if let Err(error) = Self::trial(&code, Some(next)) {
            pallet_system::Pallet::<T>::undo_update(&old);
            Self::deposit_event(Event::UpgradeUndone { error });
        }
    }

    /// What the host finds: WASM validity, ABI, imports, and a trial run under fuel.
    fn trial(code: &[u8], next: Option<&Header>) -> Result<CheckedRuntime, DispatchError> {
        let checked = quids_io::runtime::check(code, next).map_err(|reason| {
            log::write(
                log::Level::Warn,
                &format!("upgrade: the trial run refused the code: {reason}"),
            );
            Error::<T>::FailedTrialRun
        })?;
        CheckedRuntime::decode(&mut checked.as_slice()).map_err(|_| Error::<T>::InvalidVersion.into())
    }

    /// Size, then the host's check, then the version that the code states. What the host answers is a function of the code and the
    /// state, so every node agrees.
    pub(crate) fn check(
        code: &[u8],
        check_version: bool,
        next: Option<&Header>,
    ) -> Result<RuntimeVersion, DispatchError> {
        ensure!(code.len() <= CODE_SIZE_MAX, Error::<T>::CodeTooLarge);
        let CheckedRuntime {
            version: new,
            migrations,
        } = Self::trial(code, next)?;
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
