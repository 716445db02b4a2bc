//! `qSign` answered, through the runtime's APIs alone: who asks, who signs and who stores know nothing of each other.

use codec::{Decode, Encode};
use pallet_balances::ChargeTransactionPayment;
use pallet_system::extensions::{CheckGenesis, CheckMortality, CheckNonce, CheckSpecVersion, CheckTxVersion};
use quids_api::{
    ApplyExtrinsicResult, ExtrinsicsCommitment, InherentData, TIMESTAMP_INHERENT, names,
    pobpc::NextHeight,
    signing::{Certificates, OpenRequest, SIGNING_INHERENT, SIGNING_QUEUE_KEY, SigningState},
};
use quids_core::{
    AUTHOR_ENGINE_ID, AccountId20, Balance, Digest, DigestItem, Hash, Header, Height, Nonce, OpaqueExtrinsic, U256,
};
use quids_crypto::{AccountSignature, KeyPair, SignatureScheme, blake3_256, keccak_256, verify};
use quids_io::MemoryExternalities;
use quids_pobpc::{Committee, SeatIndex, SigningCertificate, SigningRequest};
use quids_runtime::{Extrinsic, RuntimeCall};
use quids_support::extrinsic::Era;

/// The parent of block 1, so the genesis.
const GENESIS: Hash = Hash::repeat_byte(1);

fn api<O: Decode>(name: &str, input: impl Encode) -> O {
    let output = quids_runtime::call(name, &input.encode()).expect("the API is there");
    O::decode(&mut &output[..]).unwrap()
}

fn pair(number: u8) -> KeyPair {
    KeyPair::from_seed(SignatureScheme::Falcon512, &[number; 32]).unwrap()
}

fn account(number: u8) -> AccountId20 {
    pair(number).public().account_id().unwrap()
}

/// Four validators with the keys 101 to 104; the first account has tokens.
fn genesis() -> serde_json::Value {
    let validator = |number: u8| {
        let key = pair(100 + number);
        let key: String = key
            .public()
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let account = account(number).to_string();
        serde_json::json!({ "account": account, "scheme": "falcon-512", "key": format!("0x{key}"), "role": "full" })
    };
    serde_json::json!({
        "balances": { "balances": [[account(1).to_string(), "1000000000000000000000"]] },
        "pobpc": { "validators": (1..=4u8).map(validator).collect::<Vec<_>>() },
    })
}

/// Asks with a signed extrinsic that a message be signed.
fn asking(message: &[u8]) -> Vec<u8> {
    let mut input = keccak_256(b"qSign(bytes)")[..4].to_vec();
    for word in [32, message.len()] {
        input.extend(U256::from(word).to_big_endian());
    }
    input.extend(message);
    input.resize(4 + (input.len() - 4).next_multiple_of(32), 0);
    let extra = (
        CheckSpecVersion::new(),
        CheckTxVersion::new(),
        CheckGenesis::new(),
        CheckMortality::new(Era::Immortal),
        CheckNonce::new(Nonce(0)),
        ChargeTransactionPayment::new(Balance(0)),
    );
    let to = AccountId20(pallet_qevm::PrecompileMap::QUIDS.quantum_safe.0);
    let value = U256::zero();
    let gas_limit = 2_000_000;
    let call: RuntimeCall = pallet_qevm::Call::call {
        to,
        value,
        input,
        gas_limit,
    }
    .into();
    let pair = pair(1);
    let signature = pair.sign(&Extrinsic::payload(&call, &extra).unwrap());
    let signature = AccountSignature::from_parts(pair.scheme(), Some(pair.public()), &signature).unwrap();
    let signature = Some((account(1), signature, extra));
    Extrinsic { signature, call }.encode()
}

