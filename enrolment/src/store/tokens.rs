//! Tokens that were made.

use rusqlite::{OptionalExtension, Row, params};

use super::{Store, StoreError, Tx, integer, natural, whole};
use crate::clock::iso;
use crate::decide::Token;
use crate::store::Entry;
use crate::token::JoinToken;

/// A token that is to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The pool that it is bound to; empty for none.
    pub pool: String,
    /// The name that it gives; empty for whichever an agent wishes for.
    pub name: String,
    /// For how many agents it is good.
    pub uses: u32,
    /// Until when, seconds since 1970.
    pub expires_s: u64,
}

/// A token, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Its name; no secret.
    pub id: String,
    /// The pool that it is bound to; empty for none.
    pub pool: String,
    /// The name that it gives; empty for none.
    pub name: String,
    /// For how many agents it is good.
    pub uses: u32,
    /// How many have used it.
    pub used: u32,
    /// When it was made, seconds since 1970.
    pub created_s: u64,
    /// Until when it is good.
    pub expires_s: u64,
    /// When it was revoked.
    pub revoked_s: Option<u64>,
}

impl Store {
    /// Makes a token. It is shown once, and kept as a hash.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn create_token(
        &mut self,
        new: &NewToken,
        pin: [u8; 32],
        now_s: u64,
    ) -> Result<JoinToken, StoreError> {
        let token = JoinToken::generate(pin).ok_or(StoreError::Random)?;
        self.transaction(|tx| {
            // Those that can let nobody in any more are in nobody's way for a month.
            let forgotten = integer(now_s.saturating_sub(KEPT_S));
            let run = || {
                tx.inner.execute("DELETE FROM tokens WHERE expires_s < ?1", params![forgotten])?;
                tx.inner.execute(
                    "INSERT INTO tokens (id, proof, pool, name, uses, created_s, expires_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![token.id(), token.proof(), new.pool, new.name, new.uses, integer(now_s), integer(new.expires_s)],
                )
            };
            run().map_err(|error| tx.wrong(error))?;
            let agents = if new.uses == 1 { "agent" } else { "agents" };
            let text = format!("for {} {agents}, pool `{}`, until {}", new.uses, new.pool, iso(new.expires_s));
            tx.note(now_s, &Entry { what: "token-created", by: &format!("token:{}", token.id()), text: &text, ..Entry::default() })?;
            Ok::<_, StoreError>(())
        })?;
        Ok(token)
    }

    /// All of them, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.look(|connection| {
            let mut all = connection.prepare(
                "SELECT id, pool, name, uses, used, created_s, expires_s, revoked_s FROM tokens ORDER BY created_s DESC, id",
            )?;
            all.query_map([], row)?.collect()
        })
    }

    /// Revokes the token whose name begins so: it lets nobody in any more. Its whole name; nothing where there is none, or several.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn revoke_token(&mut self, beginning: &str, now_s: u64) -> Result<Option<String>, StoreError> {
        let of = |id: &str| id.starts_with(beginning);
        let all = self.tokens()?;
        let mut found = all.iter().filter(|token| of(&token.id));
        let (Some(token), None) = (found.next(), found.next()) else { return Ok(None) };
        let id = token.id.clone();
        self.transaction(|tx| {
            let set = "UPDATE tokens SET revoked_s = coalesce(revoked_s, ?2) WHERE id = ?1";
            tx.inner.execute(set, params![id, integer(now_s)]).map_err(|error| tx.wrong(error))?;
            tx.note(now_s, &Entry { what: "token-revoked", by: &format!("token:{id}"), ..Entry::default() })
        })?;
        Ok(Some(id))
    }
}

impl Tx<'_> {
    /// A token, and the proof of its secret.
    pub(crate) fn token(&self, id: &str) -> Result<Option<(Token, Vec<u8>)>, StoreError> {
        let read = |row: &Row<'_>| {
            let token = Token {
                pool: row.get(0)?,
                name: row.get(1)?,
                uses: row.get(2)?,
                used: row.get(3)?,
                expires_s: whole(row, 4)?,
                is_revoked: row.get::<_, Option<i64>>(5)?.is_some(),
            };
            Ok((token, row.get(6)?))
        };
        let query = "SELECT pool, name, uses, used, expires_s, revoked_s, proof FROM tokens WHERE id = ?1";
        self.inner.query_row(query, params![id], read).optional().map_err(|error| self.wrong(error))
    }

    pub(crate) fn count_use(&self, id: &str) -> Result<(), StoreError> {
        let count = "UPDATE tokens SET used = used + 1 WHERE id = ?1";
        self.inner.execute(count, params![id]).map(drop).map_err(|error| self.wrong(error))
    }
}

fn row(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow {
        id: row.get(0)?,
        pool: row.get(1)?,
        name: row.get(2)?,
        uses: row.get(3)?,
        used: row.get(4)?,
        created_s: whole(row, 5)?,
        expires_s: whole(row, 6)?,
        revoked_s: row.get::<_, Option<i64>>(7)?.map(natural),
    })
}

/// So long a token stays in lists after its end.
const KEPT_S: u64 = 30 * 24 * 3600;
