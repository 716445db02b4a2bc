//! Worst cases of the calls: the largest council, of which the last member decides, proposals with all that they may carry.

use crate::{
    Agenda, AgendaItem, COUNCIL_MAX, Call, Chunks, Code, Config, Council as Stored, CouncilVotes, Motion, MotionVotes,
    NOTES_MAX, NextProposal, PROPOSALS_MAX, Pallet, Proposals, RootKey, Running, code_hash, costs::OPEN_MAX,
    lifecycle::CHUNKS_MAX, weights,
};
use alloc::{boxed::Box, vec, vec::Vec};
use quids_api::upgrade::{Activation, CHUNK_SIZE, Council, Proposal, ProposalId, RunningMigration, Stage};
use quids_core::{AccountId20, Height, Weight};
use quids_support::{
    benchmark::{Benchmark, Benchmarks, Component, SetUp},
    origin::Origin,
    traits::{BlockHeight, Get},
};

const COUNCIL: u32 = COUNCIL_MAX as u32;
/// Proposals beside the last for which members have a place.
const OTHERS: u32 = PROPOSALS_MAX as u32 - 1;
/// The code of proposals that are checked.
const CODE: &[u8] = &[0x5a];

/// The account of a number below 256; the accounts ascend as the numbers do.
const fn account(number: u32) -> AccountId20 {
    AccountId20([number as u8; 20])
}

/// Who proposed what the members decide on.
const PROPOSER: AccountId20 = account(200);

fn accounts(numbers: core::ops::Range<u32>) -> Vec<AccountId20> {
    numbers.map(account).collect()
}

fn expires<T: Config>() -> Height {
    let now = <pallet_system::Pallet<T> as BlockHeight>::height();
    now.saturating_add(T::ProposalLife::get())
}

/// Nothing but a council of so many, all of whom have to agree. The origin is its last member.
fn council<T: Config>(members: u32) -> Origin {
    // What another set-up has left.
    for cleared in [
        CouncilVotes::<T>::clear(u32::MAX),
        MotionVotes::<T>::clear(u32::MAX),
        Proposals::<T>::clear(u32::MAX),
        Chunks::<T>::clear(u32::MAX),
        Code::<T>::clear(u32::MAX),
    ] {
        debug_assert!(!cleared.more, "there is no limit");
    }
    Agenda::<T>::kill();
    Running::<T>::kill();
    RootKey::<T>::put(account(255));
    Stored::<T>::put(Council {
        members: accounts(0..members),
        threshold: members,
        recovery: Some(account(254)),
    });
    Origin::Signed(account(members.saturating_sub(1)))
}

/// One of `PROPOSER`'s, without votes and code.
fn blank<T: Config>() -> Proposal {
    Proposal {
        proposer: Some(PROPOSER),
        code_hash: code_hash(CODE),
        code_size: CODE.len() as u32,
        spec_version: u32::MAX,
        activation: Activation::After(Height(1)),
        notes: vec![0x5a; NOTES_MAX],
        approvals: Vec::new(),
        rejections: Vec::new(),
        is_approved: false,
        not_before: Height::ZERO,
        chunks: 0,
        is_checked: false,
        stage: Stage::Open {
            expires: expires::<T>(),
        },
    }
}

fn put<T: Config>(id: ProposalId, proposal: Proposal) {
    Proposals::<T>::insert(&id, proposal);
    let due = expires::<T>();
    Agenda::<T>::mutate(|agenda| agenda.push(AgendaItem { id, due }));
    NextProposal::<T>::put(id.saturating_add(1));
}

fn as_root<T: Config<RuntimeCall: From<pallet_system::Call<T>>>>([]: [u32; 0]) -> SetUp<Call<T>> {
    council::<T>(COUNCIL);
    let call = Box::new(pallet_system::Call::<T>::remark { remark: Vec::new() }.into());
    Ok((Origin::Signed(account(255)), Call::as_root { call }))
}

/// Among open proposals of others, each with a vote of every member.
fn propose<T: Config>([proposals]: [u32; 1]) -> SetUp<Call<T>> {
    let who = council::<T>(COUNCIL);
    for id in 0..proposals {
        let half = COUNCIL / 2;
        put::<T>(
            id,
            Proposal {
                proposer: Some(account(id)),
                code_hash: code_hash(&id.to_le_bytes()),
                approvals: accounts(0..half),
                rejections: accounts(half..COUNCIL),
                ..blank::<T>()
            },
        );
    }
    let call = Call::propose {
        code_hash: code_hash(CODE),
        code_size: CODE.len() as u32,
        spec_version: u32::MAX,
        activation: Activation::After(Height(1)),
        notes: vec![0x5a; NOTES_MAX],
    };
    Ok((who, call))
}

/// The last approval of a code that is checked, which schedules it.
fn approve<T: Config>([members]: [u32; 1]) -> SetUp<Call<T>> {
    let who = council::<T>(members);
    let approvals = accounts(0..members.saturating_sub(1));
    Code::<T>::insert(&0, CODE.to_vec());
    put::<T>(
        0,
        Proposal {
            approvals,
            chunks: 1,
            is_checked: true,
            ..blank::<T>()
        },
    );
    Ok((who, Call::approve { id: 0 }))
}

/// The last rejection, which removes the proposal with all its chunks. Their bytes are not read.
fn cancel<T: Config>([chunks]: [u32; 1]) -> SetUp<Call<T>> {
    let who = council::<T>(COUNCIL);
    (0..chunks).for_each(|index| Chunks::<T>::insert(&0, &index, vec![0; 32]));
    put::<T>(
        0,
        Proposal {
            code_size: chunks.saturating_mul(CHUNK_SIZE as u32).max(1),
            chunks,
            rejections: accounts(0..COUNCIL - 1),
            ..blank::<T>()
        },
    );
    Ok((who, Call::cancel { id: 0 }))
}

