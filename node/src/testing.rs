//! A chain in a test: opened in a temporary folder, with blocks made on demand and transactions built from metadata.

use crate::{
    chain::{Chain, ChainError, ChainOptions, NewBlock, Proposal, Refused},
    extrinsic_builder::{Arg, Era, Event, Metadata, SigningContext, Unsigned, decode_events, encode_call},
    spec::ChainSpec,
};
use codec::Encode;
use quids_api::{InherentData, TIMESTAMP_INHERENT, names};
use quids_core::{AccountId20, Balance, Block, Hash, Nonce};
use quids_crypto::KeyPair;
use quids_state::StateBackend;
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// A development chain whose blocks are made by hand, two seconds of chain time apart.
pub struct TestChain {
    pub chain: Arc<Chain>,
    pub metadata: Metadata,
    _folder: Option<tempfile::TempDir>,
}

/// How a transaction is signed; what is not said is taken from the chain.
#[derive(Clone, Copy, Default)]
pub struct Signing {
    pub nonce: Option<u64>,
    pub tip: u128,
    /// Blocks the transaction lives; immortal without.
    pub mortal: Option<u64>,
    pub genesis: Option<Hash>,
    /// Sent as if from this account.
    pub account: Option<AccountId20>,
    /// Whether the key is carried; by default only if none is bound.
    pub with_key: Option<bool>,
}

impl TestChain {
    /// A fresh chain in a folder of its own.
    pub fn new() -> Result<Self, ChainError> {
        let folder = tempfile::tempdir().map_err(|error| ChainError::Task(error.to_string()))?;
        let mut this = Self::open(
            folder.path(),
            &ChainOptions {
                sync: false,
                ..ChainOptions::default()
            },
        )?;
        this._folder = Some(folder);
        Ok(this)
    }

    /// The development chain in this folder.
    pub fn open(folder: &Path, options: &ChainOptions) -> Result<Self, ChainError> {
        Self::over(Arc::new(Chain::open(folder, &ChainSpec::dev(), options)?))
    }

    /// A chain that is open already, such as a running node's. Blocks made by hand then go past the node's pool.
    pub fn over(chain: Arc<Chain>) -> Result<Self, ChainError> {
        let metadata = chain.metadata()?;
        Ok(Self {
            chain,
            metadata,
            _folder: None,
        })
    }

    /// Reads metadata again, after an upgrade.
    pub fn refresh(&mut self) -> Result<(), ChainError> {
        self.metadata = self.chain.metadata()?;
        Ok(())
    }

    /// Makes a block of these transactions.
    pub fn block(&self, transactions: Vec<Vec<u8>>) -> Result<(NewBlock, Vec<Refused>), ChainError> {
        let mut inherents = InherentData::default();
        let now = self.chain.last_timestamp()?.max(1_700_000_000_000) + 2_000;
        inherents.put(TIMESTAMP_INHERENT, &now);
        // Where validators decide, by one of them, without their votes.
        let named = self
            .chain
            .next_height()?
            .and_then(|next| next.accounts.first().copied());
        self.chain.author(Proposal {
            author: named.or(ChainSpec::dev().author),
            digest: Vec::new(),
            inherents,
            transactions: &mut transactions.into_iter(),
            deadline: Instant::now() + Duration::from_secs(60),
            count_max: usize::MAX,
        })
    }

    /// A stored block, whole.
    pub fn stored(&self, hash: Hash) -> Result<Block, ChainError> {
        let stored = self.chain.final_block(&hash)?;
        Ok(stored.ok_or(ChainError::UnknownBlock(hash))?.block)
    }

    pub fn nonce(&self, who: &AccountId20) -> Result<u64, ChainError> {
        let (_, best) = self.chain.best();
        Ok(self.chain.call_typed::<Nonce>(best, names::ACCOUNT_NONCE, who)?.0)
    }

