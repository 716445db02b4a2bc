//! What a runtime says of itself in its metadata (V15), compared with what another one says.

use super::report::InterfaceChange;
use crate::{chain::ChainError, extrinsic_builder::skip};
use codec::DecodeAll;
use frame_metadata::{
    RuntimeMetadata, RuntimeMetadataPrefixed,
    v14::{StorageEntryModifier, StorageEntryType},
    v15::RuntimeMetadataV15,
};
use scale_info::{Field, PortableRegistry, TypeDef, form::PortableForm};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
};

/// Longer ones are not told: nobody sees what differs.
const SHAPE_BYTES_SHOWN: usize = 200;
/// Bytes of the layouts of all types, and how deep they lie in each other: types may multiply without end.
const LAYOUTS_MAX: usize = 64 << 20;
const DEPTH_MAX: usize = 128;
/// How deep a type's name tells those inside, and how many of them.
const NAME_DEPTH_MAX: u8 = 16;
const NAMES_MAX: u32 = 200;

/// Metadata, version 15.
pub struct Interface(pub RuntimeMetadataV15);

/// Something that others may rely on.
#[derive(PartialEq, Eq)]
struct Feature {
    /// Where it stands among its like, if that is part of an encoding.
    index: Option<u32>,
    /// For people.
    shape: String,
    /// All of the layout, and nothing else.
    layout: [u8; 32],
    /// Whether another layout makes bytes wrong that were right.
    is_encoded: bool,
}

impl Interface {
    pub fn decode(mut bytes: &[u8]) -> Result<Self, ChainError> {
        let failed = |error| ChainError::Decode {
            what: "the metadata",
            error,
        };
        match RuntimeMetadataPrefixed::decode_all(&mut bytes).map_err(failed)?.1 {
            RuntimeMetadata::V15(metadata) => Ok(Self(metadata)),
            _ => Err(failed("it is not of version 15".into())),
        }
    }

    fn features(&self) -> BTreeMap<String, Feature> {
        let outer = &self.0.outer_enums;
        let mut features = Features {
            types: &self.0.types,
            outer: [outer.call_enum_ty.id, outer.event_enum_ty.id, outer.error_enum_ty.id],
            known: RefCell::default(),
            left: Cell::new(LAYOUTS_MAX),
            all: BTreeMap::new(),
        };
        for pallet in &self.0.pallets {
            let name = &pallet.name;
            features.put(format!("pallet {name}"), Some(pallet.index.into()), "", &[], true);
            let enums = [
                ("call", pallet.calls.as_ref().map(|calls| calls.ty.id)),
                ("event", pallet.event.as_ref().map(|event| event.ty.id)),
                ("error", pallet.error.as_ref().map(|error| error.ty.id)),
            ];
            for (kind, id) in enums {
                features.put_variants(kind, name, id);
            }
            for entry in pallet.storage.iter().flat_map(|storage| &storage.entries) {
                let modifier = match entry.modifier {
                    StorageEntryModifier::Optional => "optional",
                    StorageEntryModifier::Default => "default",
                };
                let (shape, ids) = match &entry.ty {
                    StorageEntryType::Plain(value) => (format!("{modifier} "), vec![value.id]),
                    StorageEntryType::Map { hashers, key, value } => {
                        (format!("{modifier} map by {hashers:?} "), vec![key.id, value.id])
                    }
                };
                features.put(format!("storage {name}.{}", entry.name), None, &shape, &ids, true);
            }
            for constant in &pallet.constants {
                let what = format!("constant {name}.{}", constant.name);
                let value = format!("{} ", features.shown(&constant.value, constant.ty.id));
                features.put(what, None, &value, &[constant.ty.id], false);
            }
        }
        for (index, extension) in (0..).zip(&self.0.extrinsic.signed_extensions) {
            let ids = [extension.ty.id, extension.additional_signed.id];
            let what = format!("transaction extension {}", extension.identifier);
            features.put(what, Some(index), "", &ids, true);
        }
        for api in &self.0.apis {
            for method in &api.methods {
                let ids: Vec<u32> = method.inputs.iter().map(|input| input.ty.id).collect();
                let ids = [&ids[..], &[method.output.id]].concat();
                features.put(
                    format!("runtime API {}_{}", api.name, method.name),
                    None,
                    "",
                    &ids,
                    true,
                );
            }
        }
        features.all
    }

