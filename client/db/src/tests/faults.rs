//! A disk that is full, broken, read-only, that tears a write, fails once, or loses all from one on, while blocks are written,
//! states given up, columns compacted, backups made, a snapshot brought in. What was acknowledged is there afterwards, whole,
//! unless the disk lied, and then a beginning of it; the rest is done again as if nothing had been.

use super::{
    Contents, Database, StorageConfig, assert_pruned_beginning, assert_sound, chain, config, contents, difference,
    kill::{self, FOLDER},
    open,
    snapshot::{self, AT, LAST, assert_chain, head},
    write,
};
use crate::{BlockCommit, DbError};
use codec::{Decode, Encode};
use quids_core::Height;
use quids_state::{Chunk, StateStore};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// What `faults.c` can do.
const KINDS: [&str; 6] = ["full", "broken", "readonly", "torn", "flaky", "lost"];
/// How many writes of a scenario are hit with each kind, about. `QUIDS_FAULT_SAMPLES` is another number.
const SAMPLES: u64 = 3;
/// Sufferers side by side: RocksDB waits a second after each failure in the background.
const AT_ONCE: usize = 8;
const SCENARIO: &str = "QUIDS_DB_TEST_SCENARIO";
/// In a sufferer's folder: what it was told.
const SAID: &str = "said";
/// In a sufferer's folder: the pieces that it brings in.
const PIECES: &str = "pieces";
/// In a sufferer's folder: what it says of what fails.
const ERRORS: &str = "errors";
/// In a sufferer's folder: how many of its writes counted.
const PASSED: &str = "passed";
/// No disk, however faulty, keeps a process longer.
const PATIENCE: Duration = Duration::from_secs(120);
const STATES_KEPT: u32 = 4;
const BACKUPS_KEPT: usize = 2;

/// In a stage's folder: the compiled `faults.c`.
const SHIM: &str = "faults.so";

fn compile(library: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/faults.c");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(library).arg(source);
    assert!(cc.status().unwrap().success());
}

/// What a process with a faulty disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The next block.
    Block,
    Prune,
    Compact,
    Backup,
    /// All pieces that are not there yet, and the block.
    Import,
}

use Step::{Backup, Block, Compact, Import, Prune};

/// Steps on a faulty disk.
#[derive(Debug)]
struct Scenario {
    name: &'static str,
    /// The folder with the fault: `db` or `saved`.
    faulty: &'static str,
    /// Whether the fault may be there when the database is opened. Else it comes with the steps.
    from_opening: bool,
    /// Blocks that are there before.
    blocks: usize,
    /// Whether a backup of them is.
    is_saved: bool,
    steps: &'static [Step],
}

const WRITING: Scenario = Scenario {
    name: "writing",
    faulty: "db",
    from_opening: true,
    blocks: 0,
    is_saved: false,
    steps: &[Block; 6],
};
const LATER: Scenario = Scenario {
    from_opening: false,
    blocks: 9,
    ..WRITING
};
const PRUNING: Scenario = Scenario {
    name: "pruning",
    steps: &[Prune, Block, Prune, Block],
    ..LATER
};
const COMPACTING: Scenario = Scenario {
    name: "compacting",
    steps: &[Compact, Block, Compact, Block],
    ..LATER
};
const SAVING: Scenario = Scenario {
    name: "saving",
    is_saved: true,
    steps: &[Backup, Block, Backup, Block],
    ..LATER
};
const SAVED_FIRST: Scenario = Scenario {
    name: "saved first",
    faulty: "saved",
    is_saved: false,
    ..SAVING
};
const SAVED_AGAIN: Scenario = Scenario {
    name: "saved again",
    faulty: "saved",
    ..SAVING
};
const IMPORTING: Scenario = Scenario {
    name: "importing",
    blocks: 0,
    // Who was told of a failure tries again, in vain.
    steps: &[Import, Import, Block, Block],
    ..LATER
};
const ALL: [&Scenario; 7] = [
    &WRITING,
    &PRUNING,
    &COMPACTING,
    &SAVING,
    &SAVED_FIRST,
    &SAVED_AGAIN,
    &IMPORTING,
];

/// Tells what a process was told, a letter for each time: a kill in between leaves what was said before.
struct Said(File);

impl Said {
    /// A small letter for what succeeded, a capital one for what did not.
    fn say(&mut self, letter: u8, result: Result<(), DbError>) {
        let letter = match result {
            Ok(()) => letter,
            Err(error) => {
                eprintln!("{}: {error}", letter as char);
                letter.to_ascii_uppercase()
            }
        };
        self.0.write_all(&[letter]).unwrap();
    }
}

