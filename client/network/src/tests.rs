//! Frames from outside, any bytes at all: decoders say what is wrong, take no more than they should, and never panic.

use crate::{
    Topic,
    handshake::{self, HELLO_BYTES_MAX, Hello, Proof, Refusal, VERSION},
    request::{Frames, Request, RequestKind, Response, read_request, read_response},
    topic::{self, NONCE_BYTES, Nonces},
};
use futures::{executor::block_on, io::Cursor};
use libp2p::{StreamProtocol, request_response::Codec};
use proptest::prelude::*;
use quids_core::Hash;
use quids_crypto::{Signature, SignatureScheme};

fn hellos() -> impl Strategy<Value = Hello> {
    let signature = prop_oneof![
        any::<u64>().prop_map(|seed| signature(SignatureScheme::Falcon512, 666, seed)),
        any::<u64>().prop_map(|seed| signature(SignatureScheme::MlDsa87, 4627, seed)),
    ];
    let proof = (any::<[u8; 32]>(), signature).prop_map(|(hash, signature)| Proof {
        key_hash: hash.into(),
        signature,
    });
    (any::<[u8; 32]>(), proptest::option::of(proof)).prop_map(|(genesis, proof)| Hello {
        version: VERSION,
        genesis: genesis.into(),
        proof,
    })
}

fn signature(scheme: SignatureScheme, length: usize, seed: u64) -> Signature {
    let mut bytes = vec![0; length];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    Signature::new(scheme, &bytes).unwrap()
}

fn protocol() -> StreamProtocol {
    StreamProtocol::new("/test/1")
}

proptest! {
    #[test]
    fn a_hello_is_read_as_it_was_written_and_not_when_cut_or_longer(hello in hellos(), cut in 0usize..4800) {
        let frame = handshake::encode(&hello);
        let length = usize::from(u16::from_le_bytes([frame[0], frame[1]]));
        prop_assert_eq!(length, frame.len() - 2);
        prop_assert!(length <= HELLO_BYTES_MAX);
        prop_assert_eq!(handshake::decode(&frame[2..]), Ok(hello));
        let cut = cut % length;
        prop_assert_eq!(handshake::decode(&frame[2..2 + cut]), Err(Refusal::Malformed));
        prop_assert_eq!(handshake::decode(&[&frame[2..], &[0]].concat()), Err(Refusal::Malformed));
    }

    #[test]
    fn any_bytes_are_a_hello_or_are_not(bytes in proptest::collection::vec(any::<u8>(), 0..200), first in 0u8..3) {
        let _ = handshake::decode(&bytes);
        let _ = handshake::decode(&[&[first], &bytes[..]].concat());
    }

    #[test]
    fn requests_are_read_as_they_were_written(kind in 0usize..8, bytes in proptest::collection::vec(any::<u8>(), 0..1024)) {
        let request = Request { kind: RequestKind::ALL[kind], bytes };
        let mut frame = Vec::new();
        block_on(Frames::default().write_request(&protocol(), &mut frame, Some(request.clone()))).unwrap();
        prop_assert_eq!(block_on(read_request(&mut Cursor::new(&frame))).unwrap(), request);
        let cut = frame.len() - 1;
        prop_assert!(block_on(read_request(&mut Cursor::new(&frame[..cut]))).is_err());
    }

    #[test]
    fn responses_are_read_as_they_were_written(bytes in proptest::collection::vec(any::<u8>(), 0..2000), max in 0usize..2000) {
        for response in [Response::Bytes(bytes.clone()), Response::Refused, Response::Busy] {
            let mut frame = Vec::new();
            block_on(Frames::default().write_response(&protocol(), &mut frame, response.clone())).unwrap();
            let read = block_on(read_response(&mut Cursor::new(&frame), max));
            match &response {
                Response::Bytes(bytes) if bytes.len() > max => prop_assert!(read.is_err()),
                _ => prop_assert_eq!(read.unwrap(), response),
            }
        }
    }

    #[test]
    fn any_bytes_are_a_request_or_are_not(bytes in proptest::collection::vec(any::<u8>(), 0..64), kind in 0u8..10, length: u32) {
        for bytes in [bytes.clone(), [&[kind][..], &length.to_le_bytes(), &bytes[..]].concat()] {
            if let Ok(request) = block_on(read_request(&mut Cursor::new(&bytes))) {
                prop_assert!(request.bytes.len() + 5 <= bytes.len());
            }
            let _ = block_on(read_response(&mut Cursor::new(&bytes), 1 << 20));
        }
    }

    #[test]
    fn payloads_come_out_as_they_went_in(payload in proptest::collection::vec(any::<u8>(), 1..300), nanos: u128) {
        let local = crate::NodeKey::from_seed([1; 32]).peer_id();
        let mut nonces = Nonces::new(&local, nanos);
        let (first, second) = (nonces.wrap(&payload), nonces.wrap(&payload));
        prop_assert_ne!(&first, &second);
        let name = Topic::Consensus.of_chain(&Hash::zero()).hash();
        prop_assert_ne!(topic::message_id(&name, &first), topic::message_id(&name, &second));
        prop_assert_eq!(topic::unwrap(Topic::Consensus, first), Some(payload.clone()));
        prop_assert_eq!(topic::unwrap(Topic::Consensus, second), Some(payload));
    }
}

#[test]
fn payloads_have_bounds() {
    let max = Topic::Consensus.bytes_max();
    for (length, expected) in [
        (0, None),
        (NONCE_BYTES, None),
        (NONCE_BYTES + 1, Some(1)),
        (NONCE_BYTES + max, Some(max)),
        (NONCE_BYTES + max + 1, None),
    ] {
        let unwrapped = topic::unwrap(Topic::Consensus, vec![0; length]);
        assert_eq!(unwrapped.map(|bytes| bytes.len()), expected, "{length}");
    }
}

/// A length that nothing follows makes no room.
#[test]
fn announced_bytes_are_not_allocated() {
    let announced = [&[0u8][..], &(48u32 << 20).to_le_bytes(), &[1, 2, 3]].concat();
    let read = block_on(read_response(&mut Cursor::new(&announced), 48 << 20));
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    let too_long = [&[0u8][..], &(1025u32).to_le_bytes()].concat();
    let read = block_on(read_request(&mut Cursor::new(&too_long)));
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::InvalidData);
}

/// The wire format: changing it is changing [`VERSION`].
#[test]
fn frames_are_pinned() {
    let hello = Hello {
        version: VERSION,
        genesis: Hash::repeat_byte(7),
        proof: None,
    };
    assert_eq!(handshake::encode(&hello), [&[34, 0, 1], &[7; 32][..], &[0]].concat());
    let mut frame = Vec::new();
    let request = Request {
        kind: RequestKind::Proposal,
        bytes: vec![9],
    };
    block_on(Frames::default().write_request(&protocol(), &mut frame, Some(request))).unwrap();
    assert_eq!(frame, [4, 1, 0, 0, 0, 9]);
    let name = Topic::Transactions.of_chain(&Hash::repeat_byte(0xab)).hash();
    assert_eq!(name.as_str(), "/quids/abababababababab/transactions/1");
}
