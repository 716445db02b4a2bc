//! Final blocks that this node missed: asked of others, and taken in with their proofs while nothing else is done.

use super::{ConsensusError, Done, Ledger, Task, elsewhere};
use crate::{
    chain::ChainError,
    consensus::{
        ledger::BroughtIn,
        wire::{BLOCKS_MAX, BlocksRequest},
    },
    frames::decode_within,
};
use codec::Encode;
use quids_core::Height;
use quids_network::{Offence, PeerId, RequestError};
use std::time::{Duration, Instant};

/// What an answer may take in memory: short extrinsics take more there than on the wire.
const BLOCKS_MEMORY_MAX: usize = 192 << 20;

/// How often it is tried to execute a decided block that this node could not tell about.
const EXECUTE_AGAIN: Duration = Duration::from_secs(1);

impl<L: Ledger> Task<L> {
    /// Asks for what is missing.
    pub(super) fn look(&mut self) {
        for block in self.candidates.wanted(Instant::now()) {
            self.fetch(block);
        }
        let undelivered = self.undelivered.as_ref().map(|justification| justification.block);
        if let Some(block) = undelivered.filter(|_| self.executed_again.elapsed() >= EXECUTE_AGAIN) {
            self.executed_again = Instant::now();
            self.check_again(vec![block]);
        }
        for bytes in std::mem::take(&mut self.unsent) {
            self.publish(bytes);
        }
        if let Some((height, peer)) = self.heads.highest()
            && height >= self.height
        {
            self.catch_up.heard(height.next().unwrap_or(Height::MAX), peer);
        }
        let peers = self.peers();
        let Some(from) = self.catch_up.ask(self.height, &peers, Instant::now()) else {
            return;
        };
        let height = self.height;
        let request = BlocksRequest {
            from: height,
            max: BLOCKS_MAX,
        };
        let (network, tell) = (self.network.clone(), self.tell.clone());
        tokio::spawn(async move {
            let outcome = network.request(from, L::MISSED, request.encode()).await;
            let _ = tell.send(Done::Blocks { height, from, outcome });
        });
    }

    pub(super) fn on_blocks(&mut self, height: Height, from: PeerId, outcome: Result<Vec<u8>, RequestError>) {
        self.catch_up.answered();
        let bytes = match outcome {
            Ok(bytes) => bytes,
            Err(error) => {
                if error == RequestError::Timeout {
                    self.network.report(from, Offence::Slow);
                }
                tracing::debug!("{from} gave no blocks: {error}");
                return;
            }
        };
        let blocks = decode_within::<Vec<L::Final>>(&bytes, BLOCKS_MEMORY_MAX).ok();
        let Some(blocks) = blocks.filter(|blocks| blocks.len() <= BLOCKS_MAX as usize) else {
            self.network.report(from, Offence::WrongAnswer);
            return;
        };
        if blocks.is_empty() && self.heads.of(&from).is_some_and(|(head, _)| head >= height) {
            // It said that it has them.
            self.network.report(from, Offence::Withheld);
            self.heads.forget(&from);
            return;
        }
        if blocks.is_empty() && self.engine.height().is_none() {
            // Nothing was missed, as far as this peer knows.
            self.begins = Some(Instant::now());
        }
        // Some may have been decided here meanwhile.
        let known = self.height.saturating_sub(height).0 as usize;
        let blocks: Vec<_> = blocks.into_iter().skip(known).collect();
        if !blocks.is_empty() {
            self.bring_in(blocks, from);
        }
    }

    /// Takes final blocks of others in; nothing else is done meanwhile.
    fn bring_in(&mut self, blocks: Vec<L::Final>, from: PeerId) {
        self.is_bringing_in = true;
        self.tell_status();
        let ledger = self.ledger.clone();
        let bring_in = move || Ok(ledger.bring_in(blocks));
        elsewhere(self.tell.clone(), bring_in, move |blocks| Done::BroughtIn {
            from,
            blocks: blocks.unwrap_or_else(|panicked| BroughtIn {
                count: 0,
                outcome: Err(panicked),
            }),
        });
    }

    pub(super) fn on_brought_in(&mut self, from: PeerId, blocks: BroughtIn) -> Result<(), ConsensusError> {
        self.is_bringing_in = false;
        let BroughtIn { count, outcome } = blocks;
        if count > 0 {
            let (height, hash) = self.ledger.best();
            tracing::info!("block {height} {hash:?}: the last of {count} that others had decided");
            self.metrics.brought_in(count);
            self.catch_up.hurry();
            self.turn_to(height)?;
        }
        self.tell_status();
        match outcome {
            Ok(()) => Ok(()),
            Err(error @ ChainError::InvalidButFinal { .. }) => Err(error.into()),
            Err(error) if error.is_fatal() => Err(error.into()),
            Err(error) if error.is_local() => {
                tracing::warn!("block {} could not be executed: {error}", self.height);
                Ok(())
            }
            Err(error) => {
                tracing::debug!("{from} gave as final: {error}");
                self.network.report(from, Offence::WrongAnswer);
                Ok(())
            }
        }
    }
}
