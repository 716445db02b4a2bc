//! The column families and how each is set up.

use rocksdb::{BlockBasedOptions, Cache, DBCompressionType, Options as RocksOptions};

/// Version of the layout in this folder's README. A node refuses a database of another one, but for those from
/// [`OLDEST_FORMAT`] on.
pub const FORMAT_VERSION: u32 = 5;
/// The least version that becomes one of [`FORMAT_VERSION`] when it is opened: what it has is read as it is.
pub(crate) const OLDEST_FORMAT: u32 = 3;

const MIB: usize = 1024 * 1024;
/// Bloom filter bits per key: about 1 % of absent keys cost a read.
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// How much of a write buffer is a filter of the keys in it.
const MEMTABLE_BLOOM_RATIO: f64 = 0.05;

/// RocksDB's own.
const ZSTD_WINDOW_BITS: i32 = -14;
/// ZSTD's level of files that come to rest.
const LEVEL_AT_REST: i32 = 3;
/// Of files that are made beside the database.
const LEVEL_TAKEN_IN: i32 = -2;
/// Each file that comes to rest has a dictionary of at most this size, made of what is in it (ADR 13).
const DICTIONARY_BYTES: i32 = 16 * 1024;
/// Of how much of the file. ZSTD advises a hundred times the dictionary.
const TRAINED_ON_BYTES: i32 = 100 * DICTIONARY_BYTES;

/// A file is held in memory, at the cost of the block cache, until its dictionary is made.
const TRAINED_FILE_BYTES: u64 = 16 * MIB as u64;

/// When files of a column are compressed, with ZSTD.
#[derive(Clone, Copy)]
enum Compression {
    Never,
    /// On the last level alone.
    AtRest,
    Always,
}

/// One concern each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Column {
    /// Format version, genesis, the last block.
    Meta,
    /// Block hash to header.
    Headers,
    /// Height to block hash.
    Numbers,
    /// Block hash to extrinsics.
    Bodies,
    /// Block hash to the proof that it is final.
    Justifications,
    /// Height and place to what consensus has to remember.
    Journal,
    /// Key to value, of the latest state.
    State,
    /// Address to branch, of the latest state's trie.
    Branches,
    /// Height to what that block replaced.
    Diffs,
    /// Key or address, and height: that block changed it.
    Changes,
    /// What others of the client keep, by their own keys.
    Extras,
    /// Block hash to what the block did in the EVM, without logs.
    EvmBlocks,
    /// Hash of an EVM transaction to the blocks that have it.
    EvmTransactions,
    /// Height, block and place of an EVM transaction to its logs.
    EvmLogs,
    /// Address or topic, height and block to places of transactions.
    EvmPostings,
}

impl Column {
    pub const ALL: [Column; 15] = [
        Column::Meta,
        Column::Headers,
        Column::Numbers,
        Column::Bodies,
        Column::Justifications,
        Column::Journal,
        Column::State,
        Column::Branches,
        Column::Diffs,
        Column::Changes,
        Column::Extras,
        Column::EvmBlocks,
        Column::EvmTransactions,
        Column::EvmLogs,
        Column::EvmPostings,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Headers => "headers",
            Self::Numbers => "numbers",
            Self::Bodies => "bodies",
            Self::Justifications => "justifications",
            Self::Journal => "journal",
            Self::State => "state",
            Self::Branches => "branches",
            Self::Diffs => "diffs",
            Self::Changes => "changes",
            Self::Extras => "extras",
            Self::EvmBlocks => "evm_blocks",
            Self::EvmTransactions => "evm_transactions",
            Self::EvmLogs => "evm_logs",
            Self::EvmPostings => "evm_postings",
        }
    }

    /// Size of the write buffer; all of them together stay under `database::WRITE_BUFFERS_BYTES`.
    const fn write_buffer_bytes(self) -> usize {
        match self {
            Self::State | Self::Diffs | Self::Bodies => 8 * MIB,
            Self::Branches | Self::Changes => 6 * MIB,
            Self::EvmBlocks | Self::EvmTransactions | Self::EvmLogs | Self::EvmPostings => 4 * MIB,
            Self::Meta | Self::Headers | Self::Numbers | Self::Extras => 2 * MIB,
            Self::Justifications | Self::Journal => 2 * MIB,
        }
    }

    /// Bodies, what they did and what they replaced compress at once; what is read often, only where it comes to rest.
    /// Branches are hashes, and justifications signatures: they do not.
    const fn compression(self) -> Compression {
        match self {
            Self::Bodies | Self::Diffs | Self::EvmBlocks | Self::EvmLogs => Compression::Always,
            Self::State | Self::Changes | Self::Extras | Self::EvmPostings => Compression::AtRest,
            Self::Meta
            | Self::Headers
            | Self::Numbers
            | Self::Justifications
            | Self::Journal
            | Self::Branches
            | Self::EvmTransactions => Compression::Never,
        }
    }

    /// Whether files of this column are ever compressed.
    pub(crate) const fn is_compressed(self) -> bool {
        !matches!(self.compression(), Compression::Never)
    }

    /// Whether new files of this column are compressed, so that [`crate::effort`] counts for them.
    pub(crate) const fn is_compressed_at_once(self) -> bool {
        matches!(self.compression(), Compression::Always)
    }

    fn set_compression(self, options: &mut RocksOptions) {
        let compression = self.compression();
        options.set_compression_type(match compression {
            Compression::Always => DBCompressionType::Zstd,
            Compression::AtRest | Compression::Never => DBCompressionType::None,
        });
        if let Compression::Always | Compression::AtRest = compression {
            options.set_bottommost_compression_type(DBCompressionType::Zstd);
            options.set_bottommost_compression_options(ZSTD_WINDOW_BITS, LEVEL_AT_REST, 0, DICTIONARY_BYTES, true);
            options.set_bottommost_zstd_max_train_bytes(TRAINED_ON_BYTES, true);
            options.set_target_file_size_base(TRAINED_FILE_BYTES);
        }
    }

    /// Of a database that is open.
    pub(crate) fn live_options(self, cache: &Cache, enable_compression: bool) -> RocksOptions {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(cache);
        self.options(blocks, enable_compression)
    }

    /// How its files are written that are made beside the database, to be taken in as they are: in a hurry, and without
    /// dictionaries, until they are compacted.
    pub(crate) fn file_options(self, enable_compression: bool) -> RocksOptions {
        let mut options = self.options(BlockBasedOptions::default(), enable_compression);
        if enable_compression && self.is_compressed() {
            options.set_bottommost_compression_options(ZSTD_WINDOW_BITS, LEVEL_TAKEN_IN, 0, 0, true);
            options.set_bottommost_zstd_max_train_bytes(0, true);
        }
        options
    }

    fn options(self, mut blocks: BlockBasedOptions, enable_compression: bool) -> RocksOptions {
        blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
        // Indices and filters count against the cache, so the memory of the node has a bound.
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        blocks.set_block_size(if matches!(self, Self::Bodies | Self::Diffs) {
            64 * 1024
        } else {
            8 * 1024
        });
        let mut options = RocksOptions::default();
        options.set_block_based_table_factory(&blocks);
        options.set_write_buffer_size(self.write_buffer_bytes());
        // Most reads are of keys that were not written lately.
        options.set_memtable_prefix_bloom_ratio(MEMTABLE_BLOOM_RATIO);
        options.set_memtable_whole_key_filtering(true);
        options.set_level_compaction_dynamic_level_bytes(true);
        if enable_compression {
            self.set_compression(&mut options);
        } else {
            options.set_compression_type(DBCompressionType::None);
        }
        options
    }
}
