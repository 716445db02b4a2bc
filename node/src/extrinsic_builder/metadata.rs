//! A runtime's metadata, V14 or V15, reduced to what building transactions and reading events needs.

use super::BuilderError;
use codec::DecodeAll;
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed, v14, v15};
use scale_info::{PortableRegistry, Type, TypeDef, Variant, form::PortableForm};

/// What a runtime says of itself.
#[derive(Clone, Debug)]
pub struct Metadata {
    version: u32,
    types: PortableRegistry,
    pallets: Vec<Pallet>,
    extensions: Vec<Extension>,
    apis: Vec<String>,
}

/// One pallet.
#[derive(Clone, Debug)]
pub struct Pallet {
    pub name: String,
    pub index: u8,
    calls: Option<u32>,
    errors: Option<u32>,
    /// Names and value types of its plain storage items.
    values: Vec<(String, u32)>,
}

/// One transaction extension: what it puts into the extrinsic and what it adds to the signed bytes.
#[derive(Clone, Debug)]
pub(super) struct Extension {
    pub identifier: String,
    pub ty: u32,
    pub implicit: u32,
}

/// A call found by its names.
#[derive(Clone, Copy, Debug)]
pub struct CallInfo<'a> {
    pub pallet: &'a Pallet,
    pub variant: &'a Variant<PortableForm>,
}

/// The extrinsics that this module can write.
const EXTRINSIC_VERSION: u8 = 4;

impl Metadata {
    /// Decodes prefixed metadata (`meta` and the version), all of it.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, BuilderError> {
        let prefixed = RuntimeMetadataPrefixed::decode_all(&mut bytes)
            .map_err(|error| BuilderError::Metadata(error.to_string()))?;
        if prefixed.0 != frame_metadata::META_RESERVED {
            return Err(BuilderError::Metadata("it does not begin with \"meta\"".into()));
        }
        match prefixed.1 {
            RuntimeMetadata::V14(metadata) => Self::from_v14(metadata),
            RuntimeMetadata::V15(metadata) => Self::from_v15(metadata),
            other => Err(BuilderError::MetadataVersion(other.version())),
        }
    }

    fn from_v14(metadata: v14::RuntimeMetadataV14) -> Result<Self, BuilderError> {
        let extensions = metadata.extrinsic.signed_extensions.into_iter().map(|e| Extension {
            identifier: e.identifier,
            ty: e.ty.id,
            implicit: e.additional_signed.id,
        });
        let pallets = metadata.pallets.into_iter().map(|p| Pallet {
            name: p.name,
            index: p.index,
            calls: p.calls.map(|c| c.ty.id),
            errors: p.error.map(|e| e.ty.id),
            values: p.storage.map(|s| values(s.entries)).unwrap_or_default(),
        });
        Self {
            version: 14,
            types: metadata.types,
            pallets: pallets.collect(),
            extensions: extensions.collect(),
            apis: Vec::new(),
        }
        .checked(metadata.extrinsic.version)
    }

    fn from_v15(metadata: v15::RuntimeMetadataV15) -> Result<Self, BuilderError> {
        let extensions = metadata.extrinsic.signed_extensions.into_iter().map(|e| Extension {
            identifier: e.identifier,
            ty: e.ty.id,
            implicit: e.additional_signed.id,
        });
        let pallets = metadata.pallets.into_iter().map(|p| Pallet {
            name: p.name,
            index: p.index,
            calls: p.calls.map(|c| c.ty.id),
            errors: p.error.map(|e| e.ty.id),
            values: p.storage.map(|s| values(s.entries)).unwrap_or_default(),
        });
        Self {
            version: 15,
            types: metadata.types,
            pallets: pallets.collect(),
            extensions: extensions.collect(),
            apis: metadata.apis.into_iter().map(|api| api.name).collect(),
        }
        .checked(metadata.extrinsic.version)
    }

    fn checked(self, extrinsic_version: u8) -> Result<Self, BuilderError> {
        if extrinsic_version == EXTRINSIC_VERSION {
            Ok(self)
        } else {
            Err(BuilderError::ExtrinsicVersion(extrinsic_version))
        }
    }

    /// 14 or 15.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// In the metadata's order.
    pub fn pallets(&self) -> &[Pallet] {
        &self.pallets
    }

    /// Names of the runtime APIs; V14 does not tell them.
    pub fn apis(&self) -> &[String] {
        &self.apis
    }

    /// The type registry.
    pub fn types(&self) -> &PortableRegistry {
        &self.types
    }

    pub(super) fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    pub(super) fn resolve(&self, id: u32) -> Result<&Type<PortableForm>, BuilderError> {
        self.types.resolve(id).ok_or(BuilderError::UnknownType(id))
    }

    /// Finds a call by the names of its pallet and its own.
    pub fn call(&self, pallet: &str, call: &str) -> Result<CallInfo<'_>, BuilderError> {
        let Some(found) = self.pallets.iter().find(|p| p.name == pallet) else {
            let known = list(self.pallets.iter().map(|p| p.name.as_str()));
            return Err(BuilderError::UnknownPallet {
                pallet: pallet.into(),
                known,
            });
        };
        let calls = found.calls.map(|id| self.variants(id)).transpose()?.unwrap_or_default();
        match calls.iter().find(|variant| variant.name == call) {
            Some(variant) => Ok(CallInfo { pallet: found, variant }),
            None => Err(BuilderError::UnknownCall {
                pallet: pallet.into(),
                call: call.into(),
                known: list(calls.iter().map(|variant| variant.name.as_str())),
            }),
        }
    }

    /// Pallet and description of a pallet's error, from the two numbers that a failed call leaves.
    pub fn error(&self, pallet: u8, error: u8) -> Option<(&Pallet, &Variant<PortableForm>)> {
        let pallet = self.pallets.iter().find(|p| p.index == pallet)?;
        let variants = self.variants(pallet.errors?).ok()?;
        Some((pallet, variants.iter().find(|variant| variant.index == error)?))
    }

    /// The type of a plain storage item's value.
    pub(super) fn value_type(&self, pallet: &str, item: &str) -> Option<u32> {
        let pallet = self.pallets.iter().find(|p| p.name == pallet)?;
        pallet.values.iter().find(|(name, _)| name == item).map(|(_, ty)| *ty)
    }

    fn variants(&self, id: u32) -> Result<&[Variant<PortableForm>], BuilderError> {
        match &self.resolve(id)?.type_def {
            TypeDef::Variant(variants) => Ok(&variants.variants),
            _ => Ok(&[]),
        }
    }
}

fn values(entries: Vec<v14::StorageEntryMetadata<PortableForm>>) -> Vec<(String, u32)> {
    let plain = entries.into_iter().filter_map(|entry| match entry.ty {
        v14::StorageEntryType::Plain(ty) => Some((entry.name, ty.id)),
        v14::StorageEntryType::Map { .. } => None,
    });
    plain.collect()
}

/// `a, b, c`, or `none`.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}
