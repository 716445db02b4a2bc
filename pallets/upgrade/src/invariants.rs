//! What always holds of upgrades, for tests and dry runs.

use crate::{
    Agenda, AgendaItem, Chunks, Code, Config, Council, CouncilVotes, MotionVotes, NOTES_MAX, NextProposal,
    PROPOSALS_OF_ONE_MAX, Proposals, Running, Suspended, code_hash, council,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
};
use quids_api::upgrade::{Proposal, ProposalId, Stage, Suspension};
use quids_core::{AccountId20, Height};
use quids_support::{ensure, traits::BlockHeight};

/// The council is one, or there is none; whoever wants another one is a member. Proposals are those of the agenda, each with the
/// code that it says, none without a proposal. Transactions wait only for the migration that runs.
pub(crate) fn check<T: Config>() -> Result<(), String> {
    check_council::<T>()?;
    check_agenda::<T>()?;
    for (id, proposal) in Proposals::<T>::iter() {
        let of = |reason: String| format!("proposal {id}: {reason}");
        check_proposal(&proposal).map_err(of)?;
        check_code::<T>(id, &proposal).map_err(of)?;
    }
    for (id, index, _) in Chunks::<T>::iter() {
        let is_of = |proposal: Proposal| !proposal.is_checked && index < proposal.chunks;
        ensure!(
            Proposals::<T>::get(&id).is_some_and(is_of),
            format!("chunk {index} of proposal {id} is kept, and belongs to none")
        );
    }
    for id in Code::<T>::iter_keys() {
        ensure!(
            Proposals::<T>::get(&id).is_some_and(|proposal| proposal.is_checked),
            format!("the code of proposal {id} is kept, which is not there or not checked")
        );
    }
    if let Some(Suspension::Migration { id }) = Suspended::<T>::get() {
        let running = Running::<T>::get().map(|running| running.id);
        ensure!(
            running.as_ref() == Some(&id),
            format!("transactions wait for migration {id}, running is {running:?}")
        );
    }
    Ok(())
}

fn check_council<T: Config>() -> Result<(), String> {
    let current = Council::<T>::get();
    if current != Default::default() {
        let checked = council::checked(current.clone())?;
        ensure!(checked == current, "the council's members are not in order");
    }
    for (who, (wanted, since)) in CouncilVotes::<T>::iter() {
        ensure!(
            current.has(&who),
            format!("{who} wants another council since {since}, and is no member")
        );
        council::checked(wanted).map_err(|reason| format!("{who} wants what is no council: {reason}"))?;
    }
    for ((who, kind), (motion, since)) in MotionVotes::<T>::iter() {
        ensure!(
            current.has(&who) && motion.kind() == kind,
            format!("{who} wants {motion:?} (kind {kind}) since {since}, and is no member, or wants it elsewhere")
        );
    }
    Ok(())
}

/// Agenda and proposals are the same, in the order of their numbers; what is due fits; nobody has more than he may.
fn check_agenda<T: Config>() -> Result<(), String> {
    let now = <pallet_system::Pallet<T> as BlockHeight>::height();
    let agenda = Agenda::<T>::get();
    ensure!(
        agenda.is_sorted_by(|a, b| a.id < b.id),
        "the agenda is not in the order of its proposals, each once"
    );
    let next = NextProposal::<T>::get();
    let mut of_proposer: BTreeMap<Option<AccountId20>, usize> = BTreeMap::new();
    for AgendaItem { id, due } in &agenda {
        ensure!(*id < next, format!("there is a proposal {id}, the next is {next}"));
        let proposal = Proposals::<T>::get(id).ok_or_else(|| format!("proposal {id} of the agenda is not there"))?;
        // What is scheduled may be late: one code a block, and none while a migration is under way. What expired goes in the next block.
        let (of_stage, is_past) = match proposal.stage {
            Stage::Open { expires } => (expires, expires.saturating_add(Height(1)) < now),
            Stage::Scheduled { at } => (at, false),
        };
        ensure!(
            of_stage == *due,
            format!("proposal {id} is due at {of_stage}, the agenda says {due}")
        );
        ensure!(
            !is_past,
            format!("proposal {id} is {:?}, in block {now}", proposal.stage)
        );
        let own = of_proposer.entry(proposal.proposer).or_default();
        *own = own.saturating_add(1);
        ensure!(
            *own <= PROPOSALS_OF_ONE_MAX,
            format!("{:?} has more than {PROPOSALS_OF_ONE_MAX} proposals", proposal.proposer)
        );
    }
    for id in Proposals::<T>::iter_keys() {
        ensure!(
            agenda.iter().any(|item| item.id == id),
            format!("proposal {id} is not of the agenda")
        );
    }
    Ok(())
}

/// No voter twice, for or against; scheduled only what is approved and checked; checked only what is whole.
fn check_proposal(proposal: &Proposal) -> Result<(), String> {
    let mut voters = BTreeSet::new();
    for who in proposal.approvals.iter().chain(&proposal.rejections) {
        ensure!(voters.insert(*who), format!("{who} has two votes"));
    }
    let is_ready = proposal.is_approved && proposal.is_checked;
    ensure!(
        is_ready == matches!(proposal.stage, Stage::Scheduled { .. }),
        format!(
            "it is {:?}, approved: {}, checked: {}",
            proposal.stage, proposal.is_approved, proposal.is_checked
        )
    );
    ensure!(
        proposal.notes.len() <= NOTES_MAX,
        format!("its notes have {} bytes, at most {NOTES_MAX}", proposal.notes.len())
    );
    let (chunks, all) = (proposal.chunks, proposal.chunk_count());
    ensure!(chunks <= all, format!("it has {chunks} chunks of {all}"));
    ensure!(
        chunks == all || !proposal.is_checked,
        format!("it is checked with {chunks} chunks of {all}")
    );
    Ok(())
}

/// The code or its chunks are there as the proposal says.
fn check_code<T: Config>(id: ProposalId, proposal: &Proposal) -> Result<(), String> {
    if proposal.is_checked {
        let code = Code::<T>::get(&id).ok_or("its code is not there")?;
        ensure!(code_hash(&code) == proposal.code_hash, "its code is another one");
        return Ok(());
    }
    for index in 0..proposal.chunks {
        let found = Chunks::<T>::get(&id, &index).map(|bytes| bytes.len());
        let expected = proposal.chunk_size(index);
        ensure!(
            found == expected,
            format!("chunk {index} has {found:?} bytes, it should have {expected:?}")
        );
    }
    Ok(())
}
