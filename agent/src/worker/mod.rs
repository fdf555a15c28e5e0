//! A worker: one thread with its own SCTP endpoint and its own shards. Nothing of it is shared or locked.

mod accounts;
mod event_loop;
mod leased_shard;
mod messages;
mod n3;
mod outbox;
mod reporter;
mod worker_pool;

pub use messages::{Command, Notice, Order};
pub(crate) use worker_pool::WorkerPool;

use std::sync::atomic::AtomicU64;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use sctp::{Targets, Waker};
use tokio::sync::mpsc::UnboundedSender;
use tracing::Span;

use crate::measure::WorkerHealth;
use crate::shard::ShardRunner;
use crate::user_plane::GtpuPort;
use event_loop::EventLoop;
use reporter::Reporter;

/// What a worker is told.
pub(crate) enum ToWorker {
    /// This shard will come as soon as it is built.
    Expect(Box<Expected>),
    /// Here it is.
    Built(Box<ShardRunner>),
    /// About a shard that it was told to expect.
    Order(Command),
    /// Close everything and end.
    Stop,
}

/// A shard that is on its way.
pub(crate) struct Expected {
    pub(crate) shard: u32,
    pub(crate) epoch: u64,
    /// The end of its lease.
    pub(crate) until: Instant,
    /// The AMFs, in order.
    pub(crate) targets: Targets,
    /// Where its sessions have their tunnels, and its number among the agent's shards.
    pub(crate) user_plane: Option<(GtpuPort, u32)>,
}

/// What a worker has to say.
pub(crate) enum FromWorker {
    Notice(Notice),
    Health(Box<WorkerHealth>),
    /// The worker cannot go on.
    Died(String),
}

/// The handle of a worker's thread.
pub(crate) struct Worker {
    mailbox: Mailbox,
    thread: Option<JoinHandle<()>>,
}

/// Where a worker is told something.
#[derive(Clone)]
pub(crate) struct Mailbox {
    messages: Sender<ToWorker>,
    waker: Arc<Mutex<Option<Waker>>>,
}

impl Mailbox {
    pub(crate) fn tell(&self, message: ToWorker) {
        // A worker that has died has said so.
        let _ = self.messages.send(message);
        if let Ok(waker) = self.waker.lock()
            && let Some(waker) = waker.as_ref()
        {
            waker.wake();
        }
    }
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn spawn(
        number: usize,
        priority: host::Priority,
        notices: UnboundedSender<FromWorker>,
        backlog: Arc<AtomicU64>,
        within: Span,
    ) -> std::io::Result<Self> {
        let (messages, receiver) = std::sync::mpsc::channel();
        let waker = Arc::new(Mutex::new(None));
        let mailbox = Mailbox { messages, waker: Arc::clone(&waker) };
        let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            let _within = within.entered();
            let place = host::take(priority, host::Role::Generator);
            let reporter = Reporter::new(number, place.granted(), notices, backlog);
            EventLoop::new(number, priority, receiver, reporter, waker).run();
        })?;
        Ok(Self { mailbox, thread: Some(thread) })
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.mailbox.tell(ToWorker::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
