//! A thread that makes records durable, so that a slow disk does not keep agents from being read.
//!
//! Groups that wait while the disk is busy are committed together. The answers come in the order of the groups.

use std::fs::File;
use std::path::PathBuf;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::core::{Record, Store, StoreError};

/// The way to the thread.
pub(crate) struct Committer {
    jobs: Option<std::sync::mpsc::Sender<Job>>,
    thread: Option<JoinHandle<Box<dyn Store>>>,
}

enum Job {
    Commit {
        group: u64,
        records: Vec<Record>,
    },
    /// Files first: what a checkpoint counts on must be on the disk before the records go that it replaces.
    Checkpoint {
        octets: Vec<u8>,
        files: Vec<PathBuf>,
    },
}

/// What became of a group of records.
#[derive(Debug)]
pub(crate) struct Committed {
    /// Its number.
    pub(crate) group: u64,
    /// Why it is not durable.
    pub(crate) result: Result<(), String>,
}

impl Committer {
    /// Starts the thread. What has become of each group comes out of the receiver.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(
        store: Box<dyn Store>,
    ) -> std::io::Result<(Self, mpsc::UnboundedReceiver<Committed>)> {
        let (jobs, queue) = std::sync::mpsc::channel();
        // Neither is bounded here: the run limits how many groups are on their way.
        let (done, committed) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new().name("committer".to_owned());
        let thread = thread.spawn(move || work(store, &queue, &done))?;
        Ok((Self { jobs: Some(jobs), thread: Some(thread) }, committed))
    }

    /// Has a group made durable.
    pub(crate) fn commit(&self, group: u64, records: Vec<Record>) {
        self.order(Job::Commit { group, records });
    }

    /// Has everything before replaced.
    pub(crate) fn checkpoint(&self, octets: Vec<u8>, files: Vec<PathBuf>) {
        self.order(Job::Checkpoint { octets, files });
    }

    /// Waits until all is done, and gives the store back.
    pub(crate) fn finish(mut self) -> Result<Box<dyn Store>, StoreError> {
        drop(self.jobs.take());
        let thread = self.thread.take().map(JoinHandle::join);
        thread.and_then(Result::ok).ok_or_else(|| StoreError("the store's thread has failed".to_owned()))
    }

    fn order(&self, job: Job) {
        if self.jobs.as_ref().is_none_or(|jobs| jobs.send(job).is_err()) {
            tracing::error!("the store's thread has failed");
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(
    mut store: Box<dyn Store>,
    queue: &std::sync::mpsc::Receiver<Job>,
    done: &mpsc::UnboundedSender<Committed>,
) -> Box<dyn Store> {
    // What could not be committed goes before what comes next: a gap would be no history.
    let mut records: Vec<Record> = Vec::new();
    let mut next = queue.recv().ok();
    while let Some(job) = next.take() {
        match job {
            Job::Checkpoint { octets, files } => {
                if records.is_empty()
                    && let Err(error) = checkpoint(store.as_mut(), &octets, &files)
                {
                    tracing::warn!(%error, "no checkpoint was made; the next one is tried");
                }
            }
            Job::Commit { group, records: more } => {
                let mut groups = vec![group];
                records.extend(more);
                while records.len() < MOST_TOGETHER {
                    match queue.try_recv() {
                        Ok(Job::Commit { group, records: more }) => {
                            groups.push(group);
                            records.extend(more);
                        }
                        other => {
                            next = other.ok();
                            break;
                        }
                    }
                }
                let result = store.commit(&records).map_err(|error| error.to_string());
                if result.is_ok() {
                    records.clear();
                }
                for group in groups {
                    let _ = done.send(Committed { group, result: result.clone() });
                }
            }
        }
        if next.is_none() {
            next = queue.recv().ok();
        }
    }
    store
}

fn checkpoint(store: &mut dyn Store, octets: &[u8], files: &[PathBuf]) -> Result<(), StoreError> {
    for file in files {
        let synced = File::open(file).and_then(|file| file.sync_data());
        synced.map_err(|error| StoreError(format!("{}: {error}", file.display())))?;
    }
    store.checkpoint(octets)
}

/// Records of one transaction.
const MOST_TOGETHER: usize = 8192;

#[cfg(test)]
mod tests;
