//! Random histories of a database, by a process that is killed at random crash points: what is there afterwards is what a twin
//! has that nobody killed, from before what it was at or from after, and the history goes on to the same end.
//!
//! `QUIDS_KILL_SEEDS` is the number of histories (in the long run, hundreds), `QUIDS_KILL_SEED` the first seed.

use super::{
    Change, Contents, Maker, assert_sound, config, contents, difference,
    evm::Dice,
    kill::{self, FOLDER},
    open,
    snapshot::pieces_of,
};
use crate::{BlockCommit, Column, Database, DbError, SnapshotBlock, StorageConfig};
use quids_core::{Hash, Height};
use quids_state::Chunk;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    sync::Arc,
};

const OPERATIONS: usize = 24;
const SEEDS: u64 = 20;
/// From so many seeds on, every crash point has had its turn.
const SEEDS_FOR_ALL_POINTS: u64 = 100;
const SEED: &str = "QUIDS_DB_TEST_SEED";
const BACKUPS_KEPT: usize = 2;
const BLOCK: [&str; 3] = ["db-before-write", "db-before-sync", "db-after-sync"];
const CHUNK: [&str; 3] = ["db-within-chunk", "db-before-chunk", "db-after-chunk"];

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name}: {text:?}"))
    })
}

/// What is done to a database at once. Done again, it changes nothing.
enum Operation {
    /// Of genesis, or the next block.
    Block(Box<BlockCommit>),
    /// The state after a block, in place of all before.
    Import(Box<BlockCommit>, Box<SnapshotBlock>, Vec<Chunk>),
    Aux(Vec<Change>),
    Prune(u32),
    TakeBackTo(Hash),
    Repair(Column),
    Compact,
    Train,
    Backup,
    Restore,
    Reopen(Option<u32>),
}

impl Operation {
    /// The crash points that it passes, each so many times.
    fn points(&self) -> Vec<(&'static str, usize)> {
        let once = |points: &[&'static str]| points.iter().map(|point| (*point, 1)).collect();
        match self {
            Self::Block(block) if block.header.number == Height::ZERO => {
                once(&[&["db-genesis-state"][..], &BLOCK].concat())
            }
            Self::Block(_) | Self::TakeBackTo(_) => once(&BLOCK),
            Self::Import(_, _, pieces) => {
                let chunk = CHUNK.map(|point| (point, pieces.len()));
                [chunk, BLOCK.map(|point| (point, 1))].concat()
            }
            Self::Prune(_) => once(&["db-pruned"]),
            Self::Repair(_) => once(&["db-repair-cleared"]),
            Self::Backup => once(&["db-before-backup", "db-after-backup"]),
            Self::Restore => once(&["db-before-restored"]),
            Self::Aux(_) | Self::Compact | Self::Train | Self::Reopen(_) => Vec::new(),
        }
    }
}

/// Makes a history up, and what a database must come to by it.
struct Author {
    dice: Dice,
    /// What each block did.
    changes: Vec<Vec<Change>>,
    maker: Maker,
    oldest: u32,
    kept: Option<u32>,
    has_backup: bool,
    operations: Vec<Operation>,
}

/// The history of a seed.
fn history(seed: u64) -> Vec<Operation> {
    let mut author = Author {
        dice: Dice(seed),
        changes: Vec::new(),
        maker: Maker::default(),
        oldest: 0,
        kept: None,
        has_backup: false,
        operations: Vec::new(),
    };
    let begin = author.begin();
    author.operations.push(begin);
    while author.operations.len() < OPERATIONS {
        let next = author.next();
        author.operations.extend(next);
    }
    author.operations
}

impl Author {
    fn best(&self) -> u32 {
        self.maker.blocks.len() as u32 - 1
    }

