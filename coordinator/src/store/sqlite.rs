//! `journal.sqlite`: the records of a run since its last checkpoint, and the checkpoint.
//!
//! A group of records is one row and one transaction: it is there as a whole or not at all, also after a power cut
//! (`synchronous = FULL`). A checkpoint takes the place of everything before it in one transaction, so the file is as large as
//! what happened since the last one, however long the run is. The file is locked as long as it is open: a second coordinator of the
//! same run is refused.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use edges::files;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::core::{Record, Store, StoreError};

/// See the module.
pub struct SqliteStore {
    path: PathBuf,
    connection: Connection,
}

/// What a store holds.
#[derive(Debug)]
pub struct Stored<C> {
    /// The last checkpoint.
    pub checkpoint: Option<C>,
    /// What was committed after it, in order.
    pub records: Vec<Record>,
}

impl SqliteStore {
    /// A new store for a run that nobody knows yet. `settings` is what the run was told; it does not change.
    ///
    /// # Errors
    /// There is one already, or it cannot be made.
    pub fn create(path: &Path, settings: &impl Serialize) -> Result<Self, StoreError> {
        // SQLite gives its log the mode of the file; so the file is made here, for its owner alone.
        let made = File::options().write(true).create_new(true).mode(0o600).open(path);
        made.map_err(|error| {
            StoreError(match error.kind() {
                io::ErrorKind::AlreadyExists => format!("{}: the run has a store already", path.display()),
                _ => format!("{}: {error}; {}", path.display(), files::remedy(&error)),
            })
        })?;
        let store = Self::connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
        let settings = sealed(settings)?;
        let make = || {
            store.connection.execute_batch(SCHEMA)?;
            store.connection.pragma_update(None, "user_version", FORMAT)?;
            store.connection.execute("INSERT INTO settings (one, body) VALUES (1, ?1)", params![settings])
        };
        make().map_err(|error| store.fault(&error))?;
        Ok(store)
    }

    /// The store of a run whose coordinator has died, and what the run was told.
    ///
    /// # Errors
    /// There is none, another coordinator has it, another version wrote it, or it is damaged.
    pub fn open<S: DeserializeOwned>(path: &Path) -> Result<(Self, S), StoreError> {
        if !path.exists() {
            return Err(StoreError(format!(
                "{}: there is no such file: the run has its verdict already, or it never began",
                path.display()
            )));
        }
        for suffix in ["", "-wal", "-shm"] {
            let path = with_suffix(path, suffix);
            match files::is_ours(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError(format!("{}: {error}", path.display())));
                }
                _ => {}
            }
        }
        let store = Self::connect(path, OpenFlags::empty())?;
        let format: i64 = store.read("PRAGMA user_version", |row| row.get(0))?.unwrap_or_default();
        if format != FORMAT {
            return Err(StoreError(format!(
                "{}: written by another version of roamstorm (format {format}, this one reads {FORMAT}): resume the run with that one",
                path.display()
            )));
        }
        let sound: String = store.read("PRAGMA quick_check(1)", |row| row.get(0))?.unwrap_or_default();
        if sound != "ok" {
            return Err(store.damaged(&sound));
        }
        let body: Option<Vec<u8>> = store.read("SELECT body FROM settings", |row| row.get(0))?;
        let settings =
            opened(&body.unwrap_or_default()).map_err(|what| store.damaged(&format!("settings: {what}")))?;
        Ok((store, settings))
    }

    /// Everything that a restart needs.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged: then nothing of it is used.
    pub fn load<C: DeserializeOwned>(&self) -> Result<Stored<C>, StoreError> {
        let kept: Option<(Vec<u8>, i64)> =
            self.read("SELECT body, behind FROM checkpoint", |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (body, behind) = kept.map_or((None, 0), |(body, behind)| (Some(body), behind));
        let checkpoint = body.map(|body| opened(&body)).transpose();
        let checkpoint = checkpoint.map_err(|what| self.damaged(&format!("checkpoint: {what}")))?;
        let mut records = Vec::new();
        let mut groups = self
            .connection
            .prepare("SELECT number, body FROM records ORDER BY number")
            .map_err(|e| self.fault(&e))?;
        let mut rows = groups.query([]).map_err(|error| self.fault(&error))?;
        // The first group follows the last one that the checkpoint stands for; without a checkpoint it is the first of all.
        let mut expected = behind + 1;
        while let Some(row) = rows.next().map_err(|error| self.fault(&error))? {
            let (number, body): (i64, Vec<u8>) =
                (row.get(0).map_err(|e| self.fault(&e))?, row.get(1).map_err(|e| self.fault(&e))?);
            if expected != number {
                let missing = if behind == 0 && expected == 1 { ", or the checkpoint," } else { "" };
                return Err(self.damaged(&format!(
                    "group {number} of the records follows a gap: group {expected}{missing} is missing"
                )));
            }
            expected = number + 1;
            let group: Vec<Record> =
                opened(&body).map_err(|what| self.damaged(&format!("group {number}: {what}")))?;
            records.extend(group);
        }
        // SQLite counts the groups that there ever were.
        let last: Option<i64> =
            self.read("SELECT seq FROM sqlite_sequence WHERE name = 'records'", |row| row.get(0))?;
        let last = last.unwrap_or_default();
        if expected != last + 1 {
            return Err(self.damaged(&format!("groups {expected} to {last} of the records are missing")));
        }
        Ok(Stored { checkpoint, records })
    }

    /// Octets that the file and its log take on the disk.
    pub fn octets(&self) -> u64 {
        let size =
            |suffix: &str| std::fs::metadata(with_suffix(&self.path, suffix)).map_or(0, |file| file.len());
        size("") + size("-wal")
    }

    fn connect(path: &Path, create: OpenFlags) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
        let fault = |error: &rusqlite::Error| StoreError(format!("{}: {}", path.display(), explain(error)));
        let connection = Connection::open_with_flags(path, flags).map_err(|error| fault(&error))?;
        let prepare = || {
            connection.busy_timeout(Duration::ZERO)?;
            // Before the first access: then the log needs no shared memory, and the lock is kept until the process ends.
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            // Of a new file. A group of a large fleet has a hundred KiB.
            connection.pragma_update(None, "page_size", PAGE)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "wal_autocheckpoint", LARGEST_IDLE_LOG / PAGE / 2)?;
            connection.pragma_update(None, "journal_size_limit", LARGEST_IDLE_LOG)?;
            connection.execute_batch("BEGIN IMMEDIATE; COMMIT")
        };
        prepare().map_err(|error| fault(&error))?;
        Ok(Self { path: path.to_owned(), connection })
    }

    fn read<T>(
        &self,
        query: &str,
        of: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        self.connection.query_row(query, [], of).optional().map_err(|error| self.fault(&error))
    }

    fn fault(&self, error: &rusqlite::Error) -> StoreError {
        StoreError(format!("{}: {}", self.path.display(), explain(error)))
    }

    fn damaged(&self, what: &str) -> StoreError {
        StoreError(format!(
            "{}: damaged ({what}): the run cannot be resumed; what it had written is in its folder",
            self.path.display()
        ))
    }
}

