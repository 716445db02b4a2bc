//! `qSign` answered: requests are queued, certificates of the right committee are stored and read by contracts.

use crate::mock::*;
use alloy_primitives::{Bytes, TxKind, U256, keccak256};
use codec::Encode;
use pallet_qevm::{Call, Error, SigningQueue, precompiles::QSIGN_MESSAGE_MAX};
use quids_api::{
    InherentData,
    signing::{
        CERTIFICATES_MAX, Certificates, OpenRequest, SIGNING_INHERENT, SIGNING_LIFETIME, SIGNING_QUEUE_MAX,
        SignedRequest, SigningState,
    },
};
use quids_core::{AccountId20, DispatchError, H160, Hash, Height};
use quids_crypto::{KeyPair, SignatureScheme, blake3_256, verify};
use quids_pobpc::{Committee, Role, Seat, SeatIndex, SigningCertificate, SigningRequest, Threshold};
use quids_support::{
    dispatch::{GetDispatchInfo, dispatch_transactional},
    origin::Origin,
    traits::Signers,
};
use std::sync::LazyLock;

const GENESIS: Hash = Hash::repeat_byte(7);
const QUANTUM_SAFE: H160 = pallet_qevm::PrecompileMap::QUIDS.quantum_safe;
/// Asked with a signed extrinsic, an account is the requester itself.
const ALICE: AccountId20 = AccountId20([1; 20]);

static KEYS: LazyLock<Vec<KeyPair>> = LazyLock::new(|| {
    let key = |seed| KeyPair::from_seed(SignatureScheme::Falcon512, &[seed; 32]).unwrap();
    (0..4).map(key).collect()
});

/// Of every height up to one that is far: the four keys.
pub struct Committees;

impl Signers for Committees {
    fn are_there(height: Height) -> bool {
        height < Height(5_000)
    }

    fn has_signed(request: &SigningRequest, certificate: &SigningCertificate) -> bool {
        let seat = |pair: &KeyPair| Seat {
            key: pair.public().clone(),
            role: Role::Full,
        };
        let committee = Committee::new(KEYS.iter().map(seat).collect()).unwrap();
        certificate
            .verify(&GENESIS, &committee, Threshold::DEFAULT, request, &verify)
            .is_ok()
    }
}

fn certificate(open: &OpenRequest, by: &[u16]) -> SigningCertificate {
    let bytes = open.request.signed_bytes(&GENESIS, open.height);
    let sign = |seat: &u16| (SeatIndex(*seat), KEYS[usize::from(*seat)].sign(&bytes));
    SigningCertificate {
        height: open.height,
        signatures: by.iter().map(sign).collect(),
    }
}

fn right(open: &OpenRequest) -> (Hash, SigningCertificate) {
    (open.request.handle, certificate(open, &[0, 1, 3]))
}

/// A call of `IQuantumSafe`: `function(bytes32 or bytes)`.
fn input(function: &str, argument: &[u8]) -> Vec<u8> {
    let mut input = keccak256(function)[..4].to_vec();
    if function == "qSign(bytes)" {
        input.extend(U256::from(32).to_be_bytes::<32>());
        input.extend(U256::from(argument.len()).to_be_bytes::<32>());
    }
    input.extend(argument);
    input.resize(4 + (input.len() - 4).next_multiple_of(32), 0);
    input
}

fn call(to: H160, input: Vec<u8>) -> Result<(), DispatchError> {
    let mut account = pallet_system::OpenAccount::<Runtime>::open(&ALICE);
    account.info.nonce.0 += 1;
    account.store();
    let call = Call::call {
        to: AccountId20(to.0),
        value: quids_core::U256::zero(),
        input,
        gas_limit: 2_000_000,
    };
    dispatch_transactional(RuntimeCall::from(call), Origin::Signed(ALICE))
        .map(drop)
        .map_err(|failed| failed.error)
}

fn ask(message: &[u8]) {
    call(QUANTUM_SAFE, input("qSign(bytes)", message)).unwrap();
}

/// Ends block `height` and begins the next.
fn next(height: u32) -> Vec<OpenRequest> {
    end(height);
    let queue = Qevm::signing_queue();
    start(height + 1);
    queue
}

fn note(certificates: Certificates) -> Result<(), DispatchError> {
    let call = RuntimeCall::from(Call::note_certificates { certificates });
    dispatch_transactional(call, Origin::None)
        .map(drop)
        .map_err(|failed| failed.error)
}

fn refuses(certificates: Certificates, error: Error<Runtime>) {
    assert_eq!(note(certificates), Err(error.into()));
}

