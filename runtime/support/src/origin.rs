//! Who makes a call, and who may.

use crate::traits::Get;
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use core::marker::PhantomData;
use quids_core::{AccountId20, DispatchError, Weight};
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

/// Who may make a call, where the runtime shall say it and not the pallet: `type AdminOrigin: EnsureOrigin` in its `Config`, and
/// `T::AdminOrigin::ensure(origin)?` in the call. The call's weight has [`Self::WEIGHT`] added, its benchmark calls as
/// [`Self::passing`].
pub trait EnsureOrigin {
    /// What is known of one who may.
    type Success;
    /// What it takes to find out, at most.
    const WEIGHT: Weight = Weight::ZERO;

    /// Errors: `BadOrigin` for everybody else.
    fn ensure(origin: Origin) -> Result<Self::Success, DispatchError>;

    /// One who passes on the state as it is; `None`: nobody does. For benchmarks and tests.
    fn passing() -> Option<Origin>;
}

/// Root.
pub struct EnsureRoot;

impl EnsureOrigin for EnsureRoot {
    type Success = ();

    fn ensure(origin: Origin) -> Result<(), DispatchError> {
        ensure_root(origin)
    }

    fn passing() -> Option<Origin> {
        Some(Origin::Root)
    }
}

/// Any account.
pub struct EnsureSigned;

impl EnsureOrigin for EnsureSigned {
    type Success = AccountId20;

    fn ensure(origin: Origin) -> Result<AccountId20, DispatchError> {
        ensure_signed(origin)
    }

    fn passing() -> Option<Origin> {
        Some(Origin::Signed(AccountId20([0xc1; 20])))
    }
}

/// The accounts of a list that the code has: `constant!(Admins: Vec<AccountId20> = vec![..])`. What reads its list from storage is
/// an [`EnsureOrigin`] of its own, with the weight of that.
pub struct EnsureSignedBy<List>(PhantomData<List>);

impl<List: Get<Vec<AccountId20>>> EnsureOrigin for EnsureSignedBy<List> {
    type Success = AccountId20;

    fn ensure(origin: Origin) -> Result<AccountId20, DispatchError> {
        let who = ensure_signed(origin)?;
        List::get()
            .contains(&who)
            .then_some(who)
            .ok_or(DispatchError::BadOrigin)
    }

    fn passing() -> Option<Origin> {
        List::get().first().copied().map(Origin::Signed)
    }
}

/// Who passes `A`, and who passes `B`, of whom as much is known.
pub struct EitherOf<A, B>(PhantomData<(A, B)>);

impl<A: EnsureOrigin, B: EnsureOrigin<Success = A::Success>> EnsureOrigin for EitherOf<A, B> {
    type Success = A::Success;
    const WEIGHT: Weight = A::WEIGHT.saturating_add(B::WEIGHT);

    fn ensure(origin: Origin) -> Result<A::Success, DispatchError> {
        A::ensure(origin).or_else(|_| B::ensure(origin))
    }

    fn passing() -> Option<Origin> {
        A::passing().or_else(B::passing)
    }
}

/// Who passes `E`, of whom nothing is known: for [`EitherOf`] two that know different things, as in
/// `EitherOf<EnsureRoot, Anonymous<EnsureSignedBy<Admins>>>`.
pub struct Anonymous<E>(PhantomData<E>);

impl<E: EnsureOrigin> EnsureOrigin for Anonymous<E> {
    type Success = ();
    const WEIGHT: Weight = E::WEIGHT;

    fn ensure(origin: Origin) -> Result<(), DispatchError> {
        E::ensure(origin).map(drop)
    }

    fn passing() -> Option<Origin> {
        E::passing()
    }
}
