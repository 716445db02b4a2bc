//! Untrusted bytes: decoding is bounded, codecs round-trip, verification answers `false` and never panics.
use codec::{Compact, Decode, DecodeAll, Encode, MaxEncodedLen};
use proptest::prelude::*;
use quids_crypto::*;
use scale_info::{MetaType, TypeInfo};

#[test]
fn the_fake_signature_of_polkadot_js_decodes_as_falcon() {
    let fake = [0x01; 256];
    let input = &mut &fake[..];
    let signature = AccountSignature::decode(input).unwrap();
    assert_eq!(signature.scheme(), SignatureScheme::Falcon512);
    assert_eq!(signature.public_key_bytes(), Some(&[1; 64][..]));
    assert_eq!(signature.signature_bytes(), [1; 64]);
    assert_eq!(256 - input.len(), 1 + 1 + 2 + 64 + 2 + 64);
    assert!(!verify_raw(1, &[1; 64], b"", signature.signature_bytes()));
}

#[test]
fn metadata_shows_bounded_bytes_as_a_vector() {
    assert_eq!(MetaType::new::<BoundedBytes<49856>>(), MetaType::new::<Vec<u8>>());
    assert_eq!(BoundedBytes::<3>::type_info(), Vec::<u8>::type_info());
}

/// An input of unknown length that counts what is read from it.
struct Counting<'a>(&'a [u8], usize);

impl codec::Input for Counting<'_> {
    fn remaining_len(&mut self) -> Result<Option<usize>, codec::Error> {
        Ok(None)
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), codec::Error> {
        self.1 += into.len();
        self.0.read(into)
    }
}

#[test]
fn a_length_over_the_bound_is_refused_before_it_is_read() {
    for (len, accepted) in [(0u32, true), (666, true), (667, false), (u32::MAX, false)] {
        let mut bytes = Compact(len).encode();
        let prefix = bytes.len();
        bytes.extend(vec![0; 700]);
        let mut input = Counting(&bytes, 0);
        assert_eq!(BoundedBytes::<666>::decode(&mut input).is_ok(), accepted, "{len}");
        assert_eq!(input.1, prefix + if accepted { len as usize } else { 0 });
    }
    // Cut short: an error, with and without a known length.
    let cut = &vec![1u8; 10].encode()[..5];
    assert!(BoundedBytes::<666>::decode(&mut &cut[..]).is_err());
    assert!(BoundedBytes::<666>::decode(&mut Counting(cut, 0)).is_err());
    assert_eq!(
        BoundedBytes::<3>::try_from(vec![0; 4]),
        Err(TooLong { actual: 4, max: 3 })
    );
    assert_eq!(BoundedBytes::<666>::max_encoded_len(), 668);
    assert_eq!(AccountSignature::max_encoded_len(), 1 + (1 + 2 + 64) + (4 + 49856));
}

#[test]
fn every_wrong_length_is_refused() {
    for scheme in SignatureScheme::ALL {
        let key = KeyPair::from_seed(scheme, &[7; 32]).unwrap();
        let (public, signature) = (key.public().as_bytes(), key.sign(b"m"));
        let signature = signature.as_bytes();
        assert!(verify_raw(scheme.tag(), public, b"m", signature));
        let resized = |bytes: &[u8], len: usize| {
            let mut bytes = bytes.to_vec();
            bytes.resize(len, 0);
            bytes
        };
        for len in (0..scheme.public_key_len() + 40).filter(|len| *len != scheme.public_key_len()) {
            let wrong = resized(public, len);
            assert!(PublicKey::new(scheme, &wrong).is_err());
            assert_eq!(derive_account(scheme, &wrong), None);
            assert!(
                !verify_raw(scheme.tag(), &wrong, b"m", signature),
                "{scheme}: key of {len} bytes"
            );
        }
        for len in (0..scheme.signature_len() + 40).filter(|len| *len != scheme.signature_len()) {
            let wrong = resized(signature, len);
            assert!(Signature::new(scheme, &wrong).is_err());
            assert!(
                !verify_raw(scheme.tag(), public, b"m", &wrong),
                "{scheme}: signature of {len} bytes"
            );
        }
        for tag in (0..=255).filter(|tag| *tag != scheme.tag()) {
            assert!(!verify_raw(tag, public, b"m", signature), "{scheme} under tag {tag}");
        }
    }
}

#[test]
fn parts_of_different_schemes_do_not_go_together() {
    let keys = SignatureScheme::ALL.map(|scheme| KeyPair::from_seed(scheme, &[7; 32]).unwrap());
    for key in &keys {
        for signer in &keys {
            let (scheme, signature) = (signer.scheme(), signer.sign(b"m"));
            let same = key.scheme() == scheme;
            let parts = AccountSignature::from_parts(scheme, Some(key.public()), &signature);
            assert_eq!(parts.is_ok(), same);
            assert_eq!(verify(key.public(), b"m", &signature), same);
            assert_eq!(
                AccountSignature::from_parts(key.scheme(), None, &signature).is_ok(),
                same
            );
            let Ok(parts) = parts else { continue };
            assert_eq!(
                (parts.scheme(), parts.signature_bytes()),
                (scheme, signature.as_bytes())
            );
            let carried = (scheme != SignatureScheme::Secp256k1).then(|| key.public().clone());
            assert_eq!(parts.public_key(), carried);
            assert_eq!(AccountSignature::decode_all(&mut &parts.encode()[..]), Ok(parts));
        }
    }
}

