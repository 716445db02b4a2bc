//! The file format, version 1. A header, then each block with its length and a checksum. All numbers little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `QUIDSBLK` |
//! | 4 | format version, u32 |
//! | 32 | genesis hash |
//! | 4, 4 | heights of the first and the last block, u32; none if the first is greater |
//! | 8 | checksum of the 52 bytes before |
//! | for each block: 4 | length of the block, u32 |
//! | 8 | checksum of height (u32) and block |
//! | length | SCALE of header and extrinsics |
//!
//! A checksum is the first 8 bytes of BLAKE3-256. It finds damage; whether a block is right, executing it tells.

use codec::{DecodeAll, Encode};
use quids_core::{Block, Hash, Height};
use std::io::{self, Read, Write};

const MAGIC: &[u8; 8] = b"QUIDSBLK";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 52;
const SUM_BYTES: usize = 8;

/// The longest block that is read; the runtime's own limit is far below.
pub const BLOCK_BYTES_MAX: u32 = 64 << 20;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    #[error("this is no file of blocks: it does not begin with QUIDSBLK; `quids export-blocks` writes one")]
    NotBlocks,
    #[error("the file has format version {found}, this program reads {supported}: use the version that wrote it")]
    Version { found: u32, supported: u32 },
    #[error("the header of the file is damaged: export the blocks again")]
    Header,
    #[error("block {number}, at byte {offset} of the file, is damaged: {reason}; export again from block {number} on")]
    Damaged {
        number: Height,
        offset: u64,
        reason: String,
    },
    #[error("the file goes on after its last block, at byte {offset}: it is damaged, or two files in one")]
    Trailing { offset: u64 },
    #[error("cannot read the file at byte {offset}: {error}")]
    Read { offset: u64, error: io::Error },
}

/// Which blocks a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHeader {
    pub genesis: Hash,
    pub first: Height,
    pub last: Height,
}

fn sum(parts: &[&[u8]]) -> [u8; SUM_BYTES] {
    let hash = quids_crypto::blake3_256(&parts.concat());
    let mut cut = [0; SUM_BYTES];
    cut.copy_from_slice(&hash[..SUM_BYTES]);
    cut
}

/// Writes a file.
pub struct Writer<'a>(&'a mut dyn Write);

impl<'a> Writer<'a> {
    pub fn new(out: &'a mut dyn Write, header: &FileHeader) -> io::Result<Self> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + SUM_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(header.genesis.as_bytes());
        bytes.extend_from_slice(&header.first.0.to_le_bytes());
        bytes.extend_from_slice(&header.last.0.to_le_bytes());
        let checksum = sum(&[&bytes]);
        bytes.extend_from_slice(&checksum);
        out.write_all(&bytes)?;
        Ok(Self(out))
    }

    /// Blocks come in the order of their heights.
    pub fn write(&mut self, block: &Block) -> io::Result<()> {
        let bytes = block.encode();
        let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidData)?;
        self.0.write_all(&length.to_le_bytes())?;
        self.0
            .write_all(&sum(&[&block.header.number.0.to_le_bytes(), &bytes]))?;
        self.0.write_all(&bytes)
    }

    pub fn finish(self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads a file, from anywhere that may have damaged it.
pub struct Reader<'a> {
    input: &'a mut dyn Read,
    header: FileHeader,
    offset: u64,
    next: Height,
}

impl<'a> Reader<'a> {
    pub fn new(input: &'a mut dyn Read) -> Result<Self, FormatError> {
        let mut bytes = [0; HEADER_BYTES + SUM_BYTES];
        let length = read_up_to(input, &mut bytes).map_err(|error| FormatError::Read { offset: 0, error })?;
        if length < MAGIC.len() || &bytes[..8] != MAGIC {
            return Err(FormatError::NotBlocks);
        }
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if length >= 12 && number(8) != VERSION {
            return Err(FormatError::Version {
                found: number(8),
                supported: VERSION,
            });
        }
        if length < bytes.len() || sum(&[&bytes[..HEADER_BYTES]]) != bytes[HEADER_BYTES..] {
            return Err(FormatError::Header);
        }
        let header = FileHeader {
            genesis: Hash::from_slice(&bytes[12..44]),
            first: Height(number(44)),
            last: Height(number(48)),
        };
        Ok(Self {
            input,
            next: header.first,
            header,
            offset: bytes.len() as u64,
        })
    }

    pub fn header(&self) -> &FileHeader {
        &self.header
    }

