//! `snapshot`: bringing in the state of many accounts from a file, beside executing the blocks of signed transfers that would
//! have made them. Of those a part is measured and the rest counted from it.

use crate::{
    Result,
    args::Args,
    machine::{Machine, memory_mib},
    statistics::{Samples, verdict},
    transfers::{engine::Engine, world},
};
use quids_core::{Hash, Height};
use quids_crypto::SignatureScheme;
use quids_db::{BlockCommit, Database, StorageConfig};
use quids_executor::{Executor, ExecutorConfig};
use quids_node::{
    ChainOptions, blocks,
    chain::Chain,
    snapshot,
    spec::ChainSpec,
    testing::{Signing, TestChain},
};
use quids_state::{EMPTY_ROOT, MemoryState, Overlay, SharedCache, StateView};
use serde_json::json;
use std::{fs::File, io::BufReader, path::Path, sync::Arc, time::Instant};

/// Transfers in a block.
const BLOCK: usize = 1_000;
/// How many times faster an import has to be.
const FASTER_MIN: f64 = 100.0;

/// A new database with a state of many accounts; its block.
pub fn with_accounts(folder: &Path, accounts: usize) -> Result<(Arc<Database>, Hash)> {
    let db = Arc::new(Database::open(&StorageConfig::new(folder))?);
    let nothing = Arc::new(MemoryState::default());
    let cache = Arc::new(SharedCache::new(64 << 20));
    let mut state = Overlay::new(StateView::new(nothing, cache, Height(0), EMPTY_ROOT));
    world::build_genesis(&mut state, &mut Engine::Native, accounts, &[], SignatureScheme::MlDsa87)?;
    let commit = state.into_commit()?;
    let hash = db.write_genesis(BlockCommit {
        header: world::genesis_header(commit.root),
        body: Vec::new(),
        justification: None,
        state: commit,
        aux: Vec::new(),
        evm: None,
    })?;
    Ok((db, hash))
}

/// Writes a state of many accounts to a file; the hash of its block, and milliseconds.
fn exported(folder: &Path, accounts: usize, file: &Path) -> Result<(Hash, f64)> {
    let (db, hash) = with_accounts(folder, accounts)?;
    let started = Instant::now();
    snapshot::export(&db, None, &mut File::create_new(file)?, &mut |_| {})?;
    Ok((hash, started.elapsed().as_secs_f64() * 1e3))
}

/// Milliseconds from opening a database that is not there to having the state in it, on the disk.
fn imported(folder: &Path, executor: &Executor, file: &Path, block: Hash) -> Result<f64> {
    let mut input = BufReader::new(File::open(file)?);
    let started = Instant::now();
    let db = Arc::new(Database::open(&StorageConfig::new(folder))?);
    snapshot::import(
        &db,
        executor,
        snapshot::Reader::new(&mut input)?,
        block,
        block,
        &mut |_| {},
    )?;
    drop(db);
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

/// Blocks of transfers, each to an account that was not there, as a file holds them; how many accounts.
fn blocks_of_transfers(count: usize) -> Result<(Vec<u8>, usize)> {
    let source = TestChain::new()?;
    let sender = quids_keystore::dev_keypair("bob").ok_or("no development account of this name")?;
    let (mut nonce, mut made) = (source.nonce(&sender.account_id())?, 0);
    for _ in 0..count {
        let mut transactions = Vec::with_capacity(BLOCK);
        for _ in 0..BLOCK {
            let call = source.transfer(&world::account(1_000_000 + made), 10u128.pow(18))?;
            let signing = Signing {
                nonce: Some(nonce),
                ..Signing::default()
            };
            transactions.push(source.sign(&sender, call, signing)?);
            (nonce, made) = (nonce + 1, made + 1);
        }
        let (block, refused) = source.block(transactions)?;
        // One more for the time.
        if !refused.is_empty() || block.extrinsics.len() <= BLOCK {
            return Err(format!("a block took {} of {BLOCK} transfers", block.extrinsics.len()).into());
        }
    }
    let mut file = Vec::new();
    blocks::export(&source.chain, Height(1), None, &mut file, &mut |_, _| {})?;
    Ok((file, made))
}

/// Milliseconds for each account.
fn replayed(file: &[u8], accounts: usize) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let chain = Chain::open(folder.path(), &ChainSpec::dev(), &ChainOptions::default())?;
    let started = Instant::now();
    blocks::import(&chain, &mut &file[..], &mut |_, _| {})?;
    Ok(started.elapsed().as_secs_f64() * 1e3 / accounts as f64)
}

pub fn run(mut args: Args) -> Result {
    let accounts: usize = args.value("accounts", 1_000_000)?;
    let (count, runs): (usize, usize) = (args.value("blocks", 5)?, args.value("runs", 3)?);
    let as_json = args.switch("json");
    args.finish()?;
    let machine = Machine::here();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("snapshot");
    let (block, export_ms) = exported(&folder.path().join("source"), accounts, &file)?;
    let file_bytes = file.metadata()?.len();
    let (blocks, made) = blocks_of_transfers(count)?;
    let executor = Executor::new(ExecutorConfig::default())?;
    let (mut import_ms, mut account_ms, mut faster) = (Samples::default(), Samples::default(), Samples::default());
    for run in 0..runs {
        let target = folder.path().join(format!("target{run}"));
        import_ms.push(imported(&target, &executor, &file, block)?);
        std::fs::remove_dir_all(&target)?;
        account_ms.push(replayed(&blocks, made)?);
        faster.push(account_ms.last() * accounts as f64 / import_ms.last());
    }
    let (_, peak_mib) = memory_mib("self")?;
    if as_json {
        println!(
            "{}",
            json!({
                "machine": machine.json(), "accounts": accounts, "file_bytes": file_bytes, "export_ms": export_ms,
                "import_ms": import_ms.json(), "replay_ms_per_account": account_ms.json(), "ratio": faster.json(),
                "replayed_accounts": made, "mib_peak": peak_mib,
            })
        );
        return Ok(());
    }
    println!("{machine}");
    println!(
        "{accounts} accounts: exported in {export_ms:.0} ms to {} MiB; imported in {} ms, checked and on the disk",
        file_bytes >> 20,
        import_ms.shown(0)
    );
    println!(
        "replaying {made} transfers to new accounts in {count} signed blocks: {} ms each, so {:.0} s for {accounts} (extrapolated)",
        account_ms.shown(3),
        account_ms.median() * accounts as f64 / 1e3
    );
    println!(
        "  the import is {} times faster  ≥ {FASTER_MIN} {}; peak memory, making the state included, {peak_mib:.0} MiB",
        faster.shown(0),
        verdict(faster.median() >= FASTER_MIN)
    );
    Ok(())
}