impl Store for SqliteStore {
    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let body = sealed(&records)?;
        // One statement is one transaction.
        let kept = self.connection.execute("INSERT INTO records (body) VALUES (?1)", params![body]);
        kept.map(drop).map_err(|error| self.fault(&error))
    }

    fn checkpoint(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        let replace = || {
            let transaction = self.connection.unchecked_transaction()?;
            transaction
                .execute("INSERT OR REPLACE INTO checkpoint (one, body, behind) SELECT 1, ?1, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'records'), 0)", params![octets])?;
            transaction.execute("DELETE FROM records", [])?;
            transaction.commit()
        };
        replace().map_err(|error| StoreError(format!("{}: {}", self.path.display(), explain(&error))))
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        // What is left of a removal that is cut short is no store: the file itself goes first.
        for suffix in ["", "-wal", "-shm"] {
            let path = with_suffix(&self.path, suffix);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError(format!("{}: {error}", path.display())));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A value with a checksum before it.
pub(crate) fn sealed(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    let octets = postcard::to_extend(value, vec![0; 4]).map_err(|error| StoreError(error.to_string()))?;
    let mut octets = octets;
    let checksum = crc32c::crc32c(&octets[4..]).to_be_bytes();
    octets[..4].copy_from_slice(&checksum);
    Ok(octets)
}

fn opened<T: DeserializeOwned>(octets: &[u8]) -> Result<T, String> {
    let (checksum, body) = octets.split_first_chunk::<4>().ok_or("cut short")?;
    if u32::from_be_bytes(*checksum) != crc32c::crc32c(body) {
        return Err("its checksum is wrong".to_owned());
    }
    postcard::from_bytes(body).map_err(|error| error.to_string())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What the operator can do about it.
fn explain(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another coordinator has this run: it must end first".to_owned()
        }
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            format!("damaged ({error}): the run cannot be resumed; what it had written is in its folder")
        }
        // SQLite keeps the system's reason to itself.
        Some(ErrorCode::CannotOpen) => match File::open("/dev/null") {
            Err(reason) => format!("{error}: {}", files::remedy(&reason)),
            Ok(_) => error.to_string(),
        },
        _ => error.to_string(),
    }
}

const SCHEMA: &str = "
    CREATE TABLE settings (one INTEGER PRIMARY KEY CHECK (one = 1), body BLOB NOT NULL);
    CREATE TABLE checkpoint (one INTEGER PRIMARY KEY CHECK (one = 1), body BLOB NOT NULL, behind INTEGER NOT NULL);
    CREATE TABLE records (number INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
";
/// Of the file's content. Bound to the records' encoding and that of the checkpoints: no version reads another's.
const FORMAT: i64 = 5;
/// Octets of a page.
const PAGE: i64 = 16 << 10;
/// Octets that the write-ahead log may keep on the disk when it is empty.
const LARGEST_IDLE_LOG: i64 = 16 << 20;

#[cfg(test)]
mod tests;
