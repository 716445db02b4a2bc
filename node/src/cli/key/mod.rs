//! `quids key`: makes, inspects, stores and moves keys, signs and verifies messages. Prints no secret but a new mnemonic
//! and what is exported with `--show-secret`.

mod files;

use super::{
    CliError, NewPassphraseArgs, Outcome, PassphraseArgs, keys,
    output::{Report, hex0x},
};
use clap::{Args, Subcommand};
use files::{FileFormat, Store};
use quids_crypto::{PublicKey, Signature, SignatureScheme, eip55, verify};
use quids_keystore::{Algorithm, Secret};
use std::path::PathBuf;

/// Make, keep and inspect keys, sign and verify messages.
#[derive(Subcommand, Debug)]
pub enum KeyCommand {
    /// Make a new key and print its mnemonic, which gives the key back
    Generate {
        /// ml-dsa-87, falcon-512, sphincs-shake-256f, secp256k1 (legacy, not post-quantum), or ml-kem-1024, which has no
        /// mnemonic and needs --out
        #[arg(long, default_value = "ml-dsa-87")]
        scheme: Algorithm,
        /// Words of the mnemonic
        #[arg(long, value_name = "12|24", default_value = "24", value_parser = words)]
        words: usize,
        /// Write the key to this new file as well, encrypted
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        passphrase: PassphraseArgs,
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
        #[command(flatten)]
        passphrase: PassphraseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the key files of a folder. Nothing is unlocked: it shows what the files say
    List {
        #[arg(value_name = "FOLDER", default_value = ".")]
        folder: PathBuf,
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
        #[command(flatten)]
        passphrase: PassphraseArgs,
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
    /// Write a key in another format, to a new file or to the screen
    Export {
        /// A development account (alice), a key file, or a mnemonic in quotes
        key: String,
        #[command(flatten)]
        choice: ChoiceArgs,
        /// json (a key file, encrypted), pem (PKCS#8), raw (hexadecimal), ethereum (hexadecimal), mnemonic
        #[arg(long)]
        format: FileFormat,
        /// The new file
        #[arg(long, value_name = "FILE", required_unless_present = "show_secret")]
        out: Option<PathBuf>,
        /// Print the secret in the clear; not with --format json
        #[arg(long, conflicts_with = "out")]
        show_secret: bool,
        #[command(flatten)]
        passphrase: PassphraseArgs,
        #[command(flatten)]
        new_passphrase: NewPassphraseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read a key in another format, and write it to a new key file, encrypted
    Import {
        /// What to read; - for stdin, but for json. There is no way to give a secret as an argument: every process of
        /// the machine can read those
        #[arg(value_name = "FILE|-")]
        input: String,
        /// json (a key file), pem (PKCS#8), raw (hexadecimal), ethereum (hexadecimal), mnemonic
        #[arg(long)]
        format: FileFormat,
        /// Scheme of the key; raw and mnemonic do not say it
        #[arg(long)]
        scheme: Option<Algorithm>,
        /// Index of the key, for a mnemonic
        #[arg(long, value_name = "N", default_value_t = 0)]
        index: u32,
        /// The new key file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        passphrase: PassphraseArgs,
        #[command(flatten)]
        new_passphrase: NewPassphraseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Encrypt a key file under another passphrase, in place
    ChangePassphrase {
        /// The key file
        file: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArgs,
        #[command(flatten)]
        new_passphrase: NewPassphraseArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Encrypt a key file that is not, in place. What the disk keeps of the old file is not wiped
    Encrypt {
        /// The key file
        file: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArgs,
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
    fn load(&self, key: &str, passphrase: &PassphraseArgs) -> Result<Secret, CliError> {
        keys::secret(key, self.scheme, self.index, passphrase)
    }
}

/// How a new key file keeps its key.
#[derive(Args, Clone, Copy, Debug)]
pub struct StoreArgs {
    /// Keep the mnemonic in the file, and so every other key that it gives; otherwise only this one
    #[arg(long, conflicts_with = "no_encrypt")]
    store_mnemonic: bool,
    /// Do not encrypt the file: whoever reads it owns the account
    #[arg(long)]
    no_encrypt: bool,
}

/// Runs a command.
pub(super) fn run(command: KeyCommand) -> Result<Outcome, CliError> {
    let mut report = Report::default();
    match command {
        KeyCommand::Generate {
            scheme,
            words,
            out,
            store,
            passphrase,
            json,
        } => {
            // Before a key is shown that could then not be kept.
            let store = out.map(|path| Store::prepare(path, store, &passphrase)).transpose()?;
            let secret = match scheme {
                Algorithm::Signature(scheme) => {
                    let mnemonic = quids_keystore::generate_mnemonic(words)?;
                    report.line("mnemonic", mnemonic.as_str());
                    Secret::from_phrase(&mnemonic, scheme, 0)?
                }
                Algorithm::MlKem1024 if store.is_none() => {
                    return Err(CliError::Usage(
                        "a key of ml-kem-1024 has no mnemonic; write it to a file with --out FILE".into(),
                    ));
                }
                Algorithm::MlKem1024 => Secret::Kem(quids_keystore::KemKeyPair::generate()?),
            };
            describe(&mut report, &secret);
            if let Some(store) = store {
                store.write(secret, &mut report)?;
            }
            report.print(json);
        }
        KeyCommand::Inspect {
            key,
            choice,
            passphrase,
            json,
        } => {
            describe(&mut report, &choice.load(&key, &passphrase)?);
            report.print(json);
        }
        KeyCommand::List { folder, json } => files::list(&folder)?.print(json),
        KeyCommand::Sign {
            key,
            choice,
            message,
            passphrase,
            json,
        } => {
            let secret = choice.load(&key, &passphrase)?;
            describe(&mut report, &secret);
            let signature = hex0x(secret.into_signing()?.sign(&message.load()?).as_bytes());
            if json {
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
        KeyCommand::Export {
            key,
            choice,
            format,
            out,
            show_secret: _,
            passphrase,
            new_passphrase,
            json,
        } => {
            let export = files::Export {
                key,
                format,
                out,
                passphrase,
                new_passphrase,
            };
            export.run(choice.scheme, choice.index)?.print(json);
        }
        KeyCommand::Import {
            input,
            format,
            scheme,
            index,
            out,
            store,
            passphrase,
            new_passphrase,
            json,
        } => {
            let import = files::Import {
                input,
                format,
                out,
                store,
                passphrase,
                new_passphrase,
            };
            import.run(scheme, index)?.print(json);
        }
        KeyCommand::ChangePassphrase {
            file,
            passphrase,
            new_passphrase,
            json,
        } => files::change_passphrase(&file, &passphrase, &new_passphrase)?.print(json),
        KeyCommand::Encrypt { file, passphrase, json } => files::encrypt(&file, &passphrase)?.print(json),
    }
    Ok(Outcome::Success)
}

fn describe(report: &mut Report, secret: &Secret) {
    report.line("scheme", secret.algorithm().name());
    if let Some(account) = secret.account_id() {
        report.line("address", eip55(&account));
    }
    report.line("public key", hex0x(secret.public_bytes()));
}

fn words(text: &str) -> Result<usize, String> {
    match text {
        "12" => Ok(12),
        "24" => Ok(24),
        other => Err(format!("{other} words; a mnemonic has 12 or 24")),
    }
}
