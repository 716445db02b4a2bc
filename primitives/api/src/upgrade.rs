//! What client and runtime say to each other about upgrades: who decides them, how far each proposal is, and how the
//! migrations of new code go.

use alloc::{string::String, vec::Vec};
use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_core::{AccountId20, Height, Weight};
use scale_info::TypeInfo;

/// Numbers proposals, from 0; none is used twice.
pub type ProposalId = u32;

/// Bytes of a chunk of code. The last one of a code is shorter, unless the code ends with it.
pub const CHUNK_SIZE: usize = 256 * 1024;

/// Who decides upgrades.
#[derive(Clone, PartialEq, Eq, Default, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Council {
    /// Ascending, each once.
    pub members: Vec<AccountId20>,
    /// How many of them an approval takes; 0 only where there are none.
    pub threshold: u32,
    /// The account of last resort. Its bound key has to be one of SPHINCS+.
    pub recovery: Option<AccountId20>,
}

impl Council {
    pub fn has(&self, who: &AccountId20) -> bool {
        self.members.binary_search(who).is_ok()
    }

    /// How many of these accounts are members.
    pub fn count(&self, accounts: &[AccountId20]) -> u32 {
        let members = accounts.iter().filter(|who| self.has(who)).count();
        u32::try_from(members).unwrap_or(u32::MAX)
    }
}

/// When the new code is to take over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Activation {
    /// The first block that the new code runs, if all is ready by then; otherwise as soon as it is.
    At(Height),
    /// So many blocks after the code is both approved and checked.
    After(Height),
}

/// How far a proposal is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Stage {
    /// Approvals or code are missing; after this height the proposal is gone.
    Open { expires: Height },
    /// Approved and checked: this is the first block that the new code runs.
    Scheduled { at: Height },
}

/// A proposed upgrade.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Proposal {
    /// `None`: root.
    pub proposer: Option<AccountId20>,
    /// The quantum-resistant hash of the code (`quids/code/v1`).
    pub code_hash: [u8; 64],
    /// Bytes.
    pub code_size: u32,
    /// What the code has to state.
    pub spec_version: u32,
    pub activation: Activation,
    /// UTF-8 by custom, checked by nobody.
    pub notes: Vec<u8>,
    /// Members for it, the proposer included.
    pub approvals: Vec<AccountId20>,
    /// Members against it.
    pub rejections: Vec<AccountId20>,
    /// By enough members, by root, or because the recovery account proposed it.
    pub is_approved: bool,
    /// Whatever was asked, the code does not take over before.
    pub not_before: Height,
    /// Uploaded, in order from the first.
    pub chunks: u32,
    /// The code is whole and passed the host's checks on the state of that time.
    pub is_checked: bool,
    pub stage: Stage,
}

impl Proposal {
    /// How many chunks the code has.
    pub const fn chunk_count(&self) -> u32 {
        self.code_size.div_ceil(CHUNK_SIZE as u32)
    }

    /// Bytes of the chunk at this index; `None`: the code has no such chunk.
    pub fn chunk_size(&self, index: u32) -> Option<usize> {
        let start = (index as usize).checked_mul(CHUNK_SIZE)?;
        let left = (self.code_size as usize).checked_sub(start)?;
        (left > 0).then_some(left.min(CHUNK_SIZE))
    }
}

/// What there is to know of upgrades.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct UpgradeStatus {
    pub council: Council,
    /// By number.
    pub proposals: Vec<(ProposalId, Proposal)>,
    /// The migration that is under way, or that was when the chain went into safe mode.
    pub migration: Option<RunningMigration>,
    /// Why the chain takes no transactions but those of governance.
    pub suspended: Option<Suspension>,
}

/// A migration over many blocks, under way.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct RunningMigration {
    /// Among the migrations of the running code.
    pub index: u32,
    pub id: String,
    /// Where its next step goes on; `None`: at the beginning.
    pub cursor: Option<Vec<u8>>,
    /// Done by this code.
    pub steps: u32,
    /// The block that began it.
    pub since: Height,
}

/// Why a chain takes no transactions but those of governance.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum Suspension {
    /// Until this migration is done.
    Migration { id: String },
    /// Until other code takes over: this migration failed, and is undone as far as its last step.
    SafeMode { since: Height, id: String, reason: String },
}

/// A step of a migration that is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct StepRequest {
    pub index: u32,
    pub cursor: Option<Vec<u8>>,
    pub limit: Weight,
}

/// A step that was made.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct Stepped {
    pub used: Weight,
    /// The cursor of the next step; `None`: there is none.
    pub next: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_chunk_is_what_is_left() {
        let of = |code_size: u32| Proposal {
            proposer: None,
            code_hash: [0; 64],
            code_size,
            spec_version: 2,
            activation: Activation::After(Height(0)),
            notes: Vec::new(),
            approvals: Vec::new(),
            rejections: Vec::new(),
            is_approved: false,
            not_before: Height(0),
            chunks: 0,
            is_checked: false,
            stage: Stage::Open { expires: Height(9) },
        };
        let chunk = CHUNK_SIZE as u32;
        for (size, sizes) in [
            (1, vec![1]),
            (chunk - 1, vec![CHUNK_SIZE - 1]),
            (chunk, vec![CHUNK_SIZE]),
            (2 * chunk + 5, vec![CHUNK_SIZE, CHUNK_SIZE, 5]),
        ] {
            let proposal = of(size);
            let found: Vec<_> = (0..).map_while(|index| proposal.chunk_size(index)).collect();
            assert_eq!(found, sizes, "{size}");
            assert_eq!(proposal.chunk_count() as usize, sizes.len(), "{size}");
            assert_eq!(proposal.chunk_size(u32::MAX), None);
        }
    }
}
