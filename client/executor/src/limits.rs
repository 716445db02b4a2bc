//! Every limit of the executor. Those of the first group decide whether code or a block is valid and change only
//! with the ABI version; those of the second are this node's own and never decide validity.

/// Bytes of native stack that a runtime's frames may use. The check's engine has the same.
///
/// A call may nest a trial run, so a calling thread needs twice this and 512 KiB for host functions: 2 MiB do.
pub const STACK_SIZE_MAX: usize = 512 * 1024;

/// The most elements of a runtime's one table (functions that are called indirectly).
pub const TABLE_ELEMENTS_MAX: u32 = 65_536;

/// Globals of a runtime. Part of validity: far below where the engine would refuse an instance.
pub const GLOBALS_MAX: u32 = 1024;

/// Fuel of each call of a trial run: about one unit an instruction, so in the order of a second.
pub const CHECK_FUEL_MAX: u64 = 1_000_000_000;

/// Bytes of proof that a trial run of `ext_runtime_check_v2`, or a guarded call of code that imports it, may stand for: it has to fit into a block's 16 MiB with all else.
pub const SHOWN_MAX: u64 = 12 << 20;

/// What a key stands for in a proof, besides itself: the nodes on the way to it, in a state of millions of entries.
pub const KEY_SHOWN: u64 = 1024;

/// What a value stands for at most: proofs hold longer ones by their hash.
pub const VALUE_SHOWN_MAX: u64 = 4096;

/// Bytes that such a run or call may write, values that it overwrites later included.
pub const WRITTEN_MAX: u64 = 64 << 20;

/// Bytes of the reason that `ext_runtime_check_v1` answers with.
pub const REASON_SIZE_MAX: usize = 256;

/// Bytes kept of a panic message.
pub const PANIC_SIZE_MAX: usize = 4096;

/// Bytes kept of a log line.
pub const LOG_SIZE_MAX: usize = 65_536;

/// Instances of the main engine that can exist at once, sessions included; idle ones give way. One more is
/// `ExecutorError::Exhausted`.
pub const INSTANCES_MAX: u32 = 64;

/// Instances kept between calls, of all runtimes together.
pub const IDLE_INSTANCES_MAX: usize = 8;

/// Bytes of memory of such an instance; one that grew beyond is given up.
pub const IDLE_MEMORY_MAX: usize = 16 << 20;

/// Instances of the check's engine that can exist at once: more than there are calls for others (traces, dry runs), so that what
/// decides blocks finds one.
pub const CHECK_INSTANCES_MAX: u32 = 32;

/// Codes that are kept compiled for trial runs and guarded calls.
pub const CHECKED_MAX: usize = 2;

/// Runtimes remembered in memory.
pub const RUNTIMES_MAX: usize = 4;

/// Artefacts kept in the cache directory; the oldest go first.
pub const ARTEFACTS_MAX: usize = 16;

/// Resolution of deadlines.
pub const TICK: std::time::Duration = std::time::Duration::from_millis(5);

/// The most that one host call may cost in `Runtime::call_within`, in the units of fuel, about nanoseconds: no deadline ends
/// a host call.
pub const BRIEF_UNITS_MAX: u64 = 1_000_000;

/// How long the calls may take that `load` makes to learn a runtime's versions.
pub const LOAD_DEADLINE: std::time::Duration = std::time::Duration::from_secs(10);
