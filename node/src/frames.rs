//! Frames: what files of blocks and snapshots are made of. All numbers little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | bytes of what follows the sum, u32 |
//! | 4 | bytes of that when unpacked, u32 |
//! | 8 | sum: the first 8 bytes of BLAKE3-256 of both lengths and the packed bytes |
//! | | SCALE, packed as a block of LZ4 |
//!
//! Sums find damage; what a value is worth, who reads it has to find out.

use codec::{DecodeWithMemLimit, Encode};
use std::io::{self, Read, Write};

/// The most that a frame may hold, packed or not.
pub(crate) const FRAME_BYTES_MAX: u32 = 64 << 20;

/// The most that a value may take in memory: short entries take more there than in the file.
const DECODED_BYTES_MAX: usize = 2 * FRAME_BYTES_MAX as usize;

pub(crate) const SUM_BYTES: usize = 8;
const LENGTHS_BYTES: usize = 8;
const HEADER_BYTES: usize = LENGTHS_BYTES + SUM_BYTES;

/// Why a frame was not read.
#[derive(Debug)]
pub(crate) enum FrameError {
    /// It is not as it was written.
    Damaged(String),
    Read(io::Error),
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// The first bytes of BLAKE3-256 of all parts.
pub(crate) fn sum(parts: &[&[u8]]) -> [u8; SUM_BYTES] {
    let hash = quids_crypto::blake3_256(&parts.concat());
    let mut cut = [0; SUM_BYTES];
    cut.copy_from_slice(&hash[..SUM_BYTES]);
    cut
}

/// Writes a value as a frame.
pub(crate) fn write(out: &mut dyn Write, value: &impl Encode) -> io::Result<()> {
    let bytes = value.encode();
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
    out.write_all(&lengths)?;
    out.write_all(&sum(&[&lengths, &packed]))?;
    out.write_all(&packed)
}

/// The value of the next frame, and how many bytes the frame has; `None` at the end.
pub(crate) fn read<T: DecodeWithMemLimit>(input: &mut dyn Read) -> Result<Option<(T, u64)>, FrameError> {
    let mut header = [0; HEADER_BYTES];
    match read_up_to(input, &mut header)? {
        0 => return Ok(None),
        HEADER_BYTES => {}
        _ => return Err(FrameError::Damaged("the file ends in it".into())),
    }
    let (packed_len, length) = (u32_at(&header, 0), u32_at(&header, 4));
    check_length(length)?;
    let packed = read_bytes(input, packed_len)?;
    let (lengths, expected) = header.split_at(LENGTHS_BYTES);
    if sum(&[lengths, &packed]) != expected {
        return Err(FrameError::Damaged("its sum is wrong".into()));
    }
    let bytes = lz4_flex::block::decompress(&packed, length as usize);
    let bytes = bytes.map_err(|error| FrameError::Damaged(error.to_string()))?;
    if bytes.len() != length as usize {
        return Err(FrameError::Damaged(format!("{} bytes, not {length}", bytes.len())));
    }
    Ok(Some((decode(&bytes)?, (HEADER_BYTES + packed.len()) as u64)))
}

/// So many bytes, all of them. A wrong length costs no more memory than the file has bytes.
pub(crate) fn read_bytes(input: &mut dyn Read, length: u32) -> Result<Vec<u8>, FrameError> {
    check_length(length)?;
    let mut bytes = Vec::new();
    if input.take(u64::from(length)).read_to_end(&mut bytes)? < length as usize {
        return Err(FrameError::Damaged("the file ends in it".into()));
    }
    Ok(bytes)
}

/// The value that takes all these bytes.
pub(crate) fn decode<T: DecodeWithMemLimit>(bytes: &[u8]) -> Result<T, FrameError> {
    decode_within(bytes, DECODED_BYTES_MAX)
}

/// As [`decode`], if the value takes no more memory than this.
pub(crate) fn decode_within<T: DecodeWithMemLimit>(bytes: &[u8], memory_max: usize) -> Result<T, FrameError> {
    let mut rest = bytes;
    let value = T::decode_with_mem_limit(&mut rest, memory_max);
    let value = value.map_err(|error| FrameError::Damaged(error.to_string()))?;
    match rest.len() {
        0 => Ok(value),
        left => Err(FrameError::Damaged(format!("{left} bytes are left over"))),
    }
}

fn check_length(length: u32) -> Result<(), FrameError> {
    match length > FRAME_BYTES_MAX {
        true => Err(FrameError::Damaged(format!("{length} bytes are too many"))),
        false => Ok(()),
    }
}

/// The u32 that begins at this byte.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
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

    fn frame(packed: &[u8], length: u32) -> Vec<u8> {
        let lengths = [(packed.len() as u32).to_le_bytes(), length.to_le_bytes()].concat();
        [&lengths[..], &sum(&[&lengths, packed]), packed].concat()
    }

    fn damage<T: DecodeWithMemLimit + std::fmt::Debug>(mut bytes: &[u8]) -> String {
        match read::<T>(&mut bytes) {
            Err(FrameError::Damaged(reason)) => reason,
            other => panic!("not damaged: {other:?}"),
        }
    }

    #[test]
    fn values_are_read_as_written() {
        let mut bytes = Vec::new();
        let values = [vec![7u8; 100_000], Vec::new()];
        values.iter().for_each(|value| write(&mut bytes, value).unwrap());
        assert!(bytes.len() < 1000, "{} bytes", bytes.len());
        let (mut input, all) = (&bytes[..], bytes.len() as u64);
        let (first, length) = read::<Vec<u8>>(&mut input).unwrap().unwrap();
        let (second, rest) = read::<Vec<u8>>(&mut input).unwrap().unwrap();
        assert_eq!(([first, second], length + rest), (values, all));
        assert!(read::<Vec<u8>>(&mut input).unwrap().is_none());
    }

    #[test]
    fn what_is_too_long_is_not_written() {
        let error = write(&mut io::sink(), &vec![0u8; FRAME_BYTES_MAX as usize]).unwrap_err();
        assert_eq!(error.to_string(), format!("{} bytes in one frame", FRAME_BYTES_MAX + 4));
    }

    /// The sums are right: a hostile writer can do that.
    #[test]
    fn a_frame_is_held_to_its_bounds() {
        let packed = lz4_flex::block::compress(&5u64.encode());
        assert_eq!(
            damage::<u64>(&frame(&packed, FRAME_BYTES_MAX + 1)),
            "67108865 bytes are too many"
        );
        assert_eq!(damage::<u64>(&[255; 16]), "4294967295 bytes are too many");
        assert_eq!(damage::<u64>(&frame(&packed, 9)), "8 bytes, not 9");
        damage::<u64>(&frame(&packed, 7));
        damage::<u64>(&frame(b"not LZ4", 8));
        assert_eq!(damage::<u32>(&frame(&packed, 8)), "4 bytes are left over");
        damage::<u128>(&frame(&packed, 8));
        // 6 million empty lists have some kB in the file, and more than is allowed in memory.
        let mut bytes = Vec::new();
        write(&mut bytes, &vec![Vec::<u8>::new(); 6_000_000]).unwrap();
        assert!(bytes.len() < 100_000, "{} bytes", bytes.len());
        damage::<Vec<Vec<u8>>>(&bytes);
    }
}
