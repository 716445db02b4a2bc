//! A runtime of system, balances and pobpc, with short epochs.

use codec::Decode;
use pallet_balances::FeeSchedule;
use quids_api::pobpc::{NextCommittee, NextHeight, POBPC_ENGINE_ID};
use quids_core::{AUTHOR_ENGINE_ID, AccountId20, Balance, Digest, DigestItem, Hash, Height, Weight};
use quids_crypto::{KeyPair, SignatureScheme};
use quids_support::{constant, construct_runtime, hooks::Hooks, limits::BlockLimits, system::SystemPort, traits::Get};
pub use quids_testing::account;
use quids_testing::{RecentHashes, TestExternalities, Version, test_runtime};
use serde_json::{Value, json};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::OnceLock,
};

construct_runtime! {
    /// A test runtime.
    pub struct Runtime {
        System: pallet_system = 0,
        Balances: pallet_balances = 1,
        Pobpc: pallet_pobpc = 2,
    }
}

test_runtime!(Runtime);

constant!(pub Limits: BlockLimits = BlockLimits {
    max_weight: Weight::new(1_000_000_000_000, 100_000_000),
    normal_percent: 75,
    // 1000 transactions a block.
    base_extrinsic: Weight::new(750_000_000, 10),
    base_block: Weight::ZERO,
    max_length: 1 << 20,
    max_extrinsic_length: 1 << 18,
});
constant!(pub ExistentialDeposit: Balance = Balance(0));
constant!(pub Fees: FeeSchedule = FeeSchedule {
    base: Balance(0),
    per_byte: Balance(0),
    per_microsecond: Balance(0),
    per_proof_byte: Balance(0),
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

pub struct Author;

impl Get<Option<AccountId20>> for Author {
    fn get() -> Option<AccountId20> {
        Balances::author()
    }
}

/// 10^-6 of a token.
pub const MICRO: u128 = 1_000_000_000_000;

constant!(pub MinimumBond: Balance = Balance(100 * MICRO));
constant!(pub EpochLength: Height = Height(5));
constant!(pub EvidenceWindow: Height = Height(20));
constant!(pub UnbondingDelay: Height = Height(40));
constant!(pub JailTerm: Height = Height(30));

impl pallet_pobpc::Config for Runtime {
    type Currency = Balances;
    type Author = Author;
    type MinimumBond = MinimumBond;
    type EpochLength = EpochLength;
    type EvidenceWindow = EvidenceWindow;
    type UnbondingDelay = UnbondingDelay;
    type JailTerm = JailTerm;
}

/// The consensus key of a validator. Each is made once.
pub fn key(number: u8) -> &'static KeyPair {
    static KEYS: [OnceLock<KeyPair>; 256] = [const { OnceLock::new() }; 256];
    let make = || KeyPair::from_seed(SignatureScheme::Falcon512, &[number; 32]).unwrap();
    KEYS[usize::from(number)].get_or_init(make)
}

/// A validator of genesis, with account and key of this number.
pub fn validator(number: u8, role: &str) -> Value {
    json!({
        "account": account(number).to_string(),
        "scheme": "falcon-512",
        "key": format!("0x{}", hex(key(number).public().as_bytes())),
        "role": role,
        "bond": (100 * MICRO) as u64,
    })
}

/// Validators of genesis: `f` is a full node, `w` a witness.
pub fn validators(roles: &str) -> Value {
    let role = |letter| if letter == 'f' { "full" } else { "witness" };
    (1..)
        .zip(roles.chars())
        .map(|(number, letter)| validator(number, role(letter)))
        .collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What `f` panics with.
pub fn panics(f: impl FnOnce()) -> Option<String> {
    let error = catch_unwind(AssertUnwindSafe(f)).err()?;
    let text = error.downcast_ref::<&str>().map(|text| text.to_string());
    Some(
        text.or_else(|| error.downcast_ref::<String>().cloned())
            .unwrap_or_default(),
    )
}

/// The hash of genesis, for whoever signs.
pub const GENESIS: Hash = Hash::repeat_byte(7);

/// Runs after a genesis with these settings of pobpc; each of the first 200 accounts has 1000 micro.
#[track_caller]
pub fn with_genesis<R>(pobpc: Value, f: impl FnOnce() -> R) -> R {
    let edit = |genesis: &mut RuntimeGenesisConfig| {
        genesis.pobpc = serde_json::from_value(pobpc).unwrap();
        let rich = (1..=200).map(|number| (account(number), Balance(1000 * MICRO)));
        genesis.balances.balances = rich.collect();
    };
    TestExternalities::<Runtime>::genesis(edit).execute_with(f)
}

/// As above, with these validators.
pub fn with_validators<R>(roles: &str, f: impl FnOnce() -> R) -> R {
    with_genesis(json!({ "validators": validators(roles) }), f)
}

/// Starts the next block, made by this account, with more in its digest.
pub fn start_with(author: Option<AccountId20>, more: Vec<DigestItem>) -> Height {
    let height = System::height().next().unwrap();
    let author = author.map(|who| DigestItem::PreRuntime(AUTHOR_ENGINE_ID, who.0.to_vec()));
    let logs = author.into_iter().chain(more).collect();
    let parent = if height == Height(1) {
        GENESIS
    } else {
        Hash::repeat_byte(9)
    };
    System::initialize(height, parent, &Digest { logs });
    AllPallets::on_initialize(height);
    height
}

pub fn start(author: AccountId20) -> Height {
    start_with(Some(author), Vec::new())
}

/// Ends the block; what its header says of the next committee.
pub fn end() -> Option<NextCommittee> {
    AllPallets::on_finalize(System::height());
    let found = pallet_system::Digest::<Runtime>::get()
        .logs
        .into_iter()
        .find_map(|item| match item {
            DigestItem::Consensus(POBPC_ENGINE_ID, bytes) => Some(bytes),
            _ => None,
        });
    found.map(|bytes| NextCommittee::decode(&mut &bytes[..]).unwrap())
}

pub fn next() -> NextHeight {
    Pobpc::next().expect("there are validators")
}

/// A block with this inside, made by the first member. The header tells who decides the next.
#[track_caller]
pub fn block<R>(inside: impl FnOnce() -> R) -> R {
    start(next().accounts[0]);
    let result = inside();
    let told = end().unwrap();
    let next = next();
    assert_eq!((told.hash, told.threshold), (next.committee.hash(), next.threshold));
    assert_eq!(next.accounts.len(), next.committee.seats().len());
    result
}

pub fn height() -> Height {
    System::height()
}

/// So many empty blocks.
pub fn blocks(count: u32) {
    (0..count).for_each(|_| block(|| ()));
}
