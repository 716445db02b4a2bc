//! Snapshots: the state of one block in a file, in pieces that prove themselves, for a node that does not want to execute all
//! blocks before it.

mod format;

pub use format::{FormatError, Reader, Writer};

use crate::chain::{ChainError, is_of_header};
use codec::{Decode, Encode};
use quids_api::{ExtrinsicsCommitment, evm::EvmBlock, names};
use quids_core::{DigestItem, Hash, Header, Height, OpaqueExtrinsic, well_known_keys};
use quids_db::{Database, DbError, SnapshotBlock, crash_point};
use quids_executor::Executor;
use quids_state::{Address, BackendError, KeyValue, Overlay, SharedCache, StateBackend, StateView};
use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Seek, SeekFrom},
    sync::{Arc, mpsc},
    thread,
};

/// Bytes of keys and values in a chunk: so much is done again after an interruption.
const CHUNK_BYTES: usize = 16 << 20;
/// Memory for branches of a past state while it is written out.
const CACHE_BYTES: usize = 32 << 20;

/// Why a snapshot was not written, or not brought in.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("the state cannot be read: {0}")]
    State(#[from] BackendError),
    #[error("the state of block {height} is damaged: {reason}; `quids db verify` tells more")]
    Damaged { height: Height, reason: String },
    #[error("cannot write the snapshot: {0}")]
    Write(io::Error),
    #[error("this export cannot go on with it: {0}; remove it to begin anew")]
    Part(String),
    #[error(
        "the file is of the chain with genesis {file:?}, not of that with {ours:?}: name the chain it comes from with --chain"
    )]
    OtherChain { file: Hash, ours: Hash },
    #[error("the file has block {height}, {file:?}, not {wanted:?}")]
    OtherBlock { height: Height, file: Hash, wanted: Hash },
    #[error("the extrinsics in the file are not those of block {height}: {what}; get the snapshot again")]
    Body { height: Height, what: &'static str },
    #[error("block {height} changed the runtime: take the snapshot of another block")]
    Upgrade { height: Height },
    #[error("chunk {chunk} of the file: {error}{}", began_otherwise(*.known))]
    Chunk { chunk: u32, known: u32, error: DbError },
    #[error("the file ends after {chunks} chunks, with more to come: it is cut off, get it again and go on")]
    Short { chunks: u32 },
    #[error("the file goes on after the last chunk, at byte {offset}: it is damaged, or two files in one")]
    Trailing { offset: u64 },
}

fn began_otherwise(known: u32) -> &'static str {
    match known {
        0 => "",
        _ => "; if the import was begun with another file, go on with that, or begin anew after `quids purge-chain`",
    }
}

impl From<DbError> for SnapshotError {
    fn from(error: DbError) -> Self {
        Self::Chain(error.into())
    }
}

/// What was written out, or brought in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub header: Header,
    pub chunks: u32,
    /// How many of them an attempt before had brought in, or written.
    pub known: u32,
    /// Of an import, without those of chunks that were known.
    pub entries: u64,
    /// Keys and values.
    pub bytes: u64,
}

impl Summary {
    fn of(header: Header) -> Self {
        Self {
            header,
            chunks: 0,
            known: 0,
            entries: 0,
            bytes: 0,
        }
    }

    fn count(&mut self, entries: &[KeyValue]) {
        let bytes = entries.iter().map(|(key, value)| (key.len() + value.len()) as u64);
        self.bytes += bytes.sum::<u64>();
        self.entries += entries.len() as u64;
        self.chunks += 1;
    }
}

