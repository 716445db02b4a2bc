//! Before the load: what the chain asks for, ether for the senders, a token with holders.

use super::{
    http::{Client, quantity},
    token,
    wallet::{Action, Terms, Wallet},
};
use crate::Result;
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use serde_json::{Value, json};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Development accounts with ether.
const FUNDERS: usize = 10;
/// How far above the base fee the most that is paid lies: sixty full blocks multiply the base fee by a thousand.
const FEE_HEADROOM: u128 = 10_000;
const GWEI: u128 = 1_000_000_000;
/// A transaction that is in no block by then is lost.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// What the chain wants of a transaction.
pub fn terms(client: &mut Client) -> Result<Terms> {
    let chain_id = client.number("eth_chainId", &json!([]))?;
    let block = client.call("eth_getBlockByNumber", &json!(["latest", false]))?;
    let base_fee = quantity(&block["baseFeePerGas"])?;
    Ok(Terms {
        chain_id: chain_id.try_into()?,
        max_fee_per_gas: base_fee.max(GWEI).saturating_mul(FEE_HEADROOM),
        max_priority_fee_per_gas: GWEI,
    })
}

/// Gas that fits into a block.
pub fn block_gas_limit(client: &mut Client) -> Result<u128> {
    quantity(&client.call("eth_getBlockByNumber", &json!(["latest", false]))?["gasLimit"])
}

/// Submits and says the hash.
pub fn submit(client: &mut Client, bytes: &[u8]) -> Result<Value> {
    client.call("eth_sendRawTransaction", &json!([hex::encode_prefixed(bytes)]))
}

/// Waits until each of these is in a block and has succeeded. The last one's receipt.
pub fn included(client: &mut Client, hashes: &[Value]) -> Result<Value> {
    let started = Instant::now();
    let mut last = Value::Null;
    for hash in hashes {
        loop {
            last = client.call("eth_getTransactionReceipt", &json!([hash]))?;
            if !last.is_null() {
                break;
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("{hash} is in no block after {PATIENCE:?}").into());
            }
            sleep(POLL);
        }
        if last["status"] != "0x1" {
            return Err(format!("{hash} failed: {last}").into());
        }
    }
    Ok(last)
}

/// So many senders with ether of the development accounts, each with an equal share.
pub fn senders(client: &mut Client, terms: &Terms, count: usize) -> Result<Vec<Wallet>> {
    let senders: Vec<Wallet> = (0..count).map(Wallet::sender).collect::<Result<_>>()?;
    let mut hashes = Vec::new();
    for (index, chunk) in senders.chunks(count.div_ceil(FUNDERS).max(1)).enumerate() {
        let mut funder = development(client, index)?;
        let has = client.number("eth_getBalance", &json!([funder.address, "latest"]))?;
        // A tenth stays for fees.
        let share = has / 10 * 9 / chunk.len() as u128;
        for sender in chunk {
            let action = Action {
                to: TxKind::Call(sender.address),
                value: U256::from(share),
                input: Bytes::new(),
                gas_limit: 21_000,
            };
            hashes.push(submit(client, &funder.sign(terms, action)?)?);
        }
    }
    included(client, &hashes)?;
    Ok(senders)
}

/// A development account that goes on where the chain has it.
pub fn development(client: &mut Client, index: usize) -> Result<Wallet> {
    let mut wallet = Wallet::development(index)?;
    let nonce = client.number("eth_getTransactionCount", &json!([wallet.address, "pending"]))?;
    wallet.nonce = nonce.try_into()?;
    Ok(wallet)
}

/// A token of which each of these holds so much.
pub fn token(client: &mut Client, terms: &Terms, holders: &[Address], each: u64) -> Result<Address> {
    let mut owner = development(client, 0)?;
    let creation = Action {
        to: TxKind::Create,
        value: U256::ZERO,
        input: token::creation(U256::from(1) << 100)?,
        gas_limit: 2_000_000,
    };
    let hash = submit(client, &owner.sign(terms, creation)?)?;
    let receipt = included(client, &[hash])?;
    let address: Address = receipt["contractAddress"]
        .as_str()
        .ok_or_else(|| format!("no contract in {receipt}"))?
        .parse()?;
    let mut hashes = Vec::new();
    for holder in holders {
        let action = transfer_of_token(address, *holder, each);
        hashes.push(submit(client, &owner.sign(terms, action)?)?);
    }
    included(client, &hashes)?;
    Ok(address)
}

pub fn transfer_of_token(token: Address, to: Address, value: u64) -> Action {
    Action {
        to: TxKind::Call(token),
        value: U256::ZERO,
        input: token::transfer(to, U256::from(value)),
        // 52 000 for a new holder.
        gas_limit: 70_000,
    }
}
