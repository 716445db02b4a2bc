//! The port through which the executive reaches the system pallet.

use crate::{dispatch::DispatchInfo, dispatch::DispatchResultWithPostInfo, limits::BlockLimits};
use quids_api::{DispatchClass, RuntimeVersion};
use quids_core::{AccountId20, Digest, Hash, Header, Height, Weight};
use quids_crypto::PublicKey;

/// What the executive needs of the pallet that keeps heights, accounts, keys and weights.
pub trait SystemPort {
    fn version() -> RuntimeVersion;
    fn limits() -> BlockLimits;
    /// Height of the block in execution; between blocks that of the last one.
    fn height() -> Height;
    /// Starts a block: height, parent, digest; forgets the last block's events and weight.
    fn initialize(height: Height, parent: Hash, digest: &Digest);
    /// Ends the block: its header, roots included.
    fn finalize(extrinsics_root: Hash) -> Header;
    /// Adds an item to the header's digest.
    fn deposit_log(item: quids_core::DigestItem);
    /// Counts weight against the block.
    fn register_weight(weight: Weight, class: DispatchClass);
    /// What has been used: by normal extrinsics, and by all.
    fn consumed_weight() -> (Weight, Weight);
    /// Counts an extrinsic's weight and deposits its success or failure event.
    fn note_applied(result: &DispatchResultWithPostInfo, info: &DispatchInfo);
    /// The key bound to an account.
    fn key(who: &AccountId20) -> Option<PublicKey>;
    /// Whether secp256k1 signatures are accepted in this phase of the chain.
    fn admits_legacy() -> bool;
    /// Binds a key to an account that has none.
    fn bind(who: &AccountId20, key: &PublicKey);
    /// True in the first block of a new code, once.
    fn take_code_updated() -> bool;
    /// The migrations of this code have run.
    fn note_upgraded();
    /// Whether this block has replaced the code.
    fn code_update_pending() -> bool;
}
