//! Whether bytes of one type are the same value as another type reads them.

use scale_info::{Field, PortableRegistry, TypeDef, form::PortableForm};
use std::collections::{BTreeSet, HashMap};

/// How deep types may lie in each other: what is deeper counts as another type.
const DEPTH_MAX: u8 = 128;

/// A type and where it stands.
type Type<'a> = (&'a PortableRegistry, u32);

/// Whether every value that `old` wrote is the same one for `new`. Names of types do not matter, nor what wraps a single field. A
/// variant may be new; one that is gone is no other value, but none, which shows where there is one. A field or a variant may have a
/// new name, unless the name stands elsewhere: then what was one thing is taken for another.
pub fn is_same(old: Type<'_>, new: Type<'_>) -> bool {
    Comparison {
        old: old.0,
        new: new.0,
        assumed: BTreeSet::new(),
        depth: 0,
    }
    .types(old.1, new.1)
}

struct Comparison<'a> {
    old: &'a PortableRegistry,
    new: &'a PortableRegistry,
    /// Pairs that were met: types contain themselves.
    assumed: BTreeSet<(u32, u32)>,
    depth: u8,
}

impl Comparison<'_> {
    fn types(&mut self, old: u32, new: u32) -> bool {
        self.depth += 1;
        let is_same = self.depth <= DEPTH_MAX && self.are_same(old, new);
        self.depth -= 1;
        is_same
    }

    fn are_same(&mut self, old: u32, new: u32) -> bool {
        let (old, new) = (unwrapped(self.old, old), unwrapped(self.new, new));
        if !self.assumed.insert((old, new)) {
            return true;
        }
        let (Some(was), Some(is)) = (self.old.resolve(old), self.new.resolve(new)) else {
            return false;
        };
        match (&was.type_def, &is.type_def) {
            (TypeDef::Primitive(was), TypeDef::Primitive(is)) => was == is,
            (TypeDef::Sequence(was), TypeDef::Sequence(is)) => self.types(was.type_param.id, is.type_param.id),
            (TypeDef::Array(was), TypeDef::Array(is)) => {
                was.len == is.len && self.types(was.type_param.id, is.type_param.id)
            }
            (TypeDef::Compact(was), TypeDef::Compact(is)) => self.types(was.type_param.id, is.type_param.id),
            (TypeDef::BitSequence(was), TypeDef::BitSequence(is)) => {
                self.types(was.bit_store_type.id, is.bit_store_type.id)
                    && self.types(was.bit_order_type.id, is.bit_order_type.id)
            }
            (TypeDef::Variant(was), TypeDef::Variant(is)) => {
                let indices = |variants: &[scale_info::Variant<PortableForm>]| -> HashMap<String, u8> {
                    variants.iter().map(|one| (one.name.clone(), one.index)).collect()
                };
                if has_moved(&indices(&was.variants), &indices(&is.variants)) {
                    return false;
                }
                was.variants.iter().all(|was| {
                    let found = is.variants.iter().find(|is| is.index == was.index);
                    found.is_none_or(|is| self.fields(&was.fields, &is.fields))
                })
            }
            (TypeDef::Composite(_) | TypeDef::Tuple(_), TypeDef::Composite(_) | TypeDef::Tuple(_)) => {
                self.fields(&fields_of(&was.type_def), &fields_of(&is.type_def))
            }
            _ => false,
        }
    }

    fn fields(&mut self, old: &[Field<PortableForm>], new: &[Field<PortableForm>]) -> bool {
        let places = |fields: &[Field<PortableForm>]| -> HashMap<String, usize> {
            let named = fields.iter().enumerate();
            named
                .filter_map(|(at, field)| Some((field.name.clone()?, at)))
                .collect()
        };
        old.len() == new.len()
            && !has_moved(&places(old), &places(new))
            && old.iter().zip(new).all(|(was, is)| self.types(was.ty.id, is.ty.id))
    }
}

/// Whether a name stands elsewhere than it stood.
fn has_moved<P: PartialEq>(old: &HashMap<String, P>, new: &HashMap<String, P>) -> bool {
    old.iter().any(|(name, was)| new.get(name).is_some_and(|is| is != was))
}

/// Of a structure or a tuple; nothing of other types.
fn fields_of(ty: &TypeDef<PortableForm>) -> Vec<Field<PortableForm>> {
    match ty {
        TypeDef::Composite(composite) => composite.fields.clone(),
        TypeDef::Tuple(tuple) => {
            let unnamed = |ty: &_| Field {
                name: None,
                ty: *ty,
                type_name: None,
                docs: Vec::new(),
            };
            tuple.fields.iter().map(unnamed).collect()
        }
        _ => Vec::new(),
    }
}

