//! Ethereum's methods over the fake node.

mod filters;
mod reading;
mod running;
mod traces;

use crate::fake::Fake;
use quids_core::{H256, Hash};
use serde_json::{Value, json};

pub fn hash(hash: Hash) -> Value {
    json!(format!("{hash:?}"))
}

/// The block of a height on the fake's chain, and its two transactions.
pub fn block(fake: &Fake, height: usize) -> (Hash, Vec<H256>) {
    let hash = fake.blocks.lock().unwrap()[height].header.hash();
    let transactions = fake.evm_of(hash).unwrap().transactions;
    (hash, transactions.iter().map(|transaction| transaction.hash).collect())
}
