//! Parameters from strangers: a list or an object, checked against the method's specification, then taken by name.

use crate::Config;
use crate::error::{self, RpcError, invalid_params};
use crate::spec::Param;
use codec::{Decode, DecodeAll};
use jsonrpsee::types::Params;
use quids_core::{AccountId20, Hash, Height, OpaqueExtrinsic};
use serde_json::Value;
use std::collections::HashSet;

/// Values and containers in one request's parameters. JSON takes far more memory parsed than as text.
const VALUES_MAX: usize = 65_536;

/// One request's parameters.
pub struct Arguments {
    spec: &'static [Param],
    values: Vec<Value>,
}

/// Blocks by number: `12` or `"0xc"`; `None` is the best.
#[derive(Clone, Debug)]
pub enum BlockNumbers {
    One(Option<Height>),
    Many(Vec<Height>),
}

impl Arguments {
    /// In a list, what is left over is ignored, as Substrate does.
    pub fn new(params: &Params<'_>, spec: &'static [Param]) -> Result<Self, RpcError> {
        let values = match parse(params.as_str().unwrap_or("null"))? {
            Value::Null => Vec::new(),
            Value::Array(values) => values,
            Value::Object(named) => {
                let mut values = vec![Value::Null; spec.len()];
                for (name, value) in named {
                    let index = spec.iter().position(|param| is_name(param.name, &name));
                    let place = index.and_then(|index| values.get_mut(index));
                    *place.ok_or_else(|| unknown(&name, spec))? = value;
                }
                values
            }
            _ => return Err(invalid_params(601, "parameters are neither a list nor an object")),
        };
        let arguments = Self { spec, values };
        for param in spec {
            match arguments.optional(param.name) {
                Some(value) => param
                    .schema
                    .check(value)
                    .map_err(|mismatch| invalid_params(603, mismatch.inside(param.name).to_string()))?,
                None if param.required => return Err(invalid_params(602, format!("{} is missing", param.name))),
                None => {}
            }
        }
        Ok(arguments)
    }

    /// A value that is there and not null.
    pub fn optional(&self, name: &str) -> Option<&Value> {
        let index = self.spec.iter().position(|param| param.name == name);
        debug_assert!(index.is_some(), "{name} is no parameter of the method's specification");
        index
            .and_then(|index| self.values.get(index))
            .filter(|value| !value.is_null())
    }

    pub fn value(&self, name: &str) -> Result<&Value, RpcError> {
        self.optional(name)
            .ok_or_else(|| invalid_params(602, format!("{name} is missing")))
    }

    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, RpcError> {
        bytes(name, self.value(name)?)
    }

    pub fn optional_bytes(&self, name: &str) -> Result<Option<Vec<u8>>, RpcError> {
        self.optional(name).map(|value| bytes(name, value)).transpose()
    }

    pub fn text(&self, name: &str) -> Result<&str, RpcError> {
        text(name, self.value(name)?)
    }

    pub fn optional_text(&self, name: &str) -> Result<Option<&str>, RpcError> {
        self.optional(name).map(|value| text(name, value)).transpose()
    }

    pub fn number(&self, name: &str) -> Result<u32, RpcError> {
        number(name, self.value(name)?)
    }

    pub fn optional_number(&self, name: &str) -> Result<Option<u32>, RpcError> {
        self.optional(name).map(|value| number(name, value)).transpose()
    }

    pub fn hash(&self, name: &str) -> Result<Hash, RpcError> {
        hash(name, self.value(name)?)
    }

    pub fn optional_hash(&self, name: &str) -> Result<Option<Hash>, RpcError> {
        self.optional(name).map(|value| hash(name, value)).transpose()
    }

    pub fn account(&self, name: &str) -> Result<AccountId20, RpcError> {
        let text = self.text(name)?;
        text.parse().map_err(|e| invalid_params(603, format!("{name}: {e}")))
    }

    /// A list of at most `max`.
    pub fn list(&self, name: &str, max: usize) -> Result<&[Value], RpcError> {
        let Value::Array(items) = self.value(name)? else {
            return Err(invalid_params(603, format!("{name} is not a list")));
        };
        if items.len() > max {
            return Err(error::too_many(items.len(), max));
        }
        Ok(items)
    }

    /// A list of storage keys, at most [`Config::KEYS_PER_REQUEST_MAX`].
    pub fn keys(&self, name: &str) -> Result<Vec<Vec<u8>>, RpcError> {
        // A key named twice is answered once: else a short request could ask for gigabytes.
        let mut seen = HashSet::new();
        let mut distinct = Vec::new();
        for key in self.list(name, Config::KEYS_PER_REQUEST_MAX)? {
            let key = bytes(name, key)?;
            if seen.insert(key.clone()) {
                distinct.push(key);
            }
        }
        Ok(distinct)
    }

