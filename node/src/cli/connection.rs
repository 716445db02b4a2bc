//! A node over JSON-RPC: the requests that commands need, with typed answers. The only user of the RPC client.

use super::{CliError, Token, output::hex0x};
use crate::extrinsic_builder::Metadata;
use codec::{Decode, DecodeAll, Encode};
use quids_api::names;
use quids_core::{Hash, Height, OpaqueExtrinsic};
use quids_rpc::{
    TransactionStatus,
    client::{self, Client, ClientError},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};
use std::time::Duration;

/// An open connection.
pub struct Connection {
    client: Client,
}

/// The progress of one transaction.
pub struct Watch {
    inner: client::Watch,
}

impl Connection {
    /// Connects to a `ws://` address, or for single requests to `http://`.
    pub async fn open(url: &str) -> Result<Self, CliError> {
        Self::opened(Client::connect(url).await)
    }

    /// As [`Self::open`], for requests that may take so long.
    pub async fn patient(url: &str, patience: Duration) -> Result<Self, CliError> {
        Self::opened(Client::connect_patient(url, patience).await)
    }

    fn opened(client: Result<Client, ClientError>) -> Result<Self, CliError> {
        let client = client.map_err(|error| match error {
            ClientError::Url(_) => CliError::Usage(error.to_string()),
            other => CliError::Connect { source: other },
        })?;
        Ok(Self { client })
    }

    /// One request.
    pub async fn request<T: DeserializeOwned>(&self, method: &str, params: Vec<Json>) -> Result<T, CliError> {
        let answer: Json = self
            .client
            .request(method, params)
            .await
            .map_err(|error| refused(method, error))?;
        serde_json::from_value(answer).map_err(|error| malformed(method, error))
    }

    /// The chain's token, by its properties.
    pub async fn token(&self) -> Result<Token, CliError> {
        let properties: Map<String, Json> = self.request("system_properties", vec![]).await?;
        Ok(Token::of(&properties))
    }

    /// Hash of the block at a height, or of the best block.
    pub async fn block_hash(&self, height: Option<Height>) -> Result<Hash, CliError> {
        let params = height.map_or_else(Vec::new, |height| vec![json!(height.0)]);
        let hash: Option<String> = self.request("chain_getBlockHash", params).await?;
        let hash = hash.ok_or_else(|| malformed("chain_getBlockHash", "there is no such block"))?;
        parse_hash("chain_getBlockHash", &hash)
    }

    /// Hash and height of the last final block.
    pub async fn finalized(&self) -> Result<(Hash, Height), CliError> {
        let hash: String = self.request("chain_getFinalizedHead", vec![]).await?;
        let hash = parse_hash("chain_getFinalizedHead", &hash)?;
        Ok((hash, self.height(hash).await?))
    }

    /// Height of a block.
    pub async fn height(&self, block: Hash) -> Result<Height, CliError> {
        let header: Json = self.request("chain_getHeader", vec![json!(hex0x(block))]).await?;
        let number = header
            .get("number")
            .and_then(Json::as_str)
            .and_then(|text| text.strip_prefix("0x"));
        let number = number.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        number
            .map(Height)
            .ok_or_else(|| malformed("chain_getHeader", "a header without a number"))
    }

    /// The extrinsics of a block.
    pub async fn extrinsics(&self, block: Hash) -> Result<Vec<OpaqueExtrinsic>, CliError> {
        const METHOD: &str = "chain_getBlock";
        let answer: Json = self.request(METHOD, vec![json!(hex0x(block))]).await?;
        let list = answer.pointer("/block/extrinsics").and_then(Json::as_array);
        let list = list.ok_or_else(|| malformed(METHOD, "a block without extrinsics"))?;
        let decode = |text: &Json| {
            let bytes = parse_hex(METHOD, text.as_str().unwrap_or_default())?;
            OpaqueExtrinsic::decode_all(&mut bytes.as_slice()).map_err(|error| malformed(METHOD, error))
        };
        list.iter().map(decode).collect()
    }

    /// A value of the state after a block.
    pub async fn storage(&self, key: &[u8], block: Hash) -> Result<Option<Vec<u8>>, CliError> {
        let value: Option<String> = self
            .request("state_getStorage", vec![json!(hex0x(key)), json!(hex0x(block))])
            .await?;
        value.map(|text| parse_hex("state_getStorage", &text)).transpose()
    }

    /// Calls a runtime API on the state after a block; the whole output must decode.
    pub async fn call<T: Decode>(&self, api: &str, input: &[u8], block: Hash) -> Result<T, CliError> {
        let output = self.call_raw(api, input, block).await?;
        T::decode_all(&mut output.as_slice()).map_err(|error| malformed(api, error))
    }

    /// As `call`, without decoding.
    pub async fn call_raw(&self, api: &str, input: &[u8], block: Hash) -> Result<Vec<u8>, CliError> {
        let output: String = self
            .request("state_call", vec![json!(api), json!(hex0x(input)), json!(hex0x(block))])
            .await?;
        parse_hex("state_call", &output)
    }

