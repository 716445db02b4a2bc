//! `transfers`: a block of transfers through the runtime, as WASM and as the same code natively, split into what it
//! is made of, over states of several sizes.

mod block;
pub mod engine;
pub mod flat;
mod measure;
pub mod meter;
mod report;
pub mod world;

use crate::{Error, Result, args::Args, machine::Machine};
use engine::Engine;
use measure::{Figures, Options};
use quids_crypto::SignatureScheme;
use serde_json::{Value, json};

pub fn run(mut args: Args) -> Result {
    let sizes: Vec<usize> = args.list("accounts", vec![10_000, 100_000, 1_000_000])?;
    let options = Options {
        transfers: args.value("transfers", 10_000)?,
        runs: args.value("runs", 7)?,
        scheme: args.value("scheme", SignatureScheme::MlDsa87)?,
        cache_mb: args.value("cache-mb", 1024)?,
    };
    let as_json = args.switch("json");
    args.finish()?;
    if options.transfers == 0 || options.runs == 0 || sizes.iter().any(|size| *size < 2) {
        return Err("there must be a transfer, a run, and two accounts".into());
    }
    if !options.scheme.is_post_quantum() {
        return Err("a legacy account has no bound key: choose a post-quantum scheme".into());
    }
    let machine = Machine::here();
    let mut engines = [Engine::wasm()?, Engine::Native];
    if !as_json {
        report::head(&machine, &options, &mut engines)?;
    }
    let figures = sizes.into_iter().map(|accounts| {
        let figures = measure::size(accounts, &options, &mut engines)?;
        if !as_json {
            report::size(&figures);
        }
        Ok::<Figures, Error>(figures)
    });
    let figures = figures.collect::<Result<Vec<_>>>()?;
    if as_json {
        let sizes: Vec<Value> = figures.iter().map(Figures::json).collect();
        println!(
            "{}",
            json!({ "machine": machine.json(), "options": options.json(), "sizes": sizes })
        );
    } else {
        report::reference();
    }
    Ok(())
}
