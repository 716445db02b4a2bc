//! Two ways to do one thing, held against each other in small alternating batches, so that noise hits both.

use crate::{clock::timed, machine::cores, statistics::Samples};
use rayon::prelude::*;
use std::time::{Duration, Instant};

/// An operation on the n-th of its inputs. `false` is a failure, which no benchmark goes on with.
pub type Operation<'a> = Box<dyn Fn(usize) -> bool + Sync + 'a>;

/// A batch takes about this long.
const BATCH: Duration = Duration::from_millis(20);
const BATCHES_MIN: usize = 5;

/// What to hold against what.
pub struct Pair<'a> {
    pub name: String,
    pub ours: Operation<'a>,
    pub raw: Operation<'a>,
    /// Whether all cores are measured too.
    pub scales: bool,
    /// Whether the issue has a floor for it.
    pub has_floor: bool,
}

/// Operations per second of CPU time, and ours over raw by pair of batches.
pub struct Contest {
    pub ours: Samples,
    pub raw: Samples,
    pub ratio: Samples,
}

/// Operations per second of wall time on all cores, and over those of one core by pair of batches.
pub struct Scaling {
    pub all: Samples,
    pub ratio: Samples,
}

fn repeat(operation: &(dyn Fn(usize) -> bool + Sync), count: usize) {
    for index in 0..count {
        assert!(operation(index), "the operation fails");
    }
}

/// How many operations make a batch.
fn batch_size(operation: &(dyn Fn(usize) -> bool + Sync)) -> usize {
    let mut count = 1;
    loop {
        let ((), lap) = timed(|| repeat(operation, count));
        if lap.cpu >= BATCH / 4 {
            let per_operation = lap.cpu.as_secs_f64() / count as f64;
            return ((BATCH.as_secs_f64() / per_operation) as usize).max(1);
        }
        count *= 2;
    }
}

/// Both on this thread, for about `time`.
pub fn compare(pair: &Pair<'_>, time: Duration) -> Contest {
    let count = batch_size(&*pair.raw);
    repeat(&*pair.ours, count);
    let speed = |operation: &Operation<'_>| count as f64 / timed(|| repeat(&**operation, count)).1.cpu.as_secs_f64();
    let mut contest = Contest {
        ours: Samples::default(),
        raw: Samples::default(),
        ratio: Samples::default(),
    };
    let started = Instant::now();
    for round in 0.. {
        if round >= BATCHES_MIN && started.elapsed() >= time {
            break;
        }
        let (ours, raw) = match round % 2 {
            0 => (speed(&pair.ours), speed(&pair.raw)),
            _ => {
                let raw = speed(&pair.raw);
                (speed(&pair.ours), raw)
            }
        };
        contest.ours.push(ours);
        contest.raw.push(raw);
        contest.ratio.push(ours / raw);
    }
    contest
}

/// One core beside all of them, as the node verifies a block's signatures.
pub fn scale(operation: &(dyn Fn(usize) -> bool + Sync), time: Duration) -> Scaling {
    let count = batch_size(operation);
    let all = count * cores();
    let everywhere = || assert!((0..all).into_par_iter().all(operation), "the operation fails");
    everywhere();
    let mut scaling = Scaling {
        all: Samples::default(),
        ratio: Samples::default(),
    };
    let started = Instant::now();
    for round in 0.. {
        if round >= BATCHES_MIN && started.elapsed() >= time {
            break;
        }
        let one = count as f64 / timed(|| repeat(operation, count)).1.wall.as_secs_f64();
        let all = all as f64 / timed(everywhere).1.wall.as_secs_f64();
        scaling.all.push(all);
        scaling.ratio.push(all / one);
    }
    scaling
}
