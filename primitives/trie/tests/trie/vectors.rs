//! Pinned roots. If one of these changes, the chain's state format changed: every stored state and
//! every proof out there is void. Do that on purpose, or not at all.

use crate::Entries;
use codec::Encode;
use hex_literal::hex;
use quids_trie::{EMPTY_NODE, EMPTY_ROOT, Hash, generate_proof, ordered_root, state_root};

fn check(entries: &[(&[u8], &[u8])], root: [u8; 32]) {
    assert_eq!(state_root(entries.iter().copied()), Hash::from(root));
}

const DOGE: &[(&[u8], &[u8])] = &[
    (b"do", b"verb"),
    (b"dog", b"puppy"),
    (b"doge", b"coin"),
    (b"horse", b"stallion"),
];

#[test]
fn the_empty_root_is_pinned() {
    assert_eq!(EMPTY_ROOT.as_bytes(), blake3::hash(&EMPTY_NODE).as_bytes());
    check(&[], EMPTY_ROOT.0);
}

#[test]
fn one_entry_is_a_leaf_by_hand() {
    // Leaf of 4 nibbles, the key, the value.
    let node = [&[0x24][..], b"do", b"verb"].concat();
    check(&[(b"do", b"verb")], *blake3::hash(&node).as_bytes());
    // Hashed value.
    let value = [5; 33];
    let node = [&[0x44][..], b"do", blake3::hash(&value).as_bytes()].concat();
    check(&[(b"do", &value)], *blake3::hash(&node).as_bytes());
}

#[test]
fn roots_are_pinned() {
    check(&[(b"do", b"verb")], ONE);
    check(DOGE, DOGE_ROOT);
    assert_eq!(state_root(thousand()), Hash::from(THOUSAND));
    assert_eq!(ordered_root((0u32..1000).map(u32::to_be_bytes)), Hash::from(ORDERED));
}

#[test]
fn the_proof_format_is_pinned() {
    let entries: Entries = DOGE.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    let (db, root) = crate::database(&entries);
    let proof = generate_proof(&db, root, [b"dog"]).unwrap();
    assert_eq!(proof.0, [DOGE_NODE]);

    let entries = thousand();
    let (db, root) = crate::database(&entries);
    let proof = generate_proof(&db, root, entries.keys().step_by(100)).unwrap();
    assert_eq!(blake3::hash(&proof.encode()).as_bytes(), &THOUSAND_PROOF);
}

/// 1000 entries under 32-byte keys, values of 0 to 44 bytes.
fn thousand() -> Entries {
    let entry = |index: u32| {
        let bytes = index.to_be_bytes();
        let key = blake3::hash(&bytes).as_bytes().to_vec();
        (key, bytes.repeat(index as usize % 12))
    };
    (0..1000).map(entry).collect()
}

const ONE: [u8; 32] = hex!("0716b6ea6dd531698ba0ffbb963ee47291974e936fddb3d272d1fbc3b15ee4c4");
const DOGE_ROOT: [u8; 32] = hex!("59ff0a17a8c07c59bc32243094fe220ead71fa6c121433ded7f779e777ad276a");
const THOUSAND: [u8; 32] = hex!("3d4a16b24d989840d55293cf1e3a8c62efa8350ed02cf6bcc067bb4b1c529602");
const ORDERED: [u8; 32] = hex!("92e070e70edbdf7fb8a4d25ea60390f466be651ee04cd571155dba085ae97af9");
const THOUSAND_PROOF: [u8; 32] = hex!("56e8a53391d7cc12197e0241c34f5e64190d672a2439d0c858240664e44c5365");
/// The whole trie: everything below the root branch is inline.
const DOGE_NODE: &[u8] =
    &hex!("6106100119826f40001081074000062105636f696e7075707079766572620d286f7273657374616c6c696f6e");
