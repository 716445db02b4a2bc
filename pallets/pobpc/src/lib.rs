//! POBPC: who may vote and make blocks, who does at each height, and what becomes of those who break the rules.
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

mod beacon;
#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
pub mod benchmarks;
mod costs;
mod genesis;
mod height;
mod invariants;
mod membership;
mod offence;
mod participation;
mod select;
mod signers;
mod types;
pub mod weights;

pub use genesis::{GenesisRole, GenesisValidator};
pub use pallet::*;
pub use select::{draw_weight, seats_for, select_witnesses};
pub use types::{Candidate, Commitment, Member, Parameters, Reliability, Validator};

/// The most validators that a chain may have: a draw looks at all of them.
pub const VALIDATORS_MAX: usize = 512;

/// Validators, committees, the parameters of consensus.
#[quids_support::pallet(name = "Pobpc")]
pub mod pallet {
    use super::*;
    use quids_api::{TransactionValidityError, UnknownTransaction, pobpc::JUSTIFICATION_INHERENT};
    use quids_crypto::{PublicKey, Signature};
    use quids_pobpc::{Evidence, Justification, Role};
    use quids_support::{
        prelude::*,
        traits::{Currency, FeePot},
    };

    #[pallet::config]
    pub trait Config: pallet_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// Holds bonds, and takes what is slashed.
        type Currency: Currency + FeePot;
        /// The author that the block's digest names.
        type Author: Get<Option<AccountId20>>;
        /// The least that a validator bonds.
        #[pallet::constant]
        type MinimumBond: Get<Balance>;
        /// Blocks after which members and their costs are looked at anew; what was seen counts after as many blocks
        /// more, so that nobody who changes them knows the beacon that they will meet.
        #[pallet::constant]
        type EpochLength: Get<Height>;
        /// For so many heights evidence is accepted, and the committees are kept.
        #[pallet::constant]
        type EvidenceWindow: Get<Height>;
        /// Blocks from `leave` to `withdraw`. Covers two epochs and the window of evidence.
        #[pallet::constant]
        type UnbondingDelay: Get<Height>;
        /// Blocks that a punished validator waits at least.
        #[pallet::constant]
        type JailTerm: Get<Height>;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    /// The specification's parameters.
    #[pallet::storage]
    pub type CurrentParameters<T> = StorageValue<_, Parameters, ValueQuery>;

    /// Transactions that the next block may have: the parameter, or more under load.
    #[pallet::storage]
    pub type TransactionLimit<T> = StorageValue<_, u32>;

    /// Transactions of the block in execution. Only added to, until the block ends.
    #[pallet::storage]
    pub type TransactionCount<T> = StorageValue<_, u128, ValueQuery>;

    /// All validators, those that are leaving or jailed included.
    #[pallet::storage]
    pub type Validators<T> = StorageMap<_, Blake2_128Concat, AccountId20, Validator>;

    /// Their consensus keys, apart since they are large. A key stays as long as its validator is known.
    #[pallet::storage]
    pub type ConsensusKeys<T> = StorageMap<_, Blake2_128Concat, AccountId20, PublicKey>;

    /// Whose a key is, by the BLAKE3-256 of its SCALE.
    #[pallet::storage]
    pub type KeyOwner<T> = StorageMap<_, Identity, Hash, AccountId20>;

    /// Active validators and their roles, by account. Empty: the chain has no consensus, for ever.
    #[pallet::storage]
    pub type Active<T> = StorageValue<_, Vec<Member>, ValueQuery>;

    /// Whom committees are drawn from in this epoch, by account.
    #[pallet::storage]
    pub type Candidates<T> = StorageValue<_, Vec<Candidate>, ValueQuery>;

    /// Those of the next epoch.
    #[pallet::storage]
    pub type NextCandidates<T> = StorageValue<_, Vec<Candidate>, ValueQuery>;

    /// Whether the next committee has to be selected: something changed, or there are more candidates than seats.
    /// Otherwise it is the one before.
    #[pallet::storage]
    pub type SelectAnew<T> = StorageValue<_, bool, ValueQuery>;

    /// The committee of a height, by seat. From the window of evidence to the next height.
    #[pallet::storage]
    pub type Seats<T> = StorageMap<_, Twox64Concat, Height, Vec<Member>>;

    /// `Committee::hash` of the highest entry of `Seats`.
    #[pallet::storage]
    pub type CommitteeHash<T> = StorageValue<_, Hash, ValueQuery>;

    /// What the draw of the height after the next hangs on: all reveals so far.
    #[pallet::storage]
    pub type Beacon<T> = StorageValue<_, Hash, ValueQuery>;

