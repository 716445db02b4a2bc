//! Benchmarks: every call has one; their vectors are those of these keys. `QUIDS_BLESS=1` writes them anew.

use crate::mock::{Pobpc, Runtime};
use codec::{DecodeAll, Encode};
use pallet_pobpc::benchmarks::{GENESIS, NEWCOMER, SIGNERS, Vectors, precommit, votes};
use quids_crypto::{KeyPair, SignatureScheme};
use quids_pobpc::{Ballot, registration_message};

#[test]
fn the_benchmarks_vectors_are_those_of_their_keys() {
    let pairs: Vec<KeyPair> = (1..=SIGNERS as u8)
        .map(|seed| KeyPair::from_seed(SignatureScheme::MlDsa87, &[seed; 32]).unwrap())
        .collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/vectors.scale");
    if std::env::var_os("QUIDS_BLESS").is_some() {
        let first = &pairs[0];
        let vectors = Vectors {
            keys: pairs.iter().map(|pair| pair.public().clone()).collect(),
            registration: first.sign(&registration_message(&GENESIS, &NEWCOMER, first.public())),
            votes: votes().map(|vote| first.sign(&vote.signed_bytes(&GENESIS))).to_vec(),
            precommits: pairs
                .iter()
                .map(|pair| pair.sign(&precommit().signed_bytes(&GENESIS)))
                .collect(),
        };
        std::fs::write(path, vectors.encode()).unwrap();
    }
    // That the signatures are right, the benchmarks show.
    let vectors = Vectors::decode_all(&mut &std::fs::read(path).unwrap()[..]).unwrap();
    let keys = pairs.iter().map(|pair| pair.public().clone());
    assert_eq!(vectors.keys, keys.collect::<Vec<_>>());
    assert_eq!((vectors.votes.len(), vectors.precommits.len()), (2, pairs.len()));
}

#[test]
fn every_call_has_a_benchmark() {
    quids_testing::check_benchmarks::<Runtime, Pobpc>(quids_testing::TestExternalities::default);
}
