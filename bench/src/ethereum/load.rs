//! `anvil`: pre-signed transactions of many senders, over connections that stay open, to anvil and to our node, one
//! after the other. The clock runs from the first submission to the last receipt.

use super::{
    Binaries,
    blocks::{Census, census},
    contender::{Contender, Sealing},
    http::{Client, body, request},
    report, setup,
    wallet::{Action, Terms, Wallet, stranger},
};
use crate::{
    Result,
    args::Args,
    machine::{Machine, cores},
    statistics::{Samples, verdict},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

/// Who gets the transfers.
const RECEIVERS: usize = 1000;
/// Of the node's own measurements.
const SHOWN_MAX: usize = 12;
const POLL: Duration = Duration::from_millis(20);
/// Without progress for so long, a run has failed.
const PATIENCE: Duration = Duration::from_secs(120);
/// A full pool is asked again so much later.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Workload {
    Transfers,
    Tokens,
}

impl Workload {
    fn name(self) -> &'static str {
        match self {
            Self::Transfers => "transfers",
            Self::Tokens => "erc20",
        }
    }
}

struct Options {
    count: usize,
    senders: usize,
    connections: usize,
    gas_limit: Option<u64>,
}

/// Transactions ready to go.
struct Load {
    /// Of each connection, in the order in which they are sent.
    requests: Vec<Vec<Vec<u8>>>,
    /// Each sender's last transaction.
    last: Vec<B256>,
}

/// One run of one node.
struct Outcome {
    per_second: f64,
    submitting: f64,
    /// From the last answer to a submission to the last receipt.
    draining: f64,
    answer_p50_ms: f64,
    answer_p99_ms: f64,
    cpu_submitting: f64,
    cpu_draining: f64,
    peak_mib: f64,
    start_mib: f64,
    retries: usize,
    census: Census,
    block_gas_limit: u128,
    /// Seconds by what the node measures itself, most first. Some contain others.
    seconds: Vec<(String, f64)>,
}

/// Signs everything. Senders are dealt to connections, so that a sender's transactions arrive in order.
fn presign(
    workload: Workload,
    wallets: &mut [Wallet],
    terms: &Terms,
    token: Address,
    options: &Options,
) -> Result<Load> {
    let mut requests = vec![Vec::new(); options.connections];
    let mut last = vec![B256::ZERO; wallets.len()];
    for index in 0..options.count {
        let which = index % wallets.len();
        let to = stranger(index % RECEIVERS);
        let action = match workload {
            Workload::Tokens => setup::transfer_of_token(token, to, 1),
            Workload::Transfers => Action {
                to: TxKind::Call(to),
                value: U256::from(1),
                input: Bytes::new(),
                gas_limit: 21_000,
            },
        };
        let bytes = wallets[which].sign(terms, action)?;
        last[which] = keccak256(&bytes);
        let body = body("eth_sendRawTransaction", &json!([hex::encode_prefixed(&bytes)]));
        requests[which % options.connections].push(request(&body));
    }
    Ok(Load { requests, last })
}

