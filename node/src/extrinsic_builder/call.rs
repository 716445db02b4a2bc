//! Encodes a call by the names in metadata, and holds every argument against the type that stands there.

use super::{BuilderError, Metadata, metadata::list};
use codec::{Compact, Encode};
use scale_info::{TypeDef, TypeDefPrimitive};
use scale_value::Value;

/// An argument of a call.
#[derive(Clone, Debug)]
pub enum Arg {
    /// An unsigned number; the field's type says how it is encoded.
    Number(u128),
    /// A byte string, for a field of type `Vec<u8>`.
    Bytes(Vec<u8>),
    /// SCALE bytes; refused unless the field's type decodes from them to the last byte.
    Encoded(Vec<u8>),
    /// Anything else, encoded by the field's type.
    Value(Value),
}

/// The bytes of `pallet.call(args)`. Arguments are in the order of the call's fields, and named as these.
pub fn encode_call(
    metadata: &Metadata,
    pallet: &str,
    call: &str,
    args: &[(&str, Arg)],
) -> Result<Vec<u8>, BuilderError> {
    let info = metadata.call(pallet, call)?;
    let fields = &info.variant.fields;
    let names = || fields.iter().map(|field| field.name.as_deref().unwrap_or("_"));
    if !names().eq(args.iter().map(|(name, _)| *name)) {
        return Err(BuilderError::Fields {
            pallet: pallet.into(),
            call: call.into(),
            expected: list(names()),
            given: list(args.iter().map(|(name, _)| *name)),
        });
    }
    let mut out = vec![info.pallet.index, info.variant.index];
    for (field, (name, arg)) in fields.iter().zip(args) {
        encode_arg(metadata, field.ty.id, arg, &mut out).map_err(|reason| BuilderError::Argument {
            pallet: pallet.into(),
            call: call.into(),
            field: (*name).into(),
            reason,
        })?;
    }
    Ok(out)
}

fn encode_arg(metadata: &Metadata, ty: u32, arg: &Arg, out: &mut Vec<u8>) -> Result<(), String> {
    match arg {
        Arg::Number(number) => encode_number(metadata, ty, *number, out),
        Arg::Bytes(bytes) => {
            let TypeDef::Sequence(sequence) = type_def(metadata, ty)? else {
                return Err("the runtime does not take a byte string here".into());
            };
            let TypeDef::Primitive(TypeDefPrimitive::U8) = type_def(metadata, sequence.type_param.id)? else {
                return Err("the runtime does not take a byte string here".into());
            };
            bytes.encode_to(out);
            Ok(())
        }
        Arg::Encoded(bytes) => {
            check_encoded(metadata, ty, bytes)?;
            out.extend_from_slice(bytes);
            Ok(())
        }
        Arg::Value(value) => {
            scale_value::scale::encode_as_type(value, ty, metadata.types(), out).map_err(|error| error.to_string())
        }
    }
}

/// Fails unless `bytes` are one value of the type, nothing less and nothing more.
pub(super) fn check_encoded(metadata: &Metadata, ty: u32, mut bytes: &[u8]) -> Result<(), String> {
    scale_value::scale::decode_as_type(&mut bytes, ty, metadata.types()).map_err(|error| error.to_string())?;
    if bytes.is_empty() {
        Ok(())
    } else {
        Err(format!("{} bytes are left over", bytes.len()))
    }
}

fn encode_number(metadata: &Metadata, ty: u32, number: u128, out: &mut Vec<u8>) -> Result<(), String> {
    let primitive = match type_def(metadata, ty)? {
        TypeDef::Compact(compact) => {
            Compact(number).encode_to(out);
            return match type_def(metadata, compact.type_param.id)? {
                TypeDef::Primitive(primitive) => width(primitive, number).map(drop),
                _ => Err("the runtime does not take a number here".into()),
            };
        }
        TypeDef::Primitive(primitive) => primitive,
        _ => return Err("the runtime does not take a number here".into()),
    };
    let bytes = width(primitive, number)?;
    out.extend(number.to_le_bytes().iter().take(bytes));
    Ok(())
}