    /// The metadata of the runtime in the state after a block: V15, or V14 of a runtime that has no other.
    pub async fn metadata(&self, block: Hash) -> Result<Metadata, CliError> {
        let newest: Option<Vec<u8>> = self.call(names::METADATA_AT_VERSION, &15u32.encode(), block).await?;
        let bytes = match newest {
            Some(bytes) => bytes,
            None => self.call(names::METADATA, &[], block).await?,
        };
        Ok(Metadata::decode(&bytes)?)
    }

    /// Sends a transaction and does not look after it.
    pub async fn submit(&self, extrinsic: &OpaqueExtrinsic) -> Result<(), CliError> {
        self.client
            .submit(&extrinsic.0)
            .await
            .map(drop)
            .map_err(|error| refused("author_submitExtrinsic", error))
    }

    /// Sends a transaction and follows it; needs a `ws://` address.
    pub async fn submit_and_watch(&self, extrinsic: &OpaqueExtrinsic) -> Result<Watch, CliError> {
        let watch = self.client.submit_and_watch(&extrinsic.0).await;
        Ok(Watch {
            inner: watch.map_err(|error| refused("author_submitAndWatchExtrinsic", error))?,
        })
    }
}

impl Watch {
    /// Waits until the transaction is final; the hash of its block.
    pub async fn finalized(mut self) -> Result<Hash, CliError> {
        loop {
            let status = self.inner.next().await.ok_or_else(|| {
                CliError::Watch("the node ended the subscription before the transaction was final".into())
            })?;
            let status = status.map_err(|error| refused("author_extrinsicUpdate", error))?;
            if let Some(end) = ending(&status) {
                return end.map_err(CliError::Watch);
            }
        }
    }
}

/// What a status says of the transaction's end: its block, or why there will be none; `None` if it goes on.
fn ending(status: &TransactionStatus) -> Option<Result<Hash, String>> {
    match status {
        TransactionStatus::Finalized(block) => Some(Ok(*block)),
        TransactionStatus::Invalid => Some(Err("the transaction became invalid and left the pool: if the chain's code was replaced just now, send it again".into())),
        TransactionStatus::Dropped => Some(Err("the node's pool is full and dropped the transaction".into())),
        TransactionStatus::Usurped(by) => Some(Err(format!("the transaction was replaced by {}", hex0x(by)))),
        TransactionStatus::FinalityTimeout(block) => Some(Err(format!(
            "block {} of the transaction did not become final",
            hex0x(block)
        ))),
        TransactionStatus::Future
        | TransactionStatus::Ready
        | TransactionStatus::Broadcast(_)
        | TransactionStatus::InBlock(_)
        | TransactionStatus::Retracted(_) => None,
    }
}

fn refused(method: &str, error: ClientError) -> CliError {
    let method = method.into();
    match error {
        ClientError::Call { code, message, data } => CliError::Refused {
            method,
            code,
            message,
            data,
        },
        source => CliError::Transport { method, source },
    }
}

fn malformed(method: &str, reason: impl ToString) -> CliError {
    CliError::Answer {
        method: method.into(),
        reason: reason.to_string(),
    }
}

fn parse_hex(method: &str, text: &str) -> Result<Vec<u8>, CliError> {
    let digits = text
        .strip_prefix("0x")
        .ok_or_else(|| malformed(method, format!("{text:?} lacks 0x")))?;
    hex::decode(digits).map_err(|error| malformed(method, error))
}

fn parse_hash(method: &str, text: &str) -> Result<Hash, CliError> {
    let bytes: [u8; 32] = parse_hex(method, text)?
        .try_into()
        .map_err(|_| malformed(method, format!("{text} is no hash")))?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_ends_with_a_final_block_or_a_reason() {
        let hash = Hash::from([7; 32]);
        assert_eq!(ending(&TransactionStatus::Finalized(hash)), Some(Ok(hash)));
        for status in [
            TransactionStatus::Invalid,
            TransactionStatus::Dropped,
            TransactionStatus::Usurped(hash),
            TransactionStatus::FinalityTimeout(hash),
        ] {
            assert!(
                status.is_final() && matches!(ending(&status), Some(Err(_))),
                "{status:?}"
            );
        }
        for status in [
            TransactionStatus::Ready,
            TransactionStatus::Future,
            TransactionStatus::InBlock(hash),
        ] {
            assert!(!status.is_final() && ending(&status).is_none(), "{status:?}");
        }
    }

    #[test]
    fn a_refusal_shows_code_and_data() {
        let data = Some("code 2: the sender's free balance does not cover the fee".into());
        let error = ClientError::Call {
            code: 1010,
            message: "Invalid Transaction".into(),
            data,
        };
        assert_eq!(
            refused("author_submitExtrinsic", error).to_string(),
            "author_submitExtrinsic was refused with code 1010: Invalid Transaction: \
             code 2: the sender's free balance does not cover the fee"
        );
    }
}
