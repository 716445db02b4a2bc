//! What a witness knows of the chain: the last header, and who decides the next block.

use super::proofs::Proofs;
use crate::{
    chain::{
        ChainError, FinalHeader, FraudKeeper, FraudProof, Frauds, NoFraud, Stateless, Trusted, Witnessed, stored_fraud,
    },
    consensus::{BlockWish, BroughtIn, Executed, Ledger},
    peers::Validators,
};
use codec::{Decode, DecodeAll, Encode};
use parking_lot::RwLock;
use quids_api::pobpc::{NextCommittee, NextHeight};
use quids_core::{AUTHOR_ENGINE_ID, AccountId20, Block, DigestItem, Hash, Header, Height};
use quids_crypto::PublicKey;
use quids_db::Database;
use quids_metrics::Registry;
use quids_network::RequestKind;
use quids_pobpc::{Evidence, Justification};
use quids_rpc::Notification;
use quids_state::{BatchProof, Blobs};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Key of the client's entry that holds who decides the next block: SCALE of `NextHeight`.
pub(super) const NEXT: &[u8] = b"witness/next";
/// Notifications that a slow subscriber may be behind before it misses some.
const NOTIFICATIONS_MAX: usize = 256;
/// The longest interval that is taken from a peer: no header commits to it.
const INTERVAL_MS_MAX: u64 = 60_000;

/// See the module.
pub struct Witness {
    db: Arc<Database>,
    genesis: Hash,
    stateless: Stateless,
    proofs: Proofs,
    validators: Arc<Validators>,
    last: RwLock<Last>,
    frauds: Frauds,
    notifications: broadcast::Sender<Arc<Notification>>,
}

#[derive(Clone)]
struct Last {
    header: Header,
    next: NextHeight,
}

impl Witness {
    /// Over a database of headers, which has its genesis.
    pub fn open(
        db: Arc<Database>,
        stateless: Stateless,
        proofs: Proofs,
        validators: Arc<Validators>,
        registry: &Registry,
    ) -> Result<Self, ChainError> {
        let (_, best) = db.best()?;
        let header = db.header(&best)?.ok_or(ChainError::UnknownBlock(best))?;
        let bytes = db.aux(NEXT)?.unwrap_or_default();
        let next = NextHeight::decode_all(&mut &bytes[..]).map_err(ChainError::decode("witness/next"))?;
        validators.put_committee(&next.committee);
        Ok(Self {
            genesis: db.genesis()?.unwrap_or_default(),
            frauds: Frauds::open(&db, registry, false)?,
            db,
            stateless,
            proofs,
            validators,
            last: RwLock::new(Last { header, next }),
            notifications: broadcast::channel(NOTIFICATIONS_MAX).0,
        })
    }

    pub fn database(&self) -> &Arc<Database> {
        &self.db
    }

    /// New blocks from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Notification>> {
        self.notifications.subscribe()
    }

    /// Who signs blocks in this account's name.
    fn key_of(next: &NextHeight, author: &AccountId20) -> Option<PublicKey> {
        let seat = next.accounts.iter().position(|account| account == author)?;
        next.committee.seats().get(seat).map(|seat| seat.key.clone())
    }

    fn put(&self, header: Header, justification: &Justification, next: NextHeight) -> Result<(), ChainError> {
        let aux = [(NEXT.to_vec(), next.encode())];
        let hash = self.db.store_state_update(&header, &justification.encode(), &aux)?;
        self.validators.put_committee(&next.committee);
        let code_changed = header.digest.logs.contains(&DigestItem::RuntimeEnvironmentUpdated);
        *self.last.write() = Last {
            header: header.clone(),
            next,
        };
        // Nobody listening is fine.
        let _ = self.notifications.send(Arc::new(Notification {
            hash,
            header,
            is_imported: true,
            is_new_best: true,
            is_finalised: true,
            code_changed,
            retracted: Vec::new(),
        }));
        Ok(())
    }

    /// Keeps a fraud proof about a child of this chain, if it is one.
    fn keep(&self, proof: FraudProof) -> Result<(), NoFraud> {
        let (number, hash) = (proof.parent.number, proof.parent.hash());
        if !self.has_at(number, hash)? {
            return Err(NoFraud::UnknownParent { number, hash });
        }
        let last = self.last.read().clone();
        let trusted = Trusted {
            genesis: self.genesis,
            parent: hash,
            // Who decided block 1 is not known later.
            first: (last.header.number == Height::ZERO).then(|| NextCommittee::from(&last.next)),
        };
        let blobs: Arc<dyn Blobs> = self.proofs.bodies.clone();
        let fraud = self.stateless.verify_fraud(&trusted, proof, &blobs)?;
        Ok(self.frauds.put(&self.db, &fraud)?)
    }

    /// Takes in the header after the last one, if it is final.
    fn take(&self, item: FinalHeader) -> Result<(), ChainError> {
        let last = self.last.read().clone();
        let next = verified(&last.header, &last.next, &item, &self.genesis).map_err(|reason| ChainError::Unproven {
            number: item.header.number,
            hash: item.header.hash(),
            reason,
        })?;
        self.put(item.header, &item.justification, next)
    }
}

