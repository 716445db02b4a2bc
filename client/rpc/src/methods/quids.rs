//! `quids_*`: what is our own.

use super::block_or_best;
use super::registry::{Registered, Registry, method};
use super::system::{ACCOUNT, ROLE};
use crate::error::{self, from_backend, from_runtime_call, undecodable};
use crate::spec::shapes::AT;
use crate::spec::{Field, Method, Param, Schema};
use crate::{Config, PoolEntry, json};
use codec::{DecodeAll, Encode};
use quids_api::evm::ContractSafety;
use quids_api::names;
use quids_core::{AccountId20, Nonce};
use quids_crypto::{PublicKey, SignatureScheme};
use serde_json::{Value, json};

const NODE_INFO: Schema = Schema::Named(
    "NodeInfo",
    &Schema::Object(&[
        Field::required("name", Schema::Text, "of the software"),
        Field::required("version", Schema::Text, "of the software"),
        Field::required("chain", Schema::Text, ""),
        Field::required("chainId", Schema::Text, "the chain spec's id"),
        Field::required("genesis", Schema::Hash, ""),
        Field::required("roles", Schema::List(&ROLE), ""),
        Field::required("uptimeSeconds", Schema::Number, ""),
        Field::required("databaseBytes", Schema::Nullable(&Schema::Number), "on disk"),
    ]),
);

const BACKUP: Schema = Schema::Named(
    "Backup",
    &Schema::Object(&[
        Field::required("folder", Schema::Text, "on the node's machine"),
        Field::required("id", Schema::Number, "in that folder"),
        Field::required("bytes", Schema::Number, "of the database"),
        Field::required("timestamp", Schema::Number, "seconds since 1970"),
    ]),
);
const KEEP: Param = Param::optional(
    "keep",
    Schema::NumberOrHex,
    "backups that stay there, this one included; 3 if left out",
);

const USAGE: Schema = Schema::Object(&[
    Field::required("count", Schema::Number, "transactions"),
    Field::required("bytes", Schema::Number, "their bytes"),
]);

const POOL_STATUS: Schema = Schema::Named(
    "PoolStatus",
    &Schema::Object(&[
        Field::required("ready", USAGE, "can be in the next block"),
        Field::required("future", USAGE, "waits for another transaction"),
        Field::required("max", USAGE, "the most that both may come to"),
        Field::required("transactionBytesMax", Schema::Number, "the largest transaction"),
    ]),
);

const POOL_ENTRY: Schema = Schema::Named(
    "PoolEntry",
    &Schema::Object(&[
        Field::required("hash", Schema::Hash, ""),
        Field::required("bytes", Schema::Number, "without length prefix"),
        Field::required("priority", Schema::Quantity, ""),
        Field::required("state", Schema::Word(&["ready", "future"]), ""),
        Field::required(
            "account",
            Schema::Nullable(&Schema::Account),
            "null if nobody signed it",
        ),
        Field::required("nonce", Schema::Nullable(&Schema::Number), "null if nobody signed it"),
        Field::required(
            "validUntil",
            Schema::Number,
            "the height at which the runtime is asked again",
        ),
    ]),
);

const START: Param = Param::optional(
    "start",
    Schema::NumberOrHex,
    "how many to leave out, at most 10000; none if left out",
);
const COUNT: Param = Param::optional("count", Schema::NumberOrHex, "at most 1000; 100 if left out");

const ACCOUNT_KEY: Schema = Schema::Nullable(&Schema::Object(&[
    Field::required("scheme", Schema::Text, "a name of quids_signatureSchemes"),
    Field::required("publicKey", Schema::Bytes, "raw"),
]));

const CONTRACT: Param = Param::required("address", Schema::Address, "the contract");

const SAFETY: Schema = Schema::Named(
    "ContractSafety",
    &Schema::Object(&[
        Field::required("version", Schema::Number, "of the analysis"),
        Field::required("codeHash", Schema::Hash, "Keccak-256"),
        Field::required("ecrecover", Schema::Bool, "may call the precompile at 0x01"),
        Field::required("secp256r1", Schema::Bool, "may call the precompile at 0x0100"),
        Field::required("pairing", Schema::Bool, "may call the precompiles at 0x08 or 0x0f"),
        Field::required("kzg", Schema::Bool, "may call the precompile at 0x0a"),
        Field::required("selfdestruct", Schema::Bool, ""),
        Field::required(
            "delegatecallToStorage",
            Schema::Bool,
            "delegates to an address that it reads from storage",
        ),
        Field::required(
            "unknownCalls",
            Schema::Bool,
            "calls addresses that the analysis cannot tell",
        ),
        Field::required("isQuantumCompatible", Schema::Bool, "none of the first four"),
    ]),
);

const SCHEMES: Schema = Schema::List(&Schema::Object(&[
    Field::required("name", Schema::Text, ""),
    Field::required("tag", Schema::Number, "on the wire and in state"),
    Field::required("publicKeyBytes", Schema::Number, ""),
    Field::required("signatureBytes", Schema::Number, ""),
    Field::required("isPostQuantum", Schema::Bool, ""),
]));

/// Transactions before a page, which the pool has to walk past.
const START_MAX: u32 = 10_000;
/// Backups that stay if nothing else is asked.
const BACKUPS_KEPT: u32 = 3;
/// Transactions of a page if nothing else is asked.
const PAGE: u32 = 100;

