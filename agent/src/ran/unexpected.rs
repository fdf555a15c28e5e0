//! What came that was not expected or not understood, by kind, until it is reported.

use std::collections::BTreeMap;

/// Counts by kind. Kinds may come from what a peer sends: bounded, and still counted.
#[derive(Default)]
pub(crate) struct Unexpected(BTreeMap<String, u64>);

impl Unexpected {
    pub(crate) fn count(&mut self, kind: &str) {
        if let Some(count) = self.0.get_mut(kind) {
            *count += 1;
        } else {
            let kind = if self.0.len() < DISTINCT_LIMIT { kind } else { "other" };
            *self.0.entry(kind.to_owned()).or_insert(0) += 1;
        }
    }

    pub(crate) fn take(&mut self) -> impl Iterator<Item = (String, u64)> {
        std::mem::take(&mut self.0).into_iter()
    }
}

const DISTINCT_LIMIT: usize = 256;
