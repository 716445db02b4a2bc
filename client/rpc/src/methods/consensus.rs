//! `quids_consensusState`, `quids_committee`, `quids_justification`, `quids_fraudProofs`: how blocks are decided, and by whom.

use super::block_or_best;
use super::registry::{Registered, Registry, method};
use crate::error::{self, from_backend, from_runtime_call, undecodable};
use crate::json;
use crate::spec::shapes::AT;
use crate::spec::{Field, Method, Param, Schema};
use crate::{BackendError, FraudNotice};
use codec::DecodeAll;
use quids_api::{names, pobpc::NextHeight};
use quids_core::AccountId20;
use quids_pobpc::{Justification, Role, Seat, SeatIndex};
use serde_json::{Value, json};

const STATE: Schema = Schema::Named(
    "ConsensusState",
    &Schema::Object(&[
        Field::required("height", Schema::Number, "that is being decided"),
        Field::required("round", Schema::Number, "the first is 0"),
        Field::required("proposer", Schema::Number, "the seat whose turn it is"),
        Field::required(
            "seat",
            Schema::Nullable(&Schema::Number),
            "of this node; null if it has none at this height",
        ),
        Field::required("seats", Schema::Number, "of the committee"),
        Field::required("votes", Schema::Number, "that decide"),
        Field::required(
            "isCatchingUp",
            Schema::Bool,
            "whether it brings in what others decided before",
        ),
    ]),
);

const COMMITTEE: Schema = Schema::Named(
    "Committee",
    &Schema::Object(&[
        Field::required("hash", Schema::Hash, "what the header commits to"),
        Field::required(
            "threshold",
            Schema::Number,
            "the share of votes that decides, in millionths",
        ),
        Field::required("votes", Schema::Number, "that decide"),
        Field::required("batchInterval", Schema::Number, "milliseconds between two blocks"),
        Field::required("maxTransactions", Schema::Number, "in a block"),
        Field::required(
            "seats",
            Schema::List(&Schema::Object(&[
                Field::required("seat", Schema::Number, ""),
                Field::required("account", Schema::Account, ""),
                Field::required("role", Schema::Word(&["full", "witness"]), ""),
                Field::required("scheme", Schema::Text, "a name of quids_signatureSchemes"),
                Field::required("publicKey", Schema::Bytes, "raw"),
            ])),
            "",
        ),
    ]),
);

const JUSTIFICATION: Schema = Schema::Named(
    "Justification",
    &Schema::Object(&[
        Field::required("height", Schema::Number, ""),
        Field::required("round", Schema::Number, ""),
        Field::required("block", Schema::Hash, ""),
        Field::required(
            "signatures",
            Schema::List(&Schema::Object(&[
                Field::required("seat", Schema::Number, ""),
                Field::required("scheme", Schema::Text, ""),
                Field::required("signature", Schema::Bytes, "raw"),
            ])),
            "of precommits, by seat",
        ),
        Field::required("scale", Schema::Bytes, "all of it, as the verifier takes it"),
    ]),
);

const FRAUD_PROOF: Schema = Schema::Named(
    "FraudProof",
    &Schema::Object(&[
        Field::required("block", Schema::Hash, "that is invalid"),
        Field::required("number", Schema::Number, "its height"),
        Field::required("parent", Schema::Hash, "what it claims to follow"),
        Field::required("round", Schema::Number, "in which it was signed"),
        Field::required("fault", Schema::Text, "what is wrong with it"),
        Field::required("proofBytes", Schema::Number, "of the whole proof"),
        Field::required("isDismissed", Schema::Bool, "the operator wants to go on all the same"),
        Field::required(
            "signers",
            Schema::List(&Schema::Object(&[
                Field::required("seat", Schema::Number, ""),
                Field::required("role", Schema::Word(&["full", "witness"]), ""),
                Field::required("scheme", Schema::Text, "a name of quids_signatureSchemes"),
                Field::required("publicKey", Schema::Bytes, "raw"),
            ])),
            "whose precommits make it final",
        ),
    ]),
);

const BLOCK: Param = Param::optional("hash", Schema::Hash, "the block; the last final one if left out");

const ACCUSED: Param = Param::optional("block", Schema::Hash, "the invalid block; all if left out");

