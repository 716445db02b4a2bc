//! `proof`: batch proofs of blocks that read and change some accounts of many: bytes per key, beside a plain proof of the same
//! keys, and what recording, making, reading and executing on them take, beside the same on the state.

use crate::{
    Result,
    args::Args,
    clock::{Lap, timed},
    machine::Machine,
    statistics::{Samples, verdict},
};
use codec::Encode;
use quids_core::Height;
use quids_io::Externalities;
use quids_state::{
    Commit, EMPTY_ROOT, MemoryState, Overlay, ProofState, Recorder, SharedCache, StateBackend, StateView,
};
use quids_trie::Proof;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

/// Bytes for each key, keys in a block, in a state of so many accounts.
const FLOORS: [(f64, usize, usize); 2] = [(1350.0, 200, 1_000_000), (520.0, 20_000, 1_000_000)];
/// What executing on a proof may take, of what it takes on the state.
const RATIO_MAX: f64 = 2.0;
const VALUE_BYTES: usize = 80;
/// Accounts that are stored at once when the state is made.
const MADE_AT_ONCE: usize = 250_000;

/// 32 bytes that all share, 16 of a hash, 20 of an address.
fn key(account: usize) -> Vec<u8> {
    let hash = blake3::hash(&(account as u64).to_le_bytes());
    [&[0x26; 32][..], &hash.as_bytes()[..16], &hash.as_bytes()[12..32]].concat()
}

fn value(account: usize, version: u8) -> Vec<u8> {
    let hash = blake3::hash(&(account as u64).to_be_bytes());
    [&hash.as_bytes()[..], &[version; VALUE_BYTES - 32]].concat()
}

fn state(accounts: usize, cache: &Arc<SharedCache>) -> Result<StateView> {
    let store = Arc::new(MemoryState::default());
    let mut view = StateView::new(store.clone(), cache.clone(), Height(0), EMPTY_ROOT);
    for start in (0..accounts).step_by(MADE_AT_ONCE) {
        let made = start..accounts.min(start + MADE_AT_ONCE);
        let mut changes: Vec<_> = made.map(|account| (key(account), value(account, 0))).collect();
        changes.sort_unstable();
        let changes = changes.iter();
        let commit = view.commit(&mut changes.map(|(key, value)| (&key[..], Some(&value[..]))))?;
        let root = commit.root;
        let height = Height(view.height().0 + 1);
        store.apply(height, commit);
        view = StateView::new(store.clone(), cache.clone(), height, root);
    }
    Ok(view)
}

/// A block's part of the work: each account is read and changed, then the root is computed.
fn execute(backend: impl StateBackend, keys: &[Vec<u8>], version: u8) -> Result<Commit> {
    let mut overlay = Overlay::new(backend);
    for key in keys {
        let mut value = overlay.get(key)?.ok_or("an account is missing")?;
        value[VALUE_BYTES - 1] = version;
        overlay.set(key, &value)?;
    }
    Ok(overlay.into_commit()?)
}

/// Of blocks with so many keys. Bytes for each key; milliseconds on the wall.
#[derive(Default)]
struct Figures {
    keys: usize,
    bytes: Samples,
    plain_bytes: Samples,
    on_state: Samples,
    recorded: Samples,
    made: Samples,
    opened: Samples,
    on_proof: Samples,
    ratio: Samples,
}

impl Figures {
    fn block(&mut self, view: &StateView, keys: &[Vec<u8>], version: u8) -> Result {
        let ms = |lap: Lap| lap.wall.as_secs_f64() * 1e3;
        // The branches that it takes are in the cache from here on, for whoever comes first.
        execute(view, keys, version)?;
        let (here, on_state) = timed(|| execute(view, keys, version));
        let recorder = Recorder::new(view.clone());
        let (recorded, recording) = timed(|| execute(&recorder, keys, version));
        let (proof, made) = timed(|| recorder.proof(&|_, _| false));
        let proof = proof?;
        let (shown, opened) = timed(|| ProofState::open(view.root(), &proof, Arc::new(())));
        let shown = shown?;
        let (there, on_proof) = timed(|| execute(&shown, keys, version));
        let roots = [here?.root, recorded?.root, there?.root];
        if roots.iter().any(|root| *root != roots[0]) {
            return Err(format!("the roots differ: {roots:?}").into());
        }
        let asked: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let each = |bytes: usize| bytes as f64 / keys.len() as f64;
        self.keys = keys.len();
        self.bytes.push(each(proof.encoded_size()));
        // Of the most keys it exceeds its bounds.
        if let Ok(plain) = view.prove(&asked) {
            self.plain_bytes.push(each(Proof(plain).encoded_size()));
        }
        self.on_state.push(ms(on_state));
        self.recorded.push(ms(recording));
        self.made.push(ms(made));
        self.opened.push(ms(opened));
        self.on_proof.push(ms(on_proof));
        self.ratio.push((ms(opened) + ms(on_proof)) / ms(on_state));
        Ok(())
    }

