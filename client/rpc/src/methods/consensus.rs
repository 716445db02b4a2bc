//! `quids_consensusState`, `quids_committee`, `quids_justification`, `quids_fraudProofs`: how blocks are decided, and by whom.

use super::registry::{Registered, Registry, method, subscription};
use super::subscribe::{Feed, run_feed};
use super::{Context, block_or_best, header_of};
use crate::connection;
use crate::error::{self, RpcError, from_backend, from_runtime_call, undecodable};
use crate::json;
use crate::spec::shapes::{AT, HEADER};
use crate::spec::{Field, Method, Param, Schema, Subscription};
use crate::{Backend, BackendError, FraudNotice, Notification};
use codec::DecodeAll;
use quids_api::{names, pobpc::NextHeight};
use quids_core::{AccountId20, Hash, Header, Height};
use quids_pobpc::{Justification, Role, Seat, SeatIndex};
use serde_json::{Value, json};
use std::sync::Arc;

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

const JUSTIFICATIONS: Subscription = Subscription {
    name: "quids_subscribeJustifications",
    aliases: &[],
    unsubscribe: "quids_unsubscribeJustifications",
    unsubscribe_aliases: &[],
    notification: "quids_justification",
    summary: "The last final block's header with the proof that it is final, then those of each block that becomes final, in order.",
    params: &[],
    item: Schema::Object(&[
        Field::required("header", HEADER, ""),
        Field::required(
            "justification",
            Schema::Nullable(&JUSTIFICATION),
            "null if it came without, as block 0 does",
        ),
    ]),
    errors: &[error::CLIENT],
    is_unsafe: false,
};

pub fn register(registry: &mut Registry) -> Registered {
    subscription(registry, &JUSTIFICATIONS, move |_, sink, context, extensions| {
        run_feed(sink, context, connection::of(&extensions), move |_| Ok(FinalHeads))
    })?;
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
                // A witness has no state, and knows who decides next.
                Err(BackendError::Unavailable(_)) if at == node.best_hash() => {
                    let state = node.consensus();
                    return Ok(state.map_or(Value::Null, |state| committee(&state.next)));
                }
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
            justification(node, hash)
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

/// The proof that a block is final, or null.
fn justification(node: &dyn Backend, block: Hash) -> Result<Value, RpcError> {
    let Some(bytes) = node.justification(block).map_err(from_backend)? else {
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
}

/// Final heads with what makes them final.
struct FinalHeads;

impl FinalHeads {
    fn item(context: &Context, block: Hash, header: &Header) -> Result<Value, RpcError> {
        Ok(json!({ "header": json::header(header), "justification": justification(&*context.backend, block)? }))
    }
}

impl Feed for FinalHeads {
    fn first(&mut self, context: &Arc<Context>) -> Result<(Height, Value), RpcError> {
        let block = context.backend.finalised_hash();
        let header = header_of(&*context.backend, block)?;
        Ok((header.number, Self::item(context, block, &header)?))
    }

    fn wants(&self, block: &Notification) -> bool {
        block.is_finalised
    }

    fn next(&mut self, context: &Arc<Context>, block: &Notification) -> Result<Option<Value>, RpcError> {
        Self::item(context, block.hash, &block.header).map(Some)
    }
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
