//! Accounts: balances, nonces, code, storage, proofs.

use super::place::{self, AT};
use super::shape::{ADDRESS, AMOUNT};
use super::values::{self, hex, quantity};
use super::{ERRORS, ask};
use crate::error::{RpcError, from_evm_backend};
use crate::methods::Context;
use crate::methods::registry::{Registered, Registry, caller_method};
use crate::params::Arguments;
use crate::spec::{Field, Method, Param, Schema};
use codec::Encode;
use quids_api::evm::{EvmAccount, EvmStorageKeys};
use quids_api::names;
use quids_core::{AccountId20, H160, H256, Hash, Nonce};
use serde_json::{Value, json};

/// Slots that one request may name (go-ethereum's number).
const SLOTS_MAX: usize = 1024;

const SLOT: Schema = Schema::OneOf(&[Schema::Hash, AMOUNT]);
const SLOT_PARAM: Param = Param::required("slot", SLOT, "place in the account's storage");
const SLOTS_PARAM: Param = Param::required("storageKeys", Schema::List(&SLOT), "at most 1024");
const REQUESTS: Param = Param::required(
    "requests",
    Schema::Map(&Schema::List(&SLOT)),
    "slots by address, at most 1024 in all",
);

const INFO: &[Field] = &[
    Field::required("balance", Schema::Quantity, "wei"),
    Field::required("nonce", Schema::Quantity, ""),
    Field::required("code", Schema::Bytes, ""),
];

const NODES: Schema = Schema::List(&Schema::Bytes);
const PROOF: Schema = Schema::Named(
    "AccountProof",
    &Schema::Object(&[
        Field::required("address", Schema::Address, ""),
        Field::required("balance", Schema::Quantity, "wei"),
        Field::required("nonce", Schema::Quantity, ""),
        Field::required("codeHash", Schema::Hash, "Keccak-256"),
        Field::required(
            "storageHash",
            Schema::Hash,
            "the state root: there are no tries below accounts",
        ),
        Field::required(
            "accountProof",
            NODES,
            "nodes of the chain's BLAKE3 trie, as in state_getReadProof: of account and code hash",
        ),
        Field::required(
            "storageProof",
            Schema::List(&Schema::Object(&[
                Field::required("key", Schema::Quantity, "the slot"),
                Field::required("value", Schema::Quantity, ""),
                Field::required("proof", NODES, "nodes of the chain's BLAKE3 trie"),
            ])),
            "",
        ),
    ]),
);

pub fn register(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_getBalance",
                "An account's balance in wei.",
                &[ADDRESS, AT],
                Schema::Quantity,
            )
            .errors(ERRORS)
        },
        |context, arguments, _| Ok(quantity(account(context, arguments)?.balance)),
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_getTransactionCount",
                "An account's nonce; pending: after its transactions that are ready in the pool.",
                &[ADDRESS, AT],
                Schema::Quantity,
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let place = place::state_of(context, arguments.optional("block"))?;
            let who = values::address("address", arguments.value("address")?)?;
            match place.is_pending {
                true => next_nonce(context, who),
                false => Ok(ask::account(&*context.backend, place.hash, who)?.nonce),
            }
            .map(quantity)
        },
    )?;
    caller_method(
        registry,
        const { &Method::new("eth_getCode", "An account's code.", &[ADDRESS, AT], Schema::Bytes).errors(ERRORS) },
        |context, arguments, _| {
            let place = place::state_of(context, arguments.optional("block"))?;
            let who = values::address("address", arguments.value("address")?)?;
            Ok(hex(ask::code(&*context.backend, place.hash, who)?))
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_getAccountInfo",
                "An account's balance, nonce and code at once.",
                &[ADDRESS, AT],
                Schema::Object(INFO),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let node = &*context.backend;
            let place = place::state_of(context, arguments.optional("block"))?;
            let who = values::address("address", arguments.value("address")?)?;
            let account = ask::account(node, place.hash, who)?;
            Ok(json!({
                "balance": quantity(account.balance),
                "nonce": quantity(account.nonce),
                "code": hex(ask::code(node, place.hash, who)?),
            }))
        },
    )?;
    register_storage(registry)
}

