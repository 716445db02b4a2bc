//! Blocks that a quorum signed and that are invalid, with the real runtime: whoever has no state sees it by the proof, nobody is
//! accused wrongly, and nodes that know of one decide no more.

use codec::{Compact, Decode, Encode};
use quids_api::{
    ExtrinsicsCommitment, InherentData, SIGNATURES_DIGEST, TIMESTAMP_INHERENT, names, pobpc::NextCommittee,
};
use quids_core::{AUTHOR_ENGINE_ID, AccountId20, Block, DigestItem, Hash, Height, OpaqueExtrinsic};
use quids_crypto::{KeyPair, SignatureScheme, blake3_256};
use quids_executor::{Executor, ExecutorConfig};
use quids_io::abi::HOST_LEVEL;
use quids_keystore::dev_keypair;
use quids_node::{
    ChainOptions, ChainSpec, NodeConfig, TestNode,
    chain::{
        Chain, ChainError, FRAUD_PROOF_BYTES_MAX, FinalBlock, FraudKeeper, FraudProof, NoFraud, Proposal, Recorded,
        Stateless, StatelessError, Trusted, VerifiedFraud,
    },
    extrinsic_builder::Arg,
    network::loopback,
    service::Voter,
    spec::{TestVoter, code_cache},
    testing::{Signing, TestChain},
};
use quids_pobpc::{Ballot, Committee, Justification, JustificationError, Role, Round, SeatIndex};
use quids_runtime_wasm::{WASM, WASM_NEXT};
use quids_state::{BatchProof, Blobs};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

/// Validators whose keys are known here.
struct Validators {
    keys: Vec<KeyPair>,
    spec: ChainSpec,
}

impl Validators {
    fn new(count: u8) -> Self {
        let keys: Vec<_> = (0..count)
            .map(|seed| KeyPair::from_seed(SignatureScheme::Falcon512, &[seed + 1; 32]).unwrap())
            .collect();
        let voters = keys.iter().map(|key| TestVoter {
            key: key.public(),
            commitment: Some(Hash::repeat_byte(9)),
        });
        let spec = ChainSpec::testnet(voters);
        Self { keys, spec }
    }

    fn open(&self, folder: &Path) -> TestChain {
        let options = ChainOptions {
            sync: false,
            ..ChainOptions::default()
        };
        TestChain::over(Arc::new(Chain::open(folder, &self.spec, &options).unwrap())).unwrap()
    }

    /// Precommits of these seats.
    fn sign(&self, chain: &TestChain, block: &Block, seats: &[u16]) -> Justification {
        let next = chain.chain.next_height().unwrap().unwrap();
        let mut this = Justification {
            height: block.header.number,
            round: Round(0),
            block: block.header.hash(),
            signatures: Vec::new(),
        };
        let message = this.vote().signed_bytes(&chain.chain.genesis());
        let sign = |seat: &u16| {
            let member = next.committee.seat(SeatIndex(*seat)).unwrap();
            let key = self.keys.iter().find(|key| *key.public() == member.key).unwrap();
            (SeatIndex(*seat), key.sign(&message))
        };
        this.signatures = seats.iter().map(sign).collect();
        this
    }

    fn signed(&self, chain: &TestChain, block: Block) -> FinalBlock {
        let all: Vec<u16> = (0..self.keys.len() as u16).collect();
        let justification = Some(self.sign(chain, &block, &all));
        FinalBlock { block, justification }
    }

    /// Adds a valid block.
    fn go_on(&self, chain: &TestChain, transactions: Vec<Vec<u8>>) -> FinalBlock {
        let (block, _) = made(chain, transactions);
        let block = self.signed(chain, block);
        chain.chain.import(block.clone()).unwrap();
        block
    }
}

/// A valid block on the last one, which is not stored, and what it needs of the state.
fn made(chain: &TestChain, transactions: Vec<Vec<u8>>) -> (Block, Recorded) {
    let mut inherents = InherentData::default();
    let time = chain.chain.last_timestamp().unwrap().max(1_700_000_000_000) + 1000;
    inherents.put(TIMESTAMP_INHERENT, &time);
    let next = chain.chain.next_height().unwrap().unwrap();
    let proposal = Proposal {
        author: Some(next.accounts[0]),
        digest: Vec::new(),
        inherents,
        transactions: &mut transactions.into_iter(),
        deadline: Instant::now() + Duration::from_secs(60),
        count_max: usize::MAX,
    };
    let (candidate, refused) = chain.chain.propose(proposal, true).unwrap();
    assert_eq!(refused.len(), 0, "{refused:?}");
    (candidate.block(), candidate.proof().unwrap().unwrap())
}

