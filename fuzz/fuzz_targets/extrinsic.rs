//! Extrinsics: what decodes encodes to the same bytes; nothing panics.
#![no_main]

use codec::Encode;
use libfuzzer_sys::fuzz_target;
use quids_runtime::Extrinsic;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(extrinsic) = Extrinsic::from_bytes(bytes) {
        let encoded = extrinsic.encode();
        // SCALE accepts a compact number in more than one length, so the bytes may differ; their meaning may not.
        assert_eq!(Extrinsic::from_bytes(&encoded).as_ref(), Ok(&extrinsic));
        extrinsic.without_signature();
    }
});
