//! The quantum-safe EVM: revm on runtime storage, Ethereum's transactions and a post-quantum one, its precompiles, and
//! what Ethereum's tools ask of it.
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

#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
mod benchmarks;
mod block;
mod code;
mod contracts;
mod convert;
pub mod costs;
mod crypto;
mod deploy;
mod dispatch;
mod error;
mod estimate;
mod execute;
mod fee;
mod handler;
mod interpreter;
mod invariants;
pub mod precompiles;
mod recording;
pub mod safety;
mod signing;
mod simulate;
mod state;
pub mod trace;
mod transaction;
pub mod weights;

pub use code::Code;
pub use costs::GasWeight;
pub use crypto::{HostCrypto, install as install_crypto, warm};
pub use fee::{BaseFee, Eip1559};
pub use pallet::*;
pub use precompiles::PrecompileMap;
pub use recording::recorded;

/// The EVM and its transactions.
#[quids_support::pallet(name = "Qevm")]
pub mod pallet {
    use super::*;
    use quids_api::{
        TransactionSource, TransactionValidity,
        evm::{ContractSafety, ExecutedTransaction},
        signing::{Certificates, OpenRequest, SIGNING_INHERENT, SignedRequest},
    };
    use quids_core::{H160, H256, U256};
    use quids_pobpc::SigningRequest;
    use quids_support::{
        prelude::*,
        traits::{FeePot, Signers, UnixTime},
    };

    #[pallet::config]
    pub trait Config: pallet_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// Gas of all transactions of a block.
        #[pallet::constant]
        type BlockGasLimit: Get<u64>;
        /// What a gas weighs.
        #[pallet::constant]
        type GasWeight: Get<GasWeight>;
        /// Where the post-quantum precompiles are.
        #[pallet::constant]
        type Precompiles: Get<PrecompileMap>;
        /// How the base fee follows from the last block.
        type BaseFee: BaseFee;
        /// Where fees go.
        type Fees: FeePot;
        /// The block's clock.
        type Time: UnixTime;
        /// The block's author, who gets the tips.
        type Author: Get<Option<AccountId20>>;
        /// Who signs what contracts ask for.
        type Signers: Signers;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    /// EIP-155.
    #[pallet::storage]
    pub type ChainId<T> = StorageValue<_, u64, ValueQuery>;

    /// Hard forks by the height from which they are in force, ascending, as revm numbers them. Before the first: the
    /// newest that this code knows.
    #[pallet::storage]
    pub type Forks<T> = StorageValue<_, Vec<(u64, u8)>, ValueQuery>;

    /// Code of contracts by its Keccak-256.
    #[pallet::storage]
    pub type Codes<T> = StorageMap<_, Identity, H256, Code>;

    /// What the analysis of a code found, by the code's hash.
    #[pallet::storage]
    pub type Safety<T> = StorageMap<_, Identity, H256, ContractSafety>;

    /// Hash of a contract's code.
    #[pallet::storage]
    pub type CodeHashes<T> = StorageMap<_, Blake2_128Concat, AccountId20, H256>;

    /// A contract's storage. Hashed keys, since contracts choose their slots.
    #[pallet::storage]
    pub type Slots<T> = StorageDoubleMap<_, Blake2_128Concat, AccountId20, Blake2_128Concat, H256, H256>;

    /// Base fee of the block in execution, wei a gas.
    #[pallet::storage]
    pub type BlockBaseFee<T> = StorageValue<_, u128>;

    /// Gas used in the block. Transactions only add.
    #[pallet::storage]
    pub type GasUsed<T> = StorageValue<_, u128, ValueQuery>;

    /// Transactions of the block with their receipts, whose cumulative gas is left out. Transactions only append.
    #[pallet::storage]
    pub type Transactions<T> = StorageValue<_, Vec<ExecutedTransaction>, ValueQuery>;

