//! Questions about a transaction, on the current state: is it valid, what does it cost.

use crate::{Config, Executive, Extrinsic};
use quids_api::{
    InvalidTransaction, TransactionSource, TransactionValidity, TransactionValidityError, ValidTransaction,
};
use quids_core::{Digest, Hash, Height};
use quids_support::{
    dispatch::DispatchInfo,
    extension::{Extensions, Transaction},
    system::SystemPort,
};

impl<T: Config> Executive<T> {
    /// The pool's question, for a block on `parent`, whose state this is.
    pub fn validate_transaction(source: TransactionSource, bytes: &[u8], parent: Hash) -> TransactionValidity {
        let height = T::System::height().next().unwrap_or(Height::MAX);
        T::System::initialize(height, parent, &Digest::default());
        let limits = T::System::limits();
        if bytes.len() > limits.max_extrinsic_length as usize {
            return Err(InvalidTransaction::ExhaustsResources.into());
        }
        let extrinsic = Extrinsic::<T>::from_bytes(bytes).map_err(|_| InvalidTransaction::MALFORMED)?;
        let scheme = extrinsic.signature.as_ref().map(|(_, sent, _)| sent.scheme());
        let info = Self::info(&extrinsic.call, scheme);
        Self::check_class(&info, &limits)?;
        let who = extrinsic.signature.as_ref().map(|(who, ..)| who);
        Self::check_safe_mode(&extrinsic.call, who)?;
        let Some((who, signature, extra)) = extrinsic.signature else {
            return T::validate_unsigned(source, &extrinsic.call);
        };
        let authenticated = Self::authenticate(&who, &signature, &extrinsic.call, &extra)?;
        let transaction = Transaction {
            who: &who,
            info: &info,
            length: authenticated.length,
        };
        let mut valid = ValidTransaction {
            priority: 0,
            requires: Default::default(),
            provides: Default::default(),
            longevity: u64::MAX,
            propagate: true,
        };
        extra.validate(&transaction, &mut valid)?;
        Ok(valid)
    }

    /// Declared weight and paid length of an extrinsic; its signature may be made up.
    pub fn cost(bytes: &[u8]) -> Result<(DispatchInfo, u32), TransactionValidityError> {
        let extrinsic = Extrinsic::<T>::from_bytes(bytes).map_err(|_| InvalidTransaction::MALFORMED)?;
        let Some((who, sent, _)) = &extrinsic.signature else {
            return Ok((Self::info(&extrinsic.call, None), 0));
        };
        let bound = T::System::key(who).map(|key| key.scheme());
        let info = Self::info(&extrinsic.call, Some(bound.unwrap_or(sent.scheme())));
        Ok((info, Self::estimated_length(&extrinsic, bound)))
    }
}
