//! What is stored of a validator, and the parameters of consensus.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use quids_api::pobpc::ValidatorStatus;
use quids_core::{AccountId20, Balance, Hash, Height};
use quids_pobpc::{Role, SEATS_MAX, Threshold};
use scale_info::TypeInfo;

/// The specification's parameters, under their names, with its values as defaults.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Parameters {
    /// Transactions of a block without load; under load the limit grows from here, and comes back.
    pub max_transactions: u32,
    /// Milliseconds from one block to the next.
    pub batch_interval: u64,
    /// Seats of a committee, where there are so many validators.
    pub witness_count: u16,
    /// The share of a committee that decides, in millionths.
    pub consensus_threshold: Threshold,
    /// At every so many heights all validators sit, with a vote each whatever their bonds; 0 for never.
    pub checkpoint_interval: u32,
}

impl Parameters {
    const BATCH_INTERVAL_MS_MIN: u64 = 50;
    const BATCH_INTERVAL_MS_MAX: u64 = 600_000;

    /// Whether all validators decide this height, up to [`SEATS_MAX`]: two thirds of them then have signed for all blocks before it.
    pub const fn is_checkpoint(&self, height: Height) -> bool {
        matches!(height.0.checked_rem(self.checkpoint_interval), Some(0))
    }

    /// Seats of the committee of a height, where there are so many validators.
    pub const fn seats_at(&self, height: Height) -> usize {
        if self.is_checkpoint(height) {
            SEATS_MAX
        } else {
            self.witness_count as usize
        }
    }

    /// Why a chain cannot have them. `transactions_max` is what fits into a block at most.
    pub(crate) fn check(&self, transactions_max: u32) -> Result<(), &'static str> {
        if self.max_transactions == 0 || self.max_transactions > transactions_max {
            return Err("max_transactions is 0 or more than fit into a block");
        }
        if !(Self::BATCH_INTERVAL_MS_MIN..=Self::BATCH_INTERVAL_MS_MAX).contains(&self.batch_interval) {
            return Err("batch_interval is not between 50 and 600000 milliseconds");
        }
        if self.witness_count == 0 || usize::from(self.witness_count) > SEATS_MAX {
            return Err("witness_count is not between 1 and 128");
        }
        Ok(())
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            max_transactions: 100,
            batch_interval: 1000,
            witness_count: 7,
            consensus_threshold: Threshold::DEFAULT,
            checkpoint_interval: 0,
        }
    }
}

/// How dependable a validator has been, in millionths; never 0, so that it may get better.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Reliability(pub u32);

impl Reliability {
    /// The most there is, which validators of genesis begin with.
    pub const FULL: Self = Self(1_000_000);
    /// Of a new validator, which has still to show what it does.
    pub const NEW: Self = Self(500_000);
    const LEAST: Self = Self(10_000);
    /// Each observation moves it by this part of the way.
    const STEP: u32 = 16;

    /// Of one that was punished.
    pub const AFTER_JAIL: Self = Self::LEAST;

    /// After it did what it should.
    #[must_use]
    pub const fn better(self) -> Self {
        let missing = Self::FULL.0.saturating_sub(self.0);
        // Rounded up, so that it arrives.
        Self(self.0.saturating_add(missing.div_ceil(Self::STEP)))
    }

    /// After it did not.
    #[must_use]
    pub const fn worse(self) -> Self {
        let left = self.0.saturating_sub(self.0.div_ceil(Self::STEP));
        Self(if left < Self::LEAST.0 { Self::LEAST.0 } else { left })
    }
}

/// A validator, without its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct Validator {
    pub role: Role,
    pub status: ValidatorStatus,
    /// Reserved on its account.
    pub bond: Balance,
    pub reliability: Reliability,
    /// Its part in the beacon.
    pub commitment: Option<Commitment>,
}

/// The link of a hash chain that a validator's next reveal has to hash to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct Commitment {
    pub hash: Hash,
    /// The first height whose block may reveal. Later than what could have been known when the chain was chosen.
    pub from: Height,
}

/// An account and what it does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, TypeInfo)]
pub struct Member {
    pub account: AccountId20,
    pub role: Role,
}

/// An active validator as a draw sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct Candidate {
    pub account: AccountId20,
    pub role: Role,
    /// Its chance among the others: `draw_weight` of bond and reliability. Never 0.
    pub weight: u128,
}