fn transfers(chain: &TestChain, count: u8) -> Vec<Vec<u8>> {
    let alice = dev_keypair("alice").unwrap();
    let nonce = chain.nonce(&alice.account_id()).unwrap();
    let transfer = |index: u8| {
        let call = chain.transfer(&AccountId20([index; 20]), 10u128.pow(18)).unwrap();
        let signing = Signing {
            nonce: Some(nonce + u64::from(index)),
            ..Signing::default()
        };
        chain.sign(&alice, call, signing).unwrap()
    };
    (0..count).map(transfer).collect()
}

/// Makes the header commit to the extrinsics that the block has.
fn commit(chain: &TestChain, block: &mut Block) {
    let (_, best) = chain.chain.best();
    let commitment: ExtrinsicsCommitment = chain
        .chain
        .call_typed(best, names::BLOCK_BUILDER_COMMIT_EXTRINSICS, &block.extrinsics)
        .unwrap();
    block.header.extrinsics_root = commitment.root;
    for item in &mut block.header.digest.logs {
        if let DigestItem::Consensus(SIGNATURES_DIGEST, bytes) = item {
            *bytes = commitment.signatures.encode();
        }
    }
}

fn wrong_root(_: &TestChain, block: &mut Block) {
    block.header.state_root = Hash::repeat_byte(1);
}

/// A bit of the last transaction's signature.
fn wrong_signature(chain: &TestChain, block: &mut Block) {
    let OpaqueExtrinsic(last) = block.extrinsics.last_mut().unwrap();
    let at = last.len() - 300;
    last[at] ^= 1;
    commit(chain, block);
}

/// The runtime fails before the first extrinsic.
fn author_of_nobody(_: &TestChain, block: &mut Block) {
    for item in &mut block.header.digest.logs {
        if let DigestItem::PreRuntime(AUTHOR_ENGINE_ID, bytes) = item {
            *bytes = AccountId20([7; 20]).encode();
        }
    }
}

/// Has this valid block's chain take an invalid one of it, which a quorum signed; the proof of that.
fn accused(
    validators: &Validators,
    chain: &TestChain,
    transactions: Vec<Vec<u8>>,
    spoil: fn(&TestChain, &mut Block),
) -> (Hash, Vec<u8>) {
    let (mut block, _) = made(chain, transactions);
    spoil(chain, &mut block);
    let hash = block.header.hash();
    let refused = chain.chain.import(validators.signed(chain, block)).unwrap_err();
    assert!(matches!(refused, ChainError::InvalidButFinal { .. }), "{refused}");
    (hash, chain.chain.fraud_proof(&hash).unwrap().unwrap())
}

/// Nothing but the program.
fn stateless() -> Stateless {
    let config = ExecutorConfig {
        cache_dir: code_cache(),
    };
    let other = TestChain::new().unwrap();
    Stateless::new(Executor::new(config).unwrap(), other.chain.signatures())
}

fn code() -> Arc<dyn Blobs> {
    let code: Arc<[u8]> = WASM.into();
    Arc::new(BTreeMap::from([(Hash::from(blake3_256(&code)), code)]))
}

/// What whoever follows this chain by headers alone knows of it.
fn trusted(chain: &TestChain) -> Trusted {
    let (height, parent) = chain.chain.best();
    let next = chain.chain.next_height().unwrap().unwrap();
    Trusted {
        genesis: chain.chain.genesis(),
        parent,
        first: (height == Height::ZERO).then(|| NextCommittee::from(&next)),
    }
}

