//! The reference: revm compiled for this machine, over its database in memory.

use super::{BASE_FEE, CHAIN_ID, GAS_LIMIT};
use crate::Result;
use alloy_primitives::{Address, TxKind, U256};
use quids_api::evm::EvmMessage;
use quids_core::H160;
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::result::{ExecutionResult, Output},
    database::InMemoryDB,
    primitives::hardfork::SpecId,
    state::AccountInfo,
};

/// What came of a message.
#[derive(Debug)]
pub struct Done {
    pub gas_used: u64,
    pub contract: Option<Address>,
}

/// A state with these accounts, which are rich.
pub fn state_of(senders: &[H160]) -> InMemoryDB {
    let mut state = InMemoryDB::default();
    for sender in senders {
        let balance = U256::from(super::BALANCE);
        state.insert_account_info(Address::from(sender.0), AccountInfo::from_balance(balance));
    }
    state
}

/// Runs messages, each as a transaction of its own. An error if one fails.
pub fn run(state: &mut InMemoryDB, messages: &[EvmMessage]) -> Result<Vec<Done>> {
    let mut evm = Context::mainnet()
        .with_db(state)
        .with_cfg(CfgEnv::new_with_spec(SpecId::OSAKA).with_chain_id(CHAIN_ID))
        .with_block(BlockEnv {
            number: U256::from(1),
            timestamp: U256::from(super::TIMESTAMP),
            gas_limit: GAS_LIMIT,
            basefee: BASE_FEE,
            ..BlockEnv::default()
        })
        .build_mainnet();
    let run = |message: &EvmMessage| {
        let result = evm
            .transact_commit(transaction(message))
            .map_err(|error| format!("revm refuses: {error:?}"))?;
        let gas_used = result.tx_gas_used();
        match result {
            ExecutionResult::Success { output, .. } => Ok(Done {
                gas_used,
                contract: match output {
                    Output::Create(_, made) => made,
                    Output::Call(_) => None,
                },
            }),
            other => Err(format!("a message fails in revm: {other:?}").into()),
        }
    };
    messages.iter().map(run).collect()
}

fn transaction(message: &EvmMessage) -> TxEnv {
    TxEnv {
        tx_type: message.transaction_type,
        caller: Address::from(message.from.0),
        gas_limit: message.gas_limit,
        gas_price: message.max_fee_per_gas,
        gas_priority_fee: message.max_priority_fee_per_gas,
        kind: message
            .to
            .map_or(TxKind::Create, |to| TxKind::Call(Address::from(to.0))),
        value: U256::from_limbs(message.value.0),
        data: message.input.clone().into(),
        nonce: message.nonce.unwrap_or_default(),
        chain_id: Some(CHAIN_ID),
        ..TxEnv::default()
    }
}
