//! What a runtime tells clients about itself: metadata V14 and V15 from one description.

use alloc::{vec, vec::Vec};
use codec::Encode;
use frame_metadata::{RuntimeMetadataPrefixed, v14, v15};
use scale_info::{MetaType, TypeInfo, meta_type};

pub use frame_metadata::v15::{
    PalletConstantMetadata, RuntimeApiMetadata, RuntimeApiMethodMetadata, RuntimeApiMethodParamMetadata,
    SignedExtensionMetadata, StorageEntryMetadata, StorageEntryModifier, StorageEntryType,
};

/// The versions that `encode` can write.
pub const VERSIONS: &[u32] = &[14, 15];

/// A pallet, as `PalletParts::metadata` describes it.
pub struct PalletMetadata {
    pub name: &'static str,
    pub storage: Vec<StorageEntryMetadata>,
    pub calls: Option<MetaType>,
    pub event: Option<MetaType>,
    pub error: Option<MetaType>,
    pub constants: Vec<PalletConstantMetadata>,
    pub docs: Vec<&'static str>,
}

/// The types of extrinsics.
pub struct ExtrinsicMetadata {
    /// The extrinsic itself, which names the others as its type parameters.
    pub ty: MetaType,
    pub version: u8,
    pub address: MetaType,
    pub call: MetaType,
    pub signature: MetaType,
    pub extra: MetaType,
    pub extensions: Vec<SignedExtensionMetadata>,
}

/// A whole runtime.
pub struct RuntimeMetadata {
    /// With their indices, in order of these.
    pub pallets: Vec<(u8, PalletMetadata)>,
    pub extrinsic: ExtrinsicMetadata,
    pub runtime: MetaType,
    pub call: MetaType,
    pub event: MetaType,
    /// The outer error enum: a variant a pallet with the pallet's error.
    pub error: MetaType,
    pub apis: Vec<RuntimeApiMetadata>,
}

impl RuntimeMetadata {
    /// The prefixed, encoded metadata; `None` for a version that is not in [`VERSIONS`].
    pub fn encode(self, version: u32) -> Option<Vec<u8>> {
        let prefixed: RuntimeMetadataPrefixed = match version {
            14 => self.into_v14().into(),
            15 => self.into_v15().into(),
            _ => return None,
        };
        Some(prefixed.encode())
    }

    fn into_v14(self) -> v14::RuntimeMetadataV14 {
        let pallets = self.pallets.into_iter().map(|(index, p)| v14::PalletMetadata {
            name: p.name,
            storage: storage(p.name, p.storage),
            calls: p.calls.map(Into::into),
            event: p.event.map(Into::into),
            constants: p.constants,
            error: p.error.map(Into::into),
            index,
        });
        let extrinsic = v14::ExtrinsicMetadata {
            ty: self.extrinsic.ty,
            version: self.extrinsic.version,
            signed_extensions: self
                .extrinsic
                .extensions
                .into_iter()
                .map(|e| v14::SignedExtensionMetadata {
                    identifier: e.identifier,
                    ty: e.ty,
                    additional_signed: e.additional_signed,
                })
                .collect(),
        };
        v14::RuntimeMetadataV14::new(pallets.collect(), extrinsic, self.runtime)
    }

    fn into_v15(self) -> v15::RuntimeMetadataV15 {
        let pallets = self.pallets.into_iter().map(|(index, p)| v15::PalletMetadata {
            name: p.name,
            storage: storage(p.name, p.storage),
            calls: p.calls.map(Into::into),
            event: p.event.map(Into::into),
            constants: p.constants,
            error: p.error.map(Into::into),
            index,
            docs: p.docs,
        });
        let extrinsic = v15::ExtrinsicMetadata {
            version: self.extrinsic.version,
            address_ty: self.extrinsic.address,
            call_ty: self.extrinsic.call,
            signature_ty: self.extrinsic.signature,
            extra_ty: self.extrinsic.extra,
            signed_extensions: self.extrinsic.extensions,
        };
        let outer_enums = v15::OuterEnums {
            call_enum_ty: self.call,
            event_enum_ty: self.event,
            error_enum_ty: self.error,
        };
        let custom = v15::CustomMetadata {
            map: Default::default(),
        };
        v15::RuntimeMetadataV15::new(
            pallets.collect(),
            extrinsic,
            self.runtime,
            self.apis,
            outer_enums,
            custom,
        )
    }
}

fn storage(prefix: &'static str, entries: Vec<StorageEntryMetadata>) -> Option<v15::PalletStorageMetadata> {
    (!entries.is_empty()).then_some(v15::PalletStorageMetadata { prefix, entries })
}

/// A storage item's entry; used by the storage types.
pub(crate) fn storage_entry(
    name: &'static str,
    optional: bool,
    ty: StorageEntryType,
    default: Vec<u8>,
    docs: Vec<&'static str>,
) -> StorageEntryMetadata {
    let modifier = if optional {
        StorageEntryModifier::Optional
    } else {
        StorageEntryModifier::Default
    };
    StorageEntryMetadata {
        name,
        modifier,
        ty,
        default,
        docs,
    }
}

/// The types of a method's parameters: a tuple.
pub trait Parameters {
    fn types() -> Vec<MetaType>;
}

macro_rules! parameters {
    ($($name:ident)*) => {
        impl<$($name: TypeInfo + 'static),*> Parameters for ($($name,)*) {
            fn types() -> Vec<MetaType> {
                vec![$(meta_type::<$name>()),*]
            }
        }
    };
}

parameters!();
parameters!(A);
parameters!(A B);
parameters!(A B C);

/// A pallet's constant.
#[doc(hidden)]
pub fn constant<V: Encode + scale_info::TypeInfo + 'static, C: crate::traits::Get<V>>(
    name: &'static str,
    docs: Vec<&'static str>,
) -> PalletConstantMetadata {
    PalletConstantMetadata {
        name,
        ty: meta_type::<V>(),
        value: C::get().encode(),
        docs,
    }
}

/// Describes one runtime API method, for the runtime's own list.
pub fn method<I: Parameters, O: TypeInfo + 'static>(
    name: &'static str,
    inputs: &[&'static str],
) -> RuntimeApiMethodMetadata {
    let inputs = inputs
        .iter()
        .copied()
        .zip(I::types())
        .map(|(name, ty)| RuntimeApiMethodParamMetadata { name, ty })
        .collect();
    RuntimeApiMethodMetadata {
        name,
        inputs,
        output: meta_type::<O>(),
        docs: vec![],
    }
}
