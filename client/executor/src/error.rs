//! What can go wrong, told apart by whose fault it is: the code's, the call's, or this node's.

use crate::limits::REASON_SIZE_MAX;
use quids_io::ExtError;

/// An error of the executor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    #[error("runtime code has {size} bytes, more than {max}")]
    TooLarge { size: usize, max: usize },
    #[error("runtime code is not valid webassembly: {0}")]
    Invalid(String),
    #[error("runtime code has {0}, which a runtime may not have")]
    Forbidden(&'static str),
    #[error("runtime imports {module}.{name}, which is no host function")]
    UnknownImport { module: String, name: String },
    #[error("runtime imports {name}, of level {level}, and the chain allows host functions up to level {allowed}")]
    NotAllowedYet { name: String, level: u32, allowed: u32 },
    #[error("{name} has the type {found}, not {expected}")]
    SignatureMismatch {
        name: String,
        expected: String,
        found: String,
    },
    #[error("runtime does not export {0}")]
    MissingExport(String),
    #[error("runtime declares {pages} pages of memory, more than {max}")]
    MemoryTooLarge { pages: u64, max: u32 },
    #[error("runtime declares a table of {elements} elements, more than {max}")]
    TableTooLarge { elements: u64, max: u32 },
    #[error("runtime code does not compile: {0}")]
    Compile(String),
    #[error("runtime was built for abi version {found}, this node has {supported}")]
    AbiVersion { found: u32, supported: u32 },
    #[error("output of {api} does not decode: {reason}")]
    Undecodable { api: &'static str, reason: String },

    #[error("output has {length} bytes, more than {max}")]
    OutputTooLarge { length: usize, max: usize },

    /// Of a trial run.
    #[error("no block can be made: {0}")]
    NoBlock(String),

    #[error("runtime has no api {0}")]
    UnknownApi(String),
    #[error("runtime panicked: {message}")]
    Panic { message: String },
    #[error("runtime trapped: {reason}")]
    Trap { reason: String },
    #[error("runtime exhausted the stack")]
    StackOverflow,
    #[error("runtime used more than {limit} units of fuel")]
    OutOfFuel { limit: u64 },
    /// In a trial run, or a guarded call.
    #[error("runtime {does} more than {max} bytes of state")]
    TooMuchState { does: &'static str, max: u64 },
    #[error("host call failed: {0}")]
    Host(ExtError),
    #[error("{length} bytes at {pointer} are outside the runtime's memory of {memory} bytes")]
    Pointer { pointer: u32, length: u32, memory: usize },
    #[error("output of {length} bytes at {pointer} is outside the runtime's memory of {memory} bytes")]
    Output { pointer: u32, length: u32, memory: usize },
    #[error("input of {0} bytes does not fit into a runtime's memory")]
    InputTooLarge(usize),
    #[error("runtime left {0} storage transactions open")]
    OpenTransactions(usize),

    #[error("runtime did not finish before its deadline")]
    Deadline,
    #[error("this node is older than its chain: {0}")]
    Outdated(String),
    #[error("all {limit} instances are in use")]
    Exhausted { limit: u32 },
    #[error("this machine could not provide the memory: {0}")]
    OutOfMemory(String),
    #[error("wasm engine: {0}")]
    Engine(String),
}

impl ExecutorError {
    /// Whether this says something about this node and nothing about the code or the block: another node, or this
    /// one later, may see another outcome. A block must never be held invalid because of a local error.
    pub fn is_local(&self) -> bool {
        matches!(
            self,
            Self::Deadline
                | Self::Outdated(_)
                | Self::Compile(_)
                | Self::Exhausted { .. }
                | Self::OutOfMemory(_)
                | Self::Engine(_)
                | Self::Host(ExtError::Backend(_))
        )
    }

    /// Whether this is what every node of this version sees of the block that was executed. What is neither local nor that is of the
    /// code or of what the node expects of it, or hangs on its machine as the height of the stack does: the block cannot be taken,
    /// and nobody is accused of it.
    pub fn is_verdict(&self) -> bool {
        match self {
            Self::Panic { .. } | Self::Trap { .. } | Self::Pointer { .. } | Self::Output { .. } => true,
            Self::OpenTransactions(_) | Self::InputTooLarge(_) => true,
            Self::Host(error) => !matches!(error, ExtError::Backend(_) | ExtError::Unavailable(_)),
            _ => false,
        }
    }

    /// Of loading the code that a chain runs: what this node cannot run there, a later version of it can, or the chain had not taken
    /// it.
    #[must_use]
    pub fn of_chains_code(self) -> Self {
        match self {
            Self::UnknownImport { .. } | Self::AbiVersion { .. } => Self::Outdated(self.to_string()),
            other => other,
        }
    }

    /// The reason as `ext_runtime_check_v1` and its successor tell it to a runtime: the same on every node, so without the words of
    /// the libraries beneath, and at most `REASON_SIZE_MAX` bytes.
    pub(crate) fn stable_reason(&self) -> String {
        let mut reason = match self {
            Self::Invalid(_) => "runtime code is not valid webassembly".into(),
            Self::Undecodable { api, .. } => format!("output of {api} does not decode"),
            Self::Trap { .. } => "runtime trapped".into(),
            other => other.to_string(),
        };
        truncate(&mut reason, REASON_SIZE_MAX);
        reason
    }
}

/// Shortens `text` to at most `max` bytes, on a character boundary.
fn truncate(text: &mut String, max: usize) {
    if text.len() > max {
        let end = (0..=max).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stable_reason_is_bounded_and_cut_between_characters() {
        let reason = ExecutorError::Panic {
            message: "ä".repeat(500),
        }
        .stable_reason();
        assert!(reason.len() <= REASON_SIZE_MAX && reason.len() > REASON_SIZE_MAX - 4);
        assert_eq!(
            ExecutorError::Invalid("at offset 3".into()).stable_reason(),
            "runtime code is not valid webassembly"
        );
    }
}
