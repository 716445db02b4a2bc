//! Blocks, transactions, receipts and logs as Ethereum's JSON.

use super::values::{hex, quantity};
use crate::LogEntry;
use alloy_consensus::{
    EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Eip658Value, Receipt, RlpEncodableReceipt, Signed,
    proofs::ordered_trie_root_with_encoder,
};
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Address, B256, Bloom, Log, LogData};
use quids_api::evm::{
    AccessListItem, EvmBlockEnv, EvmLog, EvmMessage, EvmReceipt, EvmTransaction, ExecutedTransaction,
};
use quids_core::{Digest, DigestItem, H160, H256, Hash, Header, Height, U256};
use quids_ethereum::Transaction;
use serde_json::{Map, Value, json};

/// SHA-256 of nothing: the hash of no requests (EIP-7685).
const EMPTY_REQUESTS_HASH: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// Where a transaction is.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    pub block: Hash,
    pub number: u64,
    pub timestamp: u64,
    pub index: u32,
}

/// The bloom filter of logs (yellow paper, 4.3.1).
pub fn bloom<'a>(logs: impl IntoIterator<Item = &'a EvmLog>) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for log in logs {
        bloom.accrue_raw_log(Address::from(log.address.0), &topics(log));
    }
    bloom
}

fn topics(log: &EvmLog) -> Vec<B256> {
    log.topics.iter().map(|topic| B256::from(topic.0)).collect()
}

/// A receipt as its EIP-2718 bytes.
pub fn receipt_bytes(receipt: &EvmReceipt) -> Vec<u8> {
    let logs = receipt.logs.iter().map(|log| Log {
        address: Address::from(log.address.0),
        data: LogData::new_unchecked(topics(log), log.data.clone().into()),
    });
    let plain = Receipt {
        status: Eip658Value::Eip658(receipt.success),
        cumulative_gas_used: receipt.cumulative_gas_used,
        logs: logs.collect(),
    };
    let mut out = Vec::new();
    if receipt.transaction_type != 0 {
        out.push(receipt.transaction_type);
    }
    plain.rlp_encode_with_bloom(&bloom(&receipt.logs), &mut out);
    out
}

/// The root of Ethereum's trie over a block's receipts.
pub fn receipts_root(transactions: &[ExecutedTransaction]) -> H256 {
    let root = ordered_trie_root_with_encoder(transactions, |transaction: &ExecutedTransaction, out| {
        out.extend_from_slice(&receipt_bytes(&transaction.receipt));
    });
    H256(root.0)
}

/// What of a block does not come from its header.
#[derive(Clone, Debug)]
pub struct Summary {
    pub env: EvmBlockEnv,
    pub gas_used: u64,
    pub bloom: Bloom,
    pub receipts_root: H256,
    pub transactions: u32,
}

/// The header of a block that nobody made: without roots.
pub fn bare_header(parent_hash: Hash, number: Height, logs: Vec<DigestItem>) -> Header {
    Header {
        parent_hash,
        number,
        state_root: Hash::zero(),
        extrinsics_root: Hash::zero(),
        digest: Digest { logs },
    }
}