pub fn register(registry: &mut Registry) -> Registered {
    method(
        registry,
        const { &Method::new("quids_nodeInfo", "The node at a glance.", &[], NODE_INFO) },
        |node, _| {
            let info = node.node_info();
            Ok(json!({
                "name": node.node_name(),
                "version": node.node_version(),
                "chain": node.chain_name(),
                "chainId": info.chain_id,
                "genesis": json::hash(&info.genesis),
                "roles": node.node_roles(),
                "uptimeSeconds": info.uptime_s,
                "databaseBytes": info.database_bytes,
            }))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "quids_backup",
                "Adds a backup of the running node's database to the folder `backups` beside it; files that an earlier one \
                 there has are not copied again. `quids db restore` brings it back.",
                &[KEEP],
                BACKUP,
            )
            .errors(&[error::CLIENT])
            .for_owner()
        },
        |node, arguments| {
            let kept = arguments.optional_number("keep")?.unwrap_or(BACKUPS_KEPT).max(1);
            let backup = node.backup(kept).map_err(from_backend)?;
            Ok(json!({
                "folder": backup.folder, "id": backup.id, "bytes": backup.bytes, "timestamp": backup.timestamp,
            }))
        },
    )?;
    register_pool(registry)?;
    method(
        registry,
        const {
            &Method::new(
                "quids_contractSafety",
                "What the analysis of a contract's code found; null for an account without code.",
                &[CONTRACT, AT],
                Schema::Nullable(&SAFETY),
            )
            .errors(&[error::RUNTIME, error::DECODE, error::CLIENT])
        },
        |node, arguments| {
            let at = block_or_best(node, arguments, "at")?;
            let address = arguments.bytes("address")?;
            let answer = node.call(at, names::QEVM_SAFETY, &address).map_err(from_runtime_call)?;
            let safety = Option::<ContractSafety>::decode_all(&mut &answer[..]).map_err(|_| undecodable("analysis"))?;
            Ok(safety.map_or(Value::Null, |safety| contract_safety(&safety)))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "quids_accountKey",
                "The public key bound to an account; null before its first transaction.",
                &[ACCOUNT, AT],
                ACCOUNT_KEY,
            )
            .errors(&[error::RUNTIME, error::DECODE, error::CLIENT])
        },
        |node, arguments| {
            let at = block_or_best(node, arguments, "at")?;
            let account = arguments.account("account")?;
            let answer = node
                .call(at, names::ACCOUNT_KEY, &account.encode())
                .map_err(from_runtime_call)?;
            let key = Option::<PublicKey>::decode_all(&mut &answer[..]).map_err(|_| undecodable("key"))?;
            Ok(key.map_or(
                Value::Null,
                |key| json!({ "scheme": key.scheme().name(), "publicKey": json::bytes(key.as_bytes()) }),
            ))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "quids_signatureSchemes",
                "The signature schemes and their sizes.",
                &[],
                SCHEMES,
            )
        },
        |_, _| Ok(SignatureScheme::ALL.into_iter().map(scheme).collect()),
    )
}

fn register_pool(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "quids_poolStatus",
                "How full the transaction pool is.",
                &[],
                POOL_STATUS,
            )
        },
        |node, _| {
            let status = node.pool_status();
            Ok(json!({
                "ready": status.ready,
                "future": status.future,
                "max": status.max,
                "transactionBytesMax": status.transaction_bytes_max,
            }))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "quids_poolContent",
                "A page of the pool: the ready transactions in the order in which a block takes them, then the others. \
                 The pool moves between two pages.",
                &[START, COUNT],
                Schema::List(&POOL_ENTRY),
            )
            .errors(&[error::BAD_COUNT])
        },
        |node, arguments| {
            let start = arguments.optional_number("start")?.unwrap_or(0);
            let count = arguments.optional_number("count")?.unwrap_or(PAGE);
            if count > Config::KEYS_PAGE_MAX {
                return Err(error::too_many(count as usize, Config::KEYS_PAGE_MAX as usize));
            }
            if start > START_MAX {
                return Err(error::too_many(start as usize, START_MAX as usize));
            }
            Ok(node
                .pool_content(start as usize, count as usize)
                .iter()
                .map(entry)
                .collect())
        },
    )
}

fn contract_safety(safety: &ContractSafety) -> Value {
    json!({
        "version": safety.version,
        "codeHash": json::hash(&safety.code_hash),
        "ecrecover": safety.ecrecover,
        "secp256r1": safety.secp256r1,
        "pairing": safety.pairing,
        "kzg": safety.kzg,
        "selfdestruct": safety.selfdestruct,
        "delegatecallToStorage": safety.delegatecall_to_storage,
        "unknownCalls": safety.unknown_calls,
        "isQuantumCompatible": safety.is_quantum_compatible,
    })
}

fn entry(entry: &PoolEntry) -> Value {
    let mut tags = entry.provides.iter();
    let signer = tags.find_map(|tag| <(AccountId20, Nonce)>::decode_all(&mut &tag[..]).ok());
    json!({
        "hash": json::hash(&entry.hash),
        "bytes": entry.bytes,
        "priority": format!("{:#x}", entry.priority),
        "state": if entry.is_ready { "ready" } else { "future" },
        "account": signer.map(|(account, _)| account.to_string()),
        "nonce": signer.map(|(_, nonce)| nonce.0),
        "validUntil": entry.valid_until.0,
    })
}

fn scheme(scheme: SignatureScheme) -> Value {
    json!({
        "name": scheme.name(),
        "tag": scheme.tag(),
        "publicKeyBytes": scheme.public_key_len(),
        "signatureBytes": scheme.signature_len(),
        "isPostQuantum": scheme.is_post_quantum(),
    })
}
