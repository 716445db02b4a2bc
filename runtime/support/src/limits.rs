//! What fits into a block. Limits are part of validity.

use codec::{Decode, Encode};
use quids_core::Weight;
use scale_info::TypeInfo;

/// The limits of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct BlockLimits {
    /// Weight of everything in the block.
    pub max_weight: Weight,
    /// Share of it that normal transactions may use, in percent; the rest is for operational ones.
    pub normal_percent: u8,
    /// What every extrinsic costs besides its call: decoding, checks, events.
    pub base_extrinsic: Weight,
    /// What every block costs.
    pub base_block: Weight,
    /// Bytes of all extrinsics together.
    pub max_length: u32,
    /// Bytes of one extrinsic.
    pub max_extrinsic_length: u32,
}

impl BlockLimits {
    /// The weight that normal transactions may use.
    pub const fn normal(&self) -> Weight {
        Weight::new(
            self.max_weight.ref_time / 100 * self.normal_percent as u64,
            self.max_weight.proof_size / 100 * self.normal_percent as u64,
        )
    }
}

/// Reference costs of the database, for weights measured and by hand: picoseconds and proof bytes.
pub mod cost {
    use quids_core::Weight;
    use quids_crypto::SignatureScheme;

    /// One read of a small value from the trie.
    pub const READ: Weight = Weight::new(10_000_000, 1_024);
    /// One write of a small value.
    pub const WRITE: Weight = Weight::new(10_000_000, 0);

    /// Verifying one signature and reading the bound key it hangs on.
    pub const fn verification(scheme: SignatureScheme) -> Weight {
        let ref_time = match scheme {
            SignatureScheme::MlDsa87 => 150_000_000,
            SignatureScheme::Falcon512 => 15_000_000,
            SignatureScheme::Secp256k1 => 60_000_000,
            SignatureScheme::SphincsShake256f => 1_800_000_000,
        };
        Weight::new(ref_time, scheme.public_key_len() as u64)
    }

    /// `reads` and `writes` of small values, and `ref_time` for the code between.
    pub const fn of(ref_time: u64, reads: u64, writes: u64) -> Weight {
        Weight::new(ref_time, 0)
            .saturating_add(READ.saturating_mul(reads))
            .saturating_add(WRITE.saturating_mul(writes))
    }

    /// What was measured: as [`of`], and at least `proof_size` bytes of proof, where more were seen than the reads stand for.
    pub const fn measured(ref_time: u64, reads: u64, writes: u64, proof_size: u64) -> Weight {
        let mut weight = of(ref_time, reads, writes);
        if weight.proof_size < proof_size {
            weight.proof_size = proof_size;
        }
        weight
    }

    /// The same, `count` times.
    pub const fn each(count: u32, ref_time: u64, reads: u64, writes: u64, proof_size: u64) -> Weight {
        measured(ref_time, reads, writes, proof_size).saturating_mul(count as u64)
    }
}
