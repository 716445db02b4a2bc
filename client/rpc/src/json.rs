//! Substrate's JSON: headers, blocks, versions, fees.

use codec::Encode;
use quids_api::{DispatchClass, FeeDetails, RuntimeDispatchInfo, RuntimeVersion, pobpc::POBPC_ENGINE_ID};
use quids_core::{Hash, Header, OpaqueExtrinsic};
use serde_json::{Value, json};

/// `0x` and lowercase digits.
pub fn hex(bytes: &[u8]) -> String {
    const_hex::encode_prefixed(bytes)
}

/// A hash as a JSON string.
pub fn hash(hash: &Hash) -> Value {
    Value::String(hex(hash.as_bytes()))
}

/// Bytes as a JSON string.
pub fn bytes(bytes: &[u8]) -> Value {
    Value::String(hex(bytes))
}

/// A list of bytes.
pub fn list<T: AsRef<[u8]>>(items: impl IntoIterator<Item = T>) -> Value {
    items.into_iter().map(|item| bytes(item.as_ref())).collect()
}

pub fn header(header: &Header) -> Value {
    json!({
        "parentHash": hash(&header.parent_hash),
        "number": format!("{:#x}", header.number.0),
        "stateRoot": hash(&header.state_root),
        "extrinsicsRoot": hash(&header.extrinsics_root),
        "digest": { "logs": list(header.digest.logs.iter().map(Encode::encode)) },
    })
}

/// `SignedBlock`. Extrinsics keep their length prefix; a justification is engine and bytes, as numbers.
pub fn signed_block(head: &Header, body: &[OpaqueExtrinsic], justification: Option<Vec<u8>>) -> Value {
    json!({
        "block": { "header": header(head), "extrinsics": list(body.iter().map(Encode::encode)) },
        "justifications": justification.map(|bytes| json!([[POBPC_ENGINE_ID, bytes]])),
    })
}

pub fn runtime_version(version: &RuntimeVersion) -> Value {
    let apis: Vec<_> = version
        .apis
        .iter()
        .map(|(id, number)| json!([hex(id), number]))
        .collect();
    json!({
        "specName": version.spec_name,
        "implName": version.impl_name,
        "authoringVersion": version.authoring_version,
        "specVersion": version.spec_version,
        "implVersion": version.impl_version,
        "apis": apis,
        "transactionVersion": version.transaction_version,
        "systemVersion": version.state_version,
        "stateVersion": version.state_version,
    })
}

/// `RuntimeDispatchInfo`: the fee is a decimal string, and the weight's fields keep their Rust names.
pub fn dispatch_info(info: &RuntimeDispatchInfo) -> Value {
    let class = match info.class {
        DispatchClass::Normal => "normal",
        DispatchClass::Operational => "operational",
        DispatchClass::Mandatory => "mandatory",
    };
    json!({
        "weight": { "ref_time": info.weight.ref_time, "proof_size": info.weight.proof_size },
        "class": class,
        "partialFee": info.partial_fee.to_string(),
    })
}

/// `FeeDetails`: amounts are hex numbers.
pub fn fee_details(details: &FeeDetails) -> Value {
    let fee = details.inclusion_fee.as_ref().map(|fee| {
        json!({
            "baseFee": format!("{:#x}", fee.base_fee.0),
            "lenFee": format!("{:#x}", fee.len_fee.0),
            "adjustedWeightFee": format!("{:#x}", fee.adjusted_weight_fee.0),
        })
    });
    json!({ "inclusionFee": fee })
}

/// `StorageChangeSet`.
pub fn change_set(block: &Hash, changes: &[(Vec<u8>, Option<Vec<u8>>)]) -> Value {
    let changes: Vec<_> = changes
        .iter()
        .map(|(key, value)| json!([hex(key), value.as_deref().map(hex)]))
        .collect();
    json!({ "block": hash(block), "changes": changes })
}

/// Hashes inside derived types, as `0x` and 64 digits.
pub mod hash_text {
    use quids_core::Hash;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::hex(hash.as_bytes()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut hash = [0; 32];
        const_hex::decode_to_slice(&text, &mut hash).map_err(D::Error::custom)?;
        Ok(hash.into())
    }
}
