//! What a supervisor tells its child, on the child's standard input: one end of a socket, a JSON object a line.
//!
//! The child knows by an environment variable that it is one, and learns its mark there. Its end of the socket says when
//! the supervisor is gone; beside that the kernel signals SIGTERM then (`PR_SET_PDEATHSIG`), so that no orphan goes on
//! unwatched: it hands its shards over and leaves. SIGTERM, not SIGKILL: a lost watchman is no reason to lose load.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

/// What a child is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Hand over, and leave.
    Leave {
        /// For the log and the coordinator: `spot interruption at 2026-11-25T10:00:00Z`, …
        reason: String,
        /// When the host goes, ms from now; none when there is no hurry.
        within_ms: Option<u64>,
    },
}

impl Order {
    pub(crate) fn leave(reason: &str, within: Option<Duration>) -> Self {
        let within_ms = within.map(|within| u64::try_from(within.as_millis()).unwrap_or(u64::MAX));
        Self::Leave { reason: reason.to_owned(), within_ms }
    }

    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// The child's end.
#[derive(Debug)]
pub struct Orders {
    /// The mark of this process, for `Hello`.
    pub mark: [u8; 16],
    stream: UnixStream,
}

impl Orders {
    /// `None` when this process was not started by a supervisor. Called from the main thread, before all else.
    ///
    /// # Errors
    /// The system refuses, or the supervisor is gone already.
    pub fn from_supervisor() -> std::io::Result<Option<Self>> {
        let Ok(text) = std::env::var(VARIABLE) else { return Ok(None) };
        let wrong = || std::io::Error::other(format!("{VARIABLE} is set, but not by a supervisor"));
        let (mark, parent) = text.split_once(':').ok_or_else(wrong)?;
        let mark = u128::from_str_radix(mark, 16).map_err(|_| wrong())?.to_be_bytes();
        let parent = parent.parse().ok().and_then(Pid::from_raw).ok_or_else(wrong)?;
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // It may have died before the kernel was asked to tell.
        if getppid() != Some(parent) {
            return Err(std::io::Error::other("its supervisor is gone"));
        }
        let stream = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
        stream.set_nonblocking(true)?;
        Ok(Some(Self { mark, stream }))
    }

    /// Gives each order to `obey` until the supervisor is gone; its end is one more order to leave. In a tokio runtime.
    ///
    /// # Errors
    /// Standard input is not the supervisor's socket.
    pub async fn follow(self, mut obey: impl FnMut(Order)) -> std::io::Result<()> {
        let mut lines =
            BufReader::new(tokio::net::UnixStream::from_std(self.stream)?.take(MOST_ORDERS)).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(order) => obey(order),
                Err(error) => tracing::warn!(%error, line, "the supervisor said what is no order"),
            }
        }
        obey(Order::leave("its supervisor is gone", Some(ORPHAN_LIMIT)));
        Ok(())
    }
}

/// What a child finds in its environment: its mark in hexadecimal, `:`, its supervisor's process id.
pub(crate) fn environment(mark: [u8; 16]) -> (&'static str, String) {
    (VARIABLE, format!("{:032x}:{}", u128::from_be_bytes(mark), std::process::id()))
}

const VARIABLE: &str = "ROAMSTORM_SUPERVISED";
/// Octets of all orders together.
const MOST_ORDERS: u64 = 1 << 20;
/// How long an orphan may take to hand over.
const ORPHAN_LIMIT: Duration = Duration::from_secs(60);