/// In the place of a chunk that differs in its last byte, by the root account.
fn upload_chunk<T: Config>([bytes]: [u32; 1]) -> SetUp<Call<T>> {
    council::<T>(COUNCIL);
    let who = Origin::Signed(account(255));
    let chunk = |last| {
        let mut chunk = vec![0; bytes as usize];
        if let Some(byte) = chunk.last_mut() {
            *byte = last;
        }
        chunk
    };
    Chunks::<T>::insert(&0, &0, chunk(1));
    put::<T>(
        0,
        Proposal {
            code_size: bytes,
            chunks: 1,
            ..blank::<T>()
        },
    );
    let bytes = chunk(2);
    Ok((who, Call::upload_chunk { id: 0, index: 0, bytes }))
}

/// The last vote for a council that would have approved nothing of what this one did.
fn set_council<T: Config>([members, proposals]: [u32; 2]) -> SetUp<Call<T>> {
    let who = council::<T>(members);
    let new = Council {
        members: accounts(COUNCIL..2 * COUNCIL),
        threshold: COUNCIL,
        recovery: Some(PROPOSER),
    };
    let now = <pallet_system::Pallet<T> as BlockHeight>::height();
    for voter in accounts(0..members.saturating_sub(1)) {
        CouncilVotes::<T>::insert(&voter, (new.clone(), now));
    }
    for id in 0..proposals {
        put::<T>(
            id,
            Proposal {
                proposer: Some(account(100u32.saturating_add(id))),
                approvals: accounts(0..members),
                is_approved: true,
                ..blank::<T>()
            },
        );
    }
    let Council {
        members,
        threshold,
        recovery,
    } = new;
    let call = Call::set_council {
        members,
        threshold,
        recovery,
    };
    Ok((who, call))
}

/// All members but the last are for it already.
fn motion<T: Config>(members: u32, motion: Motion) -> Origin {
    let who = council::<T>(members);
    let now = <pallet_system::Pallet<T> as BlockHeight>::height();
    for voter in accounts(0..members.saturating_sub(1)) {
        MotionVotes::<T>::insert(&(voter, motion.kind()), (motion.clone(), now));
    }
    who
}

/// The last vote, which leads into safe mode.
fn stop_migration<T: Config>([members]: [u32; 1]) -> SetUp<Call<T>> {
    let id = "x".repeat(64);
    let who = motion::<T>(members, Motion::StopMigration { id: id.clone() });
    Running::<T>::put(RunningMigration {
        index: 0,
        id: id.clone(),
        cursor: Some(vec![0x5a; 1024]),
        steps: 1,
        since: Height(1),
    });
    Ok((who, Call::stop_migration { id }))
}

/// The last vote, which raises it.
fn raise_host_level<T: Config>([members]: [u32; 1]) -> SetUp<Call<T>> {
    let level = Pallet::<T>::host_level().saturating_add(1);
    let who = motion::<T>(members, Motion::HostLevel { level });
    Ok((who, Call::raise_host_level { level }))
}

impl<T: Config<RuntimeCall: From<pallet_system::Call<T>>>> Benchmarks for Pallet<T> {
    type Call = Call<T>;

    fn benchmarks() -> Vec<Benchmark<Call<T>>> {
        let members = || Component::new("members", 1, COUNCIL);
        let code_hash = code_hash(CODE);
        let as_root_does = |make: fn([u8; 64]) -> Call<T>| {
            move |[]: [u32; 0]| -> SetUp<Call<T>> {
                council::<T>(COUNCIL);
                Ok((Origin::Root, make(code_hash)))
            }
        };
        vec![
            Benchmark::new("as_root", [], as_root::<T>),
            Benchmark::new("set_root", [], as_root_does(|_| Call::set_root { new: PROPOSER })),
            Benchmark::new(
                "authorize_upgrade",
                [],
                as_root_does(|code_hash| Call::authorize_upgrade { code_hash }),
            ),
            Benchmark::new(
                "authorize_upgrade_without_checks",
                [],
                as_root_does(|code_hash| Call::authorize_upgrade_without_checks { code_hash }),
            ),
            Benchmark::new("propose", [Component::new("proposals", 0, OTHERS)], propose::<T>),
            Benchmark::new("approve", [members()], approve::<T>),
            Benchmark::new("cancel", [Component::new("chunks", 0, CHUNKS_MAX)], cancel::<T>),
            Benchmark::new(
                "upload_chunk",
                [Component::new("bytes", 1, CHUNK_SIZE as u32)],
                upload_chunk::<T>,
            ),
            Benchmark::new(
                "set_council",
                [members(), Component::new("proposals", 0, OPEN_MAX)],
                set_council::<T>,
            ),
            Benchmark::new("stop_migration", [members()], stop_migration::<T>),
            Benchmark::new("raise_host_level", [members()], raise_host_level::<T>),
        ]
    }

    fn unmeasured() -> Vec<(&'static str, &'static str)> {
        let reason =
            "what counts is the host's trial run of the code, which fuel bounds: its share of a block is declared";
        ["set_code", "apply_authorized_upgrade", "complete"]
            .map(|call| (call, reason))
            .into()
    }

    fn generated(call: &str, components: &[u32]) -> Option<Weight> {
        weights::by_name(call, components)
    }
}
