//! The block around the EVM: what it gives to executions, its base fee, its end.

use crate::{
    BaseFee, BlockBaseFee, ChainId, Config, Forks, GasUsed, GenesisConfig, Pallet, Transactions, state::spec_from,
};
use alloc::{string::ToString, vec::Vec};
use quids_api::evm::{EvmBlock, EvmBlockEnv, EvmChain};
use quids_core::{AccountId20, H160, H256};
use quids_support::traits::{Get, UnixTime};
use revm::primitives::hardfork::SpecId;

/// The development chain's id (EIP-155): "QU".
pub const DEVELOPMENT_CHAIN_ID: u64 = 0x5155;
/// In force unless the state says otherwise.
pub const NEWEST: SpecId = SpecId::OSAKA;
/// EIP-7825.
const TRANSACTION_GAS_MAX: u64 = 1 << 24;
/// Keyed apart from every other BLAKE3 use.
const PREVRANDAO: &[u8] = b"quids 2026 prevrandao v1";
/// What the post-quantum precompiles have as code, so that Solidity takes them for contracts: it reverts.
const PRECOMPILE_CODE: [u8; 5] = [0x60, 0x00, 0x60, 0x00, 0xfd];

impl<T: Config> Pallet<T> {
    /// Starts a block: its base fee, no gas used, no transactions.
    pub(crate) fn begin_block() {
        BlockBaseFee::<T>::put(Self::next_base_fee());
        GasUsed::<T>::kill();
        Transactions::<T>::kill();
    }

    /// Ends a block.
    #[expect(clippy::panic, reason = "a panic is how a runtime calls a block invalid")]
    pub(crate) fn end_block() {
        let (used, limit) = (GasUsed::<T>::get(), T::BlockGasLimit::get());
        if used > u128::from(limit) {
            panic!("invalid block: its transactions use {used} gas, at most {limit} is allowed");
        }
    }

    /// Of the block after the one whose state this is.
    pub fn next_base_fee() -> u128 {
        let used = u64::try_from(GasUsed::<T>::get()).unwrap_or(u64::MAX);
        match BlockBaseFee::<T>::get() {
            Some(base_fee) => T::BaseFee::next(base_fee, used, T::BlockGasLimit::get()),
            None => T::BaseFee::initial(),
        }
    }

    /// The chain's id (EIP-155).
    pub fn chain_id() -> u64 {
        match ChainId::<T>::get() {
            0 => DEVELOPMENT_CHAIN_ID,
            id => id,
        }
    }

    /// The hard fork at a height.
    pub fn spec_at(height: u64) -> SpecId {
        Forks::<T>::get()
            .iter()
            .rev()
            .find(|(from, _)| *from <= height)
            .and_then(|(_, number)| spec_from(*number))
            .unwrap_or(NEWEST)
    }

    /// Whether these are known forks at ascending heights.
    pub(crate) fn are_forks(forks: &[(u64, u8)]) -> bool {
        forks
            .iter()
            .all(|(_, number)| spec_from(*number).is_some_and(|spec| spec <= NEWEST))
            && forks.is_sorted_by(|a, b| a.0 < b.0)
    }

    /// What the block in execution gives to the EVM; between blocks, the last one.
    pub fn env() -> EvmBlockEnv {
        let parent = pallet_system::ParentHash::<T>::get();
        EvmBlockEnv {
            number: pallet_system::Number::<T>::get().0.into(),
            timestamp: T::Time::now_ms().checked_div(1000).unwrap_or(0),
            beneficiary: T::Author::get().map_or(H160::zero(), |AccountId20(bytes)| H160(bytes)),
            gas_limit: T::BlockGasLimit::get(),
            base_fee: BlockBaseFee::<T>::get().unwrap_or_else(T::BaseFee::initial),
            prevrandao: prevrandao(parent),
        }
    }

    /// The chain as Ethereum's tools see it.
    pub fn chain() -> EvmChain {
        let height = u64::from(pallet_system::Number::<T>::get().0).saturating_add(1);
        let spec = Self::spec_at(height);
        let limit = T::BlockGasLimit::get();
        EvmChain {
            chain_id: Self::chain_id(),
            spec: spec as u8,
            gas_limit: limit,
            transaction_gas_limit: if spec.is_enabled_in(SpecId::OSAKA) {
                TRANSACTION_GAS_MAX.min(limit)
            } else {
                limit
            },
            base_fee: Self::next_base_fee(),
            legacy_signatures: pallet_system::Pallet::<T>::phase().admits_legacy(),
            precompiles: T::Precompiles::get()
                .entries()
                .into_iter()
                .map(|(name, address)| (name.to_string(), address))
                .collect(),
        }
    }

    /// The block whose state this is.
    pub fn block() -> EvmBlock {
        let mut transactions = Transactions::<T>::get();
        let mut cumulative = 0u64;
        for transaction in &mut transactions {
            cumulative = cumulative.saturating_add(transaction.receipt.gas_used);
            transaction.receipt.cumulative_gas_used = cumulative;
        }
        EvmBlock {
            env: Self::env(),
            gas_used: cumulative,
            transactions,
        }
    }

    /// # Panics
    /// If a fork is unknown, or a code or slot is no hex.
    #[expect(clippy::panic, reason = "a wrong genesis must not become a chain")]
    pub(crate) fn build_genesis(config: &GenesisConfig) {
        if !Self::are_forks(&config.forks) {
            panic!(
                "genesis names unknown hard forks, or not in the order of their heights: {:?}",
                config.forks
            );
        }
        ChainId::<T>::put(if config.chain_id == 0 {
            DEVELOPMENT_CHAIN_ID
        } else {
            config.chain_id
        });
        if !config.forks.is_empty() {
            crate::Forks::<T>::put(config.forks.clone());
        }
        for (_, address) in T::Precompiles::get().entries() {
            Self::set_account(address, None, Some(1));
            Self::set_code(address, &PRECOMPILE_CODE);
        }
        for contract in &config.contracts {
            let address = H160(contract.address.0);
            let code = unhex(&contract.code).unwrap_or_else(|| panic!("the code of {address:?} in genesis is no hex"));
            Self::set_account(address, None, Some(1));
            Self::set_code(address, &code);
            for (slot, value) in &contract.storage {
                let (Some(slot), Some(value)) = (unhex32(slot), unhex32(value)) else {
                    panic!("slot {slot} of {address:?} in genesis is not 32 bytes of hex, or its value {value}");
                };
                Self::put_slot(&contract.address, slot, crate::convert::word(value));
            }
        }
        // Genesis is a state, not something that happened.
        pallet_system::Events::<T>::kill();
    }
}

/// Known to the block's author beforehand, and no source of chance where that matters.
fn prevrandao(parent: H256) -> H256 {
    H256(quids_io::hashing::blake3_256(&[PREVRANDAO, parent.as_bytes()].concat()))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    alloy_primitives::hex::decode(text).ok()
}

fn unhex32(text: &str) -> Option<H256> {
    unhex(text)?.try_into().ok().map(H256)
}