    /// What was slashed for an offence, by its height and who committed it. As long as evidence of the height counts.
    #[pallet::storage]
    pub type Offences<T> = StorageDoubleMap<_, Twox64Concat, Height, Twox64Concat, AccountId20, Balance>;

    /// The last height whose block told who had voted for its parent.
    #[pallet::storage]
    pub type VotesNoted<T> = StorageValue<_, Height>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// An account became a validator.
        Registered {
            account: AccountId20,
            role: Role,
            bond: Balance,
        },
        /// A validator bonded more: so much in all.
        Bonded { account: AccountId20, bond: Balance },
        /// A validator committed to another hash chain, from which it may reveal from this height on.
        Committed { account: AccountId20, from: Height },
        /// A validator will have no seat after two epochs at most, and may withdraw its bond from this height on.
        Left { account: AccountId20, until: Height },
        /// A validator is none any more, and has its bond back.
        Withdrawn { account: AccountId20, bond: Balance },
        /// A validator signed two messages for one place at this height, and lost part of its bond.
        Slashed {
            account: AccountId20,
            height: Height,
            amount: Balance,
        },
        /// Whoever proved an offence got part of what was slashed.
        Rewarded { account: AccountId20, amount: Balance },
        /// A validator has lost its seats and may ask to come back from this height on.
        Jailed { account: AccountId20, until: Height },
        /// A jailed validator is back.
        Unjailed { account: AccountId20 },
        /// Root set the parameters.
        ParametersSet { parameters: Parameters },
        /// The next block may have so many transactions.
        TransactionLimitSet { limit: u32 },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The chain began without validators: one node makes its blocks.
        NoConsensus,
        /// The account is a validator already.
        AlreadyValidator,
        /// The account is no validator.
        NoValidator,
        /// Votes are signed with Falcon-512 or ML-DSA-87.
        KeyScheme,
        /// Another validator has this key.
        KeyTaken,
        /// The proof is not a signature by the key over the registration message.
        InvalidProof,
        /// The bond is below the least that there may be.
        BondTooSmall,
        /// There are as many validators as there may be.
        TooManyValidators,
        /// The validator is leaving.
        Leaving,
        /// Without this validator there would be too few full nodes.
        Needed,
        /// It is not yet time, or the validator has a seat still.
        TooEarly,
        /// The validator is not jailed.
        NotJailed,
        /// A parameter is out of its range.
        ParameterOutOfRange,
        /// The threshold may only be raised.
        ThresholdLowered,
        /// The committee of this height is not known any more, or not yet.
        UnknownHeight,
        /// The evidence proves nothing.
        NoOffence,
        /// The validator was punished for this height.
        AlreadyPunished,
        /// The block has said who voted for its parent.
        VotesAlreadyNoted,
        /// It does not prove that the parent is final.
        NoJustification,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Makes the sender a validator, which may have a seat from the epoch after the next on.
        ///
        /// `proof`: signature by `key` over `quids_pobpc::registration_message`. `commitment`: the last link of a hash
        /// chain (`quids_pobpc::chain_hash`); without one the validator counts as unreliable.
        #[pallet::call_index(0)]
        #[pallet::weight(weights::register(costs::ACTIVE_MAX))]
        pub fn register(
            origin: Origin,
            key: PublicKey,
            role: Role,
            proof: Signature,
            #[pallet::compact] bond: Balance,
            commitment: Option<Hash>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_register(who, key, role, &proof, bond, commitment)
        }

        /// Adds to the sender's bond.
        #[pallet::call_index(1)]
        #[pallet::weight(weights::bond_more())]
        pub fn bond_more(origin: Origin, #[pallet::compact] amount: Balance) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_bond_more(who, amount)
        }

