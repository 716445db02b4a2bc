//! Ethereum's precompiles by hard fork: revm's own, found by address. revm's tables of them are not used: they are
//! statics on the heap.

use core::ops::RangeInclusive;
use revm::{
    precompile::{
        Precompile, PrecompileSpecId, blake2,
        bls12_381::{g1_add, g1_msm, g2_add, g2_msm, map_fp_to_g1, map_fp2_to_g2, pairing},
        bn254, hash, identity, kzg_point_evaluation, modexp, secp256k1, secp256r1, u64_to_address,
    },
    primitives::{Address, hardfork::SpecId},
};

/// The greatest address of any fork.
const LAST: u64 = secp256r1::P256VERIFY_ADDRESS;

/// The precompile at `at` in the fork `spec`.
pub(super) fn find(spec: SpecId, at: &Address) -> Option<Precompile> {
    let (zeros, number) = at.0.split_last_chunk::<8>()?;
    let number = u64::from_be_bytes(*number);
    if number > LAST || zeros.iter().any(|byte| *byte != 0) {
        return None;
    }
    numbered(PrecompileSpecId::from_spec_id(spec), number)
}

/// Every address with a precompile in the fork `spec`.
pub(super) fn addresses(spec: SpecId) -> impl Iterator<Item = Address> {
    let spec = PrecompileSpecId::from_spec_id(spec);
    let numbers = FIRST_OF.iter().filter(move |(_, since)| spec.is_enabled_in(*since));
    numbers.flat_map(|(numbers, _)| numbers.clone()).map(u64_to_address)
}

/// Since when there is a precompile at which addresses.
const FIRST_OF: [(RangeInclusive<u64>, PrecompileSpecId); 6] = [
    (0x01..=0x04, PrecompileSpecId::HOMESTEAD),
    (0x05..=0x08, PrecompileSpecId::BYZANTIUM),
    (0x09..=0x09, PrecompileSpecId::ISTANBUL),
    (0x0a..=0x0a, PrecompileSpecId::CANCUN),
    (0x0b..=0x11, PrecompileSpecId::PRAGUE),
    (LAST..=LAST, PrecompileSpecId::OSAKA),
];

fn numbered(spec: PrecompileSpecId, number: u64) -> Option<Precompile> {
    use PrecompileSpecId::{BERLIN, BYZANTIUM, CANCUN, HOMESTEAD, ISTANBUL, OSAKA, PRAGUE};
    // The newest rule that is in force.
    let since = |rules: &[(PrecompileSpecId, Precompile)]| {
        let mut in_force = rules.iter().filter(|(from, _)| spec.is_enabled_in(*from));
        in_force.next_back().map(|(_, precompile)| precompile.clone())
    };
    match number {
        0x01 => since(&[(HOMESTEAD, secp256k1::ECRECOVER)]),
        0x02 => since(&[(HOMESTEAD, hash::SHA256)]),
        0x03 => since(&[(HOMESTEAD, hash::RIPEMD160)]),
        0x04 => since(&[(HOMESTEAD, identity::FUN)]),
        0x05 => since(&[
            (BYZANTIUM, modexp::BYZANTIUM),
            (BERLIN, modexp::BERLIN),
            (OSAKA, modexp::OSAKA),
        ]),
        0x06 => since(&[(BYZANTIUM, bn254::add::BYZANTIUM), (ISTANBUL, bn254::add::ISTANBUL)]),
        0x07 => since(&[(BYZANTIUM, bn254::mul::BYZANTIUM), (ISTANBUL, bn254::mul::ISTANBUL)]),
        0x08 => since(&[(BYZANTIUM, bn254::pair::BYZANTIUM), (ISTANBUL, bn254::pair::ISTANBUL)]),
        0x09 => since(&[(ISTANBUL, blake2::FUN)]),
        0x0a => since(&[(CANCUN, kzg_point_evaluation::POINT_EVALUATION)]),
        0x0b => since(&[(PRAGUE, g1_add::PRECOMPILE)]),
        0x0c => since(&[(PRAGUE, g1_msm::PRECOMPILE)]),
        0x0d => since(&[(PRAGUE, g2_add::PRECOMPILE)]),
        0x0e => since(&[(PRAGUE, g2_msm::PRECOMPILE)]),
        0x0f => since(&[(PRAGUE, pairing::PRECOMPILE)]),
        0x10 => since(&[(PRAGUE, map_fp_to_g1::PRECOMPILE)]),
        0x11 => since(&[(PRAGUE, map_fp2_to_g2::PRECOMPILE)]),
        LAST => since(&[(OSAKA, secp256r1::P256VERIFY_OSAKA)]),
        _ => None,
    }
}
