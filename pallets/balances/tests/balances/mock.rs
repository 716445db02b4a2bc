//! A runtime of system and balances, with an existential deposit that tests choose.

use pallet_balances::FeeSchedule;
use quids_core::{AUTHOR_ENGINE_ID, AccountId20, Balance, Digest, DigestItem, Hash, Height, Weight};
use quids_support::{constant, construct_runtime, limits::BlockLimits, system::SystemPort};
use quids_testing::{RecentHashes, TestExternalities, Version, account, test_runtime};
use std::cell::Cell;

construct_runtime! {
    /// A test runtime.
    pub struct Runtime {
        System: pallet_system = 0,
        Balances: pallet_balances = 1,
    }
}

test_runtime!(Runtime);

pub const ALICE: AccountId20 = account(1);
pub const BOB: AccountId20 = account(2);
pub const AUTHOR: AccountId20 = account(4);

thread_local! {
    static DEPOSIT: Cell<u128> = const { Cell::new(0) };
}

constant!(pub Limits: BlockLimits = BlockLimits {
    max_weight: Weight::new(1_000_000_000_000, 1_000_000),
    normal_percent: 75,
    base_extrinsic: Weight::new(1_000_000, 10),
    base_block: Weight::ZERO,
    max_length: 1 << 20,
    max_extrinsic_length: 1 << 18,
});
constant!(pub ExistentialDeposit: Balance = Balance(DEPOSIT.get()));
constant!(pub Fees: FeeSchedule = FeeSchedule {
    base: Balance(100),
    per_byte: Balance(2),
    per_microsecond: Balance(3),
    per_proof_byte: Balance(5),
});

impl pallet_system::Config for Runtime {
    type BlockLimits = Limits;
    type BlockHashCount = RecentHashes;
    type Version = Version;
    type Observers = ();
}

impl pallet_balances::Config for Runtime {
    type ExistentialDeposit = ExistentialDeposit;
    type Fees = Fees;
}

/// The first block after a genesis with these balances.
pub fn first_block(deposit: u128, balances: &[(AccountId20, u128)]) -> TestExternalities<Runtime> {
    DEPOSIT.set(deposit);
    let mut state = TestExternalities::genesis(|genesis: &mut RuntimeGenesisConfig| {
        genesis.balances.balances = balances.iter().map(|(who, amount)| (*who, Balance(*amount))).collect();
    });
    state.execute_with(|| start(1, Some(AUTHOR)));
    state
}

/// Runs in the first block after a genesis with these balances.
#[track_caller]
pub fn test<R>(deposit: u128, balances: &[(AccountId20, u128)], f: impl FnOnce() -> R) -> R {
    first_block(deposit, balances).execute_with(f)
}

/// Starts a block by this author.
pub fn start(height: u32, author: Option<AccountId20>) {
    let logs = author
        .map(|who| DigestItem::PreRuntime(AUTHOR_ENGINE_ID, who.0.to_vec()))
        .into_iter()
        .collect();
    System::initialize(Height(height), Hash::repeat_byte(7), &Digest { logs });
}

/// Free and reserved balance; `None` if there is no such account.
pub fn balance(who: AccountId20) -> Option<(u128, u128)> {
    let account = pallet_system::Account::<Runtime>::get(&who);
    let there = pallet_system::Account::<Runtime>::contains_key(&who);
    there.then_some((account.data.free.0, account.data.reserved.0))
}
