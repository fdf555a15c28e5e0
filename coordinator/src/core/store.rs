//! Where records are made durable.

use super::Record;

/// Keeps the records of one run.
pub trait Store: Send {
    /// Keeps all of these, or none: durable on return.
    ///
    /// # Errors
    /// They are not kept. Nothing that rests on them may leave the coordinator.
    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError>;

    /// This takes the place of every record that was committed so far ([`super::Core::snapshot`] is a part of it).
    ///
    /// # Errors
    /// It does not: the records are still there.
    fn checkpoint(&mut self, _octets: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }

    /// The run has its verdict: what was only kept for a restart may go.
    ///
    /// # Errors
    /// It cannot be removed.
    fn finish(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Records could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// Keeps them in memory: for tests.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    /// In the order of their commits.
    pub records: Vec<Record>,
}

impl Store for MemoryStore {
    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        self.records.extend_from_slice(records);
        Ok(())
    }
}
