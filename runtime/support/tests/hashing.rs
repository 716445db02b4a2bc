//! xxHash64 and storage prefixes against the `twox-hash` crate and Substrate's known keys.

use quids_support::{
    events::EVENTS_KEY,
    storage::hasher::{storage_prefix, xxhash64},
};
use twox_hash::XxHash64;

#[test]
fn xxhash64_agrees_with_the_reference_for_every_length() {
    let data: Vec<u8> = (0..300u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for length in 0..=data.len() {
        for seed in [0, 1, 2, u64::MAX, 0x0123_4567_89AB_CDEF] {
            let data = &data[..length];
            assert_eq!(
                xxhash64(data, seed),
                XxHash64::oneshot(seed, data),
                "{length} bytes, seed {seed}"
            );
        }
    }
}

#[test]
fn storage_prefixes_are_substrates() {
    check_prefix(
        "System",
        "Account",
        "26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9",
    );
    check_prefix(
        "System",
        "Events",
        "26aa394eea5630e07c48ae0c9558cef780d41e5e16056765bc8461851072c9d7",
    );
    check_prefix(
        "Timestamp",
        "Now",
        "f0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb",
    );
    assert_eq!(EVENTS_KEY, storage_prefix("System", "Events"));
}

fn check_prefix(pallet: &str, item: &str, expected: &str) {
    let hex: String = storage_prefix(pallet, item)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, expected);
}
