//! `quids upgrade upload`: the code in parts, several under way at a time.

use super::{CODE_DOMAIN, CliError, Sender, SenderArgs, governance_call, status};
use crate::{
    cli::{
        output::{Report, hex0x},
        progress::Progress,
    },
    extrinsic_builder::Arg,
};
use codec::Encode;
use quids_api::{
    names,
    upgrade::{CHUNK_SIZE, Proposal, ProposalId, Stage},
};
use quids_core::Height;
use quids_crypto::{blake3_256, hash_quantum_resistant};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// Parts under way: 2 MiB, which any block has room for.
const UNDER_WAY: usize = 8;

/// How often what is missing is sent again: a node that makes blocks at once may say of a transaction that it left the pool,
/// although a block has it, and one that has to compile the code for its check may have no time left for the check.
const ATTEMPTS_MAX: u32 = 5;

/// How calls fail where others upload the same.
const BY_OTHERS: [&str; 4] = [
    "Upgrade.ChunkKnown",
    "Upgrade.ChunkOutOfOrder",
    "Upgrade.AlreadyChecked",
    "Upgrade.CodeIncomplete",
];

/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(2);

/// Blocks between the last part and the check, that nodes compile the code meanwhile and no block has to wait for it; and how long they
/// are waited for, where blocks come with transactions alone.
const SETTLING: Height = Height(4);
const SETTLING_MAX: Duration = Duration::from_secs(6);

/// Sends what is missing, then has the whole checked.
pub async fn run(id: ProposalId, code: &[u8], args: &SenderArgs) -> Result<(), CliError> {
    let wrong = |reason: String| CliError::Proposal { id, reason };
    let sender = Sender::open(args).await?;
    let proposal = status::proposal(sender.connection(), id).await?;
    let hash = hash_quantum_resistant(CODE_DOMAIN, code);
    if hash != proposal.code_hash {
        let (found, size, wanted) = (code.len(), proposal.code_size, hex0x(proposal.code_hash));
        return Err(wrong(format!(
            "this file is not its code: it has {found} bytes and the hash {}, the code has {size} and {wanted}",
            hex0x(hash)
        )));
    }
    let mut sent = BTreeSet::new();
    let mut attempt = 1;
    let proposal = loop {
        match send(&sender, id, code, &mut sent).await {
            Ok(proposal) => break proposal,
            Err(error) if attempt < ATTEMPTS_MAX && may_be_done(&error) => {
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    };
    let mut report = Report::default();
    report
        .line("proposal", id)
        .line("sent parts", sent.len())
        .line("parts", proposal.chunk_count())
        .line("checked", proposal.is_checked);
    match proposal.stage {
        Stage::Scheduled { at } => report.line("activates at", at.0),
        Stage::Open { .. } => report.line("approvals", proposal.approvals.len()),
    };
    report.print(args.json);
    Ok(())
}

/// Whether what failed may be there all the same: by others who upload it too, or by what an upload before this had under way.
fn may_be_done(error: &CliError) -> bool {
    match error {
        CliError::Watch(_) => true,
        CliError::CallFailed { name, .. } => BY_OTHERS.contains(&name.as_str()),
        _ => false,
    }
}

/// Sends what the chain lacks by now, and asks for the check; the proposal after it. Notes which parts it sent.
async fn send(sender: &Sender, id: ProposalId, code: &[u8], sent: &mut BTreeSet<u32>) -> Result<Proposal, CliError> {
    let proposal = status::proposal(sender.connection(), id).await?;
    if proposal.is_checked {
        return Ok(proposal);
    }
    let missing = missing(sender, id, &proposal, code).await?;
    let mut progress = Progress::new("uploading", code.len() as u64);
    for part in missing.chunks(UNDER_WAY) {
        sent.extend(part.iter().map(|(index, _)| *index));
        let calls = part.iter().map(|(index, bytes)| {
            let fields = [
                ("id", Arg::Number(id.into())),
                ("index", Arg::Number((*index).into())),
                ("bytes", Arg::Bytes(bytes.to_vec())),
            ];
            governance_call(sender.metadata(), "upload_chunk", &fields, false)
        });
        let calls = calls.collect::<Result<Vec<_>, _>>()?;
        sender.submit_all_and_wait(calls).await?;
        let last = part.last();
        let done = last.map_or(0, |(index, bytes)| *index as usize * CHUNK_SIZE + bytes.len());
        progress.bytes(done as u64);
    }
    progress.finish();
    if !missing.is_empty() {
        settle(sender).await?;
    }
    let fields = [("id", Arg::Number(id.into()))];
    let call = governance_call(sender.metadata(), "complete", &fields, false)?;
    sender.submit_and_wait(call).await?.into_result()?;
    status::proposal(sender.connection(), id).await
}

/// Lets some blocks pass.
async fn settle(sender: &Sender) -> Result<(), CliError> {
    let connection = sender.connection();
    let start = Instant::now();
    let (_, from) = connection.finalized().await?;
    loop {
        let (_, height) = connection.finalized().await?;
        if height >= from.saturating_add(SETTLING) || start.elapsed() >= SETTLING_MAX {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The parts that the chain lacks, or has otherwise.
async fn missing<'a>(
    sender: &Sender,
    id: ProposalId,
    proposal: &Proposal,
    code: &'a [u8],
) -> Result<Vec<(u32, &'a [u8])>, CliError> {
    let connection = sender.connection();
    let best = connection.block_hash(None).await?;
    let mut missing = Vec::new();
    for (index, bytes) in (0u32..).zip(code.chunks(CHUNK_SIZE)) {
        let stored: Option<[u8; 32]> = match index < proposal.chunks {
            true => {
                connection
                    .call(names::UPGRADE_CHUNK, &(id, index).encode(), best)
                    .await?
            }
            false => None,
        };
        if stored != Some(blake3_256(bytes)) {
            missing.push((index, bytes));
        }
    }
    Ok(missing)
}
