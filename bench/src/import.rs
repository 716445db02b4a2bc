//! `import`: blocks of signed transfers brought in one after the other, and in a row, in which signatures of blocks to come are
//! verified and the block before is written while one is executed; beside what both cores could do.

use crate::{
    Result,
    args::Args,
    clock::process_cpu_time,
    machine::{Machine, memory_mib},
    statistics::{Samples, verdict},
    transfers::world,
};
use quids_core::Height;
use quids_crypto::{KeyPair, SignatureScheme};
use quids_node::{
    ChainOptions, blocks,
    chain::{Chain, FinalBlock},
    spec::ChainSpec,
    testing::{Signing, TestChain},
};
use serde_json::json;
use std::time::{Duration, Instant};

/// Of what both cores could do, were they never idle.
const BUSY_MIN: f64 = 0.8;

/// Blocks of transfers, and what authoring took, without making and signing the transactions.
struct Made {
    blocks: Vec<FinalBlock>,
    file: Vec<u8>,
    transfers: usize,
    authoring: Duration,
}

fn made(count: usize, transfers: usize, scheme: SignatureScheme) -> Result<Made> {
    let source = TestChain::new()?;
    let bob = quids_keystore::dev_keypair("bob").ok_or("no development account of this name")?;
    let sender = KeyPair::from_seed(scheme, &[77; 32])?;
    let rich = source.transfer(&sender.account_id(), 10u128.pow(23))?;
    let mut all = vec![source.block(vec![source.sign(&bob, rich, Signing::default())?])?.0];
    // The first one has its key.
    let first = source.transfer(&world::account(0), 10u128.pow(18))?;
    all.push(source.block(vec![source.sign(&sender, first, Signing::default())?])?.0);
    let (mut nonce, mut authoring) = (source.nonce(&sender.account_id())?, Duration::ZERO);
    for block in 0..count {
        let mut signed = Vec::with_capacity(transfers);
        for transfer in 0..transfers {
            let to = world::account(block * transfers + transfer);
            let call = source.transfer(&to, 10u128.pow(18))?;
            let signing = Signing {
                nonce: Some(nonce),
                ..Signing::default()
            };
            signed.push(source.sign(&sender, call, signing)?);
            nonce += 1;
        }
        let started = Instant::now();
        let (new, refused) = source.block(signed)?;
        authoring += started.elapsed();
        if !refused.is_empty() || new.extrinsics.len() <= transfers {
            return Err(format!("a block took {} of {transfers} transfers", new.extrinsics.len()).into());
        }
        all.push(new);
    }
    let mut file = Vec::new();
    blocks::export(&source.chain, Height(1), None, &mut file, &mut |_, _| {})?;
    let mut input = &file[..];
    let mut reader = blocks::Reader::new(&mut input)?;
    let mut blocks = Vec::new();
    while let Some((_, block)) = reader.next_block()? {
        blocks.push(block);
    }
    Ok(Made {
        blocks,
        file,
        transfers: count * transfers,
        authoring,
    })
}

/// Wall and CPU time of bringing blocks into a new chain, in microseconds for each transfer.
fn measured(transfers: usize, import: impl FnOnce(&Chain) -> Result) -> Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let chain = Chain::open(folder.path(), &ChainSpec::dev(), &ChainOptions::default())?;
    let (started, cpu) = (Instant::now(), process_cpu_time());
    import(&chain)?;
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / transfers as f64;
    Ok((
        micros(started.elapsed()),
        micros(process_cpu_time().saturating_sub(cpu)),
    ))
}

pub fn run(mut args: Args) -> Result {
    let (count, transfers): (usize, usize) = (args.value("blocks", 20)?, args.value("transfers", 1000)?);
    let scheme = args.value("scheme", SignatureScheme::MlDsa87)?;
    let (runs, as_json): (usize, bool) = (args.value("runs", 5)?, args.switch("json"));
    args.finish()?;
    let machine = Machine::here();
    let made = made(count, transfers, scheme)?;
    let cores = std::thread::available_parallelism()?.get() as f64;
    let names = ["one after the other", "in a row"];
    let mut walls = [Samples::default(), Samples::default()];
    let mut cpus = [Samples::default(), Samples::default()];
    let (mut faster, mut busy) = (Samples::default(), Samples::default());
    for _ in 0..runs {
        let alone = measured(made.transfers, |chain| {
            let mut blocks = made.blocks.iter().cloned();
            Ok(blocks.try_for_each(|block| chain.import(block).map(drop))?)
        })?;
        let row = measured(made.transfers, |chain| {
            blocks::import(chain, &mut &made.file[..], &mut |_, _| {})?;
            Ok(())
        })?;
        for (at, (wall, cpu)) in [alone, row].into_iter().enumerate() {
            walls[at].push(wall);
            cpus[at].push(cpu);
        }
        faster.push(alone.0 / row.0);
        busy.push(alone.1 / cores / row.0);
    }
    let authoring = made.authoring.as_secs_f64() * 1e6 / made.transfers as f64;
    let (_, peak_mib) = memory_mib("self")?;
    if as_json {
        println!(
            "{}",
            json!({
                "machine": machine.json(), "scheme": scheme.name(), "transfers": made.transfers, "authoring_us": authoring,
                "alone_wall_us": walls[0].json(), "alone_cpu_us": cpus[0].json(), "row_wall_us": walls[1].json(),
                "row_cpu_us": cpus[1].json(), "faster": faster.json(), "busy": busy.json(), "mib_peak": peak_mib,
            })
        );
        return Ok(());
    }
    println!("{machine}");
    println!(
        "{} transfers under {scheme} in {count} blocks, on the disk with fsync; microseconds for each, wall and CPU of all threads",
        made.transfers
    );
    println!("  {:<22} {authoring:>10.1}", "authoring (no pool)");
    for ((name, wall), cpu) in names.into_iter().zip(&walls).zip(&cpus) {
        let rate = 1e6 / wall.median();
        println!(
            "  {name:<22} {:>22} {:>22}  {rate:.0} a second",
            wall.shown(1),
            cpu.shown(1)
        );
    }
    println!(
        "  in a row is {} times faster; of {cores:.0} cores that are never idle it has {}  ≥ {BUSY_MIN} {}; peak memory {peak_mib:.0} MiB",
        faster.shown(2),
        busy.shown(2),
        verdict(busy.median() >= BUSY_MIN)
    );
    Ok(())
}
