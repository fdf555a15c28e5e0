//! What travels when a shard goes from one agent to another: its UEs, where its subscribers are, who is next in line.
//!
//! ```text
//! items ──► parts of at most 1 MiB ──► sealed, each with its shard, lease and number ──► the coordinator ──► items
//! ```
//! The coordinator carries the parts and can neither read nor change them; what they are parts of is inside the seal.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wire::to_agent::{LARGEST_BATCH, UeBatch};

use super::encryption::{Encrypted, Encryption, EncryptionError};
use super::taken::Seen;
use super::task::Task;

/// A part of a shard on its way.
#[derive(Serialize, Deserialize)]
pub(crate) struct ShardTransfer<C> {
    shard: u32,
    /// The lease that was given back.
    epoch: u64,
    part: u32,
    parts: u32,
    pub(crate) items: Vec<Item<C>>,
}

/// Something that the next holder of a shard needs to know. `C` is what its radio network knows of a UE.
#[derive(Serialize, Deserialize)]
pub enum Item<C> {
    /// A UE that is in the shard, at home or visiting.
    ShardUe(Box<ShardUe<C>>),
    /// A subscriber of the shard that is in another one.
    Away {
        /// Its number.
        ue: u32,
        /// The group of its subscription.
        group: u16,
        /// How often chance decided something for it.
        draws: u32,
        /// In which one, as far as is known.
        at: Option<u32>,
    },
    /// UEs that wait for a procedure, in order; a queue may take several.
    ReadyQueue {
        /// The procedure, by its place among all.
        procedure: u8,
        /// Who.
        ues: Vec<u32>,
    },
    /// Sealed UEs that the last holder has taken lately: they are taken once.
    Taken(Vec<Seen>),
    /// What is of no single UE.
    Beside {
        /// How many sessions were dealt of each template.
        dealt: Vec<u64>,
        /// Sessions that a recovery has not given to anybody yet.
        sessions_left: u64,
    },
}

/// A UE of a shard with all that is its own.
#[derive(Serialize, Deserialize)]
pub struct ShardUe<C> {
    /// Its number.
    pub ue: u32,
    /// Its node and cell.
    pub place: (u16, u16),
    /// It receives no cell.
    pub out_of_signal: bool,
    /// How often it was chosen for a handover.
    pub handovers: u16,
    /// How often chance decided something for it.
    pub draws: u32,
    /// What is still to be recovered of it.
    pub recovers: Option<Task>,
    /// The rest.
    pub ue_context: C,
}

/// Why a part of a shard's UEs is not taken. `Display` is short and stable: it is counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdoptError {
    /// Of another shard, or of another lease of this one.
    #[error("ue-batch-of-another-lease")]
    OfAnotherLease,
    /// Sealed with another key or in another run, or changed on its way.
    #[error("ue-batch-not-ours")]
    NotOurs,
    /// It opens, but it is not what it is said to be.
    #[error("ue-batch-is-another")]
    IsAnother,
    /// The part was taken before.
    #[error("ue-batch-twice")]
    Twice,
    /// The shard has begun without it.
    #[error("ue-batch-too-late")]
    TooLate,
}

/// Seals the items in as few parts as they fit.
pub(crate) fn seal<C: Serialize>(
    items: impl Iterator<Item = Item<C>>,
    encryption: &mut Encryption,
    shard: u32,
    epoch: u64,
) -> Result<Vec<UeBatch>, EncryptionError> {
    let mut loads: Vec<Vec<Item<C>>> = Vec::new();
    let mut octets = 0;
    for item in items {
        let size = postcard::experimental::serialized_size(&item).map_err(|_| EncryptionError::Unreadable)?;
        match loads.last_mut() {
            Some(load) if octets + size <= LARGEST_BATCH - OVERHEAD => {
                octets += size;
                load.push(item);
            }
            _ => {
                octets = size;
                loads.push(vec![item]);
            }
        }
    }
    let parts = u32::try_from(loads.len()).unwrap_or(u32::MAX);
    let batch = |(part, items)| {
        let sealed = encryption.seal(Encrypted::Ues, &ShardTransfer { shard, epoch, part, parts, items })?;
        Ok(UeBatch { shard, epoch, part, parts, sealed })
    };
    (0u32..).zip(loads).map(batch).collect()
}

