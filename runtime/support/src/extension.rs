//! Transaction extensions: what a signed extrinsic carries besides its call, and what is checked before the call is
//! made. Composed as a tuple in the order in which they are encoded.

use crate::{
    dispatch::{DispatchInfo, PostDispatchInfo},
    metadata::SignedExtensionMetadata,
};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use core::fmt::Debug;
use quids_api::{TransactionValidityError, ValidTransaction};
use quids_core::AccountId20;
use scale_info::{TypeInfo, meta_type};

/// What a verified transaction is judged by.
#[derive(Clone, Copy)]
pub struct Transaction<'a> {
    pub who: &'a AccountId20,
    pub info: &'a DispatchInfo,
    /// Bytes of the extrinsic that are paid for. Signatures count with the size of the scheme, whatever was sent.
    pub length: u32,
}

/// One extension. Its own encoding is the part in the extrinsic.
pub trait TransactionExtension: Encode + Decode + TypeInfo + Clone + Eq + Debug + 'static {
    /// As clients know it.
    const IDENTIFIER: &'static str;
    /// What is signed without being in the extrinsic.
    type Implicit: Encode + TypeInfo + 'static;
    /// What `pre_dispatch` hands to `post_dispatch`.
    type Pre;

    fn implicit(&self) -> Result<Self::Implicit, TransactionValidityError>;

    /// The pool's question: may this transaction come, now or later? Changes nothing.
    fn validate(&self, _: &Transaction<'_>, _: &mut ValidTransaction) -> Result<(), TransactionValidityError> {
        Ok(())
    }

    /// The block's question: does it come now? Takes nonce and fee.
    fn pre_dispatch(self, transaction: &Transaction<'_>) -> Result<Self::Pre, TransactionValidityError>;

    /// After the call, outside its storage transaction: refunds.
    fn post_dispatch(_: Self::Pre, _: &Transaction<'_>, _: &PostDispatchInfo) -> Result<(), TransactionValidityError> {
        Ok(())
    }
}

/// A tuple of extensions.
pub trait Extensions: Encode + Decode + TypeInfo + Clone + Eq + Debug + 'static {
    type Pre;
    /// Appends what is signed without being in the extrinsic.
    fn append_implicit(&self, out: &mut Vec<u8>) -> Result<(), TransactionValidityError>;
    fn validate(
        &self,
        transaction: &Transaction<'_>,
        valid: &mut ValidTransaction,
    ) -> Result<(), TransactionValidityError>;
    fn pre_dispatch(self, transaction: &Transaction<'_>) -> Result<Self::Pre, TransactionValidityError>;
    fn post_dispatch(
        pre: Self::Pre,
        transaction: &Transaction<'_>,
        post: &PostDispatchInfo,
    ) -> Result<(), TransactionValidityError>;
    fn metadata() -> Vec<SignedExtensionMetadata>;
}

macro_rules! tuples {
    ($($name:ident $index:tt)*) => {
        impl<$($name: TransactionExtension),*> Extensions for ($($name,)*) {
            type Pre = ($($name::Pre,)*);
            fn append_implicit(&self, out: &mut Vec<u8>) -> Result<(), TransactionValidityError> {
                $(self.$index.implicit()?.encode_to(out);)*
                Ok(())
            }
            fn validate(
                &self,
                transaction: &Transaction<'_>,
                valid: &mut ValidTransaction,
            ) -> Result<(), TransactionValidityError> {
                $(self.$index.validate(transaction, valid)?;)*
                Ok(())
            }
            fn pre_dispatch(self, transaction: &Transaction<'_>) -> Result<Self::Pre, TransactionValidityError> {
                Ok(($(self.$index.pre_dispatch(transaction)?,)*))
            }
            fn post_dispatch(
                pre: Self::Pre,
                transaction: &Transaction<'_>,
                post: &PostDispatchInfo,
            ) -> Result<(), TransactionValidityError> {
                $($name::post_dispatch(pre.$index, transaction, post)?;)*
                Ok(())
            }
            fn metadata() -> Vec<SignedExtensionMetadata> {
                alloc::vec![$(SignedExtensionMetadata {
                    identifier: $name::IDENTIFIER,
                    ty: meta_type::<$name>(),
                    additional_signed: meta_type::<$name::Implicit>(),
                }),*]
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0 B 1);
tuples!(A 0 B 1 C 2);
tuples!(A 0 B 1 C 2 D 3);
tuples!(A 0 B 1 C 2 D 3 E 4);
tuples!(A 0 B 1 C 2 D 3 E 4 F 5);
tuples!(A 0 B 1 C 2 D 3 E 4 F 5 G 6);
tuples!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);
