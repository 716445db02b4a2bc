//! Chain specs: what a chain starts from. Built in, or read from a file in Substrate's form.

mod error;
mod file;

pub use error::SpecError;
pub use file::{SPEC_BYTES_MAX, is_id};

use quids_core::{AccountId20, Hash};
use quids_crypto::PublicKey;
use quids_rpc::ChainType;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What every development account owns: 1 000 000 QDS in units of 10^-18.
pub const DEV_BALANCE: u128 = 1_000_000 * 10u128.pow(18);

/// The id of [`ChainSpec::testnet`].
pub const TESTNET_ID: &str = "testnet";
/// What a validator of a testnet holds: 1000 QDS.
const TESTNET_BOND: u128 = 1000 * 10u128.pow(18);

/// Who decides the blocks of [`ChainSpec::testnet`].
pub struct TestVoter<'a> {
    pub key: &'a PublicKey,
    /// To the hash chain that it reveals in its blocks; `None`: it is a witness, which makes none.
    pub commitment: Option<Hash>,
}

/// Everything that makes a chain that chain.
#[derive(Clone, Debug)]
pub struct ChainSpec {
    /// For people.
    pub name: String,
    /// For folders: lower-case letters, digits, `-` and `_`.
    pub id: String,
    pub chain_type: ChainType,
    /// Nodes to connect to first, kept for the network.
    pub boot_nodes: Vec<String>,
    /// `system_properties`.
    pub properties: Map<String, Value>,
    pub genesis: Genesis,
    pub genesis_check: GenesisCheck,
    /// Who authors, and receives the fees.
    pub author: Option<AccountId20>,
}

/// The state before the first block.
#[derive(Clone, Debug, PartialEq)]
pub enum Genesis {
    /// What the runtime makes of a configuration of its pallets.
    Config { code: Vec<u8>, config: Value },
    /// Every key and value.
    Raw(BTreeMap<Vec<u8>, Vec<u8>>),
}

/// Which stored genesis a node accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenesisCheck {
    /// Whatever is stored. For chains that are built in: their code changes with this binary, not with their id.
    AsStored,
    /// What the spec builds, which has to have the `stated` hash if there is one.
    Exact { stated: Option<Hash> },
}

impl ChainSpec {
    /// The development chain: documented accounts with 1 000 000 QDS each, alice as root and author.
    pub fn dev() -> Self {
        Self::with_accounts("Quids Development", "dev", ChainType::Development, dev_accounts())
    }

    /// For some nodes of one owner: as [`ChainSpec::dev`], without the Ethereum accounts. Its genesis is therefore
    /// another, so that no transaction is valid on both.
    pub fn local() -> Self {
        let mut accounts = dev_accounts();
        accounts.retain(|(name, _)| !name.starts_with("eth"));
        Self::with_accounts("Quids Local Testnet", "local", ChainType::Local, accounts)
    }

