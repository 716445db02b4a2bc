//! Decoded values as JSON that a person can read: accounts with their checksum, bytes in hexadecimal, numbers of 128
//! bits as decimal strings.

use super::Metadata;
use quids_core::AccountId20;
use quids_crypto::eip55;
use scale_info::{TypeDef, TypeDefPrimitive};
use scale_value::{Composite, Primitive, Value, ValueDef};
use serde_json::{Map, Value as Json};

/// The largest integer that every JSON reader keeps.
const SAFE_INTEGER_MAX: u128 = (1 << 53) - 1;

/// A value decoded by `metadata` as JSON.
///
/// Structs are objects, one-field tuple structs their field, other tuples and lists arrays, byte lists `0x…`,
/// `Option`s the value or `null`, other enums the variant's name or `{ name: fields }`. Every u128 is a string, so a
/// field never changes its JSON type with its value.
pub fn to_json(metadata: &Metadata, value: &Value<u32>) -> Json {
    match &value.value {
        ValueDef::Composite(composite) => composite_json(metadata, value.context, composite),
        ValueDef::Variant(variant) => match (
            variant.name.as_str(),
            &variant.values,
            is_option(metadata, value.context),
        ) {
            ("None", _, true) => Json::Null,
            ("Some", Composite::Unnamed(values), true) if values.len() == 1 => to_json(metadata, &values[0]),
            (name, values, _) if values.is_empty() => name.into(),
            (name, values, _) => Json::Object(Map::from_iter([(name.into(), fields_json(metadata, values))])),
        },
        ValueDef::BitSequence(bits) => bits
            .iter()
            .map(|bit| if bit { '1' } else { '0' })
            .collect::<String>()
            .into(),
        ValueDef::Primitive(primitive) => primitive_json(metadata, value.context, primitive),
    }
}

/// The fields of a variant or struct: an object, an array, or the value itself where there is but one without a name.
pub(super) fn fields_json(metadata: &Metadata, fields: &Composite<u32>) -> Json {
    match fields {
        Composite::Named(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), to_json(metadata, value)))
            .collect::<Map<_, _>>()
            .into(),
        Composite::Unnamed(values) if values.len() == 1 => to_json(metadata, &values[0]),
        Composite::Unnamed(values) => values.iter().map(|value| to_json(metadata, value)).collect(),
    }
}

fn composite_json(metadata: &Metadata, ty: u32, composite: &Composite<u32>) -> Json {
    let resolved = metadata.types().resolve(ty);
    if resolved.and_then(|ty| ty.path.ident()).as_deref() == Some("AccountId20")
        && let Composite::Unnamed(fields) = composite
        && let [
            Value {
                value: ValueDef::Composite(bytes),
                ..
            },
        ] = fields.as_slice()
        && let Some(Ok(account)) = byte_list(bytes).map(<[u8; 20]>::try_from)
    {
        return eip55(&AccountId20(account)).into();
    }
    let item = match resolved.map(|ty| &ty.type_def) {
        Some(TypeDef::Sequence(sequence)) => sequence.type_param.id,
        Some(TypeDef::Array(array)) => array.type_param.id,
        Some(TypeDef::Tuple(_)) => return composite.values().map(|value| to_json(metadata, value)).collect(),
        _ => return fields_json(metadata, composite),
    };
    match byte_list(composite) {
        Some(bytes) if primitive_of(metadata, item) == Some(&TypeDefPrimitive::U8) => {
            format!("0x{}", hex::encode(bytes)).into()
        }
        _ => composite.values().map(|value| to_json(metadata, value)).collect(),
    }
}

fn primitive_json(metadata: &Metadata, ty: u32, primitive: &Primitive) -> Json {
    let wide = matches!(
        primitive_of(metadata, ty),
        Some(TypeDefPrimitive::U128 | TypeDefPrimitive::I128)
    );
    match primitive {
        Primitive::Bool(bool) => (*bool).into(),
        Primitive::Char(char) => char.to_string().into(),
        Primitive::String(text) => text.clone().into(),
        Primitive::U128(number) if wide || *number > SAFE_INTEGER_MAX => number.to_string().into(),
        Primitive::U128(number) => (*number as u64).into(),
        Primitive::I128(number) if wide || number.unsigned_abs() > SAFE_INTEGER_MAX => number.to_string().into(),
        Primitive::I128(number) => (*number as i64).into(),
        Primitive::U256(bytes) | Primitive::I256(bytes) => format!("0x{}", hex::encode(bytes)).into(),
    }
}

/// The primitive of a type, or that inside a `Compact`.
fn primitive_of(metadata: &Metadata, ty: u32) -> Option<&TypeDefPrimitive> {
    match &metadata.types().resolve(ty)?.type_def {
        TypeDef::Primitive(primitive) => Some(primitive),
        TypeDef::Compact(compact) => match &metadata.types().resolve(compact.type_param.id)?.type_def {
            TypeDef::Primitive(primitive) => Some(primitive),
            _ => None,
        },
        _ => None,
    }
}

fn is_option(metadata: &Metadata, ty: u32) -> bool {
    metadata
        .types()
        .resolve(ty)
        .is_some_and(|ty| ty.path.segments == ["Option"])
}

fn byte_list(composite: &Composite<u32>) -> Option<Vec<u8>> {
    composite
        .values()
        .map(|value| value.as_u128().and_then(|byte| u8::try_from(byte).ok()))
        .collect()
}
