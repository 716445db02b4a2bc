//! `stateless`: blocks of signed transfers executed on their batch proofs alone, beside importing them with the state.

use crate::{
    Result,
    args::Args,
    machine::Machine,
    statistics::{Samples, verdict},
    transfers::world,
};
use codec::{DecodeAll, Encode};
use quids_api::{InherentData, TIMESTAMP_INHERENT};
use quids_crypto::{KeyPair, SignatureScheme};
use quids_executor::{Executor, ExecutorConfig};
use quids_node::{
    ChainOptions,
    chain::{Chain, Proposal, Recorded, Stateless},
    spec::{ChainSpec, Genesis, code_cache},
    testing::{Signing, TestChain},
};
use quids_state::{BatchProof, Blobs};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The time without a state, in that of importing with it.
const RATIO_MAX: f64 = 2.0;

/// A development chain on which these and many others own tokens.
fn open(spec: &ChainSpec, sync: bool) -> Result<(Arc<Chain>, tempfile::TempDir)> {
    let folder = tempfile::tempdir()?;
    let options = ChainOptions {
        sync,
        ..ChainOptions::default()
    };
    Ok((Arc::new(Chain::open(folder.path(), spec, &options)?), folder))
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

pub fn run(mut args: Args) -> Result {
    let (accounts, transfers): (usize, usize) = (args.value("accounts", 50_000)?, args.value("transfers", 100)?);
    let (runs, scheme): (usize, SignatureScheme) = (
        args.value("runs", 15)?,
        args.value("scheme", SignatureScheme::Falcon512)?,
    );
    let as_json = args.switch("json");
    args.finish()?;
    let machine = Machine::here();
    let seed = |index: usize| {
        let mut seed = [0x51; 32];
        seed[..8].copy_from_slice(&(index as u64).to_le_bytes());
        seed
    };
    let keys = (0..transfers)
        .map(|index| KeyPair::from_seed(scheme, &seed(index)))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let mut spec = ChainSpec::dev();
    if let Genesis::Config { config, .. } = &mut spec.genesis {
        let rich = keys
            .iter()
            .map(KeyPair::account_id)
            .chain((0..accounts).map(world::account));
        let rich = rich.map(|who| json!([who.to_string(), 10u128.pow(24).to_string()]));
        let balances = config["balances"]["balances"].as_array_mut().ok_or("no balances")?;
        balances.extend(rich);
    }
    let (author, _author_folder) = open(&spec, false)?;
    let (importer, _importer_folder) = open(&spec, true)?;
    let other = TestChain::new()?;
    let author = TestChain::over(author)?;
    let cache_dir = code_cache();
    let stateless = Stateless::new(Executor::new(ExecutorConfig { cache_dir })?, other.chain.signatures());
    let [
        mut plain,
        mut recorded,
        mut proving,
        mut imported,
        mut checked,
        mut alone,
        mut ratio,
        mut bytes,
    ] = std::array::from_fn(|_| Samples::default());
    let mut time = 1_800_000_000_000u64;
    // The first block binds the keys, and the second warms what is measured.
    for run in 0..runs + 2 {
        let mut signed = Vec::with_capacity(transfers);
        for (index, key) in keys.iter().enumerate() {
            let to = world::account((run * 7919 + index * 104_729) % accounts);
            signed.push(author.sign(key, author.transfer(&to, 10u128.pow(15))?, Signing::default())?);
        }
        let parent = author.chain.header(author.chain.best().1)?;
        time += 1000;
        let propose = |record: bool| {
            let mut inherents = InherentData::default();
            inherents.put(TIMESTAMP_INHERENT, &time);
            author.chain.propose(
                Proposal {
                    author: spec.author,
                    digest: Vec::new(),
                    inherents,
                    transactions: &mut signed.clone().into_iter(),
                    deadline: Instant::now() + Duration::from_secs(60),
                    count_max: usize::MAX,
                },
                record,
            )
        };
        // Signatures are verified by the first, and looked up by the others.
        propose(false)?;
        let started = Instant::now();
        propose(false)?;
        let without = millis(started);
        let started = Instant::now();
        let (candidate, refused) = propose(true)?;
        let with = millis(started);
        if !refused.is_empty() {
            return Err(format!("{} transfers were refused: {:?}", refused.len(), refused[0]).into());
        }
        let block = candidate.block();
        let started = Instant::now();
        let Recorded { proof, blobs } = candidate.proof()?.ok_or("nothing was recorded")?;
        let proved = millis(started);
        let proof = proof.encode();
        author.chain.decide(candidate, Vec::new())?;
        let blobs: Arc<dyn Blobs> = Arc::new(blobs);
        let started = Instant::now();
        let read = BatchProof::decode_all(&mut &proof[..])?;
        stateless.check(&parent, &block, &read, &blobs)?;
        let on_proof = millis(started);
        // Executing twice: once to measure without the disk, after which signatures are known; so it comes last.
        let started = Instant::now();
        importer.import(block.clone())?;
        let with_state = millis(started);
        let started = Instant::now();
        importer.reexecute(&block)?;
        let executing = millis(started);
        if run < 2 {
            continue;
        }
        for (samples, sample) in [
            (&mut plain, without),
            (&mut recorded, with),
            (&mut proving, proved),
            (&mut imported, with_state),
            (&mut checked, executing),
            (&mut alone, on_proof),
            (&mut ratio, on_proof / with_state),
            (&mut bytes, proof.len() as f64),
        ] {
            samples.push(sample);
        }
    }
    if as_json {
        println!(
            "{}",
            json!({
                "machine": machine.json(), "scheme": scheme.name(), "accounts": accounts, "transfers": transfers,
                "build_ms": plain.json(), "build_recorded_ms": recorded.json(), "prove_ms": proving.json(),
                "import_ms": imported.json(), "reexecute_ms": checked.json(), "stateless_ms": alone.json(),
                "ratio": ratio.json(), "proof_bytes": bytes.json(),
            })
        );
        return Ok(());
    }
    println!("{machine}");
    println!("blocks of {transfers} transfers under {scheme} among {accounts} accounts; milliseconds of wall time");
    for (name, samples) in [
        ("building, signatures known", &plain),
        ("the same, recorded", &recorded),
        ("making the proof", &proving),
        ("import with the state, on the disk", &imported),
        ("executing it, signatures known", &checked),
        ("on the proof alone", &alone),
    ] {
        println!("  {name:<36} {:>22}", samples.shown(2));
    }
    println!(
        "  proof {} bytes; without the state in {} of the time with it  ≤ {RATIO_MAX} {}",
        bytes.shown(0),
        ratio.shown(2),
        verdict(ratio.median() <= RATIO_MAX)
    );
    Ok(())
}
