//! `quids run`: from arguments to a node that runs until it is told to stop.

use crate::{
    author::Sealing,
    cli::{self, run::RunArgs},
    service::{Node, NodeConfig, NodeError},
    spec::ChainSpec,
};
use std::{io::IsTerminal, path::PathBuf, time::Duration};

/// `quids run`: runs a node until Ctrl-C, SIGTERM, or an error.
pub fn run(args: RunArgs) -> Result<(), NodeError> {
    let filter = tracing_subscriber::EnvFilter::try_new(&args.log)
        .map_err(|error| NodeError::Arguments(format!("--log {:?} is no filter: {error}", args.log)))?;
    // A second call in one process (tests) keeps the first subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| NodeError::Io {
            what: "cannot start threads".into(),
            error,
        })?;
    runtime.block_on(run_until_stopped(args))
}

async fn run_until_stopped(args: RunArgs) -> Result<(), NodeError> {
    let io = |what: &str| {
        let what = what.to_string();
        move |error| NodeError::Io { what, error }
    };
    let temporary = args
        .tmp
        .then(|| tempfile::Builder::new().prefix("quids-").tempdir())
        .transpose()
        .map_err(io("cannot make a temporary folder"))?;
    let base_path = match (&temporary, args.base_path) {
        (Some(folder), _) => folder.path().to_path_buf(),
        (None, Some(path)) => path,
        (None, None) => default_base_path()?,
    };
    let sealing = match args.sealing {
        cli::run::Sealing::Interval => Sealing::Interval(Duration::from_millis(args.block_time_ms)),
        cli::run::Sealing::Instant => Sealing::Instant,
    };
    let mut config = NodeConfig::new(ChainSpec::dev(), base_path.clone());
    config.sealing = sealing;
    config.rpc = Some(quids_rpc::Config {
        addr: (std::net::Ipv4Addr::LOCALHOST, args.rpc_port).into(),
        ..quids_rpc::Config::default()
    });
    tracing::info!("{}: {}", config.spec.name, base_path.display());
    let mut node = Node::start(config).await?;
    let (height, best) = node.chain().best();
    tracing::info!("genesis {:?}, last block {height} {best:?}", node.chain().genesis());
    if let Some(address) = node.rpc_address() {
        tracing::info!("RPC on ws://{address} and http://{address}");
    }
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(io("cannot listen for SIGTERM"))?;
    let failure = tokio::select! {
        _ = tokio::signal::ctrl_c() => None,
        _ = terminate.recv() => None,
        error = node.failed() => Some(error),
    };
    node.stop().await;
    // The temporary folder goes with it, whatever happened.
    drop(temporary);
    failure.map_or(Ok(()), Err)
}

/// `$XDG_DATA_HOME/quids` or `~/.local/share/quids`.
fn default_base_path() -> Result<PathBuf, NodeError> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    data.map(|folder| folder.join("quids")).ok_or_else(|| {
        NodeError::Arguments("neither XDG_DATA_HOME nor HOME is set: name a folder with --base-path".into())
    })
}
