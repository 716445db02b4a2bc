//! A random state and random transactions on it, all from one row of bytes.

use super::{
    dice::Dice,
    program::{deployer, program},
};
use quids_api::evm::{AccessListItem, Authorization, EvmMessage};
use quids_core::{H160, H256, U256};

/// revm's number of the newest fork that the chain admits: Osaka.
pub const SPEC_MAX: u8 = 13;
const BERLIN: u8 = 7;
const LONDON: u8 = 8;
const PRAGUE: u8 = 12;

const fn somebody(kind: u8, number: u8) -> [u8; 20] {
    let mut address = [kind; 20];
    address[19] = number;
    address
}

/// Who programs know: two accounts with keys, five contracts, one account that is not there.
pub const ADDRESSES: [[u8; 20]; 8] = [
    somebody(0xa0, 0),
    somebody(0xa0, 1),
    somebody(0xc0, 0),
    somebody(0xc0, 1),
    somebody(0xc0, 2),
    somebody(0xc0, 3),
    somebody(0xc0, 4),
    somebody(0xd0, 0),
];
const SENDERS: usize = 2;
/// Which of them are contracts.
pub const CONTRACTS: std::ops::Range<usize> = 2..7;
/// Who gets the tips.
pub const BENEFICIARY: H160 = H160(somebody(0xb0, 0));
pub const BASE_FEE: u64 = 7;
pub const GAS_LIMIT: u64 = 30_000_000;
pub const NUMBER: u64 = 300;
pub const TIMESTAMP: u64 = 1_800_000_000;
pub const CHAIN_ID: u64 = 1;
/// As from a parent block.
pub const PREVRANDAO: H256 = H256([0x77; 32]);

/// An account before.
#[derive(Clone, Debug)]
pub struct Account {
    pub address: H160,
    pub balance: u128,
    pub nonce: u64,
    pub code: Vec<u8>,
    pub storage: Vec<(H256, H256)>,
}

/// What both sides run.
#[derive(Clone, Debug)]
pub struct World {
    pub spec: u8,
    pub accounts: Vec<Account>,
    pub messages: Vec<EvmMessage>,
}

impl World {
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let dice = &mut Dice::new(bytes);
        // Mostly what chains run.
        let spec = if dice.once_in(3) {
            dice.below(u64::from(SPEC_MAX) + 1) as u8
        } else {
            SPEC_MAX - dice.below(3) as u8
        };
        let mut accounts: Vec<Account> = (0..SENDERS).map(|index| sender(index, dice)).collect();
        accounts.extend(CONTRACTS.map(|index| contract(index, spec, dice)));
        let mut nonces = [accounts[0].nonce, accounts[1].nonce];
        let count = 1 + dice.below(4);
        let messages = (0..count).map(|_| message(spec, &mut nonces, dice)).collect();
        Self {
            spec,
            accounts,
            messages,
        }
    }
}

fn sender(index: usize, dice: &mut Dice<'_>) -> Account {
    Account {
        address: H160(ADDRESSES[index]),
        balance: if dice.once_in(20) { 1_000_000 } else { 10u128.pow(20) },
        nonce: dice.below(3),
        code: Vec::new(),
        storage: Vec::new(),
    }
}

fn contract(index: usize, spec: u8, dice: &mut Dice<'_>) -> Account {
    let code = if spec >= PRAGUE && dice.once_in(8) {
        // An account that delegates (EIP-7702).
        [&[0xef, 0x01, 0x00], &dice.pick(&ADDRESSES)[..]].concat()
    } else {
        program(dice, 1)
    };
    let slots = dice.below(4) as u8;
    Account {
        address: H160(ADDRESSES[index]),
        balance: u128::from(dice.byte()),
        nonce: 1,
        code,
        storage: (0..slots).map(|slot| (word(slot), word(dice.byte().max(1)))).collect(),
    }
}

fn word(number: u8) -> H256 {
    let mut word = [0; 32];
    word[31] = number;
    H256(word)
}

fn message(spec: u8, nonces: &mut [u64; SENDERS], dice: &mut Dice<'_>) -> EvmMessage {
    let from = dice.below(SENDERS as u64) as usize;
    let transaction_type = match dice.below(4) {
        1 if spec >= BERLIN => 1,
        2 if spec >= LONDON => 2,
        3 if spec >= PRAGUE => 4,
        // Now and then one that the fork does not have.
        0 if dice.once_in(30) => dice.pick(&[1, 2, 4]),
        _ => 0,
    };
    let creates = dice.once_in(6) && transaction_type != 4;
    let nonce = match dice.below(30) {
        0 => nonces[from] + 1,
        1 => nonces[from].saturating_sub(1),
        _ => nonces[from],
    };
    // Right if this one gets through.
    nonces[from] += 1;
    let input = if creates {
        let runtime = program(dice, 1);
        if dice.once_in(3) { runtime } else { deployer(&runtime) }
    } else {
        let length = dice.below(100) as usize;
        dice.bytes(length)
    };
    let price = u128::from(BASE_FEE) + u128::from(dice.byte() % 16) - u128::from(dice.once_in(20)) * 7;
    let lists = transaction_type != 0;
    EvmMessage {
        transaction_type,
        from: H160(ADDRESSES[from]),
        to: (!creates).then(|| {
            H160(if dice.once_in(8) {
                dice.pick(&ADDRESSES)
            } else {
                ADDRESSES[2 + dice.below(5) as usize]
            })
        }),
        nonce: Some(nonce),
        value: if dice.once_in(3) {
            U256::from(dice.byte())
        } else {
            U256::zero()
        },
        input,
        gas_limit: match dice.below(8) {
            0 => 20_000 + dice.below(10_000),
            1 | 2 => 40_000 + dice.below(60_000),
            3 => 17_000_000,
            _ => 2_000_000,
        },
        max_fee_per_gas: price,
        max_priority_fee_per_gas: (transaction_type >= 2).then(|| u128::from(dice.byte() % 8)),
        access_list: if lists {
            (0..dice.below(3)).map(|_| access(dice)).collect()
        } else {
            Vec::new()
        },
        authorizations: if transaction_type == 4 {
            (0..dice.below(4)).map(|_| authorization(nonces, dice)).collect()
        } else {
            Vec::new()
        },
        ..EvmMessage::default()
    }
}

fn access(dice: &mut Dice<'_>) -> AccessListItem {
    AccessListItem {
        address: H160(dice.pick(&ADDRESSES)),
        storage_keys: (0..dice.below(4)).map(|_| word(dice.byte() % 4)).collect(),
    }
}

fn authorization(nonces: &[u64; SENDERS], dice: &mut Dice<'_>) -> Authorization {
    let who = dice.below(ADDRESSES.len() as u64) as usize;
    Authorization {
        chain_id: U256::from(dice.pick(&[0, CHAIN_ID, CHAIN_ID, 5])),
        address: H160(if dice.once_in(6) {
            [0; 20]
        } else {
            dice.pick(&ADDRESSES)
        }),
        nonce: match dice.below(3) {
            0 => 0,
            1 => 1,
            _ => nonces.get(who).copied().unwrap_or_default(),
        },
        authority: (!dice.once_in(8)).then(|| H160(ADDRESSES[who])),
    }
}
