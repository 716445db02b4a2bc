//! What a witness knows of the chain: the last header, and who decides the next block.

use super::proofs::{Proofs, Wanted};
use crate::{
    ahead::UpgradeChange,
    chain::{
        ChainError, FinalHeader, FraudKeeper, FraudProof, Frauds, NoFraud, Stateless, Trusted, Witnessed, check_recent,
        stored_fraud,
    },
    consensus::{BlockWish, BroughtIn, Executed, Ledger, Made},
    peers::Validators,
};
use codec::{Decode, DecodeAll, Encode};
use parking_lot::RwLock;
use quids_api::{
    pobpc::{NextCommittee, NextHeight},
    signing::{OpenRequest, SIGNING_LIFETIME},
};
use quids_core::{AUTHOR_ENGINE_ID, AccountId20, Block, DigestItem, Hash, Header, Height};
use quids_crypto::PublicKey;
use quids_db::Database;
use quids_metrics::Registry;
use quids_network::RequestKind;
use quids_pobpc::{Committee, Evidence, Justification};
use quids_rpc::Notification;
use quids_state::{BatchProof, Blobs};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::{broadcast, mpsc};

/// Key of the client's entry that holds who decides the next block: SCALE of `NextHeight`.
pub(super) const NEXT: &[u8] = b"witness/next";
/// Notifications that a slow subscriber may be behind before it misses some.
const NOTIFICATIONS_MAX: usize = 256;
/// Committees that are remembered: at 128 seats of ML-DSA-87 they have 20 MiB.
const COMMITTEES_MAX: usize = 64;
/// The shortest and the longest interval that a chain can have: no header commits to it.
const INTERVAL_MS_MIN: u64 = 50;
const INTERVAL_MS_MAX: u64 = 600_000;

/// See the module.
pub struct Witness {
    db: Arc<Database>,
    genesis: Hash,
    stateless: Stateless,
    proofs: Proofs,
    validators: Arc<Validators>,
    last: RwLock<Last>,
    /// Who decided recent heights: those signed what contracts asked for before.
    decided: RwLock<Decided>,
    frauds: Frauds,
    notifications: broadcast::Sender<Arc<Notification>>,
    /// What blocks change of upgrades, for whoever compiles code ahead.
    upgrades: mpsc::Sender<Vec<UpgradeChange>>,
}

#[derive(Clone)]
struct Last {
    header: Header,
    next: NextHeight,
    /// What contracts want signed, as the last block that this node executed and that changed it left it.
    signing: Vec<OpenRequest>,
}

/// Committees by the first height that each decided, up to the last height, as long as a request of such a height may be open: the last
/// [`COMMITTEES_MAX`] of them. After a start only those that come.
#[derive(Default)]
struct Decided {
    committees: BTreeMap<Height, Arc<Committee>>,
    last: Height,
}

impl Decided {
    fn put(&mut self, height: Height, committee: &Committee) {
        self.last = height;
        let before = self.committees.values().next_back();
        if before.is_none_or(|before| **before != *committee) {
            self.committees.insert(height, Arc::new(committee.clone()));
        }
        // Of those before, the last one reaches into what may still be open.
        let open = height.saturating_sub(SIGNING_LIFETIME);
        let first = self.committees.range(..=open).next_back().map(|(first, _)| *first);
        if let Some(first) = first {
            self.committees = self.committees.split_off(&first);
        }
        if self.committees.len() > COMMITTEES_MAX {
            self.committees.pop_first();
        }
    }

    /// `None` of heights that are not decided yet, too.
    fn at(&self, height: Height) -> Option<Committee> {
        let (_, committee) = self.committees.range(..=height).next_back()?;
        (height <= self.last).then(|| Committee::clone(committee))
    }
}

