//! How far a long command is: a bar on a terminal, a line now and then elsewhere; on stderr.

use indicatif::{ProgressBar, ProgressStyle};
use quids_core::Height;
use std::{
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
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
        self.line(height);
    }

    /// Got to this height.
    pub fn at(&mut self, height: Height) {
        if let Some(bar) = &self.bar {
            bar.set_position(u64::from(height.0));
        }
        self.line(height);
    }

    /// So many entries are done, the last in this column.
    pub fn entries(&mut self, column: &str, entries: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(entries);
        } else if self.last_line.elapsed() >= LINE_PERIOD {
            eprintln!("{} {entries} entries, now those of {column}", self.what);
            self.last_line = Instant::now();
        }
    }

    /// So many bytes of a file are done.
    pub fn bytes(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        } else if self.last_line.elapsed() >= LINE_PERIOD {
            eprintln!("{} {bytes} bytes", self.what);
            self.last_line = Instant::now();
        }
    }

    fn line(&mut self, height: Height) {
        if self.bar.is_none() && self.last_line.elapsed() >= LINE_PERIOD {
            eprintln!("{} up to block {height}", self.what);
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
