//! `testnet`: a network of real nodes on this machine, which all share its cores: how long blocks and transactions take to be
//! final, how many go through, and what agreeing costs.

mod upgrades;

use crate::{
    Result,
    args::Args,
    ethereum::http::{Client, body, request},
    machine::{Machine, memory_mib},
    node::sibling,
    statistics::{Samples, verdict},
    transfers::world,
};
use quids_crypto::{KeyPair, SignatureScheme};
use quids_node::{
    ChainOptions,
    chain::Chain,
    spec::{ChainSpec, Genesis},
    testing::{Signing, TestChain},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fs::{self, File},
    net::TcpListener,
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, sleep},
    time::{Duration, Instant},
};

/// From the first sight of a proposal to its decision, at light load.
const DECISION_MS_MAX: f64 = 150.0;
/// Transfers a second, for as long as it is measured.
const RATE_MIN: f64 = 1000.0;
/// Transactions a second at light load.
const LIGHT: usize = 100;
/// A network that does nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks for new blocks.
const LOOK: Duration = Duration::from_millis(5);
/// Transactions that each node may have waiting while all are busy.
const WAITING_MAX: usize = 4_000;

/// The nodes, ended with this.
struct Net {
    folder: tempfile::TempDir,
    nodes: Vec<Child>,
    /// The first so many of them are full nodes, the rest witnesses.
    full: usize,
    rpc: u16,
}

impl Drop for Net {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

impl Net {
    fn dir(&self) -> PathBuf {
        self.folder.path().join("net")
    }

    /// Writes the files of a network in which these own tokens; the last `witnesses` keep no state.
    fn prepare(quids: &Path, count: usize, witnesses: usize, rich: &[KeyPair]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let first = free_ports(3 * count as u16)?;
        let out = folder.path().join("net");
        let output = Command::new(quids)
            .arg("testnet")
            .arg("--out")
            .arg(&out)
            .args(["--validators", &count.to_string(), "--port", &first.to_string()])
            .args(["--witnesses", &witnesses.to_string()])
            .args(["--rpc-port", &(first + count as u16).to_string()])
            .args(["--prometheus-port", &(first + 2 * count as u16).to_string()])
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        let spec_file = out.join("spec.json");
        let mut spec = ChainSpec::load(&spec_file.display().to_string())?;
        let Genesis::Config { config, .. } = &mut spec.genesis else {
            return Err("the spec has no configuration".into());
        };
        let balances = config["balances"]["balances"].as_array_mut().ok_or("no balances")?;
        balances.extend(
            rich.iter()
                .map(|key| json!([key.account_id().to_string(), (10u128.pow(24)).to_string()])),
        );
        fs::write(&spec_file, spec.to_json().to_string())?;
        Ok(Self {
            folder,
            nodes: Vec::new(),
            full: count.saturating_sub(witnesses),
            rpc: first + count as u16,
        })
    }

