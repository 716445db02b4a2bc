//! Key files: listed, exported, imported, encrypted anew.

use super::{CliError, NewPassphraseArgs, PassphraseArgs, Report, StoreArgs, describe, keys};
use quids_crypto::{SignatureScheme, eip55};
use quids_keystore::{
    Algorithm, Format, KdfParams, KeyError, KeyFile, Passphrase, Protection, Secret, export_secret, import_secret,
    list_key_files, read_key_file, read_private_file, reencrypt_key_file, write_key_file, write_private_file,
};
use serde_json::{Value as Json, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use zeroize::Zeroizing;

/// What stdin may give to an import.
const STDIN_BYTES_MAX: u64 = 16 << 10;

/// A key file, or a format that keys are given away in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    Json,
    Other(Format),
}

impl FromStr for FileFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "json" => Ok(Self::Json),
            other => other
                .parse()
                .map(Self::Other)
                .map_err(|_| "unknown format; known are json, pem, raw, ethereum, mnemonic".into()),
        }
    }
}

/// A key file to be, its passphrase known.
pub struct Store {
    path: PathBuf,
    args: StoreArgs,
    passphrase: Option<Passphrase>,
}

impl Store {
    /// Asks for the passphrase, unless the file exists already.
    pub fn prepare(path: PathBuf, args: StoreArgs, passphrase: &PassphraseArgs) -> Result<Self, CliError> {
        let passphrase = match args.no_encrypt {
            true => None,
            false => {
                absent(&path)?;
                Some(passphrase.choose(&path)?)
            }
        };
        Ok(Self { path, args, passphrase })
    }

    /// Writes the file, and tells where.
    pub fn write(self, secret: Secret, report: &mut Report) -> Result<(), CliError> {
        let secret = if self.args.store_mnemonic {
            secret
        } else {
            secret.without_mnemonic()?
        };
        let protection = match &self.passphrase {
            Some(passphrase) => Protection::Passphrase(passphrase, KdfParams::DEFAULT),
            None => Protection::None,
        };
        write_key_file(&self.path, &secret, protection)?;
        report
            .line("file", self.path.display().to_string())
            .line("encrypted", self.passphrase.is_some());
        Ok(())
    }
}

/// `quids key export`.
pub struct Export {
    pub key: String,
    pub format: FileFormat,
    pub out: Option<PathBuf>,
    pub passphrase: PassphraseArgs,
    pub new_passphrase: NewPassphraseArgs,
}

impl Export {
    pub fn run(self, scheme: Option<SignatureScheme>, index: u32) -> Result<Report, CliError> {
        if let Some(out) = &self.out {
            absent(out)?;
        }
        let (secret, used) = keys::secret_and_passphrase(&self.key, scheme, index, &self.passphrase)?;
        let mut report = Report::default();
        match (self.format, self.out) {
            (FileFormat::Json, None) => {
                return Err(CliError::Usage(
                    "a key file is encrypted: write it with --out FILE; --show-secret is for the other formats".into(),
                ));
            }
            (FileFormat::Json, Some(out)) => {
                let passphrase = match self.new_passphrase.given()?.or(used) {
                    Some(passphrase) => passphrase,
                    None => self.passphrase.choose(&out)?,
                };
                write_key_file(&out, &secret, Protection::Passphrase(&passphrase, KdfParams::DEFAULT))?;
                describe(&mut report, &secret);
                report.line("file", out.display().to_string()).line("encrypted", true);
            }
            (FileFormat::Other(format), Some(out)) => {
                write_private_file(&out, &export_secret(&secret, format)?)?;
                describe(&mut report, &secret);
                report.line("file", out.display().to_string()).line("encrypted", false);
            }
            (FileFormat::Other(format), None) => {
                let text = export_secret(&secret, format)?;
                report.line("secret", text.trim_end());
            }
        }
        Ok(report)
    }
}

/// `quids key import`.
pub struct Import {
    pub input: String,
    pub format: FileFormat,
    pub out: PathBuf,
    pub store: StoreArgs,
    pub passphrase: PassphraseArgs,
    pub new_passphrase: NewPassphraseArgs,
}

