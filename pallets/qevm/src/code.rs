//! Codes as they are kept: with what would otherwise be looked for at every call.

use alloc::vec::Vec;
use codec::{Compact, Decode, DecodeWithMemTracking, Encode};
use revm::bytecode::{Bytecode, JumpTable, eip7702::EIP7702_MAGIC_BYTES};
use scale_info::TypeInfo;

/// Zeros after a code on which revm runs: what a `PUSH32` as its last byte reads, and a `STOP`.
const PADDING: usize = 33;

/// A contract's code, and where jumps may go in it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Code {
    pub bytes: Vec<u8>,
    /// A bit for each byte of the code, least significant first, set at every `JUMPDEST` that is no immediate of a `PUSH`.
    /// Empty of a delegation (EIP-7702).
    pub jump_destinations: Vec<u8>,
}

impl Code {
    pub fn new(bytes: &[u8]) -> Self {
        let code = bytecode(bytes);
        let jumps = code.legacy_jump_table().map(JumpTable::as_slice).unwrap_or_default();
        Self {
            jump_destinations: jumps.to_vec(),
            bytes: bytes.to_vec(),
        }
    }

    /// The code for revm of a stored `Code`, copied once; of the same semantics as revm's own analysis of the bytes.
    pub fn bytecode_of(mut stored: &[u8]) -> Option<Bytecode> {
        let code = bytes(&mut stored)?;
        let jump_destinations = bytes(&mut stored)?;
        let is_legacy = !code.is_empty() && !code.starts_with(EIP7702_MAGIC_BYTES);
        if !is_legacy || jump_destinations.len() != code.len().div_ceil(8) {
            return Some(bytecode(code));
        }
        let padded = code.len().saturating_add(PADDING);
        let mut analysed = Vec::with_capacity(padded);
        analysed.extend_from_slice(code);
        analysed.resize(padded, 0);
        let jumps = JumpTable::from_slice(jump_destinations, code.len());
        // SAFETY: whatever the last bytes of the code are, zeros follow as far as an instruction there reads, and then a
        // `STOP`.
        Some(unsafe { Bytecode::new_analyzed(analysed.into(), code.len(), jumps) })
    }
}

/// A SCALE vector of bytes, in place.
fn bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let Compact(length) = Compact::<u32>::decode(input).ok()?;
    let (bytes, rest) = input.split_at_checked(usize::try_from(length).ok()?)?;
    *input = rest;
    Some(bytes)
}

/// As [`Bytecode::new_raw`]; bytes that begin like a delegation and are none are code, which ends at its first byte.
fn bytecode(bytes: &[u8]) -> Bytecode {
    let bytes = alloy_primitives::Bytes::copy_from_slice(bytes);
    Bytecode::new_raw_checked(bytes.clone()).unwrap_or_else(|_| Bytecode::new_legacy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use revm::bytecode::opcode::{DUPN, JUMPDEST, PUSH1, PUSH32, STOP};

    #[test]
    fn a_code_keeps_its_bytes_and_revms_jump_table() {
        let opcode = prop_oneof![
            Just(JUMPDEST),
            Just(PUSH1),
            Just(PUSH32),
            Just(DUPN),
            Just(STOP),
            Just(0xef),
            any::<u8>()
        ];
        let delegation = Just([&[0xef, 1, 0][..], &[7; 20]].concat());
        let codes = prop_oneof![
            20 => prop::collection::vec(opcode, 0..100),
            1 => delegation.clone(),
            1 => delegation.prop_map(|code| code[..22].to_vec()),
        ];
        proptest!(|(code in codes)| {
            let stored = Code::new(&code).encode();
            let (ours, revms) = (Code::bytecode_of(&stored).unwrap(), bytecode(&code));
            prop_assert!(Code::bytecode_of(&stored[..stored.len() - 1]).is_none(), "cut off");
            prop_assert_eq!(ours.original_byte_slice(), &code[..]);
            prop_assert_eq!(ours.kind(), revms.kind());
            prop_assert_eq!(ours.legacy_jump_table(), revms.legacy_jump_table());
            prop_assert_eq!(ours.hash_slow(), revms.hash_slow());
            if !code.is_empty() && !code.starts_with(EIP7702_MAGIC_BYTES) {
                prop_assert_eq!(ours.bytes_slice().len(), code.len() + PADDING, "not analysed again");
            }
            // Not less zeros than revm itself has there.
            prop_assert!(ours.bytes_slice().len() >= revms.bytes_slice().len());
        });
    }
}
