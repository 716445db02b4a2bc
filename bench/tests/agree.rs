//! The WASM runtime and the same code compiled natively come to the same blocks: the compiler is part of consensus.
//! (It once was not: `node/docs/adr/0005-no-wide-arithmetic.md`.)

use codec::{Decode, Encode};
use quids_api::{ExtrinsicsCommitment, InherentData, TIMESTAMP_INHERENT, names};
use quids_core::{
    AUTHOR_ENGINE_ID, AccountId20, Balance, Digest, DigestItem, Hash, Header, Height, Nonce, OpaqueExtrinsic,
};
use quids_crypto::{AccountSignature, PublicKey, SignatureScheme};
use quids_executor::{Executor, ExecutorConfig, Session};
use quids_io::{Externalities, within};
use quids_runtime::{Extrinsic, RuntimeCall};
use quids_state::{EMPTY_ROOT, MemoryState, Overlay, SharedCache, StateStore, StateView};
use quids_support::extrinsic::Era;
use std::sync::Arc;

/// A seeded generator of 64-bit numbers, whose values pile up at the edges of word sizes.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        let bytes = quids_crypto::blake3_256(&self.0.to_le_bytes());
        self.0 += 1;
        u64::from_le_bytes(bytes[..8].try_into().unwrap())
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Small, huge, or close to a power of two.
    fn amount(&mut self) -> Balance {
        let wide = u128::from(self.next()) << 64 | u128::from(self.next());
        let shift = self.below(128) as u32;
        Balance(match self.below(4) {
            0 => wide >> shift,
            1 => (1u128 << shift).wrapping_add(u128::from(self.below(3))).wrapping_sub(1),
            2 => u128::from(self.below(1000)),
            _ => wide >> 64 << 10,
        })
    }
}

enum Engine {
    Wasm(Box<Session>),
    Native,
}

struct Chain {
    engine: Engine,
    states: Arc<MemoryState>,
    cache: Arc<SharedCache>,
    root: Hash,
}

impl Chain {
    fn new(engine: Engine) -> Self {
        Self {
            engine,
            states: Arc::default(),
            cache: Arc::new(SharedCache::new(1 << 20)),
            root: EMPTY_ROOT,
        }
    }

    /// Runs `f` on the last state and makes what it changes the next.
    fn commit<R>(&mut self, f: impl FnOnce(&mut Engine, &mut dyn Externalities) -> R) -> R {
        let height = self.states.tip().height;
        let backend = StateView::new(self.states.clone(), self.cache.clone(), height, self.root);
        // Signatures are made up, so every one verifies.
        let mut state = Overlay::new(backend).with_verifier(Arc::new(|_, _, _, _| true));
        let result = f(&mut self.engine, &mut state);
        let commit = state.into_commit().unwrap();
        self.root = commit.root;
        self.states.apply(height.next().unwrap(), commit);
        result
    }
}

impl Engine {
    fn call(&mut self, state: &mut dyn Externalities, api: &str, input: &impl Encode) -> Vec<u8> {
        match self {
            Self::Wasm(session) => session.call(state, api, &input.encode()).unwrap(),
            Self::Native => within(state, || quids_runtime::call(api, &input.encode())).unwrap(),
        }
    }

    /// Executes a block; the output of every call, in order.
    fn block(
        &mut self,
        state: &mut dyn Externalities,
        header: &Header,
        transactions: &[Vec<u8>],
        now: u64,
    ) -> Vec<Vec<u8>> {
        let mut outputs = vec![self.call(state, names::CORE_INITIALIZE_BLOCK, header)];
        let mut inherents = InherentData::default();
        inherents.put(TIMESTAMP_INHERENT, &now);
        let output = self.call(state, names::BLOCK_BUILDER_INHERENT_EXTRINSICS, &inherents);
        let mut extrinsics: Vec<Vec<u8>> = Vec::<OpaqueExtrinsic>::decode(&mut &output[..])
            .unwrap()
            .into_iter()
            .map(|xt| xt.0)
            .collect();
        extrinsics.extend_from_slice(transactions);
        for (index, bytes) in (0u32..).zip(&extrinsics) {
            state.begin_transaction().unwrap();
            let output = self.call(state, names::BLOCK_BUILDER_APPLY_EXTRINSIC, &(index, bytes));
            let is_in = output.first() == Some(&0);
            if is_in {
                state.commit_transaction()
            } else {
                state.rollback_transaction()
            }
            .unwrap();
            outputs.push(output);
        }
        let output = self.call(state, names::BLOCK_BUILDER_COMMIT_EXTRINSICS, &extrinsics);
        let commitment = ExtrinsicsCommitment::decode(&mut &output[..]).unwrap();
        outputs.push(self.call(state, names::BLOCK_BUILDER_FINALIZE_BLOCK, &commitment));
        outputs
    }
}

fn account(index: u64) -> AccountId20 {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&index.to_be_bytes());
    AccountId20(bytes)
}

const ACCOUNTS: u64 = 6;

