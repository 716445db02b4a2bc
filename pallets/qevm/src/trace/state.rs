//! Accounts that a transaction touched, before and after, from the journal's final state.

use super::budget::Budget;
use crate::convert;
use alloc::vec::Vec;
use quids_api::evm::{AccountSnapshot, TracedAccount};
use quids_core::H256;
use revm::{
    primitives::{B256, KECCAK_EMPTY},
    state::{Account, AccountInfo, EvmState},
};

/// Of an account beyond its code and slots.
const ACCOUNT_BYTES: usize = 160;
/// Of a slot: key, before, after.
const SLOT_BYTES: usize = 96;

/// All accounts that were loaded, by address. `code_of` finds code by its hash where the journal did not need it.
pub(super) fn accounts(
    state: &EvmState,
    mut code_of: impl FnMut(B256) -> Vec<u8>,
    budget: &mut Budget,
) -> Vec<TracedAccount> {
    let mut accounts: Vec<_> = state.iter().collect();
    accounts.sort_unstable_by_key(|(address, _)| **address);
    let mut traced = Vec::with_capacity(accounts.len());
    for (address, account) in accounts {
        let slots = account.storage.len().saturating_mul(SLOT_BYTES);
        if !budget.take(ACCOUNT_BYTES.saturating_add(slots)) {
            break;
        }
        let is_destroyed = account.is_selfdestructed();
        let before = snapshot(&account.original_info(), account, &mut code_of);
        let after = match is_destroyed {
            true => None,
            false => snapshot(&account.info, account, &mut code_of),
        };
        let code = [&before, &after].map(|snapshot| snapshot.as_ref().map_or(0, |snapshot| snapshot.code.len()));
        if !budget.take(code.iter().fold(0, |sum: usize, bytes| sum.saturating_add(*bytes))) {
            break;
        }
        traced.push(TracedAccount {
            address: convert::h160(*address),
            before,
            after,
            storage: slots_of(account, is_destroyed),
        });
    }
    traced
}

fn slots_of(account: &Account, is_destroyed: bool) -> Vec<(H256, H256, H256)> {
    let mut slots: Vec<_> = account
        .storage
        .iter()
        .map(|(key, slot)| {
            let after = match is_destroyed {
                true => H256::zero(),
                false => convert::slot(slot.present_value),
            };
            (convert::slot(*key), convert::slot(slot.original_value), after)
        })
        .collect();
    slots.sort_unstable();
    slots
}

/// `None` for an account that is empty: it is not there (EIP-161).
fn snapshot(
    info: &AccountInfo,
    account: &Account,
    code_of: &mut impl FnMut(B256) -> Vec<u8>,
) -> Option<AccountSnapshot> {
    if info.is_empty() {
        return None;
    }
    let is_current = info.code_hash == account.info.code_hash;
    let code = info
        .code
        .as_ref()
        .or_else(|| account.info.code.as_ref().filter(|_| is_current));
    Some(AccountSnapshot {
        balance: convert::amount(info.balance),
        nonce: info.nonce,
        code: match code {
            _ if info.code_hash == KECCAK_EMPTY || info.code_hash.is_zero() => Vec::new(),
            Some(code) => code.original_byte_slice().to_vec(),
            None => code_of(info.code_hash),
        },
    })
}
