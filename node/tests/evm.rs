//! The EVM as the node keeps it: blocks, transactions and logs in the index, traces, the pool, blocks taken back.

use codec::{Decode, Encode};
use quids_api::{
    TransactionSource,
    evm::{
        EvmChain, EvmError, EvmMessage, EvmOutcome, EvmStatus, EvmTransaction, SimulatedBlock, Simulation,
        SimulationOutcome, StateOverride, TraceOptions,
    },
    names,
};
use quids_core::{Block, H160, H256, Hash, Height, U256};
use quids_db::LogFilter;
use quids_ethereum::UnsignedTransaction;
use quids_node::{
    BlockingTestNode, ChainOptions, ChainSpec, Sealing, TestNode,
    chain::Chain,
    extrinsic_builder::Arg,
    pool::EvmPool,
    test_node::{account, key},
    testing::TestChain,
};
use quids_rpc::Development;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const GAS: u64 = 300_000;
/// LOG1 of 32 bytes of zeros, whose topic is the first word of the input.
const LOGGER: &[u8] = &[0x60, 0, 0x35, 0x60, 0x20, 0x60, 0, 0xa1, 0];

/// Initialisation code that deploys `code`, up to 32 bytes.
fn deploying(code: &[u8]) -> Vec<u8> {
    let length = code.len() as u8;
    [
        &[0x5f + length][..],
        code,
        &[0x60, 0, 0x52, 0x60, length, 0x60, 32 - length, 0xf3],
    ]
    .concat()
}

fn topic(n: u64) -> H256 {
    H256::from_low_u64_be(n)
}

/// A node whose blocks are made by hand, and what Ethereum's users do with it.
struct Case {
    node: BlockingTestNode,
}

impl Case {
    fn new() -> Self {
        let node = TestNode::builder().sealing(Sealing::Manual).start_blocking().unwrap();
        Self { node }
    }

    fn chain(&self) -> &Arc<Chain> {
        self.node.chain()
    }

    fn development(&self) -> &dyn Development {
        &**self.node.node().development().unwrap()
    }

    fn ask<O: Decode>(&self, api: &'static str, input: &impl Encode) -> O {
        self.chain().call_typed(self.chain().best().1, api, input).unwrap()
    }

    fn address(&self, name: &str) -> H160 {
        H160(account(name).unwrap().0)
    }

    /// The envelope of a transaction of this account, `ahead` of its next nonce.
    fn signed(&self, from: &str, ahead: u64, to: Option<H160>, data: Vec<u8>) -> Vec<u8> {
        let chain: EvmChain = self.ask(names::QEVM_CHAIN, &());
        let unsigned = UnsignedTransaction {
            chain_id: chain.chain_id,
            nonce: self.node.view().nonce(&account(from).unwrap()).unwrap() + ahead,
            max_priority_fee_per_gas: 1,
            max_fee_per_gas: chain.base_fee * 100 + 1,
            gas_limit: GAS,
            to,
            value: U256::zero(),
            data,
        };
        let signature = key(from).unwrap().sign(&unsigned.eip1559_payload());
        let transaction = unsigned.with_secp256k1(signature.as_bytes().try_into().unwrap());
        transaction.unwrap().encode()
    }

    fn submit(&self, envelope: &[u8]) -> H256 {
        let extrinsic: Vec<u8> = self.ask(names::QEVM_EXTRINSIC, &envelope);
        self.node.pool().submit(TransactionSource::External, extrinsic).unwrap();
        H256(alloy_primitives::keccak256(envelope).0)
    }

    /// Sends a transaction and makes a block of it.
    fn include(&self, from: &str, to: Option<H160>, data: Vec<u8>) -> (H256, Hash) {
        let hash = self.submit(&self.signed(from, 0, to, data));
        (hash, self.node.seal().unwrap().hash)
    }

