//! Parameters from strangers: hex, hashes, block numbers, extrinsics.

use crate::Config;
use crate::error::{self, RpcError, invalid_params};
use codec::{Decode, DecodeAll};
use jsonrpsee::types::{Params, params::ParamsSequence};
use quids_core::{AccountId20, Hash, Height, OpaqueExtrinsic};
use serde_json::Value;
use std::collections::HashSet;

/// One request's parameters, taken in order. What is left over is ignored, as Substrate does.
pub struct Arguments<'a>(ParamsSequence<'a>);

/// Blocks by number: `12` or `"0xc"`; `None` is the best.
#[derive(Clone, Debug)]
pub enum BlockNumbers {
    One(Option<Value>),
    Many(Vec<Value>),
}

impl<'a> Arguments<'a> {
    pub fn new(params: &'a Params<'_>) -> Result<Self, RpcError> {
        if params.is_object() {
            return Err(invalid_params("parameters are a list, not an object"));
        }
        Ok(Self(params.sequence()))
    }

    fn value(&mut self, name: &str) -> Result<Option<Value>, RpcError> {
        self.0
            .optional_next::<Value>()
            .map(|value| value.filter(|value| !value.is_null()))
            .map_err(|e| invalid_params(format!("{name}: {}", e.data().map_or(e.message(), |d| d.get()))))
    }

    fn required(&mut self, name: &str) -> Result<Value, RpcError> {
        self.value(name)?
            .ok_or_else(|| invalid_params(format!("{name} is missing")))
    }

    pub fn bytes(&mut self, name: &str) -> Result<Vec<u8>, RpcError> {
        bytes(name, &self.required(name)?)
    }

    pub fn optional_bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, RpcError> {
        self.value(name)?.map(|value| bytes(name, &value)).transpose()
    }

    pub fn text(&mut self, name: &str) -> Result<String, RpcError> {
        match self.required(name)? {
            Value::String(text) => Ok(text),
            _ => Err(invalid_params(format!("{name} is not a string"))),
        }
    }

    pub fn number(&mut self, name: &str) -> Result<u32, RpcError> {
        number(name, &self.required(name)?)
    }

    pub fn hash(&mut self, name: &str) -> Result<Hash, RpcError> {
        hash(name, &self.required(name)?)
    }

    pub fn optional_hash(&mut self, name: &str) -> Result<Option<Hash>, RpcError> {
        self.value(name)?.map(|value| hash(name, &value)).transpose()
    }

    pub fn account(&mut self) -> Result<AccountId20, RpcError> {
        let text = self.text("account")?;
        text.parse().map_err(|e| invalid_params(format!("account: {e}")))
    }

    /// A list of storage keys, at most [`Config::KEYS_PER_REQUEST_MAX`].
    pub fn keys(&mut self, name: &str) -> Result<Vec<Vec<u8>>, RpcError> {
        let Value::Array(keys) = self.required(name)? else {
            return Err(invalid_params(format!("{name} is not a list")));
        };
        if keys.len() > Config::KEYS_PER_REQUEST_MAX {
            return Err(error::too_many(keys.len(), Config::KEYS_PER_REQUEST_MAX));
        }
        // A key named twice is answered once: else a short request could ask for gigabytes.
        let mut seen = HashSet::new();
        let mut distinct = Vec::new();
        for key in &keys {
            let key = bytes(name, key)?;
            if seen.insert(key.clone()) {
                distinct.push(key);
            }
        }
        Ok(distinct)
    }

    pub fn block_numbers(&mut self) -> Result<BlockNumbers, RpcError> {
        match self.value("block number")? {
            Some(Value::Array(list)) if list.len() > Config::HASHES_PER_REQUEST_MAX => {
                Err(error::too_many(list.len(), Config::HASHES_PER_REQUEST_MAX))
            }
            Some(Value::Array(list)) => Ok(BlockNumbers::Many(list)),
            other => Ok(BlockNumbers::One(other)),
        }
    }

    /// An extrinsic as clients send it: hex of the SCALE encoding, length prefix and all, nothing after it.
    pub fn extrinsic(&mut self) -> Result<OpaqueExtrinsic, RpcError> {
        let encoded = self.bytes("extrinsic")?;
        let refused = |why: &str| {
            let data = format!("code 104: {why}");
            RpcError::owned(error::BAD_EXTRINSIC, "Extrinsic has invalid format", Some(data))
        };
        let mut rest = &encoded[..];
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
}

fn bytes(name: &str, value: &Value) -> Result<Vec<u8>, RpcError> {
    let digits = value
        .as_str()
        .and_then(|text| text.strip_prefix("0x"))
        .ok_or_else(|| invalid_params(format!("{name} is not a string of hex with 0x")))?;
    hex::decode(digits).map_err(|e| invalid_params(format!("{name}: {e}")))
}

fn hash(name: &str, value: &Value) -> Result<Hash, RpcError> {
    let bytes = bytes(name, value)?;
    let hash: [u8; 32] = bytes
        .try_into()
        .map_err(|bytes: Vec<u8>| invalid_params(format!("{name} has {} bytes, a hash has 32", bytes.len())))?;
    Ok(hash.into())
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
    parsed.ok_or_else(|| invalid_params(format!("{name} is not a number below 2^32, plain or hex")))
}

/// A block's number.
pub fn height(value: &Value) -> Result<Height, RpcError> {
    number("block number", value).map(Height)
}
