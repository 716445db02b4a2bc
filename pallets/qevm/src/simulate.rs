//! Messages on a state that nobody keeps: `eth_call`, `eth_simulateV1`, state tests.

use crate::{
    CodeHashes, Config, Pallet, Slots,
    error::error,
    execute::Setting,
    state::{spec_from, to_balance},
};
use alloc::{format, vec::Vec};
use quids_api::evm::{
    BlockOverrides, DumpedAccount, EvmBlockEnv, EvmError, EvmErrorKind as Kind, SimulatedBlock, SimulatedOutcome,
    Simulation, SimulationOutcome, StateOverride,
};
use quids_core::{AccountId20, H160};

/// The most slots of a contract that an override may clear.
const CLEARED_SLOTS_MAX: u32 = 1 << 20;

impl<T: Config> Pallet<T> {
    /// Runs a simulation.
    pub fn simulate(simulation: Simulation) -> Result<SimulationOutcome, EvmError> {
        let mut base = Self::setting();
        base.checked = simulation.validate;
        base.pays_beneficiary = simulation.validate;
        if let Some(number) = simulation.spec {
            base.spec = spec_from(number)
                .ok_or_else(|| error(Kind::Request, format!("there is no hard fork with the number {number}")))?;
            // Ethereum's own rules, and nothing of this chain.
            base.quantum = false;
        }
        if let Some(chain_id) = simulation.chain_id {
            base.chain_id = chain_id;
        }
        let options = simulation.trace;
        let trace = (options != Default::default() || simulation.trace_transfers)
            .then_some((options, simulation.trace_transfers));
        let mut blocks = Vec::with_capacity(simulation.blocks.len());
        // What a message alone wrote, nobody looks at.
        let writes = simulation.dump
            || simulation
                .blocks
                .iter()
                .flat_map(|block| &block.messages)
                .nth(1)
                .is_some();
        for block in &simulation.blocks {
            let setting = Self::prepared(&mut base, block)?;
            let mut messages = Vec::with_capacity(block.messages.len());
            for message in &block.messages {
                messages.push(Self::execute(&setting, message, None, trace).map(|executed| {
                    if writes {
                        Self::commit(executed.changes, executed.tip, setting.spec);
                    }
                    executed.outcome
                }));
            }
            blocks.push(SimulatedOutcome {
                env: setting.env,
                messages,
            });
        }
        let accounts = if simulation.dump { Self::dump() } else { Vec::new() };
        Ok(SimulationOutcome { blocks, accounts })
    }

    /// The setting of a block of a simulation, with its overrides in the state. `base` keeps what later blocks share.
    pub(crate) fn prepared(base: &mut Setting, block: &SimulatedBlock) -> Result<Setting, EvmError> {
        for change in &block.state {
            if let Some(to) = change.move_precompile_to {
                base.moved.push((change.address, to));
            }
            Self::override_account(change)?;
        }
        overridden(&mut base.env, &block.block);
        base.block_hashes.extend_from_slice(&block.block.block_hashes);
        Ok(base.clone())
    }

    fn override_account(change: &StateOverride) -> Result<(), EvmError> {
        let address = change.address;
        let balance = match change.balance {
            None => None,
            Some(wanted) => Some(to_balance(wanted).ok_or_else(|| {
                error(
                    Kind::Request,
                    format!("a balance of {wanted} is more than an account can hold, 2^128 - 1"),
                )
            })?),
        };
        if balance.is_some() || change.nonce.is_some() || change.code.is_some() {
            Self::set_account(address, balance, change.nonce);
        }
        if let Some(code) = &change.code {
            Self::set_code(address, code);
        }
        let who = AccountId20(address.0);
        if change.clear_storage {
            Slots::<T>::clear_prefix(&who, CLEARED_SLOTS_MAX);
        }
        for (slot, value) in &change.storage {
            Self::put_slot(&who, *slot, crate::convert::word(*value));
        }
        Ok(())
    }

    fn dump() -> Vec<DumpedAccount> {
        pallet_system::Account::<T>::iter()
            .map(|(who, _)| {
                let address = H160(who.0);
                let account = Self::account(address);
                DumpedAccount {
                    address,
                    balance: account.balance,
                    nonce: account.nonce,
                    code: if CodeHashes::<T>::contains_key(&who) {
                        Self::code(address)
                    } else {
                        Vec::new()
                    },
                    storage: Slots::<T>::iter_prefix(&who, None).collect(),
                }
            })
            .collect()
    }
}

fn overridden(env: &mut EvmBlockEnv, by: &BlockOverrides) {
    let BlockOverrides {
        number,
        timestamp,
        beneficiary,
        gas_limit,
        base_fee,
        prevrandao,
        block_hashes: _,
    } = by;
    *env = EvmBlockEnv {
        number: number.unwrap_or(env.number),
        timestamp: timestamp.unwrap_or(env.timestamp),
        beneficiary: beneficiary.unwrap_or(env.beneficiary),
        gas_limit: gas_limit.unwrap_or(env.gas_limit),
        base_fee: base_fee.unwrap_or(env.base_fee),
        prevrandao: prevrandao.unwrap_or(env.prevrandao),
    };
}
