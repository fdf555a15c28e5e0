//! What was done: issued, renewed, refused, revoked. The last hundred thousand lines are kept.

use rusqlite::{Row, params};
use serde::Serialize;

use super::{Store, StoreError, Tx, integer, whole};

/// A line that is to be written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry<'a> {
    pub(crate) what: &'a str,
    pub(crate) name: &'a str,
    pub(crate) by: &'a str,
    pub(crate) address: &'a str,
    pub(crate) text: &'a str,
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalRow {
    /// Grows by one with each line.
    pub number: u64,
    /// When, seconds since 1970.
    pub at_s: u64,
    /// What was done: `issued`, `renewed`, `refused`, `revoked`, `token-created`, …
    pub what: String,
    /// Whose certificate.
    pub name: String,
    /// What was shown: `token:ID`, `ec2:ACCOUNT/INSTANCE`, `certificate:SERIAL`.
    pub by: String,
    /// From where.
    pub address: String,
    /// More.
    pub text: String,
}

impl Store {
    /// The last so many lines, the oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn journal(&self, last: u32) -> Result<Vec<JournalRow>, StoreError> {
        self.look(|connection| {
            let mut lines = connection.prepare(
                "SELECT number, at_s, what, name, by, address, text FROM
                 (SELECT * FROM journal ORDER BY number DESC LIMIT ?1) ORDER BY number",
            )?;
            let read = |row: &Row<'_>| {
                Ok(JournalRow {
                    number: whole(row, 0)?,
                    at_s: whole(row, 1)?,
                    what: row.get(2)?,
                    name: row.get(3)?,
                    by: row.get(4)?,
                    address: row.get(5)?,
                    text: row.get(6)?,
                })
            };
            lines.query_map(params![last], read)?.collect()
        })
    }

    /// Writes one line.
    pub(crate) fn note(&mut self, now_s: u64, entry: &Entry<'_>) -> Result<(), StoreError> {
        self.transaction(|tx| tx.note(now_s, entry))
    }
}

impl Tx<'_> {
    /// Writes one line.
    pub(crate) fn note(&self, now_s: u64, entry: &Entry<'_>) -> Result<(), StoreError> {
        let text = edges::text::line(entry.text, LONGEST);
        let run = || {
            self.inner.execute(
                "INSERT INTO journal (at_s, what, name, by, address, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![integer(now_s), entry.what, entry.name, entry.by, entry.address, text],
            )?;
            let number = self.inner.last_insert_rowid();
            self.inner.execute("DELETE FROM journal WHERE number <= ?1", params![number - KEPT])
        };
        run().map(drop).map_err(|error| self.wrong(error))
    }
}

/// Lines.
const KEPT: i64 = 100_000;
/// Characters.
const LONGEST: usize = 600;