    fn deploy(&self, code: &[u8]) -> H160 {
        let (hash, block) = self.include("eth0", None, deploying(code));
        assert_eq!(self.chain().evm_transaction(&hash).unwrap(), Some((block, 0)));
        let evm = self.chain().evm_block(block).unwrap().unwrap();
        let receipt = &evm.transactions[0].receipt;
        assert!(receipt.success, "{receipt:?}");
        receipt.contract_address.unwrap()
    }

    fn logs_of(&self, address: H160) -> Vec<(Height, u32, u32, H256)> {
        let filter = LogFilter {
            from: Height(0),
            to: Height::MAX,
            addresses: vec![address],
            topics: Vec::new(),
            limit: 1_000,
        };
        let found = self.chain().evm_logs(&filter).unwrap().into_iter();
        found
            .map(|found| {
                (
                    found.height,
                    found.transaction_index,
                    found.log_index,
                    found.log.topics[0],
                )
            })
            .collect()
    }
}

#[test]
fn blocks_are_indexed_with_what_they_did() {
    let mut case = Case::new();
    let logger = case.deploy(LOGGER);
    // Three in one block: two of one account, one of another.
    let mut hashes = Vec::new();
    for (from, ahead, n) in [("eth0", 0, 7), ("eth0", 1, 8), ("eth1", 0, 9)] {
        hashes.push(case.submit(&case.signed(from, ahead, Some(logger), topic(n).as_bytes().to_vec())));
    }
    let block = case.node.seal().unwrap();
    let check = |case: &Case| {
        let evm = case.chain().evm_block(block.hash).unwrap().unwrap();
        assert_eq!(evm.env.number, 2);
        assert_eq!(evm.transactions.len(), 3);
        let gas: u64 = evm
            .transactions
            .iter()
            .map(|transaction| transaction.receipt.gas_used)
            .sum();
        assert_eq!(
            (evm.gas_used, evm.transactions[2].receipt.cumulative_gas_used),
            (gas, gas)
        );
        for (place, transaction) in (0..).zip(&evm.transactions) {
            assert!(hashes.contains(&transaction.hash));
            assert_eq!(
                case.chain().evm_transaction(&transaction.hash).unwrap(),
                Some((block.hash, place))
            );
            // Its extrinsic is where it says.
            let stored = case.node.view().stored(block.hash).unwrap();
            let extrinsic = &stored.extrinsics[transaction.extrinsic_index as usize].0;
            assert_eq!(
                quids_txpool::hash_of(extrinsic),
                block.extrinsics[transaction.extrinsic_index as usize]
            );
            assert!(extrinsic.ends_with(&transaction.envelope));
        }
        let logs = case.logs_of(logger);
        let places: Vec<_> = logs
            .iter()
            .map(|(height, place, index, _)| (height.0, *place, *index))
            .collect();
        assert_eq!(places, [(2, 0, 0), (2, 1, 1), (2, 2, 2)]);
        let mut topics: Vec<_> = logs.iter().map(|(.., topic)| *topic).collect();
        topics.sort_unstable();
        assert_eq!(topics, [topic(7), topic(8), topic(9)]);
    };
    check(&case);
    case.node.restart().unwrap();
    check(&case);
    assert_eq!(case.chain().evm_block(Hash::repeat_byte(1)).unwrap(), None);
    assert_eq!(case.chain().evm_transaction(&H256::repeat_byte(1)).unwrap(), None);
    // Genesis, of which nothing is stored, and a block in which nothing happened.
    let genesis = case.chain().evm_block(case.chain().genesis()).unwrap().unwrap();
    assert_eq!((genesis.env.number, genesis.transactions.len()), (0, 0));
    let empty = case.node.seal().unwrap();
    let evm = case.chain().evm_block(empty.hash).unwrap().unwrap();
    assert_eq!((evm.env.number, evm.transactions.len(), evm.gas_used), (3, 0, 0));
    assert!(evm.env.base_fee > 0 && evm.env.gas_limit > 21_000);
    let stored = case.chain().database().evm_block(&empty.hash).unwrap();
    assert_eq!(stored.as_ref(), Some(&*evm), "every block has a record");
}

