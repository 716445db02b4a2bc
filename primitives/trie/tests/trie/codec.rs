//! The decoder on bytes from anywhere: it never panics, and what it accepts encodes back to the
//! same bytes.

use crate::{any_entries, database};
use proptest::{collection::vec, prelude::*};
use quids_trie::{
    CodecError, EMPTY_NODE, Hash, Layout, MemoryDB, NodeCodec, Trie, TrieDBBuilder, delta_root,
    trie_db::{NodeCodec as _, node::Node},
};

fn check(node: &[u8], expected: Result<(), CodecError>) {
    assert_eq!(NodeCodec::decode_plan(node).map(|_| ()), expected, "{node:02x?}");
}

#[test]
fn malformed_nodes_are_refused() {
    let end = |at, wanted, len| Err(CodecError::UnexpectedEnd { at, wanted, len });
    check(&[], end(0, 1, 0));
    check(&[0], Ok(()));
    check(&[0, 0], Err(CodecError::ReservedHeader(0)));
    check(&[0x01], Err(CodecError::ReservedHeader(0x01)));
    check(&[0xc0], Err(CodecError::ReservedHeader(0xc0)));
    check(&[0xff], Err(CodecError::ReservedHeader(0xff)));
    // Leaves.
    check(&[0x20], Ok(()));
    check(&[0x21, 0x0a, 1, 2], Ok(()));
    check(&[0x21, 0x1a], Err(CodecError::NonZeroPadding(1)));
    check(&[0x24, 0xab], end(1, 2, 2));
    check(&[0x3f], Err(CodecError::BadNibbleCount));
    check(&[0x3f, 0xff], Err(CodecError::BadNibbleCount));
    check(&[[0x20].as_slice(), &[1; 32]].concat(), Ok(()));
    check(
        &[[0x20].as_slice(), &[1; 33]].concat(),
        Err(CodecError::InlineValueTooLong(33)),
    );
    check(&[[0x40].as_slice(), &[1; 32]].concat(), Ok(()));
    check(&[[0x40].as_slice(), &[1; 31]].concat(), end(1, 32, 32));
    check(
        &[[0x40].as_slice(), &[1; 33]].concat(),
        Err(CodecError::TrailingBytes(1)),
    );
    // Branches.
    check(&[0x60, 0, 0], Err(CodecError::TooFewChildren(0)));
    check(&[0x60, 1, 0, 1, 0x20], Err(CodecError::TooFewChildren(1)));
    check(&[0x60, 3, 0, 1, 0x20, 1, 0x20], Ok(()));
    check(&[0x60, 3, 0, 1, 0x20, 1, 0x20, 9], Err(CodecError::TrailingBytes(1)));
    check(
        &[0x60, 3, 0, 1, 0x20, 0],
        Err(CodecError::BadChildLength { index: 1, len: 0 }),
    );
    check(
        &[0x60, 3, 0, 1, 0x20, 33],
        Err(CodecError::BadChildLength { index: 1, len: 33 }),
    );
    check(&[0x60, 3, 0, 1, 0x20, 1, 0], Err(CodecError::EmptyChild(1)));
    check(&[0x60, 3, 0, 1, 0x20, 32, 7], end(6, 32, 7));
    check(&[0x80, 0, 0], Err(CodecError::TooFewChildren(0)));
    check(&[0x80, 0, 128, 1, 0x20], Ok(()));
    check(&[0xa0, 0, 128, 1, 0x20], end(5, 32, 5));
}

fn reencode(node: Node<'_>) -> Vec<u8> {
    match node {
        Node::Empty => EMPTY_NODE.to_vec(),
        Node::Leaf(partial, value) => NodeCodec::leaf_node(partial.right_iter(), partial.len(), value),
        Node::NibbledBranch(partial, children, value) => {
            let children = children.map(|child| child.map(|child| child.try_into().unwrap()));
            NodeCodec::branch_node_nibbled(partial.right_iter(), partial.len(), children.iter(), value)
        }
        Node::Extension(..) | Node::Branch(..) => panic!("not in this format"),
    }
}

/// Random bytes with headers that lead somewhere.
fn node_like() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![any::<u8>(), (1u8..6, 0u8..4).prop_map(|(kind, n)| kind << 5 | n)];
    let small = || prop_oneof![3 => 0u8..4, 1 => Just(32u8), 1 => Just(0x20u8), 1 => any::<u8>()];
    (header, vec(small(), 0..90)).prop_map(|(header, rest)| [vec![header], rest].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_decodes_encodes_back(node in prop_oneof![vec(any::<u8>(), 0..200), node_like()]) {
        if let Ok(decoded) = NodeCodec::decode(&node) {
            prop_assert_eq!(reencode(decoded), node);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn stored_nodes_encode_back(entries in any_entries(40)) {
        let (db, root) = database(&entries);
        let trie = TrieDBBuilder::new(&db, &root).build();
        let iterator = quids_trie::trie_db::TrieDBNodeIterator::new(&trie).unwrap();
        for item in iterator {
            let (_, hash, node) = item.unwrap();
            prop_assert_eq!(&reencode(node.node()), node.data());
            prop_assert_eq!(hash.is_some(), node.data().len() >= 32 || hash == Some(root));
        }
    }

    /// A database that gives back altered bytes makes readers and writers fail, not panic.
    #[test]
    fn altered_databases_do_not_panic(
        entries in any_entries(20),
        seed in any::<usize>(),
        replacement in proptest::option::of(node_like()),
    ) {
        let (mut db, root) = database(&entries);
        let mut nodes: Vec<_> = db.drain().into_iter().map(|(hash, (node, _))| (hash, node)).collect();
        nodes.sort();
        if !nodes.is_empty() {
            let at = seed % nodes.len();
            let node = &mut nodes[at].1;
            match replacement {
                Some(replacement) => *node = replacement,
                None => {
                    let bit = seed / 7 % (node.len() * 8);
                    node[bit / 8] ^= 1 << (bit % 8);
                }
            }
        }
        let mut altered = MemoryDB::default();
        for (hash, node) in nodes {
            quids_trie::HashDB::emplace(&mut altered, hash, quids_trie::EMPTY_PREFIX, node);
        }
        let trie = TrieDBBuilder::new(&altered, &root).build();
        for key in entries.keys() {
            let _ = trie.get(key);
            let _ = quids_trie::generate_proof(&altered, root, [key]);
        }
        if let Ok(iterator) = trie.iter() {
            iterator.take(1000).for_each(drop);
        }
        let changes: Vec<_> = entries.keys().map(|key| (key, Some(b"new"))).collect();
        let _: Result<Hash, _> = delta_root(&mut altered, root, changes);
        let changes: Vec<_> = entries.keys().map(|key| (key, None::<&[u8]>)).collect();
        let _: Result<Hash, _> = delta_root(&mut altered, root, changes);
    }
}

#[test]
fn a_layout_inlines_what_the_codec_accepts() {
    use quids_trie::{INLINE_VALUE_LEN_MAX, TrieLayout};
    assert_eq!(Layout::MAX_INLINE_VALUE, Some(INLINE_VALUE_LEN_MAX as u32 + 1));
}
