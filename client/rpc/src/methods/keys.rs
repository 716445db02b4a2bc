//! `author_*` about the node's own keys. All of them are for its owner.

use super::registry::{Registered, Registry, method};
use crate::error::{self, RpcError, from_backend, invalid_params};
use crate::json;
use crate::params::Arguments;
use crate::spec::{Method, Param, Schema};
use serde_json::Value;

/// Characters of a secret URI: a phrase of 24 words is far shorter.
const SURI_BYTES_MAX: usize = 16 << 10;

const ERRORS: &[i32] = &[error::CLIENT];

const KEY_TYPE: Param = Param::required(
    "keyType",
    Schema::Text,
    "four characters; `pobp` is the consensus key, Falcon-512",
);
const SURI: Param = Param::required(
    "suri",
    Schema::Text,
    "a secret phrase or the name of a development account",
);
const PUBLIC: Param = Param::required("public", Schema::Bytes, "the raw public key");
const PUBLIC_KEY: Param = Param::required("publicKey", Schema::Bytes, "the raw public key");
const SESSION_KEYS: Param = Param::required("sessionKeys", Schema::Bytes, "what author_rotateKeys answered");

pub fn register(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "author_insertKey",
                "Puts a key into the node's keystore. The secret travels as it is: use it from the node's own machine.",
                &[KEY_TYPE, SURI, PUBLIC],
                Schema::Null,
            )
            .errors(ERRORS)
            .for_owner()
        },
        |node, arguments| {
            let suri = arguments.text("suri")?;
            if suri.len() > SURI_BYTES_MAX {
                return Err(invalid_params(
                    603,
                    format!("suri has {} bytes, more than {SURI_BYTES_MAX}", suri.len()),
                ));
            }
            node.insert_key(key_type(arguments)?, suri, &arguments.bytes("public")?)
                .map_err(from_backend)?;
            Ok(Value::Null)
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "author_hasKey",
                "Whether the keystore has a key.",
                &[PUBLIC_KEY, KEY_TYPE],
                Schema::Bool,
            )
            .errors(ERRORS)
            .for_owner()
        },
        |node, arguments| {
            let has = node.has_key(&arguments.bytes("publicKey")?, key_type(arguments)?);
            has.map(Value::Bool).map_err(from_backend)
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "author_hasSessionKeys",
                "Whether the keystore has all keys that author_rotateKeys once answered.",
                &[SESSION_KEYS],
                Schema::Bool,
            )
            .errors(ERRORS)
            .for_owner()
        },
        |node, arguments| {
            let has = node.has_session_keys(&arguments.bytes("sessionKeys")?);
            has.map(Value::Bool).map_err(from_backend)
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "author_rotateKeys",
                "Makes a new consensus key in the keystore (type `pobp`, Falcon-512). Answers the SCALE of its tagged \
                 public key: one byte for the scheme, the compact length, the raw key. The runtime has no session keys \
                 yet.",
                &[],
                Schema::Bytes,
            )
            .errors(ERRORS)
            .for_owner()
        },
        |node, _| {
            let keys = node.rotate_keys().map_err(from_backend)?;
            Ok(json::bytes(&keys))
        },
    )
}

fn key_type(arguments: &Arguments) -> Result<&str, RpcError> {
    let text = arguments.text("keyType")?;
    if text.len() == 4 && text.is_ascii() {
        return Ok(text);
    }
    Err(invalid_params(
        603,
        format!("keyType has {} bytes, not four ASCII characters", text.len()),
    ))
}
