//! Chains that begin with a state that came in pieces, in place of the blocks that led to it.

use super::{assert_sound, chain, config, kill, open, state, write};
use crate::{BlockCommit, Column, Database, DbError, LogFilter, LogQueryError, Remedy, SnapshotBlock, StorageConfig};
use quids_core::{Hash, Height};
use quids_state::{Address, Chunk, SharedCache, StateBackend, StateStore, StateView};
use std::{collections::BTreeSet, os::unix::process::ExitStatusExt, sync::Arc};

pub(super) const LAST: u32 = 12;
pub(super) const AT: u32 = 7;
/// Small ones: the state has some hundred entries.
const CHUNK_BYTES: usize = 200;

pub(super) fn head(blocks: &[BlockCommit], at: u32) -> SnapshotBlock {
    let block = &blocks[at as usize];
    SnapshotBlock {
        genesis: blocks[0].header.clone(),
        header: block.header.clone(),
        body: block.body.clone(),
    }
}

/// The state after a block, in pieces.
fn pieces(db: &Arc<Database>, at: u32) -> Vec<Chunk> {
    let cache = Arc::new(SharedCache::new(1 << 20));
    let view = db.load_state_at_block(Height(at), cache).unwrap();
    let pieces = pieces_of(&view, CHUNK_BYTES);
    assert!(pieces.len() > 5, "{}", pieces.len());
    pieces
}

pub(super) fn pieces_of(view: &StateView, bytes_max: usize) -> Vec<Chunk> {
    let mut pieces = Vec::new();
    let mut next = Some(Address::default());
    while let Some(begin) = next {
        let chunk = view.chunk(&begin, bytes_max).unwrap();
        next = chunk.clone().check(view.root(), &begin).unwrap().next().cloned();
        pieces.push(chunk);
    }
    pieces
}

/// All pieces of block [`AT`], from a chain that has gone on to [`LAST`].
pub(super) fn source(blocks: &[BlockCommit]) -> Vec<Chunk> {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    write(&db, blocks);
    pieces(&db, AT)
}

pub(super) fn import(db: &Database, blocks: &[BlockCommit], pieces: &[Chunk]) {
    let mut import = db.import_snapshot(head(blocks, AT)).unwrap();
    for piece in pieces.iter().skip(import.taken() as usize) {
        import.take(piece.clone()).unwrap();
    }
    let block = &blocks[AT as usize];
    assert_eq!(import.finish(block.evm.clone()).unwrap(), block.header.hash());
}

/// Asserts that the chain is there from the snapshot's block to the last of `blocks`, with genesis and nothing in between.
pub(super) fn assert_chain(db: &Arc<Database>, blocks: &[BlockCommit]) {
    let last = blocks.last().unwrap().header.clone();
    assert_eq!(db.best().unwrap(), (last.number, last.hash()));
    assert_eq!(db.first_block().unwrap(), Height(AT));
    assert_eq!(db.oldest(), Height(AT));
    assert_eq!(db.genesis().unwrap(), Some(blocks[0].header.hash()));
    for (height, block) in (0..).zip(blocks) {
        let is_there = height == 0 || height >= AT;
        let hash = block.header.hash();
        assert_eq!(
            db.hash_at(Height(height)).unwrap(),
            is_there.then_some(hash),
            "{height}"
        );
        assert_eq!(db.header(&hash).unwrap().is_some(), is_there);
        let body = db.get_block_transactions(&hash).unwrap();
        assert_eq!(
            body,
            (height >= AT).then(|| block.body.clone()).or(is_there.then(Vec::new))
        );
        let evm = block.evm.clone().filter(|_| height >= AT);
        assert_eq!(db.evm_block(&hash).unwrap(), evm);
        for transaction in block.evm.iter().flat_map(|evm| &evm.transactions) {
            let found = db.evm_transaction(&transaction.hash).unwrap();
            assert_eq!(found.is_some(), height >= AT, "{height}");
        }
    }
    // Of what is not there no half is told.
    let logs = |from| {
        db.evm_logs(&LogFilter {
            from: Height(from),
            to: last.number,
            addresses: Vec::new(),
            topics: Vec::new(),
            limit: 1000,
        })
    };
    assert!(!logs(AT).unwrap().is_empty());
    let (from, first) = (Height(AT - 1), Height(AT));
    assert_eq!(logs(AT - 1), Err(LogQueryError::Gone { from, first }));
    state::assert_states_of(db, blocks, AT as usize);
    assert_sound(db);
    db.check_tail().unwrap();
}

