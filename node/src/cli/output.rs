//! How results are printed: aligned lines for people, or one JSON object.

use super::{CliError, Token};
use quids_core::Balance;
use serde_json::{Map, Value as Json};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Fields of events that hold plank.
const AMOUNT_FIELDS: [&str; 8] = [
    "amount",
    "actual_fee",
    "tip",
    "free",
    "free_balance",
    "value",
    "new_free",
    "fee",
];

/// Lines of a result, in order: a label, its text for people, and its value in JSON.
#[derive(Default)]
pub struct Report {
    lines: Vec<(&'static str, String)>,
    object: Map<String, Json>,
}

impl Report {
    /// Adds a value that reads the same both ways. The JSON key is the label with underscores.
    pub fn line(&mut self, label: &'static str, value: impl Into<Json>) -> &mut Self {
        let value = value.into();
        let text = match &value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.both(label, text, value)
    }

    /// Adds a value that is written otherwise for people.
    pub fn both(&mut self, label: &'static str, text: impl Into<String>, value: impl Into<Json>) -> &mut Self {
        self.lines.push((label, text.into()));
        self.json(&label.replace(' ', "_"), value)
    }

    /// Adds a value to the JSON alone.
    pub fn json(&mut self, key: &str, value: impl Into<Json>) -> &mut Self {
        self.object.insert(key.into(), value.into());
        self
    }

    /// The text for people: labels in a column, further lines of a text below its first.
    pub fn text(&self) -> String {
        let width = self.lines.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        let mut out = String::new();
        for (label, text) in &self.lines {
            let mut label = *label;
            for line in text.split('\n') {
                out.push_str(format!("{label:width$}  {line}").trim_end());
                out.push('\n');
                label = "";
            }
        }
        out
    }

