//! Executions on a proof against the same on the state.

use super::*;
use crate::{BackendError, Commit, EMPTY_ROOT, MemoryState, Overlay, SharedCache, StateBackend, StateView};
use proptest::{collection::btree_map, collection::vec, prelude::*};
use quids_core::Height;
use quids_io::Externalities;
use quids_trie::{Blake3Hasher, Hasher};
use std::collections::BTreeSet;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;
type Block = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Values longer than this go by hash.
const SHOWN_BYTES_MAX: usize = 60;

fn is_blob(_: &[u8], value: &[u8]) -> bool {
    value.len() > SHOWN_BYTES_MAX
}

#[derive(Clone, Debug)]
enum Op {
    Get(Vec<u8>),
    Set(Vec<u8>, Vec<u8>),
    Clear(Vec<u8>),
    ClearPrefix(Vec<u8>, u32),
    Append(Vec<u8>, Vec<u8>),
    Add(Vec<u8>, u64),
    NextKey(Vec<u8>),
    Begin,
    Commit,
    Rollback,
    Root,
}

/// Few keys, prefixes of each other among them, so that branches come and go; and long ones.
fn any_key() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::sample::select(&[0u8, 1, 0x10, 0x11, 0xff][..]);
    prop_oneof![
        vec(bytes.clone(), 0..5),
        (vec(bytes, 0..3), 0u8..4).prop_map(|(start, end)| [&start[..], &[7; 20], &[end]].concat()),
    ]
}

/// Around the lengths where values and nodes go by hash; vectors and numbers; blobs.
fn any_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..3),
        vec(any::<u8>(), 25..36),
        Just([&[40 * 4u8][..], &[7; 40]].concat()),
        Just(5u128.to_le_bytes().to_vec()),
        vec(any::<u8>(), 61..64),
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => any_key().prop_map(Op::Get),
        3 => (any_key(), any_value()).prop_map(|(key, value)| Op::Set(key, value)),
        4 => any_key().prop_map(Op::Clear),
        1 => (any_key(), 0u32..4).prop_map(|(prefix, limit)| Op::ClearPrefix(prefix, limit)),
        2 => (any_key(), vec(any::<u8>(), 0..3)).prop_map(|(key, item)| Op::Append(key, item)),
        1 => (any_key(), any::<u64>()).prop_map(|(key, amount)| Op::Add(key, amount)),
        3 => any_key().prop_map(Op::NextKey),
        2 => Just(Op::Begin),
        1 => Just(Op::Commit),
        1 => Just(Op::Rollback),
        1 => Just(Op::Root),
    ]
}

fn any_block() -> impl Strategy<Value = Block> {
    btree_map(any_key(), prop::option::weighted(0.7, any_value()), 0..30)
}

/// What an execution answers, and its root.
fn run(backend: impl StateBackend, ops: &[Op]) -> (Vec<String>, Option<Hash>) {
    let mut overlay = Overlay::new(backend);
    let answers = ops.iter().map(|op| match op {
        Op::Get(key) => format!("{:?}", overlay.get(key)),
        Op::Set(key, value) => format!("{:?}", overlay.set(key, value)),
        Op::Clear(key) => format!("{:?}", overlay.clear(key)),
        Op::ClearPrefix(prefix, limit) => format!("{:?}", overlay.clear_prefix(prefix, *limit)),
        Op::Append(key, item) => format!("{:?}", overlay.append(key, item)),
        Op::Add(key, amount) => format!("{:?}", overlay.add(key, (*amount).into())),
        Op::NextKey(key) => format!("{:?}", overlay.next_key(key)),
        Op::Begin => format!("{:?}", overlay.begin_transaction()),
        Op::Commit => format!("{:?}", overlay.commit_transaction()),
        Op::Rollback => format!("{:?}", overlay.rollback_transaction()),
        Op::Root => format!("{:?}", overlay.root()),
    });
    let answers = answers.collect();
    overlay.rollback_to(0);
    (answers, overlay.into_commit().ok().map(|commit| commit.root))
}

