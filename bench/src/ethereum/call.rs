//! `eth-call`: the balance of an ERC-20's holder, asked over several connections at once, of both nodes in turn.

use super::{
    Binaries,
    contender::{Contender, Sealing},
    http::{Client, body, request},
    report, setup, token,
};
use crate::{
    Result,
    args::Args,
    machine::Machine,
    statistics::{Samples, verdict},
};
use alloy_primitives::Address;
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};

const HOLDERS: usize = 50;

/// A node with a token, and what it is asked.
struct Side {
    node: Contender,
    requests: Vec<Vec<u8>>,
    p50_ms: Samples,
    p99_ms: Samples,
    per_second: Samples,
}

impl Side {
    fn new(binary: &std::path::Path) -> Result<Self> {
        let node = Contender::start(binary, Sealing::EverySecond, None)?;
        let mut client = node.client()?;
        let terms = setup::terms(&mut client)?;
        let holders: Vec<Address> = (0..HOLDERS).map(super::wallet::stranger).collect();
        let token = setup::token(&mut client, &terms, &holders, 1 << 40)?;
        let request_of = |holder: &Address| {
            let call = json!([{ "to": token, "data": token::balance_of(*holder) }, "latest"]);
            request(&body("eth_call", &call))
        };
        let requests: Vec<Vec<u8>> = holders.iter().map(request_of).collect();
        for request in &requests {
            let answer: Value = serde_json::from_slice(client.exchange(request)?)?;
            if super::http::quantity(&answer["result"])? != 1 << 40 {
                return Err(format!("not the balance: {answer}").into());
            }
        }
        Ok(Self {
            node,
            requests,
            p50_ms: Samples::default(),
            p99_ms: Samples::default(),
            per_second: Samples::default(),
        })
    }

    /// Asks for a while; each connection goes on as soon as it has its answer.
    fn round(&mut self, connections: usize, period: Duration) -> Result {
        let started = Instant::now();
        let all = thread::scope(|scope| -> Result<Samples> {
            let threads: Vec<_> = (0..connections)
                .map(|offset| {
                    let (port, requests) = (self.node.port, &self.requests);
                    scope.spawn(move || asked(port, requests, offset, started, period))
                })
                .collect();
            let mut all = Samples::default();
            for thread in threads {
                all.extend(&thread.join().map_err(|_| "a connection's thread failed")??);
            }
            Ok(all)
        })?;
        self.per_second.push(all.len() as f64 / started.elapsed().as_secs_f64());
        self.p50_ms.push(all.percentile(0.5));
        self.p99_ms.push(all.percentile(0.99));
        Ok(())
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({
            "ms_p50": self.p50_ms.json(), "ms_p99": self.p99_ms.json(), "calls_per_second": self.per_second.json(),
            "mib_peak": self.node.peak_mib()?,
        }))
    }
}

fn asked(port: u16, requests: &[Vec<u8>], offset: usize, started: Instant, period: Duration) -> Result<Samples> {
    let mut client = Client::connect(port)?;
    let mut latencies = Samples::default();
    for request in requests.iter().cycle().skip(offset) {
        if started.elapsed() >= period {
            break;
        }
        let sent = Instant::now();
        let answer = client.exchange(request)?;
        latencies.push(sent.elapsed().as_secs_f64() * 1e3);
        if !answer.windows(10).any(|bytes| bytes == b"\"result\":\"") {
            return Err(format!("no result: {}", String::from_utf8_lossy(answer)).into());
        }
    }
    Ok(latencies)
}

pub fn run(mut args: Args) -> Result {
    let binaries = Binaries::taken(&mut args)?;
    let (connections, runs): (usize, usize) = (args.value("connections", 16)?, args.value("runs", 5)?);
    let period = Duration::try_from_secs_f64(args.value("seconds", 2.0)?)?;
    let as_json = args.switch("json");
    args.finish()?;
    let machine = Machine::here();
    let names = binaries.names();
    let mut sides = [Side::new(&binaries.0[0])?, Side::new(&binaries.0[1])?];
    let (mut p50, mut p99) = (Samples::default(), Samples::default());
    // The first round warms up and does not count.
    for run in 0..=runs {
        for turn in 0..2 {
            sides[(turn + run) % 2].round(connections, period)?;
        }
        if run == 0 {
            for side in &mut sides {
                (side.p50_ms, side.p99_ms, side.per_second) = Default::default();
            }
            continue;
        }
        let [theirs, ours] = &sides;
        p50.push(ours.p50_ms.last() / theirs.p50_ms.last());
        p99.push(ours.p99_ms.last() / theirs.p99_ms.last());
    }
    let [theirs, ours] = &sides;
    let figures = json!({
        "reference": theirs.json()?, "ours": ours.json()?, "ratio_p50": p50.json(), "ratio_p99": p99.json(),
    });
    let mut text = format!("eth_call of an ERC-20 balance, {connections} connections, latency in ms\n");
    for (side, name) in sides.iter().zip(&names) {
        text += &format!(
            "  {name:<8} p50 {}, p99 {}, {} calls/s\n",
            side.p50_ms.shown(2),
            side.p99_ms.shown(2),
            side.per_second.shown(0)
        );
    }
    text += &format!(
        "  ours over anvil's: p50 {}  ≤ 1 {}, p99 {}  ≤ 1 {}",
        p50.shown(2),
        verdict(p50.median() <= 1.0),
        p99.shown(2),
        verdict(p99.median() <= 1.0)
    );
    report(as_json, &machine, &figures, &text);
    Ok(())
}