    fn start(&mut self, quids: &Path, count: usize) -> Result {
        for index in 0..count {
            let dir = self.dir().join(format!("node-{index}"));
            let log = File::create(dir.join("log"))?;
            let node = Command::new(quids)
                .args(["run", "--status", "never", "--config"])
                .arg(dir.join("config.toml"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()?;
            self.nodes.push(node);
        }
        Ok(())
    }

    fn port(&self, node: usize) -> u16 {
        self.rpc + node as u16
    }

    /// Waits until all nodes have this height.
    fn wait_for(&mut self, height: u64) -> Result {
        let started = Instant::now();
        for index in 0..self.nodes.len() {
            while height_of(self.port(index)).is_none_or(|found| found < height) {
                if let Some(status) = self.nodes[index].try_wait()? {
                    let log = fs::read_to_string(self.dir().join(format!("node-{index}/log")))?;
                    return Err(format!("node {index} ended: {status}\n{log}").into());
                }
                if started.elapsed() > PATIENCE {
                    return Err(format!("node {index} has not come to height {height} in {PATIENCE:?}").into());
                }
                sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }

    /// CPU seconds of all nodes, and of their threads that decide.
    fn cpu(&self) -> Result<(f64, f64)> {
        let (mut all, mut consensus) = (0.0, 0.0);
        for node in &self.nodes {
            for task in fs::read_dir(format!("/proc/{}/task", node.id()))? {
                let Ok(stat) = fs::read_to_string(task?.path().join("stat")) else {
                    continue;
                };
                let (head, rest) = stat.rsplit_once(')').ok_or("no stat")?;
                let fields: Vec<&str> = rest.split_whitespace().collect();
                let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
                all += ticks / 100.0;
                if head.ends_with("(consensus") {
                    consensus += ticks / 100.0;
                }
            }
        }
        Ok((all, consensus))
    }

    /// Milliseconds from proposal to decision, as all nodes' logs tell of these heights.
    fn decisions(&self, heights: Range<u64>) -> Result<Samples> {
        let mut found = Samples::default();
        for index in 0..self.nodes.len() {
            let log = fs::read_to_string(self.dir().join(format!("node-{index}/log")))?;
            for line in log.lines().filter(|line| line.contains(" signatures, ")) {
                let told = line.split("block ").nth(1).and_then(|rest| {
                    let height = rest.split_whitespace().next()?.parse::<u64>().ok()?;
                    let took = rest.rsplit("decided in ").next()?.split_whitespace().next()?;
                    Some((height, took.parse::<f64>().ok()?))
                });
                if let Some((_, took)) = told.filter(|(height, _)| heights.contains(height)) {
                    found.push(took);
                }
            }
        }
        Ok(found)
    }
}

/// Ports in a row that nobody has, below those that Linux gives to connections.
fn free_ports(count: u16) -> Result<u16> {
    let start = 11_000 + (std::process::id() % 10_000) as u16;
    let mut firsts = (start..32_000).step_by(usize::from(count));
    let is_free = |first: u16| (first..first + count).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    firsts
        .find(|first| is_free(*first))
        .ok_or_else(|| "no free ports".into())
}

fn height_of(port: u16) -> Option<u64> {
    let header = Client::connect(port).ok()?.call("chain_getHeader", &json!([])).ok()?;
    let number = header["number"].as_str()?.strip_prefix("0x")?;
    u64::from_str_radix(number, 16).ok()
}

/// A block: its height, when it was final, transfers, and bytes of extrinsics and of the certificate.
struct SeenBlock {
    height: u64,
    at: Instant,
    transfers: usize,
    bytes: usize,
    certificate_bytes: usize,
}

/// What was seen of the chain while it was watched.
#[derive(Default)]
struct Seen {
    /// When each transaction was final, by its bytes' hash.
    finals: HashMap<String, Instant>,
    blocks: Vec<SeenBlock>,
}

/// Follows a node's final blocks until it is told to stop.
fn watch(port: u16, seen: Arc<Mutex<Seen>>, stop: Arc<AtomicBool>) -> Result {
    let mut client = Client::connect(port)?;
    let mut last = height_of(port).ok_or("no height")?;
    while !stop.load(Ordering::Relaxed) {
        let head = client.call("chain_getHeader", &json!([]))?;
        let height = u64::from_str_radix(&head["number"].as_str().unwrap_or("0x0")[2..], 16)?;
        let now = Instant::now();
        for at in last + 1..=height {
            let hash = client.call("chain_getBlockHash", &json!([at]))?;
            let block = client.call("chain_getBlock", &json!([hash]))?;
            let proof = client.call("quids_justification", &json!([hash]))?;
            let extrinsics = block["block"]["extrinsics"].as_array().cloned().unwrap_or_default();
            let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let mut bytes = 0;
            for extrinsic in &extrinsics {
                let text = extrinsic.as_str().unwrap_or_default();
                bytes += text.len() / 2 - 1;
                seen.finals.insert(key_of(text), now);
            }
            let proof_bytes = proof["scale"].as_str().map_or(0, |text| text.len() / 2 - 1);
            seen.blocks.push(SeenBlock {
                height: at,
                at: now,
                transfers: extrinsics.len() - 1,
                bytes,
                certificate_bytes: proof_bytes,
            });
        }
        last = height;
        sleep(LOOK);
    }
    Ok(())
}

/// The end of an extrinsic's text, which is of its call and signature: enough to tell them apart, with or without a length.
fn key_of(text: &str) -> String {
    text[text.len().saturating_sub(160)..].to_owned()
}

/// Signed transfers of many senders, ready to be sent.
struct Load {
    /// Requests, each with the key of its transaction; by sender, in order.
    by_sender: Vec<Vec<(Vec<u8>, String)>>,
}

fn prepare_load(chain: &TestChain, senders: &[KeyPair], each: usize) -> Result<Load> {
    let make = |(index, key): (usize, &KeyPair)| -> Result<Vec<(Vec<u8>, String)>> {
        let call = chain.transfer(&world::account(index), 10u128.pow(15))?;
        let mut made = Vec::with_capacity(each);
        for nonce in 0..each {
            let signing = Signing {
                nonce: Some(nonce as u64),
                with_key: Some(nonce == 0),
                ..Signing::default()
            };
            let transaction = chain.sign(key, call.clone(), signing)?;
            let extrinsic = codec::Encode::encode(&transaction);
            let text = hexadecimal(&extrinsic);
            made.push((request(&body("author_submitExtrinsic", &json!([text]))), key_of(&text)));
        }
        Ok(made)
    };
    let by_sender = senders.iter().enumerate().map(make).collect::<Result<_>>()?;
    Ok(Load { by_sender })
}

/// Of a sender's key.
fn seed(index: usize) -> [u8; 32] {
    let mut seed = [0x71; 32];
    seed[..8].copy_from_slice(&(index as u64).to_le_bytes());
    seed
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("0x");
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Sends the first transaction of each sender, which has its key, and waits until all are final.
fn bind(net: &mut Net, load: &Load) -> Result {
    let nodes = net.full;
    for (index, own) in load.by_sender.iter().enumerate() {
        let mut client = Client::connect(net.port(index % nodes))?;
        let (request, _) = own.first().ok_or("no transactions")?;
        let answer = client.exchange(request)?;
        if !answer.windows(8).any(|window| window == b"\"result\"") {
            return Err(String::from_utf8_lossy(answer).into_owned().into());
        }
    }
    for node in 0..nodes {
        let mut client = Client::connect(net.port(node))?;
        let started = Instant::now();
        loop {
            let status = client.call("quids_poolStatus", &json!([]))?;
            if status["ready"]["count"] == 0 && status["future"]["count"] == 0 {
                break;
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("node {node} still has {status}").into());
            }
            sleep(Duration::from_millis(100));
        }
    }
    let height = height_of(net.port(0)).ok_or("no height")?;
    net.wait_for(height + 1)
}

/// What a phase came to.
struct Phase {
    latencies: Samples,
    decisions: Samples,
    rate: f64,
    sent: usize,
    block_bytes: Samples,
    proof_bytes: Samples,
    transfers: Samples,
    /// Milliseconds from when the block before was final to when the block at this height was.
    intervals: Vec<(u64, f64)>,
    cpu: f64,
    consensus_share: f64,
    seconds: f64,
}

/// Sends what `per_second` says, from transaction `from` of each sender on, for so long; `None`: as fast as nodes take it.
fn phase(net: &Net, load: &Load, taken: &mut [usize], per_second: Option<usize>, seconds: f64) -> Result<Phase> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (seen, stop, port) = (seen.clone(), stop.clone(), net.port(0));
        thread::spawn(move || watch(port, seen, stop))
    };
    let nodes = net.full;
    let first = height_of(net.port(0)).ok_or("no height")? + 1;
    let (cpu_before, started) = (net.cpu()?, Instant::now());
    let submitted: Mutex<HashMap<String, Instant>> = Mutex::default();
    let sent = AtomicUsize::new(0);
    let counts: Vec<AtomicUsize> = taken.iter().map(|count| AtomicUsize::new(*count)).collect();
    thread::scope(|scope| -> Result {
        let mut workers = Vec::new();
        for node in 0..nodes {
            let (submitted, sent, counts) = (&submitted, &sent, &counts);
            let port = net.port(node);
            workers.push(scope.spawn(move || -> Result {
                let mut client = Client::connect(port)?;
                // This node's senders, one after the other.
                let mut turn = 0;
                let own: Vec<usize> = (node..load.by_sender.len()).step_by(nodes).collect();
                while started.elapsed().as_secs_f64() < seconds {
                    match per_second {
                        Some(rate) => {
                            let due = started.elapsed().as_secs_f64() * rate as f64 / nodes as f64;
                            if turn as f64 >= due {
                                sleep(Duration::from_millis(1));
                                continue;
                            }
                        }
                        None if turn % 100 == 99 => {
                            let status = client.call("quids_poolStatus", &json!([]))?;
                            let waiting = status["ready"]["count"].as_u64().unwrap_or_default();
                            if waiting as usize > WAITING_MAX {
                                sleep(Duration::from_millis(50));
                                continue;
                            }
                        }
                        None => {}
                    }
                    let sender = own[turn % own.len()];
                    turn += 1;
                    let at = counts[sender].load(Ordering::Relaxed);
                    let Some((request, key)) = load.by_sender[sender].get(at) else {
                        return Err("the load is used up: more --senders or --each".into());
                    };
                    counts[sender].store(at + 1, Ordering::Relaxed);
                    let now = Instant::now();
                    let answer = client.exchange(request)?;
                    if !answer.windows(8).any(|window| window == b"\"result\"") {
                        return Err(String::from_utf8_lossy(answer).into_owned().into());
                    }
                    submitted
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .insert(key.clone(), now);
                    sent.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }));
        }
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| "a sender panicked")?)
    })?;
    let elapsed = started.elapsed().as_secs_f64();
    let cpu_after = net.cpu()?;
    let last = height_of(net.port(0)).ok_or("no height")?;
    // What is on its way still counts for latency, not for the rate.
    sleep(Duration::from_secs(3));
    stop.store(true, Ordering::Relaxed);
    watcher.join().map_err(|_| "the watcher panicked")??;
    for (taken, count) in taken.iter_mut().zip(&counts) {
        *taken = count.load(Ordering::Relaxed);
    }
    let seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let submitted = submitted
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let latencies = submitted.iter().filter_map(|(key, sent)| {
        let at = seen.finals.get(key)?;
        Some(at.saturating_duration_since(*sent).as_secs_f64() * 1e3)
    });
    let within = seen
        .blocks
        .iter()
        .filter(|block| (first..=last).contains(&block.height));
    let within: Vec<_> = within.collect();
    let included: usize = within.iter().map(|block| block.transfers).sum();
    let interval = |pair: &[&SeenBlock]| (pair[1].height, (pair[1].at - pair[0].at).as_secs_f64() * 1e3);
    let of = |pick: fn(&SeenBlock) -> usize| within.iter().map(|block| pick(block) as f64).collect();
    let cpu = cpu_after.0 - cpu_before.0;
    Ok(Phase {
        latencies: latencies.collect(),
        decisions: net.decisions(first..last + 1)?,
        rate: included as f64 / elapsed,
        sent: sent.into_inner(),
        transfers: of(|block| block.transfers),
        intervals: within.windows(2).map(interval).collect(),
        block_bytes: of(|block| block.bytes),
        proof_bytes: of(|block| block.certificate_bytes),
        cpu,
        consensus_share: (cpu_after.1 - cpu_before.1) / cpu,
        seconds: elapsed,
    })
}

impl Phase {
    fn json(&self) -> Value {
        json!({
            "seconds": self.seconds, "sent": self.sent, "rate": self.rate,
            "latency_ms": { "p50": self.latencies.median(), "p99": self.latencies.percentile(0.99), "samples": self.latencies.len() },
            "decision_ms": { "p50": self.decisions.median(), "p99": self.decisions.percentile(0.99), "samples": self.decisions.len() },
            "transfers": self.transfers.json(), "block_bytes": self.block_bytes.json(), "proof_bytes": self.proof_bytes.json(),
            "cpu_seconds": self.cpu, "consensus_share": self.consensus_share,
        })
    }