    /// Prints to stdout. A closed pipe is no error: who closed it has seen enough.
    pub fn print(&self, json: bool) {
        let text = if json {
            format!("{:#}\n", Json::Object(self.object.clone()))
        } else {
            self.text()
        };
        write_out(&text);
    }
}

/// Writes text to stdout. A closed pipe is no error here either.
pub fn write_out(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// The fields of an event or of an error in one line: `from: 0x…, amount: 1.5 QDS`.
pub fn fields_text(fields: &Json, token: &Token) -> String {
    match fields {
        Json::Object(fields) => {
            let field = |(name, value): (&String, &Json)| format!("{name}: {}", field_text(name, value, token));
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
        Json::Null => String::new(),
        other => value_text(other, token),
    }
}

fn field_text(name: &str, value: &Json, token: &Token) -> String {
    match value {
        Json::String(digits) if AMOUNT_FIELDS.contains(&name) => digits
            .parse()
            .map_or_else(|_| digits.clone(), |plank| token.show(Balance(plank))),
        other => value_text(other, token),
    }
}

fn value_text(value: &Json, token: &Token) -> String {
    match value {
        Json::Object(_) => format!("{{ {} }}", fields_text(value, token)),
        Json::Array(items) => {
            let items = items.iter().map(|item| value_text(item, token));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        Json::String(text) => text.clone(),
        Json::Null => "none".into(),
        other => other.to_string(),
    }
}

/// `0x` and hexadecimal digits.
pub fn hex0x(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// Makes a file that was not there. It has its name once it is whole and on disk, until then that of `path.part`, which
/// is removed if `write` fails.
pub fn write_new<T, E>(path: &Path, write: impl FnOnce(&mut File) -> Result<T, E>) -> Result<T, CliError>
where
    CliError: From<E>,
{
    let part = part_of(path)?;
    let mut file = File::create(&part).map_err(CliError::file("create", &part))?;
    let written = publish(path, &part, &mut file, write);
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

/// The same for what takes long: `path.part` stays if `write` fails, unless it is empty, and `write` gets it as the time
/// before left it.
pub fn write_resumable<T, E>(path: &Path, write: impl FnOnce(&mut File) -> Result<T, E>) -> Result<T, CliError>
where
    CliError: From<E>,
{
    let part = part_of(path)?;
    let mut options = File::options();
    let opened = options.read(true).write(true).create(true).truncate(false).open(&part);
    let mut file = opened.map_err(CliError::file("open", &part))?;
    publish(path, &part, &mut file, write).map_err(|error| {
        if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            let _ = fs::remove_file(&part);
            return error;
        }
        CliError::Unfinished {
            part,
            source: Box::new(error),
        }
    })
}

/// What a file is called until it is whole. The file itself may not be there.
fn part_of(path: &Path) -> Result<PathBuf, CliError> {
    if path.symlink_metadata().is_ok() {
        return Err(CliError::file("create", path)(io::ErrorKind::AlreadyExists.into()));
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    Ok(part.into())
}

fn publish<T, E>(
    path: &Path,
    part: &Path,
    file: &mut File,
    write: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<T, CliError>
where
    CliError: From<E>,
{
    let written = write(file)?;
    let published = file.sync_all().and_then(|()| fs::rename(part, path));
    published.map_err(CliError::file("write", path))?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Read;

    #[test]
    fn a_report_is_aligned_for_people_and_an_object_for_programs() {
        let mut report = Report::default();
        report
            .line("block", "0x12")
            .line("index", 3)
            .both("fee paid", "1 QDS", "1000")
            .json("success", true);
        report.both("events", "a\nb", json!([]));
        assert_eq!(
            report.text(),
            "block     0x12\nindex     3\nfee paid  1 QDS\nevents    a\n          b\n"
        );
        let object = json!({ "block": "0x12", "index": 3, "fee_paid": "1000", "success": true, "events": [] });
        assert_eq!(Json::Object(report.object), object);
    }

    #[test]
    fn amounts_in_events_are_written_in_qds() {
        let fields = json!({ "who": "0xAb", "amount": "1500000000000000000", "n": "7", "limit": null });
        let mut parts: Vec<_> = fields_text(&fields, &Token::default())
            .split(", ")
            .map(str::to_owned)
            .collect();
        parts.sort();
        assert_eq!(parts, ["amount: 1.5 QDS", "limit: none", "n: 7", "who: 0xAb"]);
        assert_eq!(
            fields_text(&json!({ "result": { "Err": "BadOrigin" } }), &Token::default()),
            "result: { Err: BadOrigin }"
        );
        assert_eq!(fields_text(&Json::Null, &Token::default()), "");
    }

    #[test]
    fn a_new_file_has_its_name_when_it_is_whole_and_leaves_nothing_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let names = || -> Vec<_> {
            let entries = fs::read_dir(folder.path()).unwrap();
            entries.map(|entry| entry.unwrap().file_name()).collect()
        };
        let failed = write_new(&path, |file| {
            file.write_all(b"ha").unwrap();
            assert_eq!(names(), ["file.part"]);
            Err::<(), _>(CliError::PassphrasesDiffer)
        });
        assert!(matches!(failed, Err(CliError::PassphrasesDiffer)) && names().is_empty());
        write_new(&path, |file| {
            file.write_all(b"whole").map_err(CliError::file("write", &path))
        })
        .unwrap();
        assert_eq!(
            (names(), fs::read(&path).unwrap()),
            (vec!["file".into()], b"whole".to_vec())
        );
        let again = write_new(&path, |_| Ok::<_, CliError>(())).unwrap_err();
        assert!(again.to_string().contains("cannot create"), "{again}");
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_resumable_file_stays_until_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (path, part) = (folder.path().join("file"), folder.path().join("file.part"));
        let written = |text: &'static [u8], whole: bool| {
            write_resumable(&path, |file| {
                let mut there = Vec::new();
                file.read_to_end(&mut there).unwrap();
                file.write_all(text).unwrap();
                whole.then_some(there).ok_or(CliError::PassphrasesDiffer)
            })
        };
        assert!(matches!(written(b"", false), Err(CliError::PassphrasesDiffer)));
        assert!(!part.exists(), "an empty file stays");
        for (text, there) in [(b"be", "be"), (b"gu", "begu")] {
            let error = written(text, false).unwrap_err();
            assert!(error.to_string().contains("file.part stays unfinished"), "{error}");
            assert_eq!(fs::read(&part).unwrap(), there.as_bytes());
        }
        assert_eq!(written(b"n", true).unwrap(), b"begu");
        assert_eq!(fs::read(&path).unwrap(), b"begun");
        assert!(!part.exists());
        let again = written(b"", true).unwrap_err();
        assert!(again.to_string().contains("cannot create"), "{again}");
        assert!(!part.exists());
    }
}
