//! From a command to the call it makes.

use super::{Amount, CliError, Token};
use crate::extrinsic_builder::{Arg, BuilderError, Metadata, encode_call};
use codec::Encode;
use quids_core::{AccountId20, Hash};
use quids_crypto::possession_message;
use quids_keystore::{Purpose, Signer};
use scale_value::{
    Value,
    stringify::{custom_parsers::parse_hex, from_str_custom},
};
use std::sync::Arc;

/// A call, with what it needs from the command line.
pub enum Kind {
    Transfer {
        to: AccountId20,
        amount: Amount,
        keep_alive: bool,
    },
    TransferAll {
        to: AccountId20,
        keep_alive: bool,
    },
    Remark {
        remark: Vec<u8>,
        event: bool,
    },
    Bind(Arc<dyn Signer>),
    Rotate(Arc<dyn Signer>),
    Any {
        pallet: String,
        call: String,
        args: Vec<(String, Value)>,
        as_root: bool,
    },
}

impl Kind {
    /// `Pallet.call` and its arguments as `name=value`.
    pub fn parse(call: &str, args: &[String], as_root: bool) -> Result<Self, CliError> {
        let (pallet, call) = call
            .split_once('.')
            .ok_or_else(|| CliError::Usage(format!("{call:?} is no call: it is written Pallet.call")))?;
        let args = args.iter().map(|arg| named_value(arg)).collect::<Result<_, _>>()?;
        Ok(Self::Any {
            pallet: pallet.into(),
            call: call.into(),
            args,
            as_root,
        })
    }

    /// The call's bytes. Proofs of possession name the chain, by its genesis, and the account that calls.
    pub fn encode(
        &self,
        metadata: &Metadata,
        genesis: Hash,
        account: AccountId20,
        token: &Token,
    ) -> Result<Vec<u8>, CliError> {
        let key_call = |call, key: &dyn Signer| {
            let proof = possession_message(&genesis, &account, key.public());
            let proof = key.sign(Purpose::Possession, &proof)?;
            let args = [
                ("public_key", Arg::Encoded(key.public().encode())),
                ("proof", Arg::Encoded(proof.encode())),
            ];
            encode_call(metadata, "System", call, &args)
        };
        let encoded = match self {
            Self::Transfer { to, amount, keep_alive } => {
                let call = if *keep_alive {
                    "transfer_keep_alive"
                } else {
                    "transfer_allow_death"
                };
                let args = [
                    ("dest", Arg::Encoded(to.encode())),
                    ("value", Arg::Number(token.read(amount)?.0)),
                ];
                encode_call(metadata, "Balances", call, &args)
            }
            Self::TransferAll { to, keep_alive } => {
                let args = [
                    ("dest", Arg::Encoded(to.encode())),
                    ("keep_alive", Arg::Encoded(keep_alive.encode())),
                ];
                encode_call(metadata, "Balances", "transfer_all", &args)
            }
            Self::Remark { remark, event } => {
                let call = if *event { "remark_with_event" } else { "remark" };
                encode_call(metadata, "System", call, &[("remark", Arg::Bytes(remark.clone()))])
            }
            Self::Bind(key) => key_call("bind_key", &**key),
            Self::Rotate(key) => key_call("rotate_key", &**key),
            Self::Any {
                pallet,
                call,
                args,
                as_root: root,
            } => {
                let args: Vec<_> = args
                    .iter()
                    .map(|(name, value)| (name.as_str(), Arg::Value(value.clone())))
                    .collect();
                let call = encode_call(metadata, pallet, call, &args)?;
                if *root { as_root(metadata, call) } else { Ok(call) }
            }
        };
        Ok(encoded?)
    }
}

/// `Upgrade.as_root` around a call.
pub fn as_root(metadata: &Metadata, call: Vec<u8>) -> Result<Vec<u8>, BuilderError> {
    encode_call(metadata, "Upgrade", "as_root", &[("call", Arg::Encoded(call))])
}

/// Root's permission for anybody to apply the code with this hash.
pub fn authorize_upgrade(metadata: &Metadata, code_hash: &[u8; 64]) -> Result<Vec<u8>, BuilderError> {
    let args = [("code_hash", Arg::Encoded(code_hash.encode()))];
    as_root(metadata, encode_call(metadata, "Upgrade", "authorize_upgrade", &args)?)
}