#[test]
fn an_invalid_block_that_was_signed_is_proven_to_whoever_has_no_state() {
    let validators = Validators::new(4);
    let stateless = stateless();
    let check = |heights: u32, transactions: u8, spoil: fn(&TestChain, &mut Block), fault: &str| {
        let [one, other] = [0, 1].map(|_| tempfile::tempdir().unwrap());
        let (chain, follower) = (validators.open(one.path()), validators.open(other.path()));
        for _ in 0..heights {
            let block = validators.go_on(&chain, transfers(&chain, 2));
            follower.chain.import(block).unwrap();
        }
        let halt = chain.chain.frauds().halt();
        assert!(halt.borrow().is_none() && chain.chain.frauds().known().is_empty());
        let signed = transfers(&chain, transactions);
        let (hash, bytes) = accused(&validators, &chain, signed, spoil);
        let known = chain.chain.frauds().known();
        assert_eq!(
            (known.len(), known[0].block, known[0].number),
            (1, hash, Height(heights + 1))
        );
        assert_eq!(halt.borrow().as_ref(), Some(&known[0]));
        assert!(known[0].fault.contains(fault), "{}", known[0].fault);
        // The state is not touched, and what is seen twice is kept once.
        assert_eq!(chain.chain.best(), follower.chain.best());
        chain.chain.take_in_fraud(hash, &bytes).unwrap();
        assert_eq!(chain.chain.frauds().known(), known);
        // Without a state.
        let proof = FraudProof::decode(&bytes).unwrap();
        assert_eq!(proof.encode(), bytes);
        let fraud = stateless.verify_fraud(&trusted(&chain), proof, &code()).unwrap();
        assert_eq!(fraud.fault().to_string(), known[0].fault);
        let signers: Vec<_> = fraud.signers().map(|(index, seat)| (index, seat.clone())).collect();
        assert_eq!((signers.len(), &signers), (4, &known[0].signers));
        assert!(
            signers
                .iter()
                .all(|(_, seat)| validators.keys.iter().any(|key| *key.public() == seat.key))
        );
        // By another node of the chain, which stops too.
        follower.chain.take_in_fraud(hash, &bytes).unwrap();
        assert_eq!(follower.chain.frauds().known(), known);
        assert!(follower.chain.frauds().halt().borrow().is_some());
        assert_eq!(follower.chain.fraud_proof(&hash).unwrap(), Some(bytes));
    };
    check(0, 1, wrong_root, "executing it gives another header");
    check(2, 3, wrong_root, "executing it gives another header");
    check(2, 3, wrong_signature, "extrinsic 3");
    check(1, 0, author_of_nobody, "makes its runtime fail");
}

/// A node that has fewer host functions than its chain allows cannot judge new code. It says so and stops, and holds nobody guilty.
#[test]
fn a_node_that_is_older_than_its_chain_says_so_and_accuses_nobody() {
    let validators = Validators::new(4);
    let folder = tempfile::tempdir().unwrap();
    let chain = validators.open(folder.path());
    let as_root = |nonce: u64, call: Vec<u8>| {
        let alice = dev_keypair("alice").unwrap();
        let call = chain.as_root(call).unwrap();
        let signing = Signing {
            nonce: Some(chain.nonce(&alice.account_id()).unwrap() + nonce),
            ..Signing::default()
        };
        chain.sign(&alice, call, signing).unwrap()
    };
    let hash = quids_crypto::hash_quantum_resistant(b"quids/code/v1", WASM_NEXT);
    let authorize = [("code_hash", Arg::Encoded(hash.to_vec()))];
    let authorize = chain.call("Upgrade", "authorize_upgrade", &authorize).unwrap();
    let level = [("level", Arg::Number(u128::from(HOST_LEVEL) + 1))];
    let level = chain.call("Upgrade", "raise_host_level", &level).unwrap();
    validators.go_on(&chain, vec![as_root(0, authorize), as_root(1, level)]);
    // This node's own blocks leave out what it cannot judge, and are right.
    let apply = [("code", Arg::Bytes(WASM_NEXT.to_vec()))];
    let apply = chain.call("Upgrade", "apply_authorized_upgrade", &apply).unwrap();
    let apply = chain
        .sign(&dev_keypair("bob").unwrap(), apply, Signing::default())
        .unwrap();
    let (honest, recorded) = made(&chain, vec![apply.clone()]);
    assert_eq!(honest.extrinsics.len(), 1);
    chain.chain.check(&honest).unwrap();
    // Those of others have it.
    let mut newer = honest.clone();
    newer.extrinsics.push(OpaqueExtrinsic(apply));
    let swapped = newer.clone();
    commit(&chain, &mut newer);
    let (_, best) = chain.chain.best();
    let undecided = chain.chain.check(&newer).err().unwrap();
    assert!(undecided.is_local() && undecided.is_outdated(), "{undecided}");
    let blobs: Arc<dyn Blobs> = Arc::new(recorded.blobs);
    let parent = chain.chain.header(best).unwrap();
    match stateless()
        .check(&parent, &newer, &recorded.proof, &blobs)
        .err()
        .unwrap()
    {
        StatelessError::Block(error) => assert!(error.is_outdated(), "{error}"),
        // The proof is of the block without it.
        StatelessError::Incomplete(_) | StatelessError::Missing(_) => {}
        other => panic!("{other:?}"),
    }
    // Who gives a right header another body does not stop the node.
    let lied = FinalBlock {
        justification: validators.signed(&chain, honest).justification,
        block: swapped,
    };
    let lied = chain.chain.import(lied).unwrap_err();
    assert!(
        matches!(lied, ChainError::OtherBody { .. }) && !lied.is_fatal(),
        "{lied}"
    );
    let decided = chain.chain.import(validators.signed(&chain, newer)).unwrap_err();
    assert!(
        matches!(decided, ChainError::Outdated { .. }) && decided.is_fatal(),
        "{decided}"
    );
    assert!(decided.to_string().contains("install a newer quids"), "{decided}");
    assert_eq!(chain.chain.best().1, best);
    assert!(chain.chain.frauds().known().is_empty() && chain.chain.frauds().halt().borrow().is_none());
}

