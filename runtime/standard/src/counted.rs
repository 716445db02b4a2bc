//! The system pallet as the executive sees it, which also tells pallet pobpc of each transaction: the two pallets do not
//! know each other.

use core::marker::PhantomData;
use pallet_pobpc::Pallet as Pobpc;
use pallet_system::Pallet as System;
use quids_api::{DispatchClass, RuntimeVersion};
use quids_core::{AccountId20, Digest, DigestItem, Hash, Header, Height, Weight};
use quids_crypto::PublicKey;
use quids_support::{
    dispatch::{DispatchInfo, DispatchResultWithPostInfo},
    limits::BlockLimits,
    system::SystemPort,
};

/// The executive's system.
pub struct Counted<T>(PhantomData<T>);

impl<T: pallet_system::Config + pallet_pobpc::Config> SystemPort for Counted<T> {
    fn note_applied(result: &DispatchResultWithPostInfo, info: &DispatchInfo) {
        // Inherents, and nothing else, are mandatory.
        if info.class != DispatchClass::Mandatory {
            Pobpc::<T>::note_transaction();
        }
        System::<T>::note_applied(result, info);
    }

    fn version() -> RuntimeVersion {
        System::<T>::version()
    }
    fn limits() -> BlockLimits {
        System::<T>::limits()
    }
    fn height() -> Height {
        System::<T>::height()
    }
    fn initialize(height: Height, parent: Hash, digest: &Digest) {
        System::<T>::initialize(height, parent, digest);
    }
    fn finalize(extrinsics_root: Hash) -> Header {
        System::<T>::finalize(extrinsics_root)
    }
    fn deposit_log(item: DigestItem) {
        System::<T>::deposit_log(item);
    }
    fn register_weight(weight: Weight, class: DispatchClass) {
        System::<T>::register_weight(weight, class);
    }
    fn consumed_weight() -> (Weight, Weight) {
        System::<T>::consumed_weight()
    }
    fn key(who: &AccountId20) -> Option<PublicKey> {
        System::<T>::key(who)
    }
    fn admits_legacy() -> bool {
        System::<T>::admits_legacy()
    }
    fn bind(who: &AccountId20, key: &PublicKey) {
        System::<T>::bind(who, key);
    }
    fn take_code_updated() -> bool {
        System::<T>::take_code_updated()
    }
    fn note_upgraded() {
        System::<T>::note_upgraded();
    }
    fn code_update_pending() -> bool {
        System::<T>::code_update_pending()
    }
}
