//! What @noble/post-quantum signed, we accept: keys, addresses, signatures, encodings and the combined hash of the
//! TypeScript signer (`scripts/e2e/fixtures/noble.json`, written by `npm run fixtures` there).

use codec::Encode;
use quids_crypto::{
    AccountSignature, KeyPair, PublicKey, Signature, SignatureScheme, eip55, hash_quantum_resistant, verify,
};
use serde_json::Value;

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap().strip_prefix("0x").unwrap()).unwrap()
}

/// Long encodings stand in the fixture by this digest.
fn digest(bytes: &[u8]) -> Vec<u8> {
    blake3::derive_key("quids e2e fixture digest", bytes).to_vec()
}

#[test]
fn the_typescript_signer_and_this_crate_agree() {
    let fixture: Value = serde_json::from_str(include_str!("../../../scripts/e2e/fixtures/noble.json")).unwrap();
    let signatures = fixture["signatures"].as_array().unwrap();
    let mut schemes = std::collections::BTreeSet::new();
    for case in signatures {
        let scheme: SignatureScheme = case["scheme"].as_str().unwrap().parse().unwrap();
        schemes.insert(scheme);
        let public = PublicKey::new(scheme, &bytes(&case["public_key"])).unwrap();
        let signature = Signature::new(scheme, &bytes(&case["signature"])).unwrap();
        let message = bytes(&case["message"]);
        assert!(verify(&public, &message, &signature), "{scheme}");
        assert!(!verify(&public, &[&message[..], b"!"].concat(), &signature), "{scheme}");
        assert_eq!(eip55(&public.account_id().unwrap()), case["address"].as_str().unwrap());
        // Key generation from a seed is FIPS 204's for ML-DSA; for Falcon every library has its own.
        if scheme == SignatureScheme::MlDsa87 {
            let seed = bytes(&case["seed"]).try_into().unwrap();
            assert_eq!(KeyPair::from_seed(scheme, &seed).unwrap().public(), &public);
        }
        for (key, field) in [(Some(&public), "encoded_with_key"), (None, "encoded_without_key")] {
            let sent = AccountSignature::from_parts(scheme, key, &signature).unwrap().encode();
            assert_eq!(digest(&sent), bytes(&case[field]), "{scheme} {field}");
        }
    }
    assert_eq!(schemes.len(), 2, "ML-DSA-87 and Falcon-512");
    let hashes = fixture["quantum_resistant_hash"].as_array().unwrap();
    assert!(!hashes.is_empty());
    for case in hashes {
        let hash = hash_quantum_resistant(&bytes(&case["domain"]), &bytes(&case["data"]));
        assert_eq!(hash.to_vec(), bytes(&case["hash"]));
    }
}
