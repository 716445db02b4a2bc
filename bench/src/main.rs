//! `quids-bench`: the figures of node/docs/benchmarks.md. `quids bench ARGS` starts it when it lies beside `quids`.

mod args;
mod certificate;
mod clock;
mod crypto;
mod ethereum;
mod evm;
mod import;
mod machine;
mod node;
mod pallet;
mod pool;
mod precompiles;
mod proof;
mod rpc;
mod snapshot;
mod stateless;
mod statistics;
mod storage;
mod testnet;
mod transfers;
mod trie;
mod upgrade;

use args::Args;
use std::process::ExitCode;

/// The node's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What went wrong, for people: a benchmark has no callers that would tell errors apart.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T = ()> = std::result::Result<T, Error>;

const USAGE: &str = "\
usage: quids bench crypto    [--seconds 2] [--only SCHEME] [--json]
       quids bench transfers [--accounts 10000,100000,1000000] [--transfers 10000] [--runs 7] [--scheme ml-dsa-87]
                             [--cache-mb 1024] [--json]
       quids bench trie      [--states 100000,1000000,3000000] [--batches 1000,10000,100000] [--runs 5] [--cache-mb 768]
                             [--json]
       quids bench storage   [--accounts 200000] [--slots 200000] [--blocks 1000] [--cache-mb 24] [--json]
       quids bench snapshot  [--accounts 1000000] [--blocks 5] [--runs 3] [--json]
       quids bench upgrade   [--accounts 1000000] [--quids PATH] [--runs 3] [--json]
       quids bench import    [--blocks 20] [--transfers 1000] [--scheme ml-dsa-87] [--runs 5] [--json]
       quids bench node      [--quids PATH] [--runs 3] [--idle-seconds 10] [--json]
       quids bench proof     [--accounts 1000000] [--keys 200,2000,20000] [--runs 5] [--cache-mb 64] [--json]
       quids bench stateless [--accounts 50000] [--transfers 100] [--scheme falcon-512] [--runs 15] [--json]
       quids bench certificate [--runs 201] [--json]
       quids bench testnet   [--nodes 4] [--witnesses 0] [--quids PATH] [--senders 400] [--each 400] [--seconds 20] [--upgrades]
                             [--json]
       quids bench rpc       [--quids PATH] [--seconds 20] [--rate 10000] [--connections 20] [--subscribers 500] [--json]
       quids bench pallet    [--pallet NAME] [--steps 6] [--repeat 31] [--rounds 3] [--accounts 100000]
                             [--runtime FILE.wasm] [--output FOLDER] [--check] [--json]
       quids bench pool      [--count 100000] [--runs 7] [--json]
       quids bench precompiles [--seconds 0.5] [--only NAME] [--json]
       quids bench evm       [--seconds 4] [--only NAME] [--calls] [--json]
       quids bench anvil     [--anvil PATH] [--quids PATH] [--count 20000] [--senders 50] [--connections 10]
                             [--only transfers|erc20] [--gas-limit GAS] [--runs 3] [--json]
       quids bench eth-call  [--anvil PATH] [--quids PATH] [--connections 16] [--seconds 2] [--runs 5] [--json]
       quids bench logs      [--anvil PATH] [--quids PATH] [--blocks 100000] [--hits 100] [--runs 100] [--json]
build times: scripts/bench build";

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    // `quids bench crypto` may hand over its own word.
    if words.first().is_some_and(|word| word == "bench") {
        words.remove(0);
    }
    let command = if words.is_empty() {
        String::new()
    } else {
        words.remove(0)
    };
    let run: fn(Args) -> Result = match command.as_str() {
        "crypto" => crypto::run,
        "transfers" => transfers::run,
        "snapshot" => snapshot::run,
        "upgrade" => upgrade::run,
        "import" => import::run,
        "trie" => trie::run,
        "storage" => storage::run,
        "proof" => proof::run,
        "stateless" => stateless::run,
        "certificate" => certificate::run,
        "testnet" => testnet::run,
        "node" => node::run,
        "rpc" => rpc::run,
        "pallet" => pallet::run,
        "pool" => pool::run,
        "precompiles" => precompiles::run,
        "evm" => evm::run,
        "anvil" => ethereum::run_load,
        "eth-call" => ethereum::run_calls,
        "logs" => ethereum::run_logs,
        "" | "help" | "--help" | "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprintln!("there is no benchmark {other:?}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match Args::parse(words).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quids bench {command}: {error}");
            ExitCode::FAILURE
        }
    }
}
