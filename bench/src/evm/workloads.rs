//! What is measured: contracts in a state, and messages to them.

use super::native;
use crate::{Result, transfers::world::Random};
use alloy_primitives::{Address, U256, keccak256};
use quids_api::evm::EvmMessage;
use quids_core::H160;
use revm::database::InMemoryDB;

/// Who sends what is measured.
const SENDER: H160 = H160([0xaa; 20]);
/// Who makes the contracts; another account, so that no creation of a workload comes to the address of one of them.
const DEPLOYER: H160 = H160([0xdd; 20]);
/// A loop of a workload runs about this long natively, in gas.
const LOOP_GAS: u64 = 4_000_000;
/// The most gas of a message: what Osaka admits.
const GAS_MAX: u64 = 16_000_000;
const RECEIVERS: usize = 1000;

/// Messages that are run one after the other on the same state, again and again.
pub struct Workload {
    pub name: &'static str,
    /// What WASM may cost of native time, if the issue has a floor of its own for it.
    pub ratio_max: Option<f64>,
    pub messages: Vec<EvmMessage>,
}

/// All of them, and the state they run on.
pub fn all() -> Result<(InMemoryDB, Vec<Workload>)> {
    let mut setup = Setup {
        state: native::state_of(&[SENDER, DEPLOYER]),
        nonces: [0; 2],
    };
    let supply = U256::from(10).pow(U256::from(30));
    let token = setup.create(&[code(include_str!("../../contracts/Token.hex"))?, words(&[supply])].concat())?;
    let other = setup.create(&[code(include_str!("../../contracts/Token.hex"))?, words(&[supply])].concat())?;
    let tokens = words(&[word(token), word(other)]);
    let pair = setup.create(&[code(include_str!("../../contracts/Pair.hex"))?, tokens].concat())?;
    let router = setup.create(&code(include_str!("../../contracts/Router.hex"))?)?;
    let loops = setup.create(&code(include_str!("../../contracts/Loops.hex"))?)?;
    let reserve = U256::from(10).pow(U256::from(24));
    for token in [token, other] {
        let sender = word(Address::from(SENDER.0));
        setup.call(
            DEPLOYER,
            token,
            &call("transfer(address,uint256)", &[word(pair), reserve]),
        )?;
        setup.call(
            DEPLOYER,
            token,
            &call("transfer(address,uint256)", &[sender, reserve * U256::from(1000)]),
        )?;
        setup.call(
            SENDER,
            token,
            &call("approve(address,uint256)", &[word(router), U256::MAX]),
        )?;
    }
    setup.call(DEPLOYER, pair, &call("sync()", &[]))?;

    let mut random = Random::new(1);
    let mut receiver = || {
        let mut address = [0xcc; 20];
        address[..8].copy_from_slice(&(random.below(RECEIVERS) as u64).to_be_bytes());
        Address::from(address)
    };
    let transfers = (0..400).map(|_| {
        (
            token,
            call("transfer(address,uint256)", &[word(receiver()), U256::from(1000)]),
        )
    });
    let transfers = messages(transfers);
    let swaps = messages((0..200u64).map(|index| {
        let arguments = [word(pair), U256::from(10).pow(U256::from(18)), U256::from(index % 2)];
        (router, call("swap(address,uint256,bool)", &arguments))
    }));
    let stores = messages((0..8u64).map(|index| {
        (
            loops,
            call("store(uint256,uint256)", &[U256::from(index * 1000), U256::from(100)]),
        )
    }));
    let single = |signature: &str, count: u64| messages([(loops, call(signature, &[U256::from(count)]))].into_iter());
    let creation = code(include_str!("../../contracts/Pair.hex"))?;
    let creations = (0..40u64).map(|nonce| EvmMessage {
        to: None,
        input: [creation.clone(), words(&[word(token), U256::from(nonce)])].concat(),
        ..message(nonce)
    });
    let plain = (0..1000u64).map(|nonce| EvmMessage {
        to: Some(H160(receiver().into_array())),
        value: 1.into(),
        gas_limit: 21_000,
        ..message(nonce)
    });
    let workloads = vec![
        Workload::new("plain transfer", None, plain.collect()),
        Workload::new("ERC-20 transfer", None, transfers),
        Workload::new("Uniswap-v2 swap", None, swaps),
        Workload::new("keccak loop", Some(1.3), single("hash(uint256)", LOOP_GAS / 250)),
        Workload::new(
            "arithmetic loop",
            Some(2.9),
            single("arithmetic(uint256)", LOOP_GAS / 150),
        ),
        Workload::new("storage writes", None, stores),
        Workload::new("contract creation", None, creations.collect()),
        Workload::new("ray tracer", None, single("trace(uint256)", 18)),
    ];
    Ok((setup.finish(), workloads))
}

impl Workload {
    fn new(name: &'static str, ratio_max: Option<f64>, messages: Vec<EvmMessage>) -> Self {
        Self {
            name,
            ratio_max,
            messages,
        }
    }
}

/// Contracts are put into the state by transactions, which run natively.
struct Setup {
    state: InMemoryDB,
    /// Of sender and deployer.
    nonces: [u64; 2],
}

impl Setup {
    fn create(&mut self, init: &[u8]) -> Result<Address> {
        let made = self.run(DEPLOYER, None, init)?;
        made.contract.ok_or_else(|| "a creation makes no contract".into())
    }

    fn call(&mut self, from: H160, to: Address, input: &[u8]) -> Result {
        self.run(from, Some(to), input).map(drop)
    }

    fn run(&mut self, from: H160, to: Option<Address>, input: &[u8]) -> Result<native::Done> {
        let nonce = &mut self.nonces[usize::from(from == DEPLOYER)];
        let message = EvmMessage {
            from,
            to: to.map(|to| H160(to.into_array())),
            input: input.to_vec(),
            ..message(*nonce)
        };
        *nonce += 1;
        let mut done = native::run(&mut self.state, &[message])?;
        done.pop().ok_or_else(|| "a message has no outcome".into())
    }

    /// The sender's messages begin at 0 again.
    fn finish(mut self) -> InMemoryDB {
        let sender = Address::from(SENDER.0);
        if let Some(account) = self.state.cache.accounts.get_mut(&sender) {
            account.info.nonce = 0;
        }
        self.state
    }
}

fn messages(calls: impl Iterator<Item = (Address, Vec<u8>)>) -> Vec<EvmMessage> {
    calls
        .enumerate()
        .map(|(nonce, (to, input))| EvmMessage {
            to: Some(H160(to.into_array())),
            input,
            ..message(nonce as u64)
        })
        .collect()
}

fn message(nonce: u64) -> EvmMessage {
    EvmMessage {
        transaction_type: 2,
        from: SENDER,
        nonce: Some(nonce),
        gas_limit: GAS_MAX,
        max_fee_per_gas: 100,
        max_priority_fee_per_gas: Some(1),
        ..EvmMessage::default()
    }
}

fn call(signature: &str, arguments: &[U256]) -> Vec<u8> {
    [&keccak256(signature)[..4], &words(arguments)].concat()
}

fn words(values: &[U256]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes::<32>()).collect()
}

fn word(address: Address) -> U256 {
    U256::from_be_slice(address.as_slice())
}

fn code(hex: &str) -> Result<Vec<u8>> {
    Ok(alloy_primitives::hex::decode(hex.trim())?)
}