/// A transaction of some account with some call; most are valid.
fn transaction(numbers: &mut Numbers, nonces: &mut [u64; ACCOUNTS as usize]) -> Vec<u8> {
    use pallet_balances::Call as Balances;
    let from = numbers.below(ACCOUNTS);
    let (dest, value) = (account(numbers.below(ACCOUNTS + 3)), numbers.amount());
    let call: RuntimeCall = match numbers.below(9) {
        0 => Balances::transfer_keep_alive { dest, value }.into(),
        1 => Balances::transfer_all {
            dest,
            keep_alive: value.0 % 2 == 0,
        }
        .into(),
        2 => Balances::reserve { value }.into(),
        3 => Balances::unreserve { value }.into(),
        4 => pallet_system::Call::remark_with_event {
            remark: vec![7; numbers.below(2000) as usize],
        }
        .into(),
        5 => pallet_template::Call::give { amount: value.0 as u32 }.into(),
        _ => Balances::transfer_allow_death { dest, value }.into(),
    };
    let nonce = if numbers.below(20) == 0 {
        numbers.next()
    } else {
        nonces[from as usize]
    };
    let tip = if numbers.below(3) == 0 {
        numbers.amount()
    } else {
        Balance(numbers.below(1_000_000).into())
    };
    let extra = (
        pallet_system::extensions::CheckSpecVersion::new(),
        pallet_system::extensions::CheckTxVersion::new(),
        pallet_system::extensions::CheckGenesis::new(),
        pallet_system::extensions::CheckMortality::new(Era::Immortal),
        pallet_system::extensions::CheckNonce::new(Nonce(nonce)),
        pallet_balances::ChargeTransactionPayment::new(tip),
    );
    let signature = AccountSignature::Falcon512 {
        public_key: None,
        signature: vec![1; 666].try_into().unwrap(),
    };
    Extrinsic {
        signature: Some((account(from), signature, extra)),
        call,
    }
    .encode()
}

fn genesis(engine: &mut Engine, state: &mut dyn Externalities) {
    let balances: Vec<String> = (0..ACCOUNTS)
        .map(|i| format!("[\"{}\",\"{}\"]", account(i), 10u128.pow(18 + 3 * i as u32)))
        .collect();
    let json = format!(
        r#"{{"balances":{{"balances":[{}]}},"template":{{"limit":1000}}}}"#,
        balances.join(",")
    );
    let output = engine.call(state, names::GENESIS_BUILD, &json.into_bytes());
    assert_eq!(output, [0]);
    for i in 0..ACCOUNTS {
        let key = PublicKey::new(SignatureScheme::Falcon512, &[9; 897]).unwrap();
        state
            .set(
                &pallet_system::Keys::<quids_runtime::Runtime>::key_for(&account(i)),
                &key.encode(),
            )
            .unwrap();
    }
}

#[test]
fn wasm_and_native_come_to_the_same_blocks() {
    let executor = Executor::new(ExecutorConfig::default()).unwrap();
    let wasm = executor.load(quids_runtime_wasm::WASM).unwrap().session().unwrap();
    let mut chains = [Chain::new(Engine::Wasm(Box::new(wasm))), Chain::new(Engine::Native)];
    let mut numbers = Numbers(1);
    let mut nonces = [0u64; ACCOUNTS as usize];
    for chain in &mut chains {
        chain.commit(genesis);
    }
    let (mut parent, mut included, mut refused) = (Hash::repeat_byte(1), 0, 0);
    for number in 1..=40u32 {
        let author = DigestItem::PreRuntime(AUTHOR_ENGINE_ID, account(0).encode());
        let header = Header {
            parent_hash: parent,
            number: Height(number),
            state_root: Hash::zero(),
            extrinsics_root: Hash::zero(),
            digest: Digest { logs: vec![author] },
        };
        // One transaction an account and block, so that the nonces known here stay right.
        let mut senders = std::collections::BTreeSet::new();
        let transactions: Vec<Vec<u8>> = (0..12)
            .map(|_| transaction(&mut numbers, &mut nonces))
            .filter(|bytes| senders.insert(bytes[1..21].to_vec()))
            .collect();
        let now = 1_700_000_000_000 + u64::from(number) * 1000;
        let [a, b] = &mut chains;
        let outputs = a.commit(|engine, state| engine.block(state, &header, &transactions, now));
        let native = b.commit(|engine, state| engine.block(state, &header, &transactions, now));
        assert_eq!(outputs, native, "block {number}");
        assert_eq!(a.root, b.root, "block {number}");
        // Outputs: initialise, timestamp, then the transactions.
        for (bytes, output) in transactions.iter().zip(&outputs[2..]) {
            let from = u64::from_be_bytes(bytes[1..9].try_into().unwrap());
            if output.first() == Some(&0) {
                nonces[from as usize] += 1;
                included += 1;
            } else {
                refused += 1;
            }
        }
        let last = Header::decode(&mut outputs.last().unwrap().as_slice()).unwrap();
        assert_eq!(last.state_root, a.root, "block {number}");
        parent = last.hash();
    }
    assert!(
        included > 60 && refused > 10,
        "{included} included, {refused} refused: this shows too little"
    );
}
