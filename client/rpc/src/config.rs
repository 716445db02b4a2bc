//! Everything that bounds the server.

use crate::ChainHeadLimits;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Where the server listens and what it grants. The defaults suit a development node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Address and port; port 0 lets the system choose.
    pub addr: SocketAddr,
    /// Bytes of a request, a batch included. The largest transaction, in hexadecimal, has to fit.
    pub max_request_bytes: u32,
    /// Bytes of a response, a batch's included.
    pub max_response_bytes: u32,
    /// Open connections, HTTP and WebSocket together.
    pub max_connections: u32,
    /// Subscriptions of one connection.
    pub max_subscriptions_per_connection: u32,
    /// Requests in a batch; 0 refuses batches.
    pub max_batch_len: u32,
    /// Messages that wait for one connection to read.
    pub message_buffer: u32,
    /// How long a subscriber may leave its buffer full before its subscription ends.
    pub slow_subscriber_timeout: Duration,
    /// What the `chainHead` methods grant.
    pub chain_head: ChainHeadLimits,
    /// How often an idle WebSocket is asked whether it lives; it may miss one answer.
    pub ping_interval: Duration,
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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addr: (Ipv4Addr::LOCALHOST, 9944).into(),
            max_request_bytes: 20 << 20,
            max_response_bytes: 15 << 20,
            max_connections: 100,
            max_subscriptions_per_connection: 1024,
            max_batch_len: 100,
            message_buffer: 64,
            slow_subscriber_timeout: Duration::from_secs(10),
            chain_head: ChainHeadLimits::default(),
            ping_interval: Duration::from_secs(30),
        }
    }
}
