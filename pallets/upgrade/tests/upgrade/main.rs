//! Tests of the upgrade pallet, with a host whose verdict on a code the test decides.

mod invariants;
mod lifecycle;
mod migrations;

use codec::{Decode, Encode};
use pallet_upgrade::{AuthorizedUpgrade, Call, Error, Event, RootKey, code_hash};
use quids_api::{DispatchClass, RuntimeVersion};
use quids_core::{
    AUTHOR_ENGINE_ID, AccountId20, Digest, DigestItem, DispatchError, Hash, Header, Height, Weight, well_known_keys,
};
use quids_io::{ExtResult, Externalities, MemoryExternalities};
use quids_support::{
    constant, construct_runtime,
    dispatch::{DispatchResultWithPostInfo, GetDispatchInfo, Pays, dispatch_transactional},
    genesis::BuildGenesis,
    limits::BlockLimits,
    migrations::MigrationPort,
    origin::Origin,
    system::SystemPort,
};
use quids_testing::{TestExternalities, TestRuntime, test_runtime};
use std::cell::{Cell, RefCell};

construct_runtime! {
    /// A test runtime.
    pub struct Runtime {
        System: pallet_system = 0,
        Upgrade: pallet_upgrade = 1,
    }
}

test_runtime!(Runtime);

constant!(pub Limits: BlockLimits = BlockLimits {
    max_weight: Weight::new(1_000_000_000_000, 1_000_000),
    normal_percent: 75,
    base_extrinsic: Weight::ZERO,
    base_block: Weight::ZERO,
    max_length: 1 << 20,
    max_extrinsic_length: 1 << 18,
});
constant!(pub HashCount: Height = Height(8));
constant!(pub Version: RuntimeVersion = RuntimeVersion {
    spec_name: "test".into(),
    impl_name: "test".into(),
    authoring_version: 1,
    spec_version: 5,
    impl_version: 1,
    apis: Vec::new(),
    transaction_version: 1,
    state_version: 1,
});

impl pallet_system::Config for Runtime {
    type BlockLimits = Limits;
    type BlockHashCount = HashCount;
    type Version = Version;
    type Observers = ();
}

constant!(pub Lead: Height = Height(3));
constant!(pub Delay: Height = Height(50));
constant!(pub Life: Height = Height(20));
constant!(pub NextAuthor: Option<AccountId20> = Some(BOB));

impl pallet_upgrade::Config for Runtime {
    type ActivationLead = Lead;
    type RecoveryDelay = Delay;
    type ProposalLife = Life;
    type Migrations = (migrations::First, migrations::Second);
    type NextAuthor = NextAuthor;
}

const ROOT: AccountId20 = AccountId20([1; 20]);
const BOB: AccountId20 = AccountId20([2; 20]);

type Verdict = Result<Vec<u8>, String>;

thread_local! {
    /// What the host says of every code.
    static VERDICT: RefCell<Verdict> = const { RefCell::new(Err(String::new())) };
    /// Why no block can be made under any.
    static NO_BLOCK: Cell<Option<&str>> = const { Cell::new(None) };
}

/// From now on the host says this.
fn host_says(verdict: Verdict) {
    VERDICT.set(verdict);
}

/// Memory, and a verdict on every code.
struct Host {
    memory: MemoryExternalities,
}

