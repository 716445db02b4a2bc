//! Commands on a node's folder while no node runs on it: export and import blocks, look into the database, remove it.

use super::{
    CliError,
    output::{Report, hex0x, write_resumable},
    progress::Progress,
};
use crate::{
    blocks,
    chain::{Chain, ChainOptions},
    logging::{self, LogFormat},
    run::default_base_path,
    service::chain_folder,
    spec::ChainSpec,
};
use clap::{Args, Subcommand};
use quids_core::Height;
use quids_db::{Backup, ColumnStats, Damage, Database, DbError, FORMAT_VERSION, Remedy, StorageConfig, Verified};
use serde_json::json;
use std::{
    fs,
    io::{self, BufReader, BufWriter, IsTerminal, Read, Write},
    path::{Path, PathBuf},
};

/// At least the header of a file of blocks.
const FILE_START_BYTES: u64 = 4096;

/// Which chain, and where it lies.
#[derive(Args, Clone, Debug)]
pub struct DataArgs {
    /// The chain: `dev`, `local`, or the file of a chain spec
    #[arg(long, value_name = "FILE", default_value = "dev")]
    chain: String,
    /// Folder of the node's data; by default one below the user's data folder
    #[arg(long, value_name = "P")]
    base_path: Option<PathBuf>,
}

