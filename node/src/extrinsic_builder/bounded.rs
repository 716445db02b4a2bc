//! Whether bytes are a value of a type, by a walk that takes nothing and has bounds: types come from metadata, which may be anybody's,
//! and whoever builds a value of them recurses as deep and makes room for as many as they say.

use codec::{Compact, Decode};
use scale_info::{PortableRegistry, TypeDef, TypeDefPrimitive};

/// How deep values may lie in each other.
const DEPTH_MAX: u32 = 128;
/// Values within a value, for each of its bytes and besides: those that take no bytes are values too.
const NODES_PER_BYTE: usize = 16;
const NODES_BESIDES: usize = 4096;

/// Walks a value at the beginning of the bytes and leaves what is behind it.
///
/// Errors: why it is none, or lies too deep or consists of too many to be read.
pub fn skip(types: &PortableRegistry, id: u32, bytes: &mut &[u8]) -> Result<(), String> {
    let mut walk = Walk {
        types,
        depth: 0,
        left: bytes.len().saturating_mul(NODES_PER_BYTE).saturating_add(NODES_BESIDES),
    };
    walk.value(id, bytes)
}

struct Walk<'a> {
    types: &'a PortableRegistry,
    depth: u32,
    /// Values that may still come.
    left: usize,
}

impl Walk<'_> {
    fn value(&mut self, id: u32, bytes: &mut &[u8]) -> Result<(), String> {
        if self.depth >= DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} values lie in each other"));
        }
        self.left = self
            .left
            .checked_sub(1)
            .ok_or("it consists of more values than its bytes can be")?;
        self.depth += 1;
        let walked = self.of_type(id, bytes);
        self.depth -= 1;
        walked
    }

    fn of_type(&mut self, id: u32, bytes: &mut &[u8]) -> Result<(), String> {
        let types = self.types;
        let ty = types.resolve(id).ok_or_else(|| format!("there is no type {id}"))?;
        match &ty.type_def {
            TypeDef::Composite(composite) => composite
                .fields
                .iter()
                .try_for_each(|field| self.value(field.ty.id, bytes)),
            TypeDef::Tuple(tuple) => tuple.fields.iter().try_for_each(|field| self.value(field.id, bytes)),
            TypeDef::Array(array) => self.many(array.len, array.type_param.id, bytes),
            TypeDef::Sequence(sequence) => {
                let count = length(bytes)?;
                self.many(count, sequence.type_param.id, bytes)
            }
            TypeDef::Variant(variants) => {
                let [index] = take::<1>(bytes)?;
                let variant = variants.variants.iter().find(|variant| variant.index == index);
                let variant = variant.ok_or_else(|| format!("there is no variant {index}"))?;
                variant
                    .fields
                    .iter()
                    .try_for_each(|field| self.value(field.ty.id, bytes))
            }
            TypeDef::Primitive(primitive) => of_primitive(primitive, bytes),
            TypeDef::Compact(_) => Compact::<u128>::decode(bytes)
                .map(drop)
                .map_err(|error| error.to_string()),
            TypeDef::BitSequence(sequence) => {
                let bits = length(bytes)?;
                let width = match types.resolve(sequence.bit_store_type.id).map(|store| &store.type_def) {
                    Some(TypeDef::Primitive(TypeDefPrimitive::U16)) => 2,
                    Some(TypeDef::Primitive(TypeDefPrimitive::U32)) => 4,
                    Some(TypeDef::Primitive(TypeDefPrimitive::U64)) => 8,
                    _ => 1usize,
                };
                let words = (bits as usize).div_ceil(8 * width);
                advance(words.saturating_mul(width), bytes).map(drop)
            }
        }
    }

    fn many(&mut self, count: u32, id: u32, bytes: &mut &[u8]) -> Result<(), String> {
        // Bytes are walked at once: most of what is long is bytes.
        if let Some(TypeDef::Primitive(TypeDefPrimitive::U8 | TypeDefPrimitive::I8)) =
            self.types.resolve(id).map(|ty| &ty.type_def)
        {
            return advance(count as usize, bytes).map(drop);
        }
        (0..count).try_for_each(|_| self.value(id, bytes))
    }
}

