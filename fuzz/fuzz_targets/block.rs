//! Blocks and headers, as peers and files bring them.
#![no_main]

use codec::{DecodeAll, Encode};
use libfuzzer_sys::fuzz_target;
use quids_core::{Block, Header};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(block) = Block::decode_all(&mut &bytes[..]) {
        assert_eq!(Block::decode_all(&mut block.encode().as_slice()).as_ref(), Ok(&block));
    }
    if let Ok(header) = Header::decode_all(&mut &bytes[..]) {
        header.hash();
    }
});
