//! What has to be the same on both sides.

use quids_api::evm::{EvmHalt, EvmLog};
use quids_core::{H160, H256, U256};
use std::collections::BTreeMap;

/// How a transaction ended, or a call or creation within it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// No block may have it.
    Refused,
    Success,
    Revert,
    Halt(EvmHalt),
}

impl std::fmt::Display for Ended {
    /// The name, of an error that of the error.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Halt(halt) => write!(f, "{halt:?}"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// What came of a transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    pub ended: Ended,
    pub gas_used: u64,
    pub output: Vec<u8>,
    pub contract: Option<H160>,
    pub logs: Vec<EvmLog>,
}

/// An account afterwards.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    pub balance: U256,
    pub nonce: u64,
    pub code: Vec<u8>,
    /// Without zeros.
    pub storage: BTreeMap<H256, H256>,
}

impl Account {
    fn is_empty(&self) -> bool {
        self.balance.is_zero() && self.nonce == 0 && self.code.is_empty()
    }
}

/// Everything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Aftermath {
    pub outcomes: Vec<Outcome>,
    pub accounts: BTreeMap<H160, Account>,
}

impl Aftermath {
    /// Whether an account without nonce, balance and code is there is told by no outcome; since EIP-161 none is.
    pub fn new(outcomes: Vec<Outcome>, accounts: impl Iterator<Item = (H160, Account)>) -> Self {
        Self {
            outcomes,
            accounts: accounts.filter(|(_, account)| !account.is_empty()).collect(),
        }
    }
}