#[test]
fn what_proves_nothing_accuses_nobody() {
    let validators = Validators::new(4);
    let folder = tempfile::tempdir().unwrap();
    let chain = validators.open(folder.path());
    let before = validators.go_on(&chain, transfers(&chain, 2));
    let (honest, recorded) = made(&chain, transfers(&chain, 2));
    let (_, bytes) = accused(&validators, &chain, transfers(&chain, 3), wrong_root);
    let proof = FraudProof::decode(&bytes).unwrap();
    let (stateless, trusted, code) = (stateless(), trusted(&chain), code());
    let judge = |proof: FraudProof| stateless.verify_fraud(&trusted, FraudProof::decode(&proof.encode())?, &code);
    judge(proof.clone()).unwrap();
    let check = |what: &str, change: &dyn Fn(&mut FraudProof), is_expected: fn(&NoFraud) -> bool| {
        let mut changed = proof.clone();
        change(&mut changed);
        assert_ne!(changed, proof, "{what}");
        let outcome = judge(changed.clone());
        assert!(
            matches!(&outcome, Err(error) if is_expected(error)),
            "{what}: {outcome:?}"
        );
        // The node whose chain it is says the same.
        assert!(chain.chain.verify_fraud(changed).is_err(), "{what}");
    };
    let other_committee = |error: &NoFraud| matches!(error, NoFraud::OtherCommittee { .. });
    let seats = proof.committee.seats().to_vec();
    check(
        "a seat less",
        &|proof| proof.committee = Committee::new(seats[..3].to_vec()).unwrap(),
        other_committee,
    );
    let other_role = || {
        let mut seats = seats.clone();
        seats[3].role = Role::Witness;
        Committee::new(seats).unwrap()
    };
    check("another role", &|proof| proof.committee = other_role(), other_committee);
    let other_keys = Validators::new(7);
    let strangers = || {
        let mut seats = seats.clone();
        seats
            .iter_mut()
            .zip(&other_keys.keys[3..])
            .for_each(|(seat, key)| seat.key = key.public().clone());
        Committee::new(seats).unwrap()
    };
    check(
        "keys of strangers",
        &|proof| proof.committee = strangers(),
        other_committee,
    );
    check(
        "too few",
        &|proof| proof.justification.signatures.truncate(2),
        |error| {
            matches!(
                error,
                NoFraud::Signatures(JustificationError::TooFew { found: 2, needed: 3 })
            )
        },
    );
    let wrong = |error: &NoFraud| matches!(error, NoFraud::Signatures(JustificationError::Signature(_)));
    check("another round", &|proof| proof.justification.round = Round(1), wrong);
    let swapped = |proof: &mut FraudProof| {
        let [first, second, ..] = &mut proof.justification.signatures[..] else {
            panic!()
        };
        std::mem::swap(&mut first.1, &mut second.1);
    };
    check("signatures of others", &swapped, wrong);
    let other_signed = |error: &NoFraud| matches!(error, NoFraud::OtherSigned { .. });
    check(
        "another height",
        &|proof| proof.justification.height = Height(3),
        other_signed,
    );
    check(
        "another block signed",
        &|proof| proof.justification.block = Hash::zero(),
        other_signed,
    );
    check(
        "another header",
        &|proof| proof.block.header.state_root = Hash::zero(),
        other_signed,
    );
    let other_body = |error: &NoFraud| matches!(error, NoFraud::OtherBody(_));
    check(
        "an extrinsic less",
        &|proof| drop(proof.block.extrinsics.pop()),
        other_body,
    );
    check(
        "other extrinsics",
        &|proof| proof.block.extrinsics = honest.extrinsics.clone(),
        other_body,
    );
    let flipped = |proof: &mut FraudProof| {
        let OpaqueExtrinsic(last) = proof.block.extrinsics.last_mut().unwrap();
        let at = last.len() - 300;
        last[at] ^= 1;
    };
    check("a signature that its sender broke", &flipped, other_body);
    let unknown_parent = |error: &NoFraud| matches!(error, NoFraud::UnknownParent { .. });
    check(
        "another parent",
        &|proof| proof.parent = chain.chain.header(chain.chain.genesis()).unwrap(),
        unknown_parent,
    );
    check(
        "a parent of another state",
        &|proof| proof.parent.state_root = Hash::zero(),
        unknown_parent,
    );
    let no_child = |error: &NoFraud| matches!(error, NoFraud::NoChild { .. });
    check(
        "the child of another",
        &|proof| proof.block.header.parent_hash = Hash::zero(),
        no_child,
    );
    check("a grandchild", &|proof| proof.block.header.number = Height(3), no_child);
    check("no proof", &|proof| proof.proof = BatchProof::default(), |error| {
        matches!(error, NoFraud::Incomplete(_))
    });
    let less = |proof: &mut FraudProof| proof.proof = cut(&proof.proof, proof.proof.len_bytes() - 1);
    check("a proof that ends early", &less, |error| {
        matches!(error, NoFraud::Proof(_))
    });
    // What a valid block needs does not do for one with more in it.
    check(
        "the proof of another block",
        &|proof| proof.proof = recorded.proof.clone(),
        |error| matches!(error, NoFraud::Incomplete(_)),
    );
    // The certificate and the body of a valid block, and of one that the chain has.
    let right = |block: &Block| {
        let justification = validators.signed(&chain, block.clone()).justification.unwrap();
        FraudProof {
            block: block.clone(),
            justification,
            proof: recorded.proof.clone(),
            ..proof.clone()
        }
    };
    let outcome = judge(right(&honest));
    assert!(matches!(outcome, Err(NoFraud::Right)), "{outcome:?}");
    chain.chain.import(validators.signed(&chain, honest.clone())).unwrap();
    let outcome = chain.chain.verify_fraud(right(&honest));
    assert!(matches!(outcome, Err(NoFraud::Executed { .. })), "{outcome:?}");
    let (next, _) = made(&chain, transfers(&chain, 1));
    for FinalBlock { block, justification } in [before, validators.signed(&chain, next)] {
        chain.chain.accuse_decided(&block, &justification.unwrap());
    }
    assert_eq!(chain.chain.frauds().known().len(), 1, "an honest block is not accused");
    // What is not known is no verdict, and nobody's fault.
    let elsewhere = Trusted {
        genesis: Hash::zero(),
        ..trusted
    };
    assert!(wrong(
        &stateless.verify_fraud(&elsewhere, proof.clone(), &code).unwrap_err()
    ));
    let nothing: Arc<dyn Blobs> = Arc::new(());
    let fresh = self::stateless();
    let error = fresh.verify_fraud(&trusted, proof.clone(), &nothing).unwrap_err();
    assert!(matches!(error, NoFraud::NoCode(_)) && !error.is_of_sender(), "{error}");
    // What is no proof at all.
    assert!(matches!(
        FraudProof::decode(&[&bytes[..], &[0]].concat()),
        Err(NoFraud::Undecodable(_))
    ));
    assert!(matches!(
        FraudProof::decode(&vec![0; FRAUD_PROOF_BYTES_MAX + 1]),
        Err(NoFraud::TooLarge(_))
    ));
    let asked = Hash::repeat_byte(4);
    assert!(matches!(
        chain.chain.take_in_fraud(asked, &bytes),
        Err(NoFraud::OtherBlock { .. })
    ));
    assert_eq!(chain.chain.frauds().known().len(), 1);
}

