//! Hash functions, and the 512-bit combiner that outlives the fall of one of its two.
use sha3::{Digest, Keccak256, Sha3_512};

/// Label of the combiner's first layer: BLAKE3 key derivation context and SHA3 prefix alike (prefix-free: equal lengths).
const QR_INNER: &str = "quids 2026 qr-hash v1 inner";
/// Label of the combiner's second layer.
const QR_OUTER: &str = "quids 2026 qr-hash v1 outer";

/// BLAKE3, 32 bytes: trie nodes, block hashes, keys.
pub fn blake3_256(data: &[u8]) -> [u8; 32] {
    *blake3::hash(data).as_bytes()
}

/// The chain's hash: BLAKE3-256.
pub fn hash(data: &[u8]) -> [u8; 32] {
    blake3_256(data)
}

/// Keccak-256 with the original padding, as Ethereum has it, 32 bytes.
pub fn keccak_256(data: &[u8]) -> [u8; 32] {
    Keccak256::digest(data).into()
}

/// SHA3-512 (FIPS 202), 64 bytes.
pub fn sha3_512(data: &[u8]) -> [u8; 64] {
    Sha3_512::digest(data).into()
}

/// BLAKE2b with a 32-byte digest (RFC 7693).
pub fn blake2b_256(data: &[u8]) -> [u8; 32] {
    blake2b(data)
}

/// BLAKE2b with a 16-byte digest (RFC 7693): FRAME's `Blake2_128Concat`.
pub fn blake2b_128(data: &[u8]) -> [u8; 16] {
    blake2b(data)
}

fn blake2b<const N: usize>(data: &[u8]) -> [u8; N] {
    let digest = blake2b_simd::Params::new().hash_length(N).hash(data);
    let mut out = [0; N];
    out.copy_from_slice(digest.as_bytes());
    out
}

/// XXH64 with seed 0, 8 bytes little-endian: FRAME's `Twox64Concat`. Not cryptographic.
pub fn twox_64(data: &[u8]) -> [u8; 8] {
    twox_hash::XxHash64::oneshot(0, data).to_le_bytes()
}

/// XXH64 with seeds 0 and 1, 16 bytes: the prefixes of storage keys. Not cryptographic.
pub fn twox_128(data: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out[..8].copy_from_slice(&twox_64(data));
    out[8..].copy_from_slice(&twox_hash::XxHash64::oneshot(1, data).to_le_bytes());
    out
}

/// The 512-bit quantum-resistant hash: upgrade code, genesis, checkpoints.
///
/// ```text
/// M = le64(|domain|) ‖ domain ‖ data                      (injective)
/// z = B_inner(M) ‖ S_inner(M)                             (128 bytes)
/// H = B_outer(z) ⊕ S_outer(z)                             (64 bytes)
/// B_x = BLAKE3 in derive-key mode under context x, XOF output of 64 bytes
/// S_x = SHA3-512(x ‖ ·)                                   (both labels have the same length)
/// ```
///
/// The argument, and where it ends (in full in this folder's README):
/// - `z` collides only if BLAKE3 **and** SHA3 collide on the same pair: in the standard model, `z` is collision
///   resistant if either is.
/// - `z → H` compresses 128 bytes to 64. No black-box combiner can provably preserve collision resistance with an
///   output this short (Boneh–Boyen 2006, Pietrzak 2007), so here the surviving function is taken as a random oracle and
///   the fallen one as any function chosen without reference to it. `H` is then uniform per distinct `z`, so collisions
///   and (second) preimages cost what they cost for a 512-bit random function, up to the survivor's own strength.
/// - That strength is SHA3-512's (256-bit collisions, 512-bit preimages) or, if only BLAKE3 is left, that of its 256-bit
///   chaining value: 128-bit collisions and 256-bit preimages, however many bytes are output.
pub fn hash_quantum_resistant(domain: &[u8], data: &[u8]) -> [u8; 64] {
    let domain_len = (domain.len() as u64).to_le_bytes();
    let message = [&domain_len[..], domain, data];
    let mut z = [0; 128];
    z[..64].copy_from_slice(&blake3_xof_512(QR_INNER, &message));
    z[64..].copy_from_slice(&sha3_512_labelled(QR_INNER, &message));
    let mut out = blake3_xof_512(QR_OUTER, &[&z]);
    for (a, b) in out.iter_mut().zip(sha3_512_labelled(QR_OUTER, &[&z])) {
        *a ^= b;
    }
    out
}

fn blake3_xof_512(context: &str, parts: &[&[u8]]) -> [u8; 64] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    let mut out = [0; 64];
    hasher.finalize_xof().fill(&mut out);
    out
}

fn sha3_512_labelled(label: &str, parts: &[&[u8]]) -> [u8; 64] {
    let mut hasher = Sha3_512::new();
    hasher.update(label);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

const _: () = assert!(QR_INNER.len() == QR_OUTER.len(), "labels must be prefix-free");
