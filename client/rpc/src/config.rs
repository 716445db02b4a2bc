//! Everything that bounds the server.

use crate::ChainHeadLimits;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

/// Which browser pages may use the server, named by their `Origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Every page, and every `Host` header.
    All,
    /// These: `https://example.org`, `http://localhost:*` for every port, or `moz-extension://*` for all of a scheme.
    List(Vec<String>),
}

impl Default for Cors {
    /// Pages served by this machine, polkadot.js apps, and extensions of browsers, since wallets are such: who installed one
    /// let it send requests anywhere, and no page can name its origin.
    fn default() -> Self {
        let origins = [
            "http://localhost:*",
            "http://127.0.0.1:*",
            "https://localhost:*",
            "https://127.0.0.1:*",
            "https://polkadot.js.org",
            "chrome-extension://*",
            "moz-extension://*",
            "safari-web-extension://*",
        ];
        Self::List(origins.map(str::to_owned).to_vec())
    }
}

/// Who may call methods that change the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RpcMethods {
    /// Callers on this machine: from loopback, not through a proxy, and from no foreign page.
    #[default]
    Auto,
    /// Nobody.
    Safe,
    /// Everybody who can connect.
    Unsafe,
}

/// Where the server listens and what it grants. The defaults suit a node whose RPC is used by its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Address and port; port 0 lets the system choose.
    pub addr: SocketAddr,
    /// Pages that may connect.
    pub cors: Cors,
    /// Names in `Host` headers besides `localhost` and bare addresses.
    pub allowed_hosts: Vec<String>,
    /// Who may call unsafe methods.
    pub methods: RpcMethods,

    /// Bytes of a request, a batch included. The largest transaction, in hexadecimal, has to fit.
    pub max_request_bytes: u32,
    /// Bytes of a response, a batch's included.
    pub max_response_bytes: u32,
    /// Bytes of all requests being received or worked on, beyond [`Config::SMALL_BYTES`] each.
    pub max_requests_bytes: usize,
    /// Bytes of all responses waiting to be sent, beyond [`Config::SMALL_BYTES`] each.
    pub max_responses_bytes: usize,
    /// Requests in a batch; 0 refuses batches.
    pub max_batch_len: u32,

    /// Open connections, HTTP and WebSocket together.
    pub max_connections: u32,
    /// Open connections of one address (IPv6: of one /64). Loopback is exempt.
    pub max_connections_per_address: u32,
    /// Connections that the system keeps for the server to accept.
    pub backlog: u32,
    /// Requests of one WebSocket that are worked on at once; while there are so many, it is not read.
    pub max_requests_per_connection: u32,
    /// Requests per second of one address (IPv6: of one /64); `None`: any number. A batch counts its entries.
    /// Loopback is exempt, unless a proxy says that it speaks for others.
    pub rate_limit_per_second: Option<NonZeroU32>,
    /// Requests that an address may make at once when it was silent; at least a full batch.
    pub rate_limit_burst: u32,
    /// Addresses whose rate is known; when all are in use, the others share one.
    pub max_rate_addresses: usize,

    /// Threads for calls that may block.
    pub max_blocking_threads: usize,
    /// Calls that may block, at work or about to be.
    pub max_blocking_calls: u32,
    /// How long a call waits for its turn before it is refused.
    pub busy_timeout: Duration,

    /// Subscriptions of one connection.
    pub max_subscriptions_per_connection: u32,
    /// Subscriptions of all connections.
    pub max_subscriptions: u32,
    /// Messages that wait for one connection to read.
    pub message_buffer: u32,
    /// How long a subscriber may leave its buffer full before its subscription ends.
    pub slow_subscriber_timeout: Duration,

    /// From one answer (or the connection's begin) to the end of the next request's headers.
    pub idle_timeout: Duration,
    /// For a request's body, or a WebSocket message from its first byte.
    pub body_timeout: Duration,
    /// How long a client may take no byte of what it is sent.
    pub write_timeout: Duration,
    /// How long a filter of Ethereum's methods lives without being asked.
    pub filter_timeout: Duration,
    /// What the `chainHead` methods grant.
    pub chain_head: ChainHeadLimits,
    /// How often an idle WebSocket is asked whether it lives; it may miss one answer.
    pub ping_interval: Duration,
    /// What connections get to finish when the server stops.
    pub stop_timeout: Duration,
}

impl Config {
    /// Keys of one `state_getKeysPaged` page (Substrate's number).
    pub const KEYS_PAGE_MAX: u32 = 1000;
    /// Keys that one request or subscription may name.
    pub const KEYS_PER_REQUEST_MAX: usize = 1024;
    /// Bytes of all values that one request may read.
    pub const VALUES_BYTES_MAX: usize = 6 << 20;
    /// Blocks that one `state_queryStorage` may cover.
    pub const QUERY_BLOCKS_MAX: u32 = 256;
    /// Block numbers in one `chain_getBlockHash`.
    pub const HASHES_PER_REQUEST_MAX: usize = 1024;
    /// What is too small for the node-wide budgets: a connection's own buffers.
    pub const SMALL_BYTES: usize = 64 << 10;
    /// Filters of Ethereum's methods.
    pub const FILTERS_MAX: usize = 1024;
    /// Pings and other control frames of one WebSocket between two of our pings.
    pub const CONTROL_FRAMES_MAX: u32 = 256;
}

impl Default for Config {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            addr: (Ipv4Addr::LOCALHOST, 9944).into(),
            cors: Cors::default(),
            allowed_hosts: Vec::new(),
            methods: RpcMethods::Auto,
            max_request_bytes: 20 << 20,
            max_response_bytes: 15 << 20,
            max_requests_bytes: 128 << 20,
            max_responses_bytes: 256 << 20,
            max_batch_len: 100,
            max_connections: 1000,
            max_connections_per_address: 100,
            backlog: 1024,
            max_requests_per_connection: 64,
            rate_limit_per_second: None,
            rate_limit_burst: 200,
            max_rate_addresses: 65_536,
            max_blocking_threads: (cores * 2).max(4),
            max_blocking_calls: (cores as u32 * 2).max(4),
            busy_timeout: Duration::from_secs(10),
            max_subscriptions_per_connection: 1024,
            max_subscriptions: 16_384,
            message_buffer: 64,
            slow_subscriber_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            filter_timeout: Duration::from_secs(300),
            chain_head: ChainHeadLimits::default(),
            ping_interval: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(5),
        }
    }
}
