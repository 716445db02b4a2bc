//! A whole node in a test: chain, pool, authoring and RPC on a free port, in a folder of its own that goes with it.
//!
//! ```
//! use quids_node::{Sealing, TestNode};
//!
//! let mut node = TestNode::builder().sealing(Sealing::Instant).start_blocking()?;
//! let included = node.transfer("alice", "bob", 5)?; // signed, through the pool, into a block
//! assert!(included.succeeded());
//! assert_eq!(node.free("bob")?, quids_node::spec::DEV_BALANCE + 5);
//! println!("any client may connect to {}", node.rpc_url());
//! node.restart()?; // in the same folder
//! assert_eq!(node.height(), included.height);
//! node.stop()?;
//! # Ok::<(), quids_node::test_node::TestNodeError>(())
//! ```
//!
//! In a `#[tokio::test(flavor = "multi_thread")]` it is `start().await?`, and every method that waits is async.
//! [`TestChain`] is the chain alone: blocks by hand, without pool, clock and RPC.

use crate::{
    author::Sealing,
    chain::{Chain, ChainError, NewBlock},
    extrinsic_builder::{Event, Phase},
    pool::SharedPool,
    service::{Node, NodeConfig, NodeError},
    spec::ChainSpec,
    testing::{Signing, TestChain},
};
use quids_api::TransactionSource;
use quids_core::{AccountId20, Hash, Height};
use quids_crypto::KeyPair;
use quids_txpool::{PoolError, TransactionStatus};
use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::broadcast::error::RecvError;

/// The longest that anything is waited for: a first start compiles the runtime.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a test node can fail with.
#[derive(Debug, thiserror::Error)]
pub enum TestNodeError {
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("the pool refused the transaction (code {code}): {0}", code = .0.code())]
    Pool(#[from] PoolError),
    #[error("{0:?} is no development account: alice, bob, … eth9 are")]
    NoAccount(String),
    #[error("transaction {hash:?} ended as {status:?}")]
    NotIncluded { hash: Hash, status: TransactionStatus },
    #[error("waited {seconds} s for {what}", seconds = PATIENCE.as_secs())]
    Timeout { what: String },
    #[error("{what}: {error}")]
    Io { what: String, error: std::io::Error },
}

/// How a test node is started. Defaults: the development chain, instant sealing, RPC on a free port of loopback, a
/// temporary folder, commits that do not wait for the disk.
#[derive(Clone, Debug)]
pub struct TestNodeBuilder {
    config: NodeConfig,
    temporary: bool,
}

/// A transaction in a block.
#[derive(Clone, Debug)]
pub struct Included {
    pub transaction: Hash,
    pub block: Hash,
    pub height: Height,
    /// The events of its block that are its own.
    pub events: Vec<Event>,
}

/// A running node. Dropped without [`TestNode::stop`] it ends with its runtime.
pub struct TestNode {
    config: NodeConfig,
    running: Option<Running>,
    _folder: Option<tempfile::TempDir>,
}

struct Running {
    node: Node,
    /// Builds transactions from the chain's metadata.
    chain: TestChain,
}

/// A [`TestNode`] with a runtime of its own, for tests that are not async.
pub struct BlockingTestNode {
    // Before the runtime, which its tasks need to end.
    node: TestNode,
    runtime: tokio::runtime::Runtime,
}

impl Included {
    /// Whether the call did what it was asked to.
    pub fn succeeded(&self) -> bool {
        self.events.iter().any(|event| event.is("System", "ExtrinsicSuccess"))
    }
}

impl Default for TestNodeBuilder {
    fn default() -> Self {
        let mut config = NodeConfig::new(ChainSpec::dev(), PathBuf::new());
        config.sealing = Sealing::Instant;
        config.chain.sync = false;
        config.rpc = Some(quids_rpc::Config {
            addr: (Ipv4Addr::LOCALHOST, 0).into(),
            ..quids_rpc::Config::default()
        });
        Self {
            config,
            temporary: true,
        }
    }
}

impl TestNodeBuilder {
    pub fn sealing(mut self, sealing: Sealing) -> Self {
        self.config.sealing = sealing;
        self
    }

    pub fn spec(mut self, spec: ChainSpec) -> Self {
        self.config.spec = spec;
        self
    }

    /// Keeps its data here, and leaves them.
    pub fn base_path(mut self, folder: impl Into<PathBuf>) -> Self {
        self.config.base_path = folder.into();
        self.temporary = false;
        self
    }

