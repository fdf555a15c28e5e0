//! Groups come back in their order, and one that failed is kept before those after it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use super::*;

/// A store that does with each commit what it is told.
struct RunInputs {
    orders: Receiver<bool>,
    kept: Arc<Mutex<Vec<Vec<Record>>>>,
}

impl Store for RunInputs {
    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        if !self.orders.recv().unwrap_or(true) {
            return Err(StoreError("the disk is full".to_owned()));
        }
        self.kept.lock().unwrap().push(records.to_vec());
        Ok(())
    }

    fn checkpoint(&mut self, _octets: &[u8]) -> Result<(), StoreError> {
        self.kept.lock().unwrap().push(vec![Record::Warned("checkpoint".to_owned())]);
        Ok(())
    }
}

type Kept = Arc<Mutex<Vec<Vec<Record>>>>;

fn committer() -> (Committer, mpsc::UnboundedReceiver<Committed>, Sender<bool>, Kept) {
    let (order, orders) = channel();
    let kept = Kept::default();
    let (committer, committed) =
        Committer::start(Box::new(RunInputs { orders, kept: Arc::clone(&kept) })).unwrap();
    (committer, committed, order, kept)
}

fn record(n: u64) -> Record {
    Record::Warned(n.to_string())
}

fn next(committed: &mut mpsc::UnboundedReceiver<Committed>) -> (u64, bool) {
    let Committed { group, result } = committed.blocking_recv().unwrap();
    (group, result.is_ok())
}

#[test]
fn groups_that_wait_for_the_disk_are_committed_together_and_come_back_in_order() {
    let (committer, mut committed, order, kept) = committer();
    (0..5).for_each(|group| committer.commit(group, vec![record(group)]));
    (0..5).for_each(|_| order.send(true).unwrap());
    assert_eq!(
        (0..5).map(|_| next(&mut committed)).collect::<Vec<_>>(),
        (0..5).map(|n| (n, true)).collect::<Vec<_>>()
    );
    let kept = kept.lock().unwrap().clone();
    assert_eq!(kept.concat(), (0..5).map(record).collect::<Vec<_>>());
    assert!(kept.len() <= 2, "{kept:?}");
}

#[test]
fn group_that_failed_is_not_acknowledged_and_is_kept_before_the_next_one() {
    let (committer, mut committed, order, kept) = committer();
    committer.commit(0, vec![record(0)]);
    order.send(false).unwrap();
    assert_eq!(next(&mut committed), (0, false));
    committer.commit(1, vec![record(1)]);
    order.send(true).unwrap();
    assert_eq!(next(&mut committed), (1, true));
    assert_eq!(kept.lock().unwrap().concat(), [record(0), record(1)]);
}

#[test]
fn no_checkpoint_replaces_records_that_could_not_be_committed() {
    let (committer, mut committed, order, kept) = committer();
    committer.commit(0, vec![record(0)]);
    committer.checkpoint(vec![1], Vec::new());
    order.send(false).unwrap();
    assert_eq!(next(&mut committed), (0, false));
    committer.commit(1, vec![record(1)]);
    committer.checkpoint(vec![2], Vec::new());
    order.send(true).unwrap();
    assert_eq!(next(&mut committed), (1, true));
    drop(committer.finish().unwrap());
    let expected = [vec![record(0), record(1)], vec![Record::Warned("checkpoint".to_owned())]];
    assert_eq!(*kept.lock().unwrap(), expected);
}
