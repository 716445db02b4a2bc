//! The file format, version 1: a header, then frames (`crate::frames`). All numbers little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `QUIDSNAP` |
//! | 4 | format version, u32 |
//! | | frames |
//!
//! The first frame is a `SnapshotBlock`, each other one a `Chunk`, in the order of keys. Sums find damage; what a chunk is worth,
//! it proves itself.

use crate::frames::{self, FrameError};
use codec::DecodeWithMemLimit;
use quids_db::SnapshotBlock;
use quids_state::Chunk;
use std::io::{self, Read, Write};

const MAGIC: &[u8; 8] = b"QUIDSNAP";
const VERSION: u32 = 1;
/// What comes before the frames.
pub(super) const START_BYTES: usize = 12;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    #[error("this is no snapshot: it does not begin with QUIDSNAP; `quids snapshot export` writes one")]
    NoSnapshot,
    #[error("the snapshot has format version {found}, this program reads {supported}: use the version that wrote it")]
    Version { found: u32, supported: u32 },
    #[error("frame {frame}, at byte {offset} of the file, is damaged: {reason}; get the snapshot again")]
    Damaged { frame: u32, offset: u64, reason: String },
    #[error("cannot read the file at byte {offset}: {error}")]
    Read { offset: u64, error: io::Error },
}

/// Writes a file.
pub struct Writer<'a>(&'a mut dyn Write);

impl<'a> Writer<'a> {
    pub fn new(out: &'a mut dyn Write, block: &SnapshotBlock) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        frames::write(out, block)?;
        Ok(Self(out))
    }

    /// Goes on with a file that has its block and some chunks.
    pub(super) fn resume(out: &'a mut dyn Write) -> Self {
        Self(out)
    }

    /// Chunks come in the order of keys.
    pub fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        frames::write(self.0, chunk)
    }

    pub fn finish(self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads a file, from anywhere that may have damaged it.
pub struct Reader<'a> {
    frames: Frames<'a>,
    block: SnapshotBlock,
}

impl<'a> Reader<'a> {
    pub fn new(input: &'a mut (dyn Read + Send)) -> Result<Self, FormatError> {
        let mut start = [0; START_BYTES];
        let failed = |error| FormatError::Read { offset: 0, error };
        let length = frames::read_up_to(input, &mut start).map_err(failed)?;
        let (magic, version) = start.split_at(MAGIC.len());
        if length < start.len() || magic != MAGIC {
            return Err(FormatError::NoSnapshot);
        }
        let found = frames::u32_at(version, 0);
        if found != VERSION {
            let supported = VERSION;
            return Err(FormatError::Version { found, supported });
        }
        let mut frames = Frames {
            input,
            offset: start.len() as u64,
            frame: 0,
        };
        let block = frames.next()?;
        let block = block.ok_or_else(|| frames.damaged("the file ends before it"))?;
        Ok(Self { frames, block })
    }

    pub fn block(&self) -> &SnapshotBlock {
        &self.block
    }

    /// Bytes that were read.
    pub fn offset(&self) -> u64 {
        self.frames.offset
    }

    /// The next chunk; `None` at the end of the file.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, FormatError> {
        self.frames.next()
    }
}

struct Frames<'a> {
    input: &'a mut (dyn Read + Send),
    offset: u64,
    frame: u32,
}

impl Frames<'_> {
    fn damaged(&self, reason: impl Into<String>) -> FormatError {
        FormatError::Damaged {
            frame: self.frame,
            offset: self.offset,
            reason: reason.into(),
        }
    }

    fn next<T: DecodeWithMemLimit>(&mut self) -> Result<Option<T>, FormatError> {
        match frames::read(self.input) {
            Ok(Some((value, length))) => {
                self.offset += length;
                self.frame += 1;
                Ok(Some(value))
            }
            Ok(None) => Ok(None),
            Err(FrameError::Damaged(reason)) => Err(self.damaged(reason)),
            Err(FrameError::Read(error)) => Err(FormatError::Read {
                offset: self.offset,
                error,
            }),
        }
    }
}
