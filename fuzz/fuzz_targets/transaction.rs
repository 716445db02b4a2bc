//! The runtime's judgement of arbitrary transactions: never a panic, and a refused one changes nothing.
#![no_main]

use codec::{Decode, Encode};
use libfuzzer_sys::fuzz_target;
use quids_api::{ApplyExtrinsicResult, TransactionSource, TransactionValidity, names};
use quids_core::{Digest, Hash, Header, Height};
use quids_io::MemoryExternalities;
use std::sync::OnceLock;

/// A chain with its first block begun.
fn begun() -> MemoryExternalities {
    static STATE: OnceLock<std::collections::BTreeMap<Vec<u8>, Vec<u8>>> = OnceLock::new();
    let state = STATE.get_or_init(|| {
        let mut ext = MemoryExternalities::default();
        ext.execute_with(|| {
            let json = r#"{"balances":{"balances":[["0x0101010101010101010101010101010101010101","1000000000000000000"]]}}"#;
            quids_runtime::call(names::GENESIS_BUILD, &json.as_bytes().to_vec().encode());
            let header = Header {
                parent_hash: Hash::repeat_byte(1),
                number: Height(1),
                state_root: Hash::zero(),
                extrinsics_root: Hash::zero(),
                digest: Digest::default(),
            };
            quids_runtime::call(names::CORE_INITIALIZE_BLOCK, &header.encode());
        });
        ext.state().clone()
    });
    MemoryExternalities::new(state.clone())
}

fuzz_target!(|bytes: &[u8]| {
    let mut ext = begun();
    let input = (TransactionSource::External, bytes, Hash::repeat_byte(1)).encode();
    let output = ext.execute_with(|| quids_runtime::call(names::VALIDATE_TRANSACTION, &input)).unwrap();
    TransactionValidity::decode(&mut output.as_slice()).unwrap().ok();

    let mut ext = begun();
    let output =
        ext.execute_with(|| quids_runtime::call(names::BLOCK_BUILDER_APPLY_EXTRINSIC, &(0u32, bytes).encode())).unwrap();
    ApplyExtrinsicResult::decode(&mut output.as_slice()).unwrap().ok();
});
