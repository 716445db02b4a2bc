//! Ether that moves, as logs.

use super::{
    budget::Budget,
    calls::{Beginning, LOG_BYTES},
};
use crate::convert;
use alloc::vec::Vec;
use quids_api::evm::{CallKind, EvmLog};
use quids_core::{H160, H256};
use revm::primitives::{Address, Log, U256 as Word};

/// What `eth_simulateV1` shows of ether that moves: logs of ERC-20's form, in order with the others.
#[derive(Default)]
pub(super) struct Transfers {
    logs: Vec<EvmLog>,
    /// How many there were when each open frame began.
    open: Vec<usize>,
}

/// Who seems to log them.
const ETHER: H160 = H160([0xee; 20]);
/// Keccak-256 of `Transfer(address,address,uint256)`.
const TRANSFER: [u8; 32] = [
    0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95, 0x2b, 0xa7,
    0xf1, 0x63, 0xc4, 0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef,
];

impl Transfers {
    pub(super) fn begin(&mut self, beginning: &Beginning, budget: &mut Budget) {
        self.open.push(self.logs.len());
        if matches!(beginning.kind, CallKind::Call | CallKind::Create | CallKind::Create2) {
            self.moved(beginning.from, beginning.to, beginning.value, budget);
        }
    }

    /// What a failed frame logged, its own transfer included, did not happen.
    pub(super) fn end(&mut self, has_succeeded: bool) {
        if let Some(before) = self.open.pop()
            && !has_succeeded
        {
            self.logs.truncate(before);
        }
    }

    pub(super) fn moved(&mut self, from: Address, to: Address, value: Word, budget: &mut Budget) {
        if value.is_zero() || !budget.take(LOG_BYTES) {
            return;
        }
        self.logs.push(EvmLog {
            address: ETHER,
            topics: [H256(TRANSFER), convert::h160(from).into(), convert::h160(to).into()].to_vec(),
            data: value.to_be_bytes::<32>().to_vec(),
        });
    }

    pub(super) fn log(&mut self, log: &Log, budget: &mut Budget) {
        if budget.take(LOG_BYTES.saturating_add(log.data.data.len())) {
            self.logs.push(convert::log(log.clone()));
        }
    }

    pub(super) fn finish(self) -> Vec<EvmLog> {
        self.logs
    }
}
