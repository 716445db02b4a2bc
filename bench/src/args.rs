//! Options of a benchmark: `--name value`, or `--name` alone for a switch. (`clap` belongs to the node.)

use crate::Result;
use std::{collections::BTreeMap, str::FromStr};

const SWITCHES: &[&str] = &["json", "calls", "check", "upgrades"];

/// Options by name. Each is taken by whom it is for; what is left over is an error.
#[derive(Debug, Default)]
pub struct Args(BTreeMap<String, String>);

impl Args {
    pub fn parse(words: Vec<String>) -> Result<Self> {
        let mut options = BTreeMap::new();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let name = word
                .strip_prefix("--")
                .ok_or_else(|| format!("{word:?} is no option"))?;
            let value = match SWITCHES.contains(&name) {
                true => String::new(),
                false => words.next().ok_or_else(|| format!("--{name} lacks its value"))?,
            };
            options.insert(name.to_owned(), value);
        }
        Ok(Self(options))
    }

    pub fn switch(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    pub fn text(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    pub fn value<T: FromStr>(&mut self, name: &str, default: T) -> Result<T> {
        self.0.remove(name).map_or(Ok(default), |text| parse(name, &text))
    }

    /// Values separated by commas.
    pub fn list<T: FromStr>(&mut self, name: &str, default: Vec<T>) -> Result<Vec<T>> {
        let Some(text) = self.0.remove(name) else {
            return Ok(default);
        };
        text.split(',').map(|one| parse(name, one)).collect()
    }

    /// Everything was for somebody.
    pub fn finish(self) -> Result {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("--{name} is not known here").into()),
        }
    }
}

fn parse<T: FromStr>(name: &str, text: &str) -> Result<T> {
    text.replace('_', "")
        .parse()
        .map_err(|_| format!("--{name}: {text:?} is not a valid value").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Args {
        Args::parse(text.split_whitespace().map(str::to_owned).collect()).unwrap()
    }

    #[test]
    fn options_are_taken_once_and_leftovers_are_errors() {
        let mut args = args("--accounts 10_000,5 --json --runs 3 --what else");
        assert_eq!(args.list::<usize>("accounts", vec![]).unwrap(), [10_000, 5]);
        assert!(args.switch("json") && !args.switch("json"));
        assert_eq!((args.value("runs", 7).unwrap(), args.value("runs", 7).unwrap()), (3, 7));
        assert_eq!(args.finish().unwrap_err().to_string(), "--what is not known here");
    }

    #[test]
    fn malformed_options_are_errors() {
        for words in [vec!["runs"], vec!["--runs"]] {
            assert!(Args::parse(words.into_iter().map(str::to_owned).collect()).is_err());
        }
        assert!(args("--runs many").value("runs", 7).is_err());
    }
}
