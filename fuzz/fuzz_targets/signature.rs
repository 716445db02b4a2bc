//! Keys and signatures of every scheme: no bytes make verification panic, and none of these verify.
#![no_main]

use codec::Decode;
use libfuzzer_sys::fuzz_target;
use quids_crypto::{AccountSignature, PublicKey, Signature, verify_raw};

fuzz_target!(|bytes: &[u8]| {
    PublicKey::decode(&mut &bytes[..]).ok();
    Signature::decode(&mut &bytes[..]).ok();
    AccountSignature::decode(&mut &bytes[..]).ok();
    let Some((&scheme, rest)) = bytes.split_first() else { return };
    for (key, signature) in [(2592, 4627), (897, 666), (33, 65), (64, 49_856), (rest.len() / 2, rest.len() / 2)] {
        // Exact lengths get past the length check, whatever the fuzzer brings.
        let fill = |length: usize| rest.iter().copied().cycle().take(if rest.is_empty() { 0 } else { length }).collect();
        let (key, signature): (Vec<u8>, Vec<u8>) = (fill(key), fill(signature));
        assert!(!verify_raw(scheme % 5, &key, b"message", &signature));
    }
});
