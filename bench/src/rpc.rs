//! `rpc`: the real node under calls at a fixed pace, subscribers and hostile clients; its blocks beside those it makes
//! when it is left alone, in the same run.

use crate::{
    Result,
    args::Args,
    machine::Machine,
    node::{Node, sibling},
    statistics::verdict,
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How much later than when idle a block may come, as a share of the interval.
const LATENESS_MAX: f64 = 0.10;
/// Requests that one write carries: pipelined over HTTP, or as frames over a WebSocket.
const TOGETHER: usize = 10;
const BLOCK_TIME_MS: u64 = 1000;
/// Twox-128 of `System` and `Account`: the map's prefix, whose entry is not there, is read all the same.
const ACCOUNT: &str = "0x26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9";
const SOMEBODY: &str = "0xf24ff3a9cf04c71dbc94d0b566f7a27b94566cac";

/// What one thread saw.
#[derive(Default)]
struct Seen {
    answers: u64,
    errors: u64,
    latencies_us: Vec<u32>,
    cpu: Duration,
}

fn call(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

/// The mix, by weight.
fn mix() -> Vec<String> {
    [
        ("system_health", json!([]), 2),
        ("chain_getHeader", json!([]), 2),
        ("chain_getBlockHash", json!([0]), 2),
        ("state_getStorage", json!([ACCOUNT]), 2),
        ("state_getRuntimeVersion", json!([]), 1),
        ("system_accountNextIndex", json!([SOMEBODY]), 1),
    ]
    .iter()
    .flat_map(|(method, params, weight)| vec![call(method, params); *weight])
    .collect()
}

/// A masked frame; the mask is zero.
fn frame(first: u8, text: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    if text.len() < 126 {
        frame.push(0x80 | text.len() as u8);
    } else {
        frame.push(0xfe);
        frame.extend((text.len() as u16).to_be_bytes());
    }
    frame.extend([0; 4]);
    frame.extend(text);
    frame
}

/// A client of either kind with its own buffer.
struct Client {
    stream: TcpStream,
    is_websocket: bool,
    input: Vec<u8>,
}

impl Client {
    fn connect(port: u16, is_websocket: bool) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut client = Self {
            stream,
            is_websocket,
            input: Vec::new(),
        };
        if is_websocket {
            client.stream.write_all(
                b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
            )?;
            let end = loop {
                if let Some(end) = find(&client.input, b"\r\n\r\n") {
                    break end + 4;
                }
                client.fill()?;
            };
            client.input.drain(..end);
        }
        Ok(client)
    }

    /// What asks these calls.
    fn encode(&self, calls: &[String]) -> Vec<u8> {
        let one = |call: &String| {
            if self.is_websocket {
                frame(0x81, call.as_bytes())
            } else {
                let length = call.len();
                format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{call}").into_bytes()
            }
        };
        calls.iter().flat_map(one).collect()
    }

    fn fill(&mut self) -> Result {
        let mut chunk = [0; 16 << 10];
        match self.stream.read(&mut chunk)? {
            0 => Err("the node closed the connection".into()),
            count => {
                self.input.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }

    /// The next answer or notification, without what is not text.
    fn message(&mut self) -> Result<Vec<u8>> {
        loop {
            match if self.is_websocket { self.text()? } else { self.body()? } {
                Some(message) => return Ok(message),
                None => self.fill()?,
            }
        }
    }

    fn text(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let [first, length, rest @ ..] = &self.input[..] else {
                return Ok(None);
            };
            let (offset, length) = match (length & 0x7f, rest) {
                (126, [high, low, ..]) => (4, usize::from(u16::from_be_bytes([*high, *low]))),
                (127, [a, b, c, d, e, f, g, h, ..]) => {
                    (10, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) as usize)
                }
                (126 | 127, _) => return Ok(None),
                (length, _) => (2, usize::from(length)),
            };
            if self.input.len() < offset + length {
                return Ok(None);
            }
            let opcode = first & 15;
            let payload: Vec<u8> = self.input.drain(..offset + length).skip(offset).collect();
            match opcode {
                1 => return Ok(Some(payload)),
                8 => return Err("the node closed the WebSocket".into()),
                9 => self.stream.write_all(&frame(0x8a, &payload))?,
                _ => {}
            }
        }
    }

    fn body(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(end) = find(&self.input, b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&self.input[..end]).to_ascii_lowercase();
        let length = head
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.lines().next());
        let length: usize = length.ok_or("an answer without length")?.trim().parse()?;
        let whole = end + 4 + length;
        if self.input.len() < whole {
            return Ok(None);
        }
        Ok(Some(self.input.drain(..whole).skip(end + 4).collect()))
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// CPU time of the calling thread, so that the load's own share can be told from the node's.
fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec that lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Asks at its pace until told to stop; latency counts from when a call was due, not from when it was sent.
fn asker(port: u16, is_websocket: bool, per_second: f64, stop: &AtomicBool) -> Result<Seen> {
    let mut client = Client::connect(port, is_websocket)?;
    let calls = mix();
    let bytes = client.encode(&calls[..TOGETHER.min(calls.len())]);
    let period = Duration::from_secs_f64(TOGETHER as f64 / per_second);
    let mut seen = Seen::default();
    let mut due = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        client.stream.write_all(&bytes)?;
        for _ in 0..TOGETHER {
            let answer = client.message()?;
            seen.answers += 1;
            seen.errors += u64::from(find(&answer, b"\"error\":").is_some());
            seen.latencies_us.push(due.elapsed().as_micros() as u32);
        }
        due += period;
    }
    seen.cpu = cpu();
    Ok(seen)
}

/// Reads heads until the stop; numbers in the order they came, and when.
fn watcher(mut client: Client, stop: &AtomicBool) -> Vec<(u64, Instant)> {
    let _ = client.stream.set_read_timeout(Some(Duration::from_millis(500)));
    let mut heads = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match client.message() {
            Ok(message) => {
                let text = String::from_utf8_lossy(&message);
                if let Some(number) = crate::node::number_in(&text) {
                    heads.push((number, Instant::now()));
                }
            }
            Err(_) if stop.load(Ordering::Relaxed) => break,
            Err(error) if error.to_string().contains("temporarily unavailable") => {}
            Err(_) => break,
        }
    }
    heads
}

