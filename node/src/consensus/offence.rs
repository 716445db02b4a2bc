//! Telling the chain of members that signed two messages for one place.

use crate::{
    chain::{Chain, ChainError},
    extrinsic_builder::{Arg, encode_call},
    pool::SharedPool,
};
use codec::Encode;
use quids_api::TransactionSource;
use quids_pobpc::Evidence;

/// First byte of an extrinsic of version 4 that nobody signed.
const BARE: u8 = 4;

/// Puts a transaction into the pool that proves it, for no reward. Whoever is first has it in a block, the others' are refused then.
pub fn report(chain: &Chain, pool: &SharedPool, evidence: &Evidence) {
    let reported = transaction(chain, evidence).map_err(|error| error.to_string());
    let reported = reported.and_then(|bytes| {
        let taken = pool.submit(TransactionSource::Local, bytes);
        taken.map_err(|error| error.to_string())
    });
    match reported {
        Ok(hash) => tracing::info!("evidence is in the pool as {hash:?}"),
        // Another node may have been quicker.
        Err(error) => tracing::warn!("evidence is not in the pool: {error}"),
    }
}

fn transaction(chain: &Chain, evidence: &Evidence) -> Result<Vec<u8>, ChainError> {
    let metadata = chain.metadata()?;
    let arguments = [("evidence", Arg::Encoded(evidence.encode()))];
    let call = encode_call(&metadata, "Pobpc", "report", &arguments);
    let call = call.map_err(|error| ChainError::Task(error.to_string()))?;
    Ok([&[BARE][..], &call].concat())
}
