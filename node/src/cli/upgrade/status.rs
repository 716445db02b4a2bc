//! `quids upgrade status`: the council and the proposals, as the best block has them.

use super::{
    super::{
        connection::Connection,
        output::{Report, hex0x},
    },
    CliError,
};
use quids_api::{
    RuntimeVersion, names,
    upgrade::{Activation, Council, Proposal, ProposalId, Stage, Suspension, UpgradeStatus},
};
use quids_core::{AccountId20, Height, well_known_keys};
use quids_crypto::eip55;
use quids_io::abi::state_level;
use serde_json::{Value as Json, json};

/// Asks a node, and prints.
pub async fn run(rpc: &str, json: bool) -> Result<(), CliError> {
    let connection = Connection::open(rpc).await?;
    let best = connection.block_hash(None).await?;
    let height = connection.height(best).await?;
    let status: UpgradeStatus = connection.call(names::UPGRADE_STATUS, &[], best).await?;
    let version: RuntimeVersion = connection.call(names::CORE_VERSION, &[], best).await?;
    let stored = connection.storage(well_known_keys::HOST_LEVEL, best).await?;
    let running = Running {
        height,
        spec_version: version.spec_version,
        host_level: state_level(stored.as_deref()).unwrap_or(1),
    };
    report(&status, &running).print(json);
    Ok(())
}

/// A proposal that is open or scheduled.
pub async fn proposal(connection: &Connection, id: ProposalId) -> Result<Proposal, CliError> {
    let best = connection.block_hash(None).await?;
    let status: UpgradeStatus = connection.call(names::UPGRADE_STATUS, &[], best).await?;
    let found = status.proposals.into_iter().find(|(other, _)| *other == id);
    let reason = || CliError::Proposal {
        id,
        reason: "there is none of this number; it may have ended".into(),
    };
    found.map(|(_, proposal)| proposal).ok_or_else(reason)
}

/// The chain as its best block leaves it.
struct Running {
    height: Height,
    /// Of the code that runs the next block.
    spec_version: u32,
    /// Of the host functions that new code may import.
    host_level: u32,
}

fn report(status: &UpgradeStatus, running: &Running) -> Report {
    let UpgradeStatus { council, proposals, .. } = status;
    let mut report = Report::default();
    report
        .line("height", running.height.0)
        .line("spec version", running.spec_version)
        .line("host level", running.host_level);
    let members: Vec<String> = council.members.iter().map(eip55).collect();
    report.both("council", members.join("\n"), members.clone());
    report.line("threshold", council.threshold);
    let recovery = council.recovery.as_ref().map(eip55);
    report.both("recovery", recovery.clone().unwrap_or_else(|| "none".into()), recovery);
    if let Some(migration) = &status.migration {
        let text = format!(
            "{}, {} steps since block {}",
            migration.id, migration.steps, migration.since
        );
        report.both(
            "migration",
            text,
            json!({ "id": migration.id, "steps": migration.steps, "since": migration.since.0 }),
        );
    }
    match &status.suspended {
        Some(Suspension::SafeMode { since, id, reason }) => {
            let text = format!("since block {since}: migration {id} failed: {reason:?}");
            report.both(
                "safe mode",
                text,
                json!({ "since": since.0, "id": id, "reason": reason }),
            );
        }
        Some(Suspension::Migration { .. }) => {
            report.line("transactions", "wait for the migration");
        }
        None => {}
    }
    let text: Vec<String> = proposals
        .iter()
        .map(|(id, proposal)| proposal_text(*id, proposal, council, running))
        .collect();
    let text = if text.is_empty() {
        "none".into()
    } else {
        text.join("\n")
    };
    let json: Vec<Json> = proposals
        .iter()
        .map(|(id, proposal)| proposal_json(*id, proposal, council, running.height))
        .collect();
    report.both("proposals", text, json);
    report
}

/// In one word, and the blocks until something happens.
fn state(proposal: &Proposal, height: Height) -> (&'static str, u32) {
    match proposal.stage {
        Stage::Scheduled { at } => ("scheduled", at.saturating_sub(height).0),
        Stage::Open { expires } => {
            let word = match (proposal.is_approved, proposal.is_checked) {
                (true, _) => "approved",
                (false, true) => "checked",
                (false, false) => "proposed",
            };
            (word, expires.saturating_sub(height).0)
        }
    }
}

/// When the code is to run, as it was asked for.
fn asked(proposal: &Proposal) -> String {
    match proposal.activation {
        Activation::At(height) => format!("to run from block {height} on, or as soon after it as all is ready"),
        Activation::After(Height(0)) => "to run as soon as all is ready".into(),
        Activation::After(delay) => format!("to run {delay} blocks after all is ready"),
    }
}

