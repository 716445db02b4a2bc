//! Our side: the runtime, natively compiled or as WASM, through its simulation API.

use super::{
    outcome::{Account, Aftermath, Ended, Outcome},
    world::{BASE_FEE, BENEFICIARY, CHAIN_ID, GAS_LIMIT, NUMBER, PREVRANDAO, TIMESTAMP, World},
};
use codec::{DecodeAll, Encode};
use quids_api::{
    evm::{
        BlockOverrides, CallKind, EvmError, EvmStatus, SimulatedBlock, Simulation, SimulationOutcome, StateOverride,
        TraceOptions,
    },
    names,
};
use quids_core::{H256, U256};
use quids_io::MemoryExternalities;

/// Runs the simulation API on a state.
pub type Call<'a> = &'a mut dyn FnMut(&mut MemoryExternalities, &[u8]) -> Vec<u8>;

/// The same code as in the WASM, compiled for this machine.
pub fn native(state: &mut MemoryExternalities, input: &[u8]) -> Vec<u8> {
    state
        .execute_with(|| quids_runtime::call(names::QEVM_SIMULATE, input))
        .expect("the runtime simulates")
}

pub fn run(world: &World, call: Call<'_>) -> Aftermath {
    let answer = simulated(world, TraceOptions::default(), call);
    let outcomes = answer.blocks[0].messages.iter().map(|message| match message {
        Err(_) => Outcome {
            ended: Ended::Refused,
            gas_used: 0,
            output: Vec::new(),
            contract: None,
            logs: Vec::new(),
        },
        Ok(outcome) => Outcome {
            ended: ended(outcome.status),
            gas_used: outcome.gas_used,
            output: outcome.output.clone(),
            contract: outcome.contract_address,
            logs: outcome.logs.clone(),
        },
    });
    let accounts = answer.accounts.into_iter().map(|account| {
        let slots = account.storage.into_iter().filter(|(_, value)| !value.is_zero());
        let kept = Account {
            balance: account.balance,
            nonce: account.nonce,
            code: account.code,
            storage: slots.collect(),
        };
        (account.address, kept)
    });
    Aftermath::new(outcomes.collect(), accounts)
}

/// How the frames of each transaction ended, as [`super::reference::frames`]. A trace that is too long has only its
/// beginning: what is missing is taken from `expected`.
pub fn frames(world: &World, expected: &[Vec<Ended>], call: Call<'_>) -> Vec<Vec<Ended>> {
    let options = TraceOptions {
        calls: true,
        ..TraceOptions::default()
    };
    let answer = simulated(world, options, call);
    let messages = answer.blocks[0].messages.iter().zip(expected);
    let frames = messages.map(|(message, expected)| {
        let Ok(outcome) = message else { return Vec::new() };
        let trace = outcome.trace.as_ref().expect("a trace was asked for");
        let frames = trace.calls.iter().filter(|frame| frame.kind != CallKind::SelfDestruct);
        let mut frames: Vec<Ended> = frames.map(|frame| ended(frame.status)).collect();
        if trace.truncated {
            frames.extend(expected.iter().skip(frames.len()));
        }
        frames
    });
    frames.collect()
}

fn ended(status: EvmStatus) -> Ended {
    match status {
        EvmStatus::Success => Ended::Success,
        EvmStatus::Revert => Ended::Revert,
        EvmStatus::Halt(halt) => Ended::Halt(halt),
    }
}

fn simulated(world: &World, trace: TraceOptions, call: Call<'_>) -> SimulationOutcome {
    let state = world.accounts.iter().map(|account| StateOverride {
        address: account.address,
        balance: Some(U256::from(account.balance)),
        nonce: Some(account.nonce),
        code: Some(account.code.clone()),
        clear_storage: true,
        storage: account.storage.clone(),
        move_precompile_to: None,
    });
    let hash = |number: u64| (number, H256(quids_crypto::keccak_256(number.to_string().as_bytes())));
    let simulation = Simulation {
        spec: Some(world.spec),
        chain_id: Some(CHAIN_ID),
        blocks: vec![SimulatedBlock {
            block: BlockOverrides {
                number: Some(NUMBER),
                timestamp: Some(TIMESTAMP),
                beneficiary: Some(BENEFICIARY),
                gas_limit: Some(GAS_LIMIT),
                base_fee: Some(BASE_FEE.into()),
                prevrandao: Some(PREVRANDAO),
                block_hashes: (NUMBER - 256..NUMBER).map(hash).collect(),
            },
            state: state.collect(),
            messages: world.messages.clone(),
        }],
        validate: true,
        trace,
        dump: true,
        ..Simulation::default()
    };
    let output = call(&mut MemoryExternalities::default(), &simulation.encode());
    <Result<SimulationOutcome, EvmError>>::decode_all(&mut output.as_slice())
        .expect("the answer decodes")
        .expect("the simulation is possible")
}