#[test]
fn an_imported_block_is_indexed_as_its_author_did() {
    let case = Case::new();
    let logger = case.deploy(LOGGER);
    case.include("eth0", Some(logger), topic(7).as_bytes().to_vec());
    let folder = tempfile::tempdir().unwrap();
    let options = ChainOptions {
        sync: false,
        ..ChainOptions::default()
    };
    let other = TestChain::open(folder.path(), &options).unwrap();
    for height in 1..=2 {
        let hash = case.chain().database().hash_at(Height(height)).unwrap().unwrap();
        let Block { header, extrinsics } = case.node.view().stored(hash).unwrap();
        other.chain.import(Block { header, extrinsics }).unwrap();
        let (theirs, ours) = (
            other.chain.evm_block(hash).unwrap(),
            case.chain().evm_block(hash).unwrap(),
        );
        assert!(ours.is_some());
        assert_eq!(theirs, ours);
    }
}

#[test]
fn blocks_are_executed_again_for_their_traces() {
    let case = Case::new();
    let logger = case.deploy(LOGGER);
    for (ahead, n) in [(0, 7), (1, 8)] {
        case.submit(&case.signed("eth0", ahead, Some(logger), topic(n).as_bytes().to_vec()));
    }
    // A transaction that is none of the EVM goes between.
    let call = case.node.view().transfer(&account("bob").unwrap(), 5).unwrap();
    let transfer = case
        .node
        .view()
        .sign(&key("alice").unwrap(), call, Default::default())
        .unwrap();
    case.node.pool().submit(TransactionSource::External, transfer).unwrap();
    let block = case.node.seal().unwrap();
    let options = TraceOptions {
        calls: true,
        ..TraceOptions::default()
    };
    let evm = case.chain().evm_block(block.hash).unwrap().unwrap();
    let all = case.chain().evm_replay(block.hash, None, options).unwrap().unwrap();
    let check = |outcome: &EvmOutcome, place: usize| {
        let receipt = &evm.transactions[place].receipt;
        assert_eq!(
            (outcome.status, outcome.gas_used),
            (EvmStatus::Success, receipt.gas_used)
        );
        assert_eq!(outcome.logs, receipt.logs);
        let calls = &outcome.trace.as_ref().unwrap().calls;
        assert_eq!((calls.len(), calls[0].to), (1, logger));
    };
    assert_eq!(all.len(), 2);
    for (place, outcome) in all.iter().enumerate() {
        check(outcome, place);
        let one = case
            .chain()
            .evm_replay(block.hash, Some(place as u32), options)
            .unwrap()
            .unwrap();
        assert_eq!(one, std::slice::from_ref(outcome));
    }
    assert_eq!(case.chain().evm_replay(block.hash, Some(2), options).unwrap(), None);
    assert_eq!(
        case.chain().evm_replay(Hash::repeat_byte(1), None, options).unwrap(),
        None
    );
    let empty = case.node.seal().unwrap();
    assert_eq!(
        case.chain().evm_replay(empty.hash, None, options).unwrap(),
        Some(Vec::new())
    );
}

#[test]
fn calls_by_signed_extrinsics_are_transactions_too() {
    let case = Case::new();
    let arguments = [
        ("value", Arg::Encoded(U256::zero().encode())),
        ("init", Arg::Bytes(deploying(LOGGER))),
        ("gas_limit", Arg::Number(GAS.into())),
    ];
    let call = case.node.view().call("Qevm", "create", &arguments).unwrap();
    let bytes = case
        .node
        .view()
        .sign(&key("alice").unwrap(), call, Default::default())
        .unwrap();
    case.node.pool().submit(TransactionSource::External, bytes).unwrap();
    let block = case.node.seal().unwrap();
    let evm = case.chain().evm_block(block.hash).unwrap().unwrap();
    let [transaction] = &evm.transactions[..] else {
        panic!("{evm:?}")
    };
    assert_eq!(
        (transaction.from, transaction.call.is_some()),
        (case.address("alice"), true)
    );
    assert_eq!(
        case.chain().evm_transaction(&transaction.hash).unwrap(),
        Some((block.hash, 0))
    );
    let outcomes = case
        .chain()
        .evm_replay(block.hash, Some(0), TraceOptions::default())
        .unwrap()
        .unwrap();
    assert_eq!(outcomes[0].contract_address, transaction.receipt.contract_address);
}

