//! Trie nodes from untrusted bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quids_trie::{NodeCodec, trie_db::NodeCodec as _};

fuzz_target!(|bytes: &[u8]| {
    NodeCodec::decode(bytes).ok();
});
