//! Where options come from: command line over environment over file over defaults. Every source is parsed by the same
//! clap definition, so that each accepts and refuses the same.

use super::{CliError, options::RunOptions};
use clap::{ArgAction, Args, Command, FromArgMatches};
use serde_json::{Map, Value};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

/// The largest configuration file.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Options of which one source names one only: a higher source's choice takes the lower one's away.
const ALTERNATIVES: [[&str; 2]; 2] = [["chain", "dev"], ["base-path", "tmp"]];

/// The options in force. `env` gives the value of an environment variable.
pub fn resolve(
    command_line: &RunOptions,
    env: impl Fn(&str) -> Option<String>,
    file: Option<&Path>,
) -> Result<RunOptions, CliError> {
    let mut merged = object(&RunOptions::defaults());
    let from_env = file.is_none().then(|| env("QUIDS_CONFIG")).flatten().map(PathBuf::from);
    if let Some(path) = file.or(from_env.as_deref()) {
        put_over(&mut merged, &object(&of_file(path)?));
    }
    put_over(&mut merged, &object(&of_environment(env)?));
    put_over(&mut merged, &object(command_line));
    serde_json::from_value(Value::Object(merged)).map_err(|error| CliError::Usage(error.to_string()))
}

/// The options as TOML, one a line.
pub fn to_toml(options: &RunOptions) -> String {
    // JSON writes text, numbers and truth values as TOML does.
    let line = |(key, value): (&String, &Value)| format!("{key} = {value}\n");
    object(options).iter().map(line).collect()
}

/// The options as JSON.
pub fn object(options: &RunOptions) -> Map<String, Value> {
    match serde_json::to_value(options) {
        Ok(Value::Object(map)) => map,
        // UNWRAP: a struct of text, numbers and paths is an object; a path that is no UTF-8 has been refused by then.
        other => panic!("options are an object: {other:?}"),
    }
}

fn put_over(lower: &mut Map<String, Value>, upper: &Map<String, Value>) {
    for [one, other] in ALTERNATIVES {
        for (set, unset) in [(one, other), (other, one)] {
            if upper.get(set).is_some_and(|value| *value != Value::Bool(false)) {
                lower.remove(unset);
            }
        }
    }
    lower.extend(upper.iter().map(|(key, value)| (key.clone(), value.clone())));
}

/// A command of these options alone, whose arguments are `--key=value`.
fn command() -> Command {
    RunOptions::augment_args(Command::new("options").no_binary_name(true).disable_help_flag(true))
}

/// All keys, and whether each is a truth value.
fn keys() -> Vec<(String, bool)> {
    let command = command();
    let arguments = command.get_arguments();
    let key = |argument: &clap::Arg| {
        let is_flag = argument.is_require_equals_set() || matches!(argument.get_action(), ArgAction::SetTrue);
        Some((argument.get_long()?.to_owned(), is_flag))
    };
    arguments.filter_map(key).collect()
}

/// Parses `--key=value` arguments of a source.
fn parse(source: &str, arguments: &[String]) -> Result<RunOptions, CliError> {
    let refused = |error: clap::Error| {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        // What follows are usage lines of a command that nobody typed.
        let reason = text
            .split("\n\nUsage")
            .next()
            .unwrap_or(text)
            .split("\n\nFor more")
            .next();
        CliError::Usage(format!("{source}: {}", reason.unwrap_or(text).trim()))
    };
    let matches = command().try_get_matches_from(arguments).map_err(refused)?;
    RunOptions::from_arg_matches(&matches).map_err(refused)
}

/// `rpc-port` is `QUIDS_RPC_PORT`.
fn of_environment(env: impl Fn(&str) -> Option<String>) -> Result<RunOptions, CliError> {
    let argument = |(key, is_flag): (String, bool)| {
        let variable = format!("QUIDS_{}", key.to_uppercase().replace('-', "_"));
        let value = env(&variable)?;
        let value = match value.as_str() {
            "1" if is_flag => "true",
            "0" if is_flag => "false",
            other => other,
        };
        Some(format!("--{key}={value}"))
    };
    let arguments: Vec<_> = keys().into_iter().filter_map(argument).collect();
    parse("the environment (QUIDS_… variables)", &arguments)
}