#[test]
fn the_pool_tells_of_its_evm_transactions() {
    let case = Case::new();
    let evm_pool = Arc::new(EvmPool::new(case.chain().clone(), case.node.pool().clone()));
    let mut arrivals = evm_pool.subscribe().unwrap();
    let to = Some(H160::repeat_byte(7));
    let first = case.submit(&case.signed("eth0", 0, to, vec![1]));
    let waits = case.submit(&case.signed("eth0", 2, to, vec![2]));
    let call = case.node.view().transfer(&account("bob").unwrap(), 5).unwrap();
    let transfer = case
        .node
        .view()
        .sign(&key("alice").unwrap(), call, Default::default())
        .unwrap();
    case.node.pool().submit(TransactionSource::External, transfer).unwrap();
    let named = |count_max| {
        let content = evm_pool.content(count_max).unwrap();
        content
            .iter()
            .map(|(is_ready, transaction)| (*is_ready, transaction.hash))
            .collect::<Vec<_>>()
    };
    assert_eq!(named(9), [(true, first), (false, waits)]);
    assert_eq!(named(1), [(true, first)]);
    let next = |arrivals: &mut tokio::sync::broadcast::Receiver<Arc<EvmTransaction>>| {
        case.node.block_on(arrivals.recv()).unwrap()
    };
    let arrived = next(&mut arrivals);
    assert_eq!((arrived.hash, arrived.from), (first, case.address("eth0")));
    // What it waited for is there.
    let second = case.submit(&case.signed("eth0", 1, to, vec![3]));
    let mut arrived = [next(&mut arrivals).hash, next(&mut arrivals).hash];
    arrived.sort_unstable();
    let mut expected = [second, waits];
    expected.sort_unstable();
    assert_eq!(arrived, expected);
    assert_eq!(named(9).iter().filter(|(is_ready, _)| *is_ready).count(), 3);
    case.node.seal().unwrap();
    assert_eq!(named(9), []);
}

#[test]
fn blocks_taken_back_take_their_index_with_them() {
    let case = Case::new();
    let logger = case.deploy(LOGGER);
    let (kept, _) = case.include("eth0", Some(logger), topic(1).as_bytes().to_vec());
    let snapshot = case.development().snapshot().unwrap();
    let (gone, block) = case.include("eth0", Some(logger), topic(2).as_bytes().to_vec());
    let evm = case.chain().evm_block(block).unwrap();
    assert_eq!(case.logs_of(logger).len(), 2);
    case.development().mine(3, None).unwrap();
    assert_eq!(case.development().revert(snapshot), Ok(true));
    assert_eq!(case.logs_of(logger).len(), 1);
    assert!(case.chain().evm_transaction(&kept).unwrap().is_some());
    assert_eq!(case.chain().evm_transaction(&gone).unwrap(), None);
    // For those who have to tell that its logs are gone.
    assert_eq!(case.chain().evm_block(block).unwrap(), evm);
    // The same transaction may be in another block.
    let (again, other) = case.include("eth0", Some(logger), topic(2).as_bytes().to_vec());
    assert_eq!(case.chain().evm_transaction(&again).unwrap(), Some((other, 0)));
    assert_eq!(case.logs_of(logger).len(), 2);
}

#[test]
fn a_spec_may_have_another_chain_id() {
    // A spec of its own, with another chain id.
    let mut spec = ChainSpec::dev();
    if let quids_node::spec::Genesis::Config { config, .. } = &mut spec.genesis {
        config["qevm"] = serde_json::json!({ "chainId": 99 });
    }
    spec.id = "other".into();
    let node = TestNode::builder()
        .sealing(Sealing::Manual)
        .spec(spec)
        .start_blocking()
        .unwrap();
    let (_, best) = node.chain().best();
    let chain: EvmChain = node.chain().call_typed(best, names::QEVM_CHAIN, &()).unwrap();
    assert_eq!(chain.chain_id, 99);
}

