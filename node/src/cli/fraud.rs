//! `quids fraud`: blocks that a quorum signed and that are invalid, on a node that does not run.

use super::{
    CliError,
    data::{DataArgs, failed},
    output::{Report, hex0x, write_new},
};
use crate::chain::{FRAUD_PROOF_BYTES_MAX, FraudProof, Frauds, describe, stored_fraud};
use clap::Subcommand;
use codec::Encode;
use quids_core::Hash;
use quids_metrics::Registry;
use quids_pobpc::{Role, Seat, SeatIndex};
use quids_rpc::FraudNotice;
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
};

/// What a fraud proof about a block is asked for.
#[derive(Subcommand, Debug)]
pub enum FraudCommand {
    /// List the fraud proofs that the node has, with who signed
    List {
        #[command(flatten)]
        data: DataArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a fraud proof to a file, for others to verify
    Export {
        #[command(flatten)]
        data: DataArgs,
        /// The invalid block
        #[arg(value_name = "HASH")]
        block: Hash,
        /// A new file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Execute the block of a fraud proof on what the proof has of the state, and tell who signed it if it is invalid
    Verify {
        #[command(flatten)]
        data: DataArgs,
        /// What `fraud export` wrote; the block before has to be of the chain
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let the node decide again in spite of a fraud proof. Nothing makes the proof wrong: agree with others first
    Dismiss {
        #[command(flatten)]
        data: DataArgs,
        /// The invalid block
        #[arg(value_name = "HASH")]
        block: Hash,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// `quids fraud`.
pub fn run(command: FraudCommand) -> Result<(), CliError> {
    let mut report = Report::default();
    let json = match command {
        FraudCommand::List { data, json } => {
            let db = data.database()?;
            let known = Frauds::open(&db, &Registry::new(), false)?.known();
            let told: Vec<_> = known.iter().map(|notice| told(notice)).collect();
            let list: Vec<Value> = known.iter().map(|notice| notice_json(notice)).collect();
            report.both("fraud proofs", told.join("\n"), list);
            json
        }
        FraudCommand::Export { data, block, out, json } => {
            let stored = stored_fraud(&data.database()?, &block)?;
            let (proof, _) = stored.ok_or_else(|| none(&block))?;
            let proof = proof.encode();
            write_new(&out, |file| {
                file.write_all(&proof).map_err(CliError::file("write", &out))
            })?;
            report
                .line("bytes", proof.len())
                .line("file", out.display().to_string());
            json
        }
        FraudCommand::Verify { data, file, json } => {
            let proof = FraudProof::decode(&read(&file)?)?;
            let fraud = data.open(false)?.verify_fraud(proof)?;
            let header = &fraud.proof().block.header;
            report
                .line("block", hex0x(header.hash()))
                .line("number", header.number.0)
                .line("fault", fraud.fault().to_string());
            let signers: Vec<_> = fraud.signers().collect();
            let text: Vec<_> = signers.iter().map(|(index, seat)| signer_text(*index, seat)).collect();
            let list: Vec<_> = signers.iter().map(|(index, seat)| signer_json(*index, seat)).collect();
            report.both("signers", text.join("\n"), list);
            json
        }
        FraudCommand::Dismiss { data, block, json } => {
            match data.database()?.dismiss_fraud_proof(&block).map_err(failed)? {
                true => report.line("dismissed", hex0x(block)),
                false => return Err(none(&block)),
            };
            json
        }
    };
    report.print(json);
    Ok(())
}

fn none(block: &Hash) -> CliError {
    CliError::Usage(format!("there is no fraud proof about {block:?}"))
}

/// The file, if it is not too long for a fraud proof.
fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FRAUD_PROOF_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(CliError::file("read", path))?;
    Ok(bytes)
}

fn told(notice: &FraudNotice) -> String {
    let dismissed = if notice.is_dismissed { "dismissed: " } else { "" };
    let signers = notice
        .signers
        .iter()
        .map(|(index, seat)| format!("\n  {}", signer_text(*index, seat)));
    format!("{dismissed}{}{}", describe(notice), signers.collect::<String>())
}

fn signer_text(index: SeatIndex, seat: &Seat) -> String {
    let key = hex::encode(quids_crypto::blake3_256(seat.key.as_bytes()));
    format!(
        "seat {index}, {}, {} key with BLAKE3 0x{key}",
        role(seat.role),
        seat.key.scheme()
    )
}

fn signer_json(index: SeatIndex, seat: &Seat) -> Value {
    json!({
        "seat": index.0,
        "role": role(seat.role),
        "scheme": seat.key.scheme().name(),
        "public_key": hex0x(seat.key.as_bytes()),
    })
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Full => "full",
        Role::Witness => "witness",
    }
}

fn notice_json(notice: &FraudNotice) -> Value {
    let signers = notice.signers.iter().map(|(index, seat)| signer_json(*index, seat));
    json!({
        "block": hex0x(notice.block),
        "number": notice.number.0,
        "parent": hex0x(notice.parent),
        "round": notice.round.0,
        "fault": notice.fault,
        "bytes": notice.bytes,
        "is_dismissed": notice.is_dismissed,
        "signers": signers.collect::<Vec<_>>(),
    })
}
