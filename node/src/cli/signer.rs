//! `quids signer`: a process that holds keys and signs for others over a Unix socket.

use super::{CliError, PassphraseArgs, block_on, keys, output::hex0x};
use clap::{Args, Subcommand};
use quids_crypto::eip55;
use quids_keystore::{SignRequest, SignerEvent, SignerLimits, SignerServer};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::termios::{QueueSelector, tcflush};
use serde_json::json;
use std::io::{IsTerminal, stdin};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use tokio::signal::unix::{SignalKind, signal};

/// Hold keys in a process of their own.
#[derive(Subcommand, Debug)]
pub enum SignerCommand {
    /// Unlock keys and sign with them for the processes of this user, until interrupted
    Serve(ServeArgs),
}

/// Which keys, and where.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// The socket; its folder must be closed to others, and is made if it is missing
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// A key file; may be given several times, and several files at once
    #[arg(long = "key", value_name = "FILE", required = true, num_args = 1..)]
    keys: Vec<String>,
    /// Ask at the terminal before every signature
    #[arg(long)]
    confirm: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Print JSON, a line for every event
    #[arg(long)]
    json: bool,
}

/// Runs a command.
pub(super) fn run(command: SignerCommand) -> Result<(), CliError> {
    let SignerCommand::Serve(args) = command;
    if args.confirm && !stdin().is_terminal() {
        return Err(CliError::Usage(
            "--confirm asks at a terminal, and stdin is none".into(),
        ));
    }
    // No core dump, and no debugger of the same user: both would have the keys.
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        eprintln!("warning: this process can be dumped: {error}");
    }
    let keys = args
        .keys
        .iter()
        .map(|key| keys::key(key, None, 0, &args.passphrase))
        .collect::<Result<Vec<_>, _>>()?;
    let accounts: Vec<_> = keys.iter().map(|key| eip55(&key.account_id())).collect();
    let json = args.json;
    let mut server =
        SignerServer::bind(&args.socket, keys, SignerLimits::default())?.observe(move |event| tell(event, json));
    if args.confirm {
        let one_at_a_time = Mutex::new(());
        server = server.confirm(move |request| {
            let _turn = one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
            confirm(request)
        });
    }
    // Before anybody is told that it listens, so that a signal then ends it in order.
    block_on(async {
        let listen = |kind| {
            signal(kind).map_err(|source| CliError::Io {
                context: "cannot wait for signals",
                source,
            })
        };
        let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        let _handle = server.start();
        if json {
            let socket = args.socket.display().to_string();
            println!(
                "{}",
                json!({ "event": "listening", "socket": socket, "accounts": accounts })
            );
        } else {
            println!("listening at {} for {}", args.socket.display(), accounts.join(", "));
        }
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}

fn tell(event: &SignerEvent, as_json: bool) {
    let (name, request, reason) = match event {
        SignerEvent::Signed(request) => ("signed", Some(request), None),
        SignerEvent::Refused(request, reason) => ("refused", Some(request), Some(reason)),
        SignerEvent::Dropped(reason) => ("dropped", None, Some(reason)),
    };
    if as_json {
        let mut object = json!({ "event": name });
        if let Some(request) = request {
            object["account"] = eip55(&request.account).into();
            object["context"] = request.purpose.name().into();
            object["payload_hash"] = hex0x(request.payload_hash).into();
            object["payload_bytes"] = request.payload_bytes.into();
        }
        if let Some(reason) = reason {
            object["reason"] = reason.as_str().into();
        }
        println!("{object}");
    } else {
        let request = request.map(text).unwrap_or_default();
        println!(
            "{name}{request}{}",
            reason.map(|reason| format!(": {reason}")).unwrap_or_default()
        );
    }
}

fn text(request: &SignRequest) -> String {
    format!(
        " for {}, {}, {} bytes with BLAKE3 {}",
        eip55(&request.account),
        request.purpose.name(),
        request.payload_bytes,
        hex0x(request.payload_hash)
    )
}

fn confirm(request: &SignRequest) -> Result<(), String> {
    // What was typed before the question is no answer to it.
    tcflush(stdin(), QueueSelector::IFlush).map_err(|error| format!("nobody could be asked: {error}"))?;
    eprint!("sign{}? [y/N] ", text(request));
    let mut answer = String::new();
    match stdin().read_line(&mut answer) {
        Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
        Ok(_) => Err("the operator said no".into()),
        Err(error) => Err(format!("nobody could be asked: {error}")),
    }
}
