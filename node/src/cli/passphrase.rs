//! Where the CLI takes passphrases from: a file, the environment, or the person at the terminal, in this order.

use super::CliError;
use clap::Args;
use quids_keystore::{KeyFile, PASSPHRASE_VARIABLE, Passphrase};
use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// As `QUIDS_PASSPHRASE`, for what a key file is encrypted with anew.
const NEW_PASSPHRASE_VARIABLE: &str = "QUIDS_NEW_PASSPHRASE";

/// The passphrase of key files.
#[derive(Args, Clone, Debug, Default)]
pub struct PassphraseArgs {
    /// Take the passphrase of key files from this file's only line. Otherwise it is that of the environment variable
    /// QUIDS_PASSPHRASE, or asked for at the terminal
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// The passphrase that a key file gets instead of the one it has.
#[derive(Args, Clone, Debug, Default)]
pub struct NewPassphraseArgs {
    /// Take the new passphrase from this file's only line. Otherwise it is that of the environment variable
    /// QUIDS_NEW_PASSPHRASE
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// What unlocks a key file: nothing for one in the clear, about which it warns.
    pub fn unlock(&self, file: &KeyFile) -> Result<Option<Passphrase>, CliError> {
        let path = file.path();
        if !file.is_encrypted() {
            let shown = path.display();
            eprintln!("warning: key file {shown} is not encrypted; to encrypt it: quids key encrypt {shown}");
            return Ok(None);
        }
        let ask = || prompt(&format!("passphrase of {}: ", path.display()));
        found(self.passphrase_file.as_deref(), PASSPHRASE_VARIABLE)?
            .map_or_else(|| ask_or_fail(&path.display().to_string(), ask), Ok)
            .map(Some)
    }

    /// What will protect a new key file; asked for twice.
    pub fn choose(&self, path: &Path) -> Result<Passphrase, CliError> {
        found(self.passphrase_file.as_deref(), PASSPHRASE_VARIABLE)?
            .map_or_else(
                || ask_or_fail(&format!("the new {}", path.display()), || prompt_twice(path)),
                Ok,
            )?
            .check_new()
            .map_err(Into::into)
    }
}

impl NewPassphraseArgs {
    /// The passphrase of file or environment, if one of them gives any.
    pub fn given(&self) -> Result<Option<Passphrase>, CliError> {
        let given = found(self.new_passphrase_file.as_deref(), NEW_PASSPHRASE_VARIABLE)?;
        Ok(given.map(Passphrase::check_new).transpose()?)
    }

    /// As [`Self::given`], or asked for twice.
    pub fn choose(&self, path: &Path) -> Result<Passphrase, CliError> {
        match self.given()? {
            Some(passphrase) => Ok(passphrase),
            None if stdin().is_terminal() => Ok(prompt_twice(path)?.check_new()?),
            None => Err(CliError::NoNewPassphrase(path.to_owned())),
        }
    }
}

fn found(file: Option<&Path>, variable: &str) -> Result<Option<Passphrase>, CliError> {
    match file {
        Some(file) => Ok(Some(Passphrase::from_file(file)?)),
        None => Ok(Passphrase::from_env(variable)?),
    }
}

fn ask_or_fail(what: &str, ask: impl FnOnce() -> Result<Passphrase, CliError>) -> Result<Passphrase, CliError> {
    if stdin().is_terminal() {
        ask()
    } else {
        Err(CliError::NoPassphrase(what.to_owned()))
    }
}

fn prompt(text: &str) -> Result<Passphrase, CliError> {
    let typed = rpassword::prompt_password(text).map_err(|source| CliError::Io {
        context: "cannot ask for the passphrase",
        source,
    })?;
    Ok(Passphrase::new(Zeroizing::new(typed))?)
}

fn prompt_twice(path: &Path) -> Result<Passphrase, CliError> {
    let first = prompt(&format!("new passphrase of {}: ", path.display()))?.check_new()?;
    if prompt("the same again: ")? != first {
        return Err(CliError::PassphrasesDiffer);
    }
    Ok(first)
}