/// A state after two blocks, or after the first of them; nothing of it cached.
struct State {
    store: Arc<MemoryState>,
    height: Height,
    root: Hash,
    entries: Entries,
}

impl State {
    fn new(blocks: [&Block; 2], is_past: bool) -> Self {
        let store = Arc::new(MemoryState::default());
        let mut this = Self {
            store,
            height: Height(0),
            root: EMPTY_ROOT,
            entries: Entries::new(),
        };
        for (at, block) in blocks.into_iter().enumerate() {
            let changes = block.iter().map(|(key, value)| (&key[..], value.as_deref()));
            let commit: Commit = this.view().commit(&mut changes.clone()).unwrap();
            let (height, root) = (Height(at as u32 + 1), commit.root);
            this.store.apply(height, commit);
            if at == 0 || !is_past {
                (this.height, this.root) = (height, root);
                for (key, value) in block {
                    match value {
                        Some(value) => drop(this.entries.insert(key.clone(), value.clone())),
                        None => drop(this.entries.remove(key)),
                    }
                }
            }
        }
        this
    }

    fn of(entries: Entries) -> Self {
        let block = entries.into_iter().map(|(key, value)| (key, Some(value))).collect();
        Self::new([&block, &Block::new()], false)
    }

    fn view(&self) -> StateView {
        StateView::new(
            self.store.clone(),
            Arc::new(SharedCache::new(1 << 20)),
            self.height,
            self.root,
        )
    }

    fn blobs(&self) -> BTreeMap<Hash, Bytes> {
        let blobs = self.entries.values().filter(|value| is_blob(&[], value));
        blobs
            .map(|value| (Blake3Hasher::hash(value), value.as_slice().into()))
            .collect()
    }

    /// The proof of an execution, as it comes out at the other end. It is the same whatever is cached.
    fn proof(&self, ops: &[Op]) -> BatchProof {
        let (recorder, view) = (Recorder::new(self.view()), self.view());
        assert_eq!(run(&recorder, ops), run(&view, ops));
        let proof = recorder.proof(&is_blob).unwrap();
        let warm = Recorder::new(view);
        run(&warm, ops);
        assert_eq!(warm.proof(&is_blob).unwrap(), proof);
        let bare = ProofState::open(self.root, &proof, Arc::new(())).unwrap();
        let by_hash: BTreeSet<Hash> = bare.missing_blobs().into_iter().collect();
        assert!(by_hash.iter().eq(recorder.blobs(&is_blob).keys()));
        let sent = BatchProof::decode(&mut &proof.encode()[..]).unwrap();
        assert_eq!(sent, proof);
        sent
    }

