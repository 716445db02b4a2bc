//! How far a long command is: a bar on a terminal, a line now and then elsewhere; on stderr.

use indicatif::{ProgressBar, ProgressStyle};
use quids_core::Height;
use std::{
    fmt,
    io::IsTerminal,
    time::{Duration, Instant},
};

/// Time between two lines where there is no terminal.
const LINE_PERIOD: Duration = Duration::from_secs(5);

pub struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl Progress {
    /// `length` 0: not known yet.
    pub fn new(what: &'static str, length: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            // UNWRAP: the template is a constant, and a test draws it.
            let style = ProgressStyle::with_template(TEMPLATE).expect("the template is right");
            ProgressBar::new(length).with_style(style).with_message(what)
        });
        Self {
            what,
            bar,
            last_line: Instant::now(),
        }
    }

    pub fn set_length(&mut self, length: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(length);
        }
    }

    /// One more, at this height.
    pub fn step(&mut self, height: Height) {
        let done = self.bar.as_ref().map_or(0, |bar| bar.position() + 1);
        self.to(done, format_args!("up to block {height}"));
    }

    /// So many entries are done, the last in this column.
    pub fn entries(&mut self, column: &str, entries: u64) {
        self.to(entries, format_args!("{entries} entries, now those of {column}"));
    }

    /// So many entries of a state are done.
    pub fn state_entries(&mut self, entries: u64) {
        self.to(entries, format_args!("{entries} entries"));
    }

    /// So many bytes of a file are done.
    pub fn bytes(&mut self, bytes: u64) {
        self.to(bytes, format_args!("{bytes} bytes"));
    }

    /// Got to this height.
    pub fn at(&mut self, height: Height) {
        self.to(u64::from(height.0), format_args!("up to block {height}"));
    }

    fn to(&mut self, position: u64, text: fmt::Arguments<'_>) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        } else if self.last_line.elapsed() >= LINE_PERIOD {
            eprintln!("{} {text}", self.what);
            self.last_line = Instant::now();
        }
    }

    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.abandon();
        }
    }
}

const TEMPLATE: &str = "{msg} {wide_bar} {pos}/{len}  {per_sec}  {eta} left";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_right() {
        ProgressStyle::with_template(TEMPLATE).unwrap();
    }
}
