//! `pool`: the transaction pool with as many transactions as it must hold, beside a plain map that is scanned and
//! sorted whenever something is asked of it.

use crate::{
    Result,
    args::Args,
    clock::{Lap, timed},
    machine::{Machine, memory_mib},
    statistics::{Samples, verdict},
};
use codec::Encode;
use quids_api::{TransactionSource, ValidTransaction};
use quids_core::{AccountId20, Hash, Height};
use quids_txpool::{Limits, Pool, Submission};
use serde_json::json;
use std::{cmp::Reverse, collections::BTreeMap, hint::black_box, sync::Arc};

/// Bytes of a signed transfer under Falcon-512 and under ML-DSA-87, the key bound already.
const SIZES: [usize; 2] = [900, 4_900];
/// Transactions of one account, each requiring the one before it.
const CHAIN: u64 = 4;
/// Transactions in a block, and taken by an author.
const BLOCK: usize = 1000;
/// MiB that the process may grow by.
const MEMORY_MAX: f64 = 1024.0;
/// Transactions made ahead of their submission, so that making them is not measured.
const BATCH: u64 = 1000;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn submission(&mut self, index: u64, priority_min: u64) -> Submission {
        let (account, nonce) = (index / CHAIN, index % CHAIN);
        let size = SIZES[(account % 2) as usize];
        let bytes: Vec<u8> = std::iter::repeat_with(|| self.next().to_le_bytes())
            .flatten()
            .take(size)
            .collect();
        let mut who = [0; 20];
        who[..8].copy_from_slice(&account.to_le_bytes());
        let tag = |nonce: u64| (who, nonce).encode();
        Submission {
            bytes: bytes.into(),
            source: TransactionSource::External,
            sender: Some(AccountId20(who)),
            verdict: ValidTransaction {
                priority: priority_min + self.next() % 1_000_000,
                requires: nonce.checked_sub(1).map(tag).into_iter().collect(),
                provides: vec![tag(nonce)],
                longevity: 64 + self.next() % 64,
                propagate: true,
            },
            validated_at: Height(1),
        }
    }
}

/// What the plain map knows of a transaction.
struct Plain {
    priority: u64,
    arrival: u64,
    validated_at: Height,
    _bytes: Arc<[u8]>,
}

fn micros(lap: Lap) -> f64 {
    lap.cpu.as_secs_f64() * 1e6
}

