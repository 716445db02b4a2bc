//! What a shell and `man` want to know of the commands, made from their definition.

use super::{Cli, CliError, output::write_out};
use clap::CommandFactory;
use clap_complete::Shell;
use std::{fs, path::PathBuf};

/// `quids completions`.
pub fn completions(shell: Shell) {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "quids", &mut text);
    write_out(&String::from_utf8_lossy(&text));
}

/// `quids man`: the page of `quids` on stdout, or that of every command as a file of its own.
pub fn man(out: Option<PathBuf>) -> Result<(), CliError> {
    let Some(folder) = out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .map_err(|source| CliError::Io {
                context: "cannot write the manual page",
                source,
            })?;
        write_out(&String::from_utf8_lossy(&page));
        return Ok(());
    };
    fs::create_dir_all(&folder).map_err(CliError::file("create", &folder))?;
    clap_mangen::generate_to(Cli::command(), &folder).map_err(CliError::file("write", &folder))
}