/// Who decides the child of a final header, once it is shown that it is final.
fn verified(last: &Header, deciding: &NextHeight, item: &FinalHeader, genesis: &Hash) -> Result<NextHeight, String> {
    let FinalHeader {
        header,
        justification,
        next,
    } = item;
    if header.parent_hash != last.hash() || Some(header.number) != last.number.next() {
        return Err(format!("it is no child of the last block, {}", last.number));
    }
    if (justification.height, justification.block) != (header.number, header.hash()) {
        return Err(format!("its justification is for block {}", justification.height));
    }
    justification
        .verify(genesis, &deciding.committee, deciding.threshold, &quids_crypto::verify)
        .map_err(|error| error.to_string())?;
    let next = match next {
        None => deciding.clone(),
        Some(next) => NextHeight {
            // What the header does not commit to is not known before a block is executed.
            max_transactions: u32::MAX,
            batch_interval_ms: next.batch_interval_ms.min(INTERVAL_MS_MAX),
            ..next.clone()
        },
    };
    let (stated, given) = (NextCommittee::of(header), NextCommittee::from(&next));
    if stated != Some(given) {
        return Err(format!("its header names {stated:?} as deciding next, not {given:?}"));
    }
    Ok(next)
}

impl Ledger for Witness {
    type Outcome = Witnessed;
    type Final = FinalHeader;
    const MISSED: RequestKind = RequestKind::Headers;

    fn genesis(&self) -> Hash {
        self.genesis
    }

    fn best(&self) -> (Height, Hash) {
        let last = self.last.read();
        (last.header.number, last.header.hash())
    }

    fn next_height(&self) -> Result<Option<NextHeight>, ChainError> {
        Ok(Some(self.last.read().next.clone()))
    }

    fn build(&self, _: BlockWish) -> Result<Option<(Block, Executed<Witnessed>)>, ChainError> {
        Ok(None)
    }

    fn check(&self, block: &Block) -> Result<Executed<Witnessed>, ChainError> {
        let last = self.last.read().clone();
        let author = block.header.digest.logs.iter().find_map(|item| match item {
            DigestItem::PreRuntime(AUTHOR_ENGINE_ID, bytes) => AccountId20::decode(&mut &bytes[..]).ok(),
            _ => None,
        });
        let author = author.and_then(|author| Self::key_of(&last.next, &author));
        let witnessed = self
            .proofs
            .execute(&self.stateless, &last.header, block, author.as_ref())?;
        Ok(Executed {
            timestamp_ms: witnessed.timestamp_ms,
            extrinsics: block.extrinsics.len(),
            outcome: witnessed,
        })
    }

    fn store(&self, witnessed: Witnessed, justification: &Justification) -> Result<(), ChainError> {
        let Witnessed { header, next, .. } = witnessed;
        let next = next.ok_or(ChainError::NoValidators)?;
        self.put(header, justification, next)
    }

    fn bring_in(&self, headers: Vec<FinalHeader>) -> BroughtIn {
        let mut count = 0;
        let outcome = headers.into_iter().try_for_each(|header| {
            self.take(header)?;
            count += 1;
            Ok(())
        });
        BroughtIn { count, outcome }
    }

    fn report(&self, _: &Evidence) {
        // Full nodes see the same two messages, and have the pool that the report goes to.
    }

    fn accuse(&self, block: &Block, justification: &Justification) {
        let hash = block.header.hash();
        let Some(bytes) = self.proofs.bodies.proof(&hash) else {
            return tracing::error!("there is no fraud proof of block {hash:?}: its batch proof is gone");
        };
        let Last { header, next } = self.last.read().clone();
        let accused = BatchProof::decode_all(&mut &bytes[..]).map_err(|error| NoFraud::Undecodable(error.to_string()));
        let accused = accused.and_then(|proof| {
            self.keep(FraudProof {
                parent: header,
                committee: next.committee,
                block: block.clone(),
                justification: justification.clone(),
                proof,
            })
        });
        if let Err(error) = accused {
            tracing::error!("block {hash:?} is final and invalid, but there is no fraud proof of it: {error}");
        }
    }
}

impl FraudKeeper for Witness {
    fn frauds(&self) -> &Frauds {
        &self.frauds
    }

    fn has_at(&self, height: Height, hash: Hash) -> Result<bool, ChainError> {
        Ok(self.db.hash_at(height)? == Some(hash))
    }

    fn has_executed(&self, _: Height, _: Hash) -> Result<bool, ChainError> {
        // What it caught up with it took by headers.
        Ok(false)
    }

    fn take_in_fraud(&self, asked: Hash, bytes: &[u8]) -> Result<(), NoFraud> {
        self.keep(FraudProof::decode_about(asked, bytes)?)
    }

    fn fraud_proof(&self, block: &Hash) -> Result<Option<Vec<u8>>, ChainError> {
        Ok(stored_fraud(&self.db, block)?.map(|(proof, _)| proof.encode()))
    }
}
