//! What came of the cases: a table by folder, failures and skips by name.

use super::fixture::Indexes;
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// One case.
pub struct Case {
    pub file: PathBuf,
    pub test: String,
    pub fork: String,
    pub indexes: Indexes,
    pub verdict: Verdict,
}

pub enum Verdict {
    Passed,
    Failed {
        expected: String,
        found: String,
    },
    /// Why the chain has no place for it.
    Skipped(&'static str),
}

/// How many.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// All of them.
pub struct Report {
    root: PathBuf,
    files: usize,
    pub seconds: f64,
    all: Counts,
    folders: BTreeMap<String, Counts>,
    pub failures: Vec<Case>,
    skips: Vec<Case>,
}

impl Report {
    /// `root`: what the names of folders are relative to.
    pub fn new(root: &Path, files: usize) -> Self {
        Self {
            root: root.into(),
            files,
            seconds: 0.0,
            all: Counts::default(),
            folders: BTreeMap::new(),
            failures: Vec::new(),
            skips: Vec::new(),
        }
    }

    pub fn add(&mut self, case: Case) {
        let folder = case.file.parent().unwrap_or(Path::new(""));
        let folder = folder.strip_prefix(&self.root).unwrap_or(folder).display().to_string();
        let folder = self
            .folders
            .entry(if folder.is_empty() { ".".into() } else { folder })
            .or_default();
        for counts in [folder, &mut self.all] {
            match case.verdict {
                Verdict::Passed => counts.passed += 1,
                Verdict::Failed { .. } => counts.failed += 1,
                Verdict::Skipped(_) => counts.skipped += 1,
            }
        }
        match case.verdict {
            Verdict::Passed => {}
            Verdict::Failed { .. } => self.failures.push(case),
            Verdict::Skipped(_) => self.skips.push(case),
        }
    }

    pub fn counts(&self) -> Counts {
        self.all
    }

    /// For people.
    pub fn print(&self) {
        let (failures, skips) = (sorted(&self.failures), sorted(&self.skips));
        for case in failures {
            if let Verdict::Failed { expected, found } = &case.verdict {
                println!(
                    "failed   {}\n  expected {expected}\n  found    {found}",
                    self.name(case)
                );
            }
        }
        for case in skips {
            if let Verdict::Skipped(reason) = case.verdict {
                println!("skipped  {}: {reason}", self.name(case));
            }
        }
        let width = self
            .folders
            .keys()
            .map(String::len)
            .max()
            .unwrap_or(0)
            .max("folder".len());
        println!("{:width$}  passed  failed  skipped", "folder");
        for (folder, counts) in &self.folders {
            let Counts {
                passed,
                failed,
                skipped,
            } = counts;
            println!("{folder:width$}  {passed:6}  {failed:6}  {skipped:7}");
        }
        println!("{} files in {:.1} s", self.files, self.seconds);
        println!("{}", self.all);
    }

    /// For machines.
    pub fn json(&self) -> Json {
        let case = |case: &Case| {
            json!({
                "file": self.relative(case), "test": case.test, "fork": case.fork,
                "data": case.indexes.data, "gas": case.indexes.gas, "value": case.indexes.value,
            })
        };
        let failures: Vec<Json> = sorted(&self.failures)
            .into_iter()
            .map(|failed| {
                let mut object = case(failed);
                if let Verdict::Failed { expected, found } = &failed.verdict {
                    object["expected"] = json!(expected);
                    object["found"] = json!(found);
                }
                object
            })
            .collect();
        let skips: Vec<Json> = sorted(&self.skips)
            .into_iter()
            .map(|skipped| {
                let mut object = case(skipped);
                if let Verdict::Skipped(reason) = skipped.verdict {
                    object["reason"] = json!(reason);
                }
                object
            })
            .collect();
        let counts =
            |counts: &Counts| json!({ "passed": counts.passed, "failed": counts.failed, "skipped": counts.skipped });
        let folders: serde_json::Map<String, Json> = self
            .folders
            .iter()
            .map(|(folder, of)| (folder.clone(), counts(of)))
            .collect();
        let mut object = counts(&self.all);
        object["files"] = json!(self.files);
        object["seconds"] = json!(self.seconds);
        object["folders"] = Json::Object(folders);
        object["failures"] = json!(failures);
        object["skips"] = json!(skips);
        object
    }

    fn relative(&self, case: &Case) -> String {
        case.file
            .strip_prefix(&self.root)
            .unwrap_or(&case.file)
            .display()
            .to_string()
    }

    fn name(&self, case: &Case) -> String {
        let file = match self.relative(case) {
            same if same.is_empty() => case.file.display().to_string(),
            file => file,
        };
        format!("{file} {} {} {}", case.test, case.fork, case.indexes)
    }
}

/// Threads finish in any order.
fn sorted(cases: &[Case]) -> Vec<&Case> {
    let mut sorted: Vec<&Case> = cases.iter().collect();
    sorted.sort_by(|a, b| (&a.file, &a.test, &a.fork).cmp(&(&b.file, &b.test, &b.fork)));
    sorted
}
