//! The first bytes of a node: its kind in the top three bits, its number of partial-key nibbles in
//! the rest, continued in further bytes when it does not fit. One encoding per header.

use alloc::vec::Vec;

/// Nibble counts from here on spill into count bytes.
const COUNT_SPILL: usize = 31;
const COUNT_MASK: u8 = 0b0001_1111;
const KIND_SHIFT: u32 = 5;

/// What a node is and how it holds its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Leaf,
    LeafHashed,
    Branch,
    BranchValue,
    BranchHashed,
}

impl Kind {
    const fn bits(self) -> u8 {
        match self {
            Kind::Leaf => 1,
            Kind::LeafHashed => 2,
            Kind::Branch => 3,
            Kind::BranchValue => 4,
            Kind::BranchHashed => 5,
        }
    }

    /// The kind in a header byte; `None` for the reserved ones (0, 6, 7).
    pub(crate) const fn from_header(byte: u8) -> Option<Kind> {
        match byte >> KIND_SHIFT {
            1 => Some(Kind::Leaf),
            2 => Some(Kind::LeafHashed),
            3 => Some(Kind::Branch),
            4 => Some(Kind::BranchValue),
            5 => Some(Kind::BranchHashed),
            _ => None,
        }
    }

    /// Appends the header of a node of this kind with `nibbles` partial-key nibbles.
    pub(crate) fn write_header(self, nibbles: usize, out: &mut Vec<u8>) {
        let kind = self.bits() << KIND_SHIFT;
        let Some(mut spill) = nibbles.checked_sub(COUNT_SPILL) else {
            // Below 31, so the cast keeps it.
            out.push(kind | (nibbles as u8 & COUNT_MASK));
            return;
        };
        out.push(kind | COUNT_MASK);
        while let Some(rest) = spill.checked_sub(0xff) {
            out.push(0xff);
            spill = rest;
        }
        out.push(spill as u8);
    }
}

/// The nibble count that starts in header byte `first` and continues in `next()`; `None` when the
/// bytes run out or the count does not fit.
pub(crate) fn read_count(first: u8, mut next: impl FnMut() -> Option<u8>) -> Option<usize> {
    let mut count = usize::from(first & COUNT_MASK);
    if count < COUNT_SPILL {
        return Some(count);
    }
    loop {
        let byte = next()?;
        count = count.checked_add(usize::from(byte))?;
        if byte != 0xff {
            return Some(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(nibbles: usize, bytes: &[u8]) {
        let mut out = Vec::new();
        Kind::Leaf.write_header(nibbles, &mut out);
        assert_eq!(out, bytes, "{nibbles} nibbles");
        let mut rest = bytes[1..].iter().copied();
        assert_eq!(Kind::from_header(bytes[0]), Some(Kind::Leaf));
        assert_eq!(read_count(bytes[0], || rest.next()), Some(nibbles));
        assert_eq!(rest.next(), None);
    }

    #[test]
    fn counts_spill_after_thirty() {
        check(0, &[0x20]);
        check(1, &[0x21]);
        check(30, &[0x3e]);
        check(31, &[0x3f, 0]);
        check(32, &[0x3f, 1]);
        check(31 + 254, &[0x3f, 254]);
        check(31 + 255, &[0x3f, 255, 0]);
        check(31 + 255 * 3 + 7, &[0x3f, 255, 255, 255, 7]);
    }

    #[test]
    fn an_unfinished_count_is_refused() {
        assert_eq!(read_count(0x3f, || None), None);
        let mut bytes = [0xff, 0xff].into_iter();
        assert_eq!(read_count(0x3f, || bytes.next()), None);
    }
}
