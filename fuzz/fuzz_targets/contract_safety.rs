//! The analysis of contracts: any code has one answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pallet_qevm::safety::analyse;
use quids_core::H256;

fuzz_target!(|code: &[u8]| {
    let once = analyse(H256::zero(), code);
    assert_eq!(once, analyse(H256::zero(), code));
    assert_eq!(
        once.is_quantum_compatible,
        !(once.ecrecover || once.secp256r1 || once.pairing || once.kzg)
    );
});