    fn print(&self, name: &str) {
        println!(
            "{name}: {} sent in {:.0} s, {:.0} transfers a second final",
            self.sent, self.seconds, self.rate
        );
        println!(
            "  proposal to decision  p50 {:>7.0} ms  p99 {:>7.0} ms",
            self.decisions.median(),
            self.decisions.percentile(0.99)
        );
        println!(
            "  submission to final   p50 {:>7.0} ms  p99 {:>7.0} ms",
            self.latencies.median(),
            self.latencies.percentile(0.99)
        );
        println!(
            "  a block: {} transfers, {} bytes of extrinsics, {} of its certificate",
            self.transfers.shown(0),
            self.block_bytes.shown(0),
            self.proof_bytes.shown(0)
        );
        println!(
            "  CPU of all nodes {:.1} s, {:.0} % of it on the threads that decide",
            self.cpu,
            self.consensus_share * 100.0
        );
    }
}

pub fn run(mut args: Args) -> Result {
    let quids = args.text("quids").map_or_else(sibling, |path| Ok(path.into()))?;
    let (count, senders): (usize, usize) = (args.value("nodes", 4)?, args.value("senders", 400)?);
    let (each, seconds): (usize, f64) = (args.value("each", 400)?, args.value("seconds", 20.0)?);
    let as_json = args.switch("json");
    let upgrades = args.switch("upgrades");
    let witnesses: usize = args.value("witnesses", 0)?;
    args.finish()?;
    let machine = Machine::here();
    if upgrades {
        let mut net = Net::prepare(&quids, count, witnesses, &[])?;
        net.start(&quids, count)?;
        net.wait_for(3)?;
        return upgrades::run(&mut net, &quids, as_json);
    }
    let keys = (0..senders)
        .map(|index| KeyPair::from_seed(SignatureScheme::Falcon512, &seed(index)))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let mut net = Net::prepare(&quids, count, witnesses, &keys)?;
    let spec = ChainSpec::load(&net.dir().join("spec.json").display().to_string())?;
    let folder = tempfile::tempdir()?;
    let chain = Chain::open(folder.path(), &spec, &ChainOptions::default())?;
    let load = prepare_load(&TestChain::over(Arc::new(chain))?, &keys, each)?;
    net.start(&quids, count)?;
    net.wait_for(3)?;
    bind(&mut net, &load)?;
    let mut taken = vec![1; senders];
    let light = phase(&net, &load, &mut taken, Some(LIGHT), seconds)?;
    let full = phase(&net, &load, &mut taken, None, seconds)?;
    let mut memory = Samples::default();
    for node in &net.nodes {
        memory.push(memory_mib(&node.id().to_string())?.1);
    }
    if as_json {
        println!(
            "{}",
            json!({
                "machine": machine.json(), "nodes": count, "senders": senders, "light": light.json(), "full": full.json(),
                "memory_mib": memory.json(),
            })
        );
        return Ok(());
    }
    println!("{machine}");
    println!(
        "{count} nodes on these cores, votes and {senders} senders with falcon-512, blocks on the disk with fsync"
    );
    light.print(&format!("at {LIGHT} transactions a second"));
    full.print("as many as they take");
    println!("  peak memory of a node {} MiB", memory.shown(0));
    if count == 4 {
        println!(
            "floors: decision p50 ≤ {DECISION_MS_MAX} ms {}; ≥ {RATE_MIN} transfers a second {}",
            verdict(light.decisions.median() <= DECISION_MS_MAX),
            verdict(full.rate >= RATE_MIN)
        );
    }
    Ok(())
}
