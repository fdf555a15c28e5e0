//! `journal.ndjson`: what the coordinator decided, and when.

use std::io;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::run_folder::Appender;
use crate::time::rfc3339;

/// One line for each decision, at most [`MOST_LINES`]: a peer that keeps misbehaving cannot fill the disk.
pub(crate) struct Journal {
    file: Appender,
    lines: u64,
    left_out: u64,
}

impl Journal {
    pub(crate) fn new(file: Appender) -> Self {
        Self { file, lines: 0, left_out: 0 }
    }

    /// Lines so far, and lines that there was no room for.
    pub(crate) fn lines(&self) -> (u64, u64) {
        (self.lines, self.left_out)
    }

    /// Goes on after so many.
    pub(crate) fn go_on(&mut self, (lines, left_out): (u64, u64)) {
        (self.lines, self.left_out) = (lines, left_out);
    }

    /// Writes what was decided, `run_us` µs after the start of the run (absent before it), with details.
    pub(crate) fn write(
        &mut self,
        at: SystemTime,
        decision: &str,
        run_us: Option<u64>,
        details: Value,
    ) -> io::Result<()> {
        if self.lines >= MOST_LINES {
            self.left_out += 1;
            return Ok(());
        }
        self.lines += 1;
        self.line(at, decision, run_us, details)
    }

    /// The last line is written whatever the limit.
    pub(crate) fn finish(
        &mut self,
        decision: &str,
        run_us: Option<u64>,
        mut details: Value,
    ) -> io::Result<()> {
        if let (true, Value::Object(details)) = (self.left_out > 0, &mut details) {
            details.insert("lines_left_out".to_owned(), self.left_out.into());
        }
        self.line(SystemTime::now(), decision, run_us, details)
    }

    fn line(
        &mut self,
        at: SystemTime,
        decision: &str,
        run_us: Option<u64>,
        details: Value,
    ) -> io::Result<()> {
        let mut line = Map::new();
        line.insert("at".to_owned(), rfc3339(at).into());
        line.insert("run_us".to_owned(), run_us.into());
        line.insert("decision".to_owned(), decision.into());
        if let Value::Object(details) = details {
            line.extend(details);
        }
        self.file.append(format!("{}\n", Value::Object(line)).as_bytes())
    }
}

const MOST_LINES: u64 = 100_000;
