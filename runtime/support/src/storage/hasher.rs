//! Hashers of storage keys, and the prefix of a storage item at compile time.

use alloc::vec::Vec;
use frame_metadata::v15;

/// How a map's key becomes part of a storage key.
pub trait StorageHasher {
    /// As metadata names it.
    const METADATA: v15::StorageHasher;
    /// Bytes in front of the encoded key.
    const HASH_LENGTH: usize;
    /// Appends hash and encoded key.
    fn append(encoded_key: &[u8], out: &mut Vec<u8>);
}

/// BLAKE2b-128 in front of the key: for keys that an attacker can choose.
pub struct Blake2_128Concat;
/// xxHash64 in front of the key: for keys that nobody can choose freely.
pub struct Twox64Concat;
/// The key itself: for keys that are uniformly distributed hashes.
pub struct Identity;

impl StorageHasher for Blake2_128Concat {
    const METADATA: v15::StorageHasher = v15::StorageHasher::Blake2_128Concat;
    const HASH_LENGTH: usize = 16;
    fn append(encoded_key: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&quids_io::hashing::blake2b_128(encoded_key));
        out.extend_from_slice(encoded_key);
    }
}

impl StorageHasher for Twox64Concat {
    const METADATA: v15::StorageHasher = v15::StorageHasher::Twox64Concat;
    const HASH_LENGTH: usize = 8;
    fn append(encoded_key: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&xxhash64(encoded_key, 0).to_le_bytes());
        out.extend_from_slice(encoded_key);
    }
}

impl StorageHasher for Identity {
    const METADATA: v15::StorageHasher = v15::StorageHasher::Identity;
    const HASH_LENGTH: usize = 0;
    fn append(encoded_key: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(encoded_key);
    }
}

/// `twox128(pallet) ‖ twox128(item)`, at compile time.
pub const fn storage_prefix(pallet: &str, item: &str) -> [u8; 32] {
    let halves = [
        xxhash64(pallet.as_bytes(), 0),
        xxhash64(pallet.as_bytes(), 1),
        xxhash64(item.as_bytes(), 0),
        xxhash64(item.as_bytes(), 1),
    ];
    let mut out = [0u8; 32];
    let mut i = 0;
    while i < 32 {
        out[i] = halves[i / 8].to_le_bytes()[i % 8];
        i += 1;
    }
    out
}

const P1: u64 = 0x9E37_79B1_85EB_CA87;
const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const P3: u64 = 0x1656_67B1_9E37_79F9;
const P4: u64 = 0x85EB_CA77_C2B2_AE63;
const P5: u64 = 0x27D4_EB2F_1656_67C5;

const fn read64(data: &[u8], at: usize) -> u64 {
    let mut value = 0;
    let mut i = 0;
    while i < 8 {
        value |= (data[at + i] as u64) << (8 * i);
        i += 1;
    }
    value
}

const fn round(accumulator: u64, input: u64) -> u64 {
    accumulator
        .wrapping_add(input.wrapping_mul(P2))
        .rotate_left(31)
        .wrapping_mul(P1)
}

const fn merge_round(hash: u64, accumulator: u64) -> u64 {
    (hash ^ round(0, accumulator)).wrapping_mul(P1).wrapping_add(P4)
}

/// xxHash64. Written here because it must run at compile time; tested against the `twox-hash` crate.
pub const fn xxhash64(data: &[u8], seed: u64) -> u64 {
    let mut at = 0;
    let mut hash = if data.len() >= 32 {
        let mut v1 = seed.wrapping_add(P1).wrapping_add(P2);
        let mut v2 = seed.wrapping_add(P2);
        let mut v3 = seed;
        let mut v4 = seed.wrapping_sub(P1);
        while at + 32 <= data.len() {
            v1 = round(v1, read64(data, at));
            v2 = round(v2, read64(data, at + 8));
            v3 = round(v3, read64(data, at + 16));
            v4 = round(v4, read64(data, at + 24));
            at += 32;
        }
        let hash = v1
            .rotate_left(1)
            .wrapping_add(v2.rotate_left(7))
            .wrapping_add(v3.rotate_left(12))
            .wrapping_add(v4.rotate_left(18));
        merge_round(merge_round(merge_round(merge_round(hash, v1), v2), v3), v4)
    } else {
        seed.wrapping_add(P5)
    };
    hash = hash.wrapping_add(data.len() as u64);
    while at + 8 <= data.len() {
        hash = (hash ^ round(0, read64(data, at)))
            .rotate_left(27)
            .wrapping_mul(P1)
            .wrapping_add(P4);
        at += 8;
    }
    if at + 4 <= data.len() {
        let word =
            data[at] as u64 | (data[at + 1] as u64) << 8 | (data[at + 2] as u64) << 16 | (data[at + 3] as u64) << 24;
        hash = (hash ^ word.wrapping_mul(P1))
            .rotate_left(23)
            .wrapping_mul(P2)
            .wrapping_add(P3);
        at += 4;
    }
    while at < data.len() {
        hash = (hash ^ (data[at] as u64).wrapping_mul(P5))
            .rotate_left(11)
            .wrapping_mul(P1);
        at += 1;
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(P2);
    hash = (hash ^ (hash >> 29)).wrapping_mul(P3);
    hash ^ (hash >> 32)
}