pub fn run(mut args: Args) -> Result {
    let (count, runs): (u64, usize) = (args.value("count", 100_000)?, args.value("runs", 7)?);
    let as_json = args.switch("json");
    args.finish()?;
    let blocks = runs as u64 * BLOCK as u64;
    if count < 2 * blocks {
        return Err(format!("--count: {runs} blocks of {BLOCK} need {} transactions", 2 * blocks).into());
    }
    let machine = Machine::here();
    let limits = Limits {
        max_count: count as usize,
        ..Limits::default()
    };
    let mut numbers = Numbers(1);
    let mut pool = Pool::new(limits, Height(1));
    let (before, _) = memory_mib("self")?;
    let mut submit = Samples::default();
    for first in (0..count).step_by(BATCH as usize) {
        let batch = BATCH.min(count - first);
        let submissions: Vec<_> = (first..first + batch)
            .map(|index| numbers.submission(index, 0))
            .collect();
        let (taken, lap) = timed(|| {
            submissions
                .into_iter()
                .map(|submission| pool.submit(submission))
                .collect::<Vec<_>>()
        });
        taken.into_iter().collect::<std::result::Result<Vec<_>, _>>()?;
        submit.push(micros(lap) / batch as f64);
    }
    let (after, _) = memory_mib("self")?;
    let resident = after - before;
    let bytes = pool.bytes() as f64 / f64::from(1 << 20);

    // The same in a plain map.
    let mut plain: BTreeMap<Hash, Plain> = BTreeMap::new();
    for (arrival, transaction) in pool.iter().enumerate() {
        let entry = Plain {
            priority: transaction.priority(),
            arrival: arrival as u64,
            validated_at: Height(1),
            _bytes: transaction.bytes().clone(),
        };
        plain.insert(transaction.hash(), entry);
    }

    let (mut evicting, mut plain_evicting) = (Samples::default(), Samples::default());
    let (mut ready, mut plain_ready) = (Samples::default(), Samples::default());
    let (mut block, mut plain_block) = (Samples::default(), Samples::default());
    for run in 0..runs {
        let submissions: Vec<_> = (0..BATCH)
            .map(|index| numbers.submission((count + run as u64 * BATCH) + index, 1_000_000))
            .collect();
        let (taken, lap) = timed(|| {
            submissions
                .into_iter()
                .map(|submission| pool.submit(submission))
                .collect::<Vec<_>>()
        });
        taken.into_iter().collect::<std::result::Result<Vec<_>, _>>()?;
        evicting.push(micros(lap) / BATCH as f64);
        let (worst, lap) = timed(|| {
            let worst = plain
                .iter()
                .min_by_key(|(_, entry)| (entry.priority, Reverse(entry.arrival)));
            worst.map(|(hash, _)| *hash)
        });
        black_box(worst);
        plain_evicting.push(micros(lap));

        let (best, lap) = timed(|| {
            pool.ready()
                .take(BLOCK)
                .map(|transaction| transaction.hash())
                .collect::<Vec<_>>()
        });
        ready.push(micros(lap));
        let (plain_best, lap) = timed(|| {
            let mut all: Vec<_> = plain
                .iter()
                .map(|(hash, entry)| (Reverse(entry.priority), entry.arrival, *hash))
                .collect();
            all.sort_unstable();
            all.into_iter().take(BLOCK).map(|(_, _, hash)| hash).collect::<Vec<_>>()
        });
        plain_ready.push(micros(lap));

        let height = Height(2 + run as u32);
        let (due, lap) = timed(|| {
            pool.on_block(Hash::zero(), &best, height, false);
            pool.due(Limits::RENEWED_PER_BLOCK_MAX)
        });
        black_box(due);
        block.push(micros(lap));
        let (oldest, lap) = timed(|| {
            plain_best.iter().for_each(|hash| drop(plain.remove(hash)));
            let mut all: Vec<_> = plain
                .iter()
                .map(|(hash, entry)| (entry.validated_at, entry.arrival, *hash))
                .collect();
            all.sort_unstable();
            all.truncate(Limits::RENEWED_PER_BLOCK_MAX);
            all
        });
        black_box(oldest);
        plain_block.push(micros(lap));
        // Full again for the next run.
        for index in 0..BLOCK as u64 {
            pool.submit(numbers.submission((1 << 40) + run as u64 * BATCH + index, 0))?;
        }
    }
    if as_json {
        let figures = json!({
            "machine": machine.json(), "count": count, "bytes_mib": bytes, "resident_mib": resident,
            "resident_per_byte": resident / bytes, "submit_us": submit.json(),
            "submit_evicting_us": evicting.json(), "submit_evicting_plain_us": plain_evicting.json(),
            "ready_1000_us": ready.json(), "ready_1000_plain_us": plain_ready.json(),
            "block_1000_us": block.json(), "block_1000_plain_us": plain_block.json(),
        });
        println!("{figures}");
        return Ok(());
    }
    println!("{machine}");
    println!(
        "{count} transactions of {} and {} bytes, {bytes:.0} MiB together",
        SIZES[0], SIZES[1]
    );
    println!(
        "resident memory grew by {resident:.0} MiB, {:.2} times their bytes  ≤ {MEMORY_MAX} MiB {}",
        resident / bytes,
        verdict(resident <= MEMORY_MAX)
    );
    println!(
        "microseconds of CPU time, median (min–max) {:>28} {:>32}",
        "pool", "plain map"
    );
    println!("  submit, hash included               {:>32}", submit.shown(2));
    for (name, ours, theirs) in [
        ("submit that pushes one out", &evicting, &plain_evicting),
        ("the 1000 best", &ready, &plain_ready),
        ("a block of 1000, the 128 oldest", &block, &plain_block),
    ] {
        println!("  {name:<36}{:>32} {:>32}", ours.shown(2), theirs.shown(2));
    }
    Ok(())
}