#[test]
fn a_chain_goes_on_from_a_snapshot() {
    let blocks = chain(LAST);
    let pieces = source(&blocks);
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    // That something was not there before it came is forgotten.
    let (key, value) = &pieces.last().unwrap().entries[0];
    assert_eq!(db.latest(key).unwrap(), None);
    import(&db, &blocks, &pieces);
    assert_eq!(db.latest(key).unwrap().as_deref(), Some(&value[..]));
    assert_chain(&db, &blocks[..=AT as usize]);
    write(&db, &blocks[AT as usize + 1..]);
    assert_chain(&db, &blocks);
    drop(db);

    let mut db = open(folder.path());
    assert!(db.is_tail_whole());
    db.compact().unwrap();
    assert_chain(&db, &blocks);
    // What is made again is what was there.
    for column in [Column::Numbers, Column::Branches, Column::Changes] {
        db.raw.clear(column).unwrap();
        super::repair(&mut db, &[Remedy::Rebuild(column)]).unwrap();
        assert_chain(&db, &blocks);
    }
    // Its first block is as far back as it can go.
    let before = blocks[AT as usize - 1].header.hash();
    assert_eq!(db.take_back_to(&before), Err(DbError::UnknownBlock(before)));
    db.take_back_to(&blocks[AT as usize].header.hash()).unwrap();
    assert_chain(&db, &blocks[..=AT as usize]);
    write(&db, &blocks[AT as usize + 1..]);
    assert_chain(&db, &blocks);
    // A block that is missing above the first is still found.
    let number = (AT + 2).to_be_bytes();
    let mut batch = rocksdb::WriteBatch::default();
    db.raw.delete(&mut batch, Column::Numbers, &number).unwrap();
    db.raw.write(batch).unwrap();
    let mut found = 0;
    db.verify(&mut |_, _| {}, &mut |_| found += 1).unwrap();
    assert!(found > 0);
}

#[test]
fn a_snapshot_of_a_snapshot_is_the_same() {
    let blocks = chain(LAST);
    let pieces = source(&blocks);
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    import(&db, &blocks, &pieces);
    assert_eq!(super::snapshot::pieces(&db, AT), pieces);
}

#[test]
fn what_is_no_next_piece_is_refused_and_leaves_nothing() {
    let blocks = chain(LAST);
    let pieces = source(&blocks);
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let is_refused = |result: Result<bool, DbError>| assert!(matches!(result, Err(DbError::Snapshot(_))), "{result:?}");
    let mut import = db.import_snapshot(head(&blocks, AT)).unwrap();
    is_refused(import.take(pieces[1].clone()));
    is_refused(import.take(Chunk::default()));
    // Right by itself, and not the next one.
    let begin = pieces[0]
        .clone()
        .check(blocks[AT as usize].header.state_root, &Address::default());
    let second = pieces[1]
        .clone()
        .check(blocks[AT as usize].header.state_root, begin.unwrap().next().unwrap());
    is_refused(import.put(&second.unwrap()));
    let mut changed = pieces[0].clone();
    changed.entries.last_mut().unwrap().1.push(1);
    is_refused(import.take(changed));
    assert!(db.raw.is_empty(Column::State).unwrap());
    assert!(import.take(pieces[0].clone()).unwrap());
    is_refused(import.take(pieces[0].clone()));
    assert!(
        matches!(import.finish(None), Err(DbError::Snapshot(_))),
        "pieces are missing"
    );

    // Until it is there, nothing else is.
    let importing = DbError::Importing {
        found: blocks[AT as usize].header.hash(),
    };
    assert_eq!(db.write_genesis(blocks[0].clone()), Err(importing.clone()));
    assert_eq!(db.import_snapshot(head(&blocks, AT - 1)).unwrap_err(), importing);
    assert_eq!(db.best(), Err(importing.clone()));
    assert_eq!(db.commit_block(blocks[1].clone()), Err(importing.clone()));
    drop(db);
    let db = open(folder.path());
    assert_eq!(db.write_genesis(blocks[0].clone()), Err(importing));
    let mut import = db.import_snapshot(head(&blocks, AT)).unwrap();
    assert_eq!(import.taken(), 1);
    for piece in &pieces[1..] {
        import.take(piece.clone()).unwrap();
    }
    is_refused(import.take(pieces[0].clone()));
    // A second one of the same block cannot write over what the first leads to.
    let mut second = db.import_snapshot(head(&blocks, AT)).unwrap();
    assert_eq!(second.next(), None);
    import.finish(blocks[AT as usize].evm.clone()).unwrap();
    is_refused(second.take(pieces[0].clone()));
    assert!(matches!(second.finish(None), Err(DbError::Snapshot(_))));
    assert_chain(&db, &blocks[..=AT as usize]);
    let genesis = blocks[0].header.hash();
    assert_eq!(
        db.import_snapshot(head(&blocks, AT)).unwrap_err(),
        DbError::NotEmpty { genesis }
    );
}

