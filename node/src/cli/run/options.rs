//! The options of `quids run`. One list for flags, environment, file and defaults: a key is a flag's long name.

use crate::{
    logging::LogFormat,
    run::{RpcMethods, SealingKind},
    service::Role,
    status::StatusMode,
    words::{CacheSize, StatePruning},
};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What one source says; `None`: nothing.
#[derive(Args, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "kebab-case", default)]
pub struct RunOptions {
    /// The chain: `dev`, `local`, or the file of a chain spec.
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The development chain, as `--chain dev`: known accounts with funds, alice as root and sole author.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true, conflicts_with = "chain")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dev: Option<bool>,
    /// Folder of the node's data; by default one below the user's data folder.
    #[arg(long, value_name = "P")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_path: Option<PathBuf>,
    /// Keep all data in a temporary folder that is removed at the end.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true, conflicts_with = "base_path")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmp: Option<bool>,
    /// A name for this node, in its log.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,

    /// Take part in deciding blocks, with the consensus key in the node's keystore; one is made if there is none. For chains with
    /// validators.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validator: Option<bool>,
    /// What the node keeps: all, or, as a witness, headers and what makes them final [default: full]
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Port for other nodes, on every interface; 0 takes any that is free [default: 30333]
    #[arg(long, value_name = "N", conflicts_with = "listen_addr")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Addresses for other nodes instead, such as `/ip4/127.0.0.1/tcp/30333`, separated by commas.
    #[arg(long, value_name = "ADDRESSES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen_addr: Option<String>,
    /// Nodes to meet first, beside those of the chain spec: `/ip4/A/tcp/PORT/p2p/PEER`, separated by commas.
    #[arg(long, value_name = "ADDRESSES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootnodes: Option<String>,
    /// Nodes to stay connected to, whatever limits there are; as --bootnodes.
    #[arg(long, value_name = "ADDRESSES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_nodes: Option<String>,
    /// Connect to reserved nodes alone.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_only: Option<bool>,
    /// Nodes never to connect to, by their peer ids, separated by commas.
    #[arg(long, value_name = "PEERS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied_nodes: Option<String>,
    /// Connected nodes, beside reserved ones [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_peers: Option<u32>,
    /// File with the secret of the node's peer id, 64 hexadecimal digits; made if it is not there [default:
    /// `network/secret_ed25519` in the chain's folder]
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_key_file: Option<PathBuf>,

    /// When a block is made, on a chain without validators [default: interval]
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealing: Option<SealingKind>,
    /// Milliseconds between two blocks [default: 1000]
    #[arg(long = "block-time", value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    #[serde(rename = "block-time", skip_serializing_if = "Option::is_none")]
    pub block_time_ms: Option<u64>,
    /// Memory for the database's cache, and as much again for the state's, in MiB; `auto` takes an eighth of what is
    /// available for each [default: 64]
    #[arg(long, value_name = "auto|MIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheSize>,
    /// Files that the database keeps open; -1 for all [default: 512]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-1..))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_open_files: Option<i32>,
    /// Write new files of the database without compression; those that are there stay readable.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_compression: Option<bool>,

    /// States that stay readable: `archive` keeps all, a number those of so many blocks before the last one (from 16 on).
    /// Another choice takes effect with the next blocks; what is pruned does not come back [default: archive]
    #[arg(long, value_name = "archive|N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_pruning: Option<StatePruning>,

    /// Port of JSON-RPC, HTTP and WebSocket alike; 0 takes any that is free [default: 9944]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_port: Option<u16>,
    /// Listen for RPC on every interface, not on loopback alone.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_external: Option<bool>,
    /// As --rpc-external; Substrate's name.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsafe_rpc_external: Option<bool>,
    /// Open RPC connections, HTTP and WebSocket together [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_max_connections: Option<u32>,
    /// Size of an RPC request, a batch included, in MiB [default: 20]
    #[arg(long = "rpc-max-request-size", value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=1024))]
    #[serde(rename = "rpc-max-request-size", skip_serializing_if = "Option::is_none")]
    pub rpc_max_request_size_mib: Option<u32>,
    /// Size of an RPC response, a batch's included, in MiB [default: 15]
    #[arg(long = "rpc-max-response-size", value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=1024))]
    #[serde(rename = "rpc-max-response-size", skip_serializing_if = "Option::is_none")]
    pub rpc_max_response_size_mib: Option<u32>,
    /// Subscriptions of one RPC connection [default: 1024]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_max_subscriptions_per_connection: Option<u32>,
    /// Requests in an RPC batch; 0 refuses batches [default: 100]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_max_batch_request_len: Option<u32>,
    /// Web pages that may use RPC, by their origins (`https://example.org`, `http://localhost:*`, `moz-extension://*`), separated
    /// by commas; `all`, or `none` [default: pages of this machine and of polkadot.js.org, extensions of the browser]
    #[arg(long, value_name = "ORIGINS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_cors: Option<String>,
    /// Names by which RPC may be reached, beside addresses and `localhost`, separated by commas.
    #[arg(long, value_name = "HOSTS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_allowed_hosts: Option<String>,
    /// Who may call RPC methods that change the node [default: auto]
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_methods: Option<RpcMethods>,
    /// RPC calls a second that one address may make; loopback may make any number [default: any number]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_rate_limit_per_second: Option<u32>,

    /// Transactions in the pool [default: 131072]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_limit: Option<u32>,
    /// Their size together, in KiB [default: 524288]
    #[arg(long = "pool-kbytes", value_name = "KIB", value_parser = clap::value_parser!(u32).range(1..))]
    #[serde(rename = "pool-kbytes", skip_serializing_if = "Option::is_none")]
    pub pool_kib: Option<u32>,

    /// Port of the Prometheus metrics. If it is not named and the usual one is taken, there are none [default: 9615]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus_port: Option<u16>,
    /// Serve metrics on every interface, not on loopback alone.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus_external: Option<bool>,
    /// Serve no metrics.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_prometheus: Option<bool>,
    /// Folder of the node's keys; by default `keystore` beside the chain's database.
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keystore_path: Option<PathBuf>,
    /// File with the passphrase of the node's keys; another way is the environment variable QUIDS_KEYSTORE_PASSPHRASE.
    /// Without one, a development chain keeps them unencrypted, and others have none.
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,

    /// What to log, as `level` or `target=level`, separated by commas [default: info]
    #[arg(long, value_name = "FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// How log lines are written [default: text]
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,
    /// When a line every 5 s tells how the node is [default: auto]
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusMode>,
}

