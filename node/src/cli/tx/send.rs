//! Signs a call for its chain, sends it, waits until it is final, and reads how it ended.

use super::{super::connection::Connection, CliError, SenderArgs, Token, keys};
use crate::{
    cli::output::{Report, fields_text, hex0x},
    extrinsic_builder::{Era, Event, Failure, Metadata, Phase, SigningContext, Unsigned, decode_events, failure},
};
use codec::Encode;
use quids_api::{RuntimeVersion, names};
use quids_core::{AccountId20, Balance, Hash, Height, Nonce, OpaqueExtrinsic};
use quids_crypto::{PublicKey, SignatureScheme, eip55, twox_128};
use quids_keystore::Signer;
use quids_txpool::hash_of;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// An account that sends, and the chain as it was when the command began.
pub struct Sender {
    connection: Connection,
    metadata: Metadata,
    version: RuntimeVersion,
    genesis: Hash,
    token: Token,
    tip: Balance,
    account: AccountId20,
    key: Arc<dyn Signer>,
    args: SenderArgs,
}

/// A transaction in a final block.
pub struct Included {
    hash: Hash,
    block: Hash,
    height: Height,
    index: u32,
    /// Fee and tip, if the transaction paid any.
    paid: Option<(Balance, Balance)>,
    token: Token,
    failure: Option<Failure>,
    events: Vec<Event>,
}

impl Sender {
    /// Connects, and learns the chain's genesis, version and metadata.
    pub async fn open(args: &SenderArgs) -> Result<Self, CliError> {
        let key = keys::signer(&args.from, args.scheme, args.index, &args.passphrase)?;
        let connection = Connection::open(&args.rpc).await?;
        let genesis = connection.block_hash(Some(Height::ZERO)).await?;
        let best = connection.block_hash(None).await?;
        let version = connection.call(names::CORE_VERSION, &[], best).await?;
        let metadata = connection.metadata(best).await?;
        let token = connection.token().await?;
        let account = args.account.unwrap_or_else(|| key.account_id());
        Ok(Self {
            connection,
            metadata,
            version,
            genesis,
            tip: token.read(&args.tip)?,
            token,
            account,
            key,
            args: args.clone(),
        })
    }

    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What amounts are of.
    pub fn token(&self) -> &Token {
        &self.token
    }

    pub fn genesis(&self) -> Hash {
        self.genesis
    }

    pub fn account(&self) -> AccountId20 {
        self.account
    }

    /// The version of the runtime that transactions are signed for.
    pub fn version(&self) -> &RuntimeVersion {
        &self.version
    }

    pub(in crate::cli) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Sends a call and prints its hash, without waiting.
    pub async fn submit(&self, call: Vec<u8>) -> Result<(), CliError> {
        let extrinsic = self.sign(call, self.args.nonce).await?;
        self.connection.submit(&extrinsic).await?;
        let mut report = Report::default();
        report
            .line("transaction", hex0x(hash_of(&extrinsic.0)))
            .print(self.args.json);
        Ok(())
    }

    /// Sends a call and waits until it is final.
    pub async fn submit_and_wait(&self, call: Vec<u8>) -> Result<Included, CliError> {
        self.submit_and_wait_at(call, self.args.nonce).await
    }

    /// As `submit_and_wait`, with this nonce rather than that of the command line.
    pub(super) async fn submit_and_wait_at(&self, call: Vec<u8>, nonce: Option<u64>) -> Result<Included, CliError> {
        let extrinsic = self.sign(call, nonce).await?;
        let watch = self.connection.submit_and_watch(&extrinsic).await?;
        let block = watch.finalized().await?;
        self.included(&extrinsic, block).await
    }

    /// Sends calls that belong together, each with the nonce after that of the one before, and waits until all are final.
    /// The first that failed is the error.
    pub async fn submit_all_and_wait(&self, calls: Vec<Vec<u8>>) -> Result<Vec<Included>, CliError> {
        let first = match self.args.nonce {
            Some(nonce) => nonce,
            None => self.next_nonce().await?,
        };
        let mut sent = Vec::new();
        for (nonce, call) in (first..).zip(calls) {
            let extrinsic = self.sign(call, Some(nonce)).await?;
            sent.push((self.connection.submit_and_watch(&extrinsic).await?, extrinsic));
        }
        let mut all = Vec::new();
        for (watch, extrinsic) in sent {
            let block = watch.finalized().await?;
            all.push(self.included(&extrinsic, block).await?.into_result()?);
        }
        Ok(all)
    }

    async fn next_nonce(&self) -> Result<u64, CliError> {
        let params = vec![json!(eip55(&self.account))];
        self.connection.request("system_accountNextIndex", params).await
    }

