//! A proposal's way: proposed, approved, uploaded, checked, scheduled, activated; or cancelled, expired, failed.

use crate::{
    Agenda, AgendaItem, Chunks, Code, Config, Council, Error, Event, Migrated, NextProposal, Pallet, Proposals,
    RootKey, Running, Suspended, apply::code_hash, costs, council::Governor,
};
use alloc::vec::Vec;
use codec::Encode;
use quids_api::upgrade::{Activation, CHUNK_SIZE, Proposal, ProposalId, Stage, UpgradeStatus};
use quids_core::{AUTHOR_ENGINE_ID, AccountId20, Digest, DigestItem, DispatchError, Hash, Header, Height, Weight};
use quids_io::abi::CODE_SIZE_MAX;
use quids_support::{
    ensure,
    origin::Origin,
    system::SystemPort,
    traits::{BlockHeight, Get},
};

/// Bytes of a proposal's notes.
pub const NOTES_MAX: usize = 1024;
/// Open and scheduled proposals; root and the recovery account may have theirs beyond.
pub const PROPOSALS_MAX: usize = 16;
/// Those of one proposer, so that no member can take all the places.
pub const PROPOSALS_OF_ONE_MAX: usize = 2;
/// Chunks that the largest code has.
pub(crate) const CHUNKS_MAX: u32 = CODE_SIZE_MAX.div_ceil(CHUNK_SIZE) as u32;

/// What a proposal states.
pub(crate) struct Proposed {
    pub code_hash: [u8; 64],
    pub code_size: u32,
    pub spec_version: u32,
    pub activation: Activation,
    pub notes: Vec<u8>,
}

fn now<T: Config>() -> Height {
    <pallet_system::Pallet<T> as BlockHeight>::height()
}

impl<T: Config> Pallet<T> {
    /// Blocks from where all is ready to the first block of the new code, at least: the block that schedules it is not
    /// the one that replaces the code, and nodes have the time to compile it.
    fn lead() -> Height {
        T::ActivationLead::get().max(Height(2))
    }

    pub(crate) fn propose_as(by: Governor, proposed: Proposed) -> Result<(), DispatchError> {
        let now = now::<T>();
        Self::check_proposed(by, &proposed, now)?;
        let id = NextProposal::<T>::get();
        let next = id.checked_add(1).ok_or(Error::<T>::TooManyProposals)?;
        let expires = now.saturating_add(T::ProposalLife::get());
        let Proposed {
            code_hash,
            code_size,
            spec_version,
            activation,
            notes,
        } = proposed;
        let proposer = by.account();
        let mut proposal = Proposal {
            proposer,
            code_hash,
            code_size,
            spec_version,
            activation,
            notes,
            approvals: Vec::new(),
            rejections: Vec::new(),
            is_approved: !matches!(by, Governor::Member(_)),
            not_before: Height::ZERO,
            chunks: 0,
            is_checked: false,
            stage: Stage::Open { expires },
        };
        if let Governor::Recovery(_) = by {
            proposal.not_before = now.saturating_add(T::RecoveryDelay::get());
        }
        NextProposal::<T>::put(next);
        Agenda::<T>::mutate(|agenda| agenda.push(AgendaItem { id, due: expires }));
        Self::deposit_event(Event::Proposed {
            id,
            proposer,
            code_hash,
            spec_version,
            expires,
        });
        if let Governor::Member(who) = by {
            proposal.approvals.push(who);
            Self::count_approvals(id, &mut proposal, who);
        }
        Proposals::<T>::insert(&id, proposal);
        Ok(())
    }

    fn check_proposed(by: Governor, proposed: &Proposed, now: Height) -> Result<(), DispatchError> {
        ensure!(proposed.notes.len() <= NOTES_MAX, Error::<T>::NotesTooLong);
        ensure!(proposed.code_size > 0, Error::<T>::CodeEmpty);
        ensure!(proposed.code_size as usize <= CODE_SIZE_MAX, Error::<T>::CodeTooLarge);
        ensure!(
            proposed.spec_version > T::Version::get().spec_version,
            Error::<T>::SpecVersionMustIncrease
        );
        let delay = match proposed.activation {
            Activation::At(height) => height.checked_sub(now).filter(|delay| *delay >= Self::lead()),
            Activation::After(delay) => Some(delay),
        };
        let delay = delay.ok_or(Error::<T>::ActivationTooEarly)?;
        ensure!(delay <= T::ProposalLife::get(), Error::<T>::ActivationTooLate);
        let open: Vec<Proposal> = Agenda::<T>::get()
            .iter()
            .filter_map(|item| Proposals::<T>::get(&item.id))
            .collect();
        // A member that proposes the same code otherwise must not be in the way of others than members.
        let is_known = |other: &Proposal| {
            other.code_hash == proposed.code_hash
                && (matches!(by, Governor::Member(_)) || other.proposer == by.account())
        };
        ensure!(!open.iter().any(is_known), Error::<T>::AlreadyProposed);
        let own = open.iter().filter(|other| other.proposer == by.account()).count();
        let is_full = own >= PROPOSALS_OF_ONE_MAX || matches!(by, Governor::Member(_)) && open.len() >= PROPOSALS_MAX;
        ensure!(!is_full, Error::<T>::TooManyProposals);
        Ok(())
    }

