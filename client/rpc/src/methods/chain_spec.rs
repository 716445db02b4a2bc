//! `chainSpec_v1_*`: which chain this is.

use super::registry::{Registered, Registry, method};
use crate::error::{RpcError, from_backend, internal};
use crate::spec::{Method, Schema};
use crate::{Backend, json};
use quids_core::Height;
use serde_json::Value;

pub fn register(registry: &mut Registry) -> Registered {
    method(
        registry,
        const { &Method::new("chainSpec_v1_chainName", "The chain's name.", &[], Schema::Text) },
        |node, _| Ok(node.chain_name().into()),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "chainSpec_v1_genesisHash",
                "The hash of the chain's first block.",
                &[],
                Schema::Hash,
            )
        },
        |node, _| genesis_hash(node),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "chainSpec_v1_properties",
                "What the chain's specification says about its token.",
                &[],
                Schema::Map(&Schema::Any),
            )
        },
        |node, _| Ok(node.properties().into()),
    )
}

pub fn genesis_hash(node: &dyn Backend) -> Result<Value, RpcError> {
    let hash = node.hash_at(Height(0)).map_err(from_backend)?;
    hash.as_ref()
        .map(json::hash)
        .ok_or_else(|| internal("there is no block 0"))
}
