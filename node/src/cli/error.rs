//! What a command can fail with. Printed as `error: …` with its causes.

use crate::extrinsic_builder::BuilderError;
use quids_core::Height;
use quids_crypto::SignatureScheme;
use quids_rpc::client::ClientError;
use std::{error::Error, io, path::PathBuf};

/// A failed command.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The command line itself is at fault; exit code 2.
    #[error("{0}")]
    Usage(String),
    #[error("cannot {action} {path}")]
    File {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{part} stays unfinished: {source}")]
    Unfinished { part: PathBuf, source: Box<CliError> },
    #[error("{context}")]
    Io { context: &'static str, source: io::Error },
    #[error("{what} is no hexadecimal text")]
    Hex {
        what: &'static str,
        source: hex::FromHexError,
    },
    #[error("{0:?} is no account: it is neither the name of a development account nor an address ({1})")]
    Account(String, String),
    #[error("the checksum of address {given} is wrong; if it is right otherwise, it is written {expected}")]
    Checksum { given: String, expected: String },
    #[error(transparent)]
    Key(#[from] quids_keystore::KeyError),
    #[error(
        "there is no passphrase for {0}: give --passphrase-file FILE, set QUIDS_PASSPHRASE, or run this in a terminal \
         to be asked"
    )]
    NoPassphrase(String),
    #[error(
        "there is no new passphrase for {0}: give --new-passphrase-file FILE, set QUIDS_NEW_PASSPHRASE, or run this in \
         a terminal to be asked"
    )]
    NoNewPassphrase(PathBuf),
    #[error("the two passphrases are not the same")]
    PassphrasesDiffer,
    /// The dry run was printed.
    #[error("the runtime is not to be taken as it is: see above")]
    UpgradeFails,
    #[error("this proves no fraud")]
    NoFraud(#[from] crate::chain::NoFraud),
    #[error(transparent)]
    Signer(#[from] quids_keystore::SignError),
    #[error("the key's scheme is {actual}, not {wanted}; only a mnemonic has keys of every scheme")]
    Scheme {
        actual: SignatureScheme,
        wanted: SignatureScheme,
    },
    #[error("{0}")]
    WrongKey(String),
    #[error(transparent)]
    Crypto(#[from] quids_crypto::CryptoError),
    #[error("the transaction was not built")]
    Builder(#[from] BuilderError),
    #[error("cannot connect to the node")]
    Connect { source: ClientError },
    /// The node answered with an error of JSON-RPC.
    #[error("{method} was refused with code {code}: {message}{}", detail(data))]
    Refused {
        method: String,
        code: i32,
        message: String,
        data: Option<String>,
    },
    #[error("{method} failed")]
    Transport { method: String, source: ClientError },
    #[error("the node's answer to {method} is not what it should be: {reason}")]
    Answer { method: String, reason: String },
    #[error("{0}")]
    Watch(String),
    /// Included, but the call failed.
    #[error("the call failed: {name}{}", detail_str(docs))]
    CallFailed { name: String, docs: String },
    #[error("the runtime of {source_name} cannot be run")]
    Runtime {
        source_name: String,
        source: quids_executor::ExecutorError,
    },
    #[error("proposal {id}: {reason}")]
    Proposal { id: u32, reason: String },
    #[error("this binary was built without a runtime (QUIDS_SKIP_WASM_BUILD=1)")]
    NoRuntime,
    #[error("{program} is not installed: there is no {path}; build it with `cargo build --workspace --bin {program}`")]
    NotInstalled { program: &'static str, path: PathBuf },
    #[error("there is no database in {0}: name the node's folder with --base-path, and its chain with --chain")]
    NoDatabase(PathBuf),
    #[error("{0} entries of the database are damaged or missing, as listed")]
    Damaged(usize),
    #[error("cannot import {file}: {source}")]
    NoBlocks {
        file: PathBuf,
        source: crate::blocks::FormatError,
    },
    #[error("{file} was imported up to block {reached} only: {source}")]
    Import {
        file: PathBuf,
        reached: Height,
        source: Box<crate::blocks::BlocksError>,
    },
    #[error(transparent)]
    Blocks(#[from] crate::blocks::BlocksError),
    #[error(transparent)]
    Snapshot(#[from] crate::snapshot::SnapshotError),
    #[error(transparent)]
    Spec(#[from] crate::spec::SpecError),
    #[error(transparent)]
    Chain(#[from] crate::chain::ChainError),
    #[error(transparent)]
    Node(#[from] crate::service::NodeError),
}

fn detail(data: &Option<String>) -> String {
    data.as_deref().map(detail_str).unwrap_or_default()
}

fn detail_str(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

impl CliError {
    /// An error of the file system, for `map_err`.
    pub(super) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// 2 for errors of usage, else 1.
    pub(super) fn exit_code(&self) -> u8 {
        if matches!(self, Self::Usage(_)) { 2 } else { 1 }
    }

    /// The message and its causes, a line each.
    pub(super) fn report(&self) -> String {
        let mut text = format!("error: {self}");
        let mut cause = self.source();
        while let Some(error) = cause {
            // Many messages end with that of their cause.
            let message = error.to_string();
            if !text.ends_with(&message) {
                text.push_str(&format!("\n  caused by: {message}"));
            }
            cause = error.source();
        }
        text
    }
}