impl Import {
    pub fn run(self, scheme: Option<Algorithm>, index: u32) -> Result<Report, CliError> {
        absent(&self.out)?;
        let (secret, used) = match self.format {
            FileFormat::Json => {
                let file = read_key_file(Path::new(&self.input))?;
                let passphrase = self.passphrase.unlock(&file)?;
                let secret = file.unlock(passphrase.as_ref())?;
                match scheme {
                    Some(wanted) if wanted != secret.algorithm() => {
                        let actual = secret.algorithm();
                        return Err(CliError::WrongKey(format!(
                            "the key's scheme is {actual}, not {wanted}"
                        )));
                    }
                    _ => (secret, passphrase),
                }
            }
            FileFormat::Other(format) => {
                let text = match self.input.as_str() {
                    "-" => stdin_text()?,
                    path => read_private_file(Path::new(path))?,
                };
                (import_secret(&text, format, scheme, index)?, None)
            }
        };
        let passphrase = match self.store.no_encrypt {
            true => None,
            false => Some(match self.new_passphrase.given()?.or(used) {
                Some(passphrase) => passphrase,
                None => self.passphrase.choose(&self.out)?,
            }),
        };
        let mut report = Report::default();
        describe(&mut report, &secret);
        let store = Store {
            path: self.out,
            args: self.store,
            passphrase,
        };
        store.write(secret, &mut report)?;
        Ok(report)
    }
}

/// `quids key change-passphrase`.
pub fn change_passphrase(path: &Path, old: &PassphraseArgs, new: &NewPassphraseArgs) -> Result<Report, CliError> {
    let file = read_key_file(path)?;
    if !file.is_encrypted() {
        let shown = path.display();
        return Err(CliError::WrongKey(format!(
            "key file {shown} has no passphrase to change; to encrypt it: quids key encrypt {shown}"
        )));
    }
    let secret = file.unlock(old.unlock(&file)?.as_ref())?;
    reencrypt(&file, &secret, &new.choose(path)?)
}

/// `quids key encrypt`.
pub fn encrypt(path: &Path, passphrase: &PassphraseArgs) -> Result<Report, CliError> {
    let file = read_key_file(path)?;
    if file.is_encrypted() {
        let shown = path.display();
        return Err(CliError::WrongKey(format!(
            "key file {shown} is encrypted already; for another passphrase: quids key change-passphrase {shown}"
        )));
    }
    let secret = file.unlock(None)?;
    reencrypt(&file, &secret, &passphrase.choose(path)?)
}

fn reencrypt(file: &KeyFile, secret: &Secret, passphrase: &Passphrase) -> Result<Report, CliError> {
    if file.info().key_type.is_some() {
        return Err(CliError::WrongKey(format!(
            "{} belongs to a node's keystore, whose keys have one passphrase",
            file.path().display()
        )));
    }
    reencrypt_key_file(file, secret, passphrase, KdfParams::DEFAULT)?;
    let mut report = Report::default();
    describe(&mut report, secret);
    report
        .line("file", file.path().display().to_string())
        .line("encrypted", true);
    Ok(report)
}

/// `quids key list`. Files that are no key files are left out, unless their name says that they should be.
pub fn list(folder: &Path) -> Result<Report, CliError> {
    let (mut lines, mut objects) = (Vec::new(), Vec::new());
    for (path, file) in list_key_files(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match file {
            Ok(file) => {
                let info = file.info();
                let address = info.account.as_ref().map(eip55);
                let encrypted = if file.is_encrypted() {
                    "encrypted"
                } else {
                    "NOT ENCRYPTED"
                };
                lines.push(format!(
                    "{}  {}  {}  {encrypted}  {name}",
                    address.as_deref().unwrap_or("no account"),
                    info.algorithm,
                    info.kind.name(),
                ));
                objects.push(json!({
                    "file": name,
                    "kind": info.kind.name(),
                    "scheme": info.algorithm.name(),
                    "address": address,
                    "index": info.index,
                    "created": info.created,
                    "encrypted": file.is_encrypted(),
                }));
            }
            Err(error) if path.extension().is_some_and(|extension| extension == "json") => {
                lines.push(format!("unusable: {error}"));
                objects.push(json!({ "file": name, "error": error.to_string() }));
            }
            Err(_) => {}
        }
    }
    let mut report = Report::default();
    if lines.is_empty() {
        lines.push("none".into());
    }
    report
        .line("folder", folder.display().to_string())
        .both("keys", lines.join("\n"), Json::Array(objects));
    Ok(report)
}

/// Found here before anybody is asked for a passphrase; found for good where the file is created.
fn absent(path: &Path) -> Result<(), CliError> {
    match path.try_exists() {
        Ok(true) => Err(KeyError::Exists(path.to_owned()).into()),
        _ => Ok(()),
    }
}

fn stdin_text() -> Result<Zeroizing<String>, CliError> {
    let failed = |source| CliError::Io {
        context: "cannot read the key from stdin",
        source,
    };
    let mut text = Zeroizing::new(String::with_capacity(STDIN_BYTES_MAX as usize + 1));
    std::io::stdin()
        .take(STDIN_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > STDIN_BYTES_MAX {
        return Err(CliError::Usage(format!(
            "stdin has more than {STDIN_BYTES_MAX} bytes: no key is so long"
        )));
    }
    Ok(text)
}
