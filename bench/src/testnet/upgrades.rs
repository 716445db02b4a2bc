//! `testnet --upgrades`: the runtime replaced three times in a row under load, and how far apart blocks are meanwhile.

use super::{LIGHT, Load, Net, PATIENCE, height_of, hexadecimal, key_of, phase};
use crate::{
    Result,
    ethereum::{
        http::{body, request},
        wallet::{Action, Terms, Wallet, stranger},
    },
    machine::Machine,
    pallet,
    statistics::{Samples, verdict},
};
use alloy_primitives::{Bytes, TxKind, U256};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::{self, sleep},
    time::{Duration, Instant},
};

/// What each code is, beside the one before, and the feature of the runtime that has it.
const CODES: [(&str, &str); 3] = [
    ("a migration of storage", "next"),
    ("a new pallet", "later"),
    ("another signature of a call", "latest"),
];
/// Milliseconds between blocks, as testnets have it.
const INTERVAL_MS: f64 = 1000.0;
/// Blocks on either side of the first one of a new code that count as its switch.
const AROUND: u64 = 2;
/// Accounts that send.
const SENDERS: usize = 10;
/// Seconds of load: the switches take about a third of it.
const SECONDS: f64 = 120.0;

/// A switch of codes: the first height of the new one, and the longest interval around it.
struct Switch {
    what: &'static str,
    height: u64,
    longest_ms: f64,
}

/// Transfers of the ten development accounts: what SCALE extrinsics sign has the version of the code, so none of them would be right
/// under the next one.
fn ethereum_load(port: u16) -> Result<Load> {
    let id = super::Client::connect(port)?.call("eth_chainId", &json!([]))?;
    let id = id.as_str().and_then(|text| text.strip_prefix("0x")).unwrap_or_default();
    let terms = Terms {
        chain_id: u64::from_str_radix(id, 16)?,
        max_fee_per_gas: 1_000_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
    };
    // Not all nodes have as many of them.
    let each = 2 * (LIGHT as f64 * SECONDS) as usize / SENDERS;
    let of_sender = |index: usize| -> Result<Vec<(Vec<u8>, String)>> {
        let mut wallet = Wallet::development(index)?;
        let make = |_| -> Result<(Vec<u8>, String)> {
            let bytes = wallet.sign(
                &terms,
                Action {
                    to: TxKind::Call(stranger(index)),
                    value: U256::from(5),
                    input: Bytes::new(),
                    gas_limit: 21_000,
                },
            )?;
            let text = hexadecimal(&bytes);
            Ok((request(&body("eth_sendRawTransaction", &json!([text]))), key_of(&text)))
        };
        (0..each).map(make).collect()
    };
    let by_sender = (0..SENDERS).map(of_sender).collect::<Result<_>>()?;
    Ok(Load { by_sender })
}

