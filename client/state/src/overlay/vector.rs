//! A SCALE vector that grows in place and shrinks back: appending costs the item, undoing an append costs nothing.

use codec::{Compact, Decode, Encode};

/// Bytes of the longest length prefix of a `Vec`: the buffer keeps that much room before the items, so that a
/// prefix that grows or shrinks never moves them.
const PREFIX_ROOM: usize = 5;

/// Layout of `buffer`: unused room, prefix (from `start` on), items (from `PREFIX_ROOM` on).
#[derive(Debug)]
pub(super) struct Vector {
    count: u32,
    start: usize,
    buffer: Vec<u8>,
}

/// How long a vector was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    count: u32,
    bytes: usize,
}

impl Vector {
    /// `encoded` with room to grow; `None` if it does not start with a length.
    pub(super) fn parse(encoded: &[u8]) -> Option<Self> {
        let mut items = encoded;
        let count = Compact::<u32>::decode(&mut items).ok()?.0;
        let mut buffer = Vec::with_capacity(PREFIX_ROOM.saturating_add(items.len().saturating_mul(2)));
        buffer.resize(PREFIX_ROOM, 0);
        buffer.extend_from_slice(items);
        let mut vector = Self {
            count,
            start: PREFIX_ROOM,
            buffer,
        };
        vector.write_prefix();
        Some(vector)
    }

    fn write_prefix(&mut self) {
        Compact(self.count).using_encoded(|prefix| {
            self.start = PREFIX_ROOM.saturating_sub(prefix.len());
            if let Some(place) = self.buffer.get_mut(self.start..PREFIX_ROOM) {
                place.copy_from_slice(prefix);
            }
        });
    }

    /// The encoding: length and items.
    pub(super) fn encoded(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    pub(super) fn length(&self) -> Length {
        Length {
            count: self.count,
            bytes: self.buffer.len(),
        }
    }

    /// False, and nothing done, if the vector is full.
    #[must_use]
    pub(super) fn push(&mut self, item: &[u8]) -> bool {
        let Some(count) = self.count.checked_add(1) else {
            return false;
        };
        self.count = count;
        self.write_prefix();
        self.buffer.extend_from_slice(item);
        true
    }

    /// Takes off what was appended since `length` was taken.
    pub(super) fn truncate(&mut self, length: Length) {
        self.count = length.count;
        self.buffer.truncate(length.bytes);
        self.write_prefix();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Over every change of the prefix's size that a test can afford.
    #[test]
    fn grows_and_shrinks_like_a_vec() {
        let mut vector = Vector::parse(&Vec::<u16>::new().encode()).unwrap();
        let mut model = Vec::<u16>::new();
        let mut lengths = Vec::new();
        for item in 0..16500u16 {
            lengths.push(vector.length());
            assert!(vector.push(&item.encode()));
            model.push(item);
            if !(70..=16380).contains(&item) {
                assert_eq!(vector.encoded(), model.encode());
            }
        }
        for (count, length) in lengths.into_iter().enumerate().rev() {
            vector.truncate(length);
            if !(70..=16380).contains(&count) {
                assert_eq!(vector.encoded(), model[..count].encode());
            }
        }
    }

    #[test]
    fn bytes_without_a_length_are_refused() {
        assert!(Vector::parse(&[]).is_none());
        assert!(Vector::parse(&[1]).is_none());
        assert!(Vector::parse(&[0]).is_some());
    }
}