impl Externalities for Host {
    fn get_with(&mut self, key: &[u8], read: &mut dyn FnMut(Option<&[u8]>)) -> ExtResult<()> {
        self.memory.get_with(key, read)
    }
    fn set(&mut self, key: &[u8], value: &[u8]) -> ExtResult<()> {
        self.memory.set(key, value)
    }
    fn clear(&mut self, key: &[u8]) -> ExtResult<()> {
        self.memory.clear(key)
    }
    fn clear_prefix(&mut self, prefix: &[u8], limit: u32) -> ExtResult<(u32, bool)> {
        self.memory.clear_prefix(prefix, limit)
    }
    fn append(&mut self, key: &[u8], item: &[u8]) -> ExtResult<()> {
        self.memory.append(key, item)
    }
    fn add(&mut self, key: &[u8], amount: u128) -> ExtResult<()> {
        self.memory.add(key, amount)
    }
    fn next_key(&mut self, key: &[u8]) -> ExtResult<Option<Vec<u8>>> {
        self.memory.next_key(key)
    }
    fn begin_transaction(&mut self) -> ExtResult<()> {
        self.memory.begin_transaction()
    }
    fn commit_transaction(&mut self) -> ExtResult<()> {
        self.memory.commit_transaction()
    }
    fn rollback_transaction(&mut self) -> ExtResult<()> {
        self.memory.rollback_transaction()
    }
    fn root(&mut self) -> ExtResult<Hash> {
        self.memory.root()
    }
    fn check_runtime(&mut self, _: &[u8], next: Option<&Header>) -> ExtResult<Verdict> {
        if let Some(header) = next {
            let height = self.memory.get(&pallet_system::Number::<Runtime>::key())?;
            let height = height.and_then(|bytes| Height::decode(&mut &bytes[..]).ok());
            assert_eq!(Some(header.number), height.and_then(Height::next));
            assert_eq!(
                header.digest.logs,
                [DigestItem::PreRuntime(AUTHOR_ENGINE_ID, BOB.encode())],
                "one who may make it is named"
            );
            if let Some(reason) = NO_BLOCK.get() {
                return Ok(Err(reason.into()));
            }
        }
        Ok(VERDICT.with_borrow(Verdict::clone))
    }
}