pub fn register(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "quids_consensusState",
                "Where this node is in deciding the next block; null on a chain without validators.",
                &[],
                Schema::Nullable(&STATE),
            )
        },
        |node, _| {
            Ok(node.consensus().map_or(Value::Null, |state| {
                let seats = state.next.committee.seats().len();
                json!({
                    "height": state.height.0,
                    "round": state.round.0,
                    "proposer": state.proposer.0,
                    "seat": state.seat.map(|SeatIndex(seat)| seat),
                    "seats": seats,
                    "votes": state.next.threshold.votes(seats),
                    "isCatchingUp": state.is_catching_up,
                })
            }))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "quids_committee",
                "Who decides the child of a block; null on a chain without validators.",
                &[AT],
                Schema::Nullable(&COMMITTEE),
            )
            .errors(&[error::RUNTIME, error::DECODE, error::CLIENT])
        },
        |node, arguments| {
            let at = block_or_best(node, arguments, "at")?;
            let answer = match node.call(at, names::POBPC_NEXT, &[]) {
                Err(BackendError::UnknownApi(_)) => return Ok(Value::Null),
                answer => answer.map_err(from_runtime_call)?,
            };
            let next = Option::<NextHeight>::decode_all(&mut &answer[..]).map_err(|_| undecodable("committee"))?;
            Ok(next.as_ref().map_or(Value::Null, committee))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "quids_justification",
                "The proof that a block is final: signatures of a quorum of its committee. Null if it came without, as \
                 on a chain without validators.",
                &[BLOCK],
                Schema::Nullable(&JUSTIFICATION),
            )
            .errors(&[error::DECODE, error::CLIENT])
        },
        |node, arguments| {
            let hash = block_or_best(node, arguments, "hash")?;
            let Some(bytes) = node.justification(hash).map_err(from_backend)? else {
                return Ok(Value::Null);
            };
            let proof = Justification::decode_all(&mut &bytes[..]).map_err(|_| undecodable("justification"))?;
            let signatures = proof.signatures.iter().map(|(seat, signature)| {
                json!({
                    "seat": seat.0,
                    "scheme": signature.scheme().name(),
                    "signature": json::bytes(signature.as_bytes()),
                })
            });
            Ok(json!({
                "height": proof.height.0,
                "round": proof.round.0,
                "block": json::hash(&proof.block),
                "signatures": signatures.collect::<Value>(),
                "scale": json::bytes(&bytes),
            }))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "quids_fraudProofs",
                "Invalid blocks that a quorum signed, as proven to this node. With one that is not dismissed it decides no more.",
                &[ACCUSED],
                Schema::List(&FRAUD_PROOF),
            )
        },
        |node, arguments| {
            let block = arguments.optional_hash("block")?;
            let known = node.fraud_proofs().into_iter();
            let asked = known.filter(|notice| block.is_none_or(|block| block == notice.block));
            Ok(asked.map(|notice| fraud_proof(&notice)).collect())
        },
    )
}

fn fraud_proof(notice: &FraudNotice) -> Value {
    let signers = notice.signers.iter().map(|(index, seat)| {
        json!({
            "seat": index.0,
            "role": role(seat.role),
            "scheme": seat.key.scheme().name(),
            "publicKey": json::bytes(seat.key.as_bytes()),
        })
    });
    json!({
        "block": json::hash(&notice.block),
        "number": notice.number.0,
        "parent": json::hash(&notice.parent),
        "round": notice.round.0,
        "fault": notice.fault,
        "proofBytes": notice.bytes,
        "isDismissed": notice.is_dismissed,
        "signers": signers.collect::<Value>(),
    })
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Full => "full",
        Role::Witness => "witness",
    }
}

fn committee(next: &NextHeight) -> Value {
    let seats = next.committee.seats();
    let seat = |((index, seat), account): ((u16, &Seat), &AccountId20)| {
        json!({
            "seat": index,
            "account": account.to_string(),
            "role": role(seat.role),
            "scheme": seat.key.scheme().name(),
            "publicKey": json::bytes(seat.key.as_bytes()),
        })
    };
    json!({
        "hash": json::hash(&next.committee.hash()),
        "threshold": next.threshold.millionths(),
        "votes": next.threshold.votes(seats.len()),
        "batchInterval": next.batch_interval_ms,
        "maxTransactions": next.max_transactions,
        "seats": (0..).zip(seats).zip(&next.accounts).map(seat).collect::<Value>(),
    })
}