#[test]
fn a_call_is_tried_briefly_where_that_may_do() {
    let case = Case::new();
    let (_, parent) = case.chain().best();
    case.node.seal().unwrap();
    let (_, best) = case.chain().best();
    let messages = |code: &[u8], count: usize| Simulation {
        blocks: vec![SimulatedBlock {
            state: vec![StateOverride {
                address: H160::repeat_byte(7),
                code: Some(code.to_vec()),
                ..StateOverride::default()
            }],
            messages: vec![
                EvmMessage {
                    to: Some(H160::repeat_byte(7)),
                    gas_limit: 16_000_000,
                    ..EvmMessage::default()
                };
                count
            ],
            ..SimulatedBlock::default()
        }],
        ..Simulation::default()
    };
    let brief = |at: Hash, simulation: &Simulation| {
        let input = simulation.encode();
        case.chain().call_briefly(at, names::QEVM_SIMULATE, &input).unwrap()
    };
    let briefly = |at: Hash, count: usize| brief(at, &messages(&[], count));
    // Its runtime may not be loaded yet.
    let none: Result<SimulationOutcome, EvmError> = case.ask(names::QEVM_SIMULATE, &messages(&[], 0));
    let none = Some(none.encode());
    // On a machine that is busy with something else it may take a while.
    let eventually = || {
        let start = Instant::now();
        while briefly(best, 0) != none {
            assert!(start.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    eventually();
    // What one call writes (PUSH0, SLOAD, PUSH1 1, ADD, DUP1, PUSH0, SSTORE, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN), the
    // next does not see, whose overlay it left.
    let counter = messages(
        &[
            0x5f, 0x54, 0x60, 1, 0x01, 0x80, 0x5f, 0x55, 0x5f, 0x52, 0x60, 32, 0x5f, 0xf3,
        ],
        2,
    );
    let without = messages(&[], 1);
    for simulation in [&counter, &without, &counter, &without] {
        let whole: Result<SimulationOutcome, EvmError> = case.ask(names::QEVM_SIMULATE, simulation);
        for message in &whole.as_ref().unwrap().blocks[0].messages {
            assert_eq!(message.as_ref().unwrap().status, EvmStatus::Success);
        }
        let start = Instant::now();
        let answer = loop {
            match brief(best, simulation) {
                None if start.elapsed() < Duration::from_secs(60) => std::thread::sleep(Duration::from_millis(20)),
                answer => break answer,
            }
        };
        assert_eq!(answer, Some(whole.encode()));
    }
    assert_eq!(briefly(parent, 0), None, "only the last block's is at hand");
    // JUMPDEST, PUSH0, JUMP until the gas is out, 200 times.
    let start = Instant::now();
    assert_eq!(brief(best, &messages(&[0x5b, 0x5f, 0x56], 200)), None, "seconds");
    let again = briefly(best, 0);
    assert!(
        again.is_none() || start.elapsed() > Duration::from_millis(200),
        "at once again"
    );
    eventually();
    // BLAKE2F of 2^23 rounds, one call of the host, which nothing ends: 213 bytes of input, whose first four are the rounds.
    let blake2f = [
        0x62, 0x80, 0, 0, 0x60, 0xe0, 0x1b, 0x5f, 0x52, 0x5f, 0x5f, 0x60, 213, 0x5f, 0x60, 9, 0x5a, 0xfa,
    ];
    let blake2f = messages(&blake2f, 1);
    assert_eq!(brief(best, &blake2f), None, "a long host call");
    let whole: Result<SimulationOutcome, EvmError> = case.ask(names::QEVM_SIMULATE, &blake2f);
    let gas = whole.unwrap().blocks[0].messages[0].as_ref().unwrap().gas_used;
    assert!(gas > 1 << 23, "{gas}: it was another call");
}