/// The replacement of the chain's code.
pub fn apply_upgrade(metadata: &Metadata, code: Vec<u8>) -> Result<Vec<u8>, BuilderError> {
    encode_call(
        metadata,
        "Upgrade",
        "apply_authorized_upgrade",
        &[("code", Arg::Bytes(code))],
    )
}

fn named_value(text: &str) -> Result<(String, Value), CliError> {
    let wrong = |reason: String| CliError::Usage(format!("{text:?} is no NAME=VALUE: {reason}"));
    let (name, value) = text.split_once('=').ok_or_else(|| wrong("it has no =".into()))?;
    let (parsed, rest) = from_str_custom().add_custom_parser(parse_hex).parse(value);
    let parsed = parsed.map_err(|error| wrong(error.to_string()))?;
    if !rest.trim().is_empty() {
        return Err(wrong(format!("{rest:?} is left over")));
    }
    Ok((name.into(), parsed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse_amount;
    use quids_api::names;
    use quids_crypto::{KeyPair, SignatureScheme};
    use quids_executor::{Executor, ExecutorConfig};
    use quids_io::MemoryExternalities;

    /// The metadata of the runtime that this binary starts chains with; nothing if it was built without one.
    fn built_in() -> Vec<Metadata> {
        if quids_runtime_wasm::WASM.is_empty() {
            return vec![];
        }
        let runtime = Executor::new(ExecutorConfig::default())
            .unwrap()
            .load(quids_runtime_wasm::WASM)
            .unwrap();
        let metadata = |version: u32| {
            let ext = &mut MemoryExternalities::default();
            let output = runtime
                .call(ext, names::METADATA_AT_VERSION, &version.encode())
                .unwrap();
            let bytes: Option<Vec<u8>> = codec::DecodeAll::decode_all(&mut output.as_slice()).unwrap();
            Metadata::decode(&bytes.unwrap()).unwrap()
        };
        vec![metadata(14), metadata(15)]
    }

    #[test]
    fn the_built_in_runtime_has_every_call() {
        let to = AccountId20([1; 20]);
        let key = || Arc::new(KeyPair::from_seed(SignatureScheme::Falcon512, &[1; 32]).unwrap());
        let kinds = [
            Kind::Transfer {
                to,
                amount: parse_amount("1plank").unwrap(),
                keep_alive: false,
            },
            Kind::Transfer {
                to,
                amount: parse_amount("1plank").unwrap(),
                keep_alive: true,
            },
            Kind::TransferAll { to, keep_alive: true },
            Kind::Remark {
                remark: vec![1],
                event: false,
            },
            Kind::Remark {
                remark: vec![1],
                event: true,
            },
            Kind::Bind(key()),
            Kind::Rotate(key()),
            Kind::parse("Upgrade.set_root", &[format!("new={to}")], true).unwrap(),
        ];
        for metadata in built_in() {
            for kind in &kinds {
                kind.encode(&metadata, Hash::zero(), to, &Token::default()).unwrap();
            }
            authorize_upgrade(&metadata, &[1; 64]).unwrap();
            apply_upgrade(&metadata, vec![1]).unwrap();
        }
    }

    #[test]
    fn arguments_are_names_and_values() {
        assert_eq!(named_value("a=1").unwrap(), ("a".into(), Value::u128(1)));
        assert_eq!(
            named_value("a=0x0102").unwrap(),
            ("a".into(), Value::from_bytes([1, 2]))
        );
        assert_eq!(
            named_value("a=None()").unwrap(),
            ("a".into(), Value::unnamed_variant("None", []))
        );
        assert_eq!(named_value("a=\"x=y\"").unwrap(), ("a".into(), Value::string("x=y")));
        for text in ["a", "a=", "a=1 2", "a={"] {
            assert!(matches!(named_value(text), Err(CliError::Usage(_))), "{text}");
        }
        assert!(matches!(Kind::parse("remark", &[], false), Err(CliError::Usage(_))));
    }
}
