//! Key pairs of every scheme: they sign and verify, survive storage, are deterministic and keep their secret.
use quids_crypto::*;

fn check_scheme(scheme: SignatureScheme) {
    let key = KeyPair::from_seed(scheme, &[7; 32]).unwrap();
    let other = KeyPair::generate(scheme).unwrap();
    assert_eq!(key.scheme(), scheme);
    assert_eq!(key.public().as_bytes().len(), scheme.public_key_len());
    assert_eq!(key.secret_bytes().len(), KeyPair::secret_len(scheme));
    assert_ne!(key.account_id(), other.account_id());
    assert_eq!(derive_account(scheme, key.public().as_bytes()), Some(key.account_id()));

    for message in [&b""[..], b"message", &[0xab; 10_000]] {
        let signature = sign(&key, message);
        assert_eq!(signature.as_bytes().len(), scheme.signature_len());
        assert!(verify(key.public(), message, &signature), "{scheme}: own signature");
        assert!(!verify(other.public(), message, &signature), "{scheme}: another key");
        assert!(
            !verify(key.public(), b"another", &signature),
            "{scheme}: another message"
        );
        // Every region of the signature counts (SPHINCS+: a byte in every 977).
        let step = scheme.signature_len() / 51 + 1;
        for position in (0..scheme.signature_len())
            .step_by(step)
            .chain([scheme.signature_len() - 1])
        {
            let mut forged = signature.as_bytes().to_vec();
            forged[position] ^= 0x55;
            let forged = Signature::new(scheme, &forged).unwrap();
            assert!(
                !verify(key.public(), message, &forged),
                "{scheme}: byte {position} changed"
            );
        }
    }

    // Through the keystore's form, and as a clone.
    let restored = KeyPair::from_secret(scheme, key.secret_bytes()).unwrap();
    assert_eq!(restored.public(), key.public());
    for twin in [restored, key.clone(), KeyPair::from_seed(scheme, &[7; 32]).unwrap()] {
        assert_eq!((twin.public(), twin.secret_bytes()), (key.public(), key.secret_bytes()));
        assert!(verify(key.public(), b"twin", &twin.sign(b"twin")));
    }

    // Debug prints no secret.
    let shown = format!("{key:?}");
    assert!(
        shown.len() < 120 && !shown.contains(&hex::encode(&key.secret_bytes()[..4])),
        "{shown}"
    );

    // A secret that is none is refused.
    for len in [0, 1, KeyPair::secret_len(scheme) - 1, KeyPair::secret_len(scheme) + 1] {
        let error = CryptoError::SecretKeyLength {
            scheme,
            actual: len,
            expected: KeyPair::secret_len(scheme),
        };
        assert_eq!(KeyPair::from_secret(scheme, &vec![0; len]).err(), Some(error));
    }
    let garbage = vec![0xff; KeyPair::secret_len(scheme)];
    assert_eq!(
        KeyPair::from_secret(scheme, &garbage).err(),
        Some(CryptoError::InvalidSecretKey(scheme))
    );
}

#[test]
fn ml_dsa_87_keys_work() {
    check_scheme(SignatureScheme::MlDsa87);
}

#[test]
fn falcon_512_keys_work() {
    check_scheme(SignatureScheme::Falcon512);
}

#[test]
fn secp256k1_keys_work() {
    check_scheme(SignatureScheme::Secp256k1);
}

#[test]
fn sphincs_keys_work() {
    check_scheme(SignatureScheme::SphincsShake256f);
}

#[test]
fn inconsistent_secrets_are_refused() {
    // ML-DSA: `tr` of another key. SPHINCS+: a root that is not the seeds'.
    for (scheme, position) in [(SignatureScheme::MlDsa87, 64), (SignatureScheme::SphincsShake256f, 127)] {
        let key = KeyPair::from_seed(scheme, &[7; 32]).unwrap();
        let mut secret = key.secret_bytes().to_vec();
        secret[position] ^= 1;
        assert_eq!(
            KeyPair::from_secret(scheme, &secret).err(),
            Some(CryptoError::InvalidSecretKey(scheme))
        );
    }
    assert!(KeyPair::from_secp256k1_secret(&[0; 32]).is_err());
}

#[test]
fn falcon_signs_from_many_threads() {
    let key = KeyPair::from_seed(SignatureScheme::Falcon512, &[7; 32]).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let key = &key;
            scope.spawn(move || {
                for n in 0..8u8 {
                    assert!(verify(key.public(), &[thread, n], &key.sign(&[thread, n])));
                }
            });
        }
    });
}

/// n − s, with the other parity: what malleability is about.
fn malleated(signature: &[u8; 65]) -> [u8; 65] {
    const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let order = hex::decode(ORDER).unwrap();
    let mut out = *signature;
    let mut borrow = 0i32;
    for i in (0..32).rev() {
        let digit = i32::from(order[i]) - i32::from(signature[32 + i]) - borrow;
        borrow = i32::from(digit < 0);
        out[32 + i] = digit.rem_euclid(256) as u8;
    }
    out[64] ^= 1;
    out
}

