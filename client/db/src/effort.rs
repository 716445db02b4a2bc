//! How hard new files are compressed: less while writing takes most of the time, more while there is time.

use crate::{columns::Column, error::DbError, raw::Raw};
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// ZSTD's levels of new files.
const LEVEL_BUSY: i32 = 1;
const LEVEL_USUAL: i32 = 3;
/// How long writing is watched before the level follows.
const WINDOW: Duration = Duration::from_secs(10);
/// Share of a window, in percent, that commits take: from here on it is busy,
const BUSY_PERCENT: u128 = 50;
/// and up to here it is not any more.
const QUIET_PERCENT: u128 = 20;

/// What was seen of writing.
#[derive(Debug)]
pub(crate) struct Effort(Mutex<Watch>);

#[derive(Debug)]
struct Watch {
    since: Instant,
    /// What commits took since then.
    writing: Duration,
    level: i32,
}

impl Default for Effort {
    fn default() -> Self {
        Self(Mutex::new(Watch {
            since: Instant::now(),
            writing: Duration::ZERO,
            level: LEVEL_USUAL,
        }))
    }
}

impl Effort {
    /// The level in force.
    pub fn level(&self) -> i32 {
        self.0.lock().level
    }

    /// After a commit that took so long: sets the level that is due, if it is another one. No block depends on it, so what
    /// fails is tried again after the next window.
    pub fn committed(&self, raw: &Raw, took: Duration) {
        let mut watch = self.0.lock();
        if let Some(level) = watch.due(Instant::now(), took)
            && set_level(raw, level).is_ok()
        {
            watch.level = level;
        }
    }
}

impl Watch {
    fn due(&mut self, now: Instant, took: Duration) -> Option<i32> {
        self.writing += took;
        let passed = now.saturating_duration_since(self.since);
        if passed < WINDOW {
            return None;
        }
        let percent = self.writing.as_nanos().saturating_mul(100) / passed.as_nanos().max(1);
        (self.since, self.writing) = (now, Duration::ZERO);
        let level = match percent {
            BUSY_PERCENT.. => LEVEL_BUSY,
            ..=QUIET_PERCENT => LEVEL_USUAL,
            _ => self.level,
        };
        (level != self.level).then_some(level)
    }
}

/// Files that are written from now on.
fn set_level(raw: &Raw, level: i32) -> Result<(), DbError> {
    for column in Column::ALL.into_iter().filter(|column| column.is_compressed_at_once()) {
        let options = [("compression_opts", &*format!("{{level={level}}}"))];
        let set = raw.db.set_options_cf(raw.family(column)?, &options);
        set.map_err(|error| DbError::Write(error.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, tests::config};

    /// Windows, each with the share of commits in it, and the level after it.
    #[test]
    fn the_level_follows_the_share_of_time_that_writing_takes() {
        let mut watch = Watch {
            since: Instant::now(),
            writing: Duration::ZERO,
            level: LEVEL_USUAL,
        };
        for (percent, level) in [
            (10, 3),
            (40, 3),
            (60, 1),
            (100, 1),
            (30, 1),
            (20, 3),
            (49, 3),
            (50, 1),
            (0, 3),
        ] {
            let now = watch.since + WINDOW;
            assert_eq!(watch.due(now - Duration::from_millis(1), Duration::ZERO), None);
            let due = watch.due(now, WINDOW * percent / 100);
            watch.level = due.unwrap_or(watch.level);
            assert_eq!(watch.level, level, "after {percent} %");
        }
    }

    #[test]
    fn rocksdb_takes_the_level_and_keeps_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(&config(folder.path())).unwrap();
        let levels = || {
            let files = std::fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().path());
            let newest = files
                .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("OPTIONS-"))
                .max();
            let text = std::fs::read_to_string(newest.unwrap()).unwrap();
            let bodies = text.split("[CFOptions \"bodies\"]").nth(1).unwrap();
            let line = |name: &str| {
                let line = bodies.lines().find(|line| line.trim().starts_with(name));
                line.unwrap().to_owned()
            };
            (line("compression_opts="), line("bottommost_compression_opts="))
        };
        let (usual, at_rest) = levels();
        assert!(at_rest.contains("max_dict_bytes=16384"), "{at_rest}");
        set_level(&db.raw, LEVEL_BUSY).unwrap();
        let (busy, same) = levels();
        assert!(busy.contains(";level=1;"), "{busy}");
        let same_but_level = |line: &str| {
            let fields = line.split(';').filter(|field| !field.starts_with("level="));
            fields.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(same_but_level(&busy), same_but_level(&usual));
        assert_eq!(same, at_rest);
    }
}
