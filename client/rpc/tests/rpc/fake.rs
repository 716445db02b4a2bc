//! A node that keeps a few blocks in memory.

use crate::fake_evm::Evm;
use codec::{Decode, Encode};
use quids_api::evm::{EvmBlock, EvmOutcome, EvmTransaction, TraceOptions};
use quids_api::*;
use quids_core::*;
use quids_crypto::{PublicKey, SignatureScheme};
use quids_pobpc::{Justification, Round};
use quids_rpc::*;
use quids_txpool::{PoolError, hash_of};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use tokio::sync::{broadcast, mpsc};

pub const CHANNEL: usize = 16;

#[derive(Clone)]
pub struct Block {
    pub header: Header,
    pub body: Vec<OpaqueExtrinsic>,
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub spec_version: u32,
}

pub struct Fake {
    pub blocks: Mutex<Vec<Block>>,
    pub pool: Mutex<Vec<Vec<u8>>>,
    /// Whether each transaction that the pool took came as the owner's.
    pub is_local: Mutex<Vec<bool>>,
    pub feed: broadcast::Sender<Arc<Notification>>,
    pub watchers: Mutex<Vec<mpsc::Sender<TransactionStatus>>>,
    /// Key types and raw public keys.
    pub keys: Mutex<Vec<(String, Vec<u8>)>>,
    pub log_filter: Mutex<String>,
    pub forks: Mutex<Forks>,
    /// What the server asked to keep, and whether it asked amiss.
    pub pins: Mutex<BTreeSet<Hash>>,
    pub pin_faults: AtomicUsize,
    /// The call `wait` ends when this opens.
    pub gate: (Mutex<bool>, Condvar),
    /// Calls of `wait` under way.
    pub waiting: AtomicUsize,
    pub evm: Evm,
    /// Whether no call is done briefly.
    pub is_slow: AtomicBool,
    /// Calls that were done so.
    pub brief_calls: AtomicUsize,
    /// Whether it is a chain of the kind that its user may steer.
    pub is_development: bool,
}

/// Blocks beside and above `Fake::blocks`, and where the chain ends if not there.
#[derive(Default)]
pub struct Forks {
    pub blocks: Vec<Block>,
    pub finalised: Option<Hash>,
    pub best: Option<Hash>,
}

impl Default for Fake {
    fn default() -> Self {
        Self::with_channel(CHANNEL)
    }
}

impl Fake {
    pub fn with_channel(capacity: usize) -> Self {
        let fake = Self {
            blocks: Mutex::default(),
            pool: Mutex::default(),
            is_local: Mutex::default(),
            feed: broadcast::channel(capacity).0,
            watchers: Mutex::default(),
            keys: Mutex::default(),
            log_filter: Mutex::default(),
            forks: Mutex::default(),
            pins: Mutex::default(),
            pin_faults: AtomicUsize::new(0),
            gate: (Mutex::new(false), Condvar::new()),
            waiting: AtomicUsize::new(0),
            evm: Evm::default(),
            is_slow: AtomicBool::new(false),
            brief_calls: AtomicUsize::new(0),
            is_development: true,
        };
        let state = BTreeMap::from([(vec![1], vec![0xaa]), (vec![1, 2], vec![]), (vec![3], vec![0; 40])]);
        for number in 0..3 {
            let mut state = state.clone();
            state.insert(vec![9], vec![number / 2]);
            fake.push(state, 1, vec![DigestItem::PreRuntime(*b"test", vec![number])]);
        }
        fake
    }
}

impl Fake {
    /// Puts a block on top and tells of it.
    pub fn push(&self, state: BTreeMap<Vec<u8>, Vec<u8>>, spec_version: u32, logs: Vec<DigestItem>) -> Header {
        let mut blocks = self.blocks.lock().unwrap();
        let parent = blocks.last();
        let header = Header {
            parent_hash: parent.map(|block| block.header.hash()).unwrap_or_default(),
            number: Height(blocks.len() as u32),
            state_root: Hash::repeat_byte(1),
            extrinsics_root: Hash::repeat_byte(2),
            digest: Digest { logs },
        };
        let code_changed = parent.is_some_and(|block| block.spec_version != spec_version);
        let body = vec![OpaqueExtrinsic(vec![7; 3])];
        blocks.push(Block {
            header: header.clone(),
            body,
            state,
            spec_version,
        });
        drop(blocks);
        let _ = self.feed.send(Arc::new(Notification {
            hash: header.hash(),
            header: header.clone(),
            is_imported: true,
            is_new_best: true,
            is_finalised: true,
            code_changed,
            retracted: Vec::new(),
        }));
        header
    }