    /// What is otherwise in `new`.
    pub fn changes(&self, new: &Self) -> Vec<InterfaceChange> {
        let (old, new) = (self.features(), new.features());
        let mut changes = Vec::new();
        let mut change = |what: &String, change: String, is_breaking| {
            changes.push(InterfaceChange {
                what: what.clone(),
                change,
                is_breaking,
            });
        };
        for (what, was) in &old {
            let Some(is) = new.get(what) else {
                change(what, "removed".into(), true);
                continue;
            };
            if let (Some(was), Some(is)) = (was.index, is.index)
                && was != is
            {
                change(what, format!("index {was}, now {is}"), true);
            }
            if was.layout != is.layout || was.shape != is.shape {
                let text = match was.shape == is.shape {
                    true => format!("{}: its layout is another", is.shape),
                    false if was.shape.len() > SHAPE_BYTES_SHOWN => "its value is another".into(),
                    false => format!("was {}, is {}", was.shape, is.shape),
                };
                change(what, text, was.is_encoded || was.layout != is.layout);
            }
        }
        for (what, is) in new.iter().filter(|(what, _)| !old.contains_key(*what)) {
            // A transaction has to have all extensions.
            let is_breaking = what.starts_with("transaction extension");
            change(
                what,
                format!("added{}{}", if is.shape.is_empty() { "" } else { ": " }, is.shape),
                is_breaking,
            );
        }
        changes
    }
}

struct Features<'a> {
    types: &'a PortableRegistry,
    /// All calls, events and errors: told of one by one, not wherever they occur.
    outer: [u32; 3],
    /// Digests of layouts, by the type's id.
    known: RefCell<HashMap<u32, [u8; 32]>>,
    /// Bytes of layouts that may still be made.
    left: Cell<usize>,
    all: BTreeMap<String, Feature>,
}

