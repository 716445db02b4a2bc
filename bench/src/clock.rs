//! Time, on the wall and on the CPU. On a shared machine the CPU time of a single-threaded phase is what repeats.

use std::{
    ops::{Add, AddAssign},
    time::{Duration, Instant},
};

/// How long something took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lap {
    pub wall: Duration,
    /// Of the measuring thread alone.
    pub cpu: Duration,
}

impl Add for Lap {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            wall: self.wall + other.wall,
            cpu: self.cpu + other.cpu,
        }
    }
}

impl AddAssign for Lap {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// A running measurement of this thread.
#[derive(Debug)]
pub struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    pub fn start() -> Self {
        Self {
            cpu: cpu_time(),
            wall: Instant::now(),
        }
    }

    pub fn stop(&self) -> Lap {
        Lap {
            wall: self.wall.elapsed(),
            cpu: cpu_time().saturating_sub(self.cpu),
        }
    }
}

/// Runs `f` under a stopwatch.
pub fn timed<R>(f: impl FnOnce() -> R) -> (R, Lap) {
    let stopwatch = Stopwatch::start();
    let result = f();
    (result, stopwatch.stop())
}

/// What this thread has spent on a CPU so far.
fn cpu_time() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// What all threads of this process have spent on CPUs so far.
pub fn process_cpu_time() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn clock(which: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a live timespec, all that the call writes to.
    let failed = unsafe { libc::clock_gettime(which, &mut time) } != 0;
    assert!(!failed, "Linux has CPU clocks");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_takes_wall_time_only() {
        let ((), lap) = timed(|| std::thread::sleep(Duration::from_millis(20)));
        assert!(
            lap.wall >= Duration::from_millis(20) && lap.cpu < Duration::from_millis(10),
            "{lap:?}"
        );
    }
}