    /// The next block and where it begins; `None` after the last.
    pub fn next_block(&mut self) -> Result<Option<(u64, Block)>, FormatError> {
        let (number, offset) = (self.next, self.offset);
        let damaged = |reason: String| FormatError::Damaged { number, offset, reason };
        let read = |error| FormatError::Read { offset, error };
        let mut prefix = [0; 4 + SUM_BYTES];
        if number > self.header.last {
            return match read_up_to(self.input, &mut prefix[..1]).map_err(read)? {
                0 => Ok(None),
                _ => Err(FormatError::Trailing { offset }),
            };
        }
        let length = read_up_to(self.input, &mut prefix).map_err(read)?;
        if length < prefix.len() {
            return Err(damaged("the file ends here".into()));
        }
        let [a, b, c, d, checksum @ ..] = prefix;
        let length = u32::from_le_bytes([a, b, c, d]);
        if length > BLOCK_BYTES_MAX {
            return Err(damaged(format!(
                "it would be {length} bytes long, more than {BLOCK_BYTES_MAX}"
            )));
        }
        // Grows with what is there: a wrong length costs no memory.
        let mut bytes = Vec::new();
        let taken = self
            .input
            .take(u64::from(length))
            .read_to_end(&mut bytes)
            .map_err(read)?;
        if taken < length as usize {
            return Err(damaged("the file ends within it".into()));
        }
        if sum(&[&number.0.to_le_bytes(), &bytes]) != checksum {
            return Err(damaged("its checksum is another".into()));
        }
        let block = Block::decode_all(&mut bytes.as_slice()).map_err(|error| damaged(error.to_string()))?;
        if block.header.number != number {
            return Err(damaged(format!("its header has height {}", block.header.number)));
        }
        self.offset += (prefix.len() + taken) as u64;
        self.next = Height(number.0.saturating_add(1));
        Ok(Some((offset, block)))
    }
}

/// Fills the buffer as far as the input goes.
pub(crate) fn read_up_to(input: &mut dyn Read, mut buffer: &mut [u8]) -> io::Result<usize> {
    let mut total = 0;
    while !buffer.is_empty() {
        match input.read(buffer) {
            Ok(0) => break,
            Ok(count) => {
                total += count;
                buffer = &mut buffer[count..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quids_core::{Digest, Header, OpaqueExtrinsic};

    fn block(number: u32) -> Block {
        Block {
            header: Header {
                parent_hash: Hash::repeat_byte(1),
                number: Height(number),
                state_root: Hash::repeat_byte(2),
                extrinsics_root: Hash::repeat_byte(3),
                digest: Digest::default(),
            },
            extrinsics: vec![OpaqueExtrinsic(vec![number as u8; 100])],
        }
    }

    fn file() -> Vec<u8> {
        let mut bytes = Vec::new();
        let header = FileHeader {
            genesis: Hash::repeat_byte(9),
            first: Height(5),
            last: Height(7),
        };
        let mut writer = Writer::new(&mut bytes, &header).unwrap();
        for number in 5..=7 {
            writer.write(&block(number)).unwrap();
        }
        writer.finish().unwrap();
        bytes
    }

    fn read(mut bytes: &[u8]) -> Result<Vec<Block>, FormatError> {
        let mut reader = Reader::new(&mut bytes)?;
        let mut blocks = Vec::new();
        while let Some((_, block)) = reader.next_block()? {
            blocks.push(block);
        }
        Ok(blocks)
    }

    #[test]
    fn blocks_are_read_as_written() {
        assert_eq!(read(&file()).unwrap(), [block(5), block(6), block(7)]);
    }

    #[test]
    fn the_format_is_pinned() {
        let bytes = file();
        assert_eq!(&bytes[..12], b"QUIDSBLK\x01\0\0\0");
        assert_eq!(bytes[44..52], [5, 0, 0, 0, 7, 0, 0, 0]);
        assert_eq!(bytes.len(), 60 + 3 * (12 + block(5).encode().len()));
    }

    #[test]
    fn damage_is_told_with_block_and_place() {
        let good = file();
        let second = 60 + 12 + block(5).encode().len();
        let changed = |at: usize, to: u8| {
            let mut bytes = good.clone();
            bytes[at] = to;
            bytes
        };
        let cases: Vec<(Vec<u8>, String)> = vec![
            (b"hello".to_vec(), "no file of blocks".into()),
            (changed(0, b'X'), "no file of blocks".into()),
            (changed(8, 2), "format version 2, this program reads 1".into()),
            (changed(20, 1), "header of the file is damaged".into()),
            (good[..30].to_vec(), "header of the file is damaged".into()),
            (
                good[..second].to_vec(),
                format!("block 6, at byte {second} of the file, is damaged: the file ends here"),
            ),
            (good[..second + 40].to_vec(), "the file ends within it".into()),
            (changed(second + 3, 255), "block 6".into()),
            (changed(second + 60, 77), "its checksum is another".into()),
            (
                [good.clone(), vec![0]].concat(),
                format!("goes on after its last block, at byte {}", good.len()),
            ),
        ];
        for (bytes, said) in cases {
            let error = read(&bytes).unwrap_err().to_string();
            assert!(error.contains(&said), "{said:?} is not in {error:?}");
        }
    }

    proptest! {
        #[test]
        fn no_change_of_a_byte_goes_unnoticed(at in 0..file().len(), flip in 1u8..) {
            let mut bytes = file();
            bytes[at] ^= flip;
            prop_assert!(read(&bytes).is_err());
        }

        #[test]
        fn any_bytes_are_a_file_or_an_error(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&tail).is_err());
            prop_assert!(read(&[&file()[..60], &tail].concat()).is_err());
        }
    }
}