/// Writes the state of the block at `height`, or of the last one, to a file that an interrupted export may have begun: goes on
/// after its last whole chunk. Without `height` the file says which block. Each chunk is checked as its receiver would check it.
/// The bytes are those of an export that was not interrupted, by the same version. `observe` hears how many entries are done.
pub fn export(
    db: &Arc<Database>,
    height: Option<Height>,
    file: &mut File,
    observe: &mut dyn FnMut(u64),
) -> Result<Summary, SnapshotError> {
    let begun = begun(db, height, file, observe)?;
    let (block, end, mut done, mut next) = match begun {
        Some(begun) => begun,
        None => {
            let block = block_at(db, height.map_or_else(|| db.best().map(|(best, _)| best), Ok)?)?;
            let done = Summary::of(block.header.clone());
            (block, 0, done, Some(Address::default()))
        }
    };
    let (height, root) = (block.header.number, block.header.state_root);
    let view = db.load_state_at_block(height, Arc::new(SharedCache::new(CACHE_BYTES)))?;
    let cut = file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end)));
    cut.map_err(SnapshotError::Write)?;
    let mut out = BufWriter::new(file);
    let mut writer = match end {
        0 => Writer::new(&mut out, &block).map_err(SnapshotError::Write)?,
        _ => Writer::resume(&mut out),
    };
    while let Some(begin) = next {
        let chunk = view.chunk(&begin, CHUNK_BYTES)?;
        writer.write(&chunk).map_err(SnapshotError::Write)?;
        crash_point("chunk-exported");
        let checked = chunk.check(root, &begin).map_err(|error| SnapshotError::Damaged {
            height,
            reason: error.to_string(),
        })?;
        done.count(checked.entries());
        observe(done.entries);
        next = checked.next().cloned();
    }
    writer.finish().map_err(SnapshotError::Write)?;
    Ok(done)
}

/// What is left of an interrupted export: its block, how far the file is right, what it holds, and where the next chunk begins.
type Begun = (SnapshotBlock, u64, Summary, Option<Address>);

/// `None` if it did not come to its first chunk.
fn begun(
    db: &Arc<Database>,
    height: Option<Height>,
    file: &mut File,
    observe: &mut dyn FnMut(u64),
) -> Result<Option<Begun>, SnapshotError> {
    let length = file.metadata().map_err(SnapshotError::Write)?.len();
    if length < format::START_BYTES as u64 {
        return Ok(None);
    }
    let mut input = BufReader::new(file);
    let mut reader = match Reader::new(&mut input) {
        Ok(reader) => reader,
        Err(FormatError::Damaged { .. }) => return Ok(None),
        Err(error @ FormatError::Read { .. }) => return Err(error.into()),
        Err(error) => return Err(SnapshotError::Part(error.to_string())),
    };
    let block = reader.block().clone();
    let theirs = (block.header.number, block.header.hash());
    let wanted = height.unwrap_or(theirs.0);
    let ours = db.hash_at(wanted)?;
    if block.genesis.hash() != db.genesis()?.ok_or(DbError::NoGenesis)? || Some(theirs.1) != ours {
        return Err(SnapshotError::Part(format!(
            "it is of block {} ({:?}), not of this node's block {wanted}",
            theirs.0, theirs.1
        )));
    }
    let mut done = Summary::of(block.header.clone());
    let (mut end, mut next) = (reader.offset(), Some(Address::default()));
    while let Some(begin) = &next {
        // This is where it was interrupted.
        let Ok(Some(chunk)) = reader.next_chunk() else { break };
        let Ok(checked) = chunk.check(block.header.state_root, begin) else {
            break;
        };
        done.count(checked.entries());
        observe(done.entries);
        (end, next) = (reader.offset(), checked.next().cloned());
    }
    done.known = done.chunks;
    Ok(Some((block, end, done, next)))
}

/// The block at a height as a snapshot begins with it.
fn block_at(db: &Arc<Database>, height: Height) -> Result<SnapshotBlock, SnapshotError> {
    let hash = db.hash_at(height)?.ok_or(DbError::NoBlockAt(height))?;
    let genesis = db.genesis()?.ok_or(DbError::NoGenesis)?;
    let header = |hash| db.header(&hash)?.ok_or(DbError::UnknownBlock(hash));
    let block = SnapshotBlock {
        genesis: header(genesis)?,
        header: header(hash)?,
        body: db.get_block_transactions(&hash)?.ok_or(DbError::UnknownBlock(hash))?,
    };
    refuse_upgrade(&block.header)?;
    Ok(block)
}