impl RunOptions {
    /// What holds where nothing else is said. What has no default here is another crate's.
    pub fn defaults() -> Self {
        let rpc = quids_rpc::Config::default();
        let pool = quids_txpool::Limits::default();
        Self {
            validator: Some(false),
            role: Some(Role::Full),
            reserved_only: Some(false),
            max_peers: Some(crate::network::NetworkOptions::default().max_peers),
            sealing: Some(SealingKind::Interval),
            block_time_ms: Some(1000),
            cache: Some(CacheSize::Mib(64)),
            max_open_files: Some(512),
            no_compression: Some(false),
            state_pruning: Some(StatePruning::Archive),
            rpc_port: Some(9944),
            rpc_external: Some(false),
            unsafe_rpc_external: Some(false),
            rpc_max_connections: Some(rpc.max_connections),
            rpc_max_request_size_mib: Some(rpc.max_request_bytes >> 20),
            rpc_max_response_size_mib: Some(rpc.max_response_bytes >> 20),
            rpc_max_subscriptions_per_connection: Some(rpc.max_subscriptions_per_connection),
            rpc_max_batch_request_len: Some(rpc.max_batch_len),
            rpc_methods: Some(RpcMethods::Auto),
            prometheus_external: Some(false),
            no_prometheus: Some(false),
            pool_limit: u32::try_from(pool.max_count).ok(),
            pool_kib: u32::try_from(pool.max_bytes >> 10).ok(),
            log: Some("info".into()),
            log_format: Some(LogFormat::Text),
            status: Some(StatusMode::Auto),
            ..Self::default()
        }
    }

    /// Whether the chain has been named.
    pub fn names_a_chain(&self) -> bool {
        self.chain.is_some() || self.dev == Some(true)
    }
}
