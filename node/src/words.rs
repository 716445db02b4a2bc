//! Options that are a number or a word, on the command line and in a file.

use crate::hardware;
use serde::{Deserialize, Serialize};

/// The fewest states that stay readable: who asks for the latest may still be answered when the next one is there.
const STATES_KEPT_MIN: u32 = 16;
/// Of what is available, the node's caches may have a quarter; `--cache` counts half of them.
const AVAILABLE_PER_CACHE: u64 = 8;
const AUTO_MIB_MIN: u64 = 64;
const AUTO_MIB_MAX: u64 = 8192;
const CACHE_MIB_MAX: u32 = 1 << 20;

/// As a file says it: with quotes or without.
#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Number(u32),
    Text(String),
}

impl Word {
    fn text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// Which states stay readable: `archive`, all; or a number, those of so many blocks before the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Word")]
pub enum StatePruning {
    Archive,
    Blocks(u32),
}

impl StatePruning {
    /// `None`: all.
    pub fn kept(self) -> Option<u32> {
        match self {
            Self::Archive => None,
            Self::Blocks(blocks) => Some(blocks),
        }
    }
}

impl std::str::FromStr for StatePruning {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "archive" => Ok(Self::Archive),
            number => match number.parse() {
                Ok(blocks @ STATES_KEPT_MIN..) => Ok(Self::Blocks(blocks)),
                _ => Err(format!(
                    "{text:?} is neither \"archive\" nor a number of blocks from {STATES_KEPT_MIN} on"
                )),
            },
        }
    }
}

impl TryFrom<Word> for StatePruning {
    type Error = String;

    fn try_from(word: Word) -> Result<Self, String> {
        word.text().parse()
    }
}

impl From<StatePruning> for String {
    fn from(pruning: StatePruning) -> Self {
        match pruning {
            StatePruning::Archive => "archive".into(),
            StatePruning::Blocks(blocks) => blocks.to_string(),
        }
    }
}

/// Memory for the database's cache, in MiB: a number, or `auto`, from what is available when the node starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Word")]
pub enum CacheSize {
    Auto,
    Mib(u32),
}

impl CacheSize {
    /// In MiB. Where the system does not tell what is available, `auto` is the least.
    pub fn mib(self) -> u32 {
        match self {
            Self::Mib(mib) => mib,
            Self::Auto => of_available(hardware::available_bytes().unwrap_or(0)),
        }
    }
}

fn of_available(bytes: u64) -> u32 {
    let mib = (bytes >> 20) / AVAILABLE_PER_CACHE;
    mib.clamp(AUTO_MIB_MIN, AUTO_MIB_MAX) as u32
}

impl std::str::FromStr for CacheSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            number => match number.parse() {
                Ok(mib @ 1..=CACHE_MIB_MAX) => Ok(Self::Mib(mib)),
                _ => Err(format!(
                    "{text:?} is neither \"auto\" nor a number of MiB from 1 to {CACHE_MIB_MAX}"
                )),
            },
        }
    }
}

impl TryFrom<Word> for CacheSize {
    type Error = String;

    fn try_from(word: Word) -> Result<Self, String> {
        word.text().parse()
    }
}

impl From<CacheSize> for String {
    fn from(size: CacheSize) -> Self {
        match size {
            CacheSize::Auto => "auto".into(),
            CacheSize::Mib(mib) => mib.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_grow_with_the_memory_within_bounds() {
        for (available_mib, expected) in [(0, 64), (300, 64), (4096, 512), (24 << 10, 3072), (1 << 20, 8192)] {
            assert_eq!(of_available(available_mib << 20), expected, "{available_mib} MiB");
        }
        assert!((64..=8192).contains(&CacheSize::Auto.mib()));
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for (text, expected) in [
            ("auto", Some(CacheSize::Auto)),
            ("7", Some(CacheSize::Mib(7))),
            ("0", None),
            ("much", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
        assert_eq!("16".parse(), Ok(StatePruning::Blocks(16)));
        assert!("15".parse::<StatePruning>().is_err());
    }
}
