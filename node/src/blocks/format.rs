//! The file format, version 3. A header, then a frame (`crate::frames`) for each block. All numbers little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `QUIDSBLK` |
//! | 4 | format version, u32 |
//! | 32 | genesis hash |
//! | 4, 4 | heights of the first and the last block, u32; none if the first is greater |
//! | 8 | sum: the first 8 bytes of BLAKE3-256 of the 52 bytes before |
//! | | frames: SCALE of header, extrinsics, and the optional justification |
//!
//! Versions 2 and 1 are read as well: their blocks have no justifications. Version 1 has instead of frames
//!
//! | bytes | what |
//! |---|---|
//! | for each block: 4 | length of the block, u32 |
//! | 8 | sum of height (u32) and block |
//! | length | SCALE of header and extrinsics |
//!
//! Sums find damage; whether a block is right, executing it tells.

use crate::{
    chain::FinalBlock,
    frames::{self, FrameError, SUM_BYTES, sum, u32_at},
};
use quids_core::{Block, Hash, Height};
use std::io::{self, Read, Write};

const MAGIC: &[u8; 8] = b"QUIDSBLK";
/// What is written.
pub(super) const VERSION: u32 = 3;
const VERSION_2: u32 = 2;
const VERSION_1: u32 = 1;
const HEADER_BYTES: usize = 52;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    #[error("this is no file of blocks: it does not begin with QUIDSBLK; `quids export-blocks` writes one")]
    NotBlocks,
    #[error("the file has format version {found}, this program reads up to {supported}: use the version that wrote it")]
    Version { found: u32, supported: u32 },
    #[error("the file ends within its header: export the blocks again")]
    HeaderCut,
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

impl FileHeader {
    /// Of blocks.
    pub fn count(&self) -> u32 {
        self.last.0.saturating_add(1).saturating_sub(self.first.0)
    }
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

    /// Goes on with a file that has its header and some blocks.
    pub(super) fn resume(out: &'a mut dyn Write) -> Self {
        Self(out)
    }

    /// Blocks come in the order of their heights.
    pub fn write(&mut self, block: &FinalBlock) -> io::Result<()> {
        frames::write(self.0, block)
    }

    pub fn finish(self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads a file, from anywhere that may have damaged it.
pub struct Reader<'a> {
    input: &'a mut (dyn Read + Send),
    version: u32,
    header: FileHeader,
    offset: u64,
    next: Height,
}

impl<'a> Reader<'a> {
    pub fn new(input: &'a mut (dyn Read + Send)) -> Result<Self, FormatError> {
        let mut bytes = [0; HEADER_BYTES + SUM_BYTES];
        let failed = |error| FormatError::Read { offset: 0, error };
        let length = frames::read_up_to(input, &mut bytes).map_err(failed)?;
        let magic = length.min(MAGIC.len());
        if length == 0 || bytes[..magic] != MAGIC[..magic] {
            return Err(FormatError::NotBlocks);
        }
        let version = u32_at(&bytes, 8);
        if length >= 12 && !(VERSION_1..=VERSION).contains(&version) {
            return Err(FormatError::Version {
                found: version,
                supported: VERSION,
            });
        }
        if length < bytes.len() {
            return Err(FormatError::HeaderCut);
        }
        if sum(&[&bytes[..HEADER_BYTES]]) != bytes[HEADER_BYTES..] {
            return Err(FormatError::Header);
        }
        let header = FileHeader {
            genesis: Hash::from_slice(&bytes[12..44]),
            first: Height(u32_at(&bytes, 44)),
            last: Height(u32_at(&bytes, 48)),
        };
        Ok(Self {
            input,
            version,
            next: header.first,
            header,
            offset: bytes.len() as u64,
        })
    }

    pub fn version(&self) -> u32 {
        self.version
    }

    pub fn header(&self) -> &FileHeader {
        &self.header
    }

