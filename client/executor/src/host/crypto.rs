//! Signatures and hashes for the guest.

use super::{Ctx, answer, bytes, charge, memory, range, with_input_and_output};
use quids_crypto::{EthereumOperation, MlDsaLevel};
use quids_io::with_externalities;
use wasmtime::Result;

/// Fuel of the slowest signature scheme; a byte of the message costs three more.
const VERIFY: u64 = 2_000_000;
/// Fuel of an ML-DSA verification; a byte of the message costs three more.
const ML_DSA: u64 = 100_000;
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

#[expect(clippy::too_many_arguments, reason = "the ABI has that many")]
pub(super) fn ml_dsa_verify(
    mut caller: Ctx<'_>,
    level: u32,
    key: u32,
    key_len: u32,
    message: u32,
    message_len: u32,
    signature: u32,
    signature_len: u32,
) -> Result<u32> {
    charge(&mut caller, ML_DSA + 3 * u64::from(message_len))?;
    let memory = memory(&mut caller)?;
    let key = bytes(memory, key, key_len)?;
    let message = bytes(memory, message, message_len)?;
    let signature = bytes(memory, signature, signature_len)?;
    let Some(level) = MlDsaLevel::from_number(level) else {
        return Ok(0);
    };
    Ok(quids_crypto::verify_ml_dsa(level, key, message, signature).into())
}

/// Fuel of an operation on `input`: above its time in nanoseconds on the reference machine.
fn ethereum_fuel(operation: EthereumOperation, input: &[u8]) -> u64 {
    use EthereumOperation as Op;
    let length = input.len() as u64;
    match operation {
        Op::Sha256 | Op::Ripemd160 => HASH + 6 * length,
        Op::Secp256k1Recover => RECOVER,
        // Bits of the exponent times the square of the larger operand's words: at most 8 · n³ / 64 of n bytes, and what
        // the header says is not looked at.
        Op::ModExp => length.saturating_pow(3).saturating_add(5_000),
        Op::Bn254Add => 5_000,
        Op::Bn254Mul => 100_000,
        Op::Bn254Pairing => 500_000 + length.saturating_mul(2_500),
        Op::Blake2F => match input.first_chunk() {
            Some(rounds) => HASH + 20 * u64::from(u32::from_be_bytes(*rounds)),
            None => HASH,
        },
        Op::Secp256r1Verify => 300_000,
        Op::KzgVerify => 2_000_000,
        Op::Bls12G1Add | Op::Bls12G2Add => 20_000,
        Op::Bls12G1Msm => 50_000 + 2_500 * length,
        Op::Bls12G2Msm => 50_000 + 2_500 * length,
        Op::Bls12Pairing => 1_000_000 + 2_500 * length,
        Op::Bls12MapFpToG1 => 100_000,
        Op::Bls12MapFp2ToG2 => 300_000,
    }
}

pub(super) fn ethereum(
    mut caller: Ctx<'_>,
    operation: u32,
    input: u32,
    length: u32,
    out: u32,
    capacity: u32,
) -> Result<i64> {
    let Some(operation) = EthereumOperation::from_number(operation) else {
        return Ok(-1);
    };
    let fuel = ethereum_fuel(operation, bytes(memory(&mut caller)?, input, length)?);
    charge(&mut caller, fuel)?;
    let memory = memory(&mut caller)?;
    let out = range(memory.len(), out, capacity)?;
    match quids_crypto::ethereum_operation(operation, bytes(memory, input, length)?) {
        Some(found) => Ok(answer(&mut memory[out], &found)),
        None => Ok(-1),
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
