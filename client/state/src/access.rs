//! What an execution read and wrote, for whoever schedules or proves it. Off unless asked for.

use std::{collections::BTreeSet, ops::Bound};

/// A stretch of keys whose presence or absence was observed.
pub type KeyRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Keys touched since recording began. Undone writes stay listed: they were tried, and what was read for them counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLog {
    /// Keys whose value or absence below this overlay was seen, also through a merge that was read afterwards.
    pub reads: BTreeSet<Vec<u8>>,
    /// Stretches seen by `next_key` and `clear_prefix`.
    pub ranges: Vec<KeyRange>,
    /// Keys that were set or cleared.
    pub writes: BTreeSet<Vec<u8>>,
    /// Keys that were appended or added to, which commutes with other appends and adds.
    pub merges: BTreeSet<Vec<u8>>,
    /// True if the root was asked for: a read of everything.
    pub root: bool,
}
