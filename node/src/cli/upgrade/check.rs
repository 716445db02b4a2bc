//! `quids upgrade check`: a new runtime on the live state, before anybody votes for it.

use super::{
    super::{
        CliError, DEFAULT_RPC_URL, block_on,
        connection::Connection,
        data::DataArgs,
        output::{hex0x, write_out},
        progress::Progress,
    },
    read,
};
use crate::chain::{Chain, DryRun, Limited, REPLAY_MAX};
use clap::Args;
use codec::Encode;
use quids_api::{names, upgrade::ProposalId};
use serde_json::json;
use std::{fmt::Write as _, path::PathBuf, time::Duration};

/// The longest a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(1800);
/// Lines of a section that people are shown; JSON has all.
const LINES_MAX: usize = 20;

/// Run a new runtime on a chain's state and throw away what it does. Exit code 0: the chain would take it and read all of its state.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The new runtime, WASM
    #[arg(required_unless_present = "proposal", conflicts_with = "proposal")]
    file: Option<PathBuf>,
    /// The code that was uploaded for this proposal
    #[arg(long, value_name = "ID")]
    proposal: Option<ProposalId>,
    /// Execute so many of the last blocks again under the new code
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(..=i64::from(REPLAY_MAX)))]
    blocks: u32,
    /// Fail too if the runtime changes what others rely on
    #[arg(long)]
    deny_breaking: bool,
    /// The node that does it, on the state of its last block
    #[arg(long, value_name = "URL", env = "QUIDS_RPC", default_value = DEFAULT_RPC_URL, conflicts_with = "offline")]
    rpc: String,
    /// Do it here, on the database of a node that does not run (--chain, --base-path)
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &CheckArgs) -> Result<(), CliError> {
    let checked = if args.offline {
        here(args)?
    } else {
        block_on(by_node(args))?
    };
    if args.json {
        let json = serde_json::to_value(&checked).map_err(|error| CliError::Usage(error.to_string()))?;
        write_out(&format!("{json:#}\n"));
    } else {
        write_out(&text(&checked));
    }
    let is_good = match args.deny_breaking {
        true => checked.is_clean(),
        false => checked.is_sound(),
    };
    is_good.then_some(()).ok_or(CliError::UpgradeFails)
}

async fn by_node(args: &CheckArgs) -> Result<DryRun, CliError> {
    let connection = Connection::patient(&args.rpc, PATIENCE).await?;
    let code = match (&args.file, args.proposal) {
        (Some(file), _) => read(file)?,
        (None, Some(id)) => {
            let best = connection.block_hash(None).await?;
            let code: Option<Vec<u8>> = connection.call(names::UPGRADE_CODE, &id.encode(), best).await?;
            code.ok_or_else(|| not_whole(id))?
        }
        (None, None) => Vec::new(),
    };
    let params = vec![json!(hex0x(&code)), json!(args.blocks)];
    connection.request("quids_checkUpgrade", params).await
}

fn here(args: &CheckArgs) -> Result<DryRun, CliError> {
    let chain = args.data.open(false)?;
    let code = match (&args.file, args.proposal) {
        (Some(file), _) => read(file)?,
        (None, Some(id)) => proposed(&chain, id)?.ok_or_else(|| not_whole(id))?,
        (None, None) => Vec::new(),
    };
    let mut progress = Progress::new("reading the state", 0);
    let checked = chain.dry_run_upgrade(&code, args.blocks, &mut |entries| progress.state_entries(entries));
    progress.finish();
    Ok(checked?)
}

fn proposed(chain: &Chain, id: ProposalId) -> Result<Option<Vec<u8>>, CliError> {
    let (_, best) = chain.best();
    Ok(chain.call_typed(best, names::UPGRADE_CODE, &id)?)
}

fn not_whole(id: ProposalId) -> CliError {
    CliError::Proposal {
        id,
        reason: "its code is not there, or not all of it".into(),
    }
}

