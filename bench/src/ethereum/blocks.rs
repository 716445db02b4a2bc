//! After the load: what the blocks say about it.

use super::http::{Client, quantity};
use crate::Result;
use serde_json::json;

/// What happened in a range of blocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Census {
    /// With transactions.
    pub blocks: usize,
    pub succeeded: usize,
    pub failed: usize,
    pub gas_used: u128,
    /// In the fullest block.
    pub most: usize,
}

/// Counts the receipts of blocks `first` to `last`.
pub fn census(client: &mut Client, first: u128, last: u128) -> Result<Census> {
    let mut census = Census::default();
    for number in first..=last {
        let receipts = client.call("eth_getBlockReceipts", &json!([format!("0x{number:x}")]))?;
        let receipts = receipts.as_array().map(Vec::as_slice).unwrap_or_default();
        census.blocks += usize::from(!receipts.is_empty());
        census.most = census.most.max(receipts.len());
        for receipt in receipts {
            let has_succeeded = receipt["status"] == "0x1";
            census.succeeded += usize::from(has_succeeded);
            census.failed += usize::from(!has_succeeded);
            census.gas_used += quantity(&receipt["gasUsed"])?;
        }
    }
    Ok(census)
}
