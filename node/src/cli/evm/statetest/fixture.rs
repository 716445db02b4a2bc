//! The files of state tests.

use alloy_primitives::U256;
use serde::{Deserialize, Deserializer, de::Error};
use std::{collections::BTreeMap, fmt};

/// A file: tests by name.
pub type File = BTreeMap<String, StateTest>;

/// A test: one state, and transactions put together from lists.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateTest {
    pub env: Env,
    pub pre: BTreeMap<Address, Account>,
    pub transaction: Transaction,
    /// By hard fork.
    pub post: BTreeMap<String, Vec<Expectation>>,
    pub config: Option<Config>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    #[serde(alias = "chainId")]
    pub chainid: Option<Number>,
}

/// The block.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Env {
    pub current_coinbase: Address,
    pub current_gas_limit: Number,
    pub current_number: Number,
    pub current_timestamp: Number,
    pub current_base_fee: Option<Number>,
    pub current_random: Option<Number>,
    pub current_difficulty: Option<Number>,
}

#[derive(Deserialize)]
pub struct Account {
    pub balance: Number,
    pub nonce: Number,
    pub code: Bytes,
    pub storage: BTreeMap<Number, Number>,
}

/// `data`, `gas_limit` and `value` (and access lists with `data`) are lists that an [`Expectation`] chooses from.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    pub data: Vec<Bytes>,
    pub gas_limit: Vec<Number>,
    pub value: Vec<Number>,
    /// Empty or missing for a creation.
    #[serde(default)]
    pub to: Bytes,
    pub nonce: Number,
    pub sender: Option<Address>,
    pub secret_key: Option<Bytes>,
    pub gas_price: Option<Number>,
    pub max_fee_per_gas: Option<Number>,
    pub max_priority_fee_per_gas: Option<Number>,
    pub access_lists: Option<Vec<Option<Vec<AccessListItem>>>>,
    pub authorization_list: Option<Vec<Authorization>>,
    pub max_fee_per_blob_gas: Option<Number>,
    pub blob_versioned_hashes: Option<Vec<Number>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessListItem {
    pub address: Address,
    pub storage_keys: Vec<Number>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    pub chain_id: Number,
    pub address: Address,
    pub nonce: Number,
    #[serde(alias = "v")]
    pub y_parity: Number,
    pub r: Number,
    pub s: Number,
}

/// What must come of one combination.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expectation {
    /// Root of the state after it.
    pub hash: Number,
    /// Keccak-256 of the RLP of the logs.
    pub logs: Number,
    pub indexes: Indexes,
    /// The transaction belongs into no block, and why: names separated by `|`.
    pub expect_exception: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
pub struct Indexes {
    pub data: usize,
    pub gas: usize,
    pub value: usize,
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{} g{} v{}", self.data, self.gas, self.value)
    }
}

/// A number in hex of any length up to 32 bytes, in whichever way the tests write them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub U256);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x:bigint ").unwrap_or(&text);
        let parsed = match digits.strip_prefix("0x") {
            Some("") => Some(U256::ZERO),
            Some(hex) => U256::from_str_radix(hex, 16).ok(),
            None => U256::from_str_radix(digits, 10).ok(),
        };
        parsed
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is no number of at most 256 bits")))
    }
}

#[derive(Clone, Default)]
pub struct Bytes(pub Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        hex::decode(text.strip_prefix("0x").unwrap_or(&text))
            .map(Self)
            .map_err(|error| D::Error::custom(format!("{text:?} is no hexadecimal text: {error}")))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(pub [u8; 20]);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Bytes(bytes) = Bytes::deserialize(deserializer)?;
        <[u8; 20]>::try_from(bytes.as_slice())
            .map(Self)
            .map_err(|_| D::Error::custom(format!("an address has 20 bytes, not {}", bytes.len())))
    }
}