    pub fn block_numbers(&self, name: &str) -> Result<BlockNumbers, RpcError> {
        let height = |value| number(name, value).map(Height);
        match self.optional(name) {
            Some(Value::Array(_)) => {
                let numbers = self.list(name, Config::HASHES_PER_REQUEST_MAX)?;
                Ok(BlockNumbers::Many(
                    numbers.iter().map(height).collect::<Result<_, _>>()?,
                ))
            }
            other => Ok(BlockNumbers::One(other.map(height).transpose()?)),
        }
    }

    /// An extrinsic as clients send it: hex of the SCALE encoding, length prefix and all, nothing after it.
    pub fn extrinsic(&self) -> Result<OpaqueExtrinsic, RpcError> {
        extrinsic(&self.bytes("extrinsic")?)
    }
}

fn parse(raw: &str) -> Result<Value, RpcError> {
    let count = raw.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if count > VALUES_MAX {
        return Err(invalid_params(
            604,
            format!("parameters hold {count} values, more than {VALUES_MAX}"),
        ));
    }
    // Nesting is bounded by serde_json.
    serde_json::from_str(raw).map_err(|e| invalid_params(601, format!("parameters: {e}")))
}

/// Whether `given` means this parameter: other programs write names in snake or camel case.
fn is_name(name: &str, given: &str) -> bool {
    let letters = |text: &str| {
        text.bytes()
            .filter(|byte| *byte != b'_')
            .map(|byte| byte.to_ascii_lowercase())
            .collect()
    };
    let (name, given): (Vec<u8>, Vec<u8>) = (letters(name), letters(given));
    name == given
}

fn unknown(name: &str, spec: &[Param]) -> RpcError {
    let known: Vec<_> = spec.iter().map(|param| param.name).collect();
    let start: String = name.chars().take(40).collect();
    invalid_params(
        605,
        format!("no parameter is called {start:?}; there are: {}", known.join(", ")),
    )
}

/// Decodes an extrinsic and its length prefix, strictly.
pub fn extrinsic(encoded: &[u8]) -> Result<OpaqueExtrinsic, RpcError> {
    let refused = |why: &str| {
        let data = format!("code 104: {why}");
        RpcError::owned(error::BAD_EXTRINSIC, "Extrinsic has invalid format", Some(data))
    };
    let mut rest = encoded;
    match codec::Compact::<u32>::decode(&mut rest).ok() {
        Some(length) if length.0 as usize == rest.len() => {}
        Some(length) => {
            return Err(refused(&format!(
                "its length prefix says {} bytes, {} follow",
                length.0,
                rest.len()
            )));
        }
        None => return Err(refused("it does not begin with a SCALE length")),
    }
    OpaqueExtrinsic::decode_all(&mut &encoded[..]).map_err(|e| refused(&e.to_string()))
}

/// Hex with `0x`.
pub fn bytes(name: &str, value: &Value) -> Result<Vec<u8>, RpcError> {
    if value == "" {
        return Ok(Vec::new());
    }
    let text = text(name, value)?;
    if !text.starts_with("0x") {
        return Err(invalid_params(603, format!("{name} is not hex with 0x")));
    }
    const_hex::decode(text).map_err(|e| invalid_params(603, format!("{name}: {e}")))
}

/// 32 bytes of hex.
pub fn hash(name: &str, value: &Value) -> Result<Hash, RpcError> {
    let bytes: [u8; 32] = bytes(name, value)?
        .try_into()
        .map_err(|bytes: Vec<u8>| invalid_params(603, format!("{name} has {} bytes, a hash has 32", bytes.len())))?;
    Ok(bytes.into())
}

fn text<'a>(name: &str, value: &'a Value) -> Result<&'a str, RpcError> {
    value
        .as_str()
        .ok_or_else(|| invalid_params(603, format!("{name} is not a string")))
}

/// A JSON number or a string of hex with `0x`.
fn number(name: &str, value: &Value) -> Result<u32, RpcError> {
    let parsed = match value {
        Value::Number(number) => number.as_u64().and_then(|n| u32::try_from(n).ok()),
        Value::String(text) => text
            .strip_prefix("0x")
            .and_then(|digits| u32::from_str_radix(digits, 16).ok()),
        _ => None,
    };
    parsed.ok_or_else(|| invalid_params(603, format!("{name} is not a number below 2^32, plain or hex")))
}