    /// Anything else of the configuration.
    pub fn configure(mut self, change: impl FnOnce(&mut NodeConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// Starts it on the calling runtime, which must be multi-threaded.
    pub async fn start(mut self) -> Result<TestNode, TestNodeError> {
        let mut folder = None;
        if self.temporary {
            let made = tempfile::Builder::new().prefix("quids-test-").tempdir();
            let made = made.map_err(|error| TestNodeError::Io {
                what: "cannot make a temporary folder".into(),
                error,
            })?;
            self.config.base_path = made.path().to_path_buf();
            folder = Some(made);
        }
        let running = Running::start(self.config.clone()).await?;
        Ok(TestNode {
            config: self.config,
            running: Some(running),
            _folder: folder,
        })
    }

    /// Starts it on a runtime of its own.
    pub fn start_blocking(self) -> Result<BlockingTestNode, TestNodeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| TestNodeError::Io {
                what: "cannot start threads".into(),
                error,
            })?;
        let node = runtime.block_on(self.start())?;
        Ok(BlockingTestNode { node, runtime })
    }
}

impl Running {
    async fn start(config: NodeConfig) -> Result<Self, TestNodeError> {
        let node = Node::start(config).await?;
        let chain = TestChain::over(node.chain().clone())?;
        Ok(Self { node, chain })
    }

    /// Stops it and waits until nobody has the database open any more.
    async fn stop(self) -> Result<(), TestNodeError> {
        let chain = Arc::downgrade(self.node.chain());
        drop(self.chain);
        self.node.stop().await;
        let closed = async {
            while chain.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within(closed, || "the database to be closed".into()).await
    }
}

impl TestNode {
    pub fn builder() -> TestNodeBuilder {
        TestNodeBuilder::default()
    }

    /// With the builder's defaults.
    pub async fn start() -> Result<Self, TestNodeError> {
        Self::builder().start().await
    }

    /// The running node.
    pub fn node(&self) -> &Node {
        &self.running().node
    }

    /// The chain as tests read it: balances, nonces, storage, events, and transactions of any kind.
    pub fn view(&self) -> &TestChain {
        &self.running().chain
    }

    pub fn chain(&self) -> &Arc<Chain> {
        self.node().chain()
    }

    pub fn pool(&self) -> &Arc<SharedPool> {
        self.node().pool()
    }

    /// Where its data lie.
    pub fn base_path(&self) -> &Path {
        &self.config.base_path
    }

    /// `ws://127.0.0.1:PORT`; empty if it was configured without RPC.
    pub fn rpc_url(&self) -> String {
        let address = self.node().rpc_address();
        address.map_or_else(String::new, |address| format!("ws://{address}"))
    }

    pub fn height(&self) -> Height {
        self.chain().best().0
    }

    /// Free balance of a development account.
    pub fn free(&self, name: &str) -> Result<u128, TestNodeError> {
        Ok(self.view().free(&account(name)?)?)
    }

    /// Gives signed bytes to the pool.
    pub fn submit(&self, bytes: Vec<u8>) -> Result<Hash, TestNodeError> {
        Ok(self.pool().submit(TransactionSource::External, bytes)?)
    }

    /// Gives signed bytes to the pool and waits until they are in a block, which under manual sealing it makes.
    pub async fn include(&self, bytes: Vec<u8>) -> Result<Included, TestNodeError> {
        // Before submitting, so that no status is missed.
        let mut events = self.pool().subscribe();
        let pool = self.pool().clone();
        let submitted =
            tokio::task::spawn_blocking(move || pool.submit(TransactionSource::External, bytes)).await;
        let hash = submitted.map_err(|error| ChainError::Task(error.to_string()))??;
        if self.config.sealing == Sealing::Manual {
            self.seal().await?;
        }
        let ended = async {
            loop {
                match events.recv().await {
                    Ok(event) if event.hash != hash => {}
                    Ok(event) => match event.status {
                        TransactionStatus::InBlock(block) => return Ok(block),
                        status if status.is_final() => return Err(TestNodeError::NotIncluded { hash, status }),
                        _ => {}
                    },
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Err(ChainError::Task("the pool is gone".into()).into()),
                }
            }
        };
        let block = within(ended, || format!("transaction {hash:?} to be in a block")).await??;
        let phase = self.index_of(block, hash)?.map(Phase::Extrinsic);
        let events = self.view().events_at(block)?;
        Ok(Included {
            transaction: hash,
            block,
            height: self.chain().header(block)?.number,
            events: events.into_iter().filter(|event| Some(event.phase) == phase).collect(),
        })
    }

