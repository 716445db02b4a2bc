//! Commands that are programs of their own beside this binary, to which it hands over, as git does: `quids bench` is `quids-bench`,
//! `quids runtime build` is `quids-wasm-builder`.

use super::CliError;
use std::{env, ffi::OsString, process::Command};

/// Runs `quids-bench`.
pub fn run(args: Vec<OsString>) -> Result<(), CliError> {
    hand_over("quids-bench", args)
}

/// Runs a program in this process's place, or waits for it where a process cannot be replaced.
pub fn hand_over(program: &'static str, args: Vec<OsString>) -> Result<(), CliError> {
    let io = |source| CliError::Io {
        context: "cannot find this program's own path",
        source,
    };
    let name = format!("{program}{}", env::consts::EXE_SUFFIX);
    let path = env::current_exe().map_err(io)?.with_file_name(name);
    if !path.is_file() {
        return Err(CliError::NotInstalled { program, path });
    }
    let mut command = Command::new(&path);
    command.args(args);
    replace(command).map_err(CliError::file("run", path))
}

#[cfg(unix)]
fn replace(mut command: Command) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec())
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> std::io::Result<()> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1))
}