        /// Commits the sender to another hash chain: the first, or when one ends.
        #[pallet::call_index(2)]
        #[pallet::weight(weights::commit())]
        pub fn commit(origin: Origin, commitment: Hash) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_commit(who, commitment)
        }

        /// The sender will be no validator any more. Refused where too few full nodes would be left.
        #[pallet::call_index(3)]
        #[pallet::weight(weights::leave(costs::ACTIVE_MAX))]
        pub fn leave(origin: Origin) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_leave(who)
        }

        /// Gives the sender, who has left, its bond back and forgets it.
        #[pallet::call_index(4)]
        #[pallet::weight(costs::withdraw())]
        pub fn withdraw(origin: Origin) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_withdraw(who)
        }

        /// Ends the sender's time in jail, once it is over.
        #[pallet::call_index(5)]
        #[pallet::weight(weights::unjail(costs::ACTIVE_MAX))]
        pub fn unjail(origin: Origin) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_unjail(who)
        }

        /// Proves that a member signed two messages for one place: it is slashed and jailed. Anybody may, also without a
        /// signature, then without a reward. Free if it proves something new.
        #[pallet::call_index(6)]
        #[pallet::weight((costs::report::<T>(), DispatchClass::Operational))]
        pub fn report(origin: Origin, evidence: Evidence) -> DispatchResultWithPostInfo {
            let reporter = match origin {
                Origin::None => None,
                signed => Some(ensure_signed(signed)?),
            };
            Self::do_report(&evidence, reporter)?;
            Ok(PostDispatchInfo {
                actual_weight: None,
                pays_fee: Pays::No,
            })
        }

        /// Tells who voted for the parent. The author's call: once a block at most, not to be sent as a transaction.
        #[pallet::call_index(8)]
        #[pallet::weight((costs::note_votes(justification.signatures.len() as u32), DispatchClass::Mandatory))]
        pub fn note_votes(origin: Origin, justification: Justification) -> DispatchResult {
            ensure_none(origin)?;
            Self::do_note_votes(&justification)
        }

        /// Sets the parameters, for the next height on. Root only; the threshold may only be raised.
        #[pallet::call_index(7)]
        #[pallet::weight((weights::set_parameters(costs::ACTIVE_MAX), DispatchClass::Operational))]
        pub fn set_parameters(origin: Origin, parameters: Parameters) -> DispatchResult {
            ensure_root(origin)?;
            ensure!(
                parameters.check(Self::transactions_max()).is_ok(),
                Error::<T>::ParameterOutOfRange
            );
            let before = CurrentParameters::<T>::get();
            ensure!(
                parameters.consensus_threshold >= before.consensus_threshold,
                Error::<T>::ThresholdLowered
            );
            let active = Active::<T>::get();
            let is_no_larger = parameters.witness_count <= before.witness_count;
            ensure!(
                is_no_larger || membership::enough_full(&active, parameters.witness_count).is_ok(),
                Error::<T>::Needed
            );
            CurrentParameters::<T>::put(parameters);
            SelectAnew::<T>::put(true);
            Self::deposit_event(Event::ParametersSet { parameters });
            Ok(())
        }
    }

    #[pallet::inherent]
    impl<T: Config> ProvideInherent for Pallet<T> {
        type Call = Call<T>;
        const IDENTIFIER: Option<InherentIdentifier> = Some(JUSTIFICATION_INHERENT);

        /// The parent's justification, if the author has one that proves it.
        fn create_inherent(data: &InherentData) -> Option<Call<T>> {
            let justification = data.get(&JUSTIFICATION_INHERENT)?;
            Self::voters(&justification).ok()?;
            Some(Call::note_votes { justification })
        }

        fn is_inherent(call: &Call<T>) -> bool {
            matches!(call, Call::note_votes { .. })
        }
    }

    #[pallet::validate_unsigned]
    impl<T: Config> ValidateUnsigned for Pallet<T> {
        type Call = Call<T>;

        /// Evidence without a signature: only what proves something new.
        fn validate_unsigned(_source: TransactionSource, call: &Call<T>) -> TransactionValidity {
            match call {
                Call::report { evidence } => Self::validate_report(evidence),
                _ => Err(TransactionValidityError::Unknown(
                    UnknownTransaction::NoUnsignedValidator,
                )),
            }
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks for Pallet<T> {
        /// # Panics
        /// If the chain has validators and the block's author is no member of the height's committee.
        fn on_initialize(height: Height) -> Weight {
            Self::check_author(height)
        }

        /// # Panics
        /// If the chain has validators and the block has more transactions than it may.
        fn on_finalize(height: Height) {
            Self::end_height(height);
        }

        fn try_state() -> Result<(), String> {
            invariants::check::<T>()
        }
    }

    #[pallet::genesis_config]
    #[derive(Default)]
    pub struct GenesisConfig {
        /// Empty: one node makes the blocks.
        pub validators: Vec<GenesisValidator>,
        /// The specification's parameters, each with its default. Milliseconds; the threshold in millionths.
        pub max_transactions: Option<u32>,
        pub batch_interval: Option<u64>,
        pub witness_count: Option<u16>,
        pub consensus_threshold: Option<u32>,
        pub checkpoint_interval: Option<u32>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesis<T> for GenesisConfig {
        /// # Panics
        /// If parameters are out of range or validators are no committee: such a chain must not start.
        #[expect(clippy::panic, reason = "a wrong genesis must not become a chain")]
        fn build(&self) {
            if let Err(reason) = self.write::<T>() {
                panic!("genesis of pobpc: {reason}");
            }
        }
    }
}