/// Who is for it.
fn approvals(proposal: &Proposal, council: &Council) -> String {
    let count = council.count(&proposal.approvals);
    if proposal.is_approved && count < council.threshold {
        return "approved by root or the recovery account".into();
    }
    let who: Vec<String> = proposal.approvals.iter().map(eip55).collect();
    let who = if who.is_empty() {
        String::new()
    } else {
        format!(" ({})", who.join(", "))
    };
    format!("{count} of {} approvals{who}", council.threshold)
}

fn proposal_text(id: ProposalId, proposal: &Proposal, council: &Council, running: &Running) -> String {
    let (word, left) = state(proposal, running.height);
    let proposer = proposal.proposer.as_ref().map_or_else(|| "root".into(), eip55);
    let what_then = match proposal.stage {
        Stage::Scheduled { at } => format!("runs from block {at} on, in {left} blocks"),
        Stage::Open { .. } => format!("{}; gone in {left} blocks if it is not ready by then", asked(proposal)),
    };
    let overtaken = match proposal.spec_version <= running.spec_version {
        true => format!(", which is overtaken: {} runs", running.spec_version),
        false => String::new(),
    };
    let mut text = format!(
        "{id}: {word}, {what_then}\n  spec version {}{overtaken}, {} bytes, by {proposer}\n  {}, {} against; {} of {} \
         parts{}\n  {}",
        proposal.spec_version,
        proposal.code_size,
        approvals(proposal, council),
        council.count(&proposal.rejections),
        if proposal.is_checked {
            proposal.chunk_count()
        } else {
            proposal.chunks
        },
        proposal.chunk_count(),
        if proposal.is_checked { ", checked" } else { "" },
        hex0x(proposal.code_hash),
    );
    if !proposal.notes.is_empty() {
        // Escaped: who proposes must not write on the terminal of who decides.
        let notes = String::from_utf8_lossy(&proposal.notes);
        text.push_str(&format!("\n  {:?}", notes));
    }
    text
}

fn proposal_json(id: ProposalId, proposal: &Proposal, council: &Council, height: Height) -> Json {
    let (word, left) = state(proposal, height);
    let accounts = |accounts: &[AccountId20]| accounts.iter().map(eip55).collect::<Vec<_>>();
    let (asked, activates_at) = match (proposal.activation, proposal.stage) {
        (Activation::At(height), Stage::Open { .. }) => (json!({ "at": height.0 }), None),
        (Activation::After(delay), Stage::Open { .. }) => (json!({ "after": delay.0 }), None),
        (Activation::At(height), Stage::Scheduled { at }) => (json!({ "at": height.0 }), Some(at.0)),
        (Activation::After(delay), Stage::Scheduled { at }) => (json!({ "after": delay.0 }), Some(at.0)),
    };
    json!({
        "id": id,
        "state": word,
        "blocks_left": left,
        "activation": asked,
        "activates_at": activates_at,
        "proposer": proposal.proposer.as_ref().map(eip55),
        "code_hash": hex0x(proposal.code_hash),
        "code_size": proposal.code_size,
        "spec_version": proposal.spec_version,
        "notes": String::from_utf8_lossy(&proposal.notes),
        "approvals": accounts(&proposal.approvals),
        "approvals_needed": council.threshold,
        "rejections": accounts(&proposal.rejections),
        "approved": proposal.is_approved,
        "checked": proposal.is_checked,
        "parts": proposal.chunk_count(),
        "parts_uploaded": if proposal.is_checked { proposal.chunk_count() } else { proposal.chunks },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_api::upgrade::RunningMigration;

    #[test]
    fn safe_mode_and_the_migration_that_failed_are_told() {
        let status = |suspended| UpgradeStatus {
            council: Council::default(),
            proposals: Vec::new(),
            migration: Some(RunningMigration {
                index: 0,
                id: "ledger/wide".into(),
                cursor: None,
                steps: 7,
                since: Height(40),
            }),
            suspended,
        };
        let safe_mode = Suspension::SafeMode {
            since: Height(47),
            id: "ledger/wide".into(),
            reason: "runtime panicked: \u{1b}[2J".into(),
        };
        let running = |height| Running {
            height: Height(height),
            spec_version: 1,
            host_level: 2,
        };
        let waiting = Suspension::Migration {
            id: "ledger/wide".into(),
        };
        for (suspended, told) in [
            (
                Some(safe_mode),
                "since block 47: migration ledger/wide failed: \"runtime panicked: \\u{1b}[2J\"",
            ),
            (Some(waiting), "wait for the migration"),
            (None, "ledger/wide, 7 steps since block 40"),
        ] {
            let text = report(&status(suspended), &running(50)).text();
            assert!(text.contains(told) && !text.contains('\u{1b}'), "{text}");
        }
    }
}