    async fn sign(&self, call: Vec<u8>, nonce: Option<u64>) -> Result<OpaqueExtrinsic, CliError> {
        let with_key = must_carry_key(&self.connection, self.account, &*self.key).await?;
        let nonce = match nonce {
            Some(nonce) => nonce,
            None => self.next_nonce().await?,
        };
        let (era, era_hash) = if self.args.immortal {
            (Era::Immortal, self.genesis)
        } else {
            // From a final block, so that a reorganisation cannot take the era's first block away.
            let (_, height) = self.connection.finalized().await?;
            let era = Era::mortal(self.args.mortal, height);
            (era, self.connection.block_hash(Some(era.birth(height))).await?)
        };
        let context = SigningContext {
            spec_version: self.version.spec_version,
            transaction_version: self.version.transaction_version,
            genesis: self.genesis,
            era,
            era_hash,
            nonce: Nonce(nonce),
            tip: self.tip,
        };
        let unsigned = Unsigned::new(&self.metadata, call, &context)?;
        // On a thread of its own: a signer may wait for a person, and the connection to the node must stay alive.
        let (account, key) = (self.account, Arc::clone(&self.key));
        let signed = tokio::task::spawn_blocking(move || unsigned.sign(&account, &*key, with_key)).await;
        // UNWRAP: it is not cancelled, and a panic there is one here.
        Ok(signed.expect("signing ends")?)
    }

    /// Finds the transaction in its block and reads its events, by the metadata that it was signed for: the block was
    /// executed by that runtime, since the signature holds for no other version.
    async fn included(&self, extrinsic: &OpaqueExtrinsic, block: Hash) -> Result<Included, CliError> {
        let extrinsics = self.connection.extrinsics(block).await?;
        let index = extrinsics.iter().position(|other| other == extrinsic);
        let index = index.and_then(|index| u32::try_from(index).ok()).ok_or_else(|| {
            CliError::Watch(format!(
                "block {} is said to hold the transaction, but does not",
                hex0x(block)
            ))
        })?;
        let key = [twox_128(b"System"), twox_128(b"Events")].concat();
        let value = self.connection.storage(&key, block).await?.unwrap_or_default();
        let mut events = decode_events(&self.metadata, &value)?;
        events.retain(|event| event.phase == Phase::Extrinsic(index));
        Ok(Included {
            hash: hash_of(&extrinsic.0),
            block,
            height: self.connection.height(block).await?,
            index,
            paid: events.iter().rev().find_map(paid),
            token: self.token.clone(),
            failure: events.iter().find_map(|event| failure(&self.metadata, event)),
            events,
        })
    }
}

/// Whether a transaction binds the account's key and so carries it. An error if the key cannot sign for the account.
pub async fn must_carry_key(connection: &Connection, account: AccountId20, key: &dyn Signer) -> Result<bool, CliError> {
    let best = connection.block_hash(None).await?;
    let bound: Option<PublicKey> = connection.call(names::ACCOUNT_KEY, &account.encode(), best).await?;
    let name = eip55(&account);
    match bound {
        Some(bound) if bound == *key.public() => Ok(false),
        Some(bound) => Err(CliError::WrongKey(format!(
            "another key is bound to {name}, of scheme {}; only that one can sign for it",
            bound.scheme()
        ))),
        None if account == key.account_id() => Ok(key.scheme() != SignatureScheme::Secp256k1),
        None => Err(CliError::WrongKey(format!(
            "this key is not that of {name}: its own account is {}, and no key is bound to {name} yet",
            eip55(&key.account_id())
        ))),
    }
}

/// Fee and tip, from the event that tells of them.
fn paid(event: &Event) -> Option<(Balance, Balance)> {
    let amount = |name| event.fields.get(name)?.as_str()?.parse().ok().map(Balance);
    if event.name != "TransactionFeePaid" {
        return None;
    }
    Some((amount("actual_fee")?, amount("tip")?))
}

impl Included {
    /// Everything to tell of it.
    pub fn report(&self) -> Report {
        let mut report = Report::default();
        report
            .line("transaction", hex0x(self.hash))
            .line("block", hex0x(self.block))
            .line("height", self.height.0)
            .line("index", self.index);
        let (fee, tip) = self.paid.unwrap_or_default();
        report
            .both("fee", self.token.show(fee), fee.to_string())
            .both("tip", self.token.show(tip), tip.to_string());
        let text: Vec<_> = self.events.iter().map(|event| event_text(event, &self.token)).collect();
        report.both(
            "events",
            text.join("\n"),
            self.events.iter().map(event_json).collect::<Vec<_>>(),
        );
        report.json("success", self.failure.is_none());
        report.json(
            "error",
            self.failure.as_ref().map(|f| json!({ "name": f.name, "docs": f.docs })),
        );
        report
    }

    /// An error if the call failed.
    pub fn into_result(self) -> Result<Self, CliError> {
        match self.failure {
            Some(Failure { name, docs }) => Err(CliError::CallFailed { name, docs }),
            None => Ok(self),
        }
    }

    pub(super) fn block(&self) -> Hash {
        self.block
    }

    /// A field of the first event `pallet.name`.
    pub fn event_field(&self, pallet: &str, name: &str, field: &str) -> Option<&Json> {
        let event = self.events.iter().find(|event| event.is(pallet, name))?;
        event.fields.get(field)
    }
}

fn event_text(event: &Event, token: &Token) -> String {
    format!("{}.{}  {}", event.pallet, event.name, fields_text(&event.fields, token))
}

fn event_json(event: &Event) -> Json {
    json!({ "pallet": event.pallet, "name": event.name, "fields": event.fields })
}