fn subscriber(port: u16, method: &str, params: &Value) -> Result<Client> {
    let mut client = Client::connect(port, true)?;
    let bytes = client.encode(&[call(method, params)]);
    client.stream.write_all(&bytes)?;
    client.message()?;
    Ok(client)
}

/// Connection churn, garbage, oversized batches, and readers that do not read.
fn hostile(port: u16, stop: &AtomicBool, done: &AtomicU64) {
    let batch = format!("[{}1]", "1,".repeat(50_000));
    let large = call("state_getMetadata", &json!([]));
    let mut deaf = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let _ = TcpStream::connect(("127.0.0.1", port)).map(|mut stream| stream.write_all(&[0xff; 512]));
        let _ = TcpStream::connect(("127.0.0.1", port)).map(|mut stream| stream.write_all(b"POST / HTTP/1.1\r\nHo"));
        if let Ok(mut client) = Client::connect(port, false) {
            let bytes = client.encode(std::slice::from_ref(&batch));
            let _ = client.stream.write_all(&bytes).map(|()| client.message());
        }
        if let Ok(mut client) = Client::connect(port, true) {
            let _ = client.stream.write_all(&[0x81, 0x01, b'x']);
        }
        if deaf.len() < 8
            && let Ok(mut client) = Client::connect(port, true)
        {
            let bytes = client.encode(&vec![large.clone(); 100]);
            let _ = client.stream.set_write_timeout(Some(Duration::from_millis(100)));
            let _ = client.stream.write_all(&bytes);
            deaf.push(client);
        }
        done.fetch_add(5, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(20));
    }
}