    fn open(&self, proof: &BatchProof) -> ProofState {
        ProofState::open(self.root, proof, Arc::new(self.blobs())).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn on_the_proof_all_is_as_on_the_state(
        first in any_block(), second in any_block(), is_past in any::<bool>(), ops in vec(any_op(), 0..60),
    ) {
        let state = State::new([&first, &second], is_past);
        let shown = state.open(&state.proof(&ops));
        prop_assert_eq!(run(&shown, &ops), run(state.view(), &ops));
        prop_assert_eq!(shown.failure(), None);
        prop_assert_eq!(shown.missing_blobs(), []);
    }

    /// Nothing in it is without need, and what is missing is said, never made up.
    #[test]
    fn without_any_part_of_it_there_is_no_verdict(
        first in any_block(), second in any_block(), is_past in any::<bool>(), ops in vec(any_op(), 0..25),
    ) {
        let state = State::new([&first, &second], is_past);
        let proof = state.proof(&ops);
        let whole = state.open(&proof);
        for hash in whole.nodes.keys() {
            let mut shown = state.open(&proof);
            Arc::get_mut(&mut shown.nodes).unwrap().remove(hash).unwrap();
            run(&shown, &ops);
            prop_assert_eq!(shown.failure(), Some(BackendError::NotInProof { what: "node", hash: *hash }));
        }
        for hash in whole.values.keys() {
            let mut shown = state.open(&proof);
            Arc::get_mut(&mut shown.values).unwrap().remove(hash).unwrap();
            run(&shown, &ops);
            prop_assert_eq!(shown.failure(), Some(BackendError::NotInProof { what: "value", hash: *hash }));
        }
        let blobs = state.blobs();
        for hash in state.blobs().keys() {
            let mut others = blobs.clone();
            // Other bytes under its name are as good as none.
            others.insert(*hash, [1, 2, 3][..].into());
            let wrong = ProofState::open(state.root, &proof, Arc::new(others.clone())).unwrap();
            others.remove(hash);
            let shown = ProofState::open(state.root, &proof, Arc::new(others)).unwrap();
            let is_needed = shown.missing_blobs().contains(hash);
            for shown in [wrong, shown] {
                run(&shown, &ops);
                prop_assert_eq!(shown.failure(), is_needed.then_some(BackendError::NoBlob(*hash)));
            }
        }
    }

    /// One that is taken leads to the state's answers, or to none.
    #[test]
    fn changed_proofs_are_refused_or_say_the_same(
        first in any_block(), ops in vec(any_op(), 1..25), at in any::<prop::sample::Index>(), how in 0..5, byte in 1u8..,
        noise in vec(any::<u8>(), 1..40),
    ) {
        let state = State::new([&first, &Block::new()], false);
        let proof = state.proof(&ops);
        if proof.0.is_empty() {
            return Ok(());
        }
        let mut altered = proof.clone();
        let at = at.index(proof.0.len());
        match how {
            0 => altered.0[at] ^= byte,
            1 => altered.0.truncate(at),
            2 => altered.0.insert(at, byte),
            3 => drop(altered.0.splice(at..proof.0.len().min(at + noise.len()), noise)),
            _ => drop(altered.0.remove(at)),
        }
        let opened = ProofState::open(state.root, &altered, Arc::new(state.blobs()));
        match opened {
            Err(_) => {}
            // All of it cut off: nothing is shown. Else marks: whether a value by hash is read.
            Ok(shown) => {
                let mark = (VALUE_UNREAD ^ VALUE_BY_HASH) << VALUE_SHIFT;
                let mut bits = altered.0.iter().zip(&proof.0).map(|(altered, proof)| altered ^ proof);
                let are_marks = altered.0.len() == proof.0.len() && bits.all(|bits| bits == 0 || bits == mark);
                prop_assert!(altered.0.is_empty() || are_marks);
                let found = run(&shown, &ops);
                if shown.failure().is_none() {
                    prop_assert_eq!(found, run(state.view(), &ops));
                }
            }
        }
    }

    #[test]
    fn noise_is_no_proof(bytes in vec(any::<u8>(), 1..200)) {
        prop_assert!(ProofState::open(EMPTY_ROOT, &BatchProof(bytes.clone()), Arc::new(())).is_err());
        // Taken off the wire it is what its length says, or nothing; and only no bytes at all show the empty state.
        let (mut left, mut others) = (&bytes[..], &bytes[..]);
        let (taken, plain) = (BatchProof::decode(&mut left), Vec::<u8>::decode(&mut others));
        prop_assert_eq!(taken.as_ref().ok().map(|proof| &proof.0), plain.as_ref().ok());
        if let Ok(proof) = taken {
            prop_assert_eq!(left, others);
            let opened = ProofState::open(EMPTY_ROOT, &proof, Arc::new(()));
            prop_assert_eq!(opened.is_ok(), proof.0.is_empty());
        }
    }

    /// Bytes that look like nodes more often.
    #[test]
    fn likely_noise_is_no_proof(bytes in vec(prop::sample::select(&[0u8, 1, 2, 3, 4, 7, 8, 9, 0x0b, 0x11, 0x18, 0x20][..]), 1..300)) {
        prop_assert!(ProofState::open(EMPTY_ROOT, &BatchProof(bytes), Arc::new(())).is_err());
    }
}

/// Keys as a chain has them, so many that subtries are written side by side; all is deleted in the end.
#[test]
fn large_batches_are_proven() {
    let key = |index: u32| [&[0x26; 32][..], Blake3Hasher::hash(&index.to_le_bytes()).as_bytes()].concat();
    let entries: Entries = (0..5000).map(|index| (key(index), vec![index as u8; 80])).collect();
    let state = State::of(entries);
    let touch = (0..1500u32).flat_map(|index| {
        let (read, written) = (key(index * 5 % 6000), key(index * 7 % 6000));
        [Op::Get(read.clone()), Op::Set(read, vec![1; 80]), Op::Clear(written)]
    });
    let all = vec![Op::ClearPrefix(vec![0x26], 6000)];
    for ops in [touch.collect(), all] {
        let shown = state.open(&state.proof(&ops));
        assert_eq!(run(&shown, &ops), run(state.view(), &ops));
        assert_eq!(shown.failure(), None);
    }
}

/// One after the other in any order: the proof depends on the questions alone.
#[test]
fn the_order_of_questions_does_not_matter() {
    let state = State::of((0..50u8).map(|index| (vec![index, 1], vec![index; 40])).collect());
    let mut ops: Vec<Op> = (0..20).map(|index| Op::Get(vec![index * 3, 1])).collect();
    let proof = state.proof(&ops);
    ops.reverse();
    ops.extend(ops.clone());
    assert_eq!(state.proof(&ops), proof);
}

#[test]
fn the_empty_state_needs_no_proof() {
    let state = State::of(Entries::new());
    let ops = [
        Op::Get(vec![1]),
        Op::NextKey(vec![]),
        Op::Set(vec![1], vec![2]),
        Op::Clear(vec![3]),
    ];
    let proof = state.proof(&ops);
    assert_eq!(proof.len_bytes(), 0);
    let shown = state.open(&proof);
    assert_eq!(run(&shown, &ops), run(state.view(), &ops));
    assert_eq!(shown.failure(), None);
}

#[test]
fn an_empty_proof_shows_nothing() {
    let state = State::of([(vec![1], vec![2])].into());
    let missing = BackendError::NotInProof {
        what: "node",
        hash: state.root,
    };
    type Call = fn(&ProofState) -> Result<(), BackendError>;
    let calls: [Call; 4] = [
        |shown| shown.get(&[1]).map(drop),
        |shown| shown.next_key(&[1]).map(drop),
        |shown| shown.value_hash(&[1]).map(drop),
        |shown| shown.commit(&mut [(&[1][..], None)].into_iter()).map(drop),
    ];
    for call in calls {
        let shown = state.open(&BatchProof::default());
        assert_eq!(shown.root(), state.root);
        assert_eq!(call(&shown), Err(missing.clone()));
        assert_eq!(shown.failure(), Some(missing.clone()));
    }
}

#[test]
fn a_proof_is_of_one_state() {
    let (state, other) = (
        State::of([(vec![1], vec![2])].into()),
        State::of([(vec![1], vec![3])].into()),
    );
    let refused = ProofState::open(other.root, &state.proof(&[Op::Get(vec![1])]), Arc::new(()));
    let root = BadBatchProof::Root {
        computed: state.root,
        stated: other.root,
    };
    assert_eq!(refused.unwrap_err(), root);
}

/// What goes by hash is named before it is asked for, and its hash is known without it.
#[test]
fn values_by_hash_are_listed() {
    let (code, small) = (vec![9; 5000], vec![1; 40]);
    let state = State::of([(b":code".to_vec(), code.clone()), (b"small".to_vec(), small.clone())].into());
    let ops = [Op::Get(b":code".to_vec()), Op::Get(b"small".to_vec())];
    let proof = state.proof(&ops);
    assert!(proof.len_bytes() < 200, "{proof:?}");
    let hash = Blake3Hasher::hash(&code);
    let shown = ProofState::open(state.root, &proof, Arc::new(())).unwrap();
    assert_eq!(shown.missing_blobs(), [hash]);
    assert_eq!(shown.value_hash(b":code"), Ok(Some(hash)));
    assert_eq!(shown.value_hash(b"small"), Ok(Some(Blake3Hasher::hash(&small))));
    assert_eq!(shown.failure(), None);
    assert_eq!(shown.get(b":code"), Err(BackendError::NoBlob(hash)));
    assert_eq!(shown.failure(), Some(BackendError::NoBlob(hash)));
    let again = shown.afresh();
    assert_eq!((again.failure(), again.value_hash(b":code")), (None, Ok(Some(hash))));
    let shown = state.open(&proof);
    assert_eq!(shown.get(b":code").unwrap().as_deref(), Some(&code[..]));
}

/// A value that is the bytes of a node stands for no node, nor the other way.
#[test]
fn values_and_nodes_are_kept_apart() {
    let inner = State::of((0..4u8).map(|index| (vec![index], vec![index; 40])).collect());
    let (node, _) = {
        let bytes = inner.store.tamper(&inner.store.branches()[0], None).unwrap();
        (bytes.clone(), inner.store.tamper(&Default::default(), Some(bytes)))
    };
    let state = State::of([(vec![1], node.to_vec()), (vec![2, 0], vec![3; 40])].into());
    let recorder = Recorder::new(state.view());
    recorder.get(&[1]).unwrap();
    let proof = recorder.proof(&|_, _| false).unwrap();
    let shown = state.open(&proof);
    assert!(!shown.nodes.contains_key(&inner.root));
    assert!(shown.values.contains_key(&inner.root));
}

#[test]
fn bounds_hold() {
    let refused = |bytes: Vec<u8>| ProofState::open(EMPTY_ROOT, &BatchProof(bytes), Arc::new(())).unwrap_err();
    let large = vec![0; BATCH_PROOF_BYTES_MAX + 1];
    assert!(BatchProof::decode(&mut &large.encode()[..]).is_err());
    assert_eq!(refused(large), BadBatchProof::TooManyBytes(BATCH_PROOF_BYTES_MAX + 1));
    // One that claims 4 GiB; branches without end, each the child of the one before; a partial key of 2^30 nibbles.
    assert!(BatchProof::decode(&mut &[3, 255, 255, 255, 255][..]).is_err());
    let deep = [BRANCH | SHOWN | INLINE, 0, 3, 0, 1, 0, 2, 0, 1, 7].repeat(BATCH_PROOF_NODES_MAX + 1);
    assert_eq!(refused(deep), BadBatchProof::TooManyNodes);
    assert_eq!(
        refused(vec![VALUE_INLINE << VALUE_SHIFT, 254, 255, 255, 255]),
        BadBatchProof::EndsEarly(5)
    );
    assert_eq!(
        refused(vec![VALUE_INLINE << VALUE_SHIFT, 0, 1, 7, 9]),
        BadBatchProof::Unused(1)
    );
    let short = [
        BRANCH | SHOWN | INLINE,
        0,
        3,
        0,
        1,
        0,
        2,
        0,
        1,
        7,
        VALUE_INLINE << VALUE_SHIFT,
        0,
        1,
        5,
    ];
    for (bytes, reason) in [
        (short.to_vec(), "a child so short that its parent holds it"),
        (vec![0, 0], "a leaf without a value, or with children"),
        (
            vec![VALUE_INLINE << VALUE_SHIFT | SHOWN, 0, 0],
            "a leaf without a value, or with children",
        ),
        (vec![5 << VALUE_SHIFT, 0], "a kind of value that there is not"),
        (
            vec![VALUE_SHOWN << VALUE_SHIFT, 0, 4, 1],
            "a value of up to 32 bytes that is not inline",
        ),
        (
            vec![VALUE_INLINE << VALUE_SHIFT, 0, 33],
            "an inline value of more than 32 bytes",
        ),
        (
            vec![BRANCH | SHOWN, 0, 3, 0, 0, 0],
            "marks of no children, or of children that are not there",
        ),
        (
            vec![BRANCH | SHOWN, 0, 3, 0, 4, 0],
            "marks of no children, or of children that are not there",
        ),
        (vec![BRANCH | INLINE, 0, 3, 0, 3, 0, 0], "an inline child that is none"),
        (vec![VALUE_INLINE << VALUE_SHIFT, 1, 0], "a number that is none"),
    ] {
        match refused(bytes.clone()) {
            BadBatchProof::Malformed { reason: found, .. } => assert_eq!(found, reason, "{bytes:?}"),
            other => panic!("{bytes:?}: {other}"),
        }
    }
}
