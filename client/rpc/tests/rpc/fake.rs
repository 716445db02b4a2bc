//! A node that keeps a few blocks in memory.

use codec::{Decode, Encode};
use quids_api::*;
use quids_core::*;
use quids_rpc::*;
use quids_txpool::{PoolError, hash_of};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
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
    pub feed: broadcast::Sender<Arc<Notification>>,
    pub watchers: Mutex<Vec<mpsc::Sender<TransactionStatus>>>,
}

impl Default for Fake {
    fn default() -> Self {
        let fake = Self {
            blocks: Mutex::default(),
            pool: Mutex::default(),
            feed: broadcast::channel(CHANNEL).0,
            watchers: Mutex::default(),
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
        }));
        header
    }

    /// A block whose state differs by this.
    pub fn change(&self, key: &[u8], value: &[u8]) -> Header {
        let mut state = self.blocks.lock().unwrap().last().unwrap().state.clone();
        state.insert(key.to_vec(), value.to_vec());
        self.push(state, 1, Vec::new())
    }

    fn block(&self, hash: Hash) -> Option<Block> {
        self.blocks
            .lock()
            .unwrap()
            .iter()
            .find(|block| block.header.hash() == hash)
            .cloned()
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
            current: Height(2),
            highest: Height(2),
        }
    }
    fn best_hash(&self) -> Hash {
        self.blocks.lock().unwrap().last().unwrap().header.hash()
    }
    fn finalised_hash(&self) -> Hash {
        self.best_hash()
    }
    fn hash_at(&self, height: Height) -> Result<Option<Hash>, BackendError> {
        Ok(self
            .blocks
            .lock()
            .unwrap()
            .get(height.0 as usize)
            .map(|block| block.header.hash()))
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
            "trap" => return Err(BackendError::Execution("panicked at 'no'".into())),
            other => return Err(BackendError::UnknownApi(other.into())),
        })
    }
    fn submit(&self, bytes: Vec<u8>) -> Result<Hash, SubmitError> {
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
            _ => {
                self.pool.lock().unwrap().push(bytes);
                Ok(hash)
            }
        }
    }
    fn submit_and_watch(&self, bytes: Vec<u8>) -> Result<(Hash, mpsc::Receiver<TransactionStatus>), SubmitError> {
        let hash = self.submit(bytes)?;
        let (sender, receiver) = mpsc::channel(16);
        self.watchers.lock().unwrap().push(sender);
        Ok((hash, receiver))
    }
    fn pending(&self) -> Vec<Vec<u8>> {
        self.pool.lock().unwrap().clone()
    }
    fn is_provided_by_pool(&self, tag: &[u8]) -> bool {
        let tags = [5u64, 6, 8].map(|nonce| (AccountId20([0x11; 20]), Nonce(nonce)).encode());
        tags.iter().any(|known| known == tag)
    }
    fn subscribe_blocks(&self) -> broadcast::Receiver<Arc<Notification>> {
        self.feed.subscribe()
    }
}
