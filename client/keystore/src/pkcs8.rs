//! PKCS#8 (RFC 5958) in PEM (RFC 7468): the seed forms of ML-DSA-87 (RFC 9881) and ML-KEM-1024, and secp256k1 as
//! SEC 1's ECPrivateKey (RFC 5915). Reads exactly what it writes, plus an EC key without its public half.

use crate::{KeyError, Secret};
use base64ct::{Base64, Encoding};
use quids_crypto::{KemKeyPair, KeyPair, decompress_secp256k1};
use zeroize::{Zeroize, Zeroizing};

const FORMAT: &str = "pem";
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// Characters in a line (RFC 7468 §3).
const LINE: usize = 64;
/// A larger text is none of ours: the longest of them has 250 bytes.
pub(crate) const PEM_BYTES_MAX: usize = 4096;

/// AlgorithmIdentifier of id-ml-dsa-87, 2.16.840.1.101.3.4.3.19, without parameters.
const ML_DSA_87: &[u8] = &[
    0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13,
];
/// AlgorithmIdentifier of id-alg-ml-kem-1024, 2.16.840.1.101.3.4.4.3, without parameters.
const ML_KEM_1024: &[u8] = &[
    0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x03,
];
/// AlgorithmIdentifier of id-ecPublicKey, 1.2.840.10045.2.1, on the curve secp256k1, 1.3.132.0.10.
const SECP256K1: &[u8] = &[
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a,
];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// [0] IMPLICIT OCTET STRING: the seed of RFC 9881's choice.
const SEED: u8 = 0x80;
/// [1] EXPLICIT: the public key of RFC 5915.
const PUBLIC: u8 = 0xa1;

/// The key as PEM. [`KeyError::NoSuchForm`] for Falcon and SPHINCS+, which have no standard form, and for an ML-DSA-87
/// key whose seed is not known.
pub(crate) fn encode(secret: &Secret) -> Result<Zeroizing<String>, KeyError> {
    let (algorithm, inner) = match secret {
        Secret::Seed { seed, .. } => (ML_DSA_87, tagged(SEED, &[&**seed])),
        Secret::Kem(key) => (ML_KEM_1024, tagged(SEED, &[key.seed()])),
        Secret::Account(key) => match key.scheme() {
            quids_crypto::SignatureScheme::Secp256k1 => (SECP256K1, ec_private_key(key)),
            quids_crypto::SignatureScheme::MlDsa87 => {
                return Err(secret.lacks("has no PKCS#8 form here: its seed is not known"));
            }
            _ => return Err(secret.lacks("has no standard PKCS#8 form")),
        },
        Secret::Mnemonic { .. } => return encode(&secret.clone().without_mnemonic()?),
    };
    let version = tagged(INTEGER, &[&[0]]);
    let key = tagged(OCTET_STRING, &[&inner]);
    Ok(armor(&tagged(SEQUENCE, &[&version, algorithm, &key])))
}

/// The key of a PEM. Text around the two marker lines is refused, as is any DER but the shortest.
pub(crate) fn decode(text: &str) -> Result<Secret, KeyError> {
    let bad = |reason: &str| KeyError::Import {
        format: FORMAT,
        reason: reason.into(),
    };
    let der = dearmor(text).map_err(bad)?;
    let mut outer = &der[..];
    let mut info = take(&mut outer, SEQUENCE).map_err(bad)?;
    let version = take(&mut info, INTEGER).map_err(bad)?;
    if version != [0] {
        return Err(bad("PKCS#8 of a version other than 0"));
    }
    let algorithm = [ML_DSA_87, ML_KEM_1024, SECP256K1]
        .into_iter()
        .find(|id| info.starts_with(id));
    let algorithm = algorithm.ok_or_else(|| bad("the algorithm is none of ml-dsa-87, ml-kem-1024, secp256k1"))?;
    info = &info[algorithm.len()..];
    let mut key = take(&mut info, OCTET_STRING).map_err(bad)?;
    if !info.is_empty() || !outer.is_empty() {
        return Err(bad("more after the key: attributes are not supported"));
    }
    if algorithm == SECP256K1 {
        return from_ec_private_key(key).map_err(bad);
    }
    if key.first() != Some(&SEED) {
        return Err(bad("only the seed form of the key is supported, not the expanded one"));
    }
    let seed = take(&mut key, SEED).map_err(bad)?;
    if !key.is_empty() {
        return Err(bad("more after the seed"));
    }
    match (algorithm == ML_DSA_87, seed.len()) {
        // UNWRAP, twice: the length is matched.
        (true, 32) => Secret::from_seed(seed.try_into().expect("32 bytes")),
        (false, 64) => Ok(Secret::Kem(KemKeyPair::from_seed(seed.try_into().expect("64 bytes")))),
        _ => Err(bad("the seed has the wrong length")),
    }
}