    /// The nonce of an account's last call of a contract that was no transaction of Ethereum's. What an extrinsic calls
    /// after its first call counts on from there.
    #[pallet::storage]
    pub type LastCall<T> = StorageMap<_, Blake2_128Concat, AccountId20, u64>;

    /// Signing requests of the block in execution. Transactions only append.
    #[pallet::storage]
    pub type NewRequests<T> = StorageValue<_, Vec<SigningRequest>, ValueQuery>;

    /// Requests that may be signed, oldest first. Clients know where it lies.
    #[pallet::storage]
    pub type SigningQueue<T> = StorageValue<_, Vec<OpenRequest>, ValueQuery>;

    /// Signed requests by handle, with what proves it.
    #[pallet::storage]
    pub type SignedRequests<T> = StorageMap<_, Identity, Hash, SignedRequest>;

    /// The last height whose block brought certificates.
    #[pallet::storage]
    pub type CertificatesNoted<T> = StorageValue<_, Height>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// A transaction of the EVM was executed. `to` is the callee or the new contract.
        Executed {
            hash: H256,
            from: AccountId20,
            to: AccountId20,
            success: bool,
            gas_used: u64,
        },
        /// A code was deployed for the first time, and this is what its analysis says.
        CodeAnalysed {
            code_hash: H256,
            is_quantum_compatible: bool,
        },
        /// The EVM's hard forks were changed.
        ForksSet { forks: Vec<(u64, u8)> },
        /// A call of the runtime was made that an account had asked for through `IDispatch`. If it failed, it changed
        /// nothing.
        #[codec(index = 16)]
        CallDispatched {
            account: AccountId20,
            result: Result<(), DispatchError>,
        },
        /// The committee of this height signed what a contract had asked for.
        MessageSigned {
            handle: Hash,
            requester: AccountId20,
            height: Height,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The call cannot be executed: too little gas or balance, or a limit exceeded.
        Invalid,
        /// The call reverted.
        Reverted,
        /// The call ended with an error that took all its gas.
        Halted,
        /// Ethereum transactions come without a signed extrinsic around them.
        NotBare,
        /// A hard fork that this code does not know, or heights that do not ascend.
        UnknownFork,
        /// The largest amount is 2^128 - 1.
        AmountTooLarge,
        /// The block has brought certificates.
        CertificatesAlreadyNoted,
        /// No certificate, or more than a block may bring.
        TooManyCertificates,
        /// There is no such request that may be signed.
        NoOpenRequest,
        /// It does not prove that a quorum of the right committee signed the request.
        NoSigningCertificate,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// An Ethereum transaction, EIP-2718 bytes, which proves by itself who made it.
        #[pallet::call_index(0)]
        #[pallet::weight(costs::transact::<T>(envelope))]
        pub fn transact(origin: Origin, envelope: Vec<u8>) -> DispatchResult {
            // The executive takes bare ones before they are dispatched.
            drop((origin, envelope));
            Err(Error::<T>::NotBare.into())
        }

        /// Calls a contract, or transfers. Gas is paid for by the transaction's fee, its price is zero in the EVM.
        #[pallet::call_index(1)]
        #[pallet::weight(costs::gas::<T>(*gas_limit))]
        pub fn call(
            origin: Origin,
            to: AccountId20,
            value: U256,
            input: Vec<u8>,
            #[pallet::compact] gas_limit: u64,
        ) -> DispatchResultWithPostInfo {
            let from = ensure_signed(origin)?;
            Self::signed_call(from, Some(H160(to.0)), value, input, gas_limit)
        }

        /// Creates a contract at the address that sender and nonce give.
        #[pallet::call_index(2)]
        #[pallet::weight(costs::gas::<T>(*gas_limit))]
        pub fn create(
            origin: Origin,
            value: U256,
            init: Vec<u8>,
            #[pallet::compact] gas_limit: u64,
        ) -> DispatchResultWithPostInfo {
            let from = ensure_signed(origin)?;
            Self::signed_call(from, None, value, init, gas_limit)
        }

        /// Creates a contract at the address that sender, salt and code give (EIP-1014).
        #[pallet::call_index(3)]
        #[pallet::weight(costs::gas::<T>(*gas_limit))]
        pub fn create2(
            origin: Origin,
            value: U256,
            init: Vec<u8>,
            salt: H256,
            #[pallet::compact] gas_limit: u64,
        ) -> DispatchResultWithPostInfo {
            let from = ensure_signed(origin)?;
            Self::signed_create2(from, value, init, salt, gas_limit)
        }

        /// Sets the hard forks: pairs of first height and revm's number. Root only.
        #[pallet::call_index(4)]
        #[pallet::weight((weights::set_forks(forks.len() as u32), DispatchClass::Operational))]
        pub fn set_forks(origin: Origin, forks: Vec<(u64, u8)>) -> DispatchResult {
            ensure_root(origin)?;
            ensure!(Self::are_forks(&forks), Error::<T>::UnknownFork);
            Forks::<T>::put(forks.clone());
            Self::deposit_event(Event::ForksSet { forks });
            Ok(())
        }

        /// Tells what the validators signed for contracts. The author's call: once a block at most, not to be sent as a transaction.
        #[pallet::call_index(5)]
        #[pallet::weight((costs::note_certificates(certificates), DispatchClass::Mandatory))]
        pub fn note_certificates(origin: Origin, certificates: Certificates) -> DispatchResult {
            ensure_none(origin)?;
            Self::do_note_certificates(certificates)
        }
    }

