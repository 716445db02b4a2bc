//! What the owner of a development chain may do with time and state: `evm_mine`, `evm_revert` and the like.

use crate::{
    author::{Author, Making, Sealing},
    backend::internal,
    chain::{Chain, ChainError, NewBlock},
    clock::{MOVED_MAX_S, Settings},
    extrinsic_builder::Arg,
    pool::SharedPool,
    spec::ChainSpec,
    testing::{Signing, TestChain},
};
use codec::{Decode, Encode};
use parking_lot::Mutex;
use quids_api::{evm::EvmAccount, names};
use quids_core::{AccountId20, H160, Hash, U256};
use quids_crypto::{KeyPair, SignatureScheme};
use quids_keystore::{DEV_ACCOUNTS, DevAccount};
use quids_rpc::{BackendError, ChainType, Development};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

/// Blocks that one call may make.
const MINED_MAX: u64 = 100_000;
/// Snapshots that are remembered; of more the oldest are forgotten.
const SNAPSHOTS_MAX: usize = 1024;
/// The block time of blocks made by hand.
const PERIOD: Duration = Duration::from_secs(10);
/// The development account that may act as root.
const ROOT: &str = "alice";

/// Controls of a chain that is for development and has this node as its only author.
pub struct DevelopmentControls {
    author: Arc<Author>,
    pool: Arc<SharedPool>,
    /// When blocks are made while transactions are not put into one as they arrive.
    otherwise: Sealing,
    snapshots: Mutex<Snapshots>,
    /// Of Ethereum's test mnemonic, in its order.
    keys: LazyLock<Vec<KeyPair>>,
}

#[derive(Default)]
struct Snapshots {
    /// Ascending.
    taken: Vec<Snapshot>,
    /// How many there were ever.
    count: u64,
}

struct Snapshot {
    number: u64,
    block: Hash,
    clock: Settings,
}

impl DevelopmentControls {
    /// `None` on any other chain.
    pub fn of(author: &Arc<Author>, pool: &Arc<SharedPool>, spec: &ChainSpec) -> Option<Self> {
        let is_development = spec.chain_type == ChainType::Development && spec.author.is_some();
        is_development.then(|| Self {
            author: author.clone(),
            pool: pool.clone(),
            otherwise: match author.sealing() {
                Sealing::Instant => Sealing::Manual,
                sealing => sealing,
            },
            snapshots: Mutex::default(),
            keys: LazyLock::new(ethereum_keys),
        })
    }

    fn chain(&self) -> &Arc<Chain> {
        self.author.chain()
    }

    fn last_ms(&self) -> Result<u64, BackendError> {
        self.chain().last_timestamp().map_err(internal)
    }

    /// Makes a block of this one transaction.
    fn include(&self, making: &Making<'_>, transaction: Vec<u8>) -> Result<NewBlock, BackendError> {
        let (block, refused) = making
            .block(&mut std::iter::once(transaction), PERIOD)
            .map_err(internal)?;
        match refused.first() {
            None => Ok(block),
            Some(refused) => Err(BackendError::Refused(format!(
                "{ROOT}'s transaction is refused: {}",
                refused.reason
            ))),
        }
    }

    /// Sets a balance by root's order, signed by the development chain's root.
    fn force_balance(&self, who: AccountId20, balance: u128) -> Result<(), BackendError> {
        let failed = |error: ChainError| BackendError::Internal(error.to_string());
        let no_root = || BackendError::Unavailable(format!("the key of {ROOT}"));
        let key = quids_keystore::dev_keypair(ROOT).ok_or_else(no_root)?;
        let making = self.author.making();
        let view = TestChain::over(self.chain().clone()).map_err(failed)?;
        let arguments = [("who", Arg::Encoded(who.encode())), ("new_free", Arg::Number(balance))];
        let call = view.call("Balances", "force_set_balance", &arguments).map_err(failed)?;
        let arguments = [("call", Arg::Encoded(call))];
        let call = view.call("Upgrade", "as_root", &arguments).map_err(failed)?;
        let transaction = view.sign(&key, call, Signing::default()).map_err(failed)?;
        let block = self.include(&making, transaction)?;
        let account = self
            .chain()
            .call(block.hash, names::QEVM_ACCOUNT, &H160(who.0).encode())
            .map_err(internal)?;
        let account = EvmAccount::decode(&mut &account[..])
            .map_err(|error| BackendError::Internal(format!("the runtime's account does not decode: {error}")))?;
        if account.balance == U256::from(balance) {
            return Ok(());
        }
        Err(BackendError::Refused(format!(
            "the balance is {} and not {balance}: is {ROOT} root of this chain, with tokens for the fee?",
            account.balance
        )))
    }
}

