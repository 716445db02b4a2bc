//! `quids snapshot`: the state of one block as a file, on a node that does not run.

use super::{
    CliError,
    data::{DataArgs, failed},
    output::{Report, hex0x, write_resumable},
    progress::Progress,
};
use crate::{
    chain::genesis_of,
    snapshot::{self, Summary},
};
use clap::Subcommand;
use quids_core::{Hash, Height};
use quids_db::{Column, Database, StorageConfig};
use quids_executor::{Executor, ExecutorConfig};
use std::{fs, io::BufReader, path::PathBuf, sync::Arc};

#[derive(Subcommand, Debug)]
pub enum SnapshotCommand {
    /// Write the state of a block to a file
    Export {
        #[command(flatten)]
        data: DataArgs,
        /// The block; by default the chain's last
        #[arg(long, value_name = "HEIGHT")]
        at: Option<u32>,
        /// A new file; what an interrupted export left of it is gone on with
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Begin a chain with the state in a file, or go on with that after an interruption
    Import {
        #[command(flatten)]
        data: DataArgs,
        /// What `snapshot export` wrote
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Hash of the block, from somebody you trust: all that is checked hangs on it
        #[arg(long, value_name = "HASH")]
        block: Hash,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// `quids snapshot`.
pub fn run(command: SnapshotCommand) -> Result<(), CliError> {
    match command {
        SnapshotCommand::Export { data, at, out, json } => {
            let db = Arc::new(data.database()?);
            let columns = db.columns().map_err(failed)?;
            let state = columns.iter().find(|column| column.name == Column::State.name());
            let mut progress = Progress::new("exported", state.map_or(0, |state| state.entries_estimate));
            let done = write_resumable(&out, |file| {
                snapshot::export(&db, at.map(Height), file, &mut |entries| {
                    progress.entries("the state", entries);
                })
            });
            progress.finish();
            let mut report = report(&done?);
            report.line("file", out.display().to_string()).print(json);
            Ok(())
        }
        SnapshotCommand::Import {
            data,
            file,
            block,
            json,
        } => {
            let input = fs::File::open(&file).map_err(CliError::file("read", &file))?;
            let length = input.metadata().map_err(CliError::file("read", &file))?.len();
            let mut input = BufReader::new(input);
            // What is no snapshot makes no database.
            let reader = snapshot::Reader::new(&mut input).map_err(snapshot::SnapshotError::from)?;
            let spec = data.spec()?;
            let folder = data.folder(&spec)?;
            fs::create_dir_all(&folder).map_err(CliError::file("create", &folder))?;
            let db = Arc::new(Database::open(&StorageConfig::new(folder.join("db"))).map_err(failed)?);
            let cache_dir = Some(spec.code_cache(&folder));
            let executor = Executor::new(ExecutorConfig { cache_dir }).map_err(crate::chain::ChainError::from)?;
            let genesis = genesis_of(&executor, &spec)?;
            let mut progress = Progress::new("imported", length);
            let done = snapshot::import(&db, &executor, reader, block, genesis, &mut |bytes| {
                progress.bytes(bytes)
            });
            progress.finish();
            let done = done?;
            report(&done).print(json);
            Ok(())
        }
    }
}

fn report(done: &Summary) -> Report {
    let mut report = Report::default();
    report
        .line("height", done.header.number.0)
        .line("block", hex0x(done.header.hash()))
        .line("state root", hex0x(done.header.state_root))
        .line("chunks", done.chunks)
        .line("chunks known before", done.known)
        .line("entries", done.entries)
        .line("bytes", done.bytes);
    report
}
