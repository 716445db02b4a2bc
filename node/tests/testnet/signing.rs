//! What contracts ask the validators to sign.

use crate::net::*;
use codec::{Decode, DecodeAll};
use quids_api::pobpc::{NextCommittee, POBPC_ENGINE_ID};
use quids_core::{DigestItem, Hash};
use quids_crypto::PublicKey;
use quids_pobpc::{Committee, Role, Seat, SigningCertificate, SigningRequest};
use serde_json::{Value, json};

const QUANTUM_SAFE: &str = "0x0000000000000000000000000000000000005110";

fn hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().and_then(|text| text.strip_prefix("0x"));
    hex::decode(text.unwrap()).unwrap()
}

/// Has an account ask the validators for their signatures; the request's handle.
fn ask_to_sign(node: &Node, message: &[u8]) -> String {
    let selector = quids_crypto::keccak_256(b"qSign(bytes)");
    let word = |number: usize| quids_core::U256::from(number).to_big_endian();
    let mut data = [&selector[..4], &word(32), &word(message.len()), message].concat();
    data.resize(68 + message.len().next_multiple_of(32), 0);
    let sent = quids(
        node,
        &[
            "evm",
            "send",
            "--from",
            "eth0",
            "--to",
            QUANTUM_SAFE,
            "--data",
            &hex(&data),
            "--json",
        ],
    );
    let sent: Value = serde_json::from_str(&sent).unwrap();
    sent["logs"][0]["topics"][1].as_str().unwrap().to_owned()
}

/// Waits until contracts on these nodes find the certificate, and verifies it as a stranger does who trusts one header.
fn see_signed(net: &Net, nodes: &[usize], handle: &str, message: &[u8]) {
    let selector = quids_crypto::keccak_256(b"qSignature(bytes32)");
    let data = [&selector[..4], &unhex(&json!(handle))].concat();
    let call = json!([{ "to": QUANTUM_SAFE, "data": hex(&data) }, "latest"]);
    let mut certificates = Vec::new();
    for index in nodes {
        let node = &net.nodes[*index];
        let mut answer = Vec::new();
        let is_signed = wait(|| {
            // It may have just begun to run.
            let answered = node.try_rpc("eth_call", call.clone());
            answer = answered.map(|answer| unhex(&answer)).unwrap_or_default();
            answer.get(31) == Some(&2)
        });
        assert!(is_signed, "node {index}: {}\n{}", hex(&answer), net.log(*index));
        let length = quids_core::U256::from_big_endian(&answer[64..96]).as_usize();
        let certificate = answer[96..96 + length].to_vec();
        let told = node.rpc("quids_signature", json!([handle]));
        assert_eq!(
            (&told["status"], unhex(&told["certificate"]["scale"])),
            (&json!("signed"), certificate.clone())
        );
        certificates.push(certificate);
    }
    assert!(certificates.windows(2).all(|two| two[0] == two[1]));
    verify_offline(&net.nodes[nodes[0]], handle, message, &certificates[0]);
}

fn verify_offline(node: &Node, handle: &str, message: &[u8], certificate: &[u8]) {
    let certificate = SigningCertificate::decode_all(&mut &certificate[..]).unwrap();
    let block = node.rpc("chain_getBlockHash", json!([certificate.height.0 - 1]));
    let header = node.rpc("chain_getHeader", json!([block]));
    let logs = header["digest"]["logs"].as_array().unwrap().iter();
    let committed = logs.map(|log| DigestItem::decode(&mut &unhex(log)[..]).unwrap());
    let committed = committed.into_iter().find_map(|item| match item {
        DigestItem::Consensus(POBPC_ENGINE_ID, bytes) => NextCommittee::decode(&mut &bytes[..]).ok(),
        _ => None,
    });
    let committed = committed.unwrap();
    let seats = node.rpc("quids_committee", json!([block]))["seats"].clone();
    let seat = |seat: &Value| Seat {
        key: PublicKey::new(
            seat["scheme"].as_str().unwrap().parse().unwrap(),
            &unhex(&seat["publicKey"]),
        )
        .unwrap(),
        role: match seat["role"] == "full" {
            true => Role::Full,
            false => Role::Witness,
        },
    };
    let committee = Committee::new(seats.as_array().unwrap().iter().map(seat).collect()).unwrap();
    assert_eq!(committee.hash(), committed.hash);
    let accounts = quids_node::spec::dev_accounts();
    let (_, requester) = accounts.into_iter().find(|(name, _)| *name == "eth0").unwrap();
    let hash = |value: &Value| Hash::from_slice(&unhex(value));
    let request = SigningRequest {
        chain_id: number(&node.rpc("eth_chainId", json!([]))).unwrap(),
        requester,
        handle: hash(&json!(handle)),
        message_hash: quids_crypto::blake3_256(message).into(),
    };
    let genesis = hash(&node.rpc("chain_getBlockHash", json!([0])));
    let verify = |request: &SigningRequest| {
        certificate.verify(
            &genesis,
            &committee,
            committed.threshold,
            request,
            &quids_crypto::verify,
        )
    };
    verify(&request).unwrap();
    let other = SigningRequest {
        message_hash: Hash::zero(),
        ..request
    };
    assert!(verify(&other).is_err());
}

/// A contract's message is signed by the committee after its block, whoever is down, and on all nodes contracts find the proof.
#[test]
fn what_a_contract_asks_for_is_signed() {
    let mut net = Net::started(4, 1);
    let four = [0, 1, 2, 3];
    net.agree_on(&four, 2);
    let handle = ask_to_sign(&net.nodes[0], b"first message");
    see_signed(&net, &four, &handle, b"first message");
    net.nodes[3].kill();
    let height = net.nodes[0].height().unwrap();
    net.agree_on(&[0, 1, 2], height + 2);
    let long = vec![7; 8192];
    let second = ask_to_sign(&net.nodes[1], &long);
    see_signed(&net, &[0, 1, 2], &second, &long);
    // Who was not there finds it in its state all the same, and so does who only follows.
    net.nodes[3].start();
    net.nodes[4].start();
    see_signed(&net, &[0, 3, 4], &second, &long);
    let height = net.nodes[0].height().unwrap();
    net.agree_on(&net.all(), height + 2);
    let unknown = net.nodes[2].rpc("quids_signature", json!([Hash::zero()]));
    assert_eq!(unknown["status"], "unknown");
}

/// Two of four keep no state, and sign what they see in the blocks that they execute: without one of them there is no quorum.
#[test]
fn witnesses_sign_what_contracts_ask_for() {
    let mut net = Net::with_witnesses(4, 2, 0);
    for node in &mut net.nodes {
        node.start();
    }
    net.agree_on(&net.all(), 3);
    for message in [&b"one"[..], b"two"] {
        let handle = ask_to_sign(&net.nodes[0], message);
        see_signed(&net, &[0, 1], &handle, message);
    }
}
