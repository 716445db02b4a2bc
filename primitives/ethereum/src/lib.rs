//! Ethereum's transactions and the post-quantum one: bytes, hashes, what is signed.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;