    /// Transfers between development accounts and waits until it is in a block.
    pub async fn transfer(&self, from: &str, to: &str, amount: u128) -> Result<Included, TestNodeError> {
        let call = self.view().transfer(&account(to)?, amount)?;
        self.call(from, call).await
    }

    /// Signs a call as a development account and waits until it is in a block.
    pub async fn call(&self, from: &str, call: Vec<u8>) -> Result<Included, TestNodeError> {
        let signed = self.view().sign(&key(from)?, call, Signing::default())?;
        self.include(signed).await
    }

    /// Makes a block of what the pool holds.
    pub async fn seal(&self) -> Result<NewBlock, TestNodeError> {
        Ok(self.node().seal().await?)
    }

    /// Waits until the chain has this height.
    pub async fn wait_for_height(&self, height: Height) -> Result<(), TestNodeError> {
        // Before looking, so that no block is missed.
        let mut blocks = self.chain().subscribe();
        let reached = async {
            while self.height() < height {
                if let Err(RecvError::Closed) = blocks.recv().await {
                    return Err(ChainError::Task("the chain is gone".into()).into());
                }
            }
            Ok(())
        };
        within(reached, || format!("height {height}")).await?
    }

    /// Stops it and starts it again in the same folder. RPC may come back on another port.
    pub async fn restart(&mut self) -> Result<(), TestNodeError> {
        if let Some(running) = self.running.take() {
            running.stop().await?;
        }
        self.running = Some(Running::start(self.config.clone()).await?);
        Ok(())
    }

    /// Stops it; when this returns another process may open its folder, unless that was a temporary one.
    pub async fn stop(mut self) -> Result<(), TestNodeError> {
        match self.running.take() {
            Some(running) => running.stop().await,
            None => Ok(()),
        }
    }

    fn running(&self) -> &Running {
        // UNWRAP: it is only absent inside `restart` and `stop`, and after a restart that failed, which was told.
        self.running.as_ref().expect("the node runs, or its restart has failed")
    }

    fn index_of(&self, block: Hash, transaction: Hash) -> Result<Option<u32>, TestNodeError> {
        let stored = self.view().stored(block)?;
        let index = stored
            .extrinsics
            .iter()
            .position(|extrinsic| quids_txpool::hash_of(&extrinsic.0) == transaction);
        Ok(index.and_then(|index| u32::try_from(index).ok()))
    }
}

impl BlockingTestNode {
    /// Runs a future on the node's runtime.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// [`TestNode::include`].
    pub fn include(&self, bytes: Vec<u8>) -> Result<Included, TestNodeError> {
        self.block_on(self.node.include(bytes))
    }

    /// [`TestNode::transfer`].
    pub fn transfer(&self, from: &str, to: &str, amount: u128) -> Result<Included, TestNodeError> {
        self.block_on(self.node.transfer(from, to, amount))
    }

    /// [`TestNode::call`].
    pub fn call(&self, from: &str, call: Vec<u8>) -> Result<Included, TestNodeError> {
        self.block_on(self.node.call(from, call))
    }

    /// [`TestNode::seal`].
    pub fn seal(&self) -> Result<NewBlock, TestNodeError> {
        self.block_on(self.node.seal())
    }

    /// [`TestNode::wait_for_height`].
    pub fn wait_for_height(&self, height: Height) -> Result<(), TestNodeError> {
        self.block_on(self.node.wait_for_height(height))
    }

    /// [`TestNode::restart`].
    pub fn restart(&mut self) -> Result<(), TestNodeError> {
        self.runtime.block_on(self.node.restart())
    }

    /// [`TestNode::stop`].
    pub fn stop(self) -> Result<(), TestNodeError> {
        self.runtime.block_on(self.node.stop())
    }
}

/// What does not wait is the same on both.
impl std::ops::Deref for BlockingTestNode {
    type Target = TestNode;

    fn deref(&self) -> &TestNode {
        &self.node
    }
}

async fn within<T>(future: impl Future<Output = T>, what: impl FnOnce() -> String) -> Result<T, TestNodeError> {
    tokio::time::timeout(PATIENCE, future)
        .await
        .map_err(|_| TestNodeError::Timeout { what: what() })
}

/// The key of a development account.
pub fn key(name: &str) -> Result<KeyPair, TestNodeError> {
    quids_keystore::dev_keypair(name).ok_or_else(|| TestNodeError::NoAccount(name.into()))
}

/// The address of a development account.
pub fn account(name: &str) -> Result<AccountId20, TestNodeError> {
    Ok(key(name)?.account_id())
}
