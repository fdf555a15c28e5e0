//! What has come from the last holder of a shard, until the shard begins.

use std::collections::BTreeSet;

use crate::transfer::{AdoptError, Task};

#[derive(Default)]
pub(super) struct Arrived {
    /// The lease that it comes from, and the parts that have come.
    from: Option<u64>,
    parts: BTreeSet<u32>,
    expected: u32,
    queues: Vec<(u32, u8, Vec<u32>)>,
    /// What is still to be recovered.
    pub(super) tasks: Vec<(u32, Task)>,
}

impl Arrived {
    pub(super) fn expecting(parts: u32) -> Self {
        Self { expected: parts, ..Self::default() }
    }

    /// A part has come: of which lease, which, and of how many.
    pub(super) fn take_part(&mut self, (from, part, parts): (u64, u32, u32)) -> Result<(), AdoptError> {
        if *self.from.get_or_insert(from) != from {
            return Err(AdoptError::IsAnother);
        }
        if !self.parts.insert(part) {
            return Err(AdoptError::Twice);
        }
        self.expected = parts;
        Ok(())
    }

    /// Whether every part has come.
    pub(super) fn is_complete(&self) -> bool {
        self.parts.len() as u64 >= u64::from(self.expected)
    }

    /// A queue, or a piece of one, came in a part.
    pub(super) fn queue(&mut self, part: u32, procedure: u8, ues: Vec<u32>) {
        self.queues.push((part, procedure, ues));
    }

    /// The queues as they were, in the order of the parts.
    pub(super) fn take_queues(&mut self) -> Vec<(u8, Vec<u32>)> {
        let mut queues = std::mem::take(&mut self.queues);
        queues.sort_by_key(|(part, ..)| *part);
        queues.into_iter().map(|(_, procedure, ues)| (procedure, ues)).collect()
    }
}
