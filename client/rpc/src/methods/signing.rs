//! `quids_signature`: what became of a contract's request that the validators sign a message.

use super::block_or_best;
use super::registry::{Registered, Registry, method};
use crate::error::{self, from_backend, from_runtime_call, undecodable};
use crate::json;
use crate::spec::shapes::AT;
use crate::spec::{Field, Method, Param, Schema};
use codec::{DecodeAll, Encode};
use quids_api::{
    names,
    signing::{SignedRequest, SigningState},
};
use quids_core::{Hash, Height};
use serde_json::{Value, json};

const HANDLE: Param = Param::required("handle", Schema::Hash, "as `qSign` returned it");

const CERTIFICATE: Schema = Schema::Object(&[
    Field::required("chainId", Schema::Quantity, "EIP-155"),
    Field::required("messageHash", Schema::Hash, "BLAKE3-256 of the message"),
    Field::required(
        "signedBytes",
        Schema::Bytes,
        "what each signature is for; it begins with a domain and the genesis hash",
    ),
    Field::required(
        "height",
        Schema::Number,
        "whose committee signed; the header before it commits to that",
    ),
    Field::required(
        "signatures",
        Schema::List(&Schema::Object(&[
            Field::required("seat", Schema::Number, ""),
            Field::required("scheme", Schema::Text, "a name of quids_signatureSchemes"),
            Field::required("signature", Schema::Bytes, "raw"),
        ])),
        "by seat",
    ),
    Field::required(
        "scale",
        Schema::Bytes,
        "height and signatures, as `qSignature` and the verifier have them",
    ),
]);

const SIGNATURE: Schema = Schema::Named(
    "SigningState",
    &Schema::Object(&[
        Field::required(
            "status",
            Schema::Word(&["unknown", "pending", "signed"]),
            "unknown too if it was not signed in time",
        ),
        Field::required("requester", Schema::Nullable(&Schema::Account), "who asked"),
        Field::required(
            "requestedAt",
            Schema::Nullable(&Schema::Number),
            "the height of the block with the request",
        ),
        Field::required("certificate", Schema::Nullable(&CERTIFICATE), "once it is signed"),
    ]),
);

pub fn register(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "quids_signature",
                "What became of a request of `IQuantumSafe.qSign`: the validators' signatures, once a quorum signed.",
                &[HANDLE, AT],
                SIGNATURE,
            )
            .errors(&[error::RUNTIME, error::DECODE, error::CLIENT])
        },
        |node, arguments| {
            let at = block_or_best(node, arguments, "at")?;
            let handle = arguments.hash("handle")?;
            let answer = node.call(at, names::QEVM_SIGNING_STATE, handle.as_bytes());
            let answer = answer.map_err(from_runtime_call)?;
            let state = SigningState::decode_all(&mut &answer[..]).map_err(|_| undecodable("signing state"))?;
            let genesis = node.hash_at(Height::ZERO).map_err(from_backend)?;
            Ok(signature(&state, &genesis.unwrap_or_default()))
        },
    )
}

fn signature(state: &SigningState, genesis: &Hash) -> Value {
    let (status, requester, height, certificate) = match state {
        SigningState::Unknown => ("unknown", None, None, Value::Null),
        SigningState::Pending { requester, height } => ("pending", Some(*requester), Some(height.0), Value::Null),
        SigningState::Signed(signed) => {
            let height = signed.certificate.height.0.saturating_sub(1);
            (
                "signed",
                Some(signed.request.requester),
                Some(height),
                certificate(signed, genesis),
            )
        }
    };
    json!({
        "status": status,
        "requester": requester.map(|who| who.to_string()),
        "requestedAt": height,
        "certificate": certificate,
    })
}

fn certificate(signed: &SignedRequest, genesis: &Hash) -> Value {
    let SignedRequest { request, certificate } = signed;
    let signatures = certificate.signatures.iter().map(|(seat, signature)| {
        json!({
            "seat": seat.0,
            "scheme": signature.scheme().name(),
            "signature": json::bytes(signature.as_bytes()),
        })
    });
    json!({
        "chainId": format!("{:#x}", request.chain_id),
        "messageHash": json::hash(&request.message_hash),
        "signedBytes": json::bytes(&request.signed_bytes(genesis, certificate.height)),
        "height": certificate.height.0,
        "signatures": signatures.collect::<Value>(),
        "scale": json::bytes(&certificate.encode()),
    })
}
