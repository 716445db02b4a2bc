//! Codes: kept once by hash, analysed when they are first seen.

use crate::{CodeHashes, Codes, Config, Event, Pallet, Safety, safety};
use quids_api::evm::ContractSafety;
use quids_core::{AccountId20, H160, H256};

/// Keeps a code under its hash. What is not known yet is analysed, which an event tells.
pub fn keep_code<T: Config>(hash: H256, code: &[u8]) {
    if Codes::<T>::contains_key(&hash) {
        return;
    }
    Codes::<T>::insert(&hash, code.to_vec());
    let report = safety::analyse(hash, code);
    let is_quantum_compatible = report.is_quantum_compatible;
    Safety::<T>::insert(&hash, report);
    Pallet::<T>::deposit_event(Event::CodeAnalysed {
        code_hash: hash,
        is_quantum_compatible,
    });
}

impl<T: Config> Pallet<T> {
    /// What the analysis of a contract's code found; `None` without code.
    pub fn contract_safety(address: H160) -> Option<ContractSafety> {
        let hash = CodeHashes::<T>::get(&AccountId20(address.0))?;
        Safety::<T>::get(&hash)
    }
}

/// Whether this code may be deployed where contracts must not rest on broken cryptography.
pub fn is_quantum_compatible<T: Config>(hash: H256, code: &[u8]) -> bool {
    Safety::<T>::get(&hash)
        .unwrap_or_else(|| safety::analyse(hash, code))
        .is_quantum_compatible
}
