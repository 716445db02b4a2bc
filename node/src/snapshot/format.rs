//! The file format, version 1: a header, then frames. All numbers little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `QUIDSNAP` |
//! | 4 | format version, u32 |
//! | for each frame: 4 | bytes of what follows the sum, u32 |
//! | 4 | bytes of that when unpacked, u32 |
//! | 8 | sum: the first 8 bytes of BLAKE3-256 of both lengths and the packed bytes |
//! | | SCALE, packed as a block of LZ4 |
//!
//! The first frame is a `SnapshotBlock`, each other one a `Chunk`, in the order of keys. Sums find damage; what a chunk is worth,
//! it proves itself.

use crate::blocks::read_up_to;
use codec::{DecodeWithMemLimit, Encode};
use quids_db::SnapshotBlock;
use quids_state::Chunk;
use std::io::{self, Read, Write};

const MAGIC: &[u8; 8] = b"QUIDSNAP";
const VERSION: u32 = 1;
const FRAME_HEADER_BYTES: usize = 16;

/// The most that a frame may hold, packed or not. A value alone may be some MiB.
pub const FRAME_BYTES_MAX: u32 = 64 << 20;

/// The most that a frame may take in memory: short entries take more there than in the file.
const DECODED_BYTES_MAX: usize = 2 * FRAME_BYTES_MAX as usize;

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

fn sum(lengths: &[u8], packed: &[u8]) -> [u8; 8] {
    let hash = quids_crypto::blake3_256(&[lengths, packed].concat());
    let mut cut = [0; 8];
    cut.copy_from_slice(&hash[..8]);
    cut
}

/// Writes a file.
pub struct Writer<'a>(&'a mut dyn Write);

impl<'a> Writer<'a> {
    pub fn new(out: &'a mut dyn Write, block: &SnapshotBlock) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        let mut this = Self(out);
        this.frame(block)?;
        Ok(this)
    }

    /// Chunks come in the order of keys.
    pub fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        self.frame(chunk)
    }

    fn frame(&mut self, what: &impl Encode) -> io::Result<()> {
        let bytes = what.encode();
        let packed = lz4_flex::block::compress(&bytes);
        let too_long = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} bytes in one frame", bytes.len()),
            )
        };
        let length = |length: usize| {
            let length = u32::try_from(length).ok().filter(|length| *length <= FRAME_BYTES_MAX);
            length.map(u32::to_le_bytes).ok_or_else(too_long)
        };
        let lengths = [length(packed.len())?, length(bytes.len())?].concat();
        self.0.write_all(&lengths)?;
        self.0.write_all(&sum(&lengths, &packed))?;
        self.0.write_all(&packed)
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
        let mut start = [0; 12];
        let failed = |error| FormatError::Read { offset: 0, error };
        let length = read_up_to(input, &mut start).map_err(failed)?;
        let (magic, version) = start.split_at(MAGIC.len());
        if length < start.len() || magic != MAGIC {
            return Err(FormatError::NoSnapshot);
        }
        let found = u32::from_le_bytes([version[0], version[1], version[2], version[3]]);
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
        let offset = self.offset;
        let failed = |error| FormatError::Read { offset, error };
        let mut header = [0; FRAME_HEADER_BYTES];
        match read_up_to(self.input, &mut header).map_err(failed)? {
            0 => return Ok(None),
            FRAME_HEADER_BYTES => {}
            _ => return Err(self.damaged("the file ends in it")),
        }
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (packed_len, length) = (number(0), number(4));
        if packed_len > FRAME_BYTES_MAX || length > FRAME_BYTES_MAX {
            return Err(self.damaged(format!("{} bytes are too many", packed_len.max(length))));
        }
        // No more memory than the file has bytes.
        let mut packed = Vec::new();
        let taken = self
            .input
            .take(u64::from(packed_len))
            .read_to_end(&mut packed)
            .map_err(failed)?;
        if taken < packed_len as usize {
            return Err(self.damaged("the file ends in it"));
        }
        if sum(&header[..8], &packed) != header[8..] {
            return Err(self.damaged("its sum is wrong"));
        }
        let bytes = lz4_flex::block::decompress(&packed, length as usize);
        let bytes = bytes.map_err(|error| self.damaged(error.to_string()))?;
        if bytes.len() != length as usize {
            return Err(self.damaged(format!("{} bytes, not {length}", bytes.len())));
        }
        let mut rest = &bytes[..];
        let decoded = T::decode_with_mem_limit(&mut rest, DECODED_BYTES_MAX);
        let decoded = decoded.map_err(|error| self.damaged(error.to_string()))?;
        if !rest.is_empty() {
            return Err(self.damaged(format!("{} bytes are left over", rest.len())));
        }
        self.offset += (FRAME_HEADER_BYTES + packed.len()) as u64;
        self.frame += 1;
        Ok(Some(decoded))
    }
}
