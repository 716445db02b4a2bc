//! `certificate`: verifying the proof that a block is final, beside verifying as many signatures in a loop.

use crate::{
    Result,
    args::Args,
    machine::Machine,
    statistics::{Samples, verdict},
};
use codec::{Decode, Encode};
use quids_core::{Hash, Height};
use quids_crypto::{KeyPair, SignatureScheme, verify};
use quids_pobpc::{Ballot, Committee, Justification, Role, Round, Seat, SeatIndex, Threshold};
use serde_json::{Value, json};
use std::{hint::black_box, time::Instant};

/// Milliseconds for seven seats of Falcon-512, all of which signed.
const FALCON_MS_MAX: f64 = 0.2;
const SEATS: u16 = 7;

/// A certificate that all seats signed, and what verifies it.
struct Made {
    keys: Vec<KeyPair>,
    committee: Committee,
    bytes: Vec<u8>,
}

const GENESIS: Hash = Hash::repeat_byte(7);

fn made(scheme: SignatureScheme) -> Result<Made> {
    let keys = (0..SEATS)
        .map(|seat| KeyPair::from_seed(scheme, &[seat as u8; 32]))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let seats = keys.iter().map(|key| Seat {
        key: key.public().clone(),
        role: Role::Full,
    });
    let mut proof = Justification {
        height: Height(1_000_000),
        round: Round(0),
        block: Hash::repeat_byte(3),
        signatures: Vec::new(),
    };
    let message = proof.vote().signed_bytes(&GENESIS);
    proof.signatures = (0..)
        .map(SeatIndex)
        .zip(keys.iter().map(|key| key.sign(&message)))
        .collect();
    Ok(Made {
        committee: Committee::new(seats.collect())?,
        bytes: proof.encode(),
        keys,
    })
}

pub fn run(mut args: Args) -> Result {
    let (runs, as_json): (usize, bool) = (args.value("runs", 201)?, args.switch("json"));
    args.finish()?;
    let machine = Machine::here();
    let mut told = Vec::new();
    if !as_json {
        println!("{machine}");
        println!("certificates of {SEATS} seats, all of which signed; milliseconds on one core, decoding among them");
    }
    for scheme in [SignatureScheme::Falcon512, SignatureScheme::MlDsa87] {
        let made = made(scheme)?;
        let (mut ours, mut raw, mut ratio) = (Samples::default(), Samples::default(), Samples::default());
        for _ in 0..runs {
            let started = Instant::now();
            let proof = Justification::decode(&mut &made.bytes[..])?;
            proof.verify(&GENESIS, &made.committee, Threshold::DEFAULT, &verify)?;
            let took = started.elapsed().as_secs_f64() * 1e3;
            let message = proof.vote().signed_bytes(&GENESIS);
            let started = Instant::now();
            for (key, (_, signature)) in made.keys.iter().zip(&proof.signatures) {
                black_box(verify(key.public(), &message, signature));
            }
            let loop_took = started.elapsed().as_secs_f64() * 1e3;
            ours.push(took);
            raw.push(loop_took);
            ratio.push(took / loop_took);
        }
        let bytes = made.bytes.len();
        told.push(json!({
            "scheme": scheme.name(), "bytes": bytes, "verify_ms": ours.json(), "loop_ms": raw.json(), "ratio": ratio.json(),
        }));
        if !as_json {
            let floor = match scheme {
                SignatureScheme::Falcon512 => {
                    format!("  ≤ {FALCON_MS_MAX} {}", verdict(ours.median() <= FALCON_MS_MAX))
                }
                _ => String::new(),
            };
            println!(
                "  {:<12} {bytes:>6} bytes  {:.3}{floor}; {} of a loop over its signatures",
                scheme.name(),
                ours.median(),
                ratio.shown(2)
            );
        }
    }
    if as_json {
        println!(
            "{}",
            json!({ "machine": machine.json(), "schemes": Value::Array(told) })
        );
    }
    Ok(())
}