#[test]
fn ecdsa_takes_one_form_of_a_signature() {
    let key = KeyPair::from_seed(SignatureScheme::Secp256k1, &[7; 32]).unwrap();
    let digest = keccak_256(b"message");
    let Signature::Secp256k1(signature) = key.sign(b"message") else {
        panic!("another scheme signed")
    };
    let point = recover_secp256k1_public_key(&digest, &signature).unwrap();
    assert_eq!(ethereum_address(&point), key.account_id());
    assert_eq!(decompress_secp256k1(key.public().as_bytes()), Some(point));

    let ethereum_v = {
        let mut s = signature;
        s[64] += 27;
        s
    };
    assert_eq!(recover_secp256k1(&digest, &ethereum_v), Some(key.account_id()));
    assert!(verify_raw(2, key.public().as_bytes(), b"message", &ethereum_v));

    let high_s = malleated(&signature);
    assert_eq!(recover_secp256k1(&digest, &high_s), None);
    assert!(!verify_raw(2, key.public().as_bytes(), b"message", &high_s));
    // The same numbers are a valid signature to a library that does not look at `s`.
    let permissive =
        secp256k1::ecdsa::RecoverableSignature::from_compact(&high_s[..64], i32::from(high_s[64]).try_into().unwrap());
    let recovered = permissive
        .unwrap()
        .recover(secp256k1::Message::from_digest(digest))
        .unwrap();
    assert_eq!(recovered.serialize()[..], *key.public().as_bytes());

    for v in (2..=26).chain(29..=255) {
        let mut s = signature;
        s[64] = v;
        assert_eq!(recover_secp256k1(&digest, &s), None, "v = {v}");
    }
    let mut flipped = signature;
    flipped[64] ^= 1;
    assert!(
        !verify_raw(2, key.public().as_bytes(), b"message", &flipped),
        "v counts"
    );
    for zeroed in [0..32, 32..64, 0..64] {
        let mut s = signature;
        s[zeroed].fill(0);
        assert_eq!(recover_secp256k1(&digest, &s), None);
    }
}

#[test]
fn kem_shares_a_secret_and_refuses_bad_keys() {
    let key = generate_kem_keypair().unwrap();
    let (ciphertext, shared) = encapsulate(key.public()).unwrap();
    assert_eq!(*decapsulate(&key, &ciphertext).unwrap(), *shared);
    assert_ne!(*encapsulate(key.public()).unwrap().1, *shared);
    assert_eq!(KemKeyPair::from_seed(key.seed()).public(), key.public());
    assert_eq!(key.secret_bytes().len(), KEM_SECRET_KEY_LEN);
    assert!(!format!("{key:?}").contains(&hex::encode(&key.seed()[..4])));

    // FIPS 203 §7.2: 0xfff in either half of a triple is no residue modulo 3329; 3328 is.
    for (position, bytes, accepted) in [
        (0, [0xff, 0x0f, 0], false),
        (0, [0, 0xf0, 0xff], false),
        (1533, [0, 0x10, 0xd0], false),
        (0, [0, 0x0d, 0xd0], true),
    ] {
        let mut unreduced = key.public().as_bytes().to_vec();
        unreduced[position..position + 3].copy_from_slice(&bytes);
        let result = encapsulate(&KemPublicKey::new(&unreduced).unwrap());
        assert_eq!(result.err(), (!accepted).then_some(CryptoError::KemUnreducedKey));
    }
    for len in [0, 1567, 1569] {
        assert!(KemPublicKey::new(&vec![0; len]).is_err());
        assert!(KemCiphertext::new(&vec![0; len]).is_err());
    }
    // Short values can be decoded; using them is an error.
    use codec::{Decode, Encode};
    let short = KemPublicKey::decode(&mut &vec![1u8; 5].encode()[..]).unwrap();
    assert!(matches!(
        encapsulate(&short),
        Err(CryptoError::KemLength { actual: 5, .. })
    ));
    let short = KemCiphertext::decode(&mut &vec![1u8; 5].encode()[..]).unwrap();
    assert!(matches!(
        decapsulate(&key, &short),
        Err(CryptoError::KemLength { actual: 5, .. })
    ));
}

/// Verification keeps Falcon keys decoded: more keys than it keeps, in turns, and none is taken for another.
#[test]
fn falcon_keys_in_turns_verify_only_their_own() {
    let keys: Vec<_> = (0..80u8)
        .map(|i| KeyPair::from_seed(SignatureScheme::Falcon512, &[i; 32]).unwrap())
        .collect();
    let signatures: Vec<_> = keys.iter().map(|key| key.sign(b"turn")).collect();
    for _ in 0..2 {
        for (i, key) in keys.iter().enumerate() {
            assert!(verify(key.public(), b"turn", &signatures[i]), "key {i}");
            assert!(
                !verify(key.public(), b"turn", &signatures[(i + 1) % keys.len()]),
                "key {i}"
            );
        }
    }
}