    #[pallet::inherent]
    impl<T: Config> ProvideInherent for Pallet<T> {
        type Call = Call<T>;
        const IDENTIFIER: Option<InherentIdentifier> = Some(SIGNING_INHERENT);

        /// The author's certificates, as far as they are right.
        fn create_inherent(data: &InherentData) -> Option<Call<T>> {
            let certificates = Self::provable(data.get(&SIGNING_INHERENT)?);
            (!certificates.is_empty()).then_some(Call::note_certificates { certificates })
        }

        fn is_inherent(call: &Call<T>) -> bool {
            matches!(call, Call::note_certificates { .. })
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks for Pallet<T> {
        fn on_initialize(_height: Height) -> Weight {
            Self::begin_block();
            costs::ON_INITIALIZE
        }

        fn on_finalize(height: Height) {
            Self::end_block();
            Self::queue_requests(height);
        }

        fn try_state() -> Result<(), String> {
            invariants::check::<T>()
        }
    }

    #[pallet::validate_unsigned]
    impl<T: Config> ValidateUnsigned for Pallet<T> {
        type Call = Call<T>;

        fn validate_unsigned(_source: TransactionSource, call: &Self::Call) -> TransactionValidity {
            match call {
                Call::transact { envelope } => Self::validate_envelope(envelope),
                _ => Err(quids_api::TransactionValidityError::Unknown(
                    quids_api::UnknownTransaction::NoUnsignedValidator,
                )),
            }
        }
    }

    #[pallet::genesis_config]
    #[derive(Default)]
    pub struct GenesisConfig {
        /// EIP-155. 0 is the development chain's, 20821.
        pub chain_id: u64,
        /// Hard forks by first height, as revm numbers them.
        pub forks: Vec<(u64, u8)>,
        /// Contracts: address, code in hex, slots.
        pub contracts: Vec<GenesisContract>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesis<T> for GenesisConfig {
        /// # Panics
        /// If a fork is unknown, or a code is no hex: such a chain must not start.
        fn build(&self) {
            Pallet::<T>::build_genesis(self);
        }
    }
}

/// A contract of genesis.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisContract {
    pub address: quids_core::AccountId20,
    /// Hex, with or without `0x`.
    pub code: alloc::string::String,
    /// Slot and value, 32 bytes each in hex.
    #[serde(default)]
    pub storage: alloc::vec::Vec<(alloc::string::String, alloc::string::String)>,
}
