//! Where a node is in the trie: the nibbles on the way to it, its own partial key not among them.

/// Nibbles from the root to a node, one a byte.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Vec<u8>);

/// The last byte of an encoded address: none left over, or this and the odd nibble.
const EVEN: u8 = 0x00;
const ODD: u8 = 0x10;

impl Address {
    /// From nibbles, each below 16.
    pub fn new(nibbles: impl Into<Vec<u8>>) -> Self {
        Self(nibbles.into())
    }

    /// One a byte.
    pub fn nibbles(&self) -> &[u8] {
        &self.0
    }

    /// A hexadecimal digit for each nibble.
    pub(crate) fn hex(&self) -> String {
        self.0.iter().map(|nibble| format!("{nibble:x}")).collect()
    }

    /// Whether a key begins with it.
    pub(crate) fn is_above(&self, key: &[u8]) -> bool {
        let pairs = self.0.chunks_exact(2);
        let half = pairs.remainder().first();
        let (whole, rest) = match key.split_at_checked(self.0.len() / 2) {
            Some(parts) => parts,
            None => return false,
        };
        pairs.map(pack).eq(whole.iter().copied())
            && half.is_none_or(|half| rest.first().is_some_and(|byte| byte >> 4 == *half))
    }

    /// The bytes with which all keys below it begin, without the nibble that is left over.
    pub(crate) fn whole_bytes(&self) -> Vec<u8> {
        self.0.chunks_exact(2).map(pack).collect()
    }

    /// The address that trie-db calls a prefix: whole bytes, and perhaps the high half of one more.
    pub(crate) fn of_prefix((bytes, half): (&[u8], Option<u8>)) -> Self {
        let mut address = nibbles_of(bytes);
        address.extend(half.map(|byte| byte >> 4));
        Self(address)
    }

    /// Its bytes in a database: pairs of nibbles, then a byte that tells whether one is left over, and which. No two
    /// addresses share theirs, and the nodes below one lie together.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() / 2 + 1);
        let pairs = self.0.chunks_exact(2);
        let last = pairs.remainder().first().map_or(EVEN, |nibble| ODD | nibble);
        out.extend(pairs.map(pack));
        out.push(last);
        out
    }

    /// The least key below it.
    pub(crate) fn first_key(&self) -> Vec<u8> {
        self.0.chunks(2).map(pack).collect()
    }

    /// What `key` has beyond it, as nibbles; `None` if it is not below it.
    pub(crate) fn suffix_of(&self, key: &[u8]) -> Option<Vec<u8>> {
        let nibbles = nibbles_of(key);
        nibbles.strip_prefix(&self.0[..]).map(<[u8]>::to_vec)
    }

    /// The key that continues it by `suffix`; `None` for half a byte.
    pub(crate) fn key_with(&self, suffix: &[u8]) -> Option<Vec<u8>> {
        let nibbles = [&self.0[..], suffix].concat();
        nibbles
            .len()
            .is_multiple_of(2)
            .then(|| nibbles.chunks(2).map(pack).collect())
    }

    /// The key that ends here, if it is a whole one.
    pub(crate) fn key(&self) -> Option<Vec<u8>> {
        self.key_with(&[])
    }
}

/// One or two nibbles as a byte, a single one in its high half.
fn pack(nibbles: &[u8]) -> u8 {
    match *nibbles {
        [high, low] => (high << 4) | low,
        [high] => high << 4,
        _ => 0,
    }
}

/// The nibbles of a key, the high half of each byte first.
pub(crate) fn nibbles_of(key: &[u8]) -> Vec<u8> {
    let mut nibbles = Vec::with_capacity(key.len() * 2 + 1);
    extend_nibbles(&mut nibbles, key);
    nibbles
}

pub(crate) fn extend_nibbles(out: &mut Vec<u8>, key: &[u8]) {
    out.extend(key.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        let mut seen = std::collections::BTreeSet::new();
        let mut all = vec![vec![]];
        for length in 0..4 {
            let longer: Vec<Vec<u8>> = all.iter().filter(|nibbles| nibbles.len() == length).cloned().collect();
            all.extend(
                longer
                    .iter()
                    .flat_map(|nibbles| (0..16).map(|next| [&nibbles[..], &[next]].concat())),
            );
        }
        for nibbles in all {
            let address = Address::new(nibbles);
            assert!(seen.insert(address.encode()), "{address:?}");
            let key = address.first_key();
            assert!(
                address
                    .suffix_of(&key)
                    .is_some_and(|rest| rest.len() < 2 && rest.iter().all(|nibble| *nibble == 0))
            );
        }
        assert_eq!(Address::new([1, 2, 3]).suffix_of(&[0x12, 0x34]), Some(vec![4]));
        assert_eq!(Address::new([1, 2, 3]).suffix_of(&[0x12]), None);
        assert_eq!(Address::new([1, 2, 3]).key_with(&[4]), Some(vec![0x12, 0x34]));
        assert_eq!(Address::of_prefix((&[0x12], Some(0x30))), Address::new([1, 2, 3]));
        assert_eq!(
            (Address::new([1, 2]).key(), Address::new([1]).key()),
            (Some(vec![0x12]), None)
        );
    }
}
