//! `chain_*`: blocks and heads.

use super::registry::{Registered, Registry, method, subscription};
use super::subscribe::{Feed, run_feed};
use super::{Context, block_or_best, header_of};
use crate::connection;
use crate::error::{self, RpcError, from_backend};
use crate::json;
use crate::params::BlockNumbers;
use crate::spec::shapes::{HASH, HEADER, SIGNED_BLOCK};
use crate::spec::{Method, Param, Schema, Subscription};
use crate::{Backend, Notification};
use quids_core::{Hash, Height};
use serde_json::Value;
use std::sync::Arc;

const HEIGHTS: Param = Param::optional(
    "hash",
    Schema::OneOf(&[Schema::NumberOrHex, Schema::List(&Schema::NumberOrHex)]),
    "a height, or a list of at most 1024; Substrate calls it hash all the same",
);

const HASH_OR_HASHES: Schema = Schema::OneOf(&[
    Schema::Nullable(&Schema::Hash),
    Schema::List(&Schema::Nullable(&Schema::Hash)),
]);

const HEADS: Subscription = Subscription {
    name: "chain_subscribeNewHeads",
    aliases: &["chain_subscribeNewHead", "subscribe_newHead"],
    unsubscribe: "chain_unsubscribeNewHeads",
    unsubscribe_aliases: &["chain_unsubscribeNewHead", "unsubscribe_newHead"],
    notification: "chain_newHead",
    summary: "The best block's header, then the header of each block that becomes the best.",
    params: &[],
    item: HEADER,
    errors: &[error::CLIENT],
    is_unsafe: false,
};

const ALL_HEADS: Subscription = Subscription {
    name: "chain_subscribeAllHeads",
    aliases: &[],
    unsubscribe: "chain_unsubscribeAllHeads",
    unsubscribe_aliases: &[],
    notification: "chain_allHead",
    summary: "The best block's header, then the header of each block that is imported.",
    ..HEADS
};

const FINALISED_HEADS: Subscription = Subscription {
    name: "chain_subscribeFinalizedHeads",
    aliases: &["chain_subscribeFinalisedHeads"],
    unsubscribe: "chain_unsubscribeFinalizedHeads",
    unsubscribe_aliases: &["chain_unsubscribeFinalisedHeads"],
    notification: "chain_finalizedHead",
    summary: "The last final block's header, then the header of each block that becomes final, in order.",
    ..HEADS
};

pub fn register(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "chain_getHeader",
                "A block's header; null if it is unknown.",
                &[HASH],
                Schema::Nullable(&HEADER),
            )
        },
        |node, arguments| {
            let hash = block_or_best(node, arguments, "hash")?;
            let header = node.header(hash).map_err(from_backend)?;
            Ok(header.as_ref().map_or(Value::Null, json::header))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "chain_getBlock",
                "A block's header and extrinsics; null if the block is unknown or its body is gone.",
                &[HASH],
                Schema::Nullable(&SIGNED_BLOCK),
            )
        },
        |node, arguments| {
            let hash = block_or_best(node, arguments, "hash")?;
            let Some(header) = node.header(hash).map_err(from_backend)? else {
                return Ok(Value::Null);
            };
            let body = node.body(hash).map_err(from_backend)?;
            let Some(body) = body else { return Ok(Value::Null) };
            let justification = node.justification(hash).map_err(from_backend)?;
            Ok(json::signed_block(&header, &body, justification))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "chain_getBlockHash",
                "The hash of the block of a height on the best chain; of the best block without one; null if \
                 there is none.",
                &[HEIGHTS],
                HASH_OR_HASHES,
            )
            .aliases(&["chain_getHead"])
            .errors(&[error::BAD_COUNT])
        },
        |node, arguments| match arguments.block_numbers("hash")? {
            BlockNumbers::One(None) => Ok(json::hash(&node.best_hash())),
            BlockNumbers::One(Some(height)) => hash_at(node, height),
            BlockNumbers::Many(heights) => heights.into_iter().map(|height| hash_at(node, height)).collect(),
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "chain_getFinalizedHead",
                "The hash of the last final block.",
                &[],
                Schema::Hash,
            )
            .aliases(&["chain_getFinalisedHead"])
            .quick()
        },
        |node, _| Ok(json::hash(&node.finalised_hash())),
    )?;
    for (spec, kind) in [(&HEADS, NEW), (&ALL_HEADS, ALL), (&FINALISED_HEADS, FINALISED)] {
        subscription(registry, spec, move |_, sink, context, extensions| {
            run_feed(sink, context, connection::of(&extensions), move |_| Ok(Heads(kind)))
        })?;
    }
    Ok(())
}

fn hash_at(node: &dyn Backend, height: Height) -> Result<Value, RpcError> {
    let hash = node.hash_at(height).map_err(from_backend)?;
    Ok(hash.as_ref().map_or(Value::Null, json::hash))
}

/// Which blocks a subscriber wants: from where to begin, and what to pass on.
#[derive(Clone, Copy)]
struct Kind {
    first: fn(&dyn Backend) -> Hash,
    wants: fn(&Notification) -> bool,
}

const ALL: Kind = Kind {
    first: |node| node.best_hash(),
    wants: |block| block.is_imported,
};
const NEW: Kind = Kind {
    first: |node| node.best_hash(),
    wants: |block| block.is_new_best,
};
const FINALISED: Kind = Kind {
    first: |node| node.finalised_hash(),
    wants: |block| block.is_finalised,
};

struct Heads(Kind);

impl Feed for Heads {
    fn first(&mut self, context: &Arc<Context>) -> Result<(Height, Value), RpcError> {
        let node = &*context.backend;
        let header = header_of(node, (self.0.first)(node))?;
        Ok((header.number, json::header(&header)))
    }

    fn wants(&self, block: &Notification) -> bool {
        (self.0.wants)(block)
    }

    fn next(&mut self, _: &Arc<Context>, block: &Notification) -> Result<Option<Value>, RpcError> {
        Ok(Some(json::header(&block.header)))
    }
}