fn scheme() -> impl Strategy<Value = SignatureScheme> {
    prop::sample::select(&SignatureScheme::ALL[..])
}

/// Uniform bytes of a length; a vector strategy would draw 50 000 values one by one.
fn noise(len: usize) -> impl Strategy<Value = Vec<u8>> {
    any::<[u8; 32]>().prop_map(move |seed| {
        let mut bytes = vec![0; len];
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed);
        hasher.finalize_xof().fill(&mut bytes);
        bytes
    })
}

/// Noise behind the scheme's own header bytes, so that decoding gets past the first check.
fn plausible(scheme: SignatureScheme) -> impl Strategy<Value = (SignatureScheme, Vec<u8>, Vec<u8>)> {
    (noise(scheme.public_key_len()), noise(scheme.signature_len())).prop_map(move |(mut key, mut signature)| {
        match scheme {
            SignatureScheme::Falcon512 => (key[0], signature[0]) = (0x09, 0x39),
            SignatureScheme::Secp256k1 => (key[0], signature[64]) = (2 + (key[0] & 1), signature[64] & 1),
            _ => {}
        }
        (scheme, key, signature)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_never_verifies_and_never_panics(
        (scheme, key, signature) in scheme().prop_flat_map(plausible), message in noise(100),
    ) {
        prop_assert!(!verify_raw(scheme.tag(), &key, &message, &signature));
        let _ = derive_account(scheme, &key);
    }

    #[test]
    fn garbage_of_any_length_never_panics(
        tag in any::<u8>(), key in (0usize..3000).prop_flat_map(noise), signature in (0usize..5000).prop_flat_map(noise),
    ) {
        prop_assert!(!verify_raw(tag % 6, &key, b"m", &signature));
    }

    #[test]
    fn recovery_never_panics(hash in any::<[u8; 32]>(), (r, s, v) in (any::<[u8; 32]>(), any::<[u8; 32]>(), 0u8..30)) {
        let mut signature = [0; 65];
        signature[..32].copy_from_slice(&r);
        signature[32..64].copy_from_slice(&s);
        signature[64] = v;
        let _ = recover_secp256k1(&hash, &signature);
    }

    #[test]
    fn garbage_secrets_never_panic(scheme in scheme(), seed in any::<[u8; 32]>()) {
        let mut secret = vec![0; KeyPair::secret_len(scheme)];
        blake3::Hasher::new().update(&seed).finalize_xof().fill(&mut secret);
        if scheme == SignatureScheme::Falcon512 {
            secret[0] = 0x59;
        }
        let key = KeyPair::from_secret(scheme, &secret);
        prop_assert_eq!(key.is_ok(), scheme == SignatureScheme::Secp256k1);
    }

    #[test]
    fn decoders_never_panic_and_what_decodes_encodes_back(bytes in (0usize..600).prop_flat_map(noise), first in 0u8..5) {
        let mut bytes = bytes;
        if let Some(tag) = bytes.first_mut() { *tag = first; }
        if let Some(length) = bytes.get_mut(1) { *length &= 0b0111_1100; }
        check_decoder::<AccountSignature>(&bytes);
        check_decoder::<PublicKey>(&bytes);
        check_decoder::<Signature>(&bytes);
        check_decoder::<SignatureScheme>(&bytes);
        check_decoder::<KemPublicKey>(&bytes);
        check_decoder::<BoundedBytes<100>>(&bytes);
    }

    #[test]
    fn keys_and_signatures_round_trip((scheme, key, signature) in scheme().prop_flat_map(plausible), bare in any::<bool>()) {
        let (key, signature) = (PublicKey::new(scheme, &key).unwrap(), Signature::new(scheme, &signature).unwrap());
        let parts = AccountSignature::from_parts(scheme, (!bare).then_some(&key), &signature).unwrap();
        prop_assert_eq!(key.encode()[0], scheme.tag());
        prop_assert!(key.encoded_size() <= PublicKey::max_encoded_len());
        prop_assert!(signature.encoded_size() <= Signature::max_encoded_len());
        prop_assert!(parts.encoded_size() <= AccountSignature::max_encoded_len());
        prop_assert_eq!(PublicKey::decode_all(&mut &key.encode()[..]).unwrap(), key);
        prop_assert_eq!(Signature::decode_all(&mut &signature.encode()[..]).unwrap(), signature);
        prop_assert_eq!(AccountSignature::decode_all(&mut &parts.encode()[..]).unwrap(), parts);
    }

    #[test]
    fn the_combiner_separates_its_domain(domain in (0usize..40).prop_flat_map(noise), data in (1usize..200).prop_flat_map(noise)) {
        let h = hash_quantum_resistant(&domain, &data);
        let mut longer = domain.clone();
        longer.push(data[0]);
        prop_assert_ne!(h, hash_quantum_resistant(&longer, &data[1..]));
        prop_assert_ne!(h, hash_quantum_resistant(&domain, &data[1..]));
        prop_assert_eq!(h, hash_quantum_resistant(&domain, &data));
    }
}

fn check_decoder<T: Decode + Encode>(bytes: &[u8]) {
    let input = &mut &bytes[..];
    if let Ok(value) = T::decode(input) {
        assert_eq!(value.encode(), bytes[..bytes.len() - input.len()]);
    }
}