/// The first bytes of it.
fn cut(proof: &BatchProof, length: usize) -> BatchProof {
    let bytes = proof.encode();
    let start = bytes.len() - proof.len_bytes();
    let cut = [Compact(length as u32).encode(), bytes[start..start + length].to_vec()].concat();
    BatchProof::decode(&mut &cut[..]).unwrap()
}

/// Whatever byte of a valid block's proof is changed: nobody is accused.
#[test]
fn a_valid_block_is_never_made_a_fraud() {
    let validators = Validators::new(4);
    let folder = tempfile::tempdir().unwrap();
    let chain = validators.open(folder.path());
    validators.go_on(&chain, transfers(&chain, 2));
    let (block, Recorded { proof, .. }) = made(&chain, transfers(&chain, 2));
    let next = chain.chain.next_height().unwrap().unwrap();
    let justification = validators.sign(&chain, &block, &[0, 2, 3]);
    let (_, best) = chain.chain.best();
    let parent = chain.chain.header(best).unwrap();
    let right = FraudProof {
        parent,
        committee: next.committee,
        block,
        justification,
        proof,
    };
    let (stateless, trusted, code) = (stateless(), trusted(&chain), code());
    let judge = |bytes: &[u8]| -> Result<VerifiedFraud, NoFraud> {
        stateless.verify_fraud(&trusted, FraudProof::decode(bytes)?, &code)
    };
    let bytes = right.encode();
    assert!(matches!(judge(&bytes), Err(NoFraud::Right)));
    let proof_at = bytes.len() - right.proof.len_bytes();
    for turn in 0..600u32 {
        let random = blake3_256(&turn.to_le_bytes());
        let random = u32::from_le_bytes([random[0], random[1], random[2], random[3]]);
        // Every other one in the batch proof.
        let range = if turn % 2 == 0 {
            0..bytes.len()
        } else {
            proof_at..bytes.len()
        };
        let at = range.start + (random / 8) as usize % range.len();
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (random % 8);
        if let Ok(fraud) = judge(&changed) {
            panic!("byte {at}: {}", fraud.fault());
        }
    }
}

