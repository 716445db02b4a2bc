//! The last blocks of peers, as they say.

use codec::{DecodeAll, Encode};
use parking_lot::RwLock;
use quids_core::{Hash, Height};
use quids_network::{Network, Offence, PeerId, RequestKind};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// How often each peer is asked.
const PERIOD: Duration = Duration::from_secs(3);

/// By peer: height and hash of its last block. Nobody has proven them.
#[derive(Default)]
pub struct Heads(RwLock<HashMap<PeerId, (Height, Hash)>>);

impl Heads {
    pub fn of(&self, peer: &PeerId) -> Option<(Height, Hash)> {
        self.0.read().get(peer).copied()
    }

    /// The highest, and whose it is.
    pub fn highest(&self) -> Option<(Height, PeerId)> {
        let heads = self.0.read();
        let highest = heads.iter().max_by_key(|(_, (height, _))| *height);
        highest.map(|(peer, (height, _))| (*height, *peer))
    }

    pub fn forget(&self, peer: &PeerId) {
        self.0.write().remove(peer);
    }
}

/// Asks all peers again and again. To be aborted.
pub async fn keep_asking(heads: Arc<Heads>, network: Network) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for peer in network.peers() {
            tokio::spawn(ask(heads.clone(), network.clone(), peer.id));
        }
    }
}

/// Asks one.
pub async fn ask(heads: Arc<Heads>, network: Network, peer: PeerId) {
    let Ok(answer) = network.request(peer, RequestKind::Status, ().encode()).await else {
        return;
    };
    match <(Height, Hash)>::decode_all(&mut &answer[..]) {
        Ok(head) => drop(heads.0.write().insert(peer, head)),
        Err(_) => network.report(peer, Offence::WrongAnswer),
    }
    // It may have gone while it was asked.
    if network.peers().iter().all(|there| there.id != peer) {
        heads.forget(&peer);
    }
}