fn of_primitive(primitive: &TypeDefPrimitive, bytes: &mut &[u8]) -> Result<(), String> {
    use TypeDefPrimitive as P;
    let count = match primitive {
        P::Bool => {
            let [byte] = take::<1>(bytes)?;
            return match byte {
                0 | 1 => Ok(()),
                other => Err(format!("{other} is no bool")),
            };
        }
        P::Str => {
            let count = length(bytes)?;
            let text = advance(count as usize, bytes)?;
            return std::str::from_utf8(text).map(drop).map_err(|error| error.to_string());
        }
        P::Char => {
            let code = u32::from_le_bytes(take(bytes)?);
            let found = char::from_u32(code);
            return found.map(drop).ok_or_else(|| format!("{code} is no character"));
        }
        P::U8 | P::I8 => 1,
        P::U16 | P::I16 => 2,
        P::U32 | P::I32 => 4,
        P::U64 | P::I64 => 8,
        P::U128 | P::I128 => 16,
        P::U256 | P::I256 => 32,
    };
    advance(count, bytes).map(drop)
}

fn length(bytes: &mut &[u8]) -> Result<u32, String> {
    let Compact(length) = Compact::<u32>::decode(bytes).map_err(|error| error.to_string())?;
    Ok(length)
}

fn advance<'b>(count: usize, bytes: &mut &'b [u8]) -> Result<&'b [u8], String> {
    let missing = || format!("it ends {} bytes too early", count.saturating_sub(bytes.len()));
    let (taken, rest) = bytes.split_at_checked(count).ok_or_else(missing)?;
    *bytes = rest;
    Ok(taken)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], String> {
    let taken = advance(N, bytes)?;
    taken.try_into().map_err(|_| "it is cut short".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use codec::Encode;
    use proptest::prelude::*;
    use scale_info::{MetaType, Registry, TypeInfo, meta_type};

    #[derive(Encode, TypeInfo)]
    enum Tree {
        #[codec(index = 3)]
        Leaf { text: String, number: Option<u128> },
        #[codec(index = 5)]
        Branch(Vec<Tree>, #[codec(compact)] u64, [bool; 3]),
    }

    fn registry(ty: MetaType) -> (PortableRegistry, u32) {
        let mut registry = Registry::new();
        let id = registry.register_type(&ty).id;
        (registry.into(), id)
    }

    fn left(ty: MetaType, bytes: &[u8]) -> Result<usize, String> {
        let (types, id) = registry(ty);
        let mut rest = bytes;
        skip(&types, id, &mut rest).map(|()| rest.len())
    }

    #[test]
    fn values_are_walked_to_their_end() {
        let leaf = || Tree::Leaf {
            text: "ä".into(),
            number: Some(7),
        };
        let tree = Tree::Branch(vec![leaf(), Tree::Branch(vec![], 9, [true; 3])], 1 << 40, [false; 3]);
        for (ty, bytes) in [
            (meta_type::<Tree>(), tree.encode()),
            (meta_type::<(u8, [u32; 4], ())>(), vec![1; 17]),
            (meta_type::<Vec<u8>>(), vec![9u8; 100_000].encode()),
            (meta_type::<Vec<()>>(), vec![(); 1000].encode()),
            (meta_type::<char>(), 0x1f600u32.encode()),
            (meta_type::<()>(), vec![]),
        ] {
            assert_eq!(left(ty, &bytes), Ok(0), "{ty:?}");
            assert_eq!(left(ty, &[&bytes[..], &[1, 2]].concat()), Ok(2), "{ty:?}");
            if let Some(shorter) = bytes.len().checked_sub(1) {
                assert!(left(ty, &bytes[..shorter]).is_err(), "{ty:?}");
            }
        }
        for (ty, bytes, reason) in [
            (meta_type::<bool>(), vec![2], "2 is no bool"),
            (meta_type::<Tree>(), vec![4], "there is no variant 4"),
            (meta_type::<String>(), vec![4, 0xff], "utf-8"),
            (meta_type::<char>(), vec![0, 0xd8, 0, 0], "no character"),
            // A length of 2^30 with nothing behind it.
            (meta_type::<Vec<u64>>(), vec![2, 0, 0, 0xff], "too early"),
            (
                meta_type::<Vec<()>>(),
                vec![2, 0, 0, 0xff],
                "more values than its bytes",
            ),
        ] {
            let found = left(ty, &bytes).unwrap_err();
            assert!(found.contains(reason), "{ty:?}: {found}");
        }
    }

    #[test]
    fn what_lies_too_deep_is_none() {
        // A branch with one branch in it, and so on.
        let deep = |depth: usize| [[5, 4].repeat(depth), vec![5, 0], [0; 4].repeat(depth + 1)].concat();
        assert_eq!(left(meta_type::<Tree>(), &deep(60)), Ok(0));
        let found = left(meta_type::<Tree>(), &deep(100_000)).unwrap_err();
        assert!(found.contains("lie in each other"), "{found}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_value_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(left) = left(meta_type::<Tree>(), &bytes) {
                prop_assert!(left < bytes.len());
            }
        }
    }
}