impl Witness {
    /// Over a database of headers, which has its genesis.
    pub fn open(
        db: Arc<Database>,
        stateless: Stateless,
        proofs: Proofs,
        validators: Arc<Validators>,
        registry: &Registry,
        upgrades: mpsc::Sender<Vec<UpgradeChange>>,
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
            last: RwLock::new(Last {
                header,
                next,
                signing: Vec::new(),
            }),
            decided: RwLock::default(),
            notifications: broadcast::channel(NOTIFICATIONS_MAX).0,
            upgrades,
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

    fn put(
        &self,
        header: Header,
        justification: &Justification,
        next: NextHeight,
        signing: Option<Vec<OpenRequest>>,
    ) -> Result<(), ChainError> {
        let aux = [(NEXT.to_vec(), next.encode())];
        let hash = self.db.store_state_update(&header, &justification.encode(), &aux)?;
        self.validators.put_committee(&next.committee);
        let code_changed = header.digest.logs.contains(&DigestItem::RuntimeEnvironmentUpdated);
        let mut last = self.last.write();
        self.decided.write().put(header.number, &last.next.committee);
        last.header = header.clone();
        last.next = next;
        if let Some(signing) = signing {
            last.signing = signing;
        }
        drop(last);
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
        check_recent(number, last.header.number)?;
        let trusted = Trusted {
            genesis: self.genesis,
            parent: hash,
            // Who decided block 1 is not known later.
            first: (last.header.number == Height::ZERO).then(|| NextCommittee::from(&last.next)),
        };
        // Others have the runtime's code and no other value, so that is all that counts here.
        let nothing: Arc<dyn Blobs> = Arc::new(());
        let fraud = self.stateless.verify_fraud(&trusted, proof, &nothing)?;
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
        // What the block did is not known.
        self.put(item.header, &item.justification, next, None)
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
    let next = next.as_ref().unwrap_or(deciding);
    if next.accounts.len() != next.committee.seats().len() {
        let (accounts, seats) = (next.accounts.len(), next.committee.seats().len());
        return Err(format!("{accounts} accounts are given for {seats} seats"));
    }
    let next = NextHeight {
        // What the header does not commit to is not known before a block is executed.
        max_transactions: u32::MAX,
        batch_interval_ms: next.batch_interval_ms.clamp(INTERVAL_MS_MIN, INTERVAL_MS_MAX),
        ..next.clone()
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

    fn build(&self, _: BlockWish) -> Result<Option<Made<Witnessed>>, ChainError> {
        Ok(None)
    }

    fn check(&self, block: &Block) -> Result<Executed<Witnessed>, ChainError> {
        let last = self.last.read().clone();
        let author = block.header.digest.logs.iter().find_map(|item| match item {
            DigestItem::PreRuntime(AUTHOR_ENGINE_ID, bytes) => AccountId20::decode(&mut &bytes[..]).ok(),
            _ => None,
        });
        let author = author.and_then(|author| Self::key_of(&last.next, &author));
        let parent = last.header.hash();
        let wanted = Wanted {
            parent: &last.header,
            block,
            author: author.as_ref(),
            is_wanted: &|| self.best().1 == parent,
        };
        let witnessed = self.proofs.execute(&self.stateless, &wanted)?;
        Ok(Executed {
            timestamp_ms: witnessed.timestamp_ms,
            extrinsics: block.extrinsics.len(),
            outcome: witnessed,
        })
    }

    fn store(&self, witnessed: Witnessed, justification: &Justification) -> Result<(), ChainError> {
        let Witnessed {
            header,
            next,
            signing,
            upgrades,
            ..
        } = witnessed;
        let next = next.ok_or(ChainError::NoValidators)?;
        self.put(header, justification, next, signing)?;
        if !upgrades.is_empty() && self.upgrades.try_send(upgrades).is_err() {
            tracing::debug!("code of an upgrade is compiled when it is needed");
        }
        Ok(())
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

    fn signing_queue(&self) -> Result<Vec<OpenRequest>, ChainError> {
        let last = self.last.read();
        let next = last.header.number.next().unwrap_or(Height::MAX);
        let open = last.signing.iter().filter(|open| open.is_open_at(next));
        Ok(open.copied().collect())
    }

    fn committee_at(&self, height: Height) -> Result<Option<Committee>, ChainError> {
        Ok(self.decided.read().at(height))
    }

    fn report(&self, _: &Evidence) {
        // Full nodes see the same two messages, and have the pool that the report goes to.
    }

    fn accuse(&self, block: &Block, justification: &Justification) {
        let hash = block.header.hash();
        let Some(bytes) = self.proofs.bodies.proof(&hash) else {
            return tracing::error!("there is no fraud proof of block {hash:?}: its batch proof is gone");
        };
        let Last { header, next, .. } = self.last.read().clone();
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

#[cfg(test)]
mod tests {
    use super::*;
    use quids_api::pobpc::POBPC_ENGINE_ID;
    use quids_core::Digest;
    use quids_crypto::{KeyPair, SignatureScheme};
    use quids_pobpc::{Ballot, Role, Round, Seat, SeatIndex, Threshold};

    const GENESIS: Hash = Hash::repeat_byte(7);

    fn key(number: u8) -> KeyPair {
        KeyPair::from_seed(SignatureScheme::Falcon512, &[number; 32]).unwrap()
    }

    /// Four of them, from this number on.
    fn next(first: u8) -> NextHeight {
        let seat = |number| Seat {
            key: key(number).public().clone(),
            role: Role::Full,
        };
        NextHeight {
            committee: Committee::new((first..first + 4).map(seat).collect()).unwrap(),
            accounts: (first..first + 4).map(|number| AccountId20([number; 20])).collect(),
            threshold: Threshold::DEFAULT,
            batch_interval_ms: 1000,
            max_transactions: 100,
        }
    }

    fn header(parent: &Header, next: &NextHeight) -> Header {
        Header {
            parent_hash: parent.hash(),
            number: parent.number.next().unwrap(),
            state_root: Hash::repeat_byte(1),
            extrinsics_root: Hash::repeat_byte(2),
            digest: Digest {
                logs: vec![DigestItem::Consensus(
                    POBPC_ENGINE_ID,
                    NextCommittee::from(next).encode(),
                )],
            },
        }
    }

    /// Signed by these seats of the four from `first` on.
    fn signed(header: &Header, first: u8, seats: &[u16]) -> Justification {
        let mut this = Justification {
            height: header.number,
            round: Round(2),
            block: header.hash(),
            signatures: Vec::new(),
        };
        let message = this.vote().signed_bytes(&GENESIS);
        let sign = |seat: &u16| (SeatIndex(*seat), key(first + *seat as u8).sign(&message));
        this.signatures = seats.iter().map(sign).collect();
        this
    }

    fn genesis() -> Header {
        Header {
            parent_hash: Hash::zero(),
            number: Height::ZERO,
            state_root: Hash::zero(),
            extrinsics_root: Hash::zero(),
            digest: Digest::default(),
        }
    }

    /// A request whose height passed before this node heard of it has the committee that decided that height.
    #[test]
    fn who_decided_is_known_as_long_as_requests_may_be_open() {
        let mut decided = Decided::default();
        let committees: Vec<_> = (0..10).map(|first| next(first).committee).collect();
        let of = |first: usize| committees[first].clone();
        for height in 10..1000u32 {
            // A new one at 10, 100, 200 and so on.
            decided.put(Height(height), &committees[height as usize / 100]);
        }
        for (height, first) in [(450, 4), (499, 4), (500, 5), (999, 9)] {
            assert_eq!(decided.at(Height(height)), Some(of(first)), "{height}");
        }
        for height in [9, 100, 299, 1000] {
            assert_eq!(decided.at(Height(height)), None, "{height}");
        }
        assert_eq!(decided.committees.len(), 7);
        // Where each height has another one, those of the last heights are known.
        for height in 1000..1200u32 {
            decided.put(Height(height), &committees[height as usize % 10]);
        }
        assert_eq!(decided.committees.len(), COMMITTEES_MAX);
        assert_eq!(
            (decided.at(Height(1199)), decided.at(Height(1100))),
            (Some(of(9)), None)
        );
    }

    #[test]
    fn a_header_is_taken_only_with_what_makes_it_final() {
        let (last, now, then) = (genesis(), next(1), next(5));
        let right = || {
            let header = header(&last, &then);
            FinalHeader {
                justification: signed(&header, 1, &[0, 1, 3]),
                header,
                next: Some(then.clone()),
            }
        };
        let taken = verified(&last, &now, &right(), &GENESIS).unwrap();
        // What no header commits to is not believed.
        let unbounded = u32::MAX;
        assert_eq!(
            (taken.committee, taken.max_transactions),
            (then.committee.clone(), unbounded)
        );
        // Who decided goes on where nothing else is given and the header says so.
        let stays = header(&last, &now);
        let item = FinalHeader {
            justification: signed(&stays, 1, &[1, 2, 3]),
            header: stays,
            next: None,
        };
        assert_eq!(verified(&last, &now, &item, &GENESIS).unwrap().committee, now.committee);
        type Change = fn(&mut FinalHeader);
        let wrong: [(&str, Change); 9] = [
            ("no child", |item| item.header.parent_hash = Hash::repeat_byte(9)),
            ("no child", |item| item.header.number = Height(2)),
            ("is for block", |item| item.justification.height = Height(2)),
            ("is for block", |item| item.header.state_root = Hash::zero()),
            ("", |item| item.justification = signed(&item.header, 1, &[0, 1])),
            ("", |item| item.justification = signed(&item.header, 5, &[0, 1, 2])),
            ("as deciding next", |item| item.next = None),
            ("as deciding next", |item| item.next = Some(next(9))),
            ("accounts are given", |item| {
                item.next.as_mut().unwrap().accounts.push(AccountId20([0; 20]));
            }),
        ];
        for (at, (reason, change)) in wrong.into_iter().enumerate() {
            let mut item = right();
            change(&mut item);
            let error = verified(&last, &now, &item, &GENESIS).unwrap_err();
            assert!(error.contains(reason), "{at}: {error}");
        }
        // Another chain's.
        verified(&last, &now, &right(), &Hash::zero()).unwrap_err();
        for (given, kept) in [(0, INTERVAL_MS_MIN), (1000, 1000), (u64::MAX, INTERVAL_MS_MAX)] {
            let mut item = right();
            item.next.as_mut().unwrap().batch_interval_ms = given;
            assert_eq!(verified(&last, &now, &item, &GENESIS).unwrap().batch_interval_ms, kept);
        }
    }
}
