//! Finds the files and runs their cases on all cores.

use super::{
    StatetestArgs, case,
    case::Plan,
    fixture,
    report::{Case, Report, Verdict},
};
use crate::cli::CliError;
use codec::{DecodeAll, Encode};
use quids_api::{
    evm::{EvmError, Simulation, SimulationOutcome},
    names,
};
use quids_executor::{Executor, ExecutorConfig, Runtime, Session};
use quids_io::MemoryExternalities;
use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Stack of a thread that calls a runtime.
const STACK_SIZE: usize = 4 << 20;
/// Time between two lines of progress.
const LINE_PERIOD: Duration = Duration::from_secs(5);
/// What a single case may take. Only a defect takes so long.
const CASE_DEADLINE: Duration = Duration::from_secs(1800);

/// The files at `path`, sorted.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, CliError> {
    let metadata = fs::metadata(path).map_err(CliError::file("read", path))?;
    if metadata.is_file() {
        return Ok(vec![path.into()]);
    }
    let (mut folders, mut files) = (vec![path.to_path_buf()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(CliError::file("read", &folder))? {
            let entry = entry.map_err(CliError::file("read", &folder))?.path();
            // A link is followed to a file only, so there are no circles.
            if entry.is_dir() && !entry.is_symlink() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "json") {
                files.push(entry);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Runs all of them.
pub fn run(args: &StatetestArgs, files: Vec<PathBuf>) -> Result<Report, CliError> {
    let start = Instant::now();
    let runtime = load(args.runtime.as_deref())?;
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let jobs = args.jobs.map_or(cores, NonZeroUsize::get).min(files.len());
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel::<Result<Vec<Case>, CliError>>();
    let mut report = Report::new(&args.path, files.len());
    let mut failed = None;
    thread::scope(|scope| {
        for _ in 0..jobs {
            let (sender, next, files, runtime) = (sender.clone(), &next, &files, &runtime);
            let work = move || {
                let mut worker = Worker {
                    args,
                    session: match runtime.session() {
                        Ok(session) => session,
                        Err(source) => return drop(sender.send(Err(broken(source)))),
                    },
                };
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody listens any more after an error.
                    if sender.send(worker.file(file)).is_err() {
                        return;
                    }
                }
            };
            let spawned = thread::Builder::new().stack_size(STACK_SIZE).spawn_scoped(scope, work);
            if let Err(source) = spawned {
                failed = Some(CliError::Io {
                    context: "cannot start a thread",
                    source,
                });
            }
        }
        drop(sender);
        let mut last_line = Instant::now();
        let mut done = 0;
        while failed.is_none() {
            match results.recv() {
                Ok(Ok(cases)) => cases.into_iter().for_each(|case| report.add(case)),
                Ok(Err(error)) => failed = Some(error),
                Err(_) => break,
            }
            done += 1;
            if last_line.elapsed() >= LINE_PERIOD {
                eprintln!("{done} of {} files, {}", files.len(), report.counts());
                last_line = Instant::now();
            }
        }
        // A failed run ends as soon as every thread is through with its file.
        next.store(files.len(), Ordering::Relaxed);
    });
    report.seconds = start.elapsed().as_secs_f64();
    failed.map_or(Ok(report), Err)
}

fn load(path: Option<&Path>) -> Result<Arc<Runtime>, CliError> {
    let executor = Executor::new(ExecutorConfig::default()).map_err(broken)?;
    match path {
        Some(path) => {
            let code = fs::read(path).map_err(CliError::file("read", path))?;
            executor.load(&code).map_err(broken)
        }
        None if quids_runtime_wasm::WASM.is_empty() => Err(CliError::NoRuntime),
        None => executor.load(quids_runtime_wasm::WASM).map_err(broken),
    }
}

fn broken(source: quids_executor::ExecutorError) -> CliError {
    CliError::Runtime {
        source_name: "the state tests".into(),
        source,
    }
}

/// A thread's part.
struct Worker<'a> {
    args: &'a StatetestArgs,
    session: Session,
}

impl Worker<'_> {
    /// Every case of a file. A file that is no file of tests is an error: nothing goes unread.
    fn file(&mut self, path: &Path) -> Result<Vec<Case>, CliError> {
        let text = fs::read_to_string(path).map_err(CliError::file("read", path))?;
        let tests: fixture::File = serde_json::from_str(&text)
            .map_err(|error| CliError::Usage(format!("{} is no file of state tests: {error}", path.display())))?;
        let mut cases = Vec::new();
        for (name, test) in &tests {
            if self.args.name.as_ref().is_some_and(|part| !name.contains(part)) {
                continue;
            }
            for (fork, expectations) in &test.post {
                if self
                    .args
                    .fork
                    .as_ref()
                    .is_some_and(|wanted| !wanted.eq_ignore_ascii_case(fork))
                {
                    continue;
                }
                for expected in expectations {
                    cases.push(Case {
                        file: path.into(),
                        test: name.clone(),
                        fork: fork.clone(),
                        indexes: expected.indexes,
                        verdict: self.case(test, fork, expected),
                    });
                }
            }
        }
        Ok(cases)
    }

    fn case(&mut self, test: &fixture::StateTest, fork: &str, expected: &fixture::Expectation) -> Verdict {
        let failed = |(expected, found)| Verdict::Failed { expected, found };
        let Some(spec) = case::spec_of(fork) else {
            return failed(("a hard fork that is known".into(), fork.into()));
        };
        let judged = match case::plan(test, spec, expected) {
            Err(reason) => Err(("a test that can be read".into(), reason)),
            Ok(Plan::Skip(reason)) => return Verdict::Skipped(reason),
            Ok(Plan::Refused(reason)) => case::judge_refused(test, expected, &reason),
            Ok(Plan::Run(simulation)) => match self.ask(&simulation) {
                Ok(answer) => case::judge(spec, expected, &answer),
                Err(reason) => Err(("an answer".into(), reason)),
            },
        };
        judged.map_or_else(failed, |()| Verdict::Passed)
    }

    fn ask(&mut self, simulation: &Simulation) -> Result<SimulationOutcome, String> {
        let mut state = MemoryExternalities::default();
        let output = self
            .session
            .call_with_deadline(&mut state, names::QEVM_SIMULATE, &simulation.encode(), CASE_DEADLINE)
            .map_err(|error| error.to_string())?;
        <Result<SimulationOutcome, EvmError>>::decode_all(&mut output.as_slice())
            .map_err(|error| format!("the runtime's answer does not decode: {error}"))?
            .map_err(|error| format!("the simulation is refused: {}", error.message))
    }
}
