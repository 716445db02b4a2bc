//! How much weight a block used, and how much it may use: for metrics, where a runtime tells it as ours does.

use super::{Chain, ChainError};
use codec::Decode;
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use quids_api::names;
use quids_core::{Hash, Weight};
use quids_state::{StateBackend, StateView};
use scale_info::TypeDef;
use std::time::Duration;

impl Chain {
    /// Reference time that the block with this state used; `None` if its runtime keeps other records.
    pub(super) fn weight_used(&self, state: &StateView) -> Option<Duration> {
        let packed = |item: &[u8]| -> Option<u128> {
            let key = [quids_crypto::twox_128(b"System"), quids_crypto::twox_128(item)].concat();
            u128::decode(&mut &state.get(&key).ok()??[..]).ok()
        };
        // Picoseconds in the lower half, bytes of proof in the upper.
        let picoseconds = |packed: u128| packed as u64;
        let normal = packed(b"ConsumedNormal").map_or(0, picoseconds);
        let other = packed(b"ConsumedOther").map(picoseconds)?;
        Some(reference_time(normal.saturating_add(other)))
    }

    /// Reference time that a block may use after `at`, from the metadata's constant `System.BlockLimits`.
    pub fn weight_max(&self, at: Hash) -> Result<Option<Duration>, ChainError> {
        let metadata: Option<Vec<u8>> = self.call_typed(at, names::METADATA_AT_VERSION, &15u32)?;
        Ok(weight_max_of(&metadata.unwrap_or_default()).map(|max| reference_time(max.ref_time)))
    }
}

fn reference_time(picoseconds: u64) -> Duration {
    Duration::from_nanos(picoseconds / 1000)
}

fn weight_max_of(mut metadata: &[u8]) -> Option<Weight> {
    let RuntimeMetadata::V15(metadata) = RuntimeMetadataPrefixed::decode(&mut metadata).ok()?.1 else {
        return None;
    };
    let system = metadata.pallets.iter().find(|pallet| pallet.name == "System")?;
    let limits = system
        .constants
        .iter()
        .find(|constant| constant.name == "BlockLimits")?;
    let TypeDef::Composite(fields) = &metadata.types.resolve(limits.ty.id)?.type_def else {
        return None;
    };
    let is_first = fields.fields.first()?.name.as_deref() == Some("max_weight");
    is_first.then(|| Weight::decode(&mut &limits.value[..]).ok())?
}
