//! Calls without a signature: those the author brings in (inherents), and those a pallet vouches for.

use alloc::string::String;
use quids_api::{InherentData, InherentIdentifier, TransactionSource, TransactionValidity, UnknownTransaction};

/// A pallet that puts one call into every block.
pub trait ProvideInherent {
    type Call;
    /// The entry of `InherentData` it reads; `None` for a pallet without an inherent.
    const IDENTIFIER: Option<InherentIdentifier> = None;
    /// The author's call.
    fn create_inherent(_data: &InherentData) -> Option<Self::Call> {
        None
    }
    /// This node's opinion of another's call. It decides a vote, never validity.
    fn check_inherent(_call: &Self::Call, _data: &InherentData) -> Result<(), String> {
        Ok(())
    }
    /// Whether the call is this pallet's inherent.
    fn is_inherent(_call: &Self::Call) -> bool {
        false
    }
}

/// A pallet's objection to a call, if the call is its inherent.
#[doc(hidden)]
pub fn check<P: ProvideInherent>(call: &P::Call, data: &InherentData) -> Option<(InherentIdentifier, String)> {
    if !P::is_inherent(call) {
        return None;
    }
    Some((P::IDENTIFIER?, P::check_inherent(call, data).err()?))
}

/// A pallet that accepts calls without a signature.
pub trait ValidateUnsigned {
    type Call;
    /// The default refuses every call.
    fn validate_unsigned(_source: TransactionSource, _call: &Self::Call) -> TransactionValidity {
        Err(quids_api::TransactionValidityError::Unknown(
            UnknownTransaction::NoUnsignedValidator,
        ))
    }
}