/// What a contract gets from `qSignature`: status and certificate, and the gas of the call beside the transaction's own.
fn q_signature(handle: &Hash) -> (u8, Vec<u8>, u64) {
    let caller = Legacy::new(1);
    let mut transaction = blank();
    transaction.nonce = nonce(caller.account());
    transaction.to = TxKind::Call(QUANTUM_SAFE.0.into());
    transaction.input = Bytes::from(input("qSignature(bytes32)", handle.as_bytes()));
    let outcome = succeed(&caller.sign(transaction));
    let output = outcome.output;
    let word = |at: usize| U256::from_be_slice(&output[32 * at..32 * (at + 1)]).to::<usize>();
    assert_eq!(word(1), 64);
    (word(0) as u8, output[96..96 + word(2)].to_vec(), outcome.gas_used)
}

fn world(f: impl FnOnce()) {
    test(&[ALICE, Legacy::new(1).account()], f);
}

#[test]
fn a_request_is_queued_signed_and_read_by_contracts() {
    world(|| {
        ask(b"to be signed");
        assert_eq!(Qevm::signing_queue(), [], "not before its block ends");
        let queue = next(1);
        let [open] = queue[..] else { panic!("{queue:?}") };
        let handle = open.request.handle;
        let expected = SigningRequest {
            chain_id: 20_821,
            requester: ALICE,
            handle,
            message_hash: blake3_256(b"to be signed").into(),
        };
        assert_eq!((open.request, open.height), (expected, Height(2)));
        let pending = SigningState::Pending {
            requester: ALICE,
            height: Height(1),
        };
        assert_eq!(Qevm::signing_state(handle), pending);
        let (status, none, cheap) = q_signature(&handle);
        assert_eq!((status, none), (1, Vec::new()));

        let (_, certificate) = right(&open);
        note(vec![(handle, certificate.clone())]).unwrap();
        let (status, read, dear) = q_signature(&handle);
        assert_eq!((status, &read), (2, &certificate.encode()));
        // Each word that is read is paid for.
        assert!(dear - cheap > 2 * read.len() as u64, "{cheap} {dear}");
        let signed = SignedRequest {
            request: open.request,
            certificate,
        };
        assert_eq!(Qevm::signing_state(handle), SigningState::Signed(signed));
        assert_eq!(Qevm::signing_queue(), []);
        // It stays so.
        (2..SIGNING_LIFETIME.0 + 10).for_each(|height| assert_eq!(next(height), [], "{height}"));
        assert_eq!(q_signature(&handle).0, 2);
        let unknown = Hash::repeat_byte(9);
        assert_eq!(q_signature(&unknown).0, 0);
        assert_eq!(Qevm::signing_state(unknown), SigningState::Unknown);
    });
}

#[test]
fn only_what_proves_an_open_request_counts() {
    world(|| {
        ask(b"one");
        ask(b"two");
        let queue = next(1);
        let (one, two) = (right(&queue[0]), right(&queue[1]));
        let handle = one.0;
        let with = |by: &[u16]| vec![(handle, certificate(&queue[0], by))];
        let of_height = |height| {
            let open = OpenRequest {
                height: Height(height),
                ..queue[0]
            };
            vec![(handle, certificate(&open, &[0, 1, 3]))]
        };
        for (wrong, error) in [
            (with(&[0, 1]), Error::NoSigningCertificate),
            (with(&[0, 1, 1]), Error::NoSigningCertificate),
            (vec![(handle, two.1.clone())], Error::NoSigningCertificate),
            // Committees of other heights, who signed just that.
            (of_height(1), Error::NoSigningCertificate),
            (of_height(3), Error::NoSigningCertificate),
            (vec![(Hash::zero(), one.1.clone())], Error::NoOpenRequest),
            (vec![one.clone(), one.clone()], Error::NoOpenRequest),
            (Vec::new(), Error::TooManyCertificates),
            (vec![one.clone(); CERTIFICATES_MAX + 1], Error::TooManyCertificates),
        ] {
            refuses(wrong.clone(), error);
            let mut brought = InherentData::default();
            brought.put(SIGNING_INHERENT, &wrong);
            let made = Runtime::create_inherents(&brought);
            // What is right in it goes into the block.
            let is_part_right = wrong.first() == Some(&one);
            assert_eq!(!made.is_empty(), is_part_right, "{wrong:?}");
        }
        for origin in [Origin::Root, Origin::Signed(ALICE)] {
            let certificates = vec![one.clone()];
            let call = RuntimeCall::from(Call::note_certificates { certificates });
            let error = dispatch_transactional(call, origin).unwrap_err().error;
            assert_eq!(error, DispatchError::BadOrigin);
        }
        let mut brought = InherentData::default();
        brought.put(SIGNING_INHERENT, &vec![two.clone(), one.clone()]);
        let made = Runtime::create_inherents(&brought);
        let certificates = vec![two.clone(), one.clone()];
        let both = RuntimeCall::from(Call::note_certificates { certificates });
        assert_eq!(made, std::slice::from_ref(&both));
        assert!(Runtime::is_inherent(&both));
        assert!(both.dispatch_info().weight.ref_time > 0);

        note(vec![one.clone()]).unwrap();
        refuses(vec![two.clone()], Error::CertificatesAlreadyNoted);
        next(2);
        refuses(vec![one], Error::NoOpenRequest);
        note(vec![two]).unwrap();
    });
}

