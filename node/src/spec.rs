//! Chain specs: what a chain starts from. Only the development chain for now.

use quids_core::{AccountId20, Hash};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What every development account owns: 1 000 000 QDS in units of 10^-18.
pub const DEV_BALANCE: u128 = 1_000_000 * 10u128.pow(18);

/// Everything that makes a chain that chain.
#[derive(Clone, Debug)]
pub struct ChainSpec {
    /// For people.
    pub name: String,
    /// For folders: lower case, no spaces.
    pub id: String,
    pub chain_type: quids_rpc::ChainType,
    /// The runtime of genesis.
    pub code: Vec<u8>,
    /// The genesis configuration of the runtime's pallets.
    pub genesis: serde_json::Value,
    /// A database with another genesis is refused. `None` on a development chain, whose code changes by the hour.
    pub pinned_genesis: Option<Hash>,
    /// Who authors, and receives the fees.
    pub author: Option<AccountId20>,
}

impl ChainSpec {
    /// The development chain: documented accounts with 1 000 000 QDS each, alice as root and author.
    pub fn dev() -> Self {
        let accounts = dev_accounts();
        let alice = accounts.first().map(|(_, who)| *who);
        let balances: Vec<_> = accounts
            .iter()
            .map(|(_, who)| json!([who.to_string(), DEV_BALANCE.to_string()]))
            .collect();
        Self {
            name: "Quids Development".into(),
            id: "dev".into(),
            chain_type: quids_rpc::ChainType::Development,
            code: quids_runtime_wasm::WASM.to_vec(),
            genesis: json!({
                "balances": { "balances": balances },
                "upgrade": { "root": alice.map(|who| who.to_string()) },
                "template": { "limit": 1000 },
            }),
            pinned_genesis: None,
            author: alice,
        }
    }

    /// Where compiled runtimes are kept: one folder for all chains, since they are found by code hash.
    /// `QUIDS_CODE_CACHE` names another.
    pub fn code_cache(&self, base: &Path) -> PathBuf {
        if let Some(dir) = std::env::var_os("QUIDS_CODE_CACHE") {
            return dir.into();
        }
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
        cache.map_or_else(|| base.join("code"), |dir| dir.join("quids").join("code"))
    }
}

/// Names and addresses of the development accounts, alice first.
pub fn dev_accounts() -> Vec<(&'static str, AccountId20)> {
    quids_keystore::DEV_ACCOUNTS
        .iter()
        .map(|account| (account.name, account.key_pair().account_id()))
        .collect()
}
