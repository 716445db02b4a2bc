//! `chain_*`: blocks and heads.

use super::subscribe::{Feed, run_feed};
use super::{Context, Module, Registered, block_or_best, header_of, method};
use crate::error::{RpcError, from_backend};
use crate::json;
use crate::params::{BlockNumbers, height};
use crate::{Backend, Notification};
use quids_core::{Hash, Height};
use serde_json::Value;
use std::sync::Arc;

pub fn register(module: &mut Module) -> Registered {
    method(module, "chain_getHeader", &[], |node, arguments| {
        let hash = block_or_best(node, arguments)?;
        let header = node.header(hash).map_err(from_backend)?;
        Ok(header.as_ref().map_or(Value::Null, json::header))
    })?;
    method(module, "chain_getBlock", &[], |node, arguments| {
        let hash = block_or_best(node, arguments)?;
        let Some(header) = node.header(hash).map_err(from_backend)? else {
            return Ok(Value::Null);
        };
        let body = node.body(hash).map_err(from_backend)?;
        Ok(body.map_or(Value::Null, |body| json::signed_block(&header, &body)))
    })?;
    method(
        module,
        "chain_getBlockHash",
        &["chain_getHead"],
        |node, arguments| match arguments.block_numbers()? {
            BlockNumbers::One(None) => Ok(json::hash(&node.best_hash())),
            BlockNumbers::One(Some(number)) => hash_at(node, &number),
            BlockNumbers::Many(numbers) => numbers.iter().map(|number| hash_at(node, number)).collect(),
        },
    )?;
    method(
        module,
        "chain_getFinalizedHead",
        &["chain_getFinalisedHead"],
        |node, _| Ok(json::hash(&node.finalised_hash())),
    )?;

    let heads = [
        (
            ["chain_subscribeAllHeads", "chain_allHead", "chain_unsubscribeAllHeads"],
            ALL,
        ),
        (
            ["chain_subscribeNewHeads", "chain_newHead", "chain_unsubscribeNewHeads"],
            NEW,
        ),
        (
            [
                "chain_subscribeFinalizedHeads",
                "chain_finalizedHead",
                "chain_unsubscribeFinalizedHeads",
            ],
            FINALISED,
        ),
    ];
    for ([subscribe, notification, unsubscribe], kind) in heads {
        module.register_subscription(subscribe, notification, unsubscribe, move |_, sink, context, _| {
            run_feed(sink, context, move |_| Ok(Heads(kind)))
        })?;
    }
    for (alias, name) in [
        ("chain_subscribeNewHead", "chain_subscribeNewHeads"),
        ("chain_unsubscribeNewHead", "chain_unsubscribeNewHeads"),
        ("subscribe_newHead", "chain_subscribeNewHeads"),
        ("unsubscribe_newHead", "chain_unsubscribeNewHeads"),
        ("chain_subscribeFinalisedHeads", "chain_subscribeFinalizedHeads"),
        ("chain_unsubscribeFinalisedHeads", "chain_unsubscribeFinalizedHeads"),
    ] {
        module.register_alias(alias, name)?;
    }
    Ok(())
}

fn hash_at(node: &dyn Backend, number: &Value) -> Result<Value, RpcError> {
    let hash = node.hash_at(height(number)?).map_err(from_backend)?;
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