fn of_file(path: &Path) -> Result<RunOptions, CliError> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(CliError::file("read", path))?;
    let wrong = |reason: String| CliError::Usage(format!("configuration file {}: {reason}", path.display()));
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(wrong(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    let table: toml::Table = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let keys = keys();
    let mut arguments = Vec::new();
    for (key, value) in &table {
        if !keys.iter().any(|(known, _)| known == key) {
            let nearest = keys.iter().min_by_key(|(known, _)| distance(known, key));
            let nearest = nearest.map(|(known, _)| known.as_str()).unwrap_or_default();
            return Err(wrong(format!(
                "unknown key {key:?}; the nearest is {nearest:?}, and `quids run --print-config` prints them"
            )));
        }
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            other => {
                return Err(wrong(format!(
                    "{key} is of type {}; text, a whole number or true and false are understood",
                    other.type_str()
                )));
            }
        };
        arguments.push(format!("--{key}={text}"));
    }
    parse(&format!("configuration file {}", path.display()), &arguments)
}

/// How many letters have to be put in, taken out or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = *cell;
            left = replaced.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::SealingKind;

    fn cli(arguments: &str) -> RunOptions {
        let arguments: Vec<_> = arguments.split_whitespace().map(str::to_owned).collect();
        parse("test", &arguments).unwrap()
    }

    #[test]
    fn each_source_wins_over_those_below() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quids.toml");
        fs::write(
            &path,
            "rpc-port = 1\nlog = \"file\"\nname = \"file\"\ntmp = true\ndev = true\n",
        )
        .unwrap();
        let env = |variable: &str| match variable {
            "QUIDS_RPC_PORT" => Some("2".into()),
            "QUIDS_LOG" => Some("env".into()),
            "QUIDS_CHAIN" => Some("local".into()),
            _ => None,
        };
        let options = resolve(&cli("--rpc-port 3 --base-path /x"), env, Some(&path)).unwrap();
        assert_eq!(options.rpc_port, Some(3), "command line");
        assert_eq!(options.log.as_deref(), Some("env"), "environment");
        assert_eq!(options.name.as_deref(), Some("file"), "file");
        assert_eq!(options.sealing, Some(SealingKind::Interval), "default");
        // One of two alternatives takes the other away.
        assert_eq!((options.chain.as_deref(), options.dev), (Some("local"), None));
        assert_eq!((options.tmp, options.base_path), (None, Some("/x".into())));
        // A flag can be taken back.
        let options = resolve(&cli("--tmp=false"), |_| None, Some(&path)).unwrap();
        assert_eq!(options.tmp, Some(false));
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quids.toml");
        let first = resolve(
            &cli("--dev --name a\"b\\c --rpc-rate-limit-per-second 7 --tmp"),
            |_| None,
            None,
        )
        .unwrap();
        fs::write(&path, to_toml(&first)).unwrap();
        assert_eq!(resolve(&RunOptions::default(), |_| None, Some(&path)).unwrap(), first);
    }

    #[test]
    fn mistakes_in_a_file_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quids.toml");
        for (text, said) in [
            ("rpc-prot = 1", "unknown key \"rpc-prot\"; the nearest is \"rpc-port\""),
            ("[rpc]\nport = 1", "unknown key \"rpc\""),
            ("rpc-port = 70000", "70000"),
            ("block-time = 0", "block-time"),
            ("sealing = \"never\"", "never"),
            ("rpc-port = 1.5", "of type float"),
            ("dev = \"perhaps\"", "perhaps"),
            ("dev = true\nchain = \"x\"", "cannot be used with"),
            ("rpc-port = ", "line 1"),
        ] {
            fs::write(&path, text).unwrap();
            let error = resolve(&RunOptions::default(), |_| None, Some(&path))
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("quids.toml") && error.contains(said),
                "{text:?}: {error}"
            );
        }
        let error = resolve(
            &RunOptions::default(),
            |name| (name == "QUIDS_DEV").then(|| "x".into()),
            None,
        );
        assert!(error.unwrap_err().to_string().contains("the environment"));
    }

    #[test]
    fn distance_counts_letters() {
        for (a, b, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("rpc-port", "rpc-prot", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }
}
