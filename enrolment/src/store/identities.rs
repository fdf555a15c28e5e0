//! What was issued, and who was revoked.

use rusqlite::{OptionalExtension, Row, params};

use super::{Store, StoreError, Tx, integer, natural, whole};
use crate::decide::{Names, Prior, Shown};

/// What is being issued.
pub(crate) struct NewIdentity<'a> {
    pub(crate) serial: &'a [u8],
    pub(crate) name: &'a str,
    pub(crate) pool: &'a str,
    /// What was shown for it: `token:ID`, `ec2:ACCOUNT/INSTANCE`, `certificate:SERIAL`.
    pub(crate) by: &'a str,
    /// By what the first of its name came in.
    pub(crate) origin: &'a str,
    pub(crate) key: &'a [u8],
    pub(crate) issued_s: u64,
    pub(crate) until_s: u64,
    pub(crate) address: &'a str,
}

/// What was issued before for the same, to the same key.
#[derive(Clone, Debug)]
pub(crate) struct Successor {
    pub(crate) serial: Vec<u8>,
    pub(crate) prior: Prior,
    pub(crate) pool: String,
    pub(crate) issued_s: u64,
    /// Nothing where it was never signed.
    pub(crate) certificate: Option<String>,
}

/// An agent's identity, for a list: the newest certificate of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    /// Its name.
    pub name: String,
    /// Its pool; empty for none in particular.
    pub pool: String,
    /// By what it came in: `token:ID` or `ec2:ACCOUNT/INSTANCE`.
    pub origin: String,
    /// From where it asked last.
    pub address: String,
    /// When it was issued last, seconds since 1970.
    pub issued_s: u64,
    /// Until when that is valid.
    pub until_s: u64,
    /// How many certificates it had.
    pub certificates: u64,
    /// When it was revoked.
    pub revoked_s: Option<u64>,
}

impl Store {
    /// Every identity that is valid, was so until a few days ago, or is revoked; by name.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn identities(&self) -> Result<Vec<IdentityRow>, StoreError> {
        self.look(|connection| {
            let mut all = connection.prepare(
                "SELECT i.name, i.pool, i.origin, i.address, i.issued_s, max(i.until_s), count(*), r.at_s
                 FROM identities i LEFT JOIN revoked r ON r.name = i.name GROUP BY i.name ORDER BY i.name",
            )?;
            let read = |row: &Row<'_>| {
                Ok(IdentityRow {
                    name: row.get(0)?,
                    pool: row.get(1)?,
                    origin: row.get(2)?,
                    address: row.get(3)?,
                    issued_s: whole(row, 4)?,
                    until_s: whole(row, 5)?,
                    certificates: whole(row, 6)?,
                    revoked_s: row.get::<_, Option<i64>>(7)?.map(natural),
                })
            };
            all.query_map([], read)?.collect()
        })
    }
}