fn register_storage(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_getStorageAt",
                "A slot of an account's storage.",
                &[ADDRESS, SLOT_PARAM, AT],
                Schema::Hash,
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let place = place::state_of(context, arguments.optional("block"))?;
            let who = values::address("address", arguments.value("address")?)?;
            let slot = values::slot("slot", arguments.value("slot")?)?;
            Ok(hex(storage(context, place.hash, who, slot)?))
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_getStorageValues",
                "Slots of several accounts' storage.",
                &[REQUESTS, AT],
                Schema::Map(&Schema::List(&Schema::Hash)),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let place = place::state_of(context, arguments.optional("block"))?;
            let requests = values::object("requests", arguments.value("requests")?)?;
            let mut left = SLOTS_MAX;
            let mut answers = serde_json::Map::new();
            for (who, slots) in requests {
                let address = values::address("requests", &Value::String(who.clone()))?;
                let slots = values::list("requests", slots, left)?;
                left = left.saturating_sub(slots.len().max(1));
                let read = |slot| storage(context, place.hash, address, values::slot("requests", slot)?).map(hex);
                answers.insert(
                    who.clone(),
                    slots.iter().map(read).collect::<Result<Value, RpcError>>()?,
                );
            }
            Ok(Value::Object(answers))
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_getProof",
                "An account and slots of its storage with their proofs: nodes of the chain's own BLAKE3 trie, to be \
                 checked against the block's stateRoot with the keys that QevmApi_storage_keys names.",
                &[ADDRESS, SLOTS_PARAM, AT],
                PROOF,
            )
            .errors(ERRORS)
        },
        |context, arguments, _| proof(context, arguments),
    )
}

fn account(context: &Context, arguments: &Arguments) -> Result<EvmAccount, RpcError> {
    let place = place::state_of(context, arguments.optional("block"))?;
    let who = values::address("address", arguments.value("address")?)?;
    ask::account(&*context.backend, place.hash, who)
}

fn storage(context: &Context, at: Hash, who: H160, slot: H256) -> Result<H256, RpcError> {
    ask::runtime(&*context.backend, at, names::QEVM_STORAGE, &(who, slot))
}

/// The nonce after the account's ready transactions: those provide the tag `(account, nonce)`.
pub fn next_nonce(context: &Context, who: H160) -> Result<u64, RpcError> {
    let node = &*context.backend;
    loop {
        let best = node.best_hash();
        let mut nonce = ask::account(node, best, who)?.nonce;
        while node.is_provided_by_pool(&(AccountId20(who.0), Nonce(nonce)).encode()) {
            nonce = nonce.saturating_add(1);
        }
        // A block in between takes transactions from the pool to the state: neither had them all.
        if node.best_hash() == best {
            return Ok(nonce);
        }
    }
}

fn proof(context: &Context, arguments: &Arguments) -> Result<Value, RpcError> {
    let node = &*context.backend;
    let at = place::state_of(context, arguments.optional("block"))?.hash;
    let who = values::address("address", arguments.value("address")?)?;
    let named = values::list("storageKeys", arguments.value("storageKeys")?, SLOTS_MAX)?;
    let slots = named
        .iter()
        .map(|slot| values::slot("storageKeys", slot))
        .collect::<Result<Vec<H256>, _>>()?;
    let keys: EvmStorageKeys = ask::runtime(node, at, names::QEVM_STORAGE_KEYS, &(who, &slots))?;
    let prove = |keys: &[Vec<u8>]| node.read_proof(at, keys).map_err(from_evm_backend);
    let of_account = prove(&[keys.account, keys.code_hash])?;
    let mut of_slots = Vec::with_capacity(slots.len());
    for (slot, key) in slots.iter().zip(keys.slots) {
        let value = storage(context, at, who, *slot)?;
        let nodes: Vec<Value> = prove(&[key])?.iter().map(hex).collect();
        of_slots.push(json!({
            "key": quantity(quids_core::U256::from_big_endian(&slot.0)),
            "value": quantity(quids_core::U256::from_big_endian(&value.0)),
            "proof": nodes,
        }));
    }
    let account = ask::account(node, at, who)?;
    Ok(json!({
        "address": hex(who),
        "balance": quantity(account.balance),
        "nonce": quantity(account.nonce),
        "codeHash": hex(account.code_hash),
        "storageHash": hex(ask::header(node, at)?.state_root),
        "accountProof": of_account.iter().map(hex).collect::<Vec<_>>(),
        "storageProof": of_slots,
    }))
}
