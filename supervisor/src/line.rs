//! The supervisor's own connection to the coordinator: says which of its children have died.

use std::collections::VecDeque;
use std::time::Duration;

use rand::Rng;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use wire::to_coordinator::{Hello, Part, ToCoordinator};
use wire::{CoordinatorLink, IdentitySlot};

use crate::Exit;

/// Keeps the connection, and whatever it has to say for as long as there is none.
pub(crate) struct Line {
    exits: UnboundedSender<ToCoordinator>,
    task: JoinHandle<()>,
}

impl Line {
    pub(crate) fn open(coordinator: String, identity: IdentitySlot, name: &str) -> Self {
        let hello = Hello {
            name: name.to_owned(),
            program: wire::PROGRAM.to_owned(),
            workers: 0,
            agent_us: 0,
            part: Part::Supervisor,
            mark: Some(rand::random()),
            belongs: Default::default(),
        };
        let (exits, said) = unbounded_channel();
        let task = tokio::spawn(keep(coordinator, identity, hello, said));
        Self { exits, task }
    }

    /// A child has died.
    pub(crate) fn child_exited(&self, mark: [u8; 16], exit: Exit, more: &str) {
        let status = if more.is_empty() { exit.to_string() } else { format!("{exit}; {more}") };
        // The task ends with us only.
        let _ = self.exits.send(ToCoordinator::ChildExited { mark, status });
    }

    /// Gives what was said last a moment to arrive.
    pub(crate) async fn close(self) {
        drop(self.exits);
        let mut task = self.task;
        if tokio::time::timeout(GOODBYE, &mut task).await.is_err() {
            task.abort();
        }
    }
}

async fn keep(
    coordinator: String,
    identity: IdentitySlot,
    hello: Hello,
    mut said: UnboundedReceiver<ToCoordinator>,
) {
    let mut kept = VecDeque::new();
    let mut wait = FIRST_WAIT;
    loop {
        match wire::join(&coordinator, &identity.current(), hello.clone()).await {
            Ok(link) => {
                tracing::info!(coordinator = %link.peer, "the supervisor has joined");
                wait = FIRST_WAIT;
                if serve(link, &mut said, &mut kept).await {
                    return;
                }
            }
            Err(error) if error.is_transient() => tracing::info!("{error}; trying again"),
            Err(error) => {
                tracing::error!(
                    "{error}; without the supervisor's connection a lost process is noticed late"
                );
                wait = LONGEST_WAIT;
            }
        }
        let jittered = wait.mul_f64(rand::rng().random_range(0.5..1.0));
        let pause = tokio::time::sleep(jittered);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                exit = said.recv() => match exit {
                    Some(exit) => keep_one(&mut kept, exit),
                    None => return,
                },
            }
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// True when nothing more is to be said. What was said before is said again: nobody acknowledges it, a mark is good for one
/// process only, and the last message of a connection that broke may not have arrived.
async fn serve(
    link: CoordinatorLink,
    said: &mut UnboundedReceiver<ToCoordinator>,
    kept: &mut VecDeque<ToCoordinator>,
) -> bool {
    let (mut sender, mut receiver) = link.split();
    for exit in kept.iter() {
        if sender.send(exit).await.is_err() {
            return false;
        }
    }
    loop {
        tokio::select! {
            exit = said.recv() => {
                let Some(exit) = exit else {
                    let _ = sender.finish().await;
                    return true;
                };
                keep_one(kept, exit.clone());
                if sender.send(&exit).await.is_err() {
                    return false;
                }
            }
            message = receiver.receive() => match message {
                Ok(Some(message)) => tracing::debug!(?message, "nothing for a supervisor to do"),
                Ok(None) => return false,
                Err(error) => {
                    tracing::info!("{error}");
                    return false;
                }
            },
        }
    }
}

fn keep_one(kept: &mut VecDeque<ToCoordinator>, exit: ToCoordinator) {
    if kept.len() >= KEPT {
        kept.pop_front();
    }
    kept.push_back(exit);
}

/// Deaths that are kept for a coordinator that is away.
const KEPT: usize = 16;
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const GOODBYE: Duration = Duration::from_secs(2);