#[test]
fn a_node_that_knows_of_a_fraud_stays_stopped_until_its_operator_dismisses_it() {
    let validators = Validators::new(4);
    let folder = tempfile::tempdir().unwrap();
    let (hash, bytes) = {
        let chain = validators.open(folder.path());
        validators.go_on(&chain, Vec::new());
        // As a member does that found it invalid, and hears that the others decided it.
        let (mut block, _) = made(&chain, transfers(&chain, 1));
        wrong_root(&chain, &mut block);
        let (hash, justification) = (block.header.hash(), validators.sign(&chain, &block, &[1, 2, 3]));
        chain.chain.accuse_decided(&block, &justification);
        (hash, chain.chain.fraud_proof(&hash).unwrap().unwrap())
    };
    let chain = validators.open(folder.path());
    let known = chain.chain.frauds().known();
    assert_eq!(
        (known.len(), known[0].block, known[0].bytes),
        (1, hash, bytes.len() as u64)
    );
    assert_eq!(chain.chain.frauds().halt().borrow().as_ref(), Some(&known[0]));
    assert!(chain.chain.database().dismiss_fraud_proof(&hash).unwrap());
    drop(chain);
    let chain = validators.open(folder.path());
    let known = chain.chain.frauds().known();
    assert!(known[0].is_dismissed && chain.chain.frauds().halt().borrow().is_none());
    // It does not come back by others.
    chain.chain.take_in_fraud(hash, &bytes).unwrap();
    assert_eq!(
        (
            chain.chain.frauds().known(),
            chain.chain.frauds().halt().borrow().is_none()
        ),
        (known, true)
    );
    assert_eq!(chain.chain.fraud_proof(&hash).unwrap(), Some(bytes));
}

