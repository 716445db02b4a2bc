//! Between the types of the chain and revm's, which are the same bytes.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Log, U256 as EvmU256};
use quids_api::evm::EvmLog;
use quids_core::{AccountId20, H160, H256, U256};

pub fn address(of: H160) -> Address {
    Address::from(of.0)
}

pub fn h160(of: Address) -> H160 {
    H160(of.into_array())
}

pub fn account(of: Address) -> AccountId20 {
    AccountId20(of.into_array())
}

pub fn b256(of: H256) -> B256 {
    B256::from(of.0)
}

pub fn h256(of: B256) -> H256 {
    H256(of.0)
}

pub fn u256(of: U256) -> EvmU256 {
    EvmU256::from_limbs(of.0)
}

pub fn amount(of: EvmU256) -> U256 {
    U256(of.into_limbs())
}

pub fn slot(of: EvmU256) -> H256 {
    H256(of.to_be_bytes())
}

pub fn word(of: H256) -> EvmU256 {
    EvmU256::from_be_bytes(of.0)
}

pub fn log(of: Log) -> EvmLog {
    EvmLog {
        address: h160(of.address),
        topics: of.topics().iter().copied().map(h256).collect(),
        data: of.data.data.to_vec(),
    }
}

pub fn logs(of: Vec<Log>) -> Vec<EvmLog> {
    of.into_iter().map(log).collect()
}