    /// A block whose state differs by this.
    pub fn change(&self, key: &[u8], value: &[u8]) -> Header {
        let mut state = self.blocks.lock().unwrap().last().unwrap().state.clone();
        state.insert(key.to_vec(), value.to_vec());
        self.push(state, 1, Vec::new())
    }

    /// A child of this block, which becomes neither best nor final. Tells of it.
    pub fn import(&self, parent: Hash, salt: u8, spec_version: u32) -> Hash {
        let above = self.block(parent).unwrap();
        let mut state = above.state.clone();
        state.insert(vec![9], vec![salt]);
        let header = Header {
            parent_hash: parent,
            number: Height(above.header.number.0 + 1),
            digest: Digest {
                logs: vec![DigestItem::Other(vec![salt])],
            },
            ..above.header
        };
        let hash = header.hash();
        let code_changed = above.spec_version != spec_version;
        self.forks.lock().unwrap().blocks.push(Block {
            header,
            body: vec![OpaqueExtrinsic(vec![7; 3]), OpaqueExtrinsic(vec![salt])],
            state,
            spec_version,
        });
        self.tell(hash, [true, false, false], code_changed);
        hash
    }

    pub fn make_best(&self, hash: Hash) {
        self.forks.lock().unwrap().best = Some(hash);
        self.tell(hash, [false, true, false], false);
    }

    /// Finalises a block and those before it. If the best block is lost, this block is best; nobody is told so.
    pub fn finalise(&self, hash: Hash) {
        let (last, best) = (self.finalised_hash(), self.best_hash());
        let mut path = vec![hash];
        loop {
            let parent = self.block(*path.last().unwrap()).unwrap().header.parent_hash;
            if parent == last {
                break;
            }
            path.push(parent);
        }
        let keeps_best = self.descends(best, hash);
        {
            let mut forks = self.forks.lock().unwrap();
            forks.finalised = Some(hash);
            forks.best = Some(if keeps_best { best } else { hash });
        }
        for hash in path.into_iter().rev() {
            self.tell(hash, [false, false, true], false);
        }
    }

    pub fn tell(&self, hash: Hash, [is_imported, is_new_best, is_finalised]: [bool; 3], code_changed: bool) {
        let header = self.block(hash).unwrap().header;
        let _ = self.feed.send(Arc::new(Notification {
            hash,
            header,
            is_imported,
            is_new_best,
            is_finalised,
            code_changed,
            retracted: Vec::new(),
        }));
    }

    /// Whether `hash` is `ancestor` or comes after it.
    pub fn descends(&self, hash: Hash, ancestor: Hash) -> bool {
        let mut next = Some(hash);
        while let Some(hash) = next {
            if hash == ancestor {
                return true;
            }
            next = self.block(hash).map(|block| block.header.parent_hash);
        }
        false
    }

    pub fn open_gate(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }

    pub fn block(&self, hash: Hash) -> Option<Block> {
        let is_it = |block: &&Block| block.header.hash() == hash;
        let found = self.blocks.lock().unwrap().iter().find(is_it).cloned();
        found.or_else(|| self.forks.lock().unwrap().blocks.iter().find(is_it).cloned())
    }

    fn known(&self, hash: Hash) -> Result<Block, BackendError> {
        self.block(hash).ok_or(BackendError::UnknownBlock(hash))
    }
}

