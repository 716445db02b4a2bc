//! As much of Solidity's ABI as `IQuantumSafe` needs. Arguments are slices of the call's input, so nothing in it makes
//! anything be allocated.

use alloc::vec::Vec;
use revm::primitives::{Address, B256, U256};

/// The arguments of a call, after the selector.
#[derive(Clone, Copy)]
pub struct Arguments<'a>(&'a [u8]);

impl<'a> Arguments<'a> {
    /// Selector and arguments; `None` if not even the selector is whole.
    pub fn split(input: &'a [u8]) -> Option<([u8; 4], Self)> {
        let (selector, arguments) = input.split_first_chunk()?;
        Some((*selector, Self(arguments)))
    }

    /// What has no selector before it, as a log's data.
    pub const fn whole(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// The word at `index` of the head.
    pub fn word(&self, index: usize) -> Option<B256> {
        self.word_at(index.checked_mul(32)?)
    }

    /// An `address`; `None` with anything in the upper twelve bytes.
    pub fn address(&self, index: usize) -> Option<Address> {
        let word = self.word(index)?;
        let (upper, address) = word.split_first_chunk::<12>()?;
        (*upper == [0; 12]).then(|| Address::from_slice(address))
    }

    /// A `bytes`, whose place the head names.
    pub fn bytes(&self, index: usize) -> Option<&'a [u8]> {
        let start = length(self.word(index)?)?;
        let length = length(self.word_at(start)?)?;
        self.0.get(start.checked_add(32)?..)?.get(..length)
    }

    fn word_at(&self, start: usize) -> Option<B256> {
        let word = self.0.get(start..)?.first_chunk::<32>()?;
        Some(B256::new(*word))
    }
}

fn length(word: B256) -> Option<usize> {
    usize::try_from(U256::from_be_bytes(word.0)).ok()
}

/// A number as a word.
pub fn word(number: usize) -> [u8; 32] {
    U256::from(number).to_be_bytes()
}

/// As [`word`].
pub fn number(number: u64) -> [u8; 32] {
    U256::from(number).to_be_bytes()
}

/// A `bytes` in the tail: its length and content, padded.
pub fn tail(bytes: &[u8]) -> Vec<u8> {
    let mut out = word(bytes.len()).to_vec();
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(32), 0);
    out
}

/// `Error(string)`, as `require` reverts.
pub fn error(reason: &str) -> Vec<u8> {
    [&[0x08, 0xc3, 0x79, 0xa0][..], &word(32), &tail(reason.as_bytes())].concat()
}