    pub(crate) fn approve_as(by: Governor, id: ProposalId) -> Result<(), DispatchError> {
        let mut proposal = Self::proposal(id)?;
        ensure!(!proposal.is_approved, Error::<T>::AlreadyApproved);
        match by {
            Governor::Root => {
                proposal.is_approved = true;
                // What members said counts no more: nor does it end the approval.
                proposal.approvals.clear();
                Self::deposit_event(Event::ApprovedByRoot { id });
            }
            Governor::Member(who) => {
                ensure!(!proposal.approvals.contains(&who), Error::<T>::AlreadyVoted);
                proposal.rejections.retain(|other| *other != who);
                proposal.approvals.push(who);
                Self::count_approvals(id, &mut proposal, who);
            }
            Governor::Recovery(_) => return Err(Error::<T>::NotMember.into()),
        }
        Self::schedule_if_ready(id, &mut proposal);
        Proposals::<T>::insert(&id, proposal);
        Ok(())
    }

    /// Members alone count: one who left the council has no say, whatever he said before.
    fn count_approvals(id: ProposalId, proposal: &mut Proposal, who: AccountId20) {
        let council = Council::<T>::get();
        let (approvals, needed) = (council.count(&proposal.approvals), council.threshold);
        proposal.is_approved = approvals >= needed;
        Self::deposit_event(Event::Approved {
            id,
            who,
            approvals,
            needed,
        });
    }

    pub(crate) fn cancel_as(by: Governor, id: ProposalId) -> Result<(), DispatchError> {
        let mut proposal = Self::proposal(id)?;
        let is_own = !proposal.is_approved && proposal.proposer == by.account();
        if let Governor::Member(who) = by
            && !is_own
        {
            ensure!(!proposal.rejections.contains(&who), Error::<T>::AlreadyVoted);
            let council = Council::<T>::get();
            let was_enough = council.count(&proposal.approvals) >= council.threshold;
            proposal.approvals.retain(|other| *other != who);
            proposal.rejections.push(who);
            let is_enough = council.count(&proposal.approvals) >= council.threshold;
            let (rejections, needed) = (council.count(&proposal.rejections), council.threshold);
            Self::deposit_event(Event::Rejected {
                id,
                who,
                rejections,
                needed,
            });
            if rejections < needed {
                // What members approved, too few of them want now.
                if proposal.is_approved && was_enough && !is_enough {
                    Agenda::<T>::mutate(|agenda| {
                        if let Some(item) = agenda.iter_mut().find(|item| item.id == id) {
                            Self::reopen(&mut proposal, item);
                        }
                    });
                }
                Proposals::<T>::insert(&id, proposal);
                return Ok(());
            }
        }
        Self::remove(id);
        Self::deposit_event(Event::Cancelled { id, by: by.account() });
        Ok(())
    }

    pub(crate) fn put_chunk(origin: Origin, id: ProposalId, index: u32, bytes: Vec<u8>) -> Result<(), DispatchError> {
        let mut proposal = Self::proposal(id)?;
        Self::ensure_uploader(origin, &proposal)?;
        ensure!(!proposal.is_checked, Error::<T>::AlreadyChecked);
        let size = proposal.chunk_size(index).ok_or(Error::<T>::NoSuchChunk)?;
        ensure!(bytes.len() == size, Error::<T>::WrongChunkSize);
        ensure!(index <= proposal.chunks, Error::<T>::ChunkOutOfOrder);
        if let Some(known) = Chunks::<T>::get(&id, &index) {
            ensure!(known != bytes, Error::<T>::ChunkKnown);
            // Or two members could keep each other from ending an upload.
            ensure!(Self::answers_for(origin, &proposal), Error::<T>::NotProposer);
        }
        Chunks::<T>::insert(&id, &index, bytes);
        if index == proposal.chunks {
            proposal.chunks = proposal.chunks.saturating_add(1);
        }
        let missing = proposal.chunk_count().saturating_sub(proposal.chunks);
        Self::deposit_event(Event::ChunkUploaded { id, index, missing });
        Proposals::<T>::insert(&id, proposal);
        Ok(())
    }