/// Not a test but the process that has the faulty disk.
#[test]
#[ignore = "run by the tests that give it a faulty disk"]
fn sufferer() {
    let (Some(folder), Ok(name)) = (std::env::var_os(FOLDER).map(PathBuf::from), std::env::var(SCENARIO)) else {
        return;
    };
    let scenario = ALL.into_iter().find(|scenario| scenario.name == name).unwrap();
    // Opening it begins the counting.
    let start = || Said(File::create(folder.join(SAID)).unwrap());
    let early = scenario.from_opening.then(start);
    let config = StorageConfig {
        sync: true,
        ..config(folder.join("db"))
    };
    let db = match Database::open(&config) {
        Ok(db) => db,
        Err(error) => return eprintln!("{error}"),
    };
    let mut said = early.unwrap_or_else(start);
    let blocks = chain(LAST);
    for step in scenario.steps {
        match step {
            Block => said.say(b'b', write_next(&db, &blocks)),
            Prune => said.say(b'p', db.prune_to(STATES_KEPT).map(drop)),
            Compact => said.say(b'c', db.compact().map(|()| assert_compact(&db))),
            Backup => said.say(b's', db.backup(&folder.join("saved"), BACKUPS_KEPT).map(drop)),
            Import if db.genesis() == Ok(None) => {
                let pieces = fs::read(folder.join(PIECES)).unwrap();
                let pieces = Vec::<Chunk>::decode(&mut &pieces[..]).unwrap();
                let imported = import(&db, &blocks, &pieces, &mut || said.say(b'i', Ok(())));
                said.say(b'f', imported);
            }
            Import => {}
        }
    }
}

/// The block after the last one, again and again if it fails: whatever the disk says later, what is on it is known after a
/// restart only.
fn write_next(db: &Database, blocks: &[BlockCommit]) -> Result<(), DbError> {
    match db.best() {
        Ok((height, _)) => db.commit_block(blocks[height.0 as usize + 1].clone()),
        Err(_) => db.write_genesis(blocks[0].clone()),
    }
    .map(drop)
}

fn import(db: &Database, blocks: &[BlockCommit], pieces: &[Chunk], taken: &mut dyn FnMut()) -> Result<(), DbError> {
    let mut import = db.import_snapshot(head(blocks, AT))?;
    for piece in pieces.iter().skip(import.taken() as usize) {
        import.take(piece.clone())?;
        taken();
    }
    import.finish(blocks[AT as usize].evm.clone()).map(drop)
}

/// Each key is looked for in one file at most, beside what came since.
fn assert_compact(db: &Database) {
    for column in db.stats().unwrap() {
        assert!(column.read_amplification() <= 2, "{column:?}");
    }
}

/// A scenario that can be gone through again and again.
struct Stage {
    scenario: &'static Scenario,
    blocks: Vec<BlockCommit>,
    pieces: Vec<Chunk>,
    /// What a sufferer finds.
    before: TempDir,
    shim: TempDir,
    /// What is there in the end.
    expected: Contents,
}

/// A process with a faulty disk that has ended.
struct Sufferer {
    folder: TempDir,
    kind: &'static str,
    nth: u64,
    /// `None` if it did not end.
    status: Option<ExitStatus>,
}

/// How it fared.
struct Fate {
    /// What it was told.
    said: String,
    /// It was told that everything is done.
    got_through: bool,
    /// Blocks that were found afterwards.
    found: usize,
    /// Something that it was told of was not there.
    lost: bool,
    /// How many of its writes and syncs counted, if it ended by itself.
    passed: Option<u64>,
}

impl Stage {
    fn new(scenario: &'static Scenario) -> Self {
        let blocks = chain(LAST);
        let pieces = snapshot::source(&blocks);
        let [before, twin, shim] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
        compile(&shim.path().join(SHIM));
        // Opened again, so that there are files to work on, and more than one.
        for part in blocks[..scenario.blocks].chunks(3) {
            write(&open(&before.path().join("db")), part);
        }
        if !scenario.from_opening {
            let db = open(&before.path().join("db"));
            if scenario.is_saved {
                db.backup(&before.path().join("saved"), BACKUPS_KEPT).unwrap();
            }
        }
        fs::write(before.path().join(PIECES), pieces.encode()).unwrap();
        let mut stage = Self {
            scenario,
            blocks,
            pieces,
            before,
            shim,
            expected: Contents::new(),
        };
        let twin = open(twin.path());
        stage.complete(&twin);
        stage.expected = contents(&twin);
        stage
    }