/// Not a test but the process that `killed_at_any_moment` kills.
#[test]
#[ignore = "run by the test that kills it"]
fn importer() {
    let Some(folder) = std::env::var_os(kill::FOLDER) else {
        return;
    };
    let config = StorageConfig {
        sync: true,
        ..config(folder)
    };
    let db = Database::open(&config).unwrap();
    let blocks = chain(LAST);
    if db.genesis().unwrap().is_none() {
        import(&db, &blocks, &source(&blocks));
    }
}

#[test]
fn killed_at_any_moment() {
    let blocks = chain(LAST);
    let count = source(&blocks).len();
    let mut points: Vec<String> = [1, 2, count / 2, count]
        .iter()
        .flat_map(|nth| ["within", "before", "after"].map(|when| format!("db-{when}-chunk:{nth}")))
        .collect();
    // The source's blocks pass these too.
    let last = LAST + 2;
    points.extend(["before-write", "before-sync", "after-sync"].map(|point| format!("db-{point}:{last}")));
    for point in points {
        let folder = tempfile::tempdir().unwrap();
        let run = |crash_at| kill::run("snapshot::importer", folder.path(), crash_at);
        assert_eq!(run(Some(&point)).signal(), Some(6), "{point}: it aborts");
        assert!(run(None).success(), "{point}: goes on");
        let db = open(folder.path());
        assert_chain(&db, &blocks[..=AT as usize]);
        write(&db, &blocks[AT as usize + 1..]);
        assert_chain(&db, &blocks);
    }
}

/// A database whose genesis was being written is one without blocks.
#[test]
fn it_takes_the_place_of_a_genesis_that_was_interrupted() {
    let blocks = chain(LAST);
    let folder = tempfile::tempdir().unwrap();
    let victim = kill::run("kill::victim", folder.path(), Some("db-genesis-state"));
    assert_eq!(victim.signal(), Some(6));
    let db = open(folder.path());
    assert!(!db.raw.is_empty(Column::State).unwrap());
    import(&db, &blocks, &source(&blocks));
    assert_chain(&db, &blocks[..=AT as usize]);
    assert_ne!(db.hash_at(Height(AT)).unwrap(), Some(Hash::zero()));
}

/// What a power cut leaves of an import's unsynced log: any beginning of it. The import goes on from there, whatever was there
/// before it.
#[test]
fn an_import_whose_log_is_cut_anywhere_goes_on() {
    let blocks = chain(LAST);
    let pieces = source(&blocks);
    for is_begun in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        if is_begun {
            // A genesis state of another root.
            let victim = kill::run("kill::victim", folder.path(), Some("db-genesis-state"));
            assert_eq!(victim.signal(), Some(6));
        }
        let config = StorageConfig {
            sync: true,
            ..config(folder.path())
        };
        let db = Database::open(&config).unwrap();
        let synced = kill::last_log(folder.path());
        import(&db, &blocks, &pieces);
        drop(db);
        let mut seen = BTreeSet::new();
        kill::with_log_cut(folder.path(), Some(synced), 40, |folder| {
            let db = open(folder);
            if db.genesis().unwrap().is_none() {
                seen.insert(db.import_snapshot(head(&blocks, AT)).unwrap().taken());
                import(&db, &blocks, &pieces);
            }
            assert_chain(&db, &blocks[..=AT as usize]);
            write(&db, &blocks[AT as usize + 1..]);
            assert_chain(&db, &blocks);
        });
        assert!(seen.len() > 5, "{seen:?}");
    }
}
