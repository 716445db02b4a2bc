//! Blocks in a file: a chain written out, and read into another node, which executes and verifies each block.

mod format;

pub use format::{FileHeader, FormatError, Reader, Writer};

use crate::chain::{Chain, ChainError, FinalBlock, RowError};
use parking_lot::Mutex;
use quids_core::{Block, Hash, Height};
use quids_db::{DbError, crash_point};
use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufReader, BufWriter, Seek, SeekFrom},
};

/// Why blocks were not written out or read in.
#[derive(Debug, thiserror::Error)]
pub enum BlocksError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("cannot write blocks: {0}")]
    Write(io::Error),
    #[error("this export cannot go on with it: {0}; remove it to begin anew")]
    Part(String),
    #[error("there is no block {wanted}: the last one is {best}; choose --from and --to within 1 and {best}")]
    Range { wanted: Height, best: Height },
    #[error("block {wanted} is not there: this node began with a snapshot of block {first}, and has those above it")]
    Gone { wanted: Height, first: Height },
    #[error(
        "the file holds blocks of the chain with genesis {file:?}, this node runs the one with {ours:?}: \
         name the chain they come from with --chain"
    )]
    OtherChain { file: Hash, ours: Hash },
    #[error(
        "block {number} of the file begins at byte {offset} and follows block {parent:?}, but here block {below} is \
         {ours:?}: the file begins too high, or comes from a fork"
    )]
    NoChild {
        number: Height,
        offset: u64,
        parent: Hash,
        below: Height,
        ours: Hash,
    },
    #[error("block {number} of the file ({file:?}, at byte {offset}) is another than this node's {ours:?}: a fork")]
    Fork {
        number: Height,
        offset: u64,
        file: Hash,
        ours: Hash,
    },
    #[error("block {number} of the file, at byte {offset}, was not imported: {error}")]
    Refused {
        number: Height,
        offset: u64,
        error: ChainError,
    },
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub imported: u32,
    /// They were there already.
    pub skipped: u32,
}

/// What a file of blocks holds after an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    pub header: FileHeader,
    /// Blocks that were there already.
    pub known: u32,
}

/// Writes the blocks of `from..=to` of the best chain; `progress` is told each height, and the last one.
pub fn export(
    chain: &Chain,
    from: Height,
    to: Option<Height>,
    out: &mut dyn io::Write,
    progress: &mut dyn FnMut(Height, Height),
) -> Result<Exported, BlocksError> {
    let header = range(chain, from, to)?;
    let writer = Writer::new(out, &header).map_err(BlocksError::Write)?;
    write(chain, writer, header.first, header.last, progress)?;
    Ok(Exported { header, known: 0 })
}

/// Writes them to a file that an interrupted export may have begun: goes on after its last whole block. Without `to` the
/// file says which is the last. The bytes are those of an export that was not interrupted.
pub fn resume(
    chain: &Chain,
    from: Height,
    to: Option<Height>,
    file: &mut File,
    progress: &mut dyn FnMut(Height, Height),
) -> Result<Exported, BlocksError> {
    let begun = begun(chain, from, to, file, progress)?;
    let (header, end, known) = match begun {
        Some(begun) => begun,
        None => (range(chain, from, to)?, 0, 0),
    };
    let cut = file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end)));
    cut.map_err(BlocksError::Write)?;
    let mut out = BufWriter::new(file);
    let writer = match end {
        0 => Writer::new(&mut out, &header).map_err(BlocksError::Write)?,
        _ => Writer::resume(&mut out),
    };
    // No more than there are blocks, so no overflow.
    let next = Height(header.first.0 + known);
    write(chain, writer, next, header.last, progress)?;
    Ok(Exported { header, known })
}