/// Write blocks to a file.
#[derive(Args, Debug)]
pub struct ExportArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The first block
    #[arg(long, value_name = "HEIGHT", default_value_t = 1)]
    from: u32,
    /// The last block; by default the chain's last, or what FILE.part has
    #[arg(long, value_name = "HEIGHT")]
    to: Option<u32>,
    /// A new file, or `-` for stdout; goes on with FILE.part if an export was interrupted
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Import blocks.
#[derive(Args, Debug)]
pub struct ImportArgs {
    #[command(flatten)]
    data: DataArgs,
    /// What `export-blocks` wrote, or `-` for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Remove a chain.
#[derive(Args, Debug)]
pub struct PurgeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Look into the database.
#[derive(Subcommand, Debug)]
pub enum DbCommand {
    /// Show format, genesis, last blocks, and the size of each column
    Info {
        #[command(flatten)]
        data: DataArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read everything: name what is damaged or missing, and what mends it
    Verify {
        #[command(flatten)]
        data: DataArgs,
        /// Mend what can be mended from what else is there, where nothing is lost by it
        #[arg(long)]
        repair: bool,
        /// Where what led back to states of the past is damaged, give those up
        #[arg(long, requires = "repair")]
        give_up_history: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a backup of a stopped node's database to a folder; what an earlier one there has is not copied again
    Backup {
        #[command(flatten)]
        data: DataArgs,
        /// Folder of backups, made if it is not there
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
        /// Backups that stay there, this one included
        #[arg(long, value_name = "N", default_value_t = 3)]
        keep: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the backups in a folder
    Backups {
        #[arg(value_name = "FOLDER")]
        from: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Bring a backup back, where no database is
    Restore {
        #[command(flatten)]
        data: DataArgs,
        /// Folder of backups
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
        /// Which, as `db backups` lists them; the last by default
        #[arg(long, value_name = "N")]
        id: Option<u32>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Put the database in order on the disk: smaller, and faster to read
    Compact {
        #[command(flatten)]
        data: DataArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the files that come to rest anew, each with a compression dictionary made of what is in it
    TrainDictionary {
        #[command(flatten)]
        data: DataArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give up old states, those of all but some blocks before the last one, at once
    Prune {
        #[command(flatten)]
        data: DataArgs,
        /// Blocks before the last one whose states stay
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(16..))]
        keep: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what is in the files of each column, and how well it is compressed
    Stats {
        #[command(flatten)]
        data: DataArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl DataArgs {
    pub(super) fn spec(&self) -> Result<ChainSpec, CliError> {
        Ok(ChainSpec::load(&self.chain)?)
    }

    pub(super) fn folder(&self, spec: &ChainSpec) -> Result<PathBuf, CliError> {
        let base = match &self.base_path {
            Some(path) => path.clone(),
            None => default_base_path()?,
        };
        Ok(chain_folder(&base, &spec.id))
    }

    /// The database of the chain, which has to be there.
    pub(super) fn database(&self) -> Result<Database, CliError> {
        let path = existing(&self.folder(&self.spec()?)?)?;
        Database::open(&StorageConfig::new(path)).map_err(failed)
    }

    /// The chain, which has to be there unless it may be `new`.
    pub(super) fn open(&self, new: bool) -> Result<Chain, CliError> {
        // What the runtime and the chain have to say belongs on stderr.
        logging::init("warn", LogFormat::Text).map_err(|error| CliError::Usage(error.to_string()))?;
        let spec = self.spec()?;
        let folder = self.folder(&spec)?;
        if new {
            fs::create_dir_all(&folder).map_err(CliError::file("create", &folder))?;
        } else {
            existing(&folder)?;
        }
        Ok(Chain::open(&folder, &spec, &ChainOptions::default())?)
    }
}

/// The database's folder, if there is one.
fn existing(folder: &Path) -> Result<PathBuf, CliError> {
    let db = folder.join("db");
    if db.join("CURRENT").is_file() {
        Ok(db)
    } else {
        Err(CliError::NoDatabase(db))
    }
}

/// `quids export-blocks`.
pub fn export(args: ExportArgs) -> Result<(), CliError> {
    let chain = args.data.open(false)?;
    let (from, to) = (Height(args.from), args.to.map(Height));
    let mut progress = Progress::new("exported", 0);
    let mut observe = |height: Height, last: Height| {
        progress.set_length(u64::from(last.0) + 1 - u64::from(args.from.max(1)));
        progress.step(height);
    };
    let done = if args.out == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        blocks::export(&chain, from, to, &mut out, &mut observe).map_err(CliError::from)
    } else {
        write_resumable(&args.out, |file| blocks::resume(&chain, from, to, file, &mut observe))
    };
    progress.finish();
    let done = done?;
    let mut report = Report::default();
    report
        .line("blocks", done.header.count())
        .line("known before", done.known)
        .line("from", done.header.first.0)
        .line("to", done.header.last.0)
        .line("genesis", hex0x(chain.genesis()))
        .line("file", args.out.display().to_string());
    if args.out == Path::new("-") {
        eprint!("{}", report.text());
    } else {
        report.print(args.json);
    }
    Ok(())
}

/// `quids import-blocks`.
pub fn import(args: ImportArgs) -> Result<(), CliError> {
    let mut input: Box<dyn io::Read + Send> = if args.file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(fs::File::open(&args.file).map_err(CliError::file("read", &args.file))?)
    };
    // What is no file of blocks makes no database.
    let mut start = Vec::new();
    let taken = input.by_ref().take(FILE_START_BYTES).read_to_end(&mut start);
    taken.map_err(CliError::file("read", &args.file))?;
    blocks::Reader::new(&mut start.as_slice()).map_err(|source| CliError::NoBlocks {
        file: args.file.clone(),
        source,
    })?;
    let chain = args.data.open(true)?;
    let mut progress = Progress::new("imported", 0);
    let mut input = BufReader::new(start.as_slice().chain(input));
    let done = blocks::import(&chain, &mut input, &mut |height, last| {
        progress.set_length(u64::from(last.0));
        progress.at(height);
    });
    progress.finish();
    let done = done.map_err(|error| CliError::Import {
        file: args.file.clone(),
        reached: chain.best().0,
        source: Box::new(error),
    })?;
    let (height, best) = chain.best();
    let mut report = Report::default();
    report
        .line("imported", done.imported)
        .line("known before", done.skipped)
        .line("height", height.0)
        .line("best", hex0x(best))
        .line("state root", hex0x(chain.header(best)?.state_root));
    report.print(args.json);
    Ok(())
}

/// `quids purge-chain`.
pub fn purge(args: PurgeArgs) -> Result<(), CliError> {
    let spec = args.data.spec()?;
    let db = existing(&args.data.folder(&spec)?)?;
    if !args.yes {
        if !io::stdin().is_terminal() {
            return Err(CliError::Usage(format!(
                "this would remove {}: say so with -y, since there is no terminal to ask",
                db.display()
            )));
        }
        eprint!(
            "Remove the blocks and states of {} in {}? [y/N] ",
            spec.name,
            db.display()
        );
        let _ = io::stderr().flush();
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map_err(|source| CliError::Io {
            context: "cannot read the answer",
            source,
        })?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            eprintln!("Nothing was removed.");
            return Ok(());
        }
    }
    // A running node must keep its database. Any other reason why it does not open is one to remove it.
    if let Err(error @ DbError::Locked { .. }) = Database::open(&StorageConfig::new(&db)) {
        return Err(failed(error));
    }
    fs::remove_dir_all(&db).map_err(CliError::file("remove", &db))?;
    let mut report = Report::default();
    report.line("removed", db.display().to_string());
    report.print(args.json);
    Ok(())
}

/// `quids db`.
pub fn db(command: DbCommand) -> Result<(), CliError> {
    let open = DataArgs::database;
    match command {
        DbCommand::Info { data, json } => {
            info(&open(&data)?).map_err(failed)?.print(json);
            Ok(())
        }
        DbCommand::Verify {
            data,
            repair,
            give_up_history,
            json,
        } => {
            let path = existing(&data.folder(&data.spec()?)?)?;
            let mut db = Database::open_to_mend(&StorageConfig::new(path)).map_err(failed)?;
            let accepted = |remedy: &Remedy| repair && (give_up_history || !remedy.loses_history());
            let report = verify(&mut db, repair, &accepted)?;
            report.print(json)
        }
        DbCommand::Backup { data, to, keep, json } => {
            let backup = open(&data)?.backup(&to, keep).map_err(failed)?;
            one_backup(&backup).print(json);
            Ok(())
        }
        DbCommand::Backups { from, json } => {
            let all = Database::backups(&from).map_err(failed)?;
            let mut report = Report::default();
            let text: Vec<_> = all
                .iter()
                .map(|one| format!("{:>6} {:>14} bytes, {} s since 1970", one.id, one.bytes, one.timestamp))
                .collect();
            let list: Vec<_> = all.iter().map(backup_json).collect();
            report.both("backups", text.join("\n"), list);
            report.print(json);
            Ok(())
        }
        DbCommand::Restore { data, from, id, json } => {
            let folder = data.folder(&data.spec()?)?;
            fs::create_dir_all(&folder).map_err(CliError::file("create", &folder))?;
            let backup = Database::restore(&from, id, &folder.join("db")).map_err(failed)?;
            one_backup(&backup).print(json);
            Ok(())
        }
        DbCommand::Compact { data, json } => {
            let db = open(&data)?;
            rewritten(&db, || db.compact()).map_err(failed)?.print(json);
            Ok(())
        }
        DbCommand::TrainDictionary { data, json } => {
            let db = open(&data)?;
            rewritten(&db, || db.train_dictionaries()).map_err(failed)?.print(json);
            Ok(())
        }
        DbCommand::Prune { data, keep, json } => {
            let db = open(&data)?;
            let mut pruned = 0;
            let mut report = rewritten(&db, || {
                pruned = db.prune_to(keep)?;
                db.compact()
            })
            .map_err(failed)?;
            report.line("states pruned", pruned).print(json);
            Ok(())
        }
        DbCommand::Stats { data, json } => {
            stats(&open(&data)?).map_err(failed)?.print(json);
            Ok(())
        }
    }
}

pub(super) fn failed(error: DbError) -> CliError {
    crate::chain::ChainError::from(error).into()
}

fn one_backup(backup: &Backup) -> Report {
    let mut report = Report::default();
    report
        .line("id", backup.id)
        .line("bytes", backup.bytes)
        .line("timestamp", backup.timestamp);
    report
}

fn backup_json(backup: &Backup) -> serde_json::Value {
    json!({ "id": backup.id, "bytes": backup.bytes, "timestamp": backup.timestamp })
}

/// Damages that are told one by one; of the rest only the number.
const DAMAGES_SHOWN: usize = 100;

/// What a walk found.
#[derive(Default)]
struct Found {
    /// The first of them.
    shown: Vec<Damage>,
    count: usize,
    /// Of all of them.
    remedies: Vec<Remedy>,
    verified: Verified,
}

/// What `quids db verify` came to.
struct Outcome {
    report: Report,
    left: usize,
    repaired: Result<(), DbError>,
}

impl Outcome {
    /// Prints it; an error if something is left.
    fn print(self, json: bool) -> Result<(), CliError> {
        self.report.print(json);
        self.repaired.map_err(failed)?;
        match self.left {
            0 => Ok(()),
            left => Err(CliError::Damaged(left)),
        }
    }
}

/// Reads everything, and applies those of the remedies that are accepted.
fn verify(db: &mut Database, repair: bool, is_accepted: &dyn Fn(&Remedy) -> bool) -> Result<Outcome, CliError> {
    let found = walk(db).map_err(failed)?;
    let (mut left, mut repaired) = (found.count, Ok(()));
    let remedies: Vec<_> = found.remedies.iter().copied().filter(is_accepted).collect();
    if !remedies.is_empty() {
        repaired = db.repair(&remedies);
        left = walk(db).map_err(failed)?.count;
    }
    let mut report = Report::default();
    report
        .line("entries", found.verified.entries)
        .line("bytes", found.verified.bytes)
        .line("damaged", found.count);
    if found.count > 0 {
        let mut lines: Vec<_> = found.shown.iter().map(described).collect();
        if let Some(more @ 1..) = found.count.checked_sub(DAMAGES_SHOWN) {
            lines.push(format!("and {more} more"));
        }
        let list: Vec<_> = found.shown.iter().map(damage_json).collect();
        report.both("damages", lines.join("\n"), list);
    }
    if repair {
        report
            .line("mended", found.count.saturating_sub(left))
            .line("left", left);
        // What was not asked for is said, not done.
        let refused = found
            .remedies
            .iter()
            .filter(|remedy| remedy.loses_history() && !is_accepted(remedy));
        let refused: Vec<_> = refused.map(Remedy::to_string).collect();
        if !refused.is_empty() {
            report.both("would take", refused.join("\n"), refused);
        }
    }
    Ok(Outcome { report, left, repaired })
}

/// Walks everything, with a bar.
fn walk(db: &Database) -> Result<Found, DbError> {
    let about: u64 = db.columns()?.iter().map(|column| column.entries_estimate).sum();
    let mut progress = Progress::new("verified", about);
    let mut found = Found::default();
    let verified = db.verify(
        &mut |column, entries| progress.entries(column, entries),
        &mut |damage| {
            found.count += 1;
            let known = found
                .remedies
                .iter_mut()
                .find(|known| match (&**known, &damage.remedy) {
                    (Remedy::ForgetStatesBefore(_), Remedy::ForgetStatesBefore(_)) => true,
                    (known, remedy) => known == remedy,
                });
            match (known, damage.remedy) {
                (Some(Remedy::ForgetStatesBefore(known)), Remedy::ForgetStatesBefore(height)) => {
                    *known = height.max(*known);
                }
                (Some(_), _) => {}
                (None, remedy) => found.remedies.push(remedy),
            }
            if found.shown.len() < DAMAGES_SHOWN {
                found.shown.push(damage);
            }
        },
    );
    progress.finish();
    found.verified = verified?;
    Ok(found)
}

fn described(damage: &Damage) -> String {
    let Damage {
        column,
        key,
        height,
        reason,
        remedy,
    } = damage;
    let block = height.map_or_else(String::new, |height| format!(" of block {height}"));
    let key = if key.is_empty() {
        String::new()
    } else {
        format!(" 0x{key}")
    };
    format!("{column}{key}{block}: {reason}; {remedy}")
}

fn damage_json(damage: &Damage) -> serde_json::Value {
    json!({
        "column": damage.column,
        "key": format!("0x{}", damage.key),
        "height": damage.height.map(|height| height.0),
        "reason": damage.reason,
        "remedy": damage.remedy.to_string(),
    })
}

/// How large the database is before and after something.
fn rewritten(db: &Database, rewrite: impl FnOnce() -> Result<(), DbError>) -> Result<Report, DbError> {
    let bytes = || Ok::<u64, DbError>(db.columns()?.iter().map(|column| column.bytes).sum());
    let before = bytes()?;
    rewrite()?;
    let mut report = Report::default();
    report.line("bytes before", before).line("bytes after", bytes()?);
    Ok(report)
}

fn stats(db: &Database) -> Result<Report, DbError> {
    let columns = db.stats()?;
    let mut lines = vec![format!(
        "{:16} {:>12} {:>14} {:>14} {:>6} {:>6} {:>5}",
        "", "entries", "raw bytes", "file bytes", "ratio", "space", "reads"
    )];
    lines.extend(columns.iter().map(|column| {
        format!(
            "{:16} {:>12} {:>14} {:>14} {:>6.2} {:>6.2} {:>5}",
            column.name,
            column.entries,
            column.raw_bytes,
            column.file_bytes,
            column.compression(),
            column.space_amplification(),
            column.read_amplification(),
        )
    }));
    let list: Vec<_> = columns.iter().map(column_json).collect();
    let total = |of: fn(&ColumnStats) -> u64| columns.iter().map(of).sum::<u64>();
    let mut report = Report::default();
    report
        .both("columns", lines.join("\n"), list)
        .line("raw bytes", total(|column| column.raw_bytes))
        .line("file bytes", total(|column| column.file_bytes))
        .line("memory bytes", total(|column| column.memory_bytes));
    Ok(report)
}

fn column_json(column: &ColumnStats) -> serde_json::Value {
    json!({
        "name": column.name,
        "entries": column.entries,
        "deletions": column.deletions,
        "raw_bytes": column.raw_bytes,
        "data_bytes": column.data_bytes,
        "index_bytes": column.index_bytes,
        "file_bytes": column.file_bytes,
        "live_bytes": column.live_bytes,
        "memory_bytes": column.memory_bytes,
        "files_by_level": column.files,
        "is_compressed": column.is_compressed,
        "compression": column.compression(),
        "space_amplification": column.space_amplification(),
        "read_amplification": column.read_amplification(),
    })
}

fn info(db: &Database) -> Result<Report, DbError> {
    let mut report = Report::default();
    report
        .line("path", db.path().display().to_string())
        .line("format", FORMAT_VERSION)
        .line("genesis", db.genesis()?.map_or_else(|| "none".into(), hex0x));
    if db.genesis()?.is_some() {
        let best = db.best()?;
        for (label, (height, hash)) in [("best", best), ("finalised", best)] {
            report.both(
                label,
                format!("{height} {}", hex0x(hash)),
                json!({ "height": height.0, "hash": hex0x(hash) }),
            );
        }
    }
    let columns = db.columns()?;
    let text: Vec<_> = columns
        .iter()
        .map(|column| {
            format!(
                "{:8} {:>12} entries {:>14} bytes",
                column.name, column.entries_estimate, column.bytes
            )
        })
        .collect();
    let json: Vec<_> = columns
        .iter()
        .map(|c| json!({ "name": c.name, "entries_estimate": c.entries_estimate, "bytes": c.bytes }))
        .collect();
    report.both("columns", text.join("\n"), json);
    report.line("bytes", columns.iter().map(|column| column.bytes).sum::<u64>());
    Ok(report)
}
