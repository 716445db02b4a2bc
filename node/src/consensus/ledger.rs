//! What deciding knows of the chain. A full node has its state, a witness no more than the last header.

use super::{offence, wire::Bodies};
use crate::{
    beacon::HashChain,
    chain::{Candidate, Chain, ChainError, FinalBlock, Proposal as Wish, Recorded, Refused, RowError},
    clock::Clock,
    pool::SharedPool,
    signing::Signing,
};
use codec::{DecodeWithMemTracking, Encode};
use quids_api::{
    InherentData, TIMESTAMP_INHERENT, names,
    pobpc::{JUSTIFICATION_INHERENT, NextHeight, POBPC_ENGINE_ID, ToSay},
    signing::{OpenRequest, SIGNING_INHERENT},
};
use quids_core::{AccountId20, Block, DigestItem, Hash, Height};
use quids_network::RequestKind;
use quids_pobpc::{Committee, Evidence, Justification};
use std::{convert::Infallible, sync::Arc, time::Instant};

/// A block that was executed and is not stored.
pub struct Executed<O> {
    /// What has to be stored for it.
    pub outcome: O,
    /// Its own time, where it is to be held against this node's clock.
    pub timestamp_ms: Option<u64>,
    pub extrinsics: usize,
}

/// A block of this node.
pub struct Made<O> {
    pub block: Block,
    pub executed: Executed<O>,
}

/// What a block of this node is to be.
pub struct BlockWish {
    /// In whose name.
    pub account: Option<AccountId20>,
    /// Some members have no state, and need its proof.
    pub has_witnesses: bool,
    pub count_max: usize,
    /// No transaction is begun after this.
    pub deadline: Instant,
}

/// Final blocks of others, as far as they were taken in.
pub struct BroughtIn {
    pub count: usize,
    /// Why it was not all of them.
    pub outcome: Result<(), ChainError>,
}

/// Where blocks are executed and stored, one after the other. Calls may take long; none is made on an async thread.
pub trait Ledger: Send + Sync + 'static {
    type Outcome: Send + 'static;
    /// A final block as others give it.
    type Final: DecodeWithMemTracking + Send + 'static;
    /// How final blocks are asked for: a `BlocksRequest`, upon which comes a `Vec<Self::Final>`.
    const MISSED: RequestKind;

    fn genesis(&self) -> Hash;
    /// The last block.
    fn best(&self) -> (Height, Hash);
    /// Who decides the block after it.
    fn next_height(&self) -> Result<Option<NextHeight>, ChainError>;
    /// A block of this node after the last one; `None` if it makes none.
    fn build(&self, wish: BlockWish) -> Result<Option<Made<Self::Outcome>>, ChainError>;
    /// Executes a child of the last block.
    ///
    /// Errors: [`ChainError::OtherBody`] if the header does not commit to the extrinsics, which says nothing about the block.
    fn check(&self, block: &Block) -> Result<Executed<Self::Outcome>, ChainError>;
    /// Stores a block that was decided, and makes it the last one.
    fn store(&self, outcome: Self::Outcome, justification: &Justification) -> Result<(), ChainError>;
    /// Takes in final blocks after the last one.
    fn bring_in(&self, blocks: Vec<Self::Final>) -> BroughtIn;
    /// Requests of contracts that may be signed after the last block, as far as this node knows, oldest first.
    fn signing_queue(&self) -> Result<Vec<OpenRequest>, ChainError>;
    /// The committee of a height before the next, if this node knows it.
    fn committee_at(&self, height: Height) -> Result<Option<Committee>, ChainError>;
    /// Tells the chain of a member that signed two messages for one place.
    fn report(&self, evidence: &Evidence);
    /// A child of the last block was decided, and is invalid: has a proof of that for others, if there can be one.
    fn accuse(&self, block: &Block, justification: &Justification);
}

/// That of a node with the state.
pub struct Full {
    pub chain: Arc<Chain>,
    pub pool: Arc<SharedPool>,
    pub bodies: Arc<Bodies>,
    /// What members signed for contracts.
    pub signing: Arc<Signing>,
    /// What this node reveals in its blocks, if it makes any.
    pub links: Option<HashChain>,
}

/// A block with the transactions that were tried in vain when this node built it.
pub struct Built {
    candidate: Candidate,
    refused: Vec<Refused>,
}

impl Ledger for Full {
    type Outcome = Built;
    type Final = FinalBlock;
    const MISSED: RequestKind = RequestKind::Blocks;

    fn genesis(&self) -> Hash {
        self.chain.genesis()
    }

    fn best(&self) -> (Height, Hash) {
        self.chain.best()
    }

