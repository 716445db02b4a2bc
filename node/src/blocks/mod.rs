//! Blocks in a file: a chain written out, and read into another node, which executes and verifies each block.

mod format;

pub(crate) use format::read_up_to;
pub use format::{BLOCK_BYTES_MAX, FileHeader, FormatError, Reader, Writer};

use crate::chain::{Chain, ChainError};
use quids_core::{Block, Hash, Height};
use std::io;

/// Why blocks were not written out or read in.
#[derive(Debug, thiserror::Error)]
pub enum BlocksError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("cannot write blocks: {0}")]
    Write(io::Error),
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

/// Writes the blocks of `from..=to` of the best chain; `progress` is told each height. How many they were.
pub fn export(
    chain: &Chain,
    from: Height,
    to: Option<Height>,
    out: &mut dyn io::Write,
    progress: &mut dyn FnMut(Height),
) -> Result<u32, BlocksError> {
    let (best, _) = chain.best();
    let to = to.unwrap_or(best);
    let first = chain.database().first_block().map_err(ChainError::from)?;
    // Genesis is what the chain spec gives; it is in no file.
    let from = from.max(Height(1));
    if to > best || (from > to && best > Height::ZERO) {
        return Err(BlocksError::Range {
            wanted: from.max(to),
            best,
        });
    }
    // The state of the first one was imported, not made by it.
    if first > Height::ZERO && from <= first {
        return Err(BlocksError::Gone { wanted: from, first });
    }
    let header = FileHeader {
        genesis: chain.genesis(),
        first: from,
        last: to,
    };
    let mut writer = Writer::new(out, &header).map_err(BlocksError::Write)?;
    let mut count = 0;
    for number in from.0..=to.0 {
        let block = block_at(chain, Height(number))?;
        writer.write(&block).map_err(BlocksError::Write)?;
        count += 1;
        progress(Height(number));
    }
    writer.finish().map_err(BlocksError::Write)?;
    Ok(count)
}

fn block_at(chain: &Chain, number: Height) -> Result<Block, ChainError> {
    let db = chain.database();
    let hash = db
        .hash_at(number)?
        .ok_or(quids_db::DbError::UnknownBlock(Hash::zero()))?;
    Ok(Block {
        header: chain.header(hash)?,
        extrinsics: db
            .get_block_transactions(&hash)?
            .ok_or(ChainError::UnknownBlock(hash))?,
    })
}

/// Imports every block of a file that this node does not have; `progress` is told each height. What was imported
/// stays, whatever happens to the rest.
pub fn import(
    chain: &Chain,
    file: &mut dyn io::Read,
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
    while let Some((offset, block)) = reader.next_block()? {
        let number = block.header.number;
        let (best, best_hash) = chain.best();
        if number <= best {
            let db = chain.database();
            let ours = db.hash_at(number).map_err(ChainError::from)?;
            let ours = match ours {
                Some(ours) => ours,
                // It led to the state that this node began with.
                None if number < db.first_block().map_err(ChainError::from)? => {
                    done.skipped += 1;
                    progress(number, header.last);
                    continue;
                }
                None => return Err(ChainError::from(quids_db::DbError::NoBlockAt(number)).into()),
            };
            let file = block.header.hash();
            if ours != file {
                return Err(BlocksError::Fork {
                    number,
                    offset,
                    file,
                    ours,
                });
            }
            done.skipped += 1;
        } else if block.header.parent_hash != best_hash {
            return Err(BlocksError::NoChild {
                number,
                offset,
                parent: block.header.parent_hash,
                below: best,
                ours: best_hash,
            });
        } else {
            chain
                .import(block)
                .map_err(|error| BlocksError::Refused { number, offset, error })?;
            done.imported += 1;
        }
        progress(number, header.last);
    }
    Ok(done)
}