pub fn run(net: &mut Net, quids: &Path, as_json: bool) -> Result {
    let load = &ethereum_load(net.port(0))?;
    let taken = &mut [0; SENDERS];
    let codes: Vec<PathBuf> = CODES
        .iter()
        .map(|(_, feature)| {
            let path = net.dir().join(format!("{feature}.wasm"));
            fs::write(&path, pallet::runtime_with(&[feature])?)?;
            Ok(path)
        })
        .collect::<Result<_>>()?;
    let shared = &*net;
    let (seen, heights) = thread::scope(|scope| -> Result<_> {
        let loaded =
            scope.spawn(|| phase(shared, load, taken, Some(LIGHT), SECONDS).map_err(|error| error.to_string()));
        let heights = codes
            .iter()
            .map(|code| upgrade(shared, quids, code))
            .collect::<Result<Vec<_>>>();
        let seen = loaded.join().map_err(|_| "the load panicked")??;
        Ok((seen, heights?))
    })?;
    let all: Samples = seen.intervals.iter().map(|(_, took)| *took).collect();
    let switches: Vec<Switch> = CODES
        .iter()
        .zip(&heights)
        .map(|((what, _), height)| Switch {
            what,
            height: *height,
            longest_ms: seen
                .intervals
                .iter()
                .filter(|(at, _)| at.abs_diff(*height) <= AROUND)
                .map(|(_, took)| *took)
                .fold(0.0, f64::max),
        })
        .collect();
    if let Some(unseen) = switches.iter().find(|switch| switch.longest_ms == 0.0) {
        let height = unseen.height;
        return Err(format!(
            "the load of {SECONDS} s ended before the switch at block {height}: nothing is known of it"
        )
        .into());
    }
    // One interval more than there always is: at a switch, and while code is uploaded, checked and compiled.
    let slowest = seen.intervals.iter().max_by(|one, other| one.1.total_cmp(&other.1));
    let is_kept = slowest.is_some_and(|(_, took)| *took <= 2.0 * INTERVAL_MS);
    let (machine, nodes) = (Machine::here(), net.nodes.len());
    let witnesses = nodes - net.full;
    if as_json {
        let switch =
            |of: &Switch| json!({ "what": of.what, "height": of.height, "longest_interval_ms": of.longest_ms });
        let switches: Vec<Value> = switches.iter().map(switch).collect();
        let longest = slowest.map(|(_, took)| *took);
        let interval =
            json!({ "p50": all.median(), "p99": all.percentile(0.99), "max": longest, "samples": all.len() });
        println!(
            "{}",
            json!({ "machine": machine.json(), "nodes": nodes, "witnesses": witnesses, "load": LIGHT, "interval_ms": interval, "switches": switches, "is_kept": is_kept })
        );
        return Ok(());
    }
    println!("{machine}");
    println!(
        "{nodes} nodes on these cores, {witnesses} of them witnesses, {LIGHT} transfers a second, three upgrades in a row"
    );
    println!(
        "  between two final blocks  p50 {:>6.0} ms  p99 {:>6.0} ms  of {}",
        all.median(),
        all.percentile(0.99),
        all.len()
    );
    if let Some((height, took)) = slowest {
        println!("  the longest of them: {took:.0} ms, at block {height}");
    }
    for Switch {
        what,
        height,
        longest_ms,
    } in &switches
    {
        println!("  {what:<28} from block {height}: {longest_ms:.0} ms at most within {AROUND} blocks of it");
    }
    println!(
        "floor: no step of an upgrade costs more than an interval ({:.0} ms between blocks) {}",
        2.0 * INTERVAL_MS,
        verdict(is_kept)
    );
    Ok(())
}

/// Has the council replace the runtime; the first height of the new one.
fn upgrade(net: &Net, quids: &Path, code: &Path) -> Result<u64> {
    let code = code.display().to_string();
    let before = version(net)?;
    let proposed = command(net, quids, &["upgrade", "propose", &code, "--from", "alice"])?;
    let id = proposed["proposal"].to_string().trim_matches('"').to_owned();
    command(net, quids, &["upgrade", "approve", &id, "--from", "bob"])?;
    command(net, quids, &["upgrade", "upload", &id, &code, "--from", "charlie"])?;
    let status = command(net, quids, &["upgrade", "status"])?;
    let at = status["proposals"][0]["activates_at"].as_u64();
    let at = at.ok_or_else(|| format!("it is not scheduled: {status}"))?;
    let started = Instant::now();
    while height_of(net.port(0)).is_none_or(|height| height < at + AROUND) {
        if started.elapsed() > PATIENCE {
            return Err(format!("block {at} has not come").into());
        }
        sleep(Duration::from_millis(200));
    }
    if version(net)? == before {
        return Err(format!("the code did not take over at block {at}").into());
    }
    Ok(at)
}

fn version(net: &Net) -> Result<Value> {
    let mut client = super::Client::connect(net.port(0))?;
    let version = client.call("state_getRuntimeVersion", &json!([]))?;
    Ok(version["specVersion"].clone())
}

/// Runs a command of the first node's command line; its answer.
fn command(net: &Net, quids: &Path, arguments: &[&str]) -> Result<Value> {
    let output = Command::new(quids)
        .args(arguments)
        .args(["--json", "--rpc", &format!("ws://127.0.0.1:{}", net.port(0))])
        .output()?;
    if !output.status.success() {
        return Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