    /// For several nodes on one machine: as [`ChainSpec::dev`], with validators that vote with these keys and reveal links of
    /// these hash chains. The development accounts are theirs, one each, as far as there are any.
    pub fn testnet<'a>(voters: impl Iterator<Item = TestVoter<'a>>) -> Self {
        let mut spec = Self::testnet_base();
        spec.set_voters(voters);
        spec
    }

    /// What [`ChainSpec::testnet`] is made from.
    pub fn testnet_base() -> Self {
        Self::with_accounts("Quids Testnet", TESTNET_ID, ChainType::Local, dev_accounts())
    }

    /// Has these decide the chain, as validators of its genesis, with tokens for their bonds where the genesis gives them none; not
    /// for a raw genesis, which is left as it is.
    pub fn set_voters<'a>(&mut self, voters: impl Iterator<Item = TestVoter<'a>>) {
        let mut accounts = dev_accounts().into_iter();
        let mut owners = Vec::new();
        let validators = voters.map(|TestVoter { key, commitment }| {
            let account = accounts.next().map(|(_, who)| who).or_else(|| key.account_id());
            owners.extend(account.map(|who| who.to_string()));
            json!({
                "account": account.map(|who| who.to_string()),
                "bond": TESTNET_BOND.to_string(),
                "commitment": commitment.map(|commitment| format!("0x{}", hex::encode(commitment))),
                "scheme": key.scheme().name(),
                "key": format!("0x{}", hex::encode(key.as_bytes())),
                "role": if commitment.is_some() { "full" } else { "witness" },
            })
        });
        let validators: Vec<Value> = validators.collect();
        if let Genesis::Config { config, .. } = &mut self.genesis {
            // All have the same bond, so that each may count the same.
            config["pobpc"]["validators"] = validators.into();
            if config["pobpc"]["checkpointInterval"].is_null() {
                config["pobpc"]["checkpointInterval"] = 100.into();
            }
            // Bonds are taken from what accounts have.
            if config["balances"]["balances"].is_null() {
                config["balances"]["balances"] = json!([]);
            }
            if let Some(balances) = config["balances"]["balances"].as_array_mut() {
                let has = |balances: &[Value], who: &str| {
                    balances
                        .iter()
                        .any(|entry| entry[0].as_str().is_some_and(|other| other.eq_ignore_ascii_case(who)))
                };
                owners.retain(|who| !has(balances, who));
                balances.extend(owners.into_iter().map(|who| json!([who, DEV_BALANCE.to_string()])));
            }
        }
        self.genesis_check = GenesisCheck::Exact { stated: None };
        self.author = None;
    }

    /// `dev`, `local`, or the file at this path.
    pub fn load(name_or_path: &str) -> Result<Self, SpecError> {
        match name_or_path {
            "dev" => Ok(Self::dev()),
            "local" => Ok(Self::local()),
            path => file::read(Path::new(path)),
        }
    }

    /// The file's text.
    pub fn to_json(&self) -> Value {
        file::write(self)
    }

    fn with_accounts(name: &str, id: &str, chain_type: ChainType, accounts: Vec<(&str, AccountId20)>) -> Self {
        let alice = accounts.first().map(|(_, who)| *who);
        let balances: Vec<_> = accounts
            .iter()
            .map(|(_, who)| json!([who.to_string(), DEV_BALANCE.to_string()]))
            .collect();
        Self {
            name: name.into(),
            id: id.into(),
            chain_type,
            boot_nodes: Vec::new(),
            properties: default_properties(),
            genesis: Genesis::Config {
                code: quids_runtime_wasm::WASM.to_vec(),
                config: json!({
                    "balances": { "balances": balances },
                    "upgrade": upgrade_of_development(alice),
                    "template": { "limit": 1000 },
                }),
            },
            genesis_check: GenesisCheck::AsStored,
            author: alice,
        }
    }

    /// Where compiled runtimes are kept for a node with this folder.
    pub fn code_cache(&self, base: &Path) -> PathBuf {
        code_cache().unwrap_or_else(|| base.join("code"))
    }
}

/// Where compiled runtimes are kept: one folder for all chains, since they are found by code hash.
/// `QUIDS_CODE_CACHE` names another.
pub fn code_cache() -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("QUIDS_CODE_CACHE") {
        return Some(dir.into());
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    cache.map(|dir| dir.join("quids").join("code"))
}

/// Alice is root; of alice, bob and charlie two decide; the account of the SPHINCS+ key is the last resort.
fn upgrade_of_development(root: Option<AccountId20>) -> Value {
    let account = |name: &str| quids_keystore::dev_keypair(name).map(|key| key.account_id().to_string());
    let council = ["alice", "bob", "charlie"].map(account);
    json!({
        "root": root.map(|who| who.to_string()),
        "council": council,
        "threshold": 2,
        "recovery": account("alice-sphincs"),
    })
}

/// What wallets need to know of this chain's accounts and amounts.
fn default_properties() -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert("isEthereum".into(), true.into());
    properties.insert("tokenDecimals".into(), 18.into());
    properties.insert("tokenSymbol".into(), "QDS".into());
    properties
}

/// Names and addresses of the development accounts, alice first.
pub fn dev_accounts() -> Vec<(&'static str, AccountId20)> {
    quids_keystore::DEV_ACCOUNTS
        .iter()
        .map(|account| (account.name, account.key_pair().account_id()))
        .collect()
}