impl Tx<'_> {
    /// What was issued for this to this key, the newest of it.
    pub(crate) fn successor(&self, by: &str, key: &[u8]) -> Result<Option<Successor>, StoreError> {
        let query = "SELECT serial, name, until_s, pool, issued_s, certificate FROM identities WHERE by = ?1 AND key = ?2
                     ORDER BY until_s DESC LIMIT 1";
        let read = |row: &Row<'_>| {
            Ok(Successor {
                serial: row.get(0)?,
                prior: Prior { name: row.get(1)?, until_s: whole(row, 2)? },
                pool: row.get(3)?,
                issued_s: whole(row, 4)?,
                certificate: row.get(5)?,
            })
        };
        self.inner.query_row(query, params![by, key], read).optional().map_err(|error| self.wrong(error))
    }

    /// A certificate that was issued here, by its serial number, and by what its name came in. `key` wants to renew it.
    pub(crate) fn shown(
        &self,
        serial: &[u8],
        by: &str,
        key: &[u8],
    ) -> Result<Option<(Shown, String)>, StoreError> {
        let query = "SELECT name, pool, issued_s, until_s, origin, EXISTS (SELECT 1 FROM identities o WHERE o.by = ?2 AND o.key <> ?3)
                     FROM identities WHERE serial = ?1";
        let read = |row: &Row<'_>| {
            let shown = Shown {
                name: row.get(0)?,
                pool: row.get(1)?,
                issued_s: whole(row, 2)?,
                until_s: whole(row, 3)?,
                was_renewed_elsewhere: row.get(5)?,
            };
            Ok((shown, row.get(4)?))
        };
        let found = self.inner.query_row(query, params![serial, by, key], read);
        found.optional().map_err(|error| self.wrong(error))
    }

    pub(crate) fn insert(&self, new: &NewIdentity<'_>) -> Result<(), StoreError> {
        let run = || {
            // Who was valid a week ago cannot be connected any more.
            let forgotten = integer(new.issued_s.saturating_sub(KEPT_S));
            self.inner.execute("DELETE FROM identities WHERE until_s < ?1", params![forgotten])?;
            self.inner.execute(
                "INSERT INTO identities (serial, name, pool, by, origin, key, issued_s, until_s, address)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    new.serial,
                    new.name,
                    new.pool,
                    new.by,
                    new.origin,
                    new.key,
                    integer(new.issued_s),
                    integer(new.until_s),
                    new.address
                ],
            )
        };
        run().map(drop).map_err(|error| self.wrong(error))
    }

    pub(crate) fn keep_certificate(&self, serial: &[u8], certificate: &str) -> Result<(), StoreError> {
        let set = "UPDATE identities SET certificate = ?2 WHERE serial = ?1";
        self.inner.execute(set, params![serial, certificate]).map(drop).map_err(|error| self.wrong(error))
    }

    /// Whether this instance has enrolled.
    pub(crate) fn has_enrolled(&self, instance: &str) -> Result<bool, StoreError> {
        let query = "SELECT EXISTS (SELECT 1 FROM instances WHERE instance = ?1)";
        self.inner.query_row(query, params![instance], |row| row.get(0)).map_err(|error| self.wrong(error))
    }

    pub(crate) fn enrolled(&self, instance: &str, now_s: u64) -> Result<(), StoreError> {
        let insert = "INSERT OR IGNORE INTO instances (instance, at_s) VALUES (?1, ?2)";
        self.inner
            .execute(insert, params![instance, integer(now_s)])
            .map(drop)
            .map_err(|error| self.wrong(error))
    }

    /// Revokes a name, for good; the serial numbers of all that was issued to it.
    pub(crate) fn revoke(&self, name: &str, now_s: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let run = || {
            self.inner.execute(
                "INSERT OR IGNORE INTO revoked (name, at_s) VALUES (?1, ?2)",
                params![name, integer(now_s)],
            )?;
            let mut serials = self.inner.prepare("SELECT serial FROM identities WHERE name = ?1")?;
            serials.query_map(params![name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()
        };
        run().map_err(|error| self.wrong(error))
    }

    /// Whether this name was revoked.
    pub(crate) fn is_revoked(&self, name: &str) -> Result<bool, StoreError> {
        let query = "SELECT EXISTS (SELECT 1 FROM revoked WHERE name = ?1)";
        self.inner.query_row(query, params![name], |row| row.get(0)).map_err(|error| self.wrong(error))
    }

    /// Whether anything was issued to this name.
    pub(crate) fn knows(&self, name: &str) -> Result<bool, StoreError> {
        let query = "SELECT EXISTS (SELECT 1 FROM identities WHERE name = ?1)";
        self.inner.query_row(query, params![name], |row| row.get(0)).map_err(|error| self.wrong(error))
    }

    /// The name of the certificate with this serial number.
    pub(crate) fn name_of(&self, serial: &[u8]) -> Result<Option<String>, StoreError> {
        let query = "SELECT name FROM identities WHERE serial = ?1";
        self.inner
            .query_row(query, params![serial], |row| row.get(0))
            .optional()
            .map_err(|error| self.wrong(error))
    }

    /// The names that came in by this token.
    pub(crate) fn names_by(&self, origin: &str) -> Result<Vec<String>, StoreError> {
        let run = || {
            let mut names =
                self.inner.prepare("SELECT DISTINCT name FROM identities WHERE origin = ?1 ORDER BY name")?;
            names.query_map(params![origin], |row| row.get(0))?.collect::<rusqlite::Result<_>>()
        };
        run().map_err(|error| self.wrong(error))
    }

    fn is(&self, query: &str, name: &str, now_s: u64) -> bool {
        // What cannot be looked up is nobody's to have.
        self.inner.query_row(query, params![name, integer(now_s)], |row| row.get(0)).unwrap_or(true)
    }
}

/// Who has a name, in one transaction.
pub(crate) struct NamesIn<'a, 'b> {
    pub(crate) tx: &'a Tx<'b>,
    pub(crate) now_s: u64,
    /// Names that others than the store know of.
    pub(crate) others: &'a dyn Fn(&str) -> bool,
}

impl Names for NamesIn<'_, '_> {
    fn is_taken(&mut self, name: &str) -> bool {
        let query = "SELECT EXISTS (SELECT 1 FROM identities WHERE name = ?1 AND until_s > ?2)
                     OR EXISTS (SELECT 1 FROM revoked WHERE name = ?1)";
        (self.others)(name) || self.tx.is(query, name, self.now_s)
    }

    fn is_revoked(&mut self, name: &str) -> bool {
        // What cannot be looked up is nobody's to have.
        self.tx.is_revoked(name).unwrap_or(true)
    }
}

/// So long a certificate is remembered after its end: a connection on which it was shown outlives it by a day at most.
const KEPT_S: u64 = 7 * 24 * 3600;
