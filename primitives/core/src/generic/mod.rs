//! Types whose module path metadata shows as Substrate's `sp_runtime::generic`: clients look them up by it.

pub mod digest;
