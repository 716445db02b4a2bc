//! The executive's side of the pallet: start and end of a block, weights, outcomes, keys.

use crate::{
    BlockHash, Config, ConsumedNormal, ConsumedOther, Digest, DispatchEventInfo, Event, Events, Keys,
    LastRuntimeUpgrade, LastRuntimeUpgradeInfo, Number, Pallet, ParentHash,
};
use alloc::format;
use codec::Encode;
use quids_api::{DispatchClass, RuntimeVersion};
use quids_core::{AccountId20, DigestItem, Hash, Header, Height, Weight, well_known_keys};
use quids_crypto::PublicKey;
use quids_support::{
    dispatch::{DispatchInfo, DispatchResultWithPostInfo, Pays},
    limits::BlockLimits,
    system::SystemPort,
    traits::{BlockHeight, Get},
};

impl<T: Config> BlockHeight for Pallet<T> {
    fn height() -> Height {
        Number::<T>::get()
    }
}

impl<T: Config> SystemPort for Pallet<T> {
    fn version() -> RuntimeVersion {
        T::Version::get()
    }

    fn limits() -> BlockLimits {
        T::BlockLimits::get()
    }

    fn height() -> Height {
        Number::<T>::get()
    }

    fn initialize(height: Height, parent: Hash, digest: &quids_core::Digest) {
        Events::<T>::kill();
        ConsumedNormal::<T>::kill();
        ConsumedOther::<T>::kill();
        Number::<T>::put(height);
        ParentHash::<T>::put(parent);
        Digest::<T>::put(digest.clone());
        let parent_height = height.saturating_sub(Height(1));
        BlockHash::<T>::insert(&parent_height, parent);
        // One block comes, one goes; genesis stays, since transactions and proofs of possession name it.
        if let Some(old) = parent_height
            .checked_sub(T::BlockHashCount::get())
            .filter(|old| !old.is_zero())
        {
            BlockHash::<T>::remove(&old);
        }
    }

    fn finalize(extrinsics_root: Hash) -> Header {
        let limits = T::BlockLimits::get();
        let (normal, all) = Self::consumed_weight();
        if normal.any_gt(limits.normal()) {
            invalid_block(&format!(
                "normal extrinsics weigh {normal:?}, at most {:?} is allowed",
                limits.normal()
            ));
        }
        if all.any_gt(limits.max_weight) {
            invalid_block(&format!(
                "the block weighs {all:?}, at most {:?} is allowed",
                limits.max_weight
            ));
        }
        let digest = Digest::<T>::get();
        Header {
            parent_hash: ParentHash::<T>::get(),
            number: Number::<T>::get(),
            state_root: quids_io::storage::root(),
            extrinsics_root,
            digest,
        }
    }

    fn deposit_log(item: DigestItem) {
        // A digest is encoded as the vector in it, so an item is appended without reading the others.
        quids_io::storage::append(&Digest::<T>::key(), &item.encode());
    }

    fn register_weight(weight: Weight, class: DispatchClass) {
        let packed = pack(weight, T::BlockLimits::get().max_weight);
        match class {
            DispatchClass::Normal => ConsumedNormal::<T>::add(packed),
            DispatchClass::Operational | DispatchClass::Mandatory => ConsumedOther::<T>::add(packed),
        }
    }

    fn consumed_weight() -> (Weight, Weight) {
        let normal = unpack(ConsumedNormal::<T>::get());
        (normal, normal.saturating_add(unpack(ConsumedOther::<T>::get())))
    }

    fn note_applied(result: &DispatchResultWithPostInfo, info: &DispatchInfo) {
        let post = match result {
            Ok(post) => post,
            Err(error) => &error.post_info,
        };
        let weight = post
            .charged_weight(info)
            .saturating_add(T::BlockLimits::get().base_extrinsic);
        Self::register_weight(weight, info.class);
        let pays_fee = if post.pays(info) { Pays::Yes } else { Pays::No };
        let dispatch_info = DispatchEventInfo {
            weight,
            class: info.class,
            pays_fee,
        };
        Self::deposit_event(match result {
            Ok(_) => Event::ExtrinsicSuccess { dispatch_info },
            Err(error) => Event::ExtrinsicFailed {
                dispatch_error: error.error,
                dispatch_info,
            },
        });
    }

    fn key(who: &AccountId20) -> Option<PublicKey> {
        Keys::<T>::get(who)
    }

    fn admits_legacy() -> bool {
        Self::phase().admits_legacy()
    }

    fn bind(who: &AccountId20, key: &PublicKey) {
        Self::put_first_key(who, key.clone());
    }

    fn take_code_updated() -> bool {
        let updated = Self::code_update_pending();
        if updated {
            quids_io::storage::clear(well_known_keys::CODE_UPDATED);
        }
        updated
    }

    fn note_upgraded() {
        LastRuntimeUpgrade::<T>::put(LastRuntimeUpgradeInfo::of(&T::Version::get()));
    }

    fn code_update_pending() -> bool {
        quids_io::storage::exists(well_known_keys::CODE_UPDATED)
    }
}

impl<T: Config> Pallet<T> {
    /// Replaces the chain's code; the next block runs it and its migrations. Checks nothing: see pallet upgrade.
    pub fn update_code(code: &[u8]) {
        quids_io::storage::set(well_known_keys::CODE, code);
        quids_io::storage::set(well_known_keys::CODE_UPDATED, &[1]);
        Self::deposit_log(DigestItem::RuntimeEnvironmentUpdated);
        Self::deposit_event(Event::CodeUpdated);
    }

    /// Puts back the code that this block has replaced; that it did is in its events still.
    pub fn undo_update(old: &[u8]) {
        quids_io::storage::set(well_known_keys::CODE, old);
        quids_io::storage::clear(well_known_keys::CODE_UPDATED);
        Digest::<T>::mutate(|digest| {
            digest
                .logs
                .retain(|item| *item != DigestItem::RuntimeEnvironmentUpdated);
        });
    }
}

/// `proof_size << 64 | ref_time`, each at most one above the block's limit: that makes the block invalid as well, and
/// the lower sum cannot run into the upper one.
fn pack(weight: Weight, limit: Weight) -> u128 {
    let weight = weight.min(limit.saturating_add(Weight::new(1, 1)));
    u128::from(weight.proof_size) << 64 | u128::from(weight.ref_time)
}

const fn unpack(packed: u128) -> Weight {
    Weight::new(packed as u64, (packed >> 64) as u64)
}

/// Ends the execution of a block that must not be.
#[expect(
    clippy::panic,
    reason = "a block that breaks the limits has no header; the message is the client's error"
)]
fn invalid_block(reason: &str) -> ! {
    panic!("invalid block: {reason}")
}