    /// Where the next block begins: up to there the file is right.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next block and where it begins; `None` after the last.
    pub fn next_block(&mut self) -> Result<Option<(u64, FinalBlock)>, FormatError> {
        let (number, offset) = (self.next, self.offset);
        let damaged = |reason: String| FormatError::Damaged { number, offset, reason };
        let failed = |error| FormatError::Read { offset, error };
        if number > self.header.last {
            return match frames::read_up_to(self.input, &mut [0]).map_err(failed)? {
                0 => Ok(None),
                _ => Err(FormatError::Trailing { offset }),
            };
        }
        let read = match self.version {
            VERSION_1 => read_1(self.input, number).map(without_proof),
            VERSION_2 => frames::read(self.input).map(without_proof),
            _ => frames::read(self.input),
        };
        let (block, length): (FinalBlock, u64) = match read {
            Ok(Some(read)) => read,
            Ok(None) => return Err(damaged("the file ends here".into())),
            Err(FrameError::Damaged(reason)) => return Err(damaged(reason)),
            Err(FrameError::Read(error)) => return Err(failed(error)),
        };
        let found = block.block.header.number;
        if found != number {
            return Err(damaged(format!("its header has height {found}")));
        }
        self.offset += length;
        self.next = Height(number.0.saturating_add(1));
        Ok(Some((offset, block)))
    }
}

/// A block of a version that has no justifications.
fn without_proof(read: Option<(Block, u64)>) -> Option<(FinalBlock, u64)> {
    read.map(|(block, length)| (block.into(), length))
}

/// The next block as version 1 has it, and its bytes in the file; `None` at the end.
fn read_1(input: &mut dyn Read, number: Height) -> Result<Option<(Block, u64)>, FrameError> {
    let mut prefix = [0; 4 + SUM_BYTES];
    let length = frames::read_up_to(input, &mut prefix)?;
    if length < prefix.len() {
        return match length {
            0 => Ok(None),
            _ => Err(FrameError::Damaged("the file ends in it".into())),
        };
    }
    let bytes = frames::read_bytes(input, u32_at(&prefix, 0))?;
    if sum(&[&number.0.to_le_bytes(), &bytes]) != prefix[4..] {
        return Err(FrameError::Damaged("its sum is wrong".into()));
    }
    Ok(Some((frames::decode(&bytes)?, (prefix.len() + bytes.len()) as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use codec::Encode;
    use proptest::prelude::*;
    use quids_core::{Digest, Header, OpaqueExtrinsic};
    use quids_pobpc::{Justification, Round};

    fn bare(number: u32) -> Block {
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

    /// The first has no proof.
    fn block(number: u32) -> FinalBlock {
        let proof = Justification {
            height: Height(number),
            round: Round(1),
            block: Hash::repeat_byte(4),
            signatures: Vec::new(),
        };
        FinalBlock {
            block: bare(number),
            justification: (number > 5).then_some(proof),
        }
    }

    /// As versions 1 and 2 have them.
    fn without_proofs() -> [FinalBlock; 3] {
        [5, 6, 7].map(|number| bare(number).into())
    }

    const HEADER: FileHeader = FileHeader {
        genesis: Hash::repeat_byte(9),
        first: Height(5),
        last: Height(7),
    };

    fn file() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, &HEADER).unwrap();
        for number in 5..=7 {
            writer.write(&block(number)).unwrap();
        }
        writer.finish().unwrap();
        bytes
    }

    fn header(version: u8) -> Vec<u8> {
        let mut bytes = file()[..HEADER_BYTES].to_vec();
        bytes[8] = version;
        bytes.extend(sum(&[&bytes]));
        bytes
    }

    /// The same in version 2.
    fn file_2() -> Vec<u8> {
        let mut bytes = header(2);
        for number in 5..=7 {
            frames::write(&mut bytes, &bare(number)).unwrap();
        }
        bytes
    }

    /// The same in version 1.
    fn file_1() -> Vec<u8> {
        let mut bytes = header(1);
        for number in 5..=7u32 {
            let block = bare(number).encode();
            bytes.extend((block.len() as u32).to_le_bytes());
            bytes.extend(sum(&[&number.to_le_bytes(), &block]));
            bytes.extend(block);
        }
        bytes
    }

    fn read(mut bytes: &[u8]) -> Result<Vec<FinalBlock>, FormatError> {
        let mut reader = Reader::new(&mut bytes)?;
        let mut blocks = Vec::new();
        while let Some((offset, block)) = reader.next_block()? {
            assert!(offset < reader.offset());
            blocks.push(block);
        }
        Ok(blocks)
    }

    #[test]
    fn blocks_are_read_as_written() {
        assert_eq!(read(&file()).unwrap(), [block(5), block(6), block(7)]);
        for bytes in [file_1(), file_2()] {
            assert_eq!(read(&bytes).unwrap(), without_proofs());
        }
    }

    #[test]
    fn the_formats_are_pinned() {
        let hash = |file: Vec<u8>| hex::encode(quids_crypto::blake3_256(&file));
        assert_eq!(hash(file_1()), FILE_1_HASH);
        assert_eq!(hex::encode(file_2()), FILE_2);
        assert_eq!(hash(file()), FILE_HASH);
        assert_eq!(read(&hex::decode(FILE_2).unwrap()).unwrap(), without_proofs());
        for (version, bytes) in [(1, file_1()), (2, file_2()), (3, file())] {
            let mut input = &bytes[..];
            let reader = Reader::new(&mut input).unwrap();
            assert_eq!((reader.version(), reader.header()), (version, &HEADER));
        }
        assert_eq!(HEADER.count(), 3);
    }

    fn changed(file: &[u8], at: usize, to: u8) -> Vec<u8> {
        let mut bytes = file.to_vec();
        bytes[at] = to;
        bytes
    }

    fn damages_are_told(cases: Vec<(Vec<u8>, String)>) {
        for (bytes, said) in cases {
            let error = read(&bytes).unwrap_err().to_string();
            assert!(error.contains(&said), "{said:?} is not in {error:?}");
        }
    }

    #[test]
    fn damage_is_told_with_block_and_place() {
        for (good, block_bytes) in [
            (file_2(), (file_2().len() - 60) / 3),
            (file_1(), 12 + bare(5).encode().len()),
        ] {
            let second = 60 + block_bytes;
            let here = format!("block 6, at byte {second} of the file, is damaged");
            damages_are_told(vec![
                (Vec::new(), "no file of blocks".into()),
                (b"hello".to_vec(), "no file of blocks".into()),
                (changed(&good, 0, b'X'), "no file of blocks".into()),
                (
                    changed(&good, 8, 4),
                    "format version 4, this program reads up to 3".into(),
                ),
                (
                    changed(&good, 8, 0),
                    "format version 0, this program reads up to 3".into(),
                ),
                // The sum tells one version from another.
                (changed(&good, 8, 3 - good[8]), "header of the file is damaged".into()),
                (changed(&good, 20, 1), "header of the file is damaged".into()),
                (good[..5].to_vec(), "ends within its header".into()),
                (good[..59].to_vec(), "ends within its header".into()),
                (good[..second].to_vec(), format!("{here}: the file ends here")),
                (good[..second + 5].to_vec(), format!("{here}: the file ends in it")),
                (good[..second + 30].to_vec(), format!("{here}: the file ends in it")),
                (changed(&good, second + 3, 255), format!("{here}: 427819")),
                (changed(&good, second + 20, 77), format!("{here}: its sum is wrong")),
                ([&good[..second], &good[60..]].concat(), here.clone()),
                (
                    [&good[..], &[0]].concat(),
                    format!("goes on after its last block, at byte {}", good.len()),
                ),
            ]);
        }
    }

    proptest! {
        #[test]
        fn no_change_of_a_byte_goes_unnoticed(at in any::<prop::sample::Index>(), flip in 1u8..) {
            for mut bytes in [file(), file_1(), file_2()] {
                let at = at.index(bytes.len());
                bytes[at] ^= flip;
                prop_assert!(read(&bytes).is_err());
            }
        }

        #[test]
        fn no_cut_goes_unnoticed(at in any::<prop::sample::Index>()) {
            for bytes in [file(), file_1(), file_2()] {
                prop_assert!(read(&bytes[..at.index(bytes.len())]).is_err());
            }
        }

        #[test]
        fn any_bytes_are_a_file_or_an_error(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&tail).is_err());
            for bytes in [file(), file_1(), file_2()] {
                prop_assert!(read(&[&bytes[..60], &tail].concat()).is_err());
            }
        }
    }

    const FILE_1_HASH: &str = "97a0bf7dce31476796292ab28d0afdb1245480dd50612864cebb797d07139dd9";
    /// As lz4_flex 0.13.0 packs it, as that of the next one: another version may write other bytes, and has to read these.
    const FILE_HASH: &str = "adeedfb49e635c5a1226ea66226cae87faaed68e7e36453da02cca5c581e4347";
    const FILE_2: &str = "5155494453424c4b0200000009090909090909090909090909090909090909090909090909090909090909090500000007000000\
        1712cacbb0716e0320000000c9000000d94f7906f403ded51f0101000c2f140201000c1f0301000c5f000491010501004a600505\
        0505050520000000c9000000a13fcb3f91cbeecd1f0101000c2f180201000c1f0301000c5f000491010601004a60060606060606\
        20000000c9000000bfbedd520da3423c1f0101000c2f1c0201000c1f0301000c5f000491010701004a60070707070707";
}