/// What an interrupted export left: its header, how far the file is right, and how many blocks that are. `None` if it did
/// not come to the first block.
fn begun(
    chain: &Chain,
    from: Height,
    to: Option<Height>,
    file: &mut File,
    progress: &mut dyn FnMut(Height, Height),
) -> Result<Option<(FileHeader, u64, u32)>, BlocksError> {
    let refuse = |reason: String| Err(BlocksError::Part(reason));
    if file.metadata().map_err(BlocksError::Write)?.len() == 0 {
        return Ok(None);
    }
    let mut input = BufReader::new(file);
    let mut reader = match Reader::new(&mut input) {
        Ok(reader) => reader,
        Err(FormatError::HeaderCut) => return Ok(None),
        Err(error @ FormatError::Read { .. }) => return Err(error.into()),
        Err(error) => return refuse(error.to_string()),
    };
    let (header, ours) = (reader.header().clone(), chain.genesis());
    if header.count() == 0 {
        return Ok(None);
    }
    if reader.version() != format::VERSION {
        return refuse(format!(
            "it has format version {}, not {}",
            reader.version(),
            format::VERSION
        ));
    }
    if header.genesis != ours {
        let theirs = header.genesis;
        return refuse(format!(
            "it is of the chain with genesis {theirs:?}, not of that with {ours:?}"
        ));
    }
    let from = from.max(Height(1));
    if header.first != from || to.is_some_and(|to| to != header.last) {
        let (FileHeader { first, last, .. }, to) = (header, to.map_or("the last".into(), |to| to.to_string()));
        return refuse(format!("it is for blocks {first} to {last}, not {from} to {to}"));
    }
    // They may be gone, or taken back.
    range(chain, header.first, Some(header.last))?;
    let mut known = 0;
    loop {
        match reader.next_block() {
            Ok(Some((_, FinalBlock { block, .. }))) => {
                let (number, theirs) = (block.header.number, block.header.hash());
                let ours = hash_at(chain, number)?;
                if ours != theirs {
                    return refuse(format!("its block {number} is {theirs:?}, this node's is {ours:?}"));
                }
                known += 1;
                progress(number, header.last);
            }
            // It is whole, or this is where it was interrupted.
            Ok(None) | Err(FormatError::Damaged { .. } | FormatError::Trailing { .. }) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some((header, reader.offset(), known)))
}

/// Which blocks a file will have.
fn range(chain: &Chain, from: Height, to: Option<Height>) -> Result<FileHeader, BlocksError> {
    let (best, _) = chain.best();
    let last = to.unwrap_or(best);
    let below = chain.database().first_block().map_err(ChainError::from)?;
    // Genesis is what the chain spec gives; it is in no file.
    let first = from.max(Height(1));
    if last > best || (first > last && best > Height::ZERO) {
        return Err(BlocksError::Range {
            wanted: first.max(last),
            best,
        });
    }
    // The state of the first one was imported, not made by it.
    if below > Height::ZERO && first <= below {
        return Err(BlocksError::Gone {
            wanted: first,
            first: below,
        });
    }
    Ok(FileHeader {
        genesis: chain.genesis(),
        first,
        last,
    })
}

fn write(
    chain: &Chain,
    mut writer: Writer<'_>,
    next: Height,
    last: Height,
    progress: &mut dyn FnMut(Height, Height),
) -> Result<(), BlocksError> {
    for number in next.0..=last.0 {
        let block = block_at(chain, Height(number))?;
        writer.write(&block).map_err(BlocksError::Write)?;
        crash_point("block-exported");
        progress(Height(number), last);
    }
    writer.finish().map_err(BlocksError::Write)
}

fn hash_at(chain: &Chain, number: Height) -> Result<Hash, ChainError> {
    let hash = chain.database().hash_at(number)?;
    Ok(hash.ok_or(DbError::NoBlockAt(number))?)
}

fn block_at(chain: &Chain, number: Height) -> Result<FinalBlock, ChainError> {
    let hash = hash_at(chain, number)?;
    chain.final_block(&hash)?.ok_or(ChainError::UnknownBlock(hash))
}

/// Imports every block of a file that this node does not have; `progress` is told each height. What was imported
/// stays, whatever happens to the rest.
pub fn import(
    chain: &Chain,
    file: &mut (dyn io::Read + Send),
    progress: &mut dyn FnMut(Height, Height),
) -> Result<Imported, BlocksError> {
    let mut reader = Reader::new(file)?;
    let header = reader.header().clone();
    if header.genesis != chain.genesis() {
        return Err(BlocksError::OtherChain {
            file: header.genesis,
            ours: chain.genesis(),
        });
    }
    let mut done = Imported::default();
    let (best, best_hash) = chain.best();
    let mut first = None;
    while let Some((offset, block)) = reader.next_block()? {
        let number = block.block.header.number;
        if number > best {
            first = Some((offset, block));
            break;
        }
        check_known(chain, &block.block, offset)?;
        done.skipped += 1;
        progress(number, header.last);
    }
    // Where those begin that are read and not imported yet.
    let offsets = Mutex::new(VecDeque::new());
    let (mut below, mut ours) = (best, best_hash);
    let mut next = || -> Result<Option<FinalBlock>, BlocksError> {
        let next = match first.take() {
            Some(first) => Some(first),
            None => reader.next_block()?,
        };
        let Some((offset, block)) = next else { return Ok(None) };
        let header = &block.block.header;
        let (number, parent) = (header.number, header.parent_hash);
        if parent != ours {
            return Err(BlocksError::NoChild {
                number,
                offset,
                parent,
                below,
                ours,
            });
        }
        (below, ours) = (number, header.hash());
        offsets.lock().push_back(offset);
        Ok(Some(block))
    };
    let imported = chain.import_row(&mut next, &mut |new| {
        offsets.lock().pop_front();
        done.imported += 1;
        progress(new.header.number, header.last);
    });
    match imported {
        Ok(()) => Ok(done),
        Err(RowError::Source(error)) => Err(error),
        Err(RowError::Refused { number, error }) => {
            let offset = offsets.lock().front().copied().unwrap_or_default();
            Err(BlocksError::Refused { number, offset, error })
        }
    }
}

/// That a block of a height which this node has is the one that it has.
fn check_known(chain: &Chain, block: &Block, offset: u64) -> Result<(), BlocksError> {
    let (db, number, file) = (chain.database(), block.header.number, block.header.hash());
    match db.hash_at(number).map_err(ChainError::from)? {
        Some(ours) if ours == file => Ok(()),
        Some(ours) => Err(BlocksError::Fork {
            number,
            offset,
            file,
            ours,
        }),
        // It led to the state that this node began with.
        None if number < db.first_block().map_err(ChainError::from)? => Ok(()),
        None => Err(ChainError::from(DbError::NoBlockAt(number)).into()),
    }
}
