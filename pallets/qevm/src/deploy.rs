//! Codes: kept once by hash, analysed when they are first seen.

use crate::{Code, CodeHashes, Codes, Config, Event, Pallet, Safety, safety};
use quids_api::evm::ContractSafety;
use quids_core::{AccountId20, H160, H256};

/// How far a proxy is followed to another proxy.
const FORWARDS_MAX: u32 = 4;

/// Keeps a code under its hash. What is not known yet is analysed, which an event tells.
pub fn keep_code<T: Config>(hash: H256, code: &[u8]) {
    if Codes::<T>::contains_key(&hash) {
        return;
    }
    Codes::<T>::insert(&hash, Code::new(code));
    let report = safety::analyse(hash, code);
    let is_quantum_compatible = report.is_quantum_compatible;
    Safety::<T>::insert(&hash, report);
    Pallet::<T>::deposit_event(Event::CodeAnalysed {
        code_hash: hash,
        is_quantum_compatible,
    });
}

impl<T: Config> Pallet<T> {
    /// What the analysis of a contract's code found, and of the code that a minimal proxy (EIP-1167) or a delegation
    /// (EIP-7702) names; `None` without code.
    pub fn contract_safety(address: H160) -> Option<ContractSafety> {
        let hash = CodeHashes::<T>::get(&AccountId20(address.0))?;
        let code = Codes::<T>::get(&hash)?;
        Some(report::<T>(hash, &code.bytes, FORWARDS_MAX))
    }
}

/// Whether this code may be deployed where contracts must not rest on broken cryptography.
pub fn is_quantum_compatible<T: Config>(hash: H256, code: &[u8]) -> bool {
    report::<T>(hash, code, FORWARDS_MAX).is_quantum_compatible
}

fn report<T: Config>(hash: H256, code: &[u8], forwards: u32) -> ContractSafety {
    let known = Safety::<T>::get(&hash).filter(|known| known.version == safety::VERSION);
    let mut own = known.unwrap_or_else(|| safety::analyse(hash, code));
    let target = safety::forwards_to(code).filter(|_| forwards > 0);
    let target = target.and_then(|target| {
        let hash = CodeHashes::<T>::get(&AccountId20(target.0))?;
        let code = Codes::<T>::get(&hash)?;
        Some(report::<T>(hash, &code.bytes, forwards.saturating_sub(1)))
    });
    if let Some(target) = target {
        own.ecrecover |= target.ecrecover;
        own.secp256r1 |= target.secp256r1;
        own.pairing |= target.pairing;
        own.kzg |= target.kzg;
        own.selfdestruct |= target.selfdestruct;
        own.delegatecall_to_storage |= target.delegatecall_to_storage;
        own.unknown_calls |= target.unknown_calls;
        own.is_quantum_compatible &= target.is_quantum_compatible;
    }
    own
}
