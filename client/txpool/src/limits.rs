//! How much the pool holds.

/// The pool's bounds. What happens at each: see the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Transactions in the pool.
    pub max_count: usize,
    /// Their bytes together.
    pub max_bytes: usize,
    /// Those among them that may wait for others.
    pub max_future_count: usize,
    /// Bytes of those together.
    pub max_future_bytes: usize,
    /// Transactions of one account. At most half of them may wait for others, so that whoever closes a gap in the
    /// nonces finds room.
    pub max_per_account_count: usize,
    /// Bytes of one account's transactions together.
    pub max_per_account_bytes: usize,
    /// Bytes of one transaction.
    pub max_per_transaction_bytes: usize,
    /// Local transactions that are kept when others have to go.
    pub max_local_count: usize,
    /// Their bytes together.
    pub max_local_bytes: usize,
    /// Blocks for which a transaction that turned invalid is refused.
    pub ban_blocks: u32,
}

impl Limits {
    /// Tags a transaction may require, and tags it may provide.
    pub const TAGS_MAX: usize = 32;
    /// Bytes of one tag.
    pub const TAG_BYTES_MAX: usize = 256;
    /// Verdicts renewed per block beyond those that must be, the oldest first.
    pub const RENEWED_PER_BLOCK_MAX: usize = 128;
    /// Transactions that one block takes out because their verdict ended and was not renewed.
    pub const EXPIRED_PER_BLOCK_MAX: usize = 4096;
    /// Blocks after a verdict's end in which it may still be renewed.
    pub const EXPIRY_GRACE_BLOCKS: u32 = 16;
    /// Hashes refused at once because they turned invalid; the ban that ends first makes room.
    pub const BANS_MAX: usize = 16_384;

    /// How many of one account's transactions may wait for others.
    pub const fn max_per_account_future_count(&self) -> usize {
        self.max_per_account_count.div_ceil(2)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_count: 131_072,
            max_bytes: 512 << 20,
            max_future_count: 32_768,
            max_future_bytes: 128 << 20,
            max_per_account_count: 512,
            max_per_account_bytes: 16 << 20,
            max_per_transaction_bytes: 4 << 20,
            max_local_count: 4096,
            max_local_bytes: 64 << 20,
            ban_blocks: 16,
        }
    }
}
