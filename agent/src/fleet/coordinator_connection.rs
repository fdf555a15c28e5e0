//! The connection with the coordinator: one for now, and the next when it is lost.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use wire::to_agent::{ToAgent, Welcome};
use wire::to_coordinator::{Hello, ToCoordinator};
use wire::{CoordinatorLink, CoordinatorReceiver, CoordinatorSender, IdentitySlot, WireError};

/// What comes of a connection.
pub(crate) enum FromCoordinator {
    /// The coordinator has welcomed us.
    Connected(Welcome),
    Message(ToAgent),
    /// It is lost: another will be tried.
    Lost(WireError),
    /// Whoever answers does not want us, or is no coordinator of ours: trying again is of no use.
    Refused(WireError),
    /// It is time to call: say what the agent is, with [`CoordinatorConnection::call`].
    Due,
}

/// Joins, sends and receives; never waits for the other side to read.
pub(crate) struct CoordinatorConnection {
    identity: IdentitySlot,
    coordinator: String,
    state: State,
    /// Waited for before the last attempt; grows until one succeeds.
    back_off: Duration,
    octets_before: u64,
}

enum State {
    /// Nobody is called before this.
    Idle {
        until: Instant,
    },
    Joining(JoinHandle<Result<Joined, WireError>>),
    Open(Box<Open>),
}

struct Joined {
    link: CoordinatorLink,
    welcome: Welcome,
}

struct Open {
    receiver: CoordinatorReceiver,
    queue: UnboundedSender<ToCoordinator>,
    writer: JoinHandle<()>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    waiting: AtomicU64,
    octets: AtomicU64,
}

impl CoordinatorConnection {
    pub(crate) fn new(identity: IdentitySlot, coordinator: String) -> Self {
        Self {
            identity,
            coordinator,
            state: State::Idle { until: Instant::now() },
            back_off: Duration::ZERO,
            octets_before: 0,
        }
    }

    /// The next thing that happens. Cancel-safe.
    pub(crate) async fn next(&mut self) -> FromCoordinator {
        match &mut self.state {
            State::Idle { until } => {
                tokio::time::sleep_until((*until).into()).await;
                FromCoordinator::Due
            }
            State::Joining(joining) => match joining.await {
                Ok(Ok(Joined { link, welcome })) => {
                    self.open(link);
                    FromCoordinator::Connected(welcome)
                }
                Ok(Err(error)) => self.lost(error),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
            State::Open(open) => match open.receiver.receive().await {
                Ok(Some(message)) => FromCoordinator::Message(message),
                Ok(None) => {
                    let peer = wire::Peer { role: wire::Role::Coordinator, address: open.receiver.peer() };
                    self.lost(WireError::Gone { peer, reason: "without a goodbye".to_owned() })
                }
                Err(error) => self.lost(error),
            },
        }
    }

    /// Calls the coordinator.
    pub(crate) fn call(&mut self, hello: Hello) {
        let (identity, coordinator) = (self.identity.current(), self.coordinator.clone());
        let joining = tokio::spawn(async move {
            let mut link = wire::join(&coordinator, &identity, hello).await?;
            let peer = wire::Peer { role: wire::Role::Coordinator, address: link.peer };
            match tokio::time::timeout(WELCOME_LIMIT, link.receive()).await {
                Ok(Ok(Some(ToAgent::Welcome(welcome)))) => Ok(Joined { link, welcome }),
                Ok(Ok(_)) => Err(WireError::Gone { peer, reason: "before it said Welcome".to_owned() }),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(WireError::TooSlow { peer, after: WELCOME_LIMIT }),
            }
        });
        self.state = State::Joining(joining);
    }

    /// Queues a message; false when the coordinator has not read what was sent before, and this one can be missed.
    pub(crate) fn send(&self, message: ToCoordinator) -> bool {
        let State::Open(open) = &self.state else { return false };
        if matches!(message, ToCoordinator::Trace(_))
            && open.counts.waiting.load(Ordering::Relaxed) >= MOST_WAITING
        {
            return false;
        }
        open.counts.waiting.fetch_add(1, Ordering::Relaxed);
        // The writer ends only with the connection, which is noticed when it is read.
        let _ = open.queue.send(message);
        true
    }

    /// Octets sent so far.
    pub(crate) fn octets_sent(&self) -> u64 {
        let now = match &self.state {
            State::Open(open) => open.counts.octets.load(Ordering::Relaxed),
            _ => 0,
        };
        self.octets_before + now
    }

    /// Sends what is queued, and says goodbye.
    pub(crate) async fn finish(mut self) {
        let State::Open(open) = std::mem::replace(&mut self.state, State::Idle { until: Instant::now() })
        else {
            return;
        };
        drop(open.queue);
        // The coordinator may be gone first: then nobody is left to wait for us.
        let _ = tokio::time::timeout(GOODBYE_LIMIT, open.writer).await;
    }

    fn open(&mut self, link: CoordinatorLink) {
        let (sender, receiver) = link.split();
        let (queue, queued) = unbounded_channel();
        let counts = Arc::new(Counts::default());
        let writer = tokio::spawn(write(sender, queued, Arc::clone(&counts)));
        self.back_off = Duration::ZERO;
        self.state = State::Open(Box::new(Open { receiver, queue, writer, counts }));
    }

    fn lost(&mut self, error: WireError) -> FromCoordinator {
        self.octets_before = self.octets_sent();
        self.back_off = (self.back_off * 2).clamp(FIRST_BACK_OFF, LONGEST_BACK_OFF);
        // All agents of a fleet lose their coordinator at the same time; they are not to come back at the same time.
        let chance = RandomState::new().hash_one(self.back_off) % 1000;
        let wait = self.back_off.mul_f64(0.5 + chance as f64 / 2000.0);
        self.state = State::Idle { until: Instant::now() + wait };
        if is_final(&error) { FromCoordinator::Refused(error) } else { FromCoordinator::Lost(error) }
    }
}

impl Drop for CoordinatorConnection {
    fn drop(&mut self) {
        match &self.state {
            State::Idle { .. } => {}
            State::Joining(joining) => joining.abort(),
            State::Open(open) => open.writer.abort(),
        }
    }
}

async fn write(
    mut sender: CoordinatorSender,
    mut queued: UnboundedReceiver<ToCoordinator>,
    counts: Arc<Counts>,
) {
    while let Some(message) = queued.recv().await {
        counts.waiting.fetch_sub(1, Ordering::Relaxed);
        match sender.send(&message).await {
            Ok(()) => counts.octets.store(sender.octets_sent(), Ordering::Relaxed),
            // The link can still be used; the message cannot.
            Err(error @ WireError::Frame { .. }) => tracing::warn!(%error, "a message cannot be sent"),
            // Whoever receives finds out.
            Err(error) => return tracing::debug!(%error, "cannot send to the coordinator"),
        }
    }
    if let Err(error) = sender.finish().await {
        tracing::debug!(%error, "the coordinator was gone before the goodbye");
    }
}

/// Whether calling again is of no use.
fn is_final(error: &WireError) -> bool {
    // What cannot be understood may be the fault of a connection that was cut; whoever answers next may be understood.
    !error.is_transient() && !matches!(error, WireError::Frame { .. } | WireError::Unusable { .. })
}

const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(2);
/// How long the coordinator may take from `Hello` to `Welcome`: it may be replaying its journal.
const WELCOME_LIMIT: Duration = Duration::from_secs(30);
const GOODBYE_LIMIT: Duration = Duration::from_secs(5);
/// Messages that may wait before traces are missed.
const MOST_WAITING: u64 = 4096;