impl Features<'_> {
    fn put(&mut self, what: String, index: Option<u32>, shape: &str, types: &[u32], is_encoded: bool) {
        let names: Vec<String> = types.iter().map(|id| self.name(*id)).collect();
        let feature = Feature {
            index,
            shape: format!("{shape}{}", names.join(" to ")),
            layout: self.layouts(types.iter().copied()),
            is_encoded,
        };
        self.all.insert(what, feature);
    }

    fn put_variants(&mut self, kind: &str, pallet: &str, id: Option<u32>) {
        let Some(TypeDef::Variant(variants)) = id.and_then(|id| self.types.resolve(id)).map(|ty| &ty.type_def) else {
            return;
        };
        for variant in &variants.variants {
            let fields: Vec<String> = variant.fields.iter().map(|field| self.field(field)).collect();
            let feature = Feature {
                index: Some(variant.index.into()),
                shape: match fields.is_empty() {
                    true => String::new(),
                    false => format!("({})", fields.join(", ")),
                },
                layout: self.layouts(variant.fields.iter().map(|field| field.ty.id)),
                is_encoded: true,
            };
            self.all.insert(format!("{kind} {pallet}.{}", variant.name), feature);
        }
    }

    fn field(&self, field: &Field<PortableForm>) -> String {
        let ty = self.name(field.ty.id);
        match &field.name {
            Some(name) => format!("{name}: {ty}"),
            None => ty,
        }
    }

    fn name(&self, id: u32) -> String {
        type_name(self.types, id)
    }

    /// A value as people read it.
    fn shown(&self, mut bytes: &[u8], id: u32) -> String {
        if skip(self.types, id, &mut &bytes[..]).is_err() {
            return format!("0x{}", hex::encode(bytes));
        }
        match scale_value::scale::decode_as_type(&mut bytes, id, self.types) {
            Ok(value) => value.to_string(),
            Err(_) => format!("0x{}", hex::encode(bytes)),
        }
    }

    /// Of the layouts of types, one after the other.
    fn layouts(&self, types: impl Iterator<Item = u32>) -> [u8; 32] {
        let digests: Vec<[u8; 32]> = types.map(|id| self.digest(id)).collect();
        quids_crypto::blake3_256(digests.as_flattened())
    }

    fn digest(&self, id: u32) -> [u8; 32] {
        if let Some(known) = self.known.borrow().get(&id) {
            return *known;
        }
        let mut layout = Vec::new();
        self.layout(id, &mut Vec::new(), &mut layout);
        self.left.set(self.left.get().saturating_sub(layout.len()));
        let digest = quids_crypto::blake3_256(&layout);
        self.known.borrow_mut().insert(id, digest);
        digest
    }

    /// Bytes that are the same for types of the same layout: names of fields and variants count, names of types do not.
    fn layout(&self, id: u32, above: &mut Vec<u32>, out: &mut Vec<u8>) {
        if let Some(depth) = above.iter().rev().position(|other| *other == id) {
            out.extend(format!("^{depth}").as_bytes());
            return;
        }
        let Some(ty) = self.types.resolve(id) else { return };
        if out.len() > self.left.get() || above.len() > DEPTH_MAX {
            out.push(b'!');
            return;
        }
        if self.outer.contains(&id) {
            out.extend(self.name(id).as_bytes());
            return;
        }
        above.push(id);
        out.push(b'(');
        match &ty.type_def {
            TypeDef::Primitive(primitive) => out.extend(format!("{primitive:?}").as_bytes()),
            TypeDef::Sequence(sequence) => {
                out.push(b'*');
                self.layout(sequence.type_param.id, above, out);
            }
            TypeDef::Array(array) => {
                out.extend(format!("{}*", array.len).as_bytes());
                self.layout(array.type_param.id, above, out);
            }
            TypeDef::Compact(compact) => {
                out.push(b'c');
                self.layout(compact.type_param.id, above, out);
            }
            TypeDef::Tuple(tuple) => tuple.fields.iter().for_each(|field| self.layout(field.id, above, out)),
            TypeDef::BitSequence(_) => out.push(b'b'),
            TypeDef::Composite(composite) => self.fields(&composite.fields, above, out),
            TypeDef::Variant(variants) => {
                for variant in &variants.variants {
                    out.extend(format!("{}={}", variant.index, variant.name).as_bytes());
                    self.fields(&variant.fields, above, out);
                }
            }
        }
        out.push(b')');
        above.pop();
    }

    fn fields(&self, fields: &[Field<PortableForm>], above: &mut Vec<u32>, out: &mut Vec<u8>) {
        for field in fields {
            out.push(b',');
            out.extend(field.name.as_deref().unwrap_or_default().as_bytes());
            self.layout(field.ty.id, above, out);
        }
    }
}

/// A type as people call it.
pub fn type_name(types: &PortableRegistry, id: u32) -> String {
    name_within(types, id, NAME_DEPTH_MAX, &Cell::new(NAMES_MAX))
}

