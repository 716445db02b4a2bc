//! `quids key`: makes and inspects keys, signs and verifies messages. Never prints a secret but a new mnemonic.

use super::{
    CliError, Outcome, keys,
    output::{Report, hex0x},
};
use clap::{Args, Subcommand};
use quids_crypto::{KeyPair, PublicKey, Signature, SignatureScheme, eip55, verify};
use std::path::PathBuf;

/// Make and inspect keys, sign and verify messages.
#[derive(Subcommand, Debug)]
pub enum KeyCommand {
    /// Make a new key and print its mnemonic of 24 words: the only way to get the key back
    Generate {
        /// ml-dsa-87, falcon-512, sphincs-shake-256f, or secp256k1 (legacy, not post-quantum)
        #[arg(long, default_value = "ml-dsa-87")]
        scheme: SignatureScheme,
        /// Write the key to this new file as well. It is not encrypted
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show scheme, address and public key
    Inspect {
        /// A development account (alice), a key file, or a mnemonic in quotes
        key: String,
        #[command(flatten)]
        choice: ChoiceArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Sign a message as it is, without any prefix
    Sign {
        /// A development account (alice), a key file, or a mnemonic in quotes
        #[arg(long)]
        key: String,
        #[command(flatten)]
        choice: ChoiceArgs,
        #[command(flatten)]
        message: MessageArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print `valid` or `invalid`; the exit code is 1 for an invalid signature
    Verify {
        /// Scheme of key and signature
        #[arg(long)]
        scheme: SignatureScheme,
        /// In hexadecimal, or @FILE to take the digits from a file
        #[arg(long, value_name = "HEX|@FILE")]
        public_key: String,
        /// In hexadecimal, or @FILE to take the digits from a file
        #[arg(long, value_name = "HEX|@FILE")]
        signature: String,
        #[command(flatten)]
        message: MessageArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// A message: text, bytes, or stdin.
#[derive(Args, Debug)]
pub struct MessageArgs {
    /// The message as text; if there is neither this nor --hex, stdin
    #[arg(conflicts_with = "hex")]
    message: Option<String>,
    /// The message in hexadecimal, or @FILE to take the digits from a file
    #[arg(long, value_name = "HEX|@FILE")]
    hex: Option<String>,
}

impl MessageArgs {
    fn load(self) -> Result<Vec<u8>, CliError> {
        keys::message(self.message, self.hex)
    }
}

/// Which of a mnemonic's keys.
#[derive(Args, Debug)]
pub struct ChoiceArgs {
    /// Scheme of the key, for a mnemonic; ml-dsa-87 if not given
    #[arg(long)]
    scheme: Option<SignatureScheme>,
    /// Index of the key, for a mnemonic
    #[arg(long, value_name = "N", default_value_t = 0)]
    index: u32,
}

impl ChoiceArgs {
    fn load(&self, key: &str) -> Result<KeyPair, CliError> {
        keys::key(key, self.scheme, self.index)
    }
}

/// Runs a command.
pub(super) fn run(command: KeyCommand) -> Result<Outcome, CliError> {
    let mut report = Report::default();
    match command {
        KeyCommand::Generate { scheme, out, json } => {
            let mnemonic = quids_keystore::generate_mnemonic()?;
            let key = quids_keystore::from_mnemonic(&mnemonic, scheme, 0)?;
            report.line("mnemonic", mnemonic.as_str());
            describe(&mut report, &key);
            if let Some(path) = out {
                quids_keystore::write_key_file(&path, &key)?;
                report.line("file", path.display().to_string());
            }
            report.print(json);
        }
        KeyCommand::Inspect { key, choice, json } => {
            describe(&mut report, &choice.load(&key)?);
            report.print(json);
        }
        KeyCommand::Sign {
            key,
            choice,
            message,
            json,
        } => {
            let key = choice.load(&key)?;
            let signature = hex0x(key.sign(&message.load()?).as_bytes());
            if json {
                describe(&mut report, &key);
                report.line("signature", signature).print(true);
            } else {
                // Nothing else, for a pipe.
                println!("{signature}");
            }
        }
        KeyCommand::Verify {
            scheme,
            public_key,
            signature,
            message,
            json,
        } => {
            let public_key = PublicKey::new(scheme, &keys::bytes("the public key", &public_key)?)?;
            let signature = Signature::new(scheme, &keys::bytes("the signature", &signature)?)?;
            let valid = verify(&public_key, &message.load()?, &signature);
            if json {
                report.json("valid", valid).print(true);
            } else {
                println!("{}", if valid { "valid" } else { "invalid" });
            }
            return Ok(if valid { Outcome::Success } else { Outcome::Negative });
        }
    }
    Ok(Outcome::Success)
}

fn describe(report: &mut Report, key: &KeyPair) {
    report
        .line("scheme", key.scheme().name())
        .line("address", eip55(&key.account_id()))
        .line("public key", hex0x(key.public().as_bytes()));
}
