//! The system pallet as the executive sees it, which also tells pallet pobpc of each transaction: the two pallets do not
//! know each other.

use crate::{Pobpc, System as Inner};
use quids_api::{DispatchClass, RuntimeVersion};
use quids_core::{AccountId20, Digest, DigestItem, Hash, Header, Height, Weight};
use quids_crypto::PublicKey;
use quids_support::{
    dispatch::{DispatchInfo, DispatchResultWithPostInfo},
    limits::BlockLimits,
    system::SystemPort,
};

/// The executive's system.
pub struct System;

impl SystemPort for System {
    fn note_applied(result: &DispatchResultWithPostInfo, info: &DispatchInfo) {
        // Inherents, and nothing else, are mandatory.
        if info.class != DispatchClass::Mandatory {
            Pobpc::note_transaction();
        }
        Inner::note_applied(result, info);
    }

    fn version() -> RuntimeVersion {
        Inner::version()
    }
    fn limits() -> BlockLimits {
        Inner::limits()
    }
    fn height() -> Height {
        Inner::height()
    }
    fn initialize(height: Height, parent: Hash, digest: &Digest) {
        Inner::initialize(height, parent, digest);
    }
    fn finalize(extrinsics_root: Hash) -> Header {
        Inner::finalize(extrinsics_root)
    }
    fn deposit_log(item: DigestItem) {
        Inner::deposit_log(item);
    }
    fn register_weight(weight: Weight, class: DispatchClass) {
        Inner::register_weight(weight, class);
    }
    fn consumed_weight() -> (Weight, Weight) {
        Inner::consumed_weight()
    }
    fn key(who: &AccountId20) -> Option<PublicKey> {
        Inner::key(who)
    }
    fn admits_legacy() -> bool {
        Inner::admits_legacy()
    }
    fn bind(who: &AccountId20, key: &PublicKey) {
        Inner::bind(who, key);
    }
    fn take_code_updated() -> bool {
        Inner::take_code_updated()
    }
    fn note_upgraded() {
        Inner::note_upgraded();
    }
    fn code_update_pending() -> bool {
        Inner::code_update_pending()
    }
}
