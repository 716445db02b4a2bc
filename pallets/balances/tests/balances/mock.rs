//! A runtime of system and balances, with an existential deposit that tests choose.

use pallet_balances::FeeSchedule;
use quids_api::RuntimeVersion;
use quids_core::{AUTHOR_ENGINE_ID, AccountId20, Balance, Digest, DigestItem, DispatchError, Hash, Height, Weight};
use quids_io::MemoryExternalities;
use quids_support::{
    constant, construct_runtime, dispatch::dispatch_transactional, genesis::BuildGenesis, limits::BlockLimits,
    origin::Origin, system::SystemPort, traits::Currency,
};
use std::cell::Cell;

construct_runtime! {
    /// A test runtime.
    pub struct Runtime {
        System: pallet_system = 0,
        Balances: pallet_balances = 1,
    }
}

pub const ALICE: AccountId20 = AccountId20([1; 20]);
pub const BOB: AccountId20 = AccountId20([2; 20]);
pub const CHARLIE: AccountId20 = AccountId20([3; 20]);
pub const AUTHOR: AccountId20 = AccountId20([9; 20]);

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
constant!(pub HashCount: Height = Height(8));
constant!(pub Version: RuntimeVersion = RuntimeVersion {
    spec_name: "test".into(),
    impl_name: "test".into(),
    authoring_version: 1,
    spec_version: 1,
    impl_version: 1,
    apis: Vec::new(),
    transaction_version: 1,
    state_version: 1,
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
    type BlockHashCount = HashCount;
    type Version = Version;
}

impl pallet_balances::Config for Runtime {
    type ExistentialDeposit = ExistentialDeposit;
    type Fees = Fees;
}

/// Runs in the first block after a genesis with these balances.
pub fn test<R>(deposit: u128, balances: &[(AccountId20, u128)], f: impl FnOnce() -> R) -> R {
    DEPOSIT.set(deposit);
    MemoryExternalities::default().execute_with(|| {
        let balances = balances.iter().map(|(who, amount)| (*who, Balance(*amount))).collect();
        BuildGenesis::<Runtime>::build(&pallet_balances::GenesisConfig { balances });
        start(1, Some(AUTHOR));
        f()
    })
}

/// Starts a block by this author.
pub fn start(height: u32, author: Option<AccountId20>) {
    let logs = author
        .map(|who| DigestItem::PreRuntime(AUTHOR_ENGINE_ID, who.0.to_vec()))
        .into_iter()
        .collect();
    System::initialize(Height(height), Hash::repeat_byte(7), &Digest { logs });
}

/// Makes a call as the executive does.
pub fn call(origin: Origin, call: impl Into<RuntimeCall>) -> Result<(), DispatchError> {
    dispatch_transactional(call.into(), origin)
        .map(drop)
        .map_err(|failed| failed.error)
}

/// The events so far; forgets them.
pub fn events() -> Vec<RuntimeEvent> {
    pallet_system::Events::<Runtime>::take()
        .into_iter()
        .map(|record| record.event)
        .collect()
}

/// Free and reserved balance; `None` if there is no such account.
pub fn balance(who: AccountId20) -> Option<(u128, u128)> {
    let account = pallet_system::Account::<Runtime>::get(&who);
    let there = pallet_system::Account::<Runtime>::contains_key(&who);
    there.then_some((account.data.free.0, account.data.reserved.0))
}

/// Everything held is what was issued and not burned.
#[track_caller]
pub fn assert_conserved() {
    let held: u128 = pallet_system::Account::<Runtime>::iter()
        .map(|(_, account)| account.data.total().0)
        .sum();
    let pot = pallet_balances::FeePot::<Runtime>::get();
    assert_eq!(held + pot, Balances::total_issuance().0, "issuance and balances differ");
}
