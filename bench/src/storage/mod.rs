//! `storage`: bytes on the disk for an account, a contract's slot and a transfer, with all states kept, beside the same in
//! RocksDB without compression, the trie's nodes by hash; and what a read costs.

use crate::{
    Result,
    args::Args,
    machine::Machine,
    statistics::{Samples, verdict},
    trie::{Change, Ours, Reference, indices},
};
use codec::Encode;
use quids_core::OpaqueExtrinsic;
use quids_db::StorageConfig;
use quids_state::StateBackend;
use serde_json::{Value, json};
use std::{path::Path, time::Instant};

/// Transfers in a block.
const BLOCK: usize = 100;
/// Reads of a round.
const READS: usize = 20_000;
/// Entries that are stored at once when a state is made.
const MADE_AT_ONCE: usize = 100_000;
/// How many times smaller, and how much slower than the reference's a read may be.
const SMALLER_MIN: f64 = 3.0;
const SLOWER_MAX: f64 = 1.1;

/// One of the three databases.
enum Store {
    Ours(Ours),
    Reference(Reference),
}

/// What is stored of a kind, in bytes of table files.
struct Part {
    name: &'static str,
    count: usize,
    ours: u64,
    plain: u64,
    reference: u64,
    /// Columns of ours and by how many bytes each grew.
    columns: Vec<(&'static str, i64)>,
}

impl Store {
    /// Bytes of each column's files.
    fn columns(&self) -> Result<Vec<(&'static str, u64)>> {
        let Self::Ours(ours) = self else { return Ok(Vec::new()) };
        Ok(ours
            .stats()?
            .iter()
            .map(|column| (column.name, column.file_bytes))
            .collect())
    }

    fn update(&mut self, changes: &[Change], body: Vec<OpaqueExtrinsic>) -> Result {
        match self {
            Self::Ours(ours) => {
                let commit = ours.update(changes)?;
                ours.store(commit, body)
            }
            Self::Reference(reference) => {
                let (root, mut nodes) = reference.update(changes)?;
                if !body.is_empty() {
                    let body = body.encode();
                    nodes.insert((*blake3::hash(&body).as_bytes()).into(), body);
                }
                reference.store(root, nodes)
            }
        }
    }

    fn settle(&self) -> Result {
        match self {
            Self::Ours(ours) => ours.settle(),
            Self::Reference(reference) => {
                reference.settle();
                Ok(())
            }
        }
    }

    /// Nanoseconds of each read.
    fn reads(&self, keys: &[Vec<u8>], into: &mut Samples) -> Result {
        let view = match self {
            Self::Ours(ours) => Some(ours.view()),
            Self::Reference(_) => None,
        };
        for key in keys {
            let started = Instant::now();
            let is_there = match (self, &view) {
                (Self::Reference(reference), _) => reference.get(key)?.is_some(),
                (_, Some(view)) => view.get(key)?.is_some(),
                _ => false,
            };
            into.push(started.elapsed().as_secs_f64() * 1e9);
            if !is_there {
                return Err("an account is missing".into());
            }
        }
        Ok(())
    }
}

fn hash(kind: &str, index: usize) -> [u8; 32] {
    *blake3::hash(&(kind, index as u64).encode()).as_bytes()
}

/// As `system.account` keeps it: two prefixes, a hash of 16 bytes, the address; nonce, free, reserved, frozen, flags.
fn account(index: usize, nonce: u64) -> Change {
    let address = &hash("account", index)[..20];
    let id = blake3::hash(address);
    let key = [&[0x26; 32][..], &id.as_bytes()[..16], address].concat();
    let free = 10u128.pow(18) * (1 + index as u128 % 1000) - u128::from(nonce) * 21_000_000_000_001;
    (key, (nonce, free, 0u128, 0u128, 1u128 << 127).encode())
}

/// As `qevm.slots` keeps the balance of somebody in a token: ten contracts.
fn slot(index: usize) -> Change {
    let contract = &hash("contract", index % 10)[..20];
    let (row, place) = (blake3::hash(contract), hash("slot", index));
    let id = blake3::hash(&place);
    let key = [
        &[0x71; 32][..],
        &row.as_bytes()[..16],
        contract,
        &id.as_bytes()[..16],
        &place,
    ]
    .concat();
    let mut value = [0; 32];
    value[16..].copy_from_slice(&(10u128.pow(18) * (1 + index as u128 % 977)).to_be_bytes());
    (key, value.to_vec())
}

/// A signed transfer without its signature: sender, validity, nonce, tip, call, receiver, amount.
fn transfer(from: usize, to: usize, nonce: u64) -> OpaqueExtrinsic {
    let (from, to) = (&hash("account", from)[..20], &hash("account", to)[..20]);
    let amount = codec::Compact(21_000_000_000_001u128);
    OpaqueExtrinsic(
        [
            &[0x84][..],
            from,
            &[0x15, 0],
            &nonce.encode(),
            &[0, 3, 0],
            to,
            &amount.encode(),
        ]
        .concat(),
    )
}

/// Stores entries in blocks without transactions.
fn fill(store: &mut Store, mut entries: Vec<Change>) -> Result {
    entries.sort_unstable();
    for part in entries.chunks(MADE_AT_ONCE) {
        store.update(part, Vec::new())?;
    }
    store.settle()
}

/// Blocks of transfers among accounts, the same each time.
fn blocks(store: &mut Store, accounts: usize, count: usize) -> Result {
    let mut nonces = vec![0u64; accounts];
    for block in 0..count {
        let mut pairs = indices(2 * BLOCK, accounts, block as u64 + 1);
        let mut touched = Vec::new();
        let mut body = Vec::new();
        while let (Some(from), Some(to)) = (pairs.next(), pairs.next()) {
            body.push(transfer(from, to, nonces[from]));
            nonces[from] += 1;
            nonces[to] += 1;
            touched.extend([from, to]);
        }
        touched.sort_unstable();
        touched.dedup();
        let mut changes: Vec<Change> = touched.into_iter().map(|index| account(index, nonces[index])).collect();
        changes.sort_unstable();
        store.update(&changes, body)?;
    }
    store.settle()
}

/// Bytes of the table files in a folder.
fn table_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "sst") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

