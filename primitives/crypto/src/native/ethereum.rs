//! Ethereum's precompiled operations by revm's own native implementations: total functions over bytes.
//! `revm_precompile` is linked here alone among native code; the runtime has revm but calls the host for these.
use crate::{EthereumOperation, MODEXP_INPUT_MAX};
use revm_precompile::{Crypto, DefaultCrypto, PrecompileHalt, kzg_point_evaluation};

/// A G1 point of BLS12-381 as revm takes it.
type G1 = ([u8; 48], [u8; 48]);
/// A G2 point of BLS12-381 as revm takes it.
type G2 = ([u8; 48], [u8; 48], [u8; 48], [u8; 48]);

/// What `operation` gives for `input`; `None` if it refuses it: a wrong length, a point that is none, an integer out of
/// range. Never panics. Layouts: [`EthereumOperation`].
pub fn ethereum_operation(operation: EthereumOperation, input: &[u8]) -> Option<Vec<u8>> {
    use EthereumOperation as Op;
    let by = DefaultCrypto;
    match operation {
        Op::Sha256 => Some(by.sha256(input).to_vec()),
        Op::Ripemd160 => Some(by.ripemd160(input).to_vec()),
        Op::Secp256k1Recover => recover(input),
        Op::ModExp => modexp(input),
        Op::Bn254Add => {
            let (one, other) = array::<128>(input)?.split_at(64);
            points(by.bn254_g1_add(one, other))
        }
        Op::Bn254Mul => {
            let (point, scalar) = array::<96>(input)?.split_at(64);
            points(by.bn254_g1_mul(point, scalar))
        }
        Op::Bn254Pairing => {
            let pairs: Vec<_> = items::<192>(input)?.iter().map(|pair| pair.split_at(64)).collect();
            verdict(by.bn254_pairing_check(&pairs))
        }
        Op::Blake2F => blake2f(input),
        Op::Secp256r1Verify => {
            let input: &[u8; 160] = array(input)?;
            let (hash, rest) = input.split_first_chunk()?;
            let (signature, rest) = rest.split_first_chunk()?;
            Some(vec![
                by.secp256r1_verify_signature(hash, signature, rest.first_chunk()?)
                    .into(),
            ])
        }
        Op::KzgVerify => {
            let input: &[u8; 160] = array(input)?;
            let (z, rest) = input.split_first_chunk()?;
            let (y, rest) = rest.split_first_chunk()?;
            let (commitment, rest) = rest.split_first_chunk()?;
            // By blst: c-kzg would first build tables of its whole setup, for 0.5 s and 100 MB, of which this needs one point.
            Some(vec![
                kzg_point_evaluation::blst::verify_kzg_proof(commitment, z, y, rest.first_chunk()?).into(),
            ])
        }
        Op::Bls12G1Add => {
            let (one, other) = array::<192>(input)?.split_at(96);
            points(by.bls12_381_g1_add(g1(one)?, g1(other)?))
        }
        Op::Bls12G1Msm => {
            let pairs = items::<128>(input).filter(|pairs| !pairs.is_empty())?;
            let pairs: Option<Vec<Result<_, PrecompileHalt>>> = pairs
                .iter()
                .map(|pair| Some(Ok((g1(&pair[..96])?, *pair.last_chunk::<32>()?))))
                .collect();
            points(by.bls12_381_g1_msm(&mut pairs?.into_iter()))
        }
        Op::Bls12G2Add => {
            let (one, other) = array::<384>(input)?.split_at(192);
            points(by.bls12_381_g2_add(g2(one)?, g2(other)?))
        }
        Op::Bls12G2Msm => {
            let pairs = items::<224>(input).filter(|pairs| !pairs.is_empty())?;
            let pairs: Option<Vec<Result<_, PrecompileHalt>>> = pairs
                .iter()
                .map(|pair| Some(Ok((g2(&pair[..192])?, *pair.last_chunk::<32>()?))))
                .collect();
            points(by.bls12_381_g2_msm(&mut pairs?.into_iter()))
        }
        Op::Bls12Pairing => {
            let pairs = items::<288>(input).filter(|pairs| !pairs.is_empty())?;
            let pairs: Option<Vec<_>> = pairs
                .iter()
                .map(|pair| Some((g1(&pair[..96])?, g2(&pair[96..])?)))
                .collect();
            verdict(by.bls12_381_pairing_check(&pairs?))
        }
        Op::Bls12MapFpToG1 => points(by.bls12_381_fp_to_g1(array(input)?)),
        Op::Bls12MapFp2ToG2 => {
            let (real, rest) = array::<96>(input)?.split_first_chunk()?;
            points(by.bls12_381_fp2_to_g2((*real, *rest.first_chunk()?)))
        }
    }
}

