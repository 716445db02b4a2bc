//! Upgrade: how the chain replaces its own code, and the root account that decides it until governance does.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;

mod apply;
pub mod weights;

pub use apply::{CODE_DOMAIN, CodeHash, UpgradeAuthorization, code_hash};
pub use pallet::*;

/// Root account and runtime upgrades.
#[quids_support::pallet(name = "Upgrade")]
pub mod pallet {
    use super::*;
    use quids_support::{
        dispatch::{DispatchErrorWithPostInfo, GetDispatchInfo, dispatch_transactional},
        prelude::*,
    };

    #[pallet::config]
    pub trait Config: pallet_system::Config<RuntimeEvent: From<Event<Self>>> {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    /// The account that acts as root. None: nobody does.
    #[pallet::storage]
    pub type RootKey<T> = StorageValue<_, AccountId20>;

    /// The code that anybody may apply.
    #[pallet::storage]
    pub type AuthorizedUpgrade<T> = StorageValue<_, UpgradeAuthorization>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// A call was made as root.
        RootCallDone { result: Result<(), DispatchError> },
        /// Root was handed over.
        RootChanged { old: Option<AccountId20>, new: AccountId20 },
        /// Code with this hash may now be applied.
        UpgradeAuthorized { code_hash: CodeHash, check_version: bool },
        /// The code was replaced by one that states this version; the next block runs it.
        UpgradeApplied { code_hash: CodeHash, spec_version: u32 },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The sender is not the root account.
        NotRoot,
        /// No upgrade is authorized.
        NothingAuthorized,
        /// The code is not the authorized one.
        CodeHashMismatch,
        /// The code is larger than the ABI allows.
        CodeTooLarge,
        /// This block has replaced the code already.
        UpgradePending,
        /// The host refused the code: not valid WASM for this ABI, or its trial run failed. The node's log has the
        /// reason.
        FailedTrialRun,
        /// The version that the code states does not decode.
        InvalidVersion,
        /// The code is another chain's: its spec name differs.
        InvalidSpecName,
        /// The spec version is not greater than the running one.
        SpecVersionMustIncrease,
        /// The migrations weigh more than normal transactions may in a block.
        MigrationsTooHeavy,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Makes a call as root. The sender must be the root account. The transaction succeeds even if the call fails,
        /// which then has changed nothing: see the event.
        #[pallet::call_index(0)]
        #[pallet::weight(weights::as_root(&call.dispatch_info()))]
        #[expect(
            clippy::boxed_local,
            reason = "the argument is a field of the call, which contains it"
        )]
        pub fn as_root(origin: Origin, call: Box<T::RuntimeCall>) -> DispatchResultWithPostInfo {
            Self::ensure_root_account(origin)?;
            let info = call.dispatch_info();
            let result = dispatch_transactional(*call, Origin::Root);
            let (post, result) = match result {
                Ok(post) => (post, Ok(())),
                Err(DispatchErrorWithPostInfo { post_info, error }) => (post_info, Err(error)),
            };
            Self::deposit_event(Event::RootCallDone { result });
            let actual_weight = Some(post.charged_weight(&info).saturating_add(weights::AS_ROOT_OVERHEAD));
            Ok(PostDispatchInfo {
                actual_weight,
                pays_fee: post.pays_fee,
            })
        }

        /// Hands root to another account. Root only.
        #[pallet::call_index(1)]
        #[pallet::weight((weights::SET_ROOT, DispatchClass::Operational))]
        pub fn set_root(origin: Origin, new: AccountId20) -> DispatchResult {
            ensure_root(origin)?;
            let old = RootKey::<T>::get();
            RootKey::<T>::put(new);
            Self::deposit_event(Event::RootChanged { old, new });
            Ok(())
        }

        /// Replaces the code at once, after the checks of `apply_authorized_upgrade`. Root only.
        #[pallet::call_index(2)]
        #[pallet::weight((weights::apply(code.len()), DispatchClass::Operational))]
        pub fn set_code(origin: Origin, code: Vec<u8>) -> DispatchResultWithPostInfo {
            ensure_root(origin)?;
            Self::apply(&code, code_hash(&code), true)?;
            AuthorizedUpgrade::<T>::kill();
            Ok(PostDispatchInfo {
                actual_weight: None,
                pays_fee: Pays::No,
            })
        }

        /// Allows anybody to apply the code with this hash (`code_hash` of this crate). Replaces an earlier
        /// authorization. Root only.
        #[pallet::call_index(3)]
        #[pallet::weight((weights::AUTHORIZE, DispatchClass::Operational))]
        pub fn authorize_upgrade(origin: Origin, code_hash: CodeHash) -> DispatchResult {
            ensure_root(origin)?;
            Self::authorize(code_hash, true);
            Ok(())
        }

        /// As `authorize_upgrade`, for code whose version need not be greater. Name, ABI and trial run are still
        /// checked. Root only.
        #[pallet::call_index(4)]
        #[pallet::weight((weights::AUTHORIZE, DispatchClass::Operational))]
        pub fn authorize_upgrade_without_checks(origin: Origin, code_hash: CodeHash) -> DispatchResult {
            ensure_root(origin)?;
            Self::authorize(code_hash, false);
            Ok(())
        }

        /// Applies the authorized code. Anybody may; free if it succeeds. Code that fails a check changes nothing, and
        /// the authorization stays.
        #[pallet::call_index(5)]
        #[pallet::weight((weights::apply(code.len()), DispatchClass::Operational))]
        pub fn apply_authorized_upgrade(origin: Origin, code: Vec<u8>) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            let authorized = AuthorizedUpgrade::<T>::get().ok_or_else(|| Self::cheap(Error::NothingAuthorized, 0))?;
            let hash = code_hash(&code);
            if hash != authorized.code_hash {
                return Err(Self::cheap(Error::CodeHashMismatch, code.len()));
            }
            Self::apply(&code, hash, authorized.check_version)?;
            AuthorizedUpgrade::<T>::kill();
            Ok(PostDispatchInfo {
                actual_weight: None,
                pays_fee: Pays::No,
            })
        }
    }

    #[pallet::genesis_config]
    #[derive(Default)]
    pub struct GenesisConfig {
        /// The root account.
        pub root: Option<AccountId20>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesis<T> for GenesisConfig {
        fn build(&self) {
            RootKey::<T>::set(self.root);
        }
    }

    impl<T: Config> Pallet<T> {
        fn ensure_root_account(origin: Origin) -> Result<(), DispatchErrorWithPostInfo> {
            let who = ensure_signed(origin)?;
            if RootKey::<T>::get() == Some(who) {
                return Ok(());
            }
            let post_info = Some(weights::AS_ROOT_OVERHEAD).into();
            Err(DispatchErrorWithPostInfo {
                post_info,
                error: Error::<T>::NotRoot.into(),
            })
        }

        fn authorize(code_hash: CodeHash, check_version: bool) {
            AuthorizedUpgrade::<T>::put(UpgradeAuthorization {
                code_hash,
                check_version,
            });
            Self::deposit_event(Event::UpgradeAuthorized {
                code_hash,
                check_version,
            });
        }

        /// An error found before the trial run, which is then not paid for.
        fn cheap(error: Error<T>, hashed: usize) -> DispatchErrorWithPostInfo {
            DispatchErrorWithPostInfo {
                post_info: Some(weights::hashing(hashed)).into(),
                error: error.into(),
            }
        }
    }
}
