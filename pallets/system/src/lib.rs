//! System: heights and block hashes, accounts and nonces, bound keys, events, consumed weight, and the extensions that
//! every signed transaction carries. What the executive needs of it is `quids_support::system::SystemPort`.
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

mod account;
#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
mod benchmarks;
mod costs;
pub mod extensions;
mod invariants;
mod keys;
mod phase;
mod port;
mod types;
pub mod weights;

pub use account::{AccountData, AccountInfo, OpenAccount};
pub use pallet::*;
pub use phase::ChainPhase;
pub use types::{DispatchEventInfo, LastRuntimeUpgradeInfo};

/// Heights, accounts, keys, events and weights: what everything else stands on.
#[quids_support::pallet(name = "System")]
pub mod pallet {
    use super::*;
    use quids_api::RuntimeVersion;
    use quids_crypto::{PublicKey, Signature, SignatureScheme};
    use quids_support::{events::EventRecord, limits::BlockLimits, prelude::*, traits::AccountObserver};

    #[pallet::config]
    pub trait Config: Composition<RuntimeEvent: From<Event<Self>>> {
        /// What fits into a block.
        #[pallet::constant]
        type BlockLimits: Get<BlockLimits>;
        /// How many recent block hashes are kept; mortal transactions live no longer.
        #[pallet::constant]
        type BlockHashCount: Get<Height>;
        /// The version of this runtime.
        #[pallet::constant]
        type Version: Get<RuntimeVersion>;
        /// Who is told of accounts that come to be and go, and of transfers; `()`: nobody.
        type Observers: AccountObserver;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    /// Nonce and balances of an account.
    #[pallet::storage]
    pub type Account<T> = StorageMap<_, Blake2_128Concat, AccountId20, AccountInfo, ValueQuery>;

    /// The key that alone may sign for an account. Unhashed: an entry is made only for an account that is itself the
    /// hash of a key.
    #[pallet::storage]
    pub type Keys<T> = StorageMap<_, Identity, AccountId20, PublicKey>;

    /// Hashes of the last blocks, and of genesis.
    #[pallet::storage]
    pub type BlockHash<T> = StorageMap<_, Twox64Concat, Height, Hash, ValueQuery>;

    /// Height of the block in execution; between blocks that of the last one.
    #[pallet::storage]
    pub type Number<T> = StorageValue<_, Height, ValueQuery>;

    /// Hash of the parent block.
    #[pallet::storage]
    pub type ParentHash<T> = StorageValue<_, Hash, ValueQuery>;

    /// Digest of the block in execution.
    #[pallet::storage]
    pub type Digest<T> = StorageValue<_, quids_core::Digest, ValueQuery>;

    /// Events of the block. Extrinsics only append to it.
    #[pallet::storage]
    pub type Events<T> = StorageValue<_, Vec<EventRecord<<T as Composition>::RuntimeEvent>>, ValueQuery>;

    /// Weight used by normal extrinsics: proof size in the upper, time in the lower 64 bits. Extrinsics only add.
    #[pallet::storage]
    pub type ConsumedNormal<T> = StorageValue<_, u128, ValueQuery>;

    /// Weight used by everything else in the block, packed alike.
    #[pallet::storage]
    pub type ConsumedOther<T> = StorageValue<_, u128, ValueQuery>;

    /// The version whose migrations have run.
    #[pallet::storage]
    pub type LastRuntimeUpgrade<T> = StorageValue<_, LastRuntimeUpgradeInfo>;