    fn floor(&self, accounts: usize) -> String {
        let floor = FLOORS
            .iter()
            .find(|(_, keys, among)| (*keys, *among) == (self.keys, accounts));
        floor.map_or_else(String::new, |(floor, ..)| {
            format!("  ≤ {floor} {}", verdict(self.bytes.max() <= *floor))
        })
    }

    fn line(&self, accounts: usize) -> String {
        format!(
            "  {:>6} keys: {} bytes each{} (plain {}); on the state {}, recorded {}, proof made {}, opened {}, on the proof {}, {}×  ≤ {RATIO_MAX} {}",
            self.keys,
            self.bytes.shown(0),
            self.floor(accounts),
            match self.plain_bytes.len() {
                0 => "too large".to_owned(),
                _ => format!("{:.0}", self.plain_bytes.median()),
            },
            self.on_state.shown(1),
            self.recorded.shown(1),
            self.made.shown(1),
            self.opened.shown(1),
            self.on_proof.shown(1),
            self.ratio.shown(2),
            verdict(self.ratio.median() <= RATIO_MAX),
        )
    }

    fn json(&self) -> Value {
        json!({
            "keys": self.keys, "bytes_per_key": self.bytes.json(), "plain_bytes_per_key": self.plain_bytes.json(),
            "state_ms": self.on_state.json(), "recorded_ms": self.recorded.json(), "made_ms": self.made.json(),
            "opened_ms": self.opened.json(), "proof_ms": self.on_proof.json(), "ratio": self.ratio.json(),
        })
    }
}

pub fn run(mut args: Args) -> Result {
    let accounts: usize = args.value("accounts", 1_000_000)?;
    let sizes: Vec<usize> = args.list("keys", vec![200, 2000, 20_000])?;
    let (runs, cache_mb): (usize, usize) = (args.value("runs", 5)?, args.value("cache-mb", 64)?);
    let as_json = args.switch("json");
    args.finish()?;
    let machine = Machine::here();
    let cache = Arc::new(SharedCache::new(cache_mb << 20));
    let view = state(accounts, &cache)?;
    if !as_json {
        println!("{machine}");
        println!(
            "{accounts} accounts in memory, values of {VALUE_BYTES} bytes, {cache_mb} MiB of branches cached; each key is read and changed; ms, medians of {runs}; no runtime, no signatures"
        );
    }
    let mut all = Vec::new();
    for keys in sizes {
        let mut figures = Figures::default();
        // The first one warms up and does not count.
        for run in 0..=runs {
            let seed = (keys * 31 + run) as u64;
            let mut chosen = BTreeSet::new();
            for account in crate::trie::indices(keys * 2, accounts, seed) {
                if chosen.len() < keys {
                    chosen.insert(account);
                }
            }
            let chosen: Vec<Vec<u8>> = chosen.into_iter().map(key).collect();
            if run == 0 {
                Figures::default().block(&view, &chosen, 1)?;
            } else {
                figures.block(&view, &chosen, run as u8)?;
            }
        }
        if !as_json {
            println!("{}", figures.line(accounts));
        }
        all.push(figures);
    }
    if as_json {
        let sizes: Vec<Value> = all.iter().map(Figures::json).collect();
        println!(
            "{}",
            json!({ "machine": machine.json(), "accounts": accounts, "cache_mb": cache_mb, "sizes": sizes })
        );
    }
    Ok(())
}