    /// Puts the chunks together and checks the whole. The weight used, as far as it is known.
    pub(crate) fn complete_upload(origin: Origin, id: ProposalId) -> Result<Weight, (DispatchError, Weight)> {
        let early = |error: DispatchError| (error, costs::COMPLETE_REFUSED);
        let mut proposal = Self::proposal(id).map_err(early)?;
        Self::ensure_uploader(origin, &proposal).map_err(early)?;
        if proposal.is_checked {
            return Err(early(Error::<T>::AlreadyChecked.into()));
        }
        if proposal.chunks < proposal.chunk_count() {
            return Err(early(Error::<T>::CodeIncomplete.into()));
        }
        let code = Self::joined(id, &proposal);
        if code_hash(&code) != proposal.code_hash {
            let weight = costs::reading_code(code.len());
            return Err((Error::<T>::CodeHashMismatch.into(), weight));
        }
        let weight = costs::complete(code.len());
        let version = Self::check(&code, true, None).map_err(|error| (error, weight))?;
        if version.spec_version != proposal.spec_version {
            return Err((Error::<T>::SpecVersionMismatch.into(), weight));
        }
        Chunks::<T>::clear_prefix(&id, CHUNKS_MAX);
        Code::<T>::insert(&id, code);
        proposal.is_checked = true;
        Self::deposit_event(Event::CodeChecked {
            id,
            code_hash: proposal.code_hash,
        });
        Self::schedule_if_ready(id, &mut proposal);
        Proposals::<T>::insert(&id, proposal);
        Ok(weight)
    }

    fn schedule_if_ready(id: ProposalId, proposal: &mut Proposal) {
        if !proposal.is_approved || !proposal.is_checked {
            return;
        }
        let now = now::<T>();
        let wanted = match proposal.activation {
            Activation::At(height) => height,
            Activation::After(delay) => now.saturating_add(delay),
        };
        let at = wanted.max(proposal.not_before).max(now.saturating_add(Self::lead()));
        proposal.stage = Stage::Scheduled { at };
        Agenda::<T>::mutate(|agenda| {
            if let Some(item) = agenda.iter_mut().find(|item| item.id == id) {
                item.due = at;
            }
        });
        Self::deposit_event(Event::Scheduled { id, at });
    }

    /// What members approved who are none any more, and the new council would not have, is open again.
    pub(crate) fn recount_approvals(council: &quids_api::upgrade::Council) {
        let mut agenda = Agenda::<T>::get();
        for item in &mut agenda {
            let Some(mut proposal) = Proposals::<T>::get(&item.id) else {
                continue;
            };
            // Without any, root or the recovery account decided.
            let by_members = proposal.is_approved && !proposal.approvals.is_empty();
            if !by_members || council.count(&proposal.approvals) >= council.threshold {
                continue;
            }
            Self::reopen(&mut proposal, item);
            Proposals::<T>::insert(&item.id, proposal);
        }
        Agenda::<T>::put(agenda);
    }

    /// Of a proposal that has too few approvals now.
    fn reopen(proposal: &mut Proposal, item: &mut AgendaItem) {
        let expires = now::<T>().saturating_add(T::ProposalLife::get());
        proposal.is_approved = false;
        proposal.stage = Stage::Open { expires };
        item.due = expires;
        Self::deposit_event(Event::ApprovalLost { id: item.id });
    }

    fn proposal(id: ProposalId) -> Result<Proposal, DispatchError> {
        Proposals::<T>::get(&id).ok_or_else(|| Error::<T>::NoSuchProposal.into())
    }

    /// Forgets a proposal and its code.
    fn remove(id: ProposalId) {
        Proposals::<T>::remove(&id);
        Code::<T>::remove(&id);
        Chunks::<T>::clear_prefix(&id, CHUNKS_MAX);
        Agenda::<T>::mutate(|agenda| agenda.retain(|item| item.id != id));
    }

