//! A real node with metrics, and one scrape of it.

use crate::exposition::{Exposition, parse};
use quids_api::TransactionSource;
use quids_core::Hash;
use quids_keystore::{DEV_ACCOUNTS, dev_keypair};
use quids_node::{
    ChainSpec, Node, NodeConfig, Sealing,
    testing::{Signing, TestChain},
};
use quids_txpool::PoolError;
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// A running development node with metrics on a free port.
pub struct Running {
    pub node: Node,
    pub address: SocketAddr,
    chain: TestChain,
    _folder: tempfile::TempDir,
}

impl Running {
    pub async fn start(sealing: Sealing) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = NodeConfig::new(ChainSpec::dev(), folder.path());
        config.rpc = Some(quids_rpc::Config {
            addr: (Ipv4Addr::LOCALHOST, 0).into(),
            ..quids_rpc::Config::default()
        });
        config.sealing = sealing;
        config.chain.sync = false;
        config.metrics = Some((Ipv4Addr::LOCALHOST, 0).into());
        config.hardware_check = true;
        let node = Node::start(config).await.unwrap();
        Self {
            address: node.metrics_address().unwrap(),
            chain: TestChain::over(node.chain().clone()).unwrap(),
            node,
            _folder: folder,
        }
    }

    /// Sends a transfer of alice with this nonce to the pool.
    pub fn transfer(&self, nonce: u64) -> Result<Hash, PoolError> {
        let alice = dev_keypair("alice").unwrap();
        let bob = DEV_ACCOUNTS[1].key_pair().account_id();
        let call = self.chain.transfer(&bob, 1).unwrap();
        // The first binds the key; the others are made before that is in a block.
        let signing = Signing {
            nonce: Some(nonce),
            with_key: Some(true),
            ..Signing::default()
        };
        let bytes = self.chain.sign(&alice, call, signing).unwrap();
        self.node.pool().submit(TransactionSource::External, bytes)
    }

    pub fn scrape(&self) -> Exposition {
        parse(&get(self.address)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Scrapes until `done`.
    pub async fn scrape_until(&self, what: &str, done: impl Fn(&Exposition) -> bool) -> Exposition {
        let start = Instant::now();
        loop {
            let scraped = tokio::task::block_in_place(|| self.scrape());
            if done(&scraped) {
                return scraped;
            }
            if start.elapsed() >= Duration::from_secs(60) {
                let text = get(self.address);
                let of_pool: Vec<_> = text.lines().filter(|line| line.starts_with("quids_pool_")).collect();
                panic!("never: {what}; the pool: {of_pool:#?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Scrapes when the hardware was measured: then every metric is there.
    pub async fn scrape_all(&self) -> Exposition {
        self.scrape_until("hardware measured", |scraped| {
            scraped.families.contains_key("quids_hardware_cores")
        })
        .await
    }
}

/// The body of `GET /metrics`.
pub fn get(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}
