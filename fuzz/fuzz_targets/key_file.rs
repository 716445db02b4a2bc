//! Key files of both versions and PEM: any bytes are judged without a panic, and what a PEM gives survives its way out
//! and in again.
#![no_main]
use libfuzzer_sys::fuzz_target;
use quids_keystore::{Format, KeyFile, export_secret, import_secret};
use std::path::Path;

fuzz_target!(|data: &[u8]| {
    // Reads the text only: the key derivation that it asks for is bounded, but not run.
    if let Ok(file) = KeyFile::parse(Path::new("fuzz"), data) {
        assert!(file.is_encrypted() || file.unlock(None).is_ok());
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(secret) = import_secret(text, Format::Pem, None, 0) {
        let written = export_secret(&secret, Format::Pem).expect("what was read can be written");
        let again = import_secret(&written, Format::Pem, None, 0).expect("what was written can be read");
        assert_eq!(again.public_bytes(), secret.public_bytes());
    }
});
