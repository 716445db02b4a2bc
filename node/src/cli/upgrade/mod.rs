//! `quids upgrade`: a new runtime's way through pallet upgrade, from the proposal to its height.

mod check;
mod status;
mod upload;

use super::{
    CliError, DEFAULT_RPC_URL, block_on,
    tx::{CODE_DOMAIN, Sender, SenderArgs, as_root},
};
use crate::extrinsic_builder::{Arg, BuilderError, Metadata, encode_call};
use clap::{Args, Subcommand};
use codec::Encode;
use quids_api::upgrade::{Activation, ProposalId};
use quids_core::Height;
use quids_crypto::hash_quantum_resistant;
use quids_executor::{Executor, ExecutorConfig};
use quids_io::abi::HOST_LEVEL;
use scale_value::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Propose, approve and bring a new runtime, and see how far it is.
#[derive(Subcommand, Debug)]
pub enum UpgradeCommand {
    /// Run a new runtime on a chain's state, without a trace: what it would do, break and leave unreadable
    Check(Box<check::CheckArgs>),
    /// Propose a runtime by its hash; the code itself comes with `upload`
    Propose(ProposeArgs),
    /// Be for a proposal, as a member of the council
    Approve(VoteArgs),
    /// Be against a proposal, as a member of the council, or end it where one alone may
    Cancel(VoteArgs),
    /// Stop a migration that is under way, which takes the chain into safe mode: together with others of the council, or
    /// alone as root or the recovery account
    StopMigration {
        /// The migration, as `status` names it while it is under way: `ledger/wide-balances`
        id: String,
        /// Do it as root, through the root account
        #[arg(long)]
        as_root: bool,
        #[command(flatten)]
        sender: SenderArgs,
    },
    /// Let new code import the host functions of the next level, once all nodes have them: who decides is as for stop-migration
    RaiseHostLevel {
        /// The next level: one more than `status` says
        level: u32,
        /// Even if this binary does not have it
        #[arg(long)]
        force: bool,
        /// Do it as root, through the root account
        #[arg(long)]
        as_root: bool,
        #[command(flatten)]
        sender: SenderArgs,
    },
    /// Bring the code of a proposal in parts, also together with others, going on where an earlier upload ended, and have it checked
    Upload {
        /// The proposal's number
        id: ProposalId,
        /// The new runtime, WASM
        file: PathBuf,
        #[command(flatten)]
        sender: SenderArgs,
    },
    /// Who decides, which proposals there are, and how far each is
    Status {
        /// The node
        #[arg(long, value_name = "URL", env = "QUIDS_RPC", default_value = DEFAULT_RPC_URL)]
        rpc: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
pub struct ProposeArgs {
    /// The new runtime, WASM
    file: PathBuf,
    /// The first block that the new code is to run, or the first after it for which all is ready. At least as far ahead as the
    /// chain's constant `Upgrade.ActivationLead` says, 10 blocks by default
    #[arg(long, value_name = "HEIGHT", conflicts_with = "after")]
    at: Option<u32>,
    /// Blocks from when the code is approved and checked until it runs; the chain adds what nodes need to prepare
    #[arg(long, value_name = "BLOCKS", default_value_t = 0)]
    after: u32,
    /// What is to be said of it, 1024 bytes at most
    #[arg(long, default_value = "")]
    notes: String,
    /// Propose as root; the sender must be the root account
    #[arg(long)]
    as_root: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Args, Debug)]
pub struct VoteArgs {
    /// The proposal's number
    id: ProposalId,
    /// As root; the sender must be the root account
    #[arg(long)]
    as_root: bool,
    #[command(flatten)]
    sender: SenderArgs,
}

/// Runs a command.
pub fn run(command: UpgradeCommand) -> Result<(), CliError> {
    match command {
        UpgradeCommand::Check(args) => check::run(&args),
        UpgradeCommand::Propose(args) => propose(&args),
        UpgradeCommand::Approve(args) => on_proposal("approve", &args),
        UpgradeCommand::Cancel(args) => on_proposal("cancel", &args),
        UpgradeCommand::StopMigration { id, as_root, sender } => govern(
            "stop_migration",
            &[("id", Arg::Value(Value::string(id)))],
            as_root,
            &sender,
        ),
        UpgradeCommand::RaiseHostLevel {
            level,
            force,
            as_root,
            sender,
        } => {
            if level > HOST_LEVEL && !force {
                return Err(CliError::Usage(format!(
                    "this binary has host functions up to level {HOST_LEVEL}: nodes that run it could take no new code after level \
                     {level}, which is never lowered. Install the newer binary first, here too; --force raises it all the same"
                )));
            }
            let level = [("level", Arg::Number(level.into()))];
            govern("raise_host_level", &level, as_root, &sender)
        }
        UpgradeCommand::Upload { id, file, sender } => block_on(upload::run(id, &read(&file)?, &sender)),
        UpgradeCommand::Status { rpc, json } => block_on(status::run(&rpc, json)),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(file).map_err(CliError::file("read", file))
}

/// The code is run here first: what this binary cannot run, its own node could not either.
fn propose(args: &ProposeArgs) -> Result<(), CliError> {
    let code = read(&args.file)?;
    let broken = |source| CliError::Runtime {
        source_name: args.file.display().to_string(),
        source,
    };
    let executor = Executor::new(ExecutorConfig::default()).map_err(broken)?;
    let spec_version = executor.load(&code).map_err(broken)?.version().spec_version;
    let activation = match args.at {
        Some(height) => Activation::At(Height(height)),
        None => Activation::After(Height(args.after)),
    };
    let code_hash = hash_quantum_resistant(CODE_DOMAIN, &code);
    let fields = [
        ("code_hash", Arg::Encoded(code_hash.encode())),
        ("code_size", Arg::Number(code.len() as u128)),
        ("spec_version", Arg::Number(spec_version.into())),
        ("activation", Arg::Encoded(activation.encode())),
        ("notes", Arg::Bytes(args.notes.clone().into_bytes())),
    ];
    block_on(async {
        let sender = Sender::open(&args.sender).await?;
        let call = governance_call(sender.metadata(), "propose", &fields, args.as_root)?;
        let included = sender.submit_and_wait(call).await?;
        let id = included.event_field("Upgrade", "Proposed", "id").cloned();
        let mut report = included.report();
        report.line("proposal", id.unwrap_or_default()).print(args.sender.json);
        included.into_result().map(drop)
    })
}

fn on_proposal(call: &str, args: &VoteArgs) -> Result<(), CliError> {
    govern(call, &[("id", Arg::Number(args.id.into()))], args.as_root, &args.sender)
}

/// Sends a call of pallet upgrade and shows what became of it.
fn govern(call: &str, fields: &[(&str, Arg)], is_root: bool, sender: &SenderArgs) -> Result<(), CliError> {
    let is_json = sender.json;
    block_on(async {
        let sender = Sender::open(sender).await?;
        let call = governance_call(sender.metadata(), call, fields, is_root)?;
        let included = sender.submit_and_wait(call).await?;
        included.report().print(is_json);
        included.into_result().map(drop)
    })
}

/// A call of pallet upgrade.
fn governance_call(
    metadata: &Metadata,
    call: &str,
    fields: &[(&str, Arg)],
    is_root: bool,
) -> Result<Vec<u8>, BuilderError> {
    let call = encode_call(metadata, "Upgrade", call, fields)?;
    if is_root { as_root(metadata, call) } else { Ok(call) }
}
