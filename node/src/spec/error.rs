//! What is wrong with a chain spec. Every message names the file and what to do.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    #[error(
        "cannot read chain spec {path}: name `dev`, `local` or a file; `quids chain-spec build --out FILE` writes one"
    )]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is larger than {max} bytes, which no {what} is: check that it is the file you mean")]
    TooLarge {
        path: PathBuf,
        what: &'static str,
        max: u64,
    },
    #[error("chain spec {path}: {error}; `quids chain-spec build` writes one to compare with")]
    Json { path: PathBuf, error: serde_json::Error },
    #[error("chain spec {path}: cannot read the runtime {code} that genesis.runtimeGenesis.code.file names")]
    Code {
        path: PathBuf,
        code: PathBuf,
        source: std::io::Error,
    },
    #[error("chain spec {path}: {field} {value:?}: {reason}")]
    Field {
        path: PathBuf,
        field: &'static str,
        value: String,
        reason: &'static str,
    },
}
