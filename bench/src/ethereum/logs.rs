//! `logs`: `eth_getLogs` for a few hits in a long chain. The blocks are mined on demand (`anvil_mine`), each node its
//! own; among them lie transfers of a token, one in ten to the address that is looked for. Anvil, which takes minutes for
//! ten thousand blocks, gets fewer: the same hits, less to look through.

use super::{
    Binaries,
    contender::{Contender, Sealing},
    http::{Client, body, request},
    report, setup, token,
    wallet::stranger,
};
use crate::{
    Result,
    args::Args,
    machine::Machine,
    statistics::{Samples, verdict},
};
use serde_json::{Value, json};
use std::{path::Path, time::Instant};

/// Milliseconds for the hits.
const MS_MAX: f64 = 20.0;
/// Transfers to others for each that is looked for.
const MISSES: usize = 9;
/// Blocks that one request makes.
const MINED_MAX: u64 = 1000;

struct Side {
    /// Keeps it alive.
    node: Contender,
    client: Client,
    request: Vec<u8>,
    blocks: u128,
    made_in: f64,
    ms: Samples,
}

impl Side {
    fn new(binary: &Path, blocks: u64, hits: u64) -> Result<Self> {
        let node = Contender::start(binary, Sealing::Instant, None)?;
        let mut client = node.client()?;
        let terms = setup::terms(&mut client)?;
        let started = Instant::now();
        let token = setup::token(&mut client, &terms, &[], 0)?;
        let mut owner = setup::development(&mut client, 0)?;
        for hit in 0..hits {
            let wanted = blocks * (hit + 1) / hits;
            for other in 0..=MISSES {
                let action = setup::transfer_of_token(token, stranger(other), 1);
                let hash = setup::submit(&mut client, &owner.sign(&terms, action)?)?;
                setup::included(&mut client, &[hash])?;
            }
            mine_to(&mut client, wanted)?;
        }
        let filter = json!([{
            "fromBlock": "0x0", "toBlock": "latest", "address": token, "topics": token::transfers_to(stranger(0)),
        }]);
        let found = client.call("eth_getLogs", &filter)?;
        if found.as_array().is_none_or(|found| found.len() as u64 != hits) {
            return Err(format!("{hits} logs were to be found, not {found}").into());
        }
        Ok(Self {
            request: request(&body("eth_getLogs", &filter)),
            blocks: client.number("eth_blockNumber", &json!([]))?,
            made_in: started.elapsed().as_secs_f64(),
            client,
            node,
            ms: Samples::default(),
        })
    }

    fn ask(&mut self) -> Result<f64> {
        let started = Instant::now();
        self.client.exchange(&self.request)?;
        let ms = started.elapsed().as_secs_f64() * 1e3;
        self.ms.push(ms);
        Ok(ms)
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({
            "ms": self.ms.json(), "ms_p99": self.ms.percentile(0.99), "blocks": self.blocks as u64,
            "mined_in_seconds": self.made_in, "mib_peak": self.node.peak_mib()?,
        }))
    }
}

/// Mines until the chain has so many blocks.
fn mine_to(client: &mut Client, wanted: u64) -> Result {
    loop {
        let height: u64 = client.number("eth_blockNumber", &json!([]))?.try_into()?;
        let missing = wanted.saturating_sub(height).min(MINED_MAX);
        if missing == 0 {
            return Ok(());
        }
        client.call("anvil_mine", &json!([format!("0x{missing:x}")]))?;
    }
}

pub fn run(mut args: Args) -> Result {
    let binaries = Binaries::taken(&mut args)?;
    let (blocks, hits): (u64, u64) = (args.value("blocks", 100_000)?, args.value("hits", 100)?);
    let reference_blocks: u64 = args.value("reference-blocks", blocks.min(10_000))?;
    let runs: usize = args.value("runs", 100)?;
    let as_json = args.switch("json");
    args.finish()?;
    let fewest = blocks.min(reference_blocks);
    if hits == 0 || fewest / hits <= MISSES as u64 + 1 {
        return Err(format!("{hits} hits do not fit into {fewest} blocks").into());
    }
    let machine = Machine::here();
    let names = binaries.names();
    let mut sides = [
        Side::new(&binaries.0[0], reference_blocks, hits)?,
        Side::new(&binaries.0[1], blocks, hits)?,
    ];
    let mut ratio = Samples::default();
    for run in 0..runs {
        let mut ms = [0.0; 2];
        for turn in 0..2 {
            let which = (turn + run) % 2;
            ms[which] = sides[which].ask()?;
        }
        ratio.push(ms[1] / ms[0]);
    }
    let [theirs, ours] = &sides;
    let figures = json!({ "reference": theirs.json()?, "ours": ours.json()?, "ratio": ratio.json(), "hits": hits });
    let mut text = format!("eth_getLogs by address and topics, {hits} hits in {blocks} blocks, latency in ms\n");
    for (side, name) in sides.iter().zip(&names) {
        text += &format!(
            "  {name:<8} {}, p99 {:.1} ({} blocks, mined in {:.0} s; memory {:.0} MiB at most)\n",
            side.ms.shown(1),
            side.ms.percentile(0.99),
            side.blocks,
            side.made_in,
            side.node.peak_mib()?
        );
    }
    text += &format!(
        "  ours ≤ {MS_MAX} ms {}; over anvil's {}",
        verdict(ours.ms.median() <= MS_MAX),
        ratio.shown(3)
    );
    report(as_json, &machine, &figures, &text);
    Ok(())
}