/// Sends one connection's share; milliseconds to each answer, and how often the pool was full.
fn send(port: u16, requests: &[Vec<u8>], barrier: &Barrier) -> Result<(Samples, usize)> {
    let client = Client::connect(port);
    barrier.wait();
    let mut client = client?;
    let (mut answers, mut retries) = (Samples::default(), 0);
    for request in requests {
        let started = Instant::now();
        loop {
            let answer = client.exchange(request)?;
            if answer.windows(10).any(|bytes| bytes == b"\"result\":\"") {
                break;
            }
            let answer = String::from_utf8_lossy(answer).into_owned();
            let is_full = ["full", "limit", "capacity", "too many"]
                .iter()
                .any(|word| answer.contains(word));
            if !is_full || started.elapsed() > PATIENCE {
                return Err(format!("a submission is refused: {answer}").into());
            }
            retries += 1;
            thread::sleep(PAUSE);
        }
        answers.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok((answers, retries))
}

fn one_run(binary: &Path, workload: Workload, options: &Options) -> Result<Outcome> {
    let node = Contender::start(binary, Sealing::EverySecond, options.gas_limit)?;
    let mut client = node.client()?;
    let terms = setup::terms(&mut client)?;
    let mut wallets = setup::senders(&mut client, &terms, options.senders)?;
    let token = match workload {
        Workload::Transfers => Address::ZERO,
        Workload::Tokens => {
            let holders: Vec<Address> = wallets.iter().map(|wallet| wallet.address).collect();
            setup::token(&mut client, &terms, &holders, 1 << 40)?
        }
    };
    let load = presign(workload, &mut wallets, &terms, token, options)?;
    let before = client.number("eth_blockNumber", &json!([]))?;
    let (start_mib, cpu_start) = (node.peak_mib()?, node.cpu_seconds()?);
    let seconds_before = node.seconds()?;

    let barrier = Barrier::new(options.connections + 1);
    let (started, answers, retries) = thread::scope(|scope| -> Result<_> {
        let threads: Vec<_> = load
            .requests
            .iter()
            .map(|requests| scope.spawn(|| send(node.port, requests, &barrier)))
            .collect();
        barrier.wait();
        let started = Instant::now();
        let (mut answers, mut retries) = (Samples::default(), 0);
        for thread in threads {
            let (of_one, again) = thread.join().map_err(|_| "a connection's thread failed")??;
            answers.extend(&of_one);
            retries += again;
        }
        Ok((started, answers, retries))
    })?;
    let submitted = started.elapsed().as_secs_f64();
    let cpu_submitted = node.cpu_seconds()?;
    wait_for(&mut client, &load.last)?;
    let took = started.elapsed().as_secs_f64();
    let (peak_mib, cpu_end) = (node.peak_mib()?, node.cpu_seconds()?);
    let seconds = node.seconds()?.since(&seconds_before);

    let after = client.number("eth_blockNumber", &json!([]))?;
    let census = census(&mut client, before + 1, after)?;
    if census.succeeded != options.count || census.failed != 0 {
        return Err(format!("{}: {} were sent, {census:?}", binary.display(), options.count).into());
    }
    Ok(Outcome {
        per_second: options.count as f64 / took,
        submitting: submitted,
        draining: took - submitted,
        answer_p50_ms: answers.percentile(0.5),
        answer_p99_ms: answers.percentile(0.99),
        cpu_submitting: cpu_submitted - cpu_start,
        cpu_draining: cpu_end - cpu_submitted,
        peak_mib,
        start_mib,
        retries,
        census,
        block_gas_limit: setup::block_gas_limit(&mut client)?,
        seconds,
    })
}

/// Waits for the receipts of these: a sender's last has all its others before it.
fn wait_for(client: &mut Client, hashes: &[B256]) -> Result {
    let mut since = Instant::now();
    for hash in hashes {
        let ask = json!([hash]);
        while client.call("eth_getTransactionReceipt", &ask)?.is_null() {
            if since.elapsed() > PATIENCE {
                return Err(format!("{hash} is in no block after {PATIENCE:?}").into());
            }
            thread::sleep(POLL);
        }
        since = Instant::now();
    }
    Ok(())
}

/// One node's runs of a workload.
#[derive(Default)]
struct Figures {
    outcomes: Vec<Outcome>,
}

impl Figures {
    fn samples(&self, of: impl Fn(&Outcome) -> f64) -> Samples {
        self.outcomes.iter().map(of).collect()
    }

    fn json(&self) -> Value {
        let of = |of: fn(&Outcome) -> f64| self.samples(of).json();
        json!({
            "transactions_per_second": of(|run| run.per_second),
            "submitting_seconds": of(|run| run.submitting),
            "draining_seconds": of(|run| run.draining),
            "answer_ms_p50": of(|run| run.answer_p50_ms),
            "answer_ms_p99": of(|run| run.answer_p99_ms),
            "cpu_seconds_submitting": of(|run| run.cpu_submitting),
            "cpu_seconds_draining": of(|run| run.cpu_draining),
            "mib_start": of(|run| run.start_mib),
            "mib_peak": of(|run| run.peak_mib),
            "pool_full": of(|run| run.retries as f64),
            "blocks": of(|run| run.census.blocks as f64),
            "fullest_block": of(|run| run.census.most as f64),
            "gas_per_transaction": of(|run| run.census.gas_used as f64 / run.census.succeeded as f64),
            "block_gas_limit": of(|run| run.block_gas_limit as f64),
            "node_seconds_last_run": self.outcomes.last().map(|run| run.seconds.iter().cloned().collect::<BTreeMap<_, _>>()),
        })
    }

    fn shown(&self, name: &str, count: usize) -> String {
        let median = |of: fn(&Outcome) -> f64| self.samples(of).median();
        let mut text = String::new();
        let busy = |run: &Outcome| {
            (run.cpu_submitting + run.cpu_draining) / (run.submitting + run.draining) / cores() as f64 * 100.0
        };
        let micros = 1e6 / count as f64;
        let _ = writeln!(
            text,
            "  {name:<8} {:>8} tx/s; submitting {:.1} s, then {:.1} s to the last receipt; memory {:.0} MiB at most, {:.0} before",
            self.samples(|run| run.per_second).shown(0),
            median(|run| run.submitting),
            median(|run| run.draining),
            median(|run| run.peak_mib),
            median(|run| run.start_mib),
        );
        let _ = writeln!(
            text,
            "  {:<8} CPU {:.0} µs a transaction while submitting, {:.0} µs after ({:.0} % of the machine); answers p50 {:.2} ms, p99 {:.1} ms; pool full {:.0} times",
            "",
            median(|run| run.cpu_submitting) * micros,
            median(|run| run.cpu_draining) * micros,
            self.samples(busy).median(),
            median(|run| run.answer_p50_ms),
            median(|run| run.answer_p99_ms),
            median(|run| run.retries as f64),
        );
        let _ = writeln!(
            text,
            "  {:<8} {:.0} blocks of {:.0} M gas, {:.0} transactions in the fullest, {:.0} gas each",
            "",
            median(|run| run.census.blocks as f64),
            median(|run| run.block_gas_limit as f64) / 1e6,
            median(|run| run.census.most as f64),
            median(|run| run.census.gas_used as f64 / run.census.succeeded as f64),
        );
        let measured = self.outcomes.last().map_or(&[][..], |run| &run.seconds);
        for (name, seconds) in measured.iter().take(SHOWN_MAX) {
            let _ = writeln!(text, "  {:<8} {:>7.1} µs a transaction in {name}", "", seconds * micros);
        }
        text
    }
}

pub fn run(mut args: Args) -> Result {
    let binaries = Binaries::taken(&mut args)?;
    let options = Options {
        count: args.value("count", 20_000)?,
        senders: args.value("senders", 50)?,
        connections: args.value("connections", 10)?,
        gas_limit: match args.value("gas-limit", 0)? {
            0 => None,
            gas => Some(gas),
        },
    };
    let runs: usize = args.value("runs", 3)?;
    let only = args.text("only");
    let as_json = args.switch("json");
    args.finish()?;
    if options.senders == 0 || options.connections == 0 || options.count < options.senders {
        return Err("at least one sender, one connection, and one transaction a sender".into());
    }
    let machine = Machine::here();
    let names = binaries.names();
    let (mut figures, mut text) = (serde_json::Map::new(), String::new());
    for workload in [Workload::Transfers, Workload::Tokens] {
        if only.as_deref().is_some_and(|only| only != workload.name()) {
            continue;
        }
        let mut sides = [Figures::default(), Figures::default()];
        let mut ratio = Samples::default();
        for run in 0..runs {
            for turn in 0..2 {
                let which = (turn + run) % 2;
                sides[which]
                    .outcomes
                    .push(one_run(&binaries.0[which], workload, &options)?);
            }
            let [theirs, ours] = sides.each_ref().map(|side| side.outcomes[run].per_second);
            ratio.push(ours / theirs);
        }
        let [theirs, ours] = &sides;
        let _ = writeln!(
            text,
            "{} {} of {} senders over {} connections: ours over anvil's {}  ≥ 1 {}",
            options.count,
            workload.name(),
            options.senders,
            options.connections,
            ratio.shown(2),
            verdict(ratio.median() >= 1.0)
        );
        text += &theirs.shown(&names[0], options.count);
        text += &ours.shown(&names[1], options.count);
        let of_workload = json!({ "reference": theirs.json(), "ours": ours.json(), "ratio": ratio.json() });
        figures.insert(workload.name().to_owned(), of_workload);
    }
    report(as_json, &machine, &Value::Object(figures), text.trim_end());
    Ok(())
}