/// For people.
fn text(checked: &DryRun) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        // Whose code it is must not write on the terminal of who judges it. Writing to a string does not fail.
        let _ = writeln!(out, "{}", escaped(&text));
    };
    let (spec, transaction) = (checked.spec_version, checked.transaction_version);
    line(format!(
        "on the state of block {}, {} entries",
        checked.block, checked.entries
    ));
    line(format!(
        "{} {} to {}, {} bytes",
        checked.spec_name, spec.old, spec.new, checked.code_bytes
    ));
    line(format!("code hash {}", checked.code_hash));
    if transaction.old != transaction.new {
        let (old, new) = (transaction.old, transaction.new);
        line(format!("transactions are encoded otherwise: version {old} to {new}"));
    }
    section(&mut line, "refused", checked.refusals.iter().cloned());
    if let Some(migration) = &checked.migration {
        let limited = |Limited { used, limit }: Limited<u64>| match limit {
            Some(limit) => format!("{used} of {limit}"),
            None => used.to_string(),
        };
        let proof = migration
            .proof_bytes
            .map_or("larger than any".into(), |bytes| format!("{bytes} bytes"));
        line(format!(
            "migrations weigh {} ps, {} bytes; their proof is {proof}",
            limited(migration.weight),
            limited(migration.proof_size)
        ));
        let stepped = migration.stepped.iter().map(|stepped| {
            let pause = if stepped.pauses_transactions {
                ", no transactions meanwhile"
            } else {
                ""
            };
            format!("{}: {} steps{pause}", stepped.id, stepped.steps)
        });
        let title = format!(
            "migrations over many blocks, a step's proof {} bytes at most",
            migration.step_proof_bytes
        );
        section(&mut line, &title, stepped);
        let items = migration.items.iter().map(|item| {
            format!(
                "{}: {} added, {} changed, {} removed",
                item.item, item.added, item.changed, item.removed
            )
        });
        section(&mut line, "storage", items);
    }
    let undecodable = checked.undecodable.iter().map(|fault| {
        format!(
            "{}: {} entries, such as {}: {}",
            fault.item, fault.entries, fault.first_key, fault.reason
        )
    });
    section(&mut line, "unreadable afterwards", undecodable);
    section(
        &mut line,
        "invariants that do not hold afterwards",
        checked.broken.iter().cloned(),
    );
    for (title, is_breaking) in [("breaking changes", true), ("other changes", false)] {
        let changes = checked
            .interface
            .iter()
            .filter(|change| change.is_breaking == is_breaking);
        section(
            &mut line,
            title,
            changes.map(|change| format!("{}: {}", change.what, change.change)),
        );
    }
    if let Some(replay) = &checked.replay {
        line(match replay.from > replay.to {
            true => "no block of the running code to replay".into(),
            false => format!(
                "blocks {} to {} under the new code: {} extrinsics",
                replay.from, replay.to, replay.extrinsics
            ),
        });
        if replay.of_upgrades > 0 {
            line(format!(
                "of these {} are calls about upgrades, and are not compared: what they do hangs on the version that runs",
                replay.of_upgrades
            ));
        }
        let differences = replay.differences.iter().map(|difference| {
            let place = difference
                .extrinsic
                .map_or("itself".into(), |index| format!("extrinsic {index}"));
            format!(
                "block {}, {place}: was {}, is {}",
                difference.block, difference.old, difference.new
            )
        });
        section(
            &mut line,
            &format!("differences ({} in all)", replay.differences_in_all),
            differences,
        );
    }
    out
}

/// Control characters as Rust writes them.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() {
            true => escaped.extend(letter.escape_debug()),
            false => escaped.push(letter),
        }
    }
    escaped
}

/// A title and what is under it, if there is anything.
fn section(line: &mut impl FnMut(String), title: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        return;
    }
    line(format!("{title}:"));
    items.iter().take(LINES_MAX).for_each(|item| line(format!("  {item}")));
    if items.len() > LINES_MAX {
        line(format!("  and {} more; --json has them", items.len() - LINES_MAX));
    }
}