#[test]
fn an_operator_sees_who_signed_and_hands_the_proof_on() {
    let validators = Validators::new(4);
    let folders = [0, 1].map(|_| tempfile::tempdir().unwrap());
    let [accuser, other] = folders.each_ref().map(|folder| folder.path());
    let (hash, length) = {
        let chain = validators.open(&chain_folder(&validators, accuser));
        drop(validators.open(&chain_folder(&validators, other)));
        let (hash, bytes) = accused(&validators, &chain, transfers(&chain, 1), wrong_signature);
        (format!("{hash:?}"), bytes.len())
    };
    let path = |name: &str| accuser.join(name).to_str().unwrap().to_owned();
    let (spec, file, cut) = (path("spec.json"), path("fraud"), path("cut"));
    std::fs::write(&spec, validators.spec.to_json().to_string()).unwrap();
    let run = |base: &Path, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quids"));
        let base = ["--chain", &spec, "--base-path", base.to_str().unwrap()];
        let output = command
            .arg("fraud")
            .args(arguments)
            .args(base)
            .arg("--json")
            .output()
            .unwrap();
        let told = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
        (
            output.status.success(),
            told,
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let done = |base: &Path, arguments: &[&str]| {
        let (is_done, told, error) = run(base, arguments);
        assert!(is_done, "{arguments:?}: {error}");
        told
    };
    let refused = |base: &Path, arguments: &[&str], said: &str| {
        let (is_done, _, error) = run(base, arguments);
        assert!(!is_done && error.contains(said), "{arguments:?}: {error}");
    };
    let known = done(accuser, &["list"])["fraud_proofs"].take();
    assert_eq!((&known[0]["block"], &known[0]["bytes"]), (&json!(hash), &json!(length)));
    assert_eq!(done(other, &["list"])["fraud_proofs"], json!([]));
    done(accuser, &["export", &hash, "--out", &file]);
    refused(accuser, &["export", &hash, "--out", &file], "exists");
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!(bytes.len(), length);
    // On another's machine, with nothing but the chain's genesis.
    let told = done(other, &["verify", &file]);
    assert_eq!((&told["block"], &told["signers"]), (&json!(hash), &known[0]["signers"]));
    assert!(told["fault"].as_str().unwrap().starts_with("extrinsic 1: "), "{told}");
    std::fs::write(&cut, &bytes[..length - 1]).unwrap();
    refused(other, &["verify", &cut], "this proves no fraud");
    refused(other, &["dismiss", &hash], "there is no fraud proof about");
    done(accuser, &["dismiss", &hash]);
    assert_eq!(done(accuser, &["list"])["fraud_proofs"][0]["is_dismissed"], true);
}

/// A chain with 100 transfers in the block: what the proof has, and how long judging it takes. Figures: `docs/benchmarks.md`.
#[test]
fn a_fraud_proof_has_the_size_of_its_block_and_little_more() {
    let validators = Validators::new(7);
    let folder = tempfile::tempdir().unwrap();
    let chain = validators.open(folder.path());
    validators.go_on(&chain, transfers(&chain, 1));
    let (_, bytes) = accused(&validators, &chain, transfers(&chain, 100), wrong_root);
    let proof = FraudProof::decode(&bytes).unwrap();
    let (body, batch) = (proof.block.extrinsics.encoded_size(), proof.proof.len_bytes());
    let rest = bytes.len() - body - batch;
    let stateless = stateless();
    let started = Instant::now();
    stateless
        .verify_fraud(&trusted(&chain), proof.clone(), &code())
        .unwrap();
    let first = started.elapsed();
    let started = Instant::now();
    stateless.verify_fraud(&trusted(&chain), proof, &code()).unwrap();
    println!(
        "fraud proof of 100 transfers: {} bytes: body {body}, batch proof {batch}, headers, committee, signatures {rest}; judged in \
         {first:?}, again in {:?}",
        bytes.len(),
        started.elapsed()
    );
    assert!(batch < 150_000 && rest < 20_000, "{batch} {rest}");
}

/// A node of this chain, in this folder, that meets these.
async fn node(validators: &Validators, folder: &Path, voter: Option<&KeyPair>, meets: &[&TestNode]) -> TestNode {
    let meets: Vec<_> = meets
        .iter()
        .flat_map(|node| node.node().network().unwrap().addresses())
        .collect();
    let voters: Vec<_> = voter.cloned().map(Voter).into_iter().collect();
    let configure = move |config: &mut NodeConfig| {
        config.voters = voters;
        config.network.listen = vec![loopback(0)];
        config.network.bootnodes = meets;
    };
    let builder = TestNode::builder().spec(validators.spec.clone()).base_path(folder);
    builder.configure(configure).start().await.unwrap()
}

async fn wait(what: &str, until: impl Fn() -> bool) {
    let start = Instant::now();
    while !until() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn rpc(address: SocketAddr, method: &str) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [] }).to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n";
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str::<Value>(body).unwrap()["result"].take()
}