/// Exactly `N` bytes.
fn array<const N: usize>(input: &[u8]) -> Option<&[u8; N]> {
    input.try_into().ok()
}

/// Items of `N` bytes, nothing left over.
fn items<const N: usize>(input: &[u8]) -> Option<&[[u8; N]]> {
    let (items, rest) = input.as_chunks();
    rest.is_empty().then_some(items)
}

fn g1(point: &[u8]) -> Option<G1> {
    match items(point)? {
        [x, y] => Some((*x, *y)),
        _ => None,
    }
}

fn g2(point: &[u8]) -> Option<G2> {
    match items(point)? {
        [x0, x1, y0, y1] => Some((*x0, *x1, *y0, *y1)),
        _ => None,
    }
}

fn points<const N: usize>(result: Result<[u8; N], PrecompileHalt>) -> Option<Vec<u8>> {
    result.ok().map(|point| point.to_vec())
}

fn verdict(result: Result<bool, PrecompileHalt>) -> Option<Vec<u8>> {
    result.ok().map(|holds| vec![holds.into()])
}

fn recover(input: &[u8]) -> Option<Vec<u8>> {
    let (hash, rest) = array::<97>(input)?.split_first_chunk()?;
    let (signature, recovery_id) = rest.split_first_chunk()?;
    // revm's panics on an id above 3.
    let recovery_id = *recovery_id.first().filter(|id| **id <= 3)?;
    points(DefaultCrypto.secp256k1_ecrecover(signature, recovery_id, hash))
}

fn modexp(input: &[u8]) -> Option<Vec<u8>> {
    if input.len() > MODEXP_INPUT_MAX {
        return None;
    }
    let (lengths, mut rest) = input.split_at_checked(12)?;
    let mut parts = [&[][..]; 3];
    for (part, length) in parts.iter_mut().zip(lengths.as_chunks::<4>().0) {
        (*part, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    }
    let [base, exponent, modulus] = parts;
    if !rest.is_empty() {
        return None;
    }
    if modulus.iter().all(|byte| *byte == 0) {
        return Some(Vec::new());
    }
    let power = DefaultCrypto.modexp(base, exponent, modulus).ok()?;
    let zeros = power.iter().take_while(|byte| **byte == 0).count();
    Some(power[zeros..].to_vec())
}

fn blake2f(input: &[u8]) -> Option<Vec<u8>> {
    let input: &[u8; 213] = array(input)?;
    let (rounds, rest) = input.split_first_chunk()?;
    let (words, last) = rest.split_at(208);
    let last = match last {
        [0] => false,
        [1] => true,
        _ => return None,
    };
    let mut words = words.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    let mut next = || words.next().unwrap_or_default();
    let mut h: [u64; 8] = std::array::from_fn(|_| next());
    let m: [u64; 16] = std::array::from_fn(|_| next());
    let t: [u64; 2] = std::array::from_fn(|_| next());
    DefaultCrypto.blake2_compress(u32::from_be_bytes(*rounds), &mut h, &m, &t, last);
    Some(h.iter().flat_map(|word| word.to_le_bytes()).collect())
}
