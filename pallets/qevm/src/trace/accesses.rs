//! Accounts and slots that opcodes touch, as an access list names them (EIP-2930).

use super::budget::Budget;
use crate::convert;
use alloc::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    vec::Vec,
};
use quids_api::evm::AccessListItem;
use quids_core::H256;
use revm::{
    bytecode::opcode,
    interpreter::{
        Interpreter,
        interpreter_types::{InputsTr, StackTr},
    },
    primitives::Address,
};

/// Of an address or a slot, with what finds it again.
const ENTRY_BYTES: usize = 96;

/// In the order of first touch; nothing is left out, not even the sender and precompiles.
#[derive(Default)]
pub(super) struct Accesses {
    items: Vec<AccessListItem>,
    places: BTreeMap<Address, (usize, BTreeSet<H256>)>,
}

impl Accesses {
    pub(super) fn step(&mut self, op: u8, interpreter: &Interpreter, budget: &mut Budget) {
        let stack = StackTr::data(&interpreter.stack);
        let from_top = |depth: usize| stack.len().checked_sub(depth).and_then(|at| stack.get(at)).copied();
        match op {
            opcode::SLOAD | opcode::SSTORE => {
                if let Some(key) = from_top(1) {
                    let contract = interpreter.input.target_address();
                    self.slot(contract, convert::slot(key), budget);
                }
            }
            opcode::BALANCE
            | opcode::EXTCODECOPY
            | opcode::EXTCODEHASH
            | opcode::EXTCODESIZE
            | opcode::SELFDESTRUCT => {
                if let Some(word) = from_top(1) {
                    self.account(Address::from_word(word.into()), budget);
                }
            }
            opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL => {
                if let Some(word) = from_top(2) {
                    self.account(Address::from_word(word.into()), budget);
                }
            }
            _ => {}
        }
    }

    fn account(&mut self, address: Address, budget: &mut Budget) -> Option<&mut (usize, BTreeSet<H256>)> {
        match self.places.entry(address) {
            Entry::Occupied(entry) => Some(entry.into_mut()),
            Entry::Vacant(entry) if budget.take(ENTRY_BYTES) => {
                let place = self.items.len();
                self.items.push(AccessListItem {
                    address: convert::h160(address),
                    storage_keys: Vec::new(),
                });
                Some(entry.insert((place, BTreeSet::new())))
            }
            Entry::Vacant(_) => None,
        }
    }

    fn slot(&mut self, contract: Address, key: H256, budget: &mut Budget) {
        let Some((place, known)) = self.account(contract, budget) else {
            return;
        };
        if known.contains(&key) || !budget.take(ENTRY_BYTES) {
            return;
        }
        known.insert(key);
        let place = *place;
        if let Some(item) = self.items.get_mut(place) {
            item.storage_keys.push(key);
        }
    }

    pub(super) fn finish(self) -> Vec<AccessListItem> {
        self.items
    }
}
