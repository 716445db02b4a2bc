//! Runs runtimes: checks, compiles and calls WASM code, and is what a runtime's host functions reach.
//! The sole user of wasmtime. See `README.md` for what is part of validity and what is local.

mod artefacts;
mod check;
mod engine;
mod error;
mod executor;
mod fuel;
mod host;
mod instance;
pub mod limits;
mod metrics;
mod runtime;
mod validate;

pub use check::CheckError;
pub use error::ExecutorError;
pub use executor::{Executor, ExecutorConfig};
pub use runtime::{Runtime, Session};

/// Names of the host functions the executor links, sorted: equal to `quids_io::abi::HOST_FUNCTIONS`.
pub fn linked_host_functions() -> Vec<&'static str> {
    host::linked_names()
}