#[test]
fn what_is_not_signed_in_time_is_unknown_again() {
    for (after, is_in_time) in [(SIGNING_LIFETIME.0, true), (SIGNING_LIFETIME.0 + 1, false)] {
        world(|| {
            ask(b"message");
            let queue = next(1);
            (2..=after).for_each(|height| drop(next(height)));
            let (handle, certificate) = right(&queue[0]);
            let (status, ..) = q_signature(&handle);
            assert_eq!(status, u8::from(is_in_time));
            assert_eq!(Qevm::signing_state(handle) == SigningState::Unknown, !is_in_time);
            match is_in_time {
                true => note(vec![(handle, certificate)]).unwrap(),
                false => refuses(vec![(handle, certificate)], Error::NoSigningCertificate),
            }
            // A new request clears away what nobody may sign any more.
            ask(b"another");
            end(1 + after);
            assert_eq!(SigningQueue::<Runtime>::get().len(), 1);
        });
    }
}

#[test]
fn a_full_queue_leaves_requests_unsigned() {
    world(|| {
        // The gas of a block is enough for 40.
        let mut height = 1;
        let mut queue = Vec::new();
        for asked in [40, 40, 40, 40, 40, 40, 30, 20] {
            (0..asked).for_each(|_| ask(b""));
            queue = next(height);
            height += 1;
        }
        assert_eq!(queue.len(), SIGNING_QUEUE_MAX);
        let last = queue[SIGNING_QUEUE_MAX - 1];
        assert_eq!(last.height, Height(8), "the last block's did not come in");
        note(vec![right(&queue[0])]).unwrap();
        ask(b"in time");
        let queue = next(height);
        assert_eq!(queue.len(), SIGNING_QUEUE_MAX);
        assert_eq!(queue.last().unwrap().height, Height(height + 1));
    });
}

#[test]
fn what_was_undone_or_is_another_s_log_is_no_request() {
    world(|| {
        // CALLDATACOPY(0, 0, size); CALL(gas, 0x5110, 0, 0, size, 0, 0); REVERT(0, 0).
        let reverts = [
            0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x5f, 0x36, 0x5f, 0x5f, 0x61, 0x51, 0x10, 0x5a, 0xf1, 0x5f, 0x5f, 0xfd,
        ];
        // CALLDATACOPY(0, 0, size); LOG3(96, size - 96, the words at 0, 32, 64).
        let logs = [
            0x36, 0x5f, 0x5f, 0x37, 0x60, 0x40, 0x51, 0x60, 0x20, 0x51, 0x5f, 0x51, 0x60, 0x60, 0x36, 0x03, 0x60, 0x60,
            0xa3, 0x00,
        ];
        // The same call, of 0xaa…; STOP.
        let mut goes_on = reverts[..9].to_vec();
        goes_on.push(0x73);
        goes_on.extend([0xaa; 20]);
        goes_on.extend([0x5a, 0xf1, 0x00]);
        let (relay, outer, forger) = (H160([0xaa; 20]), H160([0xab; 20]), H160([0xbb; 20]));
        for (at, code) in [(relay, &reverts[..]), (outer, &goes_on), (forger, &logs)] {
            deploy(at, code);
        }
        let asked = input("qSign(bytes)", b"message");
        assert!(call(relay, asked.clone()).is_err());
        call(outer, asked.clone()).unwrap();
        assert!(Qevm::block().transactions[0].receipt.gas_used > 680_000, "it was asked");
        let topics = [keccak256("SigningRequested(bytes32,address,bytes)").0, [5; 32], [0; 32]];
        call(forger, [&topics.concat()[..], &asked[4..]].concat()).unwrap();
        let logged = &Qevm::block().transactions[1].receipt.logs[0];
        assert_eq!((logged.topics.len(), &logged.data), (3, &asked[4..].to_vec()));
        assert_eq!(next(1), []);
        // A longest message is one.
        ask(&[7; QSIGN_MESSAGE_MAX]);
        assert_eq!(next(2).len(), 1);
    });
}

/// Puts code at an address, as genesis does.
fn deploy(at: H160, code: &[u8]) {
    let hash = Hash::from(keccak256(code).0);
    pallet_qevm::Codes::<Runtime>::insert(&hash, pallet_qevm::Code::new(code));
    pallet_qevm::CodeHashes::<Runtime>::insert(&AccountId20(at.0), hash);
    let mut account = pallet_system::OpenAccount::<Runtime>::open(&AccountId20(at.0));
    account.info.nonce.0 = 1;
    account.info.data.flags |= pallet_system::AccountData::PROVIDING | pallet_system::AccountData::CODE;
    account.store();
}

#[test]
fn without_committees_nothing_is_queued() {
    world(|| {
        start(6_000);
        ask(b"message");
        end(6_000);
        assert!(!SigningQueue::<Runtime>::exists());
        assert_eq!(Qevm::block().transactions[0].receipt.logs.len(), 1);
    });
}
