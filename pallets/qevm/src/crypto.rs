//! revm's cryptography, done by the host, and the warm-up of revm's statics.

use alloc::vec::Vec;
use quids_io::crypto::{EthereumOperation as Op, ethereum};
use revm::{
    bytecode::Bytecode,
    context_interface::cfg::GasParams,
    precompile::{
        Crypto, PrecompileHalt,
        bls12_381::{G1Point, G1PointScalar, G2Point, G2PointScalar},
    },
    primitives::{AddressSet, hardfork::SpecId},
};

/// Fills every static of revm that holds a pointer to the heap, so that it survives `quids_reset` (`quids_io::warm!`):
/// the gas tables, the empty code, the cryptography. Two more are in revm 43 and are not reached: the tables of
/// `Precompiles`, instead of which there is [`crate::precompiles::QuidsPrecompiles`], and the trusted setup of KZG, which
/// the host has. The hash maps' seed is no pointer; it is fixed here because it is taken from the depth of the stack.
pub fn warm() {
    for spec in (0..=u8::MAX).map_while(SpecId::try_from_u8) {
        let _ = GasParams::new_spec(spec);
    }
    let _ = Bytecode::default().hash_slow();
    let _ = AddressSet::default();
    install();
}

/// Has revm call the host for cryptography. `false` if some implementation is installed already.
pub fn install() -> bool {
    revm::install_crypto(HostCrypto)
}

/// revm's cryptography by host functions.
#[derive(Clone, Copy, Debug)]
pub struct HostCrypto;

/// The answer of an operation whose answers have `N` bytes.
fn fixed<const N: usize>(operation: Op, input: &[u8], refused: PrecompileHalt) -> Result<[u8; N], PrecompileHalt> {
    let mut out = [0; N];
    match ethereum(operation, input, &mut out) {
        Some(length) if length == N => Ok(out),
        _ => Err(refused),
    }
}

/// The answer of an operation that is a verdict.
fn verdict(operation: Op, input: &[u8], refused: PrecompileHalt) -> Result<bool, PrecompileHalt> {
    fixed(operation, input, refused).map(|[holds]| holds == 1)
}

fn g1((x, y): &G1Point) -> [&[u8]; 2] {
    [x, y]
}

fn g2((x0, x1, y0, y1): &G2Point) -> [&[u8]; 4] {
    [x0, x1, y0, y1]
}

impl Crypto for HostCrypto {
    fn sha256(&self, input: &[u8]) -> [u8; 32] {
        // A hash refuses nothing.
        fixed(Op::Sha256, input, PrecompileHalt::OutOfGas).unwrap_or_default()
    }

    fn ripemd160(&self, input: &[u8]) -> [u8; 32] {
        fixed(Op::Ripemd160, input, PrecompileHalt::OutOfGas).unwrap_or_default()
    }

    fn bn254_g1_add(&self, p1: &[u8], p2: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
        fixed(
            Op::Bn254Add,
            &[p1, p2].concat(),
            PrecompileHalt::Bn254AffineGFailedToCreate,
        )
    }

    fn bn254_g1_mul(&self, point: &[u8], scalar: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
        fixed(
            Op::Bn254Mul,
            &[point, scalar].concat(),
            PrecompileHalt::Bn254AffineGFailedToCreate,
        )
    }

    fn bn254_pairing_check(&self, pairs: &[(&[u8], &[u8])]) -> Result<bool, PrecompileHalt> {
        let input: Vec<u8> = pairs
            .iter()
            .flat_map(|(g1, g2)| [*g1, *g2])
            .flatten()
            .copied()
            .collect();
        verdict(Op::Bn254Pairing, &input, PrecompileHalt::Bn254AffineGFailedToCreate)
    }

    fn secp256k1_ecrecover(&self, sig: &[u8; 64], recid: u8, msg: &[u8; 32]) -> Result<[u8; 32], PrecompileHalt> {
        let input = [&msg[..], sig, &[recid]].concat();
        fixed(Op::Secp256k1Recover, &input, PrecompileHalt::Secp256k1RecoverFailed)
    }

    fn modexp(&self, base: &[u8], exp: &[u8], modulus: &[u8]) -> Result<Vec<u8>, PrecompileHalt> {
        let parts = [base, exp, modulus];
        let mut input = Vec::new();
        for part in parts {
            let length = u32::try_from(part.len()).map_err(|_| PrecompileHalt::ModexpEip7823LimitSize)?;
            input.extend_from_slice(&length.to_le_bytes());
        }
        parts.iter().for_each(|part| input.extend_from_slice(part));
        let mut out = alloc::vec![0; modulus.len()];
        let length = ethereum(Op::ModExp, &input, &mut out).ok_or(PrecompileHalt::ModexpEip7823LimitSize)?;
        out.truncate(length);
        Ok(out)
    }

