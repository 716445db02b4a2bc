//! Drops a module's custom sections (names, producers, debug information). They mean nothing to execution, weigh on
//! the state that holds the code, and differ between toolchains that compile the same instructions.

use std::fmt;

const MAGIC_AND_VERSION: &[u8] = b"\0asm\x01\0\0\0";
const CUSTOM: u8 = 0;

/// The module without its custom sections; every other byte stays.
pub fn without_custom_sections(module: &[u8]) -> Result<Vec<u8>, MalformedModule> {
    let mut rest = module
        .strip_prefix(MAGIC_AND_VERSION)
        .ok_or(MalformedModule { offset: 0 })?;
    let mut out = MAGIC_AND_VERSION.to_vec();
    while let Some((&id, after_id)) = rest.split_first() {
        let malformed = MalformedModule {
            offset: module.len() - rest.len(),
        };
        let (length, body) = leb128_u32(after_id).ok_or(malformed)?;
        let header = rest.len() - body.len();
        let end = header
            .checked_add(length)
            .filter(|end| *end <= rest.len())
            .ok_or(malformed)?;
        let (section, next) = rest.split_at(end);
        if id != CUSTOM {
            out.extend_from_slice(section);
        }
        rest = next;
    }
    Ok(out)
}

/// Decodes an unsigned LEB128 of at most 32 bits; also returns what follows it.
fn leb128_u32(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).ok()?;
            return Some((value as usize, &bytes[index + 1..]));
        }
    }
    None
}

/// Not a WASM binary module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedModule {
    /// Where the section starts that could not be read.
    pub offset: usize,
}

impl fmt::Display for MalformedModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a WASM module: cannot read the section at byte {}", self.offset)
    }
}

impl std::error::Error for MalformedModule {}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(sections: &[&[u8]]) -> Vec<u8> {
        [&[MAGIC_AND_VERSION], sections].concat().concat()
    }

    #[test]
    fn only_custom_sections_go() {
        let types: &[u8] = &[1, 4, 1, 0x60, 0, 0];
        let long_length: &[u8] = &[3, 0x82, 0x00, 1, 0];
        let name: &[u8] = &[0, 5, 4, b'n', b'a', b'm', b'e'];
        let with = module(&[name, types, name, long_length, name]);
        assert_eq!(without_custom_sections(&with), Ok(module(&[types, long_length])));
        assert_eq!(without_custom_sections(&module(&[])), Ok(module(&[])));
    }

    #[test]
    fn what_is_no_module_is_refused() {
        let check = |bytes: &[u8], offset| assert_eq!(without_custom_sections(bytes), Err(MalformedModule { offset }));
        check(b"", 0);
        check(b"\0asm\x02\0\0\0", 0);
        check(&module(&[&[1]]), 8);
        check(&module(&[&[1, 2, 0]]), 8);
        check(&module(&[&[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0]]), 8);
        check(&module(&[&[1, 1, 0], &[2, 9]]), 11);
    }
}