    /// Which signatures and contracts are accepted.
    #[pallet::storage]
    pub type Phase<T> = StorageValue<_, ChainPhase, ValueQuery>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// An extrinsic's call succeeded.
        ExtrinsicSuccess { dispatch_info: DispatchEventInfo },
        /// An extrinsic's call failed and changed nothing but its sender's nonce and balance.
        ExtrinsicFailed {
            dispatch_error: DispatchError,
            dispatch_info: DispatchEventInfo,
        },
        /// The chain's code was replaced: the next block runs the new one.
        CodeUpdated,
        /// An account came into existence.
        NewAccount { account: AccountId20 },
        /// An account was removed, its nonce included.
        KilledAccount { account: AccountId20 },
        /// A remark was made; the hash is its BLAKE3-256.
        Remarked { sender: AccountId20, hash: Hash },
        /// From now on only this key may sign for the account.
        KeyBound {
            account: AccountId20,
            scheme: SignatureScheme,
        },
        /// The account's key was replaced.
        KeyRotated {
            account: AccountId20,
            scheme: SignatureScheme,
        },
        /// The chain entered another phase.
        PhaseSet { phase: ChainPhase },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// A key is bound to the account already: rotate it instead.
        KeyAlreadyBound,
        /// No key is bound to the account yet: bind one instead.
        NoKeyBound,
        /// The key is the bound one.
        KeyUnchanged,
        /// Only keys of post-quantum schemes can be bound.
        NotPostQuantum,
        /// The proof is not a signature by the new key over the proof-of-possession message.
        InvalidProof,
        /// The chain is in this phase already, or in a later one.
        PhaseNotLater,
        /// The runtime does not let this origin make the call.
        CallFiltered,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Puts bytes into the chain's history, nothing else.
        #[pallet::call_index(0)]
        #[pallet::weight(weights::remark(remark.len() as u32))]
        pub fn remark(origin: Origin, remark: Vec<u8>) -> DispatchResult {
            ensure_signed(origin)?;
            drop(remark);
            Ok(())
        }

        /// Puts bytes into the chain's history and their hash into an event.
        #[pallet::call_index(7)]
        #[pallet::weight(weights::remark_with_event(remark.len() as u32))]
        pub fn remark_with_event(origin: Origin, remark: Vec<u8>) -> DispatchResult {
            let sender = ensure_signed(origin)?;
            let hash = quids_io::hashing::blake3_256(&remark).into();
            Self::deposit_event(Event::Remarked { sender, hash });
            Ok(())
        }

        /// Binds a post-quantum key to an account without one, which is a legacy ECDSA account: a post-quantum account
        /// is bound by its first transaction. ECDSA is refused for the account from then on.
        ///
        /// `proof`: signature by the new key over `quids_crypto::possession_message`.
        #[pallet::call_index(8)]
        #[pallet::weight(costs::bind_key(public_key.scheme()))]
        pub fn bind_key(origin: Origin, public_key: PublicKey, proof: Signature) -> DispatchResult {
            let who = ensure_signed(origin)?;
            ensure!(!Keys::<T>::contains_key(&who), Error::<T>::KeyAlreadyBound);
            Self::ensure_possession(&who, &public_key, &proof)?;
            Self::put_first_key(&who, public_key);
            Ok(())
        }

        /// Replaces the account's key by one of any post-quantum scheme; the address stays.
        ///
        /// `proof`: signature by the new key over `quids_crypto::possession_message`.
        #[pallet::call_index(9)]
        #[pallet::weight(costs::rotate_key(public_key.scheme()))]
        pub fn rotate_key(origin: Origin, public_key: PublicKey, proof: Signature) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let bound = Keys::<T>::get(&who).ok_or(Error::<T>::NoKeyBound)?;
            ensure!(bound != public_key, Error::<T>::KeyUnchanged);
            Self::ensure_possession(&who, &public_key, &proof)?;
            let scheme = public_key.scheme();
            Keys::<T>::insert(&who, public_key);
            Self::deposit_event(Event::KeyRotated { account: who, scheme });
            Ok(())
        }

        /// Takes the chain to a later phase. Root only.
        #[pallet::call_index(10)]
        #[pallet::weight((weights::set_phase(), DispatchClass::Operational))]
        pub fn set_phase(origin: Origin, phase: ChainPhase) -> DispatchResult {
            ensure_root(origin)?;
            ensure!(phase > Phase::<T>::get(), Error::<T>::PhaseNotLater);
            Phase::<T>::put(phase);
            Self::deposit_event(Event::PhaseSet { phase });
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        /// The phase of the chain.
        pub fn phase() -> ChainPhase {
            Phase::<T>::get()
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks for Pallet<T> {
        fn try_state() -> Result<(), String> {
            invariants::check::<T>()
        }
    }

    #[pallet::genesis_config]
    #[derive(Default)]
    pub struct GenesisConfig {
        /// `compatible`, `hybrid` or `quantum-only`.
        pub phase: ChainPhase,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesis<T> for GenesisConfig {
        /// The code itself is put by the client.
        fn build(&self) {
            if self.phase != ChainPhase::default() {
                Phase::<T>::put(self.phase);
            }
            LastRuntimeUpgrade::<T>::put(LastRuntimeUpgradeInfo::of(&T::Version::get()));
        }
    }
}
