//! How the keys of the index are put together. Heights are big-endian, so that keys ascend with them.

use crate::{columns::Column, error::DbError};
use codec::{Compact, DecodeAll, Encode};
use quids_core::{H160, H256, Hash, Height};

/// Topics of a log at most.
pub const TOPICS_MAX: u8 = 4;
/// Bytes of a block's hash in the key of a posting: they tell blocks of one height apart.
const MARKER_LEN: usize = 8;
/// Bytes of a posting's key after its subject.
const POSTING_END_LEN: usize = 4 + MARKER_LEN;

/// The beginning of a block's hash.
pub type Marker = [u8; MARKER_LEN];

pub fn marker(hash: &Hash) -> Marker {
    let mut marker = [0; MARKER_LEN];
    for (to, from) in marker.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    marker
}

/// What a posting is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    Address(H160),
    /// At this place among a log's topics, from 0.
    Topic(u8, H256),
}

impl Subject {
    /// What the keys of all its postings begin with; no other subject's do.
    pub fn prefix(&self) -> Vec<u8> {
        match self {
            Self::Address(address) => [&[0], address.as_bytes()].concat(),
            Self::Topic(position, topic) => [&[1 + position], topic.as_bytes()].concat(),
        }
    }

    /// The key of its posting of a block.
    pub fn posting(&self, height: Height, block: &Hash) -> Vec<u8> {
        [&self.prefix()[..], &height.0.to_be_bytes(), &marker(block)].concat()
    }
}

/// Height and block of a posting.
pub fn posting_end(key: &[u8]) -> Option<(u32, Marker)> {
    let end: &[u8; POSTING_END_LEN] = key.last_chunk()?;
    let (height, marker) = end.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*height), marker.try_into().ok()?))
}

/// The value of a posting: ascending places of transactions.
pub fn encode_places(places: &[u32]) -> Vec<u8> {
    let places: Vec<Compact<u32>> = places.iter().copied().map(Compact).collect();
    places.encode()
}

pub fn decode_places(key: &[u8], mut value: &[u8]) -> Result<Vec<u32>, DbError> {
    let places = Vec::<Compact<u32>>::decode_all(&mut value)
        .map_err(|error| DbError::damaged(Column::EvmPostings, key, error.to_string()))?;
    Ok(places.into_iter().map(|Compact(place)| place).collect())
}

/// Where the logs of a transaction lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogKey {
    pub height: Height,
    pub block: Hash,
    /// Of the transaction among the block's EVM transactions.
    pub place: u32,
}

impl LogKey {
    pub fn bytes(&self) -> Vec<u8> {
        [
            &self.height.0.to_be_bytes()[..],
            self.block.as_bytes(),
            &self.place.to_be_bytes(),
        ]
        .concat()
    }

    pub fn parse(key: &[u8]) -> Option<Self> {
        let (height, rest) = key.split_first_chunk::<4>()?;
        let (block, place) = rest.split_first_chunk::<32>()?;
        Some(Self {
            height: Height(u32::from_be_bytes(*height)),
            block: Hash::from(*block),
            place: u32::from_be_bytes(place.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_ascend_with_height_and_read_back() {
        let block = Hash::repeat_byte(7);
        let subject = Subject::Topic(2, H256::repeat_byte(1));
        let keys: Vec<_> = [0, 1, 255, 256, u32::MAX]
            .map(|height| subject.posting(Height(height), &block))
            .into();
        assert!(keys.is_sorted());
        assert_eq!(posting_end(&keys[3]), Some((256, [7; 8])));
        let key = LogKey {
            height: Height(300),
            block,
            place: 9,
        };
        assert_eq!(LogKey::parse(&key.bytes()), Some(key));
        for cut in 0..key.bytes().len() {
            assert_eq!(LogKey::parse(&key.bytes()[..cut]), None);
        }
        assert_eq!(
            decode_places(&[], &encode_places(&[0, 5, 70_000])),
            Ok(vec![0, 5, 70_000])
        );
        assert!(decode_places(&[], &[4, 0, 0]).is_err());
    }

    /// The prefix of no subject is the beginning of another's.
    #[test]
    fn subjects_do_not_meet() {
        let subjects: Vec<_> = (0..TOPICS_MAX)
            .map(|position| Subject::Topic(position, H256::zero()))
            .chain([Subject::Address(H160::zero())])
            .map(|subject| subject.prefix())
            .collect();
        for (index, a) in subjects.iter().enumerate() {
            assert!(
                subjects[index + 1..]
                    .iter()
                    .all(|b| !a.starts_with(b) && !b.starts_with(a))
            );
        }
    }
}