impl Backend for Fake {
    fn chain_name(&self) -> String {
        "Quids Test".into()
    }
    fn chain_type(&self) -> ChainType {
        ChainType::Development
    }
    fn node_name(&self) -> String {
        "quids".into()
    }
    fn node_version(&self) -> String {
        "0.1.0".into()
    }
    fn properties(&self) -> Map<String, Value> {
        let entries = [
            ("isEthereum", json!(true)),
            ("tokenDecimals", json!(18)),
            ("tokenSymbol", json!("QDS")),
        ];
        entries
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
    fn health(&self) -> Health {
        Health::default()
    }
    fn sync_state(&self) -> SyncState {
        SyncState {
            starting: Height(0),
            current: self.block(self.best_hash()).unwrap().header.number,
            highest: Height(2),
        }
    }
    fn node_roles(&self) -> Vec<NodeRole> {
        vec![NodeRole::Authority]
    }
    fn peers(&self) -> Vec<Peer> {
        vec![Peer {
            peer_id: "somebody".into(),
            roles: "FULL".into(),
            best_hash: self.best_hash(),
            best_number: 2,
        }]
    }
    fn listen_addresses(&self) -> Vec<String> {
        vec!["/ip4/127.0.0.1/tcp/30333".into()]
    }
    fn node_info(&self) -> NodeInfo {
        NodeInfo {
            chain_id: "test".into(),
            genesis: self.blocks.lock().unwrap()[0].header.hash(),
            uptime_s: 7,
            database_bytes: Some(1 << 40),
        }
    }
    fn backup(&self, _: u32) -> Result<BackupInfo, BackendError> {
        Ok(BackupInfo {
            folder: "/backups".into(),
            id: 1,
            bytes: 1 << 30,
            timestamp: 1_800_000_000,
        })
    }
    fn check_upgrade(&self, code: &[u8], blocks: u32) -> Result<serde_json::Value, BackendError> {
        let versions = serde_json::json!({ "old": 1, "new": 2 });
        Ok(serde_json::json!({
            "block": 7, "specName": "quids", "specVersion": versions, "transactionVersion": versions,
            "codeBytes": code.len(), "codeHash": "0x00", "refusals": ["a reason"],
            "migration": {
                "weight": { "used": 5, "limit": 9 }, "proofSize": { "used": 5, "limit": null }, "proofBytes": null,
                "stepProofBytes": 512,
                "stepped": [{ "id": "one", "steps": 3, "pausesTransactions": true }],
                "items": [{ "item": "A.B", "added": 1, "changed": 2, "removed": 3 }],
            },
            "interface": [{ "what": "call A.b", "change": "removed", "isBreaking": true }],
            "undecodable": [{ "item": "A.B", "entries": 1, "firstKey": "0x01", "reason": "too short" }],
            "broken": [], "entries": 60,
            "replay": {
                "from": 1, "to": blocks, "extrinsics": 2, "ofUpgrades": 0, "differencesInAll": 1,
                "differences": [{ "block": 1, "extrinsic": null, "old": "a", "new": "b" }],
            },
        }))
    }
    fn add_log_filter(&self, directives: &str) -> Result<(), BackendError> {
        if directives == "bad" {
            return Err(BackendError::Refused("\"bad\" is no directive".into()));
        }
        self.log_filter.lock().unwrap().push_str(directives);
        Ok(())
    }
    fn reset_log_filter(&self) -> Result<(), BackendError> {
        self.log_filter.lock().unwrap().clear();
        Ok(())
    }
    fn insert_key(&self, key_type: &str, suri: &str, public: &[u8]) -> Result<(), BackendError> {
        if suri == "no keystore" {
            return Err(BackendError::Unavailable("it runs without a keystore".into()));
        }
        self.keys.lock().unwrap().push((key_type.into(), public.into()));
        Ok(())
    }
    fn has_key(&self, public: &[u8], key_type: &str) -> Result<bool, BackendError> {
        Ok(self.keys.lock().unwrap().contains(&(key_type.into(), public.into())))
    }
    fn has_session_keys(&self, keys: &[u8]) -> Result<bool, BackendError> {
        self.has_key(keys, "pobp")
    }
    fn rotate_keys(&self) -> Result<Vec<u8>, BackendError> {
        self.insert_key("pobp", "", &[1, 2, 3])?;
        Ok(vec![1, 2, 3])
    }
    fn best_hash(&self) -> Hash {
        let best = self.forks.lock().unwrap().best;
        best.unwrap_or_else(|| self.blocks.lock().unwrap().last().unwrap().header.hash())
    }
    fn finalised_hash(&self) -> Hash {
        let finalised = self.forks.lock().unwrap().finalised;
        finalised.unwrap_or_else(|| self.blocks.lock().unwrap().last().unwrap().header.hash())
    }
    fn heads(&self) -> Result<Heads, BackendError> {
        // The lock is what makes it one moment.
        let (all, finalised, best) = {
            let forks = self.forks.lock().unwrap();
            let all: Vec<_> = forks.blocks.iter().map(|block| block.header.hash()).collect();
            (all, forks.finalised, forks.best)
        };
        let last = self.blocks.lock().unwrap().last().unwrap().header.hash();
        let (finalised, best) = (finalised.unwrap_or(last), best.unwrap_or(last));
        let unfinalised = all
            .into_iter()
            .filter(|hash| *hash != finalised && self.descends(*hash, finalised));
        Ok(Heads {
            finalised,
            best,
            unfinalised: unfinalised.collect(),
        })
    }
    fn hashes_at(&self, height: Height) -> Result<Vec<Hash>, BackendError> {
        let forks = self.forks.lock().unwrap();
        let beside = forks.blocks.iter().filter(|block| block.header.number == height);
        let beside: Vec<_> = beside.map(|block| block.header.hash()).collect();
        drop(forks);
        Ok(self.hash_at(height)?.into_iter().chain(beside).collect())
    }
    fn pin(&self, hash: Hash) {
        let is_new = self.pins.lock().unwrap().insert(hash);
        self.pin_faults.fetch_add(usize::from(!is_new), Ordering::SeqCst);
    }
    fn unpin(&self, hash: Hash) {
        let was_there = self.pins.lock().unwrap().remove(&hash);
        self.pin_faults.fetch_add(usize::from(!was_there), Ordering::SeqCst);
    }
    fn closest_merkle_value(&self, at: Hash, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        let state = self.known(at)?.state;
        let below: Vec<_> = state.iter().filter(|(other, _)| other.starts_with(key)).collect();
        Ok((!below.is_empty()).then(|| vec![below.len() as u8; 32]))
    }
    fn hash_at(&self, height: Height) -> Result<Option<Hash>, BackendError> {
        Ok(self
            .blocks
            .lock()
            .unwrap()
            .get(height.0 as usize)
            .map(|block| block.header.hash()))
    }
    /// Every fourth block comes with one.
    fn justification(&self, hash: Hash) -> Result<Option<Vec<u8>>, BackendError> {
        let header = self.header(hash)?;
        let proof = header
            .filter(|header| header.number.0.is_multiple_of(4))
            .map(|header| Justification {
                height: header.number,
                round: Round(3),
                block: hash,
                signatures: Vec::new(),
            });
        Ok(proof.map(|proof| proof.encode()))
    }

    fn header(&self, hash: Hash) -> Result<Option<Header>, BackendError> {
        Ok(self.block(hash).map(|block| block.header))
    }
    fn body(&self, hash: Hash) -> Result<Option<Vec<OpaqueExtrinsic>>, BackendError> {
        Ok(self.block(hash).map(|block| block.body))
    }
    fn storage(&self, at: Hash, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.known(at)?.state.get(key).cloned())
    }
    fn storage_keys_paged(
        &self,
        at: Hash,
        prefix: &[u8],
        count: u32,
        start: Option<&[u8]>,
    ) -> Result<Vec<Vec<u8>>, BackendError> {
        let state = self.known(at)?.state;
        let keys = state
            .into_keys()
            .filter(|key| key.starts_with(prefix) && start.is_none_or(|start| &key[..] > start));
        Ok(keys.take(count as usize).collect())
    }
    fn read_proof(&self, at: Hash, keys: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, BackendError> {
        self.known(at)?;
        Ok(keys.to_vec())
    }
    fn call_briefly(&self, at: Hash, api: &str, input: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        if self.is_slow.load(Ordering::SeqCst) {
            return Ok(None);
        }
        self.brief_calls.fetch_add(1, Ordering::SeqCst);
        assert!(!input.windows(5).any(|bytes| bytes == b"panic"), "the fake was told to");
        self.call(at, api, input).map(Some)
    }
    fn call(&self, at: Hash, api: &str, input: &[u8]) -> Result<Vec<u8>, BackendError> {
        let block = self.known(at)?;
        Ok(match api {
            names::METADATA => b"meta".to_vec().encode(),
            names::CORE_VERSION => RuntimeVersion {
                spec_name: "quids".into(),
                impl_name: "quids-node".into(),
                authoring_version: 1,
                spec_version: block.spec_version,
                impl_version: 0,
                apis: vec![(api_id("Core"), 5)],
                transaction_version: 1,
                state_version: 1,
            }
            .encode(),
            names::ACCOUNT_NONCE => {
                AccountId20::decode(&mut &input[..]).unwrap();
                Nonce(5).encode()
            }
            names::ACCOUNT_KEY => match AccountId20::decode(&mut &input[..]).unwrap() {
                AccountId20([0x22, ..]) => None,
                _ => Some(PublicKey::new(SignatureScheme::Secp256k1, &[2; 33]).unwrap()),
            }
            .encode(),
            names::PAYMENT_QUERY_INFO if input.starts_with(b"\x0cbad") => {
                return Err(BackendError::Execution("panicked at 'no fee can be told'".into()));
            }
            names::PAYMENT_QUERY_INFO => {
                let (extrinsic, length) = <(OpaqueExtrinsic, u32)>::decode(&mut &input[..]).unwrap();
                assert_eq!(extrinsic.encode().len(), length as usize);
                RuntimeDispatchInfo {
                    weight: Weight::new(1_000_000_000_000, 3593),
                    class: DispatchClass::Normal,
                    partial_fee: Balance(u128::from(u64::MAX) + 1),
                }
                .encode()
            }
            names::PAYMENT_QUERY_FEE_DETAILS => FeeDetails {
                inclusion_fee: Some(InclusionFee {
                    base_fee: Balance(16),
                    len_fee: Balance(2),
                    adjusted_weight_fee: Balance(0),
                }),
            }
            .encode(),
            "echo" => input.to_vec(),
            "wait" => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                let open = self.gate.0.lock().unwrap();
                let _open = self.gate.1.wait_while(open, |open| !*open).unwrap();
                self.waiting.fetch_sub(1, Ordering::SeqCst);
                input.to_vec()
            }
            "trap" => return Err(BackendError::Execution("panicked at 'no'".into())),
            other => match self.evm_call(block.header.number.0, other, input) {
                Some(answer) => answer,
                None => return Err(BackendError::UnknownApi(other.into())),
            },
        })
    }
    fn dry_run(&self, at: Hash, extrinsic: &[u8]) -> Result<Vec<u8>, BackendError> {
        self.known(at)?;
        Ok(extrinsic.to_vec())
    }
    fn block_stats(&self, hash: Hash) -> Result<Option<BlockStats>, BackendError> {
        Ok(self.block(hash).map(|block| BlockStats {
            witness_len: 100,
            witness_compact_len: 100,
            block_len: 50,
            num_extrinsics: block.body.len() as u64,
        }))
    }
    fn trace_block(&self, hash: Hash, sink: &mut dyn FnMut(TraceRecord) -> bool) -> Result<Option<Hash>, BackendError> {
        let Some(block) = self.block(hash) else {
            return Ok(None);
        };
        let access = |method, key: &[u8], values| TraceRecord::Access {
            span: 1,
            method,
            key: key.to_vec(),
            values,
        };
        sink(TraceRecord::Span {
            id: 1,
            name: "initialize_block".into(),
        });
        sink(access("Get", &[0xab, 1], vec![("result", "None".into())]));
        sink(access("Put", &[0xcd], vec![("value", "Some(00)".into())]));
        // A block of four extrinsics has a trace without end.
        while block.body.len() == 4 && sink(access("Root", &[], vec![("result", "00".repeat(1 << 20))])) {}
        Ok(Some(block.header.parent_hash))
    }
    fn pool_status(&self) -> PoolStatus {
        let pool = self.pool.lock().unwrap();
        PoolStatus {
            ready: PoolUsage {
                count: pool.len() as u64,
                bytes: pool.iter().map(|bytes| bytes.len() as u64).sum(),
            },
            future: PoolUsage::default(),
            max: PoolUsage { count: 10, bytes: 1000 },
            transaction_bytes_max: 100,
        }
    }
    fn pool_content(&self, start: usize, count: usize) -> Vec<PoolEntry> {
        let pool = self.pool.lock().unwrap();
        let entry = |bytes: &Vec<u8>| PoolEntry {
            hash: hash_of(bytes),
            bytes: bytes.len() as u64,
            priority: u64::MAX,
            is_ready: bytes != b"later",
            provides: match &bytes[..] {
                b"unsigned" => vec![vec![1]],
                _ => vec![(AccountId20([0x11; 20]), Nonce(5)).encode()],
            },
            valid_until: Height(64),
        };
        pool.iter().skip(start).take(count).map(entry).collect()
    }
    fn remove_transactions(&self, hashes: &[Hash]) -> Vec<Hash> {
        let mut pool = self.pool.lock().unwrap();
        let found = hashes
            .iter()
            .copied()
            .filter(|hash| pool.iter().any(|bytes| hash_of(bytes) == *hash));
        let found: Vec<Hash> = found.collect();
        pool.retain(|bytes| !found.contains(&hash_of(bytes)));
        found
    }
    fn submit(&self, bytes: Vec<u8>, is_local: bool) -> Result<Hash, SubmitError> {
        let hash = hash_of(&bytes);
        match &bytes[..] {
            b"stale" => Err(PoolError::Invalid(InvalidTransaction::Stale).into()),
            b"lookup" => Err(PoolError::Unknown(UnknownTransaction::CannotLookup).into()),
            b"known" => Err(PoolError::AlreadyKnown(hash).into()),
            b"low" => Err(PoolError::TooLowPriority {
                priority: 1,
                existing: 2,
                needed: 3,
            }
            .into()),
            b"banned" => Err(PoolError::Banned { until: Height(9) }.into()),
            b"full" => Err(PoolError::Full { count: 1, bytes: 1 }.into()),
            b"panic" => panic!("the fake was told to"),
            [0xee, encoded @ ..] if !encoded.is_empty() => {
                let envelope = Vec::<u8>::decode(&mut &encoded[..]).unwrap();
                self.submit_envelope(&envelope).map(|()| hash)
            }
            _ => {
                self.pool.lock().unwrap().push(bytes);
                self.is_local.lock().unwrap().push(is_local);
                Ok(hash)
            }
        }
    }
    fn submit_and_watch(
        &self,
        bytes: Vec<u8>,
        is_local: bool,
    ) -> Result<(Hash, mpsc::Receiver<TransactionStatus>), SubmitError> {
        let (sender, receiver) = mpsc::channel(16);
        // First, so that who sees the transaction in the pool finds its watcher.
        self.watchers.lock().unwrap().push(sender.clone());
        let submitted = self.submit(bytes, is_local).inspect_err(|_| {
            let mut watchers = self.watchers.lock().unwrap();
            watchers.retain(|watcher| !watcher.same_channel(&sender));
        });
        Ok((submitted?, receiver))
    }
    fn pending(&self, max_bytes: usize) -> Vec<Vec<u8>> {
        let mut left = max_bytes;
        let pool = self.pool.lock().unwrap();
        let fitting = pool.iter().take_while(|bytes| {
            let rest = left.checked_sub(bytes.len() + PENDING_EXTRA_BYTES);
            left = rest.unwrap_or_default();
            rest.is_some()
        });
        fitting.cloned().collect()
    }
    fn is_provided_by_pool(&self, tag: &[u8]) -> bool {
        let tags = [5u64, 6, 8].map(|nonce| (AccountId20([0x11; 20]), Nonce(nonce)).encode());
        tags.iter().any(|known| known == tag)
    }
    fn evm_block(&self, hash: Hash) -> Result<Option<EvmBlock>, BackendError> {
        Ok(self.evm_of(hash))
    }
    fn evm_transaction(&self, hash: H256) -> Result<Option<(Hash, u32)>, BackendError> {
        Ok(self.find_transaction(hash))
    }
    fn evm_logs(&self, query: &LogQuery) -> Result<Vec<LogEntry>, BackendError> {
        self.find_logs(query)
    }
    fn evm_replay(
        &self,
        block: Hash,
        position: Option<u32>,
        options: TraceOptions,
    ) -> Result<Vec<EvmOutcome>, BackendError> {
        self.replay(block, position, options)
    }
    fn evm_pool(&self, count_max: usize) -> Result<Vec<(bool, EvmTransaction)>, BackendError> {
        Ok(self.evm.pool.lock().unwrap().iter().take(count_max).cloned().collect())
    }
    fn subscribe_evm_pool(&self) -> Result<broadcast::Receiver<Arc<EvmTransaction>>, BackendError> {
        Ok(self.evm.feed.subscribe())
    }
    fn development(&self) -> Option<&dyn Development> {
        self.is_development.then_some(self as &dyn Development)
    }
    fn subscribe_blocks(&self) -> broadcast::Receiver<Arc<Notification>> {
        self.feed.subscribe()
    }
}