    /// At a block's start: what expired goes, and the weight is declared of an activation at the block's end.
    pub(crate) fn begin_block(height: Height) -> Weight {
        let mut weight = costs::AGENDA;
        // What is busy has no room for an activation: the block ran a migration, or one is under way.
        let mut activates = Migrated::<T>::exists() || Self::is_migrating();
        for AgendaItem { id, due } in Agenda::<T>::get() {
            if due > height.saturating_add(Height(1)) {
                continue;
            }
            let Some(proposal) = Proposals::<T>::get(&id) else {
                continue;
            };
            match proposal.stage {
                Stage::Scheduled { .. } if !activates => {
                    activates = true;
                    weight = weight.saturating_add(costs::activate(proposal.code_size as usize));
                }
                Stage::Open { expires } if expires < height => {
                    Self::remove(id);
                    Self::deposit_event(Event::Expired { id });
                    weight = weight.saturating_add(costs::REMOVE);
                }
                Stage::Scheduled { .. } | Stage::Open { .. } => {}
            }
        }
        weight
    }

    /// The next block as code on trial begins it: its parent has no hash yet.
    fn next_header(number: Height) -> Header {
        let named = |who: AccountId20| DigestItem::PreRuntime(AUTHOR_ENGINE_ID, who.encode());
        Header {
            parent_hash: Hash::zero(),
            number,
            state_root: Hash::zero(),
            extrinsics_root: Hash::zero(),
            digest: Digest {
                logs: T::NextAuthor::get().map(named).into_iter().collect(),
            },
        }
    }

    /// At a block's end, after all pallets: the code that is due in the next block replaces the chain's, if it still passes the checks
    /// and makes that block. What transactions replaced has to make it as well.
    pub(crate) fn replace_due(height: Height) {
        let next = height.saturating_add(Height(1));
        let is_busy = Migrated::<T>::take().is_some() || Self::is_migrating();
        // One a block: what else is due waits for the next.
        if pallet_system::Pallet::<T>::code_update_pending() {
            return Self::confirm(&Self::next_header(next));
        }
        if is_busy {
            return;
        }
        let due = Agenda::<T>::get().into_iter().find_map(|item| {
            let proposal = Proposals::<T>::get(&item.id).filter(|_| item.due <= next)?;
            matches!(proposal.stage, Stage::Scheduled { .. }).then_some((item.id, proposal))
        });
        let Some((id, proposal)) = due else { return };
        let code = Code::<T>::get(&id).unwrap_or_default();
        // Before the trial, in whose block it would be due again.
        Self::remove(id);
        // The state is another one than that of the first check, and the chain may run another code by now.
        let applied = Self::apply(&code, proposal.code_hash, true, Some(&Self::next_header(next)));
        Self::deposit_event(match applied {
            Ok(()) => Event::Activated {
                id,
                spec_version: proposal.spec_version,
            },
            Err(error) => Event::ActivationFailed { id, error },
        });
    }

    /// What there is to know.
    pub fn status() -> UpgradeStatus {
        let agenda = Agenda::<T>::get();
        UpgradeStatus {
            council: Council::<T>::get(),
            proposals: agenda
                .iter()
                .filter_map(|item| Some((item.id, Proposals::<T>::get(&item.id)?)))
                .collect(),
            migration: Running::<T>::get(),
            suspended: Suspended::<T>::get(),
        }
    }

    /// The code of a proposal, once all of it is uploaded.
    pub fn proposed_code(id: ProposalId) -> Option<Vec<u8>> {
        let proposal = Proposals::<T>::get(&id)?;
        if proposal.is_checked {
            return Code::<T>::get(&id);
        }
        (proposal.chunks == proposal.chunk_count()).then(|| Self::joined(id, &proposal))
    }

    fn joined(id: ProposalId, proposal: &Proposal) -> Vec<u8> {
        let mut code = Vec::with_capacity(proposal.code_size as usize);
        for index in 0..proposal.chunks {
            code.extend(Chunks::<T>::get(&id, &index).unwrap_or_default());
        }
        code
    }

    /// BLAKE3-256 of an uploaded chunk.
    pub fn chunk_hash(id: ProposalId, index: u32) -> Option<[u8; 32]> {
        Chunks::<T>::get(&id, &index).map(|bytes| quids_io::hashing::blake3_256(&bytes))
    }

    /// The root account.
    pub fn root() -> Option<AccountId20> {
        RootKey::<T>::get()
    }
}
