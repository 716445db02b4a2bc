//! What a block changes of upgrades, for whoever sees only what blocks write.

use codec::{Decode, DecodeAll};
use quids_api::upgrade::{Proposal, ProposalId};
use quids_core::well_known_keys;
use quids_crypto::twox_128;
use quids_io::abi::state_level;
use quids_state::Commit;

/// A change.
#[derive(Clone, Debug, PartialEq)]
pub enum UpgradeChange {
    /// `None`: it is gone.
    Proposal(ProposalId, Option<Box<Proposal>>),
    /// A part of a code, by its index.
    Chunk(ProposalId, u32, Vec<u8>),
    /// A code that is whole and checked.
    Code(ProposalId, Vec<u8>),
    /// New code may import host functions up to this level.
    Level(u32),
}

/// Of hashers that put the key behind its hash.
const HASH: usize = 8;

/// Those of a block, by the names of pallet upgrade's items. What does not decode is passed over: it is another chain's pallet.
pub fn changes_in(commit: &Commit) -> Vec<UpgradeChange> {
    let pallet = twox_128(b"Upgrade");
    let items = [b"Proposals".as_slice(), b"Chunks", b"Code"].map(twox_128);
    let change = |key: &[u8], new: Option<&[u8]>| {
        if key == well_known_keys::HOST_LEVEL {
            return Some(UpgradeChange::Level(state_level(new).ok()?));
        }
        let (item, key) = key.strip_prefix(&pallet)?.split_at_checked(16)?;
        let id = |key: &[u8]| u32::decode(&mut key.get(HASH..)?).ok();
        match items.iter().position(|name| name == item)? {
            0 => {
                let proposal = new.map(|mut new| Proposal::decode_all(&mut new)).transpose().ok()?;
                Some(UpgradeChange::Proposal(id(key)?, proposal.map(Box::new)))
            }
            1 => {
                let (of, index) = key.split_at_checked(HASH + 4)?;
                Some(UpgradeChange::Chunk(id(of)?, id(index)?, Vec::decode(&mut new?).ok()?))
            }
            _ => Some(UpgradeChange::Code(id(key)?, Vec::decode(&mut new?).ok()?)),
        }
    };
    let changed = commit.values.iter();
    changed
        .filter_map(|value| change(&value.key, value.new.as_deref()))
        .collect()
}