impl<C: DeserializeOwned> ShardTransfer<C> {
    /// Opens a part for the holder of a later lease.
    pub(crate) fn open(
        batch: &UeBatch,
        encryption: &Encryption,
        shard: u32,
        epoch: u64,
    ) -> Result<Self, AdoptError> {
        if batch.shard != shard || batch.epoch != epoch {
            return Err(AdoptError::OfAnotherLease);
        }
        let transfer: Self =
            encryption.open(Encrypted::Ues, &batch.sealed).map_err(|_| AdoptError::NotOurs)?;
        let Self { part, parts, .. } = transfer;
        let is_meant = transfer.shard == shard && transfer.epoch < epoch;
        if !is_meant || (part, parts) != (batch.part, batch.parts) {
            return Err(AdoptError::IsAnother);
        }
        Ok(transfer)
    }

    /// Which lease it comes from, and which of how many parts it is.
    pub(crate) fn origin(&self) -> (u64, u32, u32) {
        (self.epoch, self.part, self.parts)
    }
}

/// Octets of a part beside its items: nonce, tag, and its numbers at their longest.
const OVERHEAD: usize = 128;
/// UEs of a queue in one item.
pub(crate) const QUEUED_IN_ONE: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(count: u32) -> (Vec<UeBatch>, Encryption) {
        let mut ours = Encryption::new(&[7; 32], "run-a", 4, 1);
        let line =
            |n| Item::<()>::ReadyQueue { procedure: 0, ues: (n * 10_000..n * 10_000 + 8192).collect() };
        (seal((0..count).map(line), &mut ours, 4, 1).unwrap(), Encryption::new(&[7; 32], "run-a", 4, 2))
    }

    fn relayed(batch: &UeBatch) -> UeBatch {
        UeBatch { epoch: 2, ..batch.clone() }
    }

    #[test]
    fn parts_fit_the_wire_and_bring_everything() {
        let (batches, next) = batches(200);
        assert!(batches.len() > 3, "{}", batches.len());
        let mut items = 0;
        for batch in &batches {
            assert!(batch.sealed.len() <= LARGEST_BATCH);
            items += ShardTransfer::<()>::open(&relayed(batch), &next, 4, 2).unwrap().items.len();
        }
        assert_eq!(items, 200);
    }

    #[test]
    fn what_is_changed_or_of_another_part_shard_run_or_lease_is_refused() {
        let (batches, next) = batches(200);
        let refused = |batch: &UeBatch, encryption: &Encryption, shard, epoch| {
            ShardTransfer::<()>::open(batch, encryption, shard, epoch).err().unwrap()
        };
        let good = relayed(&batches[0]);
        let mut changed = good.clone();
        changed.sealed[500_000] ^= 1;
        assert_eq!(refused(&changed, &next, 4, 2), AdoptError::NotOurs);
        let renumbered = UeBatch { part: 1, ..good.clone() };
        assert_eq!(refused(&renumbered, &next, 4, 2), AdoptError::IsAnother);
        let fewer = UeBatch { parts: 1, ..good.clone() };
        assert_eq!(refused(&fewer, &next, 4, 2), AdoptError::IsAnother);
        assert_eq!(refused(&good, &next, 5, 2), AdoptError::OfAnotherLease);
        let of_another_shard = UeBatch { shard: 5, ..good.clone() };
        assert_eq!(refused(&of_another_shard, &next, 5, 2), AdoptError::IsAnother);
        assert_eq!(refused(&good, &next, 4, 3), AdoptError::OfAnotherLease);
        let of_no_earlier = UeBatch { epoch: 1, ..good.clone() };
        assert_eq!(refused(&of_no_earlier, &next, 4, 1), AdoptError::IsAnother);
        for other in [Encryption::new(&[7; 32], "run-b", 4, 2), Encryption::new(&[8; 32], "run-a", 4, 2)] {
            assert_eq!(refused(&good, &other, 4, 2), AdoptError::NotOurs);
        }
    }
}
