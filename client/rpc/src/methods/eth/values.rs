//! Ethereum's JSON values: quantities and bytes, out of parameters and into answers.

use crate::error::{RpcError, invalid_params};
use crate::params;
use quids_core::{H160, H256, U256};
use serde_json::{Map, Value};

/// Hex digits of the largest number.
const DIGITS_MAX: usize = 64;

/// A number: `0x` and digits without leading zeros, or a JSON number.
pub fn uint(name: &str, value: &Value) -> Result<U256, RpcError> {
    let parsed = match value {
        Value::Number(number) => number.as_u64().map(U256::from),
        Value::String(text) => text
            .strip_prefix("0x")
            .filter(|digits| !digits.is_empty() && digits.len() <= DIGITS_MAX)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| U256::from_str_radix(digits, 16).ok()),
        _ => None,
    };
    parsed.ok_or_else(|| unfit(name, "a number of at most 256 bits (hex with 0x)"))
}

pub fn u128(name: &str, value: &Value) -> Result<u128, RpcError> {
    u128::try_from(uint(name, value)?).map_err(|_| unfit(name, "a number below 2^128"))
}

pub fn u64(name: &str, value: &Value) -> Result<u64, RpcError> {
    u64::try_from(uint(name, value)?).map_err(|_| unfit(name, "a number below 2^64"))
}

pub fn address(name: &str, value: &Value) -> Result<H160, RpcError> {
    let bytes: Result<[u8; 20], _> = params::bytes(name, value)?.try_into();
    bytes.map(H160).map_err(|_| unfit(name, "an address of 20 bytes"))
}

pub fn word(name: &str, value: &Value) -> Result<H256, RpcError> {
    params::hash(name, value)
}

/// A storage slot: 32 bytes, or a number with fewer digits.
pub fn slot(name: &str, value: &Value) -> Result<H256, RpcError> {
    uint(name, value).map(|number| H256(number.to_big_endian()))
}

pub fn bytes(name: &str, value: &Value) -> Result<Vec<u8>, RpcError> {
    params::bytes(name, value)
}

pub fn boolean(name: &str, value: &Value) -> Result<bool, RpcError> {
    value.as_bool().ok_or_else(|| unfit(name, "true or false"))
}

/// A field that is there and not null.
pub fn field<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// A field that is there and not null, read.
pub fn read<T>(
    object: &Value,
    name: &str,
    how: impl FnOnce(&str, &Value) -> Result<T, RpcError>,
) -> Result<Option<T>, RpcError> {
    field(object, name).map(|value| how(name, value)).transpose()
}

/// A list of at most `max`.
pub fn list<'a>(name: &str, value: &'a Value, max: usize) -> Result<&'a [Value], RpcError> {
    let items = value.as_array().ok_or_else(|| unfit(name, "a list"))?;
    if items.len() > max {
        return Err(too_much(format!("{name} holds {} items, at most {max}", items.len())));
    }
    Ok(items)
}

pub fn object<'a>(name: &str, value: &'a Value) -> Result<&'a Map<String, Value>, RpcError> {
    value.as_object().ok_or_else(|| unfit(name, "an object"))
}

pub fn unfit(name: &str, expected: &str) -> RpcError {
    invalid_params(603, format!("{name} is not {expected}"))
}

/// More than one answer holds.
pub fn too_much(message: impl Into<String>) -> RpcError {
    invalid_params(607, message)
}

/// A number as Ethereum writes it.
pub fn quantity(number: impl std::fmt::LowerHex) -> Value {
    Value::String(format!("{number:#x}"))
}

pub fn hex(bytes: impl AsRef<[u8]>) -> Value {
    Value::String(crate::json::hex(bytes.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_hex_or_json() {
        for (value, number) in [
            (json!("0x0"), Some(0u64)),
            (json!("0x10"), Some(16)),
            (json!(16), Some(16)),
            (json!("0xffffffffffffffff"), Some(u64::MAX)),
            (json!("0x10000000000000000"), None),
            (json!("0x"), None),
            (json!("0x+1"), None),
            (json!("16"), None),
            (json!(-1), None),
            (json!(1.5), None),
            (json!(format!("0x{}", "f".repeat(65))), None),
            (json!(null), None),
        ] {
            assert_eq!(u64("n", &value).ok(), number, "{value}");
        }
        assert_eq!(quantity(0u64), "0x0");
        assert_eq!(quantity(U256::MAX), format!("0x{}", "f".repeat(64)));
        assert_eq!(slot("s", &json!("0x1")).unwrap(), H256::from_low_u64_be(1));
    }
}
