//! Numbers about the pool, for RPC and metrics.

/// What the pool holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Transactions that can be in the next block.
    pub ready: usize,
    /// Transactions that wait for others.
    pub future: usize,
    /// Bytes of all of them.
    pub bytes: usize,
    /// Bytes of those that wait for others.
    pub future_bytes: usize,
    /// Kept local transactions among them.
    pub local: usize,
    /// Hashes that are refused because they turned invalid.
    pub banned: usize,
}

/// What the pool has done since it was made. Each number only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Taken in.
    pub submitted: u64,
    /// Left into a block.
    pub included: u64,
    /// Left for another with the same tag.
    pub replaced: u64,
    /// Left because the pool was full, or by an operator's order, or with tags that it does not hold.
    pub dropped: u64,
    /// Left because the runtime no longer finds them valid.
    pub invalid: u64,
    /// Left because their time was over.
    pub expired: u64,
    /// Refused because they were banned.
    pub banned: u64,
    /// Verdicts renewed.
    pub renewed: u64,
}