/// The type inside of structures and tuples of one field: their bytes are its.
fn unwrapped(types: &PortableRegistry, mut id: u32) -> u32 {
    for _ in 0..DEPTH_MAX {
        let inner = types.resolve(id).map(|ty| fields_of(&ty.type_def)).unwrap_or_default();
        match &inner[..] {
            [only] => id = only.ty.id,
            _ => break,
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_core::Balance;
    use scale_info::{MetaType, Registry, TypeInfo, meta_type};

    fn check(old: MetaType, new: MetaType, expected: bool) {
        let of = |ty: MetaType| {
            let mut registry = Registry::new();
            let id = registry.register_type(&ty).id;
            (PortableRegistry::from(registry), id)
        };
        let ((old_types, old_id), (new_types, new_id)) = (of(old), of(new));
        assert_eq!(
            is_same((&old_types, old_id), (&new_types, new_id)),
            expected,
            "{old:?} read as {new:?}"
        );
    }

    /// Versions of a type, a module each.
    macro_rules! version {
        ($name:ident: $item:item) => {
            mod $name {
                #![allow(dead_code, reason = "types are compared, not used")]
                use super::*;
                #[derive(TypeInfo)]
                $item
            }
        };
    }

    version!(paid: pub struct Paid { amount: u64, fee: u64 });
    version!(swapped: pub struct Paid { fee: u64, amount: u64 });
    version!(shifted: pub struct Paid { fee: u64, tip: u64 });
    version!(renamed: pub struct Payment { value: u64, fee: u64 });
    version!(longer: pub struct Paid { amount: u64, fee: u64, tip: u64 });
    version!(wrapped: pub struct Wrapped { inner: (super::paid::Paid,) });
    version!(stage: pub enum Stage { Open, Closed { at: u32 } });
    version!(stage_more: pub enum Stage { Open, Closed { at: u32 }, Late });
    version!(stage_less: pub enum Stage { Open });
    version!(stage_first: pub enum Stage { Late, Open, Closed { at: u32 } });
    version!(stage_other: pub enum Stage { Open, Closed { at: i32 } });
    version!(list: pub struct List { value: u32, next: Option<Box<List>> });
    version!(list_other: pub struct List { value: u32, next: Option<Box<List>>, more: u8 });

    #[test]
    fn what_was_written_is_read_as_the_same_or_told() {
        let same = [
            (meta_type::<u64>(), meta_type::<u64>()),
            (meta_type::<u128>(), meta_type::<Balance>()),
            (meta_type::<paid::Paid>(), meta_type::<renamed::Payment>()),
            (meta_type::<paid::Paid>(), meta_type::<(u64, u64)>()),
            (meta_type::<paid::Paid>(), meta_type::<wrapped::Wrapped>()),
            (meta_type::<stage::Stage>(), meta_type::<stage_more::Stage>()),
            (meta_type::<stage::Stage>(), meta_type::<stage_less::Stage>()),
            (meta_type::<list::List>(), meta_type::<list::List>()),
        ];
        same.into_iter().for_each(|(old, new)| check(old, new, true));
        let other = [
            (meta_type::<u64>(), meta_type::<i64>()),
            (meta_type::<u64>(), meta_type::<(u32, u32)>()),
            (meta_type::<u64>(), meta_type::<[u8; 8]>()),
            (meta_type::<[u8; 8]>(), meta_type::<[u8; 9]>()),
            (meta_type::<Vec<u8>>(), meta_type::<String>()),
            (meta_type::<Vec<u64>>(), meta_type::<Vec<i64>>()),
            (meta_type::<Option<u64>>(), meta_type::<Option<i64>>()),
            (meta_type::<paid::Paid>(), meta_type::<swapped::Paid>()),
            (meta_type::<paid::Paid>(), meta_type::<shifted::Paid>()),
            (meta_type::<paid::Paid>(), meta_type::<longer::Paid>()),
            (meta_type::<stage::Stage>(), meta_type::<stage_first::Stage>()),
            (meta_type::<stage::Stage>(), meta_type::<stage_other::Stage>()),
            (meta_type::<list::List>(), meta_type::<list_other::List>()),
        ];
        other.into_iter().for_each(|(old, new)| check(old, new, false));
    }
}