    fn next_height(&self) -> Result<Option<NextHeight>, ChainError> {
        self.chain.next_height()
    }

    fn build(&self, wish: BlockWish) -> Result<Option<Made<Built>>, ChainError> {
        let now = Clock::default().next_ms(self.chain.last_timestamp()?);
        let mut count_max = wish.count_max;
        let (candidate, refused) = loop {
            match self.build_of(&wish, now, count_max) {
                Err(error) if error.is_too_much_for_a_proof() && count_max > 0 => {
                    tracing::warn!("a block of {count_max} transactions needs too large a proof: {error}");
                    count_max /= 2;
                }
                outcome => break outcome?,
            }
        };
        let block = candidate.block();
        let executed = Executed {
            // It is this node's own clock's.
            timestamp_ms: None,
            extrinsics: block.extrinsics.len(),
            outcome: Built { candidate, refused },
        };
        Ok(Some(Made { block, executed }))
    }

    fn check(&self, block: &Block) -> Result<Executed<Built>, ChainError> {
        let candidate = self.chain.check(block)?;
        Ok(Executed {
            timestamp_ms: candidate.timestamp_ms(),
            extrinsics: block.extrinsics.len(),
            outcome: Built {
                candidate,
                refused: Vec::new(),
            },
        })
    }

    fn store(&self, built: Built, justification: &Justification) -> Result<(), ChainError> {
        let new = self.chain.decide(built.candidate, justification.encode())?;
        self.pool.on_block(&new, &built.refused);
        Ok(())
    }

    fn bring_in(&self, blocks: Vec<FinalBlock>) -> BroughtIn {
        let mut rest = blocks.into_iter();
        let mut count = 0;
        let outcome: Result<(), RowError<Infallible>> = self.chain.import_row(&mut || Ok(rest.next()), &mut |new| {
            self.pool.on_block(new, &[]);
            count += 1;
        });
        let outcome = outcome.map_err(|error| match error {
            RowError::Source(never) => match never {},
            RowError::Refused { error, .. } => error,
        });
        BroughtIn { count, outcome }
    }

    fn signing_queue(&self) -> Result<Vec<OpenRequest>, ChainError> {
        self.chain.signing_queue()
    }

    fn committee_at(&self, height: Height) -> Result<Option<Committee>, ChainError> {
        self.chain.ask(names::POBPC_COMMITTEE_AT, &height)
    }

    fn report(&self, evidence: &Evidence) {
        offence::report(&self.chain, &self.pool, evidence);
    }

    fn accuse(&self, block: &Block, justification: &Justification) {
        self.chain.accuse_decided(block, justification);
    }
}

impl Full {
    fn build_of(&self, wish: &BlockWish, now: u64, count_max: usize) -> Result<(Candidate, Vec<Refused>), ChainError> {
        let mut inherents = InherentData::default();
        inherents.put(TIMESTAMP_INHERENT, &now);
        let certificates = self.signing.certificates();
        if !certificates.is_empty() {
            inherents.put(SIGNING_INHERENT, &certificates);
        }
        let mut digest = Vec::new();
        self.put_for_draws(wish, &mut inherents, &mut digest)?;
        let transactions = self.pool.ready(count_max);
        let proposal = Wish {
            author: wish.account,
            digest,
            inherents,
            transactions: &mut transactions.into_iter().map(|bytes| bytes.to_vec()),
            deadline: wish.deadline,
            count_max,
        };
        let (candidate, refused) = self.chain.propose(proposal, wish.has_witnesses)?;
        if let Some(Recorded { proof, blobs }) = candidate.proof()? {
            let hash = candidate.header().hash();
            self.bodies.put_proof(hash, proof.encode().into(), blobs);
        }
        Ok((candidate, refused))
    }

    /// Where committees are drawn: what this node reveals, and who voted for the parent.
    fn put_for_draws(
        &self,
        wish: &BlockWish,
        inherents: &mut InherentData,
        digest: &mut Vec<DigestItem>,
    ) -> Result<(), ChainError> {
        let Some(ToSay { commitment }) = wish.account.map_or(Ok(None), |who| self.chain.to_say(&who))? else {
            return Ok(());
        };
        let (_, best) = self.chain.best();
        if let Some(proof) = self.chain.justification(&best)? {
            inherents.put(JUSTIFICATION_INHERENT, &proof);
        }
        if let Some(link) = commitment.and_then(|commitment| self.links.as_ref()?.before(&commitment)) {
            digest.push(DigestItem::PreRuntime(POBPC_ENGINE_ID, link.encode()));
        }
        Ok(())
    }
}
