//! Calls: what they cost, how they are made, what they return.

use crate::origin::Origin;
use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_api::DispatchClass;
use quids_core::{DispatchError, Weight};
use scale_info::TypeInfo;

/// The usual result of a call.
pub type DispatchResult = Result<(), DispatchError>;
/// The result of a call that reports what it really used.
pub type DispatchResultWithPostInfo = Result<PostDispatchInfo, DispatchErrorWithPostInfo>;

/// Whether a call pays a fee.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[scale_info(replace_segment("quids_support", "frame_support"))]
pub enum Pays {
    #[default]
    Yes,
    No,
}

/// What a call declares before it runs. A `#[pallet::weight]` may be a `Weight`, `(Weight, DispatchClass)` or
/// `(Weight, DispatchClass, Pays)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DispatchInfo {
    pub weight: Weight,
    pub class: DispatchClass,
    pub pays_fee: Pays,
}

impl From<Weight> for DispatchInfo {
    fn from(weight: Weight) -> Self {
        Self {
            weight,
            class: DispatchClass::Normal,
            pays_fee: Pays::Yes,
        }
    }
}

impl From<(Weight, DispatchClass)> for DispatchInfo {
    fn from((weight, class): (Weight, DispatchClass)) -> Self {
        Self {
            weight,
            class,
            pays_fee: Pays::Yes,
        }
    }
}

impl From<(Weight, DispatchClass, Pays)> for DispatchInfo {
    fn from((weight, class, pays_fee): (Weight, DispatchClass, Pays)) -> Self {
        Self {
            weight,
            class,
            pays_fee,
        }
    }
}

/// What a call used. `Some(weight)` refunds the difference to the declared weight.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PostDispatchInfo {
    pub actual_weight: Option<Weight>,
    pub pays_fee: Pays,
}

impl PostDispatchInfo {
    /// The weight to charge: what was used, never more than declared.
    pub fn charged_weight(&self, info: &DispatchInfo) -> Weight {
        self.actual_weight.map_or(info.weight, |actual| actual.min(info.weight))
    }

    /// Whether a fee is due: both declaration and result must say so.
    pub fn pays(&self, info: &DispatchInfo) -> bool {
        info.pays_fee == Pays::Yes && self.pays_fee == Pays::Yes
    }
}

impl From<()> for PostDispatchInfo {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<Option<Weight>> for PostDispatchInfo {
    fn from(actual_weight: Option<Weight>) -> Self {
        Self {
            actual_weight,
            pays_fee: Pays::Yes,
        }
    }
}

/// An error with what the call used until it failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DispatchErrorWithPostInfo {
    pub post_info: PostDispatchInfo,
    pub error: DispatchError,
}

impl<E: Into<DispatchError>> From<E> for DispatchErrorWithPostInfo {
    fn from(error: E) -> Self {
        Self {
            post_info: PostDispatchInfo::default(),
            error: error.into(),
        }
    }
}

/// A call that can be made.
pub trait Dispatchable {
    /// Makes the call. What it changed before it failed is still there: see [`dispatch_transactional`].
    fn dispatch(self, origin: Origin) -> DispatchResultWithPostInfo;
}

/// A call that knows its cost and its name.
pub trait GetDispatchInfo {
    fn dispatch_info(&self) -> DispatchInfo;
    /// Pallet and call, as in metadata.
    fn call_name(&self) -> (&'static str, &'static str);
}

/// Makes a call such that a failure leaves no trace in storage.
pub fn dispatch_transactional(call: impl Dispatchable, origin: Origin) -> DispatchResultWithPostInfo {
    quids_io::storage::with_transaction(|| call.dispatch(origin))
}
