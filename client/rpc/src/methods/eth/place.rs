//! Which block a parameter means: tags, numbers, hashes, and EIP-1898's objects.

use super::super::Context;
use super::values;
use crate::error::{RpcError, ethereum, from_evm_backend};
use crate::spec::{Field, Param, Schema};
use quids_core::{Hash, Height};
use serde_json::Value;

/// A block by number or tag.
pub const NUMBER: Schema = Schema::Named(
    "BlockNumber",
    &Schema::OneOf(&[
        Schema::Word(&["latest", "pending", "earliest", "safe", "finalized"]),
        Schema::Quantity,
        Schema::Number,
    ]),
);

/// A block any way (EIP-1898).
pub const BLOCK: Schema = Schema::Named(
    "BlockNumberOrHash",
    &Schema::OneOf(&[
        NUMBER,
        Schema::Hash,
        Schema::Open(&[Field::required("blockNumber", NUMBER, "")]),
        Schema::Open(&[
            Field::required("blockHash", Schema::Hash, ""),
            Field::optional("requireCanonical", Schema::Nullable(&Schema::Bool), ""),
        ]),
    ]),
);

/// The block whose state counts.
pub const AT: Param = Field::optional("block", BLOCK, "latest if left out");

/// Digits of a hash with its `0x`.
const HASH_CHARS: usize = 66;

/// A block of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub hash: Hash,
    /// What is meant is the block to come on top of it.
    pub is_pending: bool,
}

impl Place {
    pub const fn of(hash: Hash) -> Self {
        Self {
            hash,
            is_pending: false,
        }
    }
}

/// The block that a value names; `None` if there is none such, latest without a value.
pub fn find(context: &Context, value: Option<&Value>) -> Result<Option<Place>, RpcError> {
    let node = &*context.backend;
    let Some(value) = value else {
        return Ok(Some(Place::of(node.best_hash())));
    };
    if let Value::Object(object) = value {
        return match (object.get("blockHash"), object.get("blockNumber")) {
            (Some(hash), None) => by_hash(context, hash, object.get("requireCanonical")),
            (None, Some(number)) => by_number(context, number),
            _ => Err(values::unfit("block", "an object with either blockHash or blockNumber")),
        };
    }
    match value.as_str() {
        Some(text) if text.len() == HASH_CHARS => by_hash(context, value, None),
        _ => by_number(context, value),
    }
}

/// As [`find`], where the block has to be there.
pub fn state_of(context: &Context, value: Option<&Value>) -> Result<Place, RpcError> {
    find(context, value)?.ok_or_else(|| ethereum("header not found"))
}

fn by_hash(context: &Context, hash: &Value, require: Option<&Value>) -> Result<Option<Place>, RpcError> {
    let node = &*context.backend;
    let hash = values::word("blockHash", hash)?;
    let Some(header) = node.header(hash).map_err(from_evm_backend)? else {
        return Ok(None);
    };
    if require == Some(&Value::Bool(true)) && node.hash_at(header.number).map_err(from_evm_backend)? != Some(hash) {
        return Err(ethereum("hash is not currently canonical"));
    }
    Ok(Some(Place::of(hash)))
}

fn by_number(context: &Context, value: &Value) -> Result<Option<Place>, RpcError> {
    let node = &*context.backend;
    let hash = match value.as_str() {
        Some("latest") => Some(node.best_hash()),
        Some("pending") => {
            return Ok(Some(Place {
                hash: node.best_hash(),
                is_pending: true,
            }));
        }
        Some("safe" | "finalized") => Some(node.finalised_hash()),
        Some("earliest") => node.hash_at(Height(0)).map_err(from_evm_backend)?,
        _ => match u32::try_from(values::u64("block", value)?) {
            Ok(height) => node.hash_at(Height(height)).map_err(from_evm_backend)?,
            Err(_) => None,
        },
    };
    Ok(hash.map(Place::of))
}

/// The height that a number or tag means, for ranges: it need not be there.
pub fn height(context: &Context, name: &str, value: &Value) -> Result<u64, RpcError> {
    let node = &*context.backend;
    let height_of = |hash| {
        let header = node.header(hash).map_err(from_evm_backend)?;
        header
            .map(|header| u64::from(header.number.0))
            .ok_or_else(|| ethereum("header not found"))
    };
    match value.as_str() {
        Some("latest" | "pending") => height_of(node.best_hash()),
        Some("safe" | "finalized") => height_of(node.finalised_hash()),
        Some("earliest") => Ok(0),
        _ => values::u64(name, value),
    }
}
