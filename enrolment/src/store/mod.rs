//! What an authority knows of tokens, of what it has issued, and what it did: `enrolment-….sqlite` in its folder.
//!
//! The server and the commands of an operator share it; each change is one transaction, on disk before anything rests on it. The
//! file is of one authority: the name has the beginning of its pin.

mod identities;
mod journal;
mod tokens;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

pub use identities::IdentityRow;
pub(crate) use identities::{NamesIn, NewIdentity, Successor};
pub(crate) use journal::Entry;
pub use journal::JournalRow;
pub use tokens::{NewToken, TokenRow};

/// The store of one authority.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

/// A transaction: nothing of it is there unless it is committed.
pub(crate) struct Tx<'a> {
    pub(crate) inner: rusqlite::Transaction<'a>,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened.
    #[error("{}: {source}; {}", .path.display(), edges::files::remedy(.source))]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A newer version wrote it.
    #[error("{}: written by a newer version of roamstorm (form {form}, this one knows {FORM}); use that one", .path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its form.
        form: u32,
    },
    /// The system gives no random numbers.
    #[error("the system has no random numbers")]
    Random,
    /// It cannot be read or written.
    #[error("{}: {}", .path.display(), describe(.source))]
    Database {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
}

fn describe(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "damaged, or no store of an authority: put a copy back in its place, or move it away; then tokens have to be made anew".to_owned()
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("another process has held it for {} s: try again", BUSY.as_secs())
        }
        Some(ErrorCode::DiskFull) => "the disk is full: make room on it".to_owned(),
        _ => error.to_string(),
    }
}

impl Store {
    /// The store of the authority with this pin, in its folder; made where there is none.
    ///
    /// # Errors
    /// What is there is not ours alone, damaged, or of a newer version.
    pub fn open(folder: &Path, pin: [u8; 32]) -> Result<Self, StoreError> {
        let path = path(folder, pin);
        // With its mode, and no link in its place.
        edges::files::append(&path).map_err(|source| StoreError::Open { path: path.clone(), source })?;
        let wrong = |source| StoreError::Database { path: path.clone(), source };
        let mut connection = Connection::open(&path).map_err(wrong)?;
        connection.busy_timeout(BUSY).map_err(wrong)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(wrong)?;
        connection.pragma_update(None, "trusted_schema", "OFF").map_err(wrong)?;
        let made = connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|tx| {
            let form: u32 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if form == 0 {
                tx.execute_batch(SCHEMA)?;
                tx.pragma_update(None, "user_version", FORM)?;
                tx.commit()?;
            }
            Ok(form)
        });
        let form = made.map_err(wrong)?;
        if form > FORM {
            return Err(StoreError::Newer { path, form });
        }
        Ok(Self { connection, path })
    }

    /// Whether there is one.
    pub fn exists(folder: &Path, pin: [u8; 32]) -> bool {
        path(folder, pin).exists()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One transaction. What fails in it, leaves nothing.
    pub(crate) fn transaction<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let path = self.path.clone();
        let wrong = |source| StoreError::Database { path: path.clone(), source };
        let inner =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(wrong)?;
        let tx = Tx { inner };
        let done = work(&tx)?;
        tx.inner.commit().map_err(wrong)?;
        Ok(done)
    }

    /// Something outside of a transaction.
    pub(crate) fn look<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        work(&self.connection).map_err(|source| StoreError::Database { path: self.path.clone(), source })
    }
}

impl Tx<'_> {
    pub(crate) fn wrong(&self, source: rusqlite::Error) -> StoreError {
        let path = self.inner.path().map(PathBuf::from).unwrap_or_default();
        StoreError::Database { path, source }
    }
}

fn path(folder: &Path, pin: [u8; 32]) -> PathBuf {
    let [a, b, c, d, ..] = pin;
    folder.join(format!("enrolment-{}.sqlite", hex::encode([a, b, c, d])))
}

/// SQLite's integers are signed.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The same the other way.
pub(crate) fn natural(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

/// A column that holds a number from 0 on.
pub(crate) fn whole(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(natural)
}

const FORM: u32 = 1;
/// How long one process waits for another's transaction.
const BUSY: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE tokens (
    id TEXT PRIMARY KEY, proof BLOB NOT NULL, pool TEXT NOT NULL, name TEXT NOT NULL, uses INTEGER NOT NULL,
    used INTEGER NOT NULL DEFAULT 0, created_s INTEGER NOT NULL, expires_s INTEGER NOT NULL, revoked_s INTEGER
) STRICT;
-- What was issued, or is being issued: then it has no certificate yet. `by` is what was shown for it.
CREATE TABLE identities (
    serial BLOB PRIMARY KEY, name TEXT NOT NULL, pool TEXT NOT NULL, by TEXT NOT NULL, key BLOB NOT NULL,
    issued_s INTEGER NOT NULL, until_s INTEGER NOT NULL, address TEXT NOT NULL, origin TEXT NOT NULL, certificate TEXT
) STRICT;
CREATE INDEX identities_of_name ON identities (name);
CREATE INDEX identities_by ON identities (by, key);
CREATE TABLE instances (instance TEXT PRIMARY KEY, at_s INTEGER NOT NULL) STRICT;
CREATE TABLE revoked (name TEXT PRIMARY KEY, at_s INTEGER NOT NULL) STRICT;
CREATE TABLE journal (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at_s INTEGER NOT NULL, what TEXT NOT NULL, name TEXT NOT NULL, by TEXT NOT NULL,
    address TEXT NOT NULL, text TEXT NOT NULL
) STRICT;
";