/// RFC 5915 within PKCS#8, as OpenSSL writes it: no parameters, with the public key.
fn ec_private_key(key: &KeyPair) -> Zeroizing<Vec<u8>> {
    let version = tagged(INTEGER, &[&[1]]);
    let secret = tagged(OCTET_STRING, &[key.secret_bytes()]);
    // No unused bits, then SEC 1's mark of an uncompressed point.
    let public = tagged(BIT_STRING, &[&[0, 4], &uncompressed(key)]);
    let public = tagged(PUBLIC, &[&public]);
    tagged(SEQUENCE, &[&version, &secret, &public])
}

fn from_ec_private_key(mut der: &[u8]) -> Result<Secret, &'static str> {
    let mut inner = take(&mut der, SEQUENCE)?;
    if take(&mut inner, INTEGER)? != [1] || !der.is_empty() {
        return Err("no ECPrivateKey of version 1");
    }
    let secret: &[u8; 32] = take(&mut inner, OCTET_STRING)?
        .try_into()
        .map_err(|_| "the secp256k1 key is not 32 bytes")?;
    let key = KeyPair::from_secp256k1_secret(secret).map_err(|_| "the secp256k1 key is zero or out of range")?;
    if !inner.is_empty() {
        let mut public = take(&mut inner, PUBLIC)?;
        let point = take(&mut public, BIT_STRING)?;
        if !inner.is_empty() || !public.is_empty() || point != [&[0, 4][..], &uncompressed(&key)].concat() {
            return Err("the public key is not that of the secret");
        }
    }
    Ok(Secret::Account(key))
}

fn uncompressed(key: &KeyPair) -> [u8; 64] {
    // UNWRAP: a key pair's public key is a point.
    decompress_secp256k1(key.public().as_bytes()).expect("a point of the curve")
}

/// DER: tag, length, and the parts as content; all of ours are below 256 bytes.
fn tagged(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Zeroizing::new(Vec::with_capacity(length + 3));
    out.push(tag);
    if length >= 0x80 {
        out.push(0x81);
    }
    // UNWRAP: the longest key is a secp256k1 key with its public half, 132 bytes.
    out.push(u8::try_from(length).expect("a short structure"));
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// Takes an element with this tag and a length in its shortest form off the front, and returns its content.
fn take<'a>(input: &mut &'a [u8], tag: u8) -> Result<&'a [u8], &'static str> {
    let (&[found, length], rest) = input.split_first_chunk::<2>().ok_or("the DER ends too early")?;
    if found != tag {
        return Err("the DER has another structure");
    }
    let (length, rest) = match (length, rest.split_first()) {
        (0..=0x7f, _) => (length, rest),
        (0x81, Some((&length @ 0x80.., rest))) => (length, rest),
        _ => return Err("a DER length is too long, or not in its shortest form"),
    };
    let (content, rest) = rest.split_at_checked(length.into()).ok_or("the DER ends too early")?;
    *input = rest;
    Ok(content)
}

fn armor(der: &[u8]) -> Zeroizing<String> {
    let mut buffer = Zeroizing::new(vec![0; Base64::encoded_len(der)]);
    // UNWRAP: the buffer has the length that the encoding takes.
    let digits = Base64::encode(der, &mut buffer).expect("room for it");
    let mut text = Zeroizing::new(String::with_capacity(digits.len() * 2 + 80));
    text.push_str(BEGIN);
    text.push('\n');
    let mut rest = digits;
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str(END);
    text.push('\n');
    text
}

fn dearmor(text: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    if text.len() > PEM_BYTES_MAX {
        return Err("larger than 4096 bytes");
    }
    let mut lines = text.trim().lines().map(str::trim_end);
    if lines.next() != Some(BEGIN) {
        return Err("the first line is not -----BEGIN PRIVATE KEY-----");
    }
    let mut digits = Zeroizing::new(String::with_capacity(text.len()));
    for line in lines.by_ref() {
        if line == END {
            if lines.next().is_some() {
                return Err("more after the last line");
            }
            let mut buffer = Zeroizing::new(vec![0; digits.len()]);
            let bytes = Base64::decode(digits.as_bytes(), &mut buffer).map_err(|_| "a line is no base64")?;
            let der = Zeroizing::new(bytes.to_vec());
            buffer.zeroize();
            return Ok(der);
        }
        digits.push_str(line);
    }
    Err("the line -----END PRIVATE KEY----- is missing")
}