    fn blake2_compress(&self, rounds: u32, h: &mut [u64; 8], m: &[u64; 16], t: &[u64; 2], f: bool) {
        let words = h.iter().chain(m).chain(t).flat_map(|word| word.to_le_bytes());
        let input: Vec<u8> = rounds
            .to_be_bytes()
            .into_iter()
            .chain(words)
            .chain([u8::from(f)])
            .collect();
        let Ok(out) = fixed::<64>(Op::Blake2F, &input, PrecompileHalt::Blake2WrongLength) else {
            return;
        };
        for (word, bytes) in h.iter_mut().zip(out.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
    }

    fn secp256r1_verify_signature(&self, msg: &[u8; 32], sig: &[u8; 64], pk: &[u8; 64]) -> bool {
        let input = [&msg[..], sig, pk].concat();
        verdict(Op::Secp256r1Verify, &input, PrecompileHalt::OutOfGas).unwrap_or_default()
    }

    fn verify_kzg_proof(
        &self,
        z: &[u8; 32],
        y: &[u8; 32],
        commitment: &[u8; 48],
        proof: &[u8; 48],
    ) -> Result<(), PrecompileHalt> {
        let input = [&z[..], y, commitment, proof].concat();
        match verdict(Op::KzgVerify, &input, PrecompileHalt::BlobVerifyKzgProofFailed)? {
            true => Ok(()),
            false => Err(PrecompileHalt::BlobVerifyKzgProofFailed),
        }
    }

    fn bls12_381_g1_add(&self, a: G1Point, b: G1Point) -> Result<[u8; 96], PrecompileHalt> {
        let input = [g1(&a), g1(&b)].concat().concat();
        fixed(Op::Bls12G1Add, &input, PrecompileHalt::Bls12381G1NotOnCurve)
    }

    fn bls12_381_g1_msm(
        &self,
        pairs: &mut dyn Iterator<Item = Result<G1PointScalar, PrecompileHalt>>,
    ) -> Result<[u8; 96], PrecompileHalt> {
        let mut input = Vec::new();
        for pair in pairs {
            let (point, scalar) = pair?;
            g1(&point).iter().for_each(|part| input.extend_from_slice(part));
            input.extend_from_slice(&scalar);
        }
        fixed(Op::Bls12G1Msm, &input, PrecompileHalt::Bls12381G1NotInSubgroup)
    }

    fn bls12_381_g2_add(&self, a: G2Point, b: G2Point) -> Result<[u8; 192], PrecompileHalt> {
        let input = [g2(&a), g2(&b)].concat().concat();
        fixed(Op::Bls12G2Add, &input, PrecompileHalt::Bls12381G2NotOnCurve)
    }

    fn bls12_381_g2_msm(
        &self,
        pairs: &mut dyn Iterator<Item = Result<G2PointScalar, PrecompileHalt>>,
    ) -> Result<[u8; 192], PrecompileHalt> {
        let mut input = Vec::new();
        for pair in pairs {
            let (point, scalar) = pair?;
            g2(&point).iter().for_each(|part| input.extend_from_slice(part));
            input.extend_from_slice(&scalar);
        }
        fixed(Op::Bls12G2Msm, &input, PrecompileHalt::Bls12381G2NotInSubgroup)
    }

    fn bls12_381_pairing_check(&self, pairs: &[(G1Point, G2Point)]) -> Result<bool, PrecompileHalt> {
        let mut input = Vec::new();
        for (one, other) in pairs {
            g1(one).iter().for_each(|part| input.extend_from_slice(part));
            g2(other).iter().for_each(|part| input.extend_from_slice(part));
        }
        verdict(Op::Bls12Pairing, &input, PrecompileHalt::Bls12381G1NotInSubgroup)
    }

    fn bls12_381_fp_to_g1(&self, fp: &[u8; 48]) -> Result<[u8; 96], PrecompileHalt> {
        fixed(Op::Bls12MapFpToG1, fp, PrecompileHalt::NonCanonicalFp)
    }

    fn bls12_381_fp2_to_g2(&self, fp2: ([u8; 48], [u8; 48])) -> Result<[u8; 192], PrecompileHalt> {
        let (real, imaginary) = fp2;
        fixed(
            Op::Bls12MapFp2ToG2,
            &[real, imaginary].concat(),
            PrecompileHalt::NonCanonicalFp,
        )
    }
}