/// Where a node of this base path has its chain.
fn chain_folder(validators: &Validators, base: &Path) -> PathBuf {
    let folder = base.join("chains").join(&validators.spec.id);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn offences(node: &TestNode) -> u64 {
    let offences = node.node().registry().encode();
    let of = offences
        .lines()
        .filter(|line| line.starts_with("quids_network_offences_total{offence=\"wrong_answer\"}"));
    of.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_hear_of_a_fraud_from_each_other_and_decide_no_more() {
    let validators = Validators::new(1);
    let folders = [0, 1, 2].map(|_| tempfile::tempdir().unwrap());
    let [witness, liar, honest] = folders.each_ref().map(|folder| folder.path());
    // One has seen its only validator sign an invalid block.
    let (hash, liars) = {
        let chain = validators.open(&chain_folder(&validators, witness));
        let (block, Recorded { proof, .. }) = made(&chain, Vec::new());
        let (hash, bytes) = accused(&validators, &chain, Vec::new(), wrong_root);
        let justification = validators.signed(&chain, block.clone()).justification.unwrap();
        let accused = FraudProof::decode(&bytes).unwrap();
        (
            hash,
            FraudProof {
                block,
                justification,
                proof,
                ..accused
            },
        )
    };
    // Another says so of a block that is right, and believes it.
    {
        let chain = validators.open(&chain_folder(&validators, liar));
        let stored = (&liars, "a lie").encode();
        assert!(
            chain
                .chain
                .database()
                .store_fraud_proof(&liars.hash(), &stored)
                .unwrap()
        );
    }
    let liar = node(&validators, liar, None, &[]).await;
    let voter = node(&validators, honest, validators.keys.first(), &[&liar]).await;
    wait("the lie to be judged", || offences(&voter) > 0).await;
    let height = voter.height();
    wait("blocks after it", || voter.height().0 > height.0 + 1).await;
    assert!(voter.chain().frauds().known().is_empty());
    // The one that has a proof stopped at its start, and answers all the same.
    let witness = node(&validators, witness, None, &[&voter]).await;
    wait("the fraud to be heard of", || {
        !voter.chain().frauds().known().is_empty()
    })
    .await;
    let known = voter.chain().frauds().known();
    assert_eq!((known.len(), known[0].block), (1, hash));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stopped = voter.height();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((voter.height(), witness.height()), (stopped, Height::ZERO));
    assert!(voter.chain().fraud_proof(&hash).unwrap().is_some());
    let metrics = voter.node().registry().encode();
    assert!(metrics.lines().any(|line| line == "quids_fraud_height 1"), "{metrics}");
    let told = tokio::task::spawn_blocking({
        let address = voter.node().rpc_address().unwrap();
        move || rpc(address, "quids_fraudProofs")
    });
    let told = told.await.unwrap();
    assert_eq!(
        told[0]["signers"][0]["publicKey"],
        format!("0x{}", hex::encode(validators.keys[0].public().as_bytes()))
    );
    for node in [voter, witness, liar] {
        node.stop().await.unwrap();
    }
}
