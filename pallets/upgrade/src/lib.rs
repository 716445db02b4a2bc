//! Upgrade: how the chain replaces its own code. A council proposes, approves and uploads it, a recovery account is the last
//! resort; on chains that have one, the root account decides alone.
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
#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
mod benchmarks;
pub mod costs;
mod council;
mod invariants;
mod lifecycle;
mod migrate;
pub mod weights;

pub use apply::{CODE_DOMAIN, CodeHash, UpgradeAuthorization, code_hash};
pub use council::{COUNCIL_MAX, EnsureMember, Motion};
pub use lifecycle::{NOTES_MAX, PROPOSALS_MAX, PROPOSALS_OF_ONE_MAX};
pub use pallet::*;

/// When something happens to a proposal.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    codec::Encode,
    codec::Decode,
    codec::DecodeWithMemTracking,
    codec::MaxEncodedLen,
    scale_info::TypeInfo,
)]
pub struct AgendaItem {
    pub id: quids_api::upgrade::ProposalId,
    /// Where it is scheduled, the first block of its code; otherwise the last that it lives.
    pub due: quids_core::Height,
}

/// Runtime upgrades: proposals, the council that decides them, the root account.
#[quids_support::pallet(name = "Upgrade")]
pub mod pallet {
    use super::*;
    use crate::lifecycle::Proposed;
    use quids_api::upgrade::{Activation, Council as CouncilOf, Proposal, ProposalId};
    use quids_api::upgrade::{RunningMigration, Suspension};
    use quids_core::well_known_keys;
    use quids_io::abi::HOST_LEVEL;
    use quids_support::{
        dispatch::{DispatchErrorWithPostInfo, GetDispatchInfo, dispatch_transactional},
        migrations::Migrations,
        prelude::*,
    };

    #[pallet::config]
    pub trait Config: pallet_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// Blocks between a code that is approved and checked, and the first that it runs, at least; never less than 2.
        #[pallet::constant]
        type ActivationLead: Get<Height>;
        /// Blocks from a proposal of the recovery account to the first that its code runs, at least: the council's time
        /// to cancel it.
        #[pallet::constant]
        type RecoveryDelay: Get<Height>;
        /// Blocks after which a proposal is gone that is not approved, or whose code did not come. A vote for another
        /// council lives as long.
        #[pallet::constant]
        type ProposalLife: Get<Height>;
        /// The migrations of this code that take more than a block, in order.
        type Migrations: Migrations;
        /// At a block's end, one who may make the next; none where no block has to name its author.
        type NextAuthor: Get<Option<AccountId20>>;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    /// The account that acts as root. None: nobody does.
    #[pallet::storage]
    pub type RootKey<T> = StorageValue<_, AccountId20>;

    /// The code that anybody may apply.
    #[pallet::storage]
    pub type AuthorizedUpgrade<T> = StorageValue<_, UpgradeAuthorization>;

    /// Who decides upgrades.
    #[pallet::storage]
    pub type Council<T> = StorageValue<_, CouncilOf, ValueQuery>;

    /// Which council a member wants, and since when.
    #[pallet::storage]
    pub type CouncilVotes<T> = StorageMap<_, Blake2_128Concat, AccountId20, (CouncilOf, Height)>;

    /// The number of the next proposal.
    #[pallet::storage]
    pub type NextProposal<T> = StorageValue<_, ProposalId, ValueQuery>;

    /// Proposals that are neither activated nor gone, and when something happens to each: every block reads this.
    #[pallet::storage]
    pub type Agenda<T> = StorageValue<_, Vec<AgendaItem>, ValueQuery>;

    /// The proposals of the agenda.
    #[pallet::storage]
    pub type Proposals<T> = StorageMap<_, Twox64Concat, ProposalId, Proposal>;

    /// Code as far as it is uploaded, by proposal and index.
    #[pallet::storage]
    pub type Chunks<T> = StorageDoubleMap<_, Twox64Concat, ProposalId, Twox64Concat, u32, Vec<u8>>;

    /// Code that is whole and passed the checks; nodes compile it ahead.
    #[pallet::storage]
    pub type Code<T> = StorageMap<_, Twox64Concat, ProposalId, Vec<u8>>;

