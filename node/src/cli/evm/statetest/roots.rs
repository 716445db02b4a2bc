//! Ethereum's state root and hash of logs.

use super::fixture;
use alloy_primitives::{B256, KECCAK256_EMPTY, U256, keccak256};
use alloy_rlp::Encodable;
use alloy_trie::{TrieAccount, root};
use quids_api::evm::{DumpedAccount, EvmLog};
use std::collections::BTreeMap;

/// Root of the secure trie of accounts. `keeps_empty`: whether accounts without nonce, balance and code are in it, as
/// before EIP-161.
pub fn state_root(accounts: &[DumpedAccount], keeps_empty: bool) -> B256 {
    let hashed = accounts.iter().filter_map(|account| {
        let balance = U256::from_limbs(account.balance.0);
        let is_empty = account.nonce == 0 && balance.is_zero() && account.code.is_empty();
        let slots = account
            .storage
            .iter()
            .map(|(slot, value)| (B256::from(slot.0), U256::from_be_bytes(value.0)));
        let leaf = leaf(account.nonce, balance, &account.code, slots);
        (keeps_empty || !is_empty).then(|| (keccak256(account.address.0), leaf))
    });
    root::state_root_unsorted(hashed)
}

/// Root of a test's state.
pub fn pre_state_root(accounts: &BTreeMap<fixture::Address, fixture::Account>) -> B256 {
    let hashed = accounts.iter().map(|(address, account)| {
        let slots = account
            .storage
            .iter()
            .map(|(slot, value)| (B256::from(slot.0), value.0));
        // A nonce of more than 64 bits is in no state that is executed.
        let nonce = account.nonce.0.saturating_to();
        (
            keccak256(address.0),
            leaf(nonce, account.balance.0, &account.code.0, slots),
        )
    });
    root::state_root_unsorted(hashed)
}

fn leaf(nonce: u64, balance: U256, code: &[u8], slots: impl Iterator<Item = (B256, U256)>) -> TrieAccount {
    let code_hash = if code.is_empty() {
        KECCAK256_EMPTY
    } else {
        keccak256(code)
    };
    TrieAccount {
        nonce,
        balance,
        storage_root: root::storage_root_unhashed(slots.filter(|(_, value)| !value.is_zero())),
        code_hash,
    }
}

/// Keccak-256 of the RLP of the logs.
pub fn logs_hash(logs: &[EvmLog]) -> B256 {
    let logs: Vec<alloy_primitives::Log> = logs
        .iter()
        .map(|log| {
            let topics = log.topics.iter().map(|topic| B256::from(topic.0)).collect();
            alloy_primitives::Log::new_unchecked(log.address.0.into(), topics, log.data.clone().into())
        })
        .collect();
    let mut bytes = Vec::new();
    logs.encode(&mut bytes);
    keccak256(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roots_of_nothing_are_known() {
        let empty = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
        assert_eq!(state_root(&[], false).to_string(), empty);
        let no_logs = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347";
        assert_eq!(logs_hash(&[]).to_string(), no_logs);
    }

    #[test]
    fn empty_accounts_are_in_the_root_only_before_eip_161() {
        let empty = DumpedAccount {
            address: quids_core::H160::repeat_byte(1),
            balance: quids_core::U256::zero(),
            nonce: 0,
            code: Vec::new(),
            storage: Vec::new(),
        };
        let accounts = [empty];
        assert_eq!(state_root(&accounts, false), state_root(&[], false));
        assert_ne!(state_root(&accounts, true), state_root(&[], true));
    }
}