    /// A signed transaction, without its length prefix.
    pub fn sign(&self, key: &KeyPair, call: Vec<u8>, signing: Signing) -> Result<Vec<u8>, ChainError> {
        let (height, best) = self.chain.best();
        let who = signing.account.unwrap_or_else(|| key.account_id());
        let era = signing
            .mortal
            .map_or(Era::Immortal, |blocks| Era::mortal(blocks, height));
        let genesis = signing.genesis.unwrap_or_else(|| self.chain.genesis());
        let era_hash = match era {
            Era::Immortal => genesis,
            era => self.chain.database().hash_at(era.birth(height))?.unwrap_or_default(),
        };
        let runtime = self.chain.runtime_at(best)?;
        let context = SigningContext {
            spec_version: runtime.version().spec_version,
            transaction_version: runtime.version().transaction_version,
            genesis,
            era,
            era_hash,
            nonce: Nonce(signing.nonce.map_or_else(|| self.nonce(&who), Ok)?),
            tip: Balance(signing.tip),
        };
        let bound = self
            .chain
            .call_typed::<Option<quids_crypto::PublicKey>>(best, names::ACCOUNT_KEY, &who)?
            .is_some();
        let unsigned = Unsigned::new(&self.metadata, call, &context).map_err(task)?;
        Ok(unsigned
            .sign(&who, key, signing.with_key.unwrap_or(!bound))
            .map_err(task)?
            .0)
    }

    /// An encoded call.
    pub fn call(&self, pallet: &str, call: &str, arguments: &[(&str, Arg)]) -> Result<Vec<u8>, ChainError> {
        encode_call(&self.metadata, pallet, call, arguments).map_err(task)
    }

    /// A call that makes another as root; the root account sends it.
    pub fn as_root(&self, call: Vec<u8>) -> Result<Vec<u8>, ChainError> {
        self.call("Upgrade", "as_root", &[("call", Arg::Encoded(call))])
    }

    /// An encoded transfer.
    pub fn transfer(&self, to: &AccountId20, amount: u128) -> Result<Vec<u8>, ChainError> {
        let arguments = [("dest", Arg::Encoded(to.encode())), ("value", Arg::Number(amount))];
        self.call("Balances", "transfer_allow_death", &arguments)
    }

    /// The value at a storage key after the last block.
    pub fn storage(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ChainError> {
        let (_, best) = self.chain.best();
        Ok(self.chain.state_at(best)?.get(key)?.map(|value| value.to_vec()))
    }

    /// The key of a plain storage value.
    pub fn value_key(pallet: &str, item: &str) -> Vec<u8> {
        [
            quids_crypto::twox_128(pallet.as_bytes()),
            quids_crypto::twox_128(item.as_bytes()),
        ]
        .concat()
    }

    /// Free balance of an account, read where clients read it.
    pub fn free(&self, who: &AccountId20) -> Result<u128, ChainError> {
        let mut key = Self::value_key("System", "Account");
        key.extend_from_slice(&quids_crypto::blake2b_128(who.as_ref()));
        key.extend_from_slice(who.as_ref());
        // nonce u64, three u32 counters, then the free balance.
        let value = self.storage(&key)?.unwrap_or_default();
        Ok(value
            .get(20..36)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u128::from_le_bytes))
    }

    /// The events of the last block.
    pub fn events(&self) -> Result<Vec<Event>, ChainError> {
        let (_, best) = self.chain.best();
        self.events_at(best)
    }

    /// The events of a block.
    pub fn events_at(&self, block: Hash) -> Result<Vec<Event>, ChainError> {
        let value = self.chain.state_at(block)?.get(&Self::value_key("System", "Events"))?;
        decode_events(&self.metadata, &value.unwrap_or_default()).map_err(task)
    }
}

/// The code with other names for its imports or exports, which come before whatever else in it has them.
///
/// # Panics
/// If it has no such name, or a new name is longer or shorter.
#[must_use]
pub fn renamed(code: &[u8], names: &[(&str, &str)]) -> Vec<u8> {
    let mut changed = code.to_vec();
    for (name, other) in names {
        assert_eq!(name.len(), other.len(), "{name}, {other}");
        let at = code.windows(name.len()).position(|found| found == name.as_bytes());
        let at = at.expect("the code has the name");
        changed[at..at + name.len()].copy_from_slice(other.as_bytes());
    }
    changed
}

fn task(error: impl std::fmt::Display) -> ChainError {
    ChainError::Task(error.to_string())
}
