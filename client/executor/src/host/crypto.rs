//! Signatures and hashes for the guest.

use super::{Ctx, bytes, charge, memory, range, with_input_and_output};
use quids_io::with_externalities;
use wasmtime::Result;

/// Fuel of the slowest signature scheme; a byte of the message costs three more.
const VERIFY: u64 = 2_000_000;
/// Fuel of a key recovery.
const RECOVER: u64 = 60_000;
/// Fuel of a hash; a byte costs three more, and sixteen in the quantum-resistant one, which is three hashes.
const HASH: u64 = 500;

#[expect(clippy::too_many_arguments, reason = "the ABI has that many")]
pub(super) fn verify(
    mut caller: Ctx<'_>,
    scheme: u32,
    key: u32,
    key_len: u32,
    message: u32,
    message_len: u32,
    signature: u32,
    signature_len: u32,
) -> Result<u32> {
    charge(&mut caller, VERIFY + 3 * u64::from(message_len))?;
    let memory = memory(&mut caller)?;
    let key = bytes(memory, key, key_len)?;
    let message = bytes(memory, message, message_len)?;
    let signature = bytes(memory, signature, signature_len)?;
    let Ok(scheme) = u8::try_from(scheme) else { return Ok(0) };
    Ok(with_externalities(|e| e.verify_signature(scheme, key, message, signature)).into())
}

pub(super) fn secp256k1_recover(mut caller: Ctx<'_>, hash: u32, signature: u32, out: u32) -> Result<u32> {
    charge(&mut caller, RECOVER)?;
    let memory = memory(&mut caller)?;
    let (mut hash_bytes, mut signature_bytes) = ([0; 32], [0; 65]);
    hash_bytes.copy_from_slice(bytes(memory, hash, 32)?);
    signature_bytes.copy_from_slice(bytes(memory, signature, 65)?);
    let out = range(memory.len(), out, 20)?;
    match quids_crypto::recover_secp256k1(&hash_bytes, &signature_bytes) {
        Some(account) => {
            memory[out].copy_from_slice(&account.0);
            Ok(1)
        }
        None => Ok(0),
    }
}

macro_rules! hash {
    ($name:ident, $length:literal) => {
        pub(super) fn $name(mut caller: Ctx<'_>, data: u32, length: u32, out: u32) -> Result<()> {
            charge(&mut caller, HASH + 3 * u64::from(length))?;
            with_input_and_output(
                memory(&mut caller)?,
                (data, length),
                (out, $length),
                |data, out| {
                    out.copy_from_slice(&quids_crypto::$name(data));
                },
            )
        }
    };
}

hash!(blake2b_128, 16);
hash!(blake2b_256, 32);
hash!(blake3_256, 32);
hash!(keccak_256, 32);

pub(super) fn quantum_resistant(
    mut caller: Ctx<'_>,
    domain: u32,
    domain_len: u32,
    data: u32,
    length: u32,
    out: u32,
) -> Result<()> {
    charge(&mut caller, HASH + 16 * (u64::from(domain_len) + u64::from(length)))?;
    let memory = memory(&mut caller)?;
    let out = range(memory.len(), out, 64)?;
    let hash = quids_crypto::hash_quantum_resistant(bytes(memory, domain, domain_len)?, bytes(memory, data, length)?);
    memory[out].copy_from_slice(&hash);
    Ok(())
}
