//! How much the pool holds.

/// The pool's bounds. What happens at each: see the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Transactions in the pool.
    pub max_count: usize,
    /// Their bytes together.
    pub max_bytes: usize,
    /// Bytes of one transaction.
    pub max_per_transaction_bytes: usize,
}

impl Limits {
    /// Tags a transaction may require, and tags it may provide.
    pub const TAGS_MAX: usize = 32;
    /// Bytes of one tag.
    pub const TAG_BYTES_MAX: usize = 256;
    /// Verdicts renewed per block beyond those that the block touches, the oldest first.
    pub const RENEWED_PER_BLOCK_MAX: usize = 128;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_count: 8192,
            max_bytes: 64 << 20,
            max_per_transaction_bytes: 4 << 20,
        }
    }
}