/// The next block, by the first member, with what it brings; its inherents besides the timestamp.
fn block(height: u32, certificates: &Certificates, transactions: Vec<Vec<u8>>) -> usize {
    let author = api::<Option<NextHeight>>(names::POBPC_NEXT, ()).unwrap().accounts[0];
    let header = Header {
        parent_hash: Hash::repeat_byte(height as u8),
        number: Height(height),
        state_root: Hash::zero(),
        extrinsics_root: Hash::zero(),
        digest: Digest {
            logs: vec![DigestItem::PreRuntime(AUTHOR_ENGINE_ID, author.encode())],
        },
    };
    api::<()>(names::CORE_INITIALIZE_BLOCK, header);
    let mut data = InherentData::default();
    data.put(TIMESTAMP_INHERENT, &(1_000 * u64::from(height)));
    data.put(SIGNING_INHERENT, certificates);
    let inherents: Vec<OpaqueExtrinsic> = api(names::BLOCK_BUILDER_INHERENT_EXTRINSICS, data);
    let brought = inherents.len() - 1;
    let mut extrinsics: Vec<Vec<u8>> = inherents.into_iter().map(|one| one.0).collect();
    extrinsics.extend(transactions);
    for (index, bytes) in (0u32..).zip(&extrinsics) {
        let applied: ApplyExtrinsicResult = api(names::BLOCK_BUILDER_APPLY_EXTRINSIC, (index, bytes));
        applied.unwrap().unwrap();
    }
    let commitment: ExtrinsicsCommitment = api(names::BLOCK_BUILDER_COMMIT_EXTRINSICS, extrinsics);
    api::<Header>(names::BLOCK_BUILDER_FINALIZE_BLOCK, commitment);
    brought
}

fn queue() -> Vec<OpenRequest> {
    let queue: Vec<OpenRequest> = api(names::QEVM_SIGNING_QUEUE, ());
    // Nodes without a state find it where they know it to be.
    let stored = quids_io::storage::get(SIGNING_QUEUE_KEY).unwrap_or_default();
    let stored = Vec::<OpenRequest>::decode(&mut &stored[..]).unwrap_or_default();
    assert_eq!(stored, queue);
    queue
}

/// By these seats of a committee.
fn certificate(open: &OpenRequest, committee: &Committee, by: &[u16]) -> (Hash, SigningCertificate) {
    let bytes = open.request.signed_bytes(&GENESIS, open.height);
    let sign = |seat: &u16| {
        let key = &committee.seat(SeatIndex(*seat)).unwrap().key;
        let pair = (101..=104).map(pair).find(|pair| pair.public() == key).unwrap();
        (SeatIndex(*seat), pair.sign(&bytes))
    };
    let certificate = SigningCertificate {
        height: open.height,
        signatures: by.iter().map(sign).collect(),
    };
    (open.request.handle, certificate)
}

#[test]
fn a_message_is_signed_by_the_committee_after_the_request() {
    MemoryExternalities::default().execute_with(|| {
        let built: Result<(), String> = api(names::GENESIS_BUILD, genesis().to_string().into_bytes());
        built.unwrap();
        block(1, &Vec::new(), Vec::new());
        block(2, &Vec::new(), vec![asking(b"message")]);
        let queue_of_one = queue();
        let [open] = queue_of_one[..] else {
            panic!("{queue_of_one:?}")
        };
        let expected = SigningRequest {
            chain_id: 20_821,
            requester: account(1),
            message_hash: blake3_256(b"message").into(),
            ..open.request
        };
        assert_eq!((open.request, open.height), (expected, Height(3)));
        // It is the one that the header of the request's block commits to.
        let next = api::<Option<NextHeight>>(names::POBPC_NEXT, ()).unwrap();
        let committee: Option<Committee> = api(names::POBPC_COMMITTEE_AT, open.height);
        let committee = committee.unwrap();
        assert_eq!(committee, next.committee);

        let too_few = certificate(&open, &committee, &[0, 2]);
        assert_eq!(block(3, &vec![too_few], Vec::new()), 0);
        assert_eq!(queue(), [open]);
        let (handle, right) = certificate(&open, &committee, &[0, 2, 3]);
        assert_eq!(block(4, &vec![(handle, right.clone())], Vec::new()), 1);
        assert_eq!(queue(), []);
        let state: SigningState = api(names::QEVM_SIGNING_STATE, handle);
        let SigningState::Signed(signed) = state else {
            panic!("{state:?}")
        };
        assert_eq!((signed.request, &signed.certificate), (expected, &right));
        let verified = signed
            .certificate
            .verify(&GENESIS, &committee, next.threshold, &signed.request, &verify);
        verified.unwrap();
        assert_eq!(block(5, &vec![(handle, right)], Vec::new()), 0, "it is signed");
    });
}
