//! prestateTracer: the accounts that an execution touched, before it or before and after.

use super::text::Text;
use quids_api::evm::{AccountSnapshot, TracedAccount};
use quids_core::H256;

/// What to show of an account.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    pub code: bool,
    pub storage: bool,
}

/// All accounts as they were before.
pub fn before(text: &mut Text, accounts: &[TracedAccount], shown: Shown) {
    text.open("{");
    for account in accounts {
        let empty = AccountSnapshot::default();
        let state = account.before.as_ref().unwrap_or(&empty);
        text.name(&name(account));
        text.open("{");
        text.name("balance");
        text.quantity(state.balance);
        nonce_and_code(text, state, shown);
        storage(
            text,
            account.storage.iter().map(|(slot, before, _)| (slot, before)),
            shown,
        );
        text.close("}");
    }
    text.close("}");
}

fn name(account: &TracedAccount) -> String {
    crate::json::hex(&account.address.0)
}

fn nonce_and_code(text: &mut Text, state: &AccountSnapshot, shown: Shown) {
    if state.nonce != 0 {
        text.name("nonce");
        text.number(state.nonce);
    }
    if shown.code && !state.code.is_empty() {
        text.name("code");
        text.bytes(&state.code);
    }
}

fn storage<'a>(text: &mut Text, slots: impl Iterator<Item = (&'a H256, &'a H256)>, shown: Shown) {
    let mut slots = slots.peekable();
    if !shown.storage || slots.peek().is_none() {
        return;
    }
    text.name("storage");
    text.open("{");
    for (slot, value) in slots {
        text.name(&crate::json::hex(&slot.0));
        text.bytes(value);
    }
    text.close("}");
}

/// What changed: before and after.
pub fn difference(text: &mut Text, accounts: &[TracedAccount], shown: Shown) {
    let changed = || accounts.iter().filter(|account| is_changed(account));
    text.open("{");
    text.name("post");
    text.open("{");
    for account in changed() {
        if let Some(after) = &account.after {
            text.name(&name(account));
            changes(text, account, after, shown);
        }
    }
    text.close("}");
    text.name("pre");
    text.open("{");
    for account in changed() {
        if let Some(before) = &account.before {
            text.name(&name(account));
            text.open("{");
            text.name("balance");
            text.quantity(before.balance);
            nonce_and_code(text, before, shown);
            storage(
                text,
                changed_slots(account)
                    .filter(|(_, before, _)| !before.is_zero())
                    .map(first),
                shown,
            );
            text.close("}");
        }
    }
    text.close("}");
    text.close("}");
}

fn is_changed(account: &TracedAccount) -> bool {
    account.before != account.after || changed_slots(account).next().is_some()
}

fn changed_slots(account: &TracedAccount) -> impl Iterator<Item = &(H256, H256, H256)> {
    account.storage.iter().filter(|(_, before, after)| before != after)
}

const fn first((slot, before, _): &(H256, H256, H256)) -> (&H256, &H256) {
    (slot, before)
}

/// The fields of an account that are different now.
fn changes(text: &mut Text, account: &TracedAccount, after: &AccountSnapshot, shown: Shown) {
    let before = account.before.clone().unwrap_or_default();
    text.open("{");
    if before.balance != after.balance {
        text.name("balance");
        text.quantity(after.balance);
    }
    if before.nonce != after.nonce {
        text.name("nonce");
        text.number(after.nonce);
    }
    if shown.code && before.code != after.code {
        text.name("code");
        text.bytes(&after.code);
    }
    let now = changed_slots(account).filter(|(_, _, after)| !after.is_zero());
    storage(text, now.map(|(slot, _, after)| (slot, after)), shown);
    text.close("}");
}