pub fn run(mut args: Args) -> Result {
    let accounts: usize = args.value("accounts", 200_000)?;
    let slots: usize = args.value("slots", 200_000)?;
    let block_count: usize = args.value("blocks", 1_000)?;
    let cache_mb: usize = args.value("cache-mb", 24)?;
    let as_json = args.switch("json");
    args.finish()?;
    let machine = Machine::here();
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let ours = |name: &str, enable_compression| {
        Ours::open_with(
            &StorageConfig {
                cache_size_mb: cache_mb / 3,
                enable_compression,
                ..StorageConfig::new(path(name))
            },
            cache_mb / 3,
        )
    };
    let mut stores = [
        ("ours", Store::Ours(ours("ours", true)?)),
        ("plain", Store::Ours(ours("plain", false)?)),
        (
            "reference",
            Store::Reference(Reference::open(&path("reference"), cache_mb)?),
        ),
    ];
    let mut parts = Vec::new();
    let mut before = [0; 3];
    type Make = fn(&mut Store, usize, usize) -> Result;
    let kinds: [(&'static str, usize, Make); 3] = [
        ("account", accounts, |store, accounts, _| {
            fill(store, (0..accounts).map(|index| account(index, 0)).collect())
        }),
        ("contract slot", slots, |store, _, slots| {
            fill(store, (0..slots).map(slot).collect())
        }),
        ("transfer", block_count * BLOCK, |store, accounts, count| {
            blocks(store, accounts, count / BLOCK)
        }),
    ];
    for (name, count, make) in kinds {
        let mut grown = [0; 3];
        let columns_before = stores[0].1.columns()?;
        for (at, (folder, store)) in stores.iter_mut().enumerate() {
            make(store, accounts, count)?;
            let bytes = table_bytes(&path(folder))?;
            grown[at] = bytes.saturating_sub(before[at]);
            before[at] = bytes;
        }
        let [ours, plain, reference] = grown;
        let columns = stores[0].1.columns()?.into_iter().zip(columns_before);
        let columns = columns.map(|((name, after), (_, before))| (name, after as i64 - before as i64));
        let columns = columns
            .filter(|(_, grown)| grown.unsigned_abs() as usize >= count)
            .collect();
        parts.push(Part {
            name,
            count,
            ours,
            plain,
            reference,
            columns,
        });
    }
    let mut reads = [Samples::default(), Samples::default(), Samples::default()];
    for round in 0..6 {
        let picked = indices(READS, accounts, round);
        let keys: Vec<_> = picked.map(|index| account(index, 0).0).collect();
        for turn in 0..3 {
            let which = (turn + round as usize) % 3;
            let mut samples = Samples::default();
            stores[which].1.reads(&keys, &mut samples)?;
            // The first round warms up and does not count.
            if round > 0 {
                reads[which].push(samples.median());
            }
        }
    }
    if as_json {
        let parts: Vec<Value> = parts.iter().map(Part::json).collect();
        let [ours, plain, reference] = reads.each_ref().map(Samples::json);
        println!(
            "{}",
            json!({
                "machine": machine.json(), "parts": parts, "cache_mb": cache_mb,
                "read_p50_ns": { "ours": ours, "ours_without_compression": plain, "reference": reference },
            })
        );
        return Ok(());
    }
    println!("{machine}");
    println!(
        "bytes on the disk, all states kept, signatures and EVM index not among them; reference: trie-db by hash, no compression"
    );
    parts.iter().for_each(|part| println!("{}", part.line()));
    let [ours, plain, reference] = &reads;
    let slower = ours.median() / reference.median();
    println!(
        "  read of an account, p50, caches of {cache_mb} MiB: trie-db {} ns, ours {} ns (without compression {} ns), {slower:.2}×  ≤ {SLOWER_MAX} {}",
        reference.shown(0),
        ours.shown(0),
        plain.shown(0),
        verdict(slower <= SLOWER_MAX),
    );
    Ok(())
}

impl Part {
    fn ratio(&self) -> f64 {
        self.reference as f64 / self.ours as f64
    }

    fn line(&self) -> String {
        let each = |bytes: u64| bytes as f64 / self.count as f64;
        let columns = self.columns.iter();
        let columns: Vec<_> = columns
            .map(|(name, grown)| format!("{name} {:.0}", *grown as f64 / self.count as f64))
            .collect();
        format!(
            "  {:13} ({}): reference {:.0}, ours {:.0} (without compression {:.0}), {:.1}× smaller  ≥ {SMALLER_MIN} {}; {}",
            self.name,
            self.count,
            each(self.reference),
            each(self.ours),
            each(self.plain),
            self.ratio(),
            verdict(self.ratio() >= SMALLER_MIN),
            columns.join(", "),
        )
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "count": self.count, "reference_bytes": self.reference, "ours_bytes": self.ours,
            "ours_without_compression_bytes": self.plain, "ratio": self.ratio(),
            "ours_by_column": self.columns.iter().map(|(name, grown)| json!({ "column": name, "bytes": grown })).collect::<Vec<_>>(),
        })
    }
}