    /// A random block after the last one.
    fn block(&mut self) -> BlockCommit {
        let dice = &mut self.dice;
        let count = dice.roll(12);
        let changes: BTreeMap<_, _> = (0..count)
            .map(|_| {
                let key = super::blake3(&[dice.roll(60) as u8]).0[..20].to_vec();
                let value = vec![dice.roll(256) as u8; dice.roll(90) as usize];
                (key, (dice.roll(4) > 0).then_some(value))
            })
            .collect();
        self.changes.push(changes.into_iter().collect());
        self.maker.add(self.changes.last().unwrap());
        self.maker.blocks.last().unwrap().clone()
    }

    fn begin(&mut self) -> Operation {
        let genesis = self.block();
        if self.dice.roll(2) > 0 {
            return Operation::Block(Box::new(genesis));
        }
        self.oldest = 2 + self.dice.roll(6) as u32;
        let block = (0..self.oldest).map(|_| self.block()).last().unwrap();
        let pieces = pieces_of(&self.maker.view(), 50 + self.dice.roll(400) as usize);
        let head = SnapshotBlock {
            genesis: genesis.header,
            header: block.header.clone(),
            body: block.body.clone(),
        };
        Operation::Import(Box::new(block), Box::new(head), pieces)
    }

    fn next(&mut self) -> Option<Operation> {
        let best = self.best();
        Some(match self.dice.roll(20) {
            0 => {
                let states = 1 + self.dice.roll(8) as u32;
                let due = best.saturating_sub(states);
                if due <= self.oldest {
                    return None;
                }
                self.oldest = due;
                Operation::Prune(states)
            }
            1 if best > self.oldest => {
                let target = self.oldest + self.dice.roll(u64::from(best - self.oldest)) as u32;
                self.changes.truncate(target as usize + 1);
                self.maker = Maker::default();
                self.changes.iter().for_each(|changes| self.maker.add(changes));
                Operation::TakeBackTo(self.maker.blocks[target as usize].header.hash())
            }
            2 => Operation::Repair([Column::Numbers, Column::Branches, Column::Changes][self.dice.roll(3) as usize]),
            3 => Operation::Compact,
            4 => Operation::Train,
            5 => {
                self.has_backup = true;
                Operation::Backup
            }
            6 if self.has_backup => Operation::Restore,
            7 => {
                self.kept = (self.dice.roll(3) > 0).then(|| self.dice.roll(6) as u32);
                Operation::Reopen(self.kept)
            }
            8 => {
                let value = |dice: &mut Dice| (dice.roll(3) > 0).then(|| vec![dice.roll(256) as u8; 5]);
                let entry = |dice: &mut Dice| (vec![b'x', dice.roll(4) as u8], value(dice));
                Operation::Aux((0..1 + self.dice.roll(3)).map(|_| entry(&mut self.dice)).collect())
            }
            _ => {
                let block = self.block();
                // At most 16 at once.
                let due = self.kept.map_or(0, |kept| self.best().saturating_sub(kept.max(1)));
                self.oldest = self.oldest.max(due.min(self.oldest + 16));
                Operation::Block(Box::new(block))
            }
        })
    }
}

/// A database that goes through a history.
struct Player<'a> {
    folder: &'a Path,
    db: Option<Arc<Database>>,
}

impl<'a> Player<'a> {
    fn open(folder: &'a Path, states_kept: Option<u32>) -> Self {
        let config = StorageConfig {
            states_kept,
            ..config(folder.join("db"))
        };
        let db = Some(Arc::new(Database::open(&config).unwrap()));
        Self { folder, db }
    }

