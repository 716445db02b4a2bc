//! `quids runtime`: what a runtime says of itself, from a file, from a chain, or the one built into this binary.

use super::{
    CliError, DEFAULT_RPC_URL, bench, block_on,
    connection::Connection,
    output::{Report, hex0x, write_new},
    tx::CODE_DOMAIN,
};
use crate::extrinsic_builder::Metadata;
use clap::Subcommand;
use codec::{DecodeAll, Encode};
use quids_api::{RuntimeVersion, api_id, names};
use quids_core::well_known_keys;
use quids_crypto::{blake3_256, hash_quantum_resistant};
use quids_executor::{Executor, ExecutorConfig};
use quids_io::{MemoryExternalities, abi::ABI_VERSION};
use serde_json::{Value as Json, json};
use std::{
    ffi::OsString,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Look into runtimes.
#[derive(Subcommand, Debug)]
pub enum RuntimeCommand {
    /// Show version, hashes, APIs and pallets of a runtime: a file's, a chain's, or without either the built-in one
    Info {
        /// A runtime, WASM
        #[arg(conflicts_with = "rpc")]
        file: Option<PathBuf>,
        /// Ask the node at this address for the runtime of its best block
        #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = DEFAULT_RPC_URL)]
        rpc: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Tell whether this binary can run a runtime: its WASM features, its imports, its ABI. Exit code 1 if it cannot
    Compat {
        /// A runtime, WASM
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Build a runtime into WASM: hands over to `quids-wasm-builder`
    Build {
        /// The runtime's crate
        #[arg(long, value_name = "NAME")]
        package: String,
        /// The folder of the workspace that has it
        #[arg(long, value_name = "DIR", default_value = ".")]
        workspace: PathBuf,
        /// Features of the crate, separated by commas
        #[arg(long, value_name = "LIST")]
        features: Option<String>,
        /// The file, a `.wasm`; one that is there is replaced
        #[arg(long, value_name = "FILE", default_value = "runtime.wasm")]
        out: PathBuf,
    },
    /// Show how the built-in runtime was built
    BuildInfo {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the built-in runtime to a file, for `quids tx upgrade`
    Export {
        /// A new file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The next version, with a storage migration, that tests upgrade to
        #[arg(long)]
        next: bool,
    },
}

/// Runs a command.
pub fn run(command: RuntimeCommand) -> Result<(), CliError> {
    match command {
        // Clap refuses a file beside it.
        RuntimeCommand::Info {
            rpc: Some(url), json, ..
        } => block_on(Facts::of_chain(&url))?.report().print(json),
        RuntimeCommand::Info {
            file: Some(path),
            rpc: None,
            json,
        } => {
            let code = fs::read(&path).map_err(CliError::file("read", &path))?;
            Facts::of_code(path.display().to_string(), &code)?.report().print(json);
        }
        RuntimeCommand::Info {
            file: None,
            rpc: None,
            json,
        } => {
            Facts::of_code("built-in".into(), built_in(false)?)?
                .report()
                .print(json);
        }
        RuntimeCommand::Compat { file, json } => compat(&file)?.print(json),
        RuntimeCommand::Build {
            package,
            workspace,
            features,
            out,
        } => bench::hand_over("quids-wasm-builder", builder_args(package, workspace, features, &out)?)?,
        RuntimeCommand::BuildInfo { json } => build_info()?.print(json),
        RuntimeCommand::Export { out, next } => export(&out, built_in(next)?)?,
    }
    Ok(())
}

/// The builder's command line: it wants a folder and a name without `.wasm`. It builds in `target/wasm` of the workspace, since paths
/// are among the compiler's flags, so that no two workspaces share anything.
fn builder_args(
    package: String,
    workspace: PathBuf,
    features: Option<String>,
    out: &Path,
) -> Result<Vec<OsString>, CliError> {
    let absolute = std::path::absolute(out).map_err(CliError::file("find", out))?;
    let wasm = absolute.extension().is_some_and(|extension| extension == "wasm");
    let (Some(folder), Some(name), true) = (absolute.parent(), absolute.file_stem(), wasm) else {
        return Err(CliError::Usage(format!(
            "--out names a file that ends with .wasm, not {}",
            out.display()
        )));
    };
    let mut args: Vec<OsString> = vec![
        "--workspace".into(),
        workspace.into(),
        "--package".into(),
        package.into(),
    ];
    args.extend(["--out".into(), folder.into(), "--name".into(), name.into()]);
    args.extend(features.into_iter().flat_map(|list| ["--features".into(), list.into()]));
    Ok(args)
}

fn built_in(next: bool) -> Result<&'static [u8], CliError> {
    let code = if next {
        quids_runtime_wasm::WASM_NEXT
    } else {
        quids_runtime_wasm::WASM
    };
    if code.is_empty() {
        Err(CliError::NoRuntime)
    } else {
        Ok(code)
    }
}

/// Errors: why a node of this binary would stop at the first block of this code.
fn compat(file: &Path) -> Result<Report, CliError> {
    let code = fs::read(file).map_err(CliError::file("read", file))?;
    let source = file.display().to_string();
    let broken = |error| CliError::Runtime {
        source_name: source.clone(),
        source: error,
    };
    let runtime = Executor::new(ExecutorConfig::default())
        .and_then(|executor| executor.load(&code))
        .map_err(broken)?;
    let version = runtime.version();
    let mut report = Report::default();
    report
        .line("source", source.as_str())
        .line("spec name", version.spec_name.as_str())
        .line("spec version", version.spec_version)
        .line("abi version", ABI_VERSION)
        .line("runs here", true);
    Ok(report)
}

fn export(path: &Path, code: &[u8]) -> Result<(), CliError> {
    write_new(path, |file| file.write_all(code).map_err(CliError::file("write", path)))
}

/// What there is to know of a runtime.
struct Facts {
    source: String,
    version: RuntimeVersion,
    size: usize,
    blake3: [u8; 32],
    quantum_resistant: [u8; 64],
    metadata_versions: Vec<u32>,
    metadata: Metadata,
}

impl Facts {
    fn new(
        source: String,
        code: &[u8],
        version: RuntimeVersion,
        metadata_versions: Vec<u32>,
        metadata: Metadata,
    ) -> Self {
        Self {
            source,
            version,
            size: code.len(),
            blake3: blake3_256(code),
            quantum_resistant: hash_quantum_resistant(CODE_DOMAIN, code),
            metadata_versions,
            metadata,
        }
    }

    /// Runs the code on an empty state.
    fn of_code(source: String, code: &[u8]) -> Result<Self, CliError> {
        let broken = |error| CliError::Runtime {
            source_name: source.clone(),
            source: error,
        };
        let executor = Executor::new(ExecutorConfig::default()).map_err(broken)?;
        let runtime = executor.load(code).map_err(broken)?;
        let call = |api: &str, input: &[u8]| {
            runtime
                .call(&mut MemoryExternalities::default(), api, input)
                .map_err(broken)
        };
        let versions = decode(names::METADATA_VERSIONS, &call(names::METADATA_VERSIONS, &[])?)?;
        let metadata: Option<Vec<u8>> = decode(
            names::METADATA_AT_VERSION,
            &call(names::METADATA_AT_VERSION, &15u32.encode())?,
        )?;
        let metadata = match metadata {
            Some(metadata) => metadata,
            None => decode(names::METADATA, &call(names::METADATA, &[])?)?,
        };
        Ok(Self::new(
            source.clone(),
            code,
            runtime.version().clone(),
            versions,
            Metadata::decode(&metadata)?,
        ))
    }

    /// Asks a node.
    async fn of_chain(url: &str) -> Result<Self, CliError> {
        let connection = Connection::open(url).await?;
        let best = connection.block_hash(None).await?;
        let code = connection
            .storage(well_known_keys::CODE, best)
            .await?
            .unwrap_or_default();
        let version = connection.call(names::CORE_VERSION, &[], best).await?;
        let versions = connection.call(names::METADATA_VERSIONS, &[], best).await?;
        Ok(Self::new(
            url.into(),
            &code,
            version,
            versions,
            connection.metadata(best).await?,
        ))
    }

    fn report(&self) -> Report {
        let version = &self.version;
        let mut report = Report::default();
        report
            .line("source", self.source.as_str())
            .line("spec name", version.spec_name.as_str())
            .line("spec version", version.spec_version)
            .line("impl name", version.impl_name.as_str())
            .line("impl version", version.impl_version)
            .line("transaction version", version.transaction_version)
            .line("state version", version.state_version)
            .line("size", self.size);
        hashes(&mut report, &self.blake3, &self.quantum_resistant);
        let versions: Vec<_> = self.metadata_versions.iter().map(u32::to_string).collect();
        report.both("metadata versions", versions.join(", "), self.metadata_versions.clone());
        let apis: Vec<_> = version
            .apis
            .iter()
            .map(|(id, version)| (self.api_name(id), *version))
            .collect();
        let text: Vec<_> = apis.iter().map(|(name, version)| format!("{name} {version}")).collect();
        let json: Vec<_> = apis
            .iter()
            .map(|(name, version)| json!({ "name": name, "version": version }))
            .collect();
        report.both("apis", text.join("\n"), json);
        let pallets = self.metadata.pallets();
        let text: Vec<_> = pallets
            .iter()
            .map(|pallet| format!("{:3} {}", pallet.index, pallet.name))
            .collect();
        let json: Vec<_> = pallets
            .iter()
            .map(|p| json!({ "index": p.index, "name": p.name }))
            .collect();
        report.both("pallets", text.join("\n"), json);
        report
    }

    /// An API's name; its identifier if metadata does not tell the name.
    fn api_name(&self, id: &[u8; 8]) -> String {
        let name = self.metadata.apis().iter().find(|name| api_id(name) == *id);
        name.cloned().unwrap_or_else(|| hex0x(id))
    }
}

fn decode<T: DecodeAll>(api: &str, mut output: &[u8]) -> Result<T, CliError> {
    T::decode_all(&mut output).map_err(|error| CliError::Answer {
        method: api.into(),
        reason: error.to_string(),
    })
}

fn hashes(report: &mut Report, blake3: &[u8], quantum_resistant: &[u8]) {
    report
        .line("blake3", hex0x(blake3))
        .line("quantum resistant", hex0x(quantum_resistant));
}

fn build_info() -> Result<Report, CliError> {
    let code = built_in(false)?;
    let mut report = Report::default();
    let info: Json = serde_json::from_str(quids_runtime_wasm::BUILD_INFO).map_err(|error| CliError::Answer {
        method: "the build info".into(),
        reason: error.to_string(),
    })?;
    let line = |(key, value): (&String, &Json)| match value {
        Json::String(text) => format!("{key}: {text}"),
        other => format!("{key}: {other}"),
    };
    let lines: Vec<_> = info.as_object().into_iter().flatten().map(line).collect();
    report.both("build", lines.join("\n"), info.clone());
    report.line("size", code.len());
    hashes(
        &mut report,
        &blake3_256(code),
        &hash_quantum_resistant(CODE_DOMAIN, code),
    );
    Ok(report)
}