fn ethereum_keys() -> Vec<KeyPair> {
    let accounts = DEV_ACCOUNTS.iter();
    accounts
        .filter(|account| account.scheme == SignatureScheme::Secp256k1)
        .map(DevAccount::key_pair)
        .collect()
}

impl Development for DevelopmentControls {
    fn mine(&self, blocks: u64, interval_s: Option<u64>) -> Result<(), BackendError> {
        if blocks > MINED_MAX {
            return Err(BackendError::Refused(format!(
                "{blocks} blocks are more than {MINED_MAX}"
            )));
        }
        let making = self.author.making();
        for number in 0..blocks {
            if let (1.., Some(interval_s)) = (number, interval_s) {
                let next_ms = self.last_ms()?.saturating_add(interval_s.saturating_mul(1_000));
                self.author.clock().set_next_ms(next_ms);
            }
            making.seal(PERIOD).map_err(internal)?;
        }
        Ok(())
    }

    fn increase_time(&self, seconds: u64) -> Result<u64, BackendError> {
        let too_far = || BackendError::Refused(format!("{seconds} seconds are too far in the future"));
        self.author.clock().advance(seconds).ok_or_else(too_far)
    }

    fn set_next_timestamp(&self, timestamp: u64) -> Result<(), BackendError> {
        // A block in the making has its time already, and would use this one up.
        let _making = self.author.making();
        let last_s = self.last_ms()? / 1_000;
        if timestamp <= last_s {
            return Err(BackendError::Refused(format!(
                "timestamp {timestamp} is not after the last block's, {last_s}"
            )));
        }
        if timestamp > MOVED_MAX_S {
            return Err(BackendError::Refused(format!(
                "timestamp {timestamp} is after {MOVED_MAX_S}"
            )));
        }
        self.author.clock().set_next_ms(timestamp.saturating_mul(1_000));
        Ok(())
    }

    fn snapshot(&self) -> Result<u64, BackendError> {
        // No block is made between looking at the chain and at the clock.
        let _making = self.author.making();
        let mut snapshots = self.snapshots.lock();
        snapshots.count += 1;
        let snapshot = Snapshot {
            number: snapshots.count,
            block: self.chain().best().1,
            clock: self.author.clock().settings(),
        };
        snapshots.taken.push(snapshot);
        let surplus = snapshots.taken.len().saturating_sub(SNAPSHOTS_MAX);
        snapshots.taken.drain(..surplus);
        Ok(snapshots.count)
    }

    fn revert(&self, snapshot: u64) -> Result<bool, BackendError> {
        let _making = self.author.making();
        let mut snapshots = self.snapshots.lock();
        let Ok(index) = snapshots.taken.binary_search_by_key(&snapshot, |taken| taken.number) else {
            return Ok(false);
        };
        let Snapshot { block, clock, .. } = &snapshots.taken[index];
        let gone = self.chain().take_back_to(*block).map_err(internal)?;
        self.author.clock().set(*clock);
        let (height, _) = self.chain().best();
        self.pool.on_taken_back(height);
        tracing::info!("back to block {height} {block:?}: {} blocks are gone", gone.len());
        snapshots.taken.truncate(index);
        Ok(true)
    }

    fn set_balance(&self, who: H160, balance: U256) -> Result<(), BackendError> {
        let too_much = || {
            BackendError::Refused(format!(
                "balance {balance} is 2^128 wei or more, which no account holds"
            ))
        };
        let balance = u128::try_from(balance).map_err(|_| too_much())?;
        self.force_balance(AccountId20(who.0), balance)
    }

    fn set_automine(&self, on: bool) -> Result<(), BackendError> {
        self.author.set_sealing(match on {
            true => Sealing::Instant,
            false => self.otherwise,
        });
        Ok(())
    }

    fn accounts(&self) -> Vec<H160> {
        self.keys.iter().map(|key| H160(key.account_id().0)).collect()
    }

    fn sign(&self, who: H160, payload: &[u8]) -> Option<[u8; 65]> {
        let key = self.keys.iter().find(|key| key.account_id().0 == who.0)?;
        key.sign(payload).as_bytes().try_into().ok()
    }
}
