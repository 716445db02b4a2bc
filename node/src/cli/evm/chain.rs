//! The requests of Ethereum's JSON-RPC that the commands need, with typed answers.

use super::super::{CliError, connection::Connection, output::hex0x};
use quids_core::{AccountId20, Balance, H256};
use quids_crypto::{SignatureScheme, eip55};
use quids_ethereum::TRANSACTION_TYPE;
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// A call, as `eth_call` and `eth_estimateGas` take it.
pub struct CallRequest<'a> {
    pub from: Option<AccountId20>,
    pub to: Option<AccountId20>,
    pub value: Balance,
    pub data: &'a [u8],
    /// Of a post-quantum transaction: its scheme, and whether it carries the public key; its signature costs gas.
    pub quantum: Option<(SignatureScheme, bool)>,
}

impl CallRequest<'_> {
    fn json(&self) -> Json {
        let mut call = json!({ "value": quantity(self.value.0), "input": hex0x(self.data) });
        for (name, account) in [("from", &self.from), ("to", &self.to)] {
            if let Some(account) = account {
                call[name] = json!(eip55(account));
            }
        }
        if let Some((scheme, with_key)) = self.quantum {
            call["type"] = json!(quantity(TRANSACTION_TYPE.into()));
            call["scheme"] = json!(quantity(scheme.tag().into()));
            call["withKey"] = json!(with_key);
        }
        call
    }
}

/// What the commands tell of a receipt.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    pub block_hash: String,
    pub block_number: String,
    pub transaction_index: String,
    pub gas_used: String,
    pub effective_gas_price: String,
    /// `0x1` if it succeeded.
    pub status: String,
    pub contract_address: Option<String>,
    pub logs: Vec<Json>,
}

/// `eth_chainId`.
pub async fn chain_id(connection: &Connection) -> Result<u64, CliError> {
    number(connection, "eth_chainId", vec![]).await
}

/// The account's next nonce, transactions in the pool counted.
pub async fn next_nonce(connection: &Connection, account: AccountId20) -> Result<u64, CliError> {
    let params = vec![json!(eip55(&account)), json!("pending")];
    number(connection, "eth_getTransactionCount", params).await
}

/// What the node suggests for the author, wei a gas.
pub async fn priority_fee(connection: &Connection) -> Result<u128, CliError> {
    number(connection, "eth_maxPriorityFeePerGas", vec![]).await
}

/// Base fee of the next block, wei a gas.
pub async fn base_fee(connection: &Connection) -> Result<u128, CliError> {
    const METHOD: &str = "eth_feeHistory";
    let history: Json = connection
        .request(METHOD, vec![json!("0x1"), json!("latest"), json!([])])
        .await?;
    let fees = history.get("baseFeePerGas").and_then(Json::as_array);
    let next = fees.and_then(|fees| fees.last()).and_then(Json::as_str);
    next.and_then(parse_quantity)
        .ok_or_else(|| malformed(METHOD, format!("no base fee in {history}")))
}

/// Gas that the call needs.
pub async fn estimate(connection: &Connection, call: &CallRequest<'_>) -> Result<u64, CliError> {
    number(connection, "eth_estimateGas", vec![call.json()]).await
}

/// What the call returns, in the state after a block.
pub async fn call(connection: &Connection, call: &CallRequest<'_>, block: &str) -> Result<String, CliError> {
    connection.request("eth_call", vec![call.json(), json!(block)]).await
}

/// Sends a signed transaction; the hash that the node gives it.
pub async fn send(connection: &Connection, envelope: &[u8]) -> Result<String, CliError> {
    connection
        .request("eth_sendRawTransaction", vec![json!(hex0x(envelope))])
        .await
}

/// The transaction's receipt, once it is in a block.
pub async fn receipt(connection: &Connection, hash: H256) -> Result<Option<Receipt>, CliError> {
    connection
        .request("eth_getTransactionReceipt", vec![json!(hex0x(hash))])
        .await
}

async fn number<T: TryFrom<u128>>(connection: &Connection, method: &str, params: Vec<Json>) -> Result<T, CliError> {
    let text: String = connection.request(method, params).await?;
    let number = parse_quantity(&text).and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| malformed(method, format!("{text} is no number here")))
}

/// A number as Ethereum's JSON has it.
pub fn quantity(number: u128) -> String {
    format!("{number:#x}")
}

/// Reads one.
pub fn parse_quantity(text: &str) -> Option<u128> {
    u128::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// A block by its name or height, as Ethereum's JSON has it.
pub fn parse_block(text: &str) -> Result<String, String> {
    if ["latest", "pending", "safe", "finalized", "earliest"].contains(&text) {
        return Ok(text.into());
    }
    let height = text
        .parse::<u64>()
        .map(u128::from)
        .ok()
        .or_else(|| parse_quantity(text));
    let height = height.filter(|height| u64::try_from(*height).is_ok());
    height
        .map(quantity)
        .ok_or_else(|| format!("{text:?} is no block: it is a height, latest, pending, safe, finalized or earliest"))
}

fn malformed(method: &str, reason: String) -> CliError {
    CliError::Answer {
        method: method.into(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_names_and_heights() {
        for (text, block) in [
            ("latest", Some("latest")),
            ("7", Some("0x7")),
            ("0x10", Some("0x10")),
            ("18446744073709551616", None),
            ("0x10000000000000000", None),
            ("best", None),
            ("-1", None),
        ] {
            assert_eq!(parse_block(text).ok().as_deref(), block, "{text}");
        }
    }

    #[test]
    fn a_creation_has_no_callee() {
        let call = CallRequest {
            from: Some(AccountId20([1; 20])),
            to: None,
            value: Balance(255),
            data: &[1],
            quantum: Some((SignatureScheme::Falcon512, true)),
        };
        let expected = json!({
            "value": "0xff", "input": "0x01", "from": "0x0101010101010101010101010101010101010101", "type": "0x71",
            "scheme": "0x1", "withKey": true
        });
        assert_eq!(call.json(), expected);
    }
}