    fn play(&mut self, operation: &Operation) -> Result<(), DbError> {
        let db = self.db.as_ref().unwrap();
        let (saved, back) = (self.folder.join("saved"), self.folder.join("back"));
        match operation {
            Operation::Block(block) if block.header.number == Height::ZERO => {
                db.write_genesis((**block).clone()).map(drop)
            }
            Operation::Block(block) => db.commit_block((**block).clone()).map(drop),
            // Told of its end or not.
            Operation::Import(..) if db.genesis()?.is_some() => Ok(()),
            Operation::Import(block, head, pieces) => {
                let mut import = db.import_snapshot(SnapshotBlock::clone(head))?;
                for piece in pieces.iter().skip(import.taken() as usize) {
                    import.take(piece.clone())?;
                }
                import.finish(block.evm.clone()).map(drop)
            }
            Operation::Aux(entries) => db.write_aux(entries),
            Operation::Prune(states) => db.prune_to(*states).map(drop),
            Operation::TakeBackTo(hash) => db.take_back_to(hash).map(drop),
            Operation::Repair(column) => super::repair(self.db.as_mut().unwrap(), &[crate::Remedy::Rebuild(*column)]),
            Operation::Compact => db.compact(),
            Operation::Train => db.train_dictionaries(),
            Operation::Backup => db.backup(&saved, BACKUPS_KEPT).map(drop),
            Operation::Restore => {
                if back.exists() {
                    fs::remove_dir_all(&back).unwrap();
                }
                Database::restore(&saved, None, &back).map(drop)
            }
            Operation::Reopen(kept) => {
                self.db = None;
                *self = Self::open(self.folder, *kept);
                Ok(())
            }
        }
    }
}

/// How many operations are done: a byte each in a file beside the database.
fn done(folder: &Path) -> usize {
    fs::metadata(folder.join("done")).map_or(0, |file| file.len() as usize)
}

/// Not a test but the process that is killed. It goes on where the one before it ended.
#[test]
#[ignore = "run by the test that kills it"]
fn player() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let operations = history(from_env(SEED, 0));
    let (before, rest) = operations.split_at(done(&folder));
    let kept = before.iter().rev().find_map(|operation| match operation {
        Operation::Reopen(kept) => Some(*kept),
        _ => None,
    });
    let mut player = Player::open(&folder, kept.flatten());
    let mut done = fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("done"))
        .unwrap();
    for operation in rest {
        player.play(operation).unwrap();
        done.write_all(b"+").unwrap();
    }
}

/// A history, and what the twin had before its first operation and after each.
struct Twin {
    operations: Vec<Operation>,
    contents: Vec<Contents>,
}

impl Twin {
    fn of(seed: u64) -> Self {
        let operations = history(seed);
        let folder = tempfile::tempdir().unwrap();
        let mut player = Player::open(folder.path(), None);
        let mut all = vec![contents(player.db.as_ref().unwrap())];
        for operation in &operations {
            player.play(operation).unwrap();
            all.push(contents(player.db.as_ref().unwrap()));
        }
        assert_sound(player.db.as_ref().unwrap());
        Self {
            operations,
            contents: all,
        }
    }

    /// What was there when the last backup among the first `count` operations was made.
    fn saved(&self, count: usize) -> Option<&Contents> {
        let is_backup = |operation: &Operation| matches!(operation, Operation::Backup);
        let last = self.operations[..count].iter().rposition(is_backup)?;
        Some(&self.contents[last])
    }

    /// A crash point that a process passes which is to do the operations from `done` on, and which time: each is as likely as
    /// any other.
    fn crash(&self, done: usize, dice: &mut Dice) -> Option<(&'static str, usize)> {
        let mut passed: BTreeMap<_, usize> = BTreeMap::new();
        for (point, times) in self.operations[done..].iter().flat_map(Operation::points) {
            *passed.entry(point).or_default() += times;
        }
        let at = dice.roll(passed.len().max(1) as u64);
        let (point, times) = passed.into_iter().nth(at as usize)?;
        Some((point, 1 + dice.roll(times as u64) as usize))
    }

