//! The link to one agent: one task for each half, which only moves messages between the connection and a bounded queue.

use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use wire::AgentLink;
use wire::to_agent::ToAgent;
use wire::to_coordinator::ToCoordinator;

use crate::core::LinkId;

/// Something happened on one agent's link.
pub(crate) struct FromAgent {
    /// Its link.
    pub(crate) link: LinkId,
    /// When it was received.
    pub(crate) at: Instant,
    pub(crate) what: Received,
}

pub(crate) enum Received {
    Message(ToCoordinator),
    /// The connection is over; nothing more comes.
    Gone(String),
}

/// The sending end of a link. Dropped, it says goodbye once everything is sent.
pub(crate) struct Outbox {
    queue: mpsc::Sender<ToAgent>,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
}

impl Outbox {
    /// Starts both halves. What comes goes to `inbox`; while that is full, the agent is not read.
    pub(crate) fn open(number: LinkId, link: AgentLink, inbox: mpsc::Sender<FromAgent>) -> Self {
        let (queue, mut queued) = mpsc::channel::<ToAgent>(QUEUE);
        let (mut sender, mut receiver) = link.split();
        let reader = tokio::spawn(async move {
            loop {
                let received = receiver.receive().await;
                let at = Instant::now();
                let what = match received {
                    Ok(Some(message)) => Received::Message(message),
                    Ok(None) => Received::Gone("closed the connection".to_owned()),
                    Err(error) => Received::Gone(error.to_string()),
                };
                let over = matches!(what, Received::Gone(_));
                if inbox.send(FromAgent { link: number, at, what }).await.is_err() || over {
                    return;
                }
            }
        });
        let writer = tokio::spawn(async move {
            while let Some(message) = queued.recv().await {
                if let Err(error) = sender.send(&message).await {
                    // The reading half reports that the agent is gone.
                    tracing::debug!(%error, "cannot send to an agent");
                    return;
                }
            }
            if let Err(error) = sender.finish().await {
                tracing::debug!(%error, "an agent left before the goodbye");
            }
        });
        Self { queue, reader, writer }
    }

    /// Queues a message; false when the agent has not read what was sent before, or is gone.
    pub(crate) fn send(&self, message: ToAgent) -> bool {
        self.queue.try_send(message).is_ok()
    }

    /// Sends what is queued, says goodbye, and ends both halves; the returned task ends when that is done.
    pub(crate) fn close(self) -> JoinHandle<()> {
        self.reader.abort();
        self.writer
    }
}

/// Messages to one agent that wait: an acknowledgement for each shard and interval, for many intervals.
const QUEUE: usize = 4096;