fn name_within(types: &PortableRegistry, id: u32, depth: u8, left: &Cell<u32>) -> String {
    let (Some(depth), Some(one_less)) = (depth.checked_sub(1), left.get().checked_sub(1)) else {
        return "..".into();
    };
    left.set(one_less);
    let name = |id| name_within(types, id, depth, left);
    let Some(ty) = types.resolve(id) else {
        return format!("type {id}");
    };
    match &ty.type_def {
        TypeDef::Primitive(primitive) => format!("{primitive:?}").to_lowercase(),
        TypeDef::Sequence(sequence) => format!("Vec<{}>", name(sequence.type_param.id)),
        TypeDef::Array(array) => format!("[{}; {}]", name(array.type_param.id), array.len),
        TypeDef::Compact(compact) => format!("Compact<{}>", name(compact.type_param.id)),
        TypeDef::Tuple(tuple) => {
            let fields: Vec<String> = tuple.fields.iter().map(|field| name(field.id)).collect();
            format!("({})", fields.join(", "))
        }
        TypeDef::BitSequence(_) => "BitVec".into(),
        TypeDef::Composite(_) | TypeDef::Variant(_) => {
            let own = ty.path.segments.last().cloned().unwrap_or_else(|| format!("type {id}"));
            let params = ty.type_params.iter().filter_map(|param| Some(name(param.ty?.id)));
            let params: Vec<String> = params.collect();
            match own.as_str() {
                "Option" | "Result" | "BoundedVec" | "BTreeMap" if !params.is_empty() => {
                    format!("{own}<{}>", params.join(", "))
                }
                _ => own,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_api::names;
    use quids_executor::{Executor, ExecutorConfig};
    use quids_io::MemoryExternalities;

    fn of(code: &[u8]) -> Interface {
        let runtime = Executor::new(ExecutorConfig::default()).unwrap().load(code).unwrap();
        let mut empty = MemoryExternalities::default();
        let output = runtime
            .call(&mut empty, names::METADATA_AT_VERSION, &codec::Encode::encode(&15u32))
            .unwrap();
        let bytes: Option<Vec<u8>> = codec::Decode::decode(&mut &output[..]).unwrap();
        Interface::decode(&bytes.unwrap()).unwrap()
    }

    /// Metadata in which types lie in themselves, or multiply, is read, or refused; nobody waits or falls.
    #[test]
    fn types_without_end_end() {
        use scale_info::{Path, PortableType, Type, TypeDefSequence, TypeDefTuple};
        let real = of(quids_runtime_wasm::WASM);
        let put = |types: &[TypeDef<PortableForm>]| {
            let mut new = Interface(real.0.clone());
            let first = u32::try_from(new.0.types.types.len()).unwrap();
            for (id, type_def) in (first..).zip(types) {
                let ty = Type {
                    path: Path { segments: Vec::new() },
                    type_params: Vec::new(),
                    type_def: type_def.clone(),
                    docs: Vec::new(),
                };
                new.0.types.types.push(PortableType { id, ty });
            }
            let last = u32::try_from(new.0.types.types.len() - 1).unwrap();
            let at = new
                .0
                .pallets
                .iter()
                .position(|pallet| pallet.name == "Timestamp")
                .unwrap();
            for entry in &mut new.0.pallets[at].storage.as_mut().unwrap().entries {
                entry.ty = StorageEntryType::Plain(last.into());
            }
            for constant in &mut new.0.pallets[at].constants {
                (constant.ty, constant.value) = (last.into(), vec![4; 100_000]);
            }
            let bytes = codec::Encode::encode(&RuntimeMetadataPrefixed(
                u32::from_le_bytes(*b"meta"),
                RuntimeMetadata::V15(new.0),
            ));
            Interface::decode(&bytes)
        };
        let first = u32::try_from(real.0.types.types.len()).unwrap();
        let tuple = |ids: &[u32]| {
            TypeDef::Tuple(TypeDefTuple {
                fields: ids.iter().map(|id| (*id).into()).collect(),
            })
        };
        let chain: Vec<_> = (0..200)
            .map(|n| tuple(&[if n == 0 { 0 } else { first + n - 1 }]))
            .collect();
        let lists = TypeDef::Sequence(TypeDefSequence::new(first.into()));
        let doubled: Vec<_> = (0..100)
            .map(|n| match n {
                0 => tuple(&[0, 0]),
                n => tuple(&[first + n - 1, first + n - 1]),
            })
            .collect();
        let nothing: Vec<_> = (0..100)
            .map(|n| match n {
                0 => tuple(&[]),
                n => tuple(&[first + n - 1, first + n - 1]),
            })
            .collect();
        let wide = TypeDef::Array(scale_info::TypeDefArray::new(u32::MAX, first.into()));
        for (what, types) in [
            ("a tuple of itself", vec![tuple(&[first])]),
            ("one of another and back", vec![tuple(&[first + 1]), tuple(&[first])]),
            ("200 in each other", chain),
            ("lists of lists", vec![lists]),
            ("2^100 numbers", doubled),
            ("2^100 times nothing", nothing),
            ("2^32 times nothing", vec![tuple(&[]), wide]),
        ] {
            let new = put(&types).unwrap_or_else(|error| panic!("{what}: {error}"));
            let told = real.changes(&new);
            assert!(
                told.iter().any(|change| change.what == "storage Timestamp.Now"),
                "{what}: {told:?}"
            );
            let (old, new) = (
                super::super::layout::Layout::of(&real),
                super::super::layout::Layout::of(&new),
            );
            assert!(!old.lost_in(&new).is_empty(), "{what}");
            let key = crate::testing::TestChain::value_key("Timestamp", "Now");
            for value in [vec![], vec![4; 100_000], vec![0xff; 8]] {
                assert!(new.fault(&key, &value).is_some(), "{what}: {} bytes", value.len());
            }
        }
    }

    #[test]
    fn what_was_added_removed_moved_and_reshaped_is_told() {
        let old = of(quids_runtime_wasm::WASM);
        assert_eq!(old.changes(&old), []);
        let check = |change: &dyn Fn(&mut RuntimeMetadataV15), expected: &[(&str, &str, bool)]| {
            let mut new = Interface(old.0.clone());
            change(&mut new.0);
            let found = old.changes(&new);
            let found: Vec<_> = found
                .iter()
                .map(|change| (change.what.as_str(), change.change.as_str(), change.is_breaking))
                .collect();
            assert_eq!(found, expected);
        };
        let timestamp = |metadata: &RuntimeMetadataV15| {
            metadata
                .pallets
                .iter()
                .position(|pallet| pallet.name == "Timestamp")
                .unwrap()
        };
        check(
            &|new| {
                let at = timestamp(new);
                new.pallets[at].index = 77;
            },
            &[("pallet Timestamp", "index 1, now 77", true)],
        );
        check(
            &|new| {
                let at = timestamp(new);
                new.pallets[at].storage = None;
            },
            &[
                ("storage Timestamp.DidUpdate", "removed", true),
                ("storage Timestamp.Now", "removed", true),
            ],
        );
        check(
            &|new| {
                let at = timestamp(new);
                let mut again = new.pallets[at].storage.clone().unwrap().entries[0].clone();
                again.name = "Before".into();
                new.pallets[at].storage.as_mut().unwrap().entries.push(again);
            },
            &[("storage Timestamp.Before", "added: default u64", false)],
        );
        check(
            &|new| {
                let first = new.extrinsic.signed_extensions.remove(0);
                new.extrinsic.signed_extensions.insert(1, first);
            },
            &[
                ("transaction extension CheckSpecVersion", "index 0, now 1", true),
                ("transaction extension CheckTxVersion", "index 1, now 0", true),
            ],
        );
        let moved: Vec<_> = old.changes(&of(quids_runtime_wasm::WASM_NEXT));
        let of_template = |change: &&InterfaceChange| change.is_breaking && change.what.contains(" Template.");
        assert_eq!(moved.iter().filter(of_template).count(), 3, "{moved:?}");
        let others: Vec<_> = moved
            .iter()
            .filter(|change| change.is_breaking && !of_template(change))
            .collect();
        assert!(others.is_empty(), "{others:?}");
    }
}