    /// Asserts that a database is one that the twin was, when it had done what the killed process was told is done, or one
    /// operation more.
    fn look(&self, folder: &Path) {
        let done = done(folder);
        let looked_at = tempfile::tempdir().unwrap();
        kill::copy(folder, looked_at.path());
        let db = open(&looked_at.path().join("db"));
        let after = (done + 1).min(self.operations.len());
        match db.best() {
            Ok(_) => {
                assert_one_of(&contents(&db), &[&self.contents[done], &self.contents[after]]);
                db.check_tail().unwrap();
                assert_sound(&db);
            }
            // Its beginning is not one batch.
            Err(DbError::NoGenesis | DbError::Importing { .. }) if done == 0 => {}
            Err(other) => panic!("{other}"),
        }
        let saved = looked_at.path().join("saved");
        let known = self.saved(done);
        match Database::backups(&saved).map(|backups| backups.last().copied()) {
            Ok(Some(_)) => {
                let back = looked_at.path().join("looked at");
                Database::restore(&saved, None, &back).unwrap();
                let expected: Vec<_> = known.into_iter().chain(self.saved(after)).collect();
                assert_one_of(&contents(&open(&back)), &expected);
            }
            other => assert!(known.is_none(), "{other:?}"),
        }
    }
}

fn assert_one_of(found: &Contents, expected: &[&Contents]) {
    if !expected.contains(&found) {
        let differences: Vec<_> = expected.iter().map(|one| difference(found, one)).collect();
        panic!("{differences:#?}");
    }
}

/// Says which history it was, if that fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("QUIDS_KILL_SEED={} QUIDS_KILL_SEEDS=1", self.0);
        }
    }
}

/// Goes through the history of a seed with a process that is killed up to three times; where.
fn check(seed: u64) -> Vec<&'static str> {
    let seed = Seed(seed);
    let twin = Twin::of(seed.0);
    let folder = tempfile::tempdir().unwrap();
    let run = |crash_at: Option<&str>| {
        let seed = [(SEED, seed.0.to_string())];
        kill::run_with("histories::player", folder.path(), crash_at, seed)
    };
    let mut dice = Dice(!seed.0);
    let mut killed_at = Vec::new();
    for _ in 0..=dice.roll(3) {
        let Some((point, nth)) = twin.crash(done(folder.path()), &mut dice) else {
            break;
        };
        let status = run(Some(&format!("{point}:{nth}")));
        // What was done but not told of is not done again, so later processes pass some points less often.
        if !status.success() {
            assert_eq!(status.signal(), Some(6), "{point}:{nth}");
            killed_at.push(point);
        }
        assert!(!killed_at.is_empty(), "{point}:{nth} is not passed");
        twin.look(folder.path());
    }
    assert!(run(None).success());
    assert_eq!(done(folder.path()), OPERATIONS);
    twin.look(folder.path());
    let is_restore = |operation: &Operation| matches!(operation, Operation::Restore);
    if let Some(last) = twin.operations.iter().rposition(is_restore) {
        let back = contents(&open(&folder.path().join("back")));
        assert_one_of(&back, &[twin.saved(last).unwrap()]);
    }
    killed_at
}

/// The crash points that the README has in its table.
fn named_points() -> BTreeSet<&'static str> {
    let readme = include_str!("../../README.md");
    let rows = readme.lines().filter(|line| line.starts_with("| `db-"));
    let names = rows.filter_map(|row| row.split('|').nth(1));
    names
        .flat_map(|names| names.split('`').filter(|name| name.starts_with("db-")))
        .collect()
}

#[test]
fn a_history_that_is_killed_ends_as_its_twin() {
    let (first, count) = (from_env("QUIDS_KILL_SEED", 1), from_env("QUIDS_KILL_SEEDS", SEEDS));
    let mut killed_at: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in first..first + count {
        for point in check(seed) {
            *killed_at.entry(point).or_default() += 1;
        }
    }
    println!("{count} histories, killed at {killed_at:?}");
    let (points, named): (BTreeSet<&str>, _) = (killed_at.into_keys().collect(), named_points());
    assert!(points.is_subset(&named), "{points:?}");
    if count >= SEEDS_FOR_ALL_POINTS {
        assert_eq!(points, named);
    }
}