/// How much later than the interval blocks came: the worst, and the 99th percentile.
fn lateness(heads: &[(u64, Instant)]) -> (f64, f64) {
    let period = Duration::from_millis(BLOCK_TIME_MS).as_secs_f64();
    let pairs = heads.windows(2).filter(|pair| pair[1].0 == pair[0].0 + 1);
    let late = pairs.map(|pair| (pair[1].1 - pair[0].1).as_secs_f64() / period - 1.0);
    let mut late: Vec<f64> = late.collect();
    late.sort_by(f64::total_cmp);
    let worst = late.last().copied().unwrap_or(f64::NAN);
    (worst, late.get(late.len() * 99 / 100).copied().unwrap_or(worst))
}

fn percentile(sorted: &[u32], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |us| f64::from(*us) / 1000.0)
}

pub fn run(mut args: Args) -> Result {
    let quids = args.text("quids").map_or_else(sibling, |path| Ok(path.into()))?;
    let seconds: f64 = args.value("seconds", 20.0)?;
    let (rate, subscribers): (f64, usize) = (args.value("rate", 10_000.0)?, args.value("subscribers", 500)?);
    let askers: usize = args.value("connections", 20)?;
    let as_json = args.switch("json");
    args.finish()?;
    let machine = Machine::here();
    let cache = tempfile::tempdir()?;
    let mut node = Node::start_with(&quids, cache.path(), &["--block-time", &BLOCK_TIME_MS.to_string()])?;
    node.wait_for_block()?;
    let port = node.port();
    let period = Duration::from_secs_f64(seconds);

    // The same node, left alone.
    let stop = Arc::new(AtomicBool::new(false));
    let heads = watch(port, &stop)?;
    thread::sleep(period);
    stop.store(true, Ordering::Relaxed);
    let idle = lateness(&heads.join().map_err(|_| "the watcher failed")?);
    let (start_mib, _) = node.memory()?;

    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let attacks = Arc::new(AtomicU64::new(0));
    let mut threads = Vec::new();
    let mut watchers = Vec::new();
    for at in 0..subscribers {
        let (method, params) = match at % 5 {
            4 => ("state_subscribeStorage", json!([[ACCOUNT]])),
            _ => ("chain_subscribeNewHeads", json!([])),
        };
        let client = subscriber(port, method, &params)?;
        let (stop, reads_heads) = (stop.clone(), at % 5 != 4);
        let builder = thread::Builder::new().stack_size(64 << 10);
        let watcher = builder.spawn(move || watcher(client, &stop))?;
        if reads_heads {
            watchers.push(watcher);
        }
    }
    let first = watch(port, &stop)?;
    for at in 0..askers {
        let (stop, seen) = (stop.clone(), seen.clone());
        threads.push(thread::spawn(move || {
            let found = asker(port, at % 2 == 0, rate / askers as f64, &stop);
            let (Ok(mut all), Ok(found)) = (seen.lock(), found) else {
                return;
            };
            all.answers += found.answers;
            all.errors += found.errors;
            all.cpu += found.cpu;
            all.latencies_us.extend(found.latencies_us);
        }));
    }
    {
        let (stop, attacks) = (stop.clone(), attacks.clone());
        threads.push(thread::spawn(move || hostile(port, &stop, &attacks)));
    }
    let transfers = Arc::new(AtomicU64::new(0));
    {
        let (stop, transfers, quids) = (stop.clone(), transfers.clone(), quids.clone());
        threads.push(thread::spawn(move || transfer(&quids, port, &stop, &transfers)));
    }
    let started = Instant::now();
    thread::sleep(period);
    stop.store(true, Ordering::Relaxed);
    let took = started.elapsed().as_secs_f64();
    for thread in threads {
        let _ = thread.join();
    }
    let heads = first.join().map_err(|_| "the watcher failed")?;
    let loaded = lateness(&heads);
    let (low, high) = match (heads.first(), heads.last()) {
        (Some(first), Some(last)) => (first.0, last.0),
        _ => return Err("no block under load".into()),
    };
    // The last block may still have been on its way to some when they stopped.
    let wanted: Vec<u64> = (low + 1..high).collect();
    let complete = watchers.into_iter().filter_map(|watcher| watcher.join().ok());
    let complete = complete.map(|heads| {
        let numbers: Vec<u64> = heads.iter().map(|(number, _)| *number).collect();
        wanted.iter().all(|number| numbers.contains(number))
    });
    let complete: Vec<bool> = complete.collect();
    let saw_all = complete.iter().filter(|complete| **complete).count();
    let (end_mib, peak_mib) = node.memory()?;
    let mut seen = seen.lock().map_err(|_| "an asker failed")?;
    seen.latencies_us.sort_unstable();
    let (p50, p99) = (
        percentile(&seen.latencies_us, 0.5),
        percentile(&seen.latencies_us, 0.99),
    );
    let per_second = seen.answers as f64 / took;
    let share = seen.cpu.as_secs_f64() / took / crate::machine::cores() as f64;
    let (attacks, transfers) = (attacks.load(Ordering::Relaxed), transfers.load(Ordering::Relaxed));
    if as_json {
        let figures = json!({
            "machine": machine.json(), "seconds": took, "requests_per_second": per_second, "errors": seen.errors,
            "latency_ms_p50": p50, "latency_ms_p99": p99, "subscribers_complete": saw_all,
            "subscribers_of_heads": complete.len(), "blocks": wanted.len(), "hostile_connections": attacks, "transfers": transfers,
            "mib_start": start_mib, "mib_peak": peak_mib, "mib_end": end_mib, "load_cpu_share": share,
            "late_idle_max": idle.0, "late_idle_p99": idle.1, "late_max": loaded.0, "late_p99": loaded.1,
        });
        println!("{figures}");
        return Ok(());
    }
    println!("{machine}");
    println!(
        "{per_second:.0} answers/s of {rate:.0} asked for {took:.0} s, {} errors",
        seen.errors
    );
    println!(
        "latency from when due: p50 {p50:.1} ms, p99 {p99:.1} ms; the askers took {:.0} % of the CPU",
        share * 100.0
    );
    println!(
        "{saw_all} of {} subscribers saw each of {} blocks  {}",
        complete.len(),
        wanted.len(),
        verdict(saw_all == complete.len())
    );
    println!(
        "resident: {start_mib:.0} MiB before, {peak_mib:.0} at most, {end_mib:.0} after; {attacks} hostile connections; \
         {transfers} transfers final meanwhile"
    );
    println!(
        "blocks late when idle: at most {:.1} %, p99 {:.1} %",
        idle.0 * 100.0,
        idle.1 * 100.0
    );
    println!(
        "blocks late under load: at most {:.1} %, p99 {:.1} %  ≤ {:.0} % {}",
        loaded.0 * 100.0,
        loaded.1 * 100.0,
        LATENESS_MAX * 100.0,
        verdict(loaded.0 <= LATENESS_MAX)
    );
    Ok(())
}

/// One transfer after the other, each signed by `quids tx` and waited for until it is final.
fn transfer(quids: &Path, port: u16, stop: &AtomicBool, done: &AtomicU64) {
    let rpc = format!("ws://127.0.0.1:{port}");
    while !stop.load(Ordering::Relaxed) {
        let command = Command::new(quids)
            .args([
                "tx", "transfer", "--from", "alice", "--to", "bob", "--amount", "1", "--rpc", &rpc,
            ])
            .stdout(Stdio::null())
            .status();
        if command.is_ok_and(|status| status.success()) {
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The heads of one subscriber, in its own thread.
fn watch(port: u16, stop: &Arc<AtomicBool>) -> Result<thread::JoinHandle<Vec<(u64, Instant)>>> {
    let client = subscriber(port, "chain_subscribeNewHeads", &json!([]))?;
    let stop = stop.clone();
    Ok(thread::spawn(move || watcher(client, &stop)))
}