    fn does(&self, step: Step) -> bool {
        self.scenario.steps.contains(&step)
    }

    /// Goes on to the end of the chain, with all that the scenario does, on a disk that is well.
    fn complete(&self, db: &Arc<Database>) {
        if self.does(Import) && db.genesis().unwrap().is_none() {
            snapshot::import(db, &self.blocks, &self.pieces);
        }
        let next = db.best().map_or(0, |(height, _)| height.0 as usize + 1);
        write(db, &self.blocks[next..]);
        if self.does(Prune) {
            db.prune_to(STATES_KEPT).unwrap();
            assert_eq!(db.oldest(), Height(LAST - STATES_KEPT));
        }
        if self.does(Compact) {
            db.compact().unwrap();
            assert_compact(db);
        }
        assert_eq!(self.assert_right(db), self.blocks.len());
    }

    /// Asserts that what is there is right, and no more than that; how many blocks it is.
    fn assert_right(&self, db: &Arc<Database>) -> usize {
        if self.does(Import) {
            let count = db.best().unwrap().0.0 as usize + 1;
            assert_chain(db, &self.blocks[..count]);
            return count;
        }
        let count = assert_pruned_beginning(db, &self.blocks);
        if count > 0 {
            assert_sound(db);
        }
        count
    }

    /// Goes through it with a fault at the n-th write.
    fn suffer(&self, kind: &'static str, nth: u64) -> Sufferer {
        let folder = tempfile::tempdir().unwrap();
        // As the kernel names its files.
        let path = folder.path().canonicalize().unwrap();
        kill::copy(self.before.path(), &path);
        let mut sufferer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::faults::sufferer", "--ignored", "--nocapture"])
            .env(FOLDER, &path)
            .env(SCENARIO, self.scenario.name)
            .env("LD_PRELOAD", self.shim.path().join(SHIM))
            .env("QUIDS_FAULT", format!("{kind}:{nth}"))
            .env("QUIDS_FAULT_FOLDER", path.join(self.scenario.faulty))
            .env("QUIDS_FAULT_START", path.join(SAID))
            .env("QUIDS_FAULT_PASSED", path.join(PASSED))
            .stdout(Stdio::null())
            .stderr(File::create(path.join(ERRORS)).unwrap())
            .spawn()
            .unwrap();
        let start = Instant::now();
        let status = loop {
            match sufferer.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if start.elapsed() > PATIENCE => {
                    sufferer.kill().and_then(|()| sufferer.wait()).unwrap();
                    break None;
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        Sufferer {
            folder,
            kind,
            nth,
            status,
        }
    }

    /// Goes through it with each of these faults; how that went.
    fn fates(&self, faults: &[(&'static str, u64)]) -> Vec<Fate> {
        let some = |faults: &[(&'static str, u64)]| {
            let sufferers = side_by_side(faults.to_vec(), |(kind, nth)| self.suffer(kind, nth));
            // Not while there are others: for a moment a new process has what this one has open, locks too.
            side_by_side(sufferers, |sufferer| self.look(sufferer))
        };
        faults.chunks(AT_ONCE).flat_map(some).collect()
    }

    /// Looks at what is left, and goes on without a fault.
    fn look(&self, sufferer: Sufferer) -> Fate {
        let Sufferer {
            folder,
            kind,
            nth,
            status,
        } = sufferer;
        let path = folder.path();
        let said = fs::read_to_string(path.join(SAID)).unwrap_or_default();
        // Told only if something fails.
        println!(
            "{} {kind}:{nth} was told {said:?}, {status:?}\n{}",
            self.scenario.name,
            fs::read_to_string(path.join(ERRORS)).unwrap()
        );
        let (is_lost, is_torn) = (kind == "lost", kind == "torn");
        let status = status.expect("it does not end");
        assert!(status.success() || is_torn);
        let told = |letter: char| said.matches(letter).count();
        // After a failed write nothing is written.
        if let Some(failed) = said.find(['B', 'P', 'F']) {
            assert_eq!(said[failed..].find(['b', 'p', 'i', 'f']), None);
        }
        // What happens where backups are is no matter of the chain's.
        assert!(self.scenario.faulty == "db" || told('B') == 0);

        let (db, first) = match self.does(Import) {
            true => (self.go_on(path, kind, &said), AT as usize + 1),
            false => (open(&path.join("db")), self.scenario.blocks),
        };
        let found = self.assert_right(&db);
        let known = first + told('b');
        let is_missing = found < known;
        assert!(is_lost || !is_missing, "{found} blocks of {known}");
        // A block may be there that nobody was told of.
        assert!(found <= known + 1, "{found} blocks, and {known} known");
        let mut lost = is_missing;
        if self.does(Prune) {
            let before = |letters: &str| first + letters.matches('b').count();
            let oldest = |blocks: usize| blocks as u32 - 1 - STATES_KEPT;
            let known = said.rfind('p').map_or(0, |at| oldest(before(&said[..at])));
            let oldest = db.oldest().0;
            assert!(oldest >= known || is_lost, "states from {oldest} on, told {known}");
            lost |= oldest < known;
        }
        if self.does(Backup) {
            self.look_at_backups(path, &said, is_lost);
        }
        self.complete(&db);
        if self.does(Backup) {
            db.backup(&path.join("saved"), BACKUPS_KEPT).unwrap();
            let back = self.restored(path, None).unwrap();
            assert_eq!(difference(&contents(&back), &self.expected), [""; 0]);
        }
        assert_eq!(difference(&contents(&db), &self.expected), [""; 0]);
        Fate {
            got_through: status.success() && !said.contains(char::is_uppercase) && !said.is_empty(),
            found,
            lost,
            passed: fs::read_to_string(path.join(PASSED))
                .ok()
                .map(|passed| passed.parse().unwrap()),
            said,
        }
    }

    /// A database whose import goes on, or begins anew.
    fn go_on(&self, path: &Path, kind: &str, said: &str) -> Arc<Database> {
        let db_path = path.join("db");
        let gone_on = Database::open(&config(&db_path)).and_then(|db| {
            if db.genesis()?.is_none() {
                assert!(!said.contains('f') || kind == "lost");
                let known = said.matches('i').count();
                let taken = db.import_snapshot(head(&self.blocks, AT))?.taken() as usize;
                assert!(
                    taken <= known + 1 && (kind == "lost" || taken >= known),
                    "{taken} of {known}"
                );
                import(&db, &self.blocks, &self.pieces, &mut || {})?;
            }
            Ok(db)
        });
        match gone_on {
            Ok(db) => Arc::new(db),
            // RocksDB could not sync that it has taken a file in, removes it again, and may be found to have it all the same.
            Err(error) if kind == "flaky" && said.contains('F') && error.to_string().contains("No such file") => {
                println!("{error}");
                fs::remove_dir_all(&db_path).unwrap();
                let db = open(&db_path);
                snapshot::import(&db, &self.blocks, &self.pieces);
                db
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn restored(&self, path: &Path, id: Option<u32>) -> Result<Arc<Database>, DbError> {
        let target = path.join("back");
        if target.exists() {
            fs::remove_dir_all(&target).unwrap();
        }
        Database::restore(&path.join("saved"), id, &target).map(|_| open(&target))
    }

    /// A backup that somebody was told of has the chain of then; another one has a chain, or is refused.
    fn look_at_backups(&self, path: &Path, said: &str, is_lost: bool) {
        let mut known = Vec::new();
        let mut blocks = self.scenario.blocks;
        for letter in said.chars() {
            match letter {
                'b' => blocks += 1,
                's' => known.push(blocks),
                _ => {}
            }
        }
        let listed = match Database::backups(&path.join("saved")) {
            Ok(listed) => listed,
            Err(DbError::Backup { .. }) => Vec::new(),
            Err(other) => panic!("{other}"),
        };
        let mut found = Vec::new();
        for backup in listed {
            match self.restored(path, Some(backup.id)) {
                Ok(back) => found.push(self.assert_right(&back)),
                Err(DbError::Backup { .. }) => assert!(!path.join("back").exists()),
                Err(other) => panic!("{other}"),
            }
        }
        let is_right = |found: &usize| (self.scenario.blocks..=blocks + 1).contains(found);
        assert!(found.iter().all(is_right), "{found:?}");
        let is_there = |known: &usize| found.contains(known);
        assert!(is_lost || known.iter().all(is_there), "{found:?} of {known:?}");
        // One of before goes only when there are as many newer ones as are to be kept.
        if self.scenario.is_saved {
            assert!(
                is_there(&self.scenario.blocks) || found.len() >= BACKUPS_KEPT,
                "{found:?}"
            );
        }
    }

    /// How many writes and syncs there are without a fault.
    fn writes(&self) -> u64 {
        let fate = self.look(self.suffer("lost", u64::from(u32::MAX)));
        assert!(fate.got_through && !fate.lost, "{}", fate.said);
        fate.passed.unwrap()
    }
}

/// Does the same with each, at once.
fn side_by_side<T: Send, R: Send>(of: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = of.into_iter().map(|one| scope.spawn(move || work(one))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Faults of each kind here and there among the writes, and some that somebody heard of.
fn check(scenario: &'static Scenario, writes_min: u64) {
    let stage = Stage::new(scenario);
    let writes = stage.writes();
    assert!(writes >= writes_min, "{writes} writes are few");
    let samples = std::env::var("QUIDS_FAULT_SAMPLES").map_or(SAMPLES, |samples| samples.parse().unwrap());
    let step = writes.div_ceil(samples);
    // Not the same writes for each kind.
    let first = |at: u64| 1 + at * step / KINDS.len() as u64;
    let faults = (0..).zip(KINDS).flat_map(|(at, kind)| {
        let hit = (first(at)..=writes).step_by(step as usize);
        hit.map(move |nth| (kind, nth))
    });
    let faults: Vec<_> = faults.collect();
    let fates = stage.fates(&faults);
    let noticed = faults.iter().zip(&fates).filter(|(_, fate)| !fate.got_through);
    let noticed: BTreeSet<_> = noticed.map(|((kind, _), _)| *kind).collect();
    let is_noticed = |kind: &&str| noticed.contains(kind) || *kind == "lost";
    assert!(KINDS.iter().all(is_noticed), "{noticed:?}");
}

/// A fault at each write of blocks; how that went.
fn at_each_write(kind: &'static str) -> Vec<Fate> {
    let stage = Stage::new(&WRITING);
    let faults: Vec<_> = (1..=stage.writes()).map(|nth| (kind, nth)).collect();
    stage.fates(&faults)
}

/// The first that gets through has its fault after the last write of a block; before that, all of them stop the writer.
fn stops_at_each_write(kind: &'static str) {
    let fates = at_each_write(kind);
    let stopped = fates.iter().take_while(|fate| !fate.got_through).count();
    assert!(stopped > 20, "{kind}: only {stopped} writes stop it");
    let known = fates[..stopped].iter().map(|fate| fate.said.matches('b').count());
    let known: BTreeSet<_> = known.collect();
    // After each of the blocks, and perhaps when the database is closed.
    assert!(
        (0..WRITING.steps.len()).all(|blocks| known.contains(&blocks)),
        "{known:?}"
    );
}

#[test]
fn a_disk_that_is_full() {
    stops_at_each_write("full");
}

#[test]
fn a_disk_that_fails() {
    stops_at_each_write("broken");
}

#[test]
fn a_disk_that_becomes_read_only() {
    stops_at_each_write("readonly");
}

#[test]
fn a_disk_that_tears_a_write() {
    stops_at_each_write("torn");
}

/// Not every writer hears of it; who does, is stopped for good.
#[test]
fn a_disk_that_fails_once() {
    let fates = at_each_write("flaky");
    let stopped = fates.iter().filter(|fate| !fate.got_through);
    // At every block.
    let known: BTreeSet<_> = stopped.map(|fate| fate.said.matches('b').count()).collect();
    assert_eq!(known, (0..WRITING.steps.len()).collect());
}

/// The writer hears nothing of it, and a beginning of the chain is there, however short.
#[test]
fn a_disk_that_loses_what_it_confirmed() {
    let fates = at_each_write("lost");
    let deceived = fates.iter().filter(|fate| fate.got_through);
    let found: BTreeSet<_> = deceived
        .map(|fate| {
            assert_eq!(fate.lost, fate.found < WRITING.steps.len());
            fate.found
        })
        .collect();
    assert_eq!(found, (0..=WRITING.steps.len()).collect());
}

#[test]
fn a_faulty_disk_while_states_are_given_up() {
    check(&PRUNING, 6);
}

#[test]
fn a_faulty_disk_while_columns_are_compacted() {
    check(&COMPACTING, 100);
}

#[test]
fn a_faulty_disk_while_backups_are_made_of_it() {
    check(&SAVING, 50);
}

#[test]
fn a_faulty_disk_for_the_first_backups() {
    check(&SAVED_FIRST, 50);
}

#[test]
fn a_faulty_disk_for_backups() {
    check(&SAVED_AGAIN, 50);
}

#[test]
fn a_faulty_disk_while_a_snapshot_is_brought_in() {
    check(&IMPORTING, 50);
}