    /// Why the chain takes no transactions but those of governance. Every transaction looks whether it is there.
    #[pallet::storage]
    pub type Suspended<T> = StorageValue<_, Suspension>;

    /// The migration that is under way; in safe mode, that was.
    #[pallet::storage]
    pub type Running<T> = StorageValue<_, RunningMigration>;

    /// What a member wants decided, one motion of each kind, and since when.
    #[pallet::storage]
    pub type MotionVotes<T> = StorageMap<_, Blake2_128Concat, (AccountId20, u8), (Motion, Height)>;

    /// Migrations over many blocks that are done, by ID, and the block in which they were.
    #[pallet::storage]
    pub type Completed<T> = StorageMap<_, Twox64Concat, String, Height>;

    /// There while a block is executed that ran a migration: it has no room for an activation too.
    #[pallet::storage]
    pub type Migrated<T> = StorageValue<_, bool>;

    /// There until the end of a block whose transactions replaced the code: the old one, which is put back if no block can be made
    /// under the new.
    #[pallet::storage]
    pub type Replaced<T> = StorageValue<_, Vec<u8>>;

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
        /// An upgrade was proposed, by root if by nobody. It is gone after `expires` unless it is scheduled by then.
        Proposed {
            id: ProposalId,
            proposer: Option<AccountId20>,
            code_hash: CodeHash,
            spec_version: u32,
            expires: Height,
        },
        /// A member is for a proposal; it is approved once `needed` are.
        Approved {
            id: ProposalId,
            who: AccountId20,
            approvals: u32,
            needed: u32,
        },
        /// Root approved a proposal.
        ApprovedByRoot { id: ProposalId },
        /// A member is against a proposal; it is cancelled once `needed` are.
        Rejected {
            id: ProposalId,
            who: AccountId20,
            rejections: u32,
            needed: u32,
        },
        /// A proposal is gone: by its proposer, the recovery account, the last of the members needed, or root.
        Cancelled { id: ProposalId, by: Option<AccountId20> },
        /// A proposal is gone: approvals or code were missing too long.
        Expired { id: ProposalId },
        /// A chunk of code is there; `missing` are not.
        ChunkUploaded { id: ProposalId, index: u32, missing: u32 },
        /// The code is whole, is the proposed one, and passed the checks.
        CodeChecked { id: ProposalId, code_hash: CodeHash },
        /// The code is approved and checked: block `at` is the first that it runs.
        Scheduled { id: ProposalId, at: Height },
        /// The code replaced the chain's; the next block runs it.
        Activated { id: ProposalId, spec_version: u32 },
        /// The code failed the checks on the state that it would have found. The chain keeps its own, the proposal is gone.
        ActivationFailed { id: ProposalId, error: DispatchError },
        /// A member wants another council, as `votes` do so far; it takes `needed`.
        CouncilVoted { who: AccountId20, votes: u32, needed: u32 },
        /// The council was replaced.
        CouncilChanged { council: CouncilOf },
        /// A migration over many blocks begins, or goes on after an interruption.
        MigrationBegun { id: String },
        /// It made a step and is not done.
        MigrationAdvanced { id: String, steps: u32 },
        /// It is done.
        MigrationCompleted { id: String, steps: u32 },
        /// A migration failed and what the block did of it is undone. Until other code takes over, the chain takes
        /// transactions of governance only.
        SafeModeEntered { id: String, reason: String },
        /// Other code took over and its migrations did not fail.
        SafeModeLeft,
        /// The approval does not hold any more: a member took his back, or the council was replaced by one that would not have approved
        /// it. It is open again.
        ApprovalLost { id: ProposalId },
        /// A member wants something decided, as `votes` do so far; it takes `needed`.
        MotionVoted {
            who: AccountId20,
            motion: Motion,
            votes: u32,
            needed: u32,
        },
        /// New code may import host functions up to this level: nodes that have fewer cannot follow a chain that uses them.
        HostLevelRaised { level: u32 },
        /// No block could be made under the code that replaced the chain's in this block: the chain keeps its own.
        UpgradeUndone { error: DispatchError },
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
        /// The sender is neither root nor of the council, nor the recovery account.
        NotGovernor,
        /// Only members of the council do this.
        NotMember,
        /// The recovery account's bound key is none of SPHINCS+.
        RecoveryKeyTooWeak,
        /// There is no such proposal; it may have ended.
        NoSuchProposal,
        /// An open proposal has this code.
        AlreadyProposed,
        /// There are as many proposals as there may be, of this proposer or of all.
        TooManyProposals,
        /// The notes are longer than 1024 bytes.
        NotesTooLong,
        /// A code has a byte at least.
        CodeEmpty,
        /// The height of the activation is past, or too near for nodes to prepare.
        ActivationTooEarly,
        /// The activation is farther away than a proposal lives.
        ActivationTooLate,
        /// The member has voted like this already.
        AlreadyVoted,
        /// The proposal is approved already.
        AlreadyApproved,
        /// The code is whole and checked already.
        AlreadyChecked,
        /// The code has no chunk at this index.
        NoSuchChunk,
        /// All chunks but the last have 256 KiB; the last has what is left of the proposed size.
        WrongChunkSize,
        /// An earlier chunk is missing.
        ChunkOutOfOrder,
        /// The chunk is there already, with the same bytes.
        ChunkKnown,
        /// Chunks are missing.
        CodeIncomplete,
        /// The code states another spec version than was proposed.
        SpecVersionMismatch,
        /// No council can be like this: members each once, 1 to 32; a threshold of 1 at least and of all at most; the
        /// recovery account no member.
        InvalidCouncil,
        /// This is the council already.
        CouncilUnchanged,
        /// A migration is under way: other code would interrupt it.
        MigrationUnderWay,
        /// The chunk is there with other bytes; the proposer and root alone replace it.
        NotProposer,
        /// No migration with this ID is under way.
        NoMigration,
        /// The level of host functions rises by one at a time.
        NotNextLevel,
        /// A code that is checked waits for its approval or its height: nodes that the level leaves behind could not go on there.
        CodeWaits,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Makes a call as root. The sender must be the root account. The transaction succeeds even if the call fails,
        /// which then has changed nothing: see the event.
        #[pallet::call_index(0)]
        #[pallet::weight(costs::as_root(&call.dispatch_info()))]
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
            let actual_weight = Some(post.charged_weight(&info).saturating_add(weights::as_root()));
            Ok(PostDispatchInfo {
                actual_weight,
                pays_fee: post.pays_fee,
            })
        }

        /// Hands root to another account. Root only.
        #[pallet::call_index(1)]
        #[pallet::weight((weights::set_root(), DispatchClass::Operational))]
        pub fn set_root(origin: Origin, new: AccountId20) -> DispatchResult {
            ensure_root(origin)?;
            let old = RootKey::<T>::get();
            RootKey::<T>::put(new);
            Self::deposit_event(Event::RootChanged { old, new });
            Ok(())
        }

        /// Replaces the code at once, after the checks of `apply_authorized_upgrade`. Root only.
        #[pallet::call_index(2)]
        #[pallet::weight((costs::apply(code.len()), DispatchClass::Operational))]
        pub fn set_code(origin: Origin, code: Vec<u8>) -> DispatchResultWithPostInfo {
            ensure_root(origin)?;
            Self::apply_now(&code, code_hash(&code), true)?;
            AuthorizedUpgrade::<T>::kill();
            Ok(PostDispatchInfo {
                actual_weight: None,
                pays_fee: Pays::No,
            })
        }

        /// Allows anybody to apply the code with this hash (`code_hash` of this crate). Replaces an earlier
        /// authorization. Root only.
        #[pallet::call_index(3)]
        #[pallet::weight((weights::authorize_upgrade(), DispatchClass::Operational))]
        pub fn authorize_upgrade(origin: Origin, code_hash: CodeHash) -> DispatchResult {
            ensure_root(origin)?;
            Self::authorize(code_hash, true);
            Ok(())
        }

        /// As `authorize_upgrade`, for code whose version need not be greater. Name, ABI and trial run are still
        /// checked. Root only.
        #[pallet::call_index(4)]
        #[pallet::weight((weights::authorize_upgrade_without_checks(), DispatchClass::Operational))]
        pub fn authorize_upgrade_without_checks(origin: Origin, code_hash: CodeHash) -> DispatchResult {
            ensure_root(origin)?;
            Self::authorize(code_hash, false);
            Ok(())
        }

        /// Applies the authorized code. Anybody may; free if it succeeds. Code that fails a check changes nothing, and
        /// the authorization stays.
        #[pallet::call_index(5)]
        #[pallet::weight((costs::apply(code.len()), DispatchClass::Operational))]
        pub fn apply_authorized_upgrade(origin: Origin, code: Vec<u8>) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            let authorized = AuthorizedUpgrade::<T>::get().ok_or_else(|| Self::cheap(Error::NothingAuthorized, 0))?;
            let hash = code_hash(&code);
            if hash != authorized.code_hash {
                return Err(Self::cheap(Error::CodeHashMismatch, code.len()));
            }
            Self::apply_now(&code, hash, authorized.check_version)?;
            AuthorizedUpgrade::<T>::kill();
            Ok(PostDispatchInfo {
                actual_weight: None,
                pays_fee: Pays::No,
            })
        }

        /// Proposes code by its hash (`code_hash` of this crate), size and spec version, which it has to state. A member
        /// is for his own proposal; root's and the recovery account's are approved with that, the latter with a delay.
        #[pallet::call_index(6)]
        #[pallet::weight((weights::propose(costs::OPEN_MAX), DispatchClass::Operational))]
        pub fn propose(
            origin: Origin,
            code_hash: CodeHash,
            code_size: u32,
            spec_version: u32,
            activation: Activation,
            notes: Vec<u8>,
        ) -> DispatchResult {
            let by = Self::governor(origin)?;
            let proposed = Proposed {
                code_hash,
                code_size,
                spec_version,
                activation,
                notes,
            };
            Self::propose_as(by, proposed)
        }

        /// Is for a proposal. Members and root; a member who was against it no longer is.
        #[pallet::call_index(7)]
        #[pallet::weight((weights::approve(costs::MEMBERS_MAX), DispatchClass::Operational))]
        pub fn approve(origin: Origin, id: ProposalId) -> DispatchResult {
            let by = Self::governor(origin)?;
            Self::approve_as(by, id)
        }

        /// Ends a proposal, scheduled or not: root, the recovery account, and its proposer before it is approved. A
        /// member is against it, which ends it once as many are as an approval takes.
        #[pallet::call_index(8)]
        #[pallet::weight((weights::cancel(lifecycle::CHUNKS_MAX), DispatchClass::Operational))]
        pub fn cancel(origin: Origin, id: ProposalId) -> DispatchResult {
            let by = Self::governor(origin)?;
            Self::cancel_as(by, id)
        }

        /// Brings a part of a proposal's code: all parts have 256 KiB but the last. In order; until the code is checked its
        /// proposer and root may replace one that is there. For those with a say, and the root account.
        #[pallet::call_index(9)]
        #[pallet::weight((weights::upload_chunk(bytes.len() as u32), DispatchClass::Operational))]
        pub fn upload_chunk(origin: Origin, id: ProposalId, index: u32, bytes: Vec<u8>) -> DispatchResult {
            Self::put_chunk(origin, id, index, bytes)
        }

        /// Puts the parts together and checks the whole: hash, then all that `apply_authorized_upgrade` checks. What is
        /// refused stays as it is.
        #[pallet::call_index(10)]
        #[pallet::weight((costs::complete(quids_io::abi::CODE_SIZE_MAX), DispatchClass::Operational))]
        pub fn complete(origin: Origin, id: ProposalId) -> DispatchResultWithPostInfo {
            match Self::complete_upload(origin, id) {
                Ok(weight) => Ok(Some(weight).into()),
                Err((error, weight)) => Err(DispatchErrorWithPostInfo {
                    post_info: Some(weight).into(),
                    error,
                }),
            }
        }

        /// Replaces the council and the recovery account: root at once, a member by a vote, once as many members want
        /// the same as an approval takes.
        #[pallet::call_index(11)]
        #[pallet::weight((weights::set_council(costs::MEMBERS_MAX, costs::OPEN_MAX), DispatchClass::Operational))]
        pub fn set_council(
            origin: Origin,
            members: Vec<AccountId20>,
            threshold: u32,
            recovery: Option<AccountId20>,
        ) -> DispatchResult {
            let council = CouncilOf {
                members,
                threshold,
                recovery,
            };
            Self::replace_council(origin, council)
        }

        /// Stops the migration with this ID, if it is under way, which takes the chain into safe mode: root and the recovery
        /// account at once, members once as many want it as an approval takes. What is done of it stays; other code leads out.
        #[pallet::call_index(12)]
        #[pallet::weight((weights::stop_migration(costs::MEMBERS_MAX), DispatchClass::Operational))]
        pub fn stop_migration(origin: Origin, id: String) -> DispatchResult {
            let by = Self::governor(origin)?;
            Self::stop_as(by, id)
        }

        /// Lets new code import the host functions of the next level, once nodes have them: who decides is as for
        /// `stop_migration`. Not while a code that is checked waits. Nodes that do not have them stop at the first code that
        /// is checked.
        #[pallet::call_index(13)]
        #[pallet::weight((weights::raise_host_level(costs::MEMBERS_MAX), DispatchClass::Operational))]
        pub fn raise_host_level(origin: Origin, level: u32) -> DispatchResult {
            let by = Self::governor(origin)?;
            ensure!(
                Self::host_level().checked_add(1) == Some(level),
                Error::<T>::NotNextLevel
            );
            // It is checked once more when its height comes, where nobody can leave that out.
            ensure!(Code::<T>::iter_keys().next().is_none(), Error::<T>::CodeWaits);
            if Self::decides(by, Motion::HostLevel { level })? {
                quids_io::storage::set(well_known_keys::HOST_LEVEL, &level.encode());
                Self::deposit_event(Event::HostLevelRaised { level });
            }
            Ok(())
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks for Pallet<T> {
        fn on_initialize(height: Height) -> Weight {
            Self::begin_block(height)
        }

        fn try_state() -> Result<(), String> {
            invariants::check::<T>()
        }
    }

    #[pallet::genesis_config]
    #[derive(Default)]
    pub struct GenesisConfig {
        /// The root account.
        pub root: Option<AccountId20>,
        /// The council's members; none: there is no council.
        pub council: Vec<AccountId20>,
        /// How many members an approval takes.
        pub threshold: u32,
        /// The account of last resort. A key of SPHINCS+ has to be bound to it before it can act.
        pub recovery: Option<AccountId20>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesis<T> for GenesisConfig {
        #[expect(clippy::panic, reason = "a wrong genesis must not become a chain")]
        fn build(&self) {
            // Whoever runs this code has what it may import; where the key is absent the level is 1.
            if HOST_LEVEL > 1 {
                quids_io::storage::set(well_known_keys::HOST_LEVEL, &HOST_LEVEL.encode());
            }
            RootKey::<T>::set(self.root);
            if self.council.is_empty() && self.threshold == 0 && self.recovery.is_none() {
                return;
            }
            let council = CouncilOf {
                members: self.council.clone(),
                threshold: self.threshold,
                recovery: self.recovery,
            };
            match council::checked(council) {
                Ok(council) => Council::<T>::put(council),
                Err(reason) => panic!("genesis of upgrade: {reason}"),
            }
        }
    }

    impl<T: Config> Pallet<T> {
        fn ensure_root_account(origin: Origin) -> Result<(), DispatchErrorWithPostInfo> {
            let who = ensure_signed(origin)?;
            if RootKey::<T>::get() == Some(who) {
                return Ok(());
            }
            let post_info = Some(weights::as_root()).into();
            Err(DispatchErrorWithPostInfo {
                post_info,
                error: Error::<T>::NotRoot.into(),
            })
        }

        /// Which host functions new code may import.
        pub fn host_level() -> u32 {
            quids_io::storage::get_with(well_known_keys::HOST_LEVEL, |bytes| {
                quids_io::abi::state_level(bytes).unwrap_or(1)
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
                post_info: Some(costs::hashing(hashed)).into(),
                error: error.into(),
            }
        }
    }
}