/// Bytes of the unsigned type, which `number` must fit into.
fn width(primitive: &TypeDefPrimitive, number: u128) -> Result<usize, String> {
    let bytes: usize = match primitive {
        TypeDefPrimitive::U8 => 1,
        TypeDefPrimitive::U16 => 2,
        TypeDefPrimitive::U32 => 4,
        TypeDefPrimitive::U64 => 8,
        TypeDefPrimitive::U128 => 16,
        _ => return Err("the runtime does not take an unsigned number here".into()),
    };
    let bits = bytes * 8;
    if bits < 128 && number >> bits != 0 {
        return Err(format!("{number} does not fit into {bits} bits"));
    }
    Ok(bytes)
}

fn type_def(metadata: &Metadata, ty: u32) -> Result<&TypeDef<scale_info::form::PortableForm>, String> {
    metadata
        .resolve(ty)
        .map(|ty| &ty.type_def)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extrinsic_builder::fixtures;

    fn check(pallet: &str, call: &str, args: &[(&str, Arg)], expected: Result<&str, &str>) {
        for metadata in fixtures::both_versions() {
            let got = encode_call(&metadata, pallet, call, args)
                .map(hex::encode)
                .map_err(|e| e.to_string());
            assert_eq!(got.as_deref().map_err(String::as_str), expected);
        }
    }

    #[test]
    fn arguments_are_encoded_by_the_types_in_metadata() {
        let dest = Arg::Encoded(vec![0x11; 20]);
        let dest_hex = "11".repeat(20);
        let transfer = format!("0200{dest_hex}13000064a7b3b6e00d");
        check(
            "Balances",
            "transfer_allow_death",
            &[("dest", dest.clone()), ("value", Arg::Number(10u128.pow(18)))],
            Ok(&transfer),
        );
        let all = format!("0204{dest_hex}01");
        check(
            "Balances",
            "transfer_all",
            &[("dest", dest), ("keep_alive", Arg::Encoded(vec![1]))],
            Ok(&all),
        );
        check(
            "System",
            "remark",
            &[("remark", Arg::Bytes(b"hello".to_vec()))],
            Ok("00001468656c6c6f"),
        );
        let value = Value::from_bytes(b"hello");
        check(
            "System",
            "remark",
            &[("remark", Arg::Value(value))],
            Ok("00001468656c6c6f"),
        );
        check("System", "set", &[("number", Arg::Number(0x0102))], Ok("000302010000"));
    }

    #[test]
    fn what_the_runtime_does_not_have_is_named() {
        check(
            "Nope",
            "x",
            &[],
            Err("the runtime has no pallet Nope; it has System, Balances"),
        );
        check(
            "System",
            "nope",
            &[],
            Err("pallet System has no call nope; it has remark, set"),
        );
        check(
            "System",
            "remark",
            &[("bytes", Arg::Bytes(vec![]))],
            Err("System.remark takes (remark), not (bytes)"),
        );
        check("System", "remark", &[], Err("System.remark takes (remark), not (none)"));
    }

    #[test]
    fn an_argument_of_another_type_is_refused() {
        let error = |field: &str, reason: &str| format!("argument {field} of System.{reason}");
        check(
            "System",
            "set",
            &[("number", Arg::Number(1 << 32))],
            Err(&error("number", "set: 4294967296 does not fit into 32 bits")),
        );
        check(
            "System",
            "set",
            &[("number", Arg::Bytes(vec![]))],
            Err(&error("number", "set: the runtime does not take a byte string here")),
        );
        check(
            "System",
            "set",
            &[("number", Arg::Encoded(vec![0; 5]))],
            Err(&error("number", "set: 1 bytes are left over")),
        );
        check(
            "System",
            "remark",
            &[("remark", Arg::Number(1))],
            Err(&error("remark", "remark: the runtime does not take a number here")),
        );
    }
}
