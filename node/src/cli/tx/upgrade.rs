//! `quids tx upgrade`: authorizes a runtime as root, applies it, and sees whether the chain runs it.

use super::{CliError, Sender, SenderArgs, calls};
use crate::cli::output::hex0x;
use quids_api::{RuntimeVersion, names};
use quids_crypto::hash_quantum_resistant;
use std::{fs, path::Path};

pub(in crate::cli) use crate::chain::CODE_DOMAIN;

/// Sends the two transactions, each final before the next, and reports the versions before and after.
pub async fn run(file: &Path, args: &SenderArgs) -> Result<(), CliError> {
    let code = fs::read(file).map_err(CliError::file("read", file))?;
    let sender = Sender::open(args).await?;
    let metadata = sender.metadata();
    let code_hash = hash_quantum_resistant(CODE_DOMAIN, &code);

    let authorize = calls::authorize_upgrade(metadata, &code_hash)?;
    let authorized = sender.submit_and_wait(authorize).await?.into_result()?;

    let apply = calls::apply_upgrade(metadata, code)?;
    let next_nonce = args.nonce.map(|nonce| nonce.saturating_add(1));
    let applied = sender.submit_and_wait_at(apply, next_nonce).await?;
    let mut report = applied.report();
    let applied = applied.into_result();
    if applied.is_err() {
        report.print(args.json);
    }
    let applied = applied?;

    // The state after that block holds the new code, so this is the version of the next.
    let new: RuntimeVersion = sender
        .connection()
        .call(names::CORE_VERSION, &[], applied.block())
        .await?;
    let old = sender.version();
    report
        .json("authorized_in", hex0x(authorized.block()))
        .line("code hash", hex0x(code_hash))
        .line("old spec version", old.spec_version)
        .line("new spec version", new.spec_version);
    report.print(args.json);
    Ok(())
}
