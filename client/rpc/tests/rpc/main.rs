//! A real server on a real port over a fake node, asked by real clients.

mod abuse;
mod archive;
mod chain_head;
mod eth;
mod fake;
mod fake_evm;
mod follow_model;
mod interface;
mod limits;
mod methods;
mod owner;
mod subscriptions;
mod transactions;
mod wire;

use fake::Fake;
use quids_rpc::{Config, ServerHandle, serve};
use std::sync::Arc;

/// A server with these limits and the fake behind it.
async fn start(config: Config) -> (ServerHandle, Arc<Fake>) {
    start_over(config, Fake::default()).await
}

async fn start_over(config: Config, fake: Fake) -> (ServerHandle, Arc<Fake>) {
    let fake = Arc::new(fake);
    let config = Config {
        addr: ([127, 0, 0, 1], 0).into(),
        ..config
    };
    (serve(config, fake.clone()).await.unwrap(), fake)
}

async fn start_default() -> (ServerHandle, Arc<Fake>) {
    start(Config::default()).await
}