/// Brings the state of block `wanted` from a file into a database that has no blocks, or goes on with that. `genesis` is
/// that of the chain. `observe` hears how many bytes of the file are done.
pub fn import(
    db: &Arc<Database>,
    executor: &Executor,
    mut reader: Reader<'_>,
    wanted: Hash,
    genesis: Hash,
    observe: &mut dyn FnMut(u64),
) -> Result<Summary, SnapshotError> {
    let block = reader.block().clone();
    let (height, hash) = (block.header.number, block.header.hash());
    if hash != wanted {
        let file = hash;
        return Err(SnapshotError::OtherBlock { height, file, wanted });
    }
    let file = block.genesis.hash();
    if file != genesis {
        return Err(SnapshotError::OtherChain { file, ours: genesis });
    }
    refuse_upgrade(&block.header)?;
    let mut done = Summary::of(block.header.clone());
    let body = block.body.encode();
    let mut import = db.import_snapshot(block)?;
    while done.known < import.taken() {
        reader
            .next_chunk()?
            .ok_or(SnapshotError::Short { chunks: done.known })?;
        done.known += 1;
        done.chunks += 1;
    }
    let mut next = import.next();
    let (root, known, mut number) = (done.header.state_root, done.known, done.chunks);
    thread::scope(|scope| {
        // One is read and checked while the one before is written.
        let (checked, to_write) = mpsc::sync_channel(1);
        let read = scope.spawn(move || {
            while let Some(begin) = next {
                let chunk = reader.next_chunk()?;
                let chunk = chunk.ok_or(SnapshotError::Short { chunks: number })?;
                let piece = chunk.check(root, &begin).map_err(|error| SnapshotError::Chunk {
                    chunk: number,
                    known,
                    error: DbError::Snapshot(error.to_string()),
                })?;
                number += 1;
                next = piece.next().cloned();
                if checked.send((piece, reader.offset())).is_err() {
                    // What could not be written is told of below.
                    return Ok(());
                }
            }
            let offset = reader.offset();
            match reader.next_chunk()? {
                Some(_) => Err(SnapshotError::Trailing { offset }),
                None => Ok(()),
            }
        });
        for (piece, offset) in to_write {
            import.put(&piece)?;
            done.count(piece.entries());
            observe(offset);
        }
        read.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let evm = examined(db, executor, &done.header, &body)?;
    import.finish(evm)?;
    Ok(done)
}

/// Checks that the block's extrinsics are those that its header commits to; what it did in the EVM. Genesis has none.
fn examined(
    db: &Arc<Database>,
    executor: &Executor,
    header: &Header,
    body: &[u8],
) -> Result<Option<EvmBlock>, SnapshotError> {
    let height = header.number;
    let wrong = |what: &'static str| SnapshotError::Body { height, what };
    if height == Height::ZERO {
        return match Vec::<OpaqueExtrinsic>::decode(&mut &body[..]) {
            Ok(none) if none.is_empty() => Ok(None),
            _ => Err(wrong("genesis has none")),
        };
    }
    // Until the import is finished the database has no block, and calls what it has the state at height 0.
    let cache = Arc::new(SharedCache::new(CACHE_BYTES));
    let view = StateView::new(db.clone(), cache, Height::ZERO, header.state_root);
    let code = view.get(well_known_keys::CODE)?;
    let code = code.ok_or_else(|| ChainError::NoCode(header.hash()))?;
    let runtime = executor.load(&code).map_err(ChainError::from)?;
    let mut state = Overlay::new(view);
    let mut call = |api, input: &[u8]| runtime.call(&mut state, api, input).map_err(ChainError::from);
    let api = names::BLOCK_BUILDER_COMMIT_EXTRINSICS;
    let commitment = ExtrinsicsCommitment::decode(&mut &call(api, body)?[..]).map_err(ChainError::decode(api))?;
    is_of_header(header, &commitment).map_err(wrong)?;
    if !runtime.has_api(names::QEVM_BLOCK) {
        return Ok(None);
    }
    let evm = EvmBlock::decode(&mut &call(names::QEVM_BLOCK, &[])?[..]);
    Ok(Some(evm.map_err(ChainError::decode(names::QEVM_BLOCK))?))
}

/// Its extrinsics are those of the runtime before it, which its state does not have.
fn refuse_upgrade(header: &Header) -> Result<(), SnapshotError> {
    match header.digest.logs.contains(&DigestItem::RuntimeEnvironmentUpdated) {
        true => Err(SnapshotError::Upgrade { height: header.number }),
        false => Ok(()),
    }
}