fn test(verdict: Verdict, f: impl FnOnce()) {
    host_says(verdict);
    NO_BLOCK.set(None);
    let mut host = Host {
        memory: MemoryExternalities::default(),
    };
    quids_io::within(&mut host, || {
        let config: pallet_upgrade::GenesisConfig =
            serde_json::from_str(&format!(r#"{{ "root": "{ROOT}" }}"#)).unwrap();
        BuildGenesis::<Runtime>::build(&config);
        System::initialize(Height(1), Hash::zero(), &Digest::default());
        f();
        assert_eq!(Runtime::try_state(), Ok(()));
    });
}

fn weighs(name: &str, spec_version: u32, migrations: Weight) -> Verdict {
    let version = RuntimeVersion {
        spec_name: name.into(),
        spec_version,
        ..<Version as quids_support::traits::Get<_>>::get()
    };
    Ok(quids_api::CheckedRuntime { version, migrations }.encode())
}

fn states(name: &str, spec_version: u32) -> Verdict {
    weighs(name, spec_version, Weight::ZERO)
}

fn apply(origin: Origin, call: impl Into<RuntimeCall>) -> DispatchResultWithPostInfo {
    dispatch_transactional(call.into(), origin)
}

/// Makes a call as the executive does.
fn call(origin: Origin, call: impl Into<RuntimeCall>) -> Result<(), DispatchError> {
    apply(origin, call).map(drop).map_err(|failed| failed.error)
}

/// The call fails with this error and changes nothing.
#[track_caller]
fn refused(origin: Origin, c: impl Into<RuntimeCall>, error: impl Into<DispatchError>) {
    let before = quids_io::storage::root();
    assert_eq!(call(origin, c), Err(error.into()));
    assert_eq!(quids_io::storage::root(), before, "a failed call changed the state");
}

/// The events so far; forgets them.
fn events() -> Vec<RuntimeEvent> {
    pallet_system::Events::<Runtime>::take()
        .into_iter()
        .map(|record| record.event)
        .collect()
}

const CODE: &[u8] = b"\0asm and more";

fn authorize() -> Call<Runtime> {
    Call::authorize_upgrade {
        code_hash: code_hash(CODE),
    }
}

fn apply_code(code: &[u8]) -> Call<Runtime> {
    Call::apply_authorized_upgrade { code: code.to_vec() }
}

fn as_root(c: impl Into<RuntimeCall>) -> Call<Runtime> {
    Call::as_root {
        call: Box::new(c.into()),
    }
}

#[test]
fn the_root_account_acts_as_root() {
    test(states("test", 6), || {
        let inner = RuntimeCall::from(authorize());
        let post = apply(Origin::Signed(ROOT), as_root(inner.clone())).unwrap();
        assert_eq!(events().last(), Some(&Event::RootCallDone { result: Ok(()) }.into()));
        assert_eq!(AuthorizedUpgrade::<Runtime>::get().unwrap().code_hash, code_hash(CODE));
        let declared = RuntimeCall::from(as_root(inner.clone())).dispatch_info();
        assert_eq!(post.charged_weight(&declared), declared.weight);
        assert_eq!(
            (declared.class, declared.pays_fee),
            (DispatchClass::Operational, Pays::Yes)
        );
        assert!(declared.weight.any_gt(inner.dispatch_info().weight));
        // Root itself is no account.
        refused(Origin::Root, as_root(inner), DispatchError::BadOrigin);
    });
}

#[test]
fn a_root_call_that_fails_is_told_and_changes_nothing_else() {
    test(states("test", 6), || {
        // `as_root` needs an account, which root is not.
        let inner = as_root(pallet_system::Call::remark { remark: vec![] });
        call(Origin::Signed(ROOT), as_root(inner)).unwrap();
        assert_eq!(
            events(),
            [Event::RootCallDone {
                result: Err(DispatchError::BadOrigin)
            }
            .into()]
        );
    });
}

#[test]
fn others_do_not_act_as_root() {
    test(states("test", 6), || {
        refused(Origin::Signed(BOB), as_root(authorize()), Error::<Runtime>::NotRoot);
        let failed = apply(Origin::Signed(BOB), as_root(authorize())).unwrap_err();
        assert!(
            failed.post_info.actual_weight.is_some(),
            "the inner call was not made and is not paid for"
        );
        for gated in [
            authorize(),
            Call::authorize_upgrade_without_checks { code_hash: [0; 64] },
            Call::set_root { new: BOB },
            Call::set_code { code: CODE.to_vec() },
        ] {
            refused(Origin::Signed(ROOT), gated.clone(), DispatchError::BadOrigin);
            refused(Origin::None, gated, DispatchError::BadOrigin);
        }
    });
}

#[test]
fn root_is_handed_over() {
    test(states("test", 6), || {
        call(Origin::Signed(ROOT), as_root(Call::set_root { new: BOB })).unwrap();
        assert_eq!(RootKey::<Runtime>::get(), Some(BOB));
        assert_eq!(
            events().first(),
            Some(
                &Event::RootChanged {
                    old: Some(ROOT),
                    new: BOB
                }
                .into()
            )
        );
        refused(Origin::Signed(ROOT), as_root(authorize()), Error::<Runtime>::NotRoot);
        call(Origin::Signed(BOB), as_root(authorize())).unwrap();
    });
}

#[track_caller]
fn assert_applied(post: DispatchResultWithPostInfo) {
    assert_eq!(post.unwrap().pays_fee, Pays::No);
    assert_eq!(quids_io::storage::get(well_known_keys::CODE).as_deref(), Some(CODE));
    assert_eq!(AuthorizedUpgrade::<Runtime>::get(), None);
    let told = events();
    assert!(told.contains(&pallet_system::Event::CodeUpdated.into()));
    assert!(matches!(
        told.last(),
        Some(RuntimeEvent::Upgrade(Event::UpgradeApplied { .. }))
    ));
    assert_eq!(
        System::finalize(Hash::zero()).digest.logs,
        [DigestItem::RuntimeEnvironmentUpdated]
    );
    assert!(System::take_code_updated());
}

#[test]
fn anybody_applies_the_authorized_code() {
    test(states("test", 6), || {
        refused(
            Origin::Signed(BOB),
            apply_code(CODE),
            Error::<Runtime>::NothingAuthorized,
        );
        call(Origin::Root, authorize()).unwrap();
        refused(
            Origin::Signed(BOB),
            apply_code(b"another"),
            Error::<Runtime>::CodeHashMismatch,
        );
        refused(Origin::None, apply_code(CODE), DispatchError::BadOrigin);
        assert_applied(apply(Origin::Signed(BOB), apply_code(CODE)));
    });
    test(states("test", 6), || {
        assert_applied(apply(Origin::Root, Call::set_code { code: CODE.to_vec() }))
    });
}

#[test]
fn code_that_fails_a_check_never_becomes_the_chains() {
    let cases = [
        (Err("no memory is exported".into()), Error::FailedTrialRun),
        (Ok(vec![1, 2, 3]), Error::InvalidVersion),
        (states("other", 6), Error::InvalidSpecName),
        (states("test", 5), Error::SpecVersionMustIncrease),
        (states("test", 4), Error::<Runtime>::SpecVersionMustIncrease),
        (weighs("test", 6, Weight::MAX), Error::MigrationsTooHeavy),
    ];
    for (verdict, error) in cases {
        test(verdict, || {
            let error = DispatchError::from(error);
            call(Origin::Root, authorize()).unwrap();
            refused(Origin::Signed(BOB), apply_code(CODE), error);
            refused(Origin::Root, Call::set_code { code: CODE.to_vec() }, error);
            assert!(AuthorizedUpgrade::<Runtime>::get().is_some());
            assert!(!System::code_update_pending());
        });
    }
}

#[test]
fn code_beyond_the_abi_is_not_even_tried() {
    test(states("test", 6), || {
        let code = vec![0; quids_io::abi::CODE_SIZE_MAX + 1];
        refused(Origin::Root, Call::set_code { code }, Error::<Runtime>::CodeTooLarge);
    });
}

#[test]
fn the_version_may_stay_only_without_its_check() {
    let without = Call::authorize_upgrade_without_checks {
        code_hash: code_hash(CODE),
    };
    test(states("test", 5), || {
        call(Origin::Root, without.clone()).unwrap();
        assert_applied(apply(Origin::Signed(BOB), apply_code(CODE)));
    });
    test(states("other", 5), || {
        call(Origin::Root, without).unwrap();
        refused(Origin::Signed(BOB), apply_code(CODE), Error::<Runtime>::InvalidSpecName);
    });
}

/// By a transaction, and known at the block's end only.
#[test]
fn code_under_which_no_block_can_be_made_is_put_back() {
    test(states("test", 6), || {
        quids_io::storage::set(well_known_keys::CODE, b"old");
        let end = || {
            <Upgrade as MigrationPort>::end_block(System::height());
            let code = quids_io::storage::get(well_known_keys::CODE).unwrap();
            let told = events();
            let undone = told.contains(
                &Event::UpgradeUndone {
                    error: Error::<Runtime>::FailedTrialRun.into(),
                }
                .into(),
            );
            (code, undone, System::finalize(Hash::zero()).digest.logs)
        };
        NO_BLOCK.set(Some("it panics when a block begins"));
        call(Origin::Root, Call::set_code { code: CODE.to_vec() }).unwrap();
        assert_eq!(end(), (b"old".to_vec(), true, vec![]));
        assert!(!System::take_code_updated());
        assert_eq!(pallet_upgrade::Replaced::<Runtime>::get(), None);
        NO_BLOCK.set(None);
        call(Origin::Root, Call::set_code { code: CODE.to_vec() }).unwrap();
        let replaced = vec![DigestItem::RuntimeEnvironmentUpdated];
        assert_eq!(end(), (CODE.to_vec(), false, replaced));
        assert!(System::take_code_updated());
        assert_eq!(pallet_upgrade::Replaced::<Runtime>::get(), None);
    });
}

#[test]
fn a_block_replaces_the_code_once() {
    test(states("test", 6), || {
        call(Origin::Root, Call::set_code { code: CODE.to_vec() }).unwrap();
        refused(
            Origin::Root,
            Call::set_code {
                code: b"again".to_vec(),
            },
            Error::<Runtime>::UpgradePending,
        );
    });
}

#[test]
fn a_refused_code_is_paid_for_by_what_was_checked() {
    test(states("test", 6), || {
        call(Origin::Root, authorize()).unwrap();
        let declared = RuntimeCall::from(apply_code(b"another")).dispatch_info();
        assert_eq!(declared.class, DispatchClass::Operational);
        let failed = apply(Origin::Signed(BOB), apply_code(b"another")).unwrap_err();
        assert!(declared.weight.any_gt(failed.post_info.charged_weight(&declared)));
        assert_eq!(failed.post_info.pays_fee, Pays::Yes);
    });
}

#[test]
fn every_call_has_a_benchmark_or_a_reason() {
    quids_testing::check_benchmarks::<Runtime, Upgrade>(TestExternalities::default);
}