/// A block's header.
pub fn header(hash: Hash, header: &Header, block: &Summary) -> Map<String, Value> {
    let env = &block.env;
    object(json!({
        "number": quantity(header.number.0),
        "hash": hex(hash),
        "parentHash": hex(header.parent_hash),
        "nonce": "0x0000000000000000",
        "mixHash": hex(env.prevrandao),
        "sha3Uncles": hex(EMPTY_OMMER_ROOT_HASH),
        "logsBloom": hex(block.bloom),
        "transactionsRoot": hex(header.extrinsics_root),
        "stateRoot": hex(header.state_root),
        "receiptsRoot": hex(block.receipts_root),
        "miner": hex(env.beneficiary),
        "difficulty": "0x0",
        "extraData": "0x",
        "gasLimit": quantity(env.gas_limit),
        "gasUsed": quantity(block.gas_used),
        "timestamp": quantity(env.timestamp),
        "baseFeePerGas": quantity(env.base_fee),
        "withdrawalsRoot": hex(EMPTY_ROOT_HASH),
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        "parentBeaconBlockRoot": hex([0u8; 32]),
        "requestsHash": hex(EMPTY_REQUESTS_HASH),
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A transaction in a block.
pub fn executed(transaction: &ExecutedTransaction, position: Position) -> Value {
    let receipt = &transaction.receipt;
    let mut fields = described(transaction.from, &transaction.envelope, transaction.call.as_ref());
    fields.insert("type".into(), quantity(receipt.transaction_type));
    fields.insert("hash".into(), hex(transaction.hash));
    fields.insert("gasPrice".into(), quantity(receipt.effective_gas_price));
    place(&mut fields, position);
    Value::Object(fields)
}

/// A call of a simulated block.
pub fn simulated(message: &EvmMessage, hash: H256, position: Position) -> Value {
    let mut fields = message_fields(message);
    zero_signature(&mut fields);
    fields.insert("hash".into(), hex(hash));
    place(&mut fields, position);
    Value::Object(fields)
}

fn place(fields: &mut Map<String, Value>, position: Position) {
    fields.insert("blockHash".into(), hex(position.block));
    fields.insert("blockNumber".into(), quantity(position.number));
    fields.insert("blockTimestamp".into(), quantity(position.timestamp));
    fields.insert("transactionIndex".into(), quantity(position.index));
}

/// A transaction that is in no block.
pub fn pending(transaction: &EvmTransaction) -> Value {
    let mut fields = described(transaction.from, &transaction.envelope, None);
    fields.insert("hash".into(), hex(transaction.hash));
    for name in ["blockHash", "blockNumber", "blockTimestamp", "transactionIndex"] {
        fields.insert(name.into(), Value::Null);
    }
    Value::Object(fields)
}

/// What a transaction says itself.
fn described(from: H160, envelope: &[u8], call: Option<&EvmMessage>) -> Map<String, Value> {
    // The runtime executed it, or the pool took it: it decodes.
    let decoded = Transaction::decode(envelope).ok();
    let message = match (&decoded, call) {
        (Some(transaction), _) => transaction.message(from, &[]),
        (None, Some(call)) => call.clone(),
        (None, None) => EvmMessage {
            from,
            ..EvmMessage::default()
        },
    };
    let mut fields = message_fields(&message);
    match &decoded {
        Some(transaction) => signature_fields(transaction, &mut fields),
        None => zero_signature(&mut fields),
    }
    fields
}

fn message_fields(message: &EvmMessage) -> Map<String, Value> {
    let mut fields = object(json!({
        "type": quantity(message.transaction_type),
        "from": hex(message.from),
        "to": message.to.map(hex),
        "nonce": quantity(message.nonce.unwrap_or_default()),
        "value": quantity(message.value),
        "input": hex(&message.input),
        "gas": quantity(message.gas_limit),
        "gasPrice": quantity(message.max_fee_per_gas),
    }));
    if let Some(tip) = message.max_priority_fee_per_gas {
        fields.insert("maxFeePerGas".into(), quantity(message.max_fee_per_gas));
        fields.insert("maxPriorityFeePerGas".into(), quantity(tip));
    }
    if message.transaction_type != 0 {
        fields.insert("accessList".into(), access_list(&message.access_list));
    }
    fields
}

pub fn access_list(items: &[AccessListItem]) -> Value {
    let item = |item: &AccessListItem| {
        let keys: Vec<Value> = item.storage_keys.iter().map(hex).collect();
        json!({ "address": hex(item.address), "storageKeys": keys })
    };
    items.iter().map(item).collect()
}

fn zero_signature(fields: &mut Map<String, Value>) {
    for name in ["v", "r", "s", "yParity"] {
        fields.insert(name.into(), "0x0".into());
    }
}

fn signature_fields(transaction: &Transaction, fields: &mut Map<String, Value>) {
    if let Some(id) = transaction.chain_id() {
        fields.insert("chainId".into(), quantity(id));
    }
    match transaction {
        Transaction::Legacy(signed) => {
            let parity = u64::from(signed.signature().v());
            let v = match transaction.chain_id() {
                Some(id) => u128::from(id) * 2 + 35 + u128::from(parity),
                None => 27 + u128::from(parity),
            };
            r_s(signed, fields);
            fields.insert("v".into(), quantity(v));
        }
        Transaction::Eip2930(signed) => typed(signed, fields),
        Transaction::Eip1559(signed) => typed(signed, fields),
        Transaction::Eip7702(signed) => {
            typed(signed, fields);
            let list = signed.tx().authorization_list.iter().map(authorization);
            fields.insert("authorizationList".into(), list.collect());
        }
        Transaction::Quantum(quantum) => {
            // ethers cannot read a transaction without these, nor one whose `signature` is not secp256k1's.
            zero_signature(fields);
            fields.insert("scheme".into(), quantity(quantum.scheme.tag()));
            fields.insert("sender".into(), hex(quantum.sender));
            fields.insert("publicKey".into(), hex(&quantum.public_key));
            fields.insert("quantumSignature".into(), hex(&quantum.signature));
        }
    }
}

fn typed<T>(signed: &Signed<T>, fields: &mut Map<String, Value>) {
    let parity = quantity(u8::from(signed.signature().v()));
    r_s(signed, fields);
    fields.insert("v".into(), parity.clone());
    fields.insert("yParity".into(), parity);
}

fn r_s<T>(signed: &Signed<T>, fields: &mut Map<String, Value>) {
    let number = |value: alloy_primitives::U256| quantity(U256(value.into_limbs()));
    fields.insert("r".into(), number(signed.signature().r()));
    fields.insert("s".into(), number(signed.signature().s()));
}

fn authorization(signed: &SignedAuthorization) -> Value {
    let number = |value: alloy_primitives::U256| quantity(U256(value.into_limbs()));
    json!({
        "chainId": number(*signed.chain_id()),
        "address": hex(signed.address()),
        "nonce": quantity(signed.nonce()),
        "yParity": quantity(signed.y_parity()),
        "r": number(signed.r()),
        "s": number(signed.s()),
    })
}

/// To whom a transaction went.
pub fn callee(transaction: &ExecutedTransaction) -> Option<H160> {
    match &transaction.call {
        Some(call) => call.to,
        None => Transaction::decode(&transaction.envelope)
            .ok()
            .and_then(|decoded| decoded.to()),
    }
}

/// A receipt. `first_log` is the place in the block of its first log.
pub fn receipt(transaction: &ExecutedTransaction, position: Position, first_log: u32) -> Value {
    let receipt = &transaction.receipt;
    let logs = logs(transaction, position, first_log);
    json!({
        "type": quantity(receipt.transaction_type),
        "status": quantity(u8::from(receipt.success)),
        "cumulativeGasUsed": quantity(receipt.cumulative_gas_used),
        "gasUsed": quantity(receipt.gas_used),
        "effectiveGasPrice": quantity(receipt.effective_gas_price),
        "logs": logs.map(|entry| log(&entry, false)).collect::<Vec<_>>(),
        "logsBloom": hex(bloom(&receipt.logs)),
        "transactionHash": hex(transaction.hash),
        "transactionIndex": quantity(position.index),
        "blockHash": hex(position.block),
        "blockNumber": quantity(position.number),
        "from": hex(transaction.from),
        "to": callee(transaction).map(hex),
        "contractAddress": receipt.contract_address.map(hex),
    })
}

/// A transaction's logs with their places.
pub fn logs(
    transaction: &ExecutedTransaction,
    position: Position,
    first_log: u32,
) -> impl Iterator<Item = LogEntry> + '_ {
    let height = Height(u32::try_from(position.number).unwrap_or(u32::MAX));
    transaction
        .receipt
        .logs
        .iter()
        .zip(first_log..)
        .map(move |(log, index)| LogEntry {
            height,
            block: position.block,
            timestamp: position.timestamp,
            transaction_index: position.index,
            transaction: transaction.hash,
            log_index: index,
            log: log.clone(),
        })
}

/// A log. `removed`: its block is no longer on the chain.
pub fn log(entry: &LogEntry, removed: bool) -> Value {
    let topics: Vec<Value> = entry.log.topics.iter().map(hex).collect();
    json!({
        "address": hex(entry.log.address),
        "topics": topics,
        "data": hex(&entry.log.data),
        "blockNumber": quantity(entry.height.0),
        "blockHash": hex(entry.block),
        "blockTimestamp": quantity(entry.timestamp),
        "transactionHash": hex(entry.transaction),
        "transactionIndex": quantity(entry.transaction_index),
        "logIndex": quantity(entry.log_index),
        "removed": removed,
    })
}
