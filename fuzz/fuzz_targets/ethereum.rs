//! Ethereum's and post-quantum transactions: any bytes are judged without a panic, and what decodes has no other bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quids_core::H160;
use quids_ethereum::Transaction;

fuzz_target!(|bytes: &[u8]| {
    let Ok(transaction) = Transaction::decode(bytes) else {
        return;
    };
    assert_eq!(transaction.encode(), bytes);
    assert_eq!(transaction.hash().0, quids_crypto::keccak_256(bytes));
    let _ = transaction.claim();
    let claims = transaction.authorization_claims();
    let message = transaction.message(H160::zero(), &[]);
    assert_eq!(message.authorizations.len(), claims.len());
    if let Some((blanked, signature)) = transaction.without_signature() {
        assert!(!signature.is_empty() && blanked.len() < bytes.len());
        assert!(Transaction::decode(&blanked).is_err());
    }
});
