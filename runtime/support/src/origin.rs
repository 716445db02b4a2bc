//! Who makes a call.

use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_core::{AccountId20, DispatchError};
use scale_info::TypeInfo;

/// The origin of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Origin {
    /// The block's author (inherents), or nobody.
    None,
    /// An account, by signature.
    Signed(AccountId20),
    /// Governance.
    Root,
}

/// The signing account; `BadOrigin` for every other origin.
pub fn ensure_signed(origin: Origin) -> Result<AccountId20, DispatchError> {
    match origin {
        Origin::Signed(who) => Ok(who),
        _ => Err(DispatchError::BadOrigin),
    }
}

/// `BadOrigin` unless the origin is root.
pub fn ensure_root(origin: Origin) -> Result<(), DispatchError> {
    match origin {
        Origin::Root => Ok(()),
        _ => Err(DispatchError::BadOrigin),
    }
}

/// `BadOrigin` unless there is no origin.
pub fn ensure_none(origin: Origin) -> Result<(), DispatchError> {
    match origin {
        Origin::None => Ok(()),
        _ => Err(DispatchError::BadOrigin),
    }
}
