//! The agent's process, in a process group of its own.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::Exit;
use crate::order::{Order, environment};

/// A child that runs. Dropped, it is killed with its group.
pub(crate) struct Child {
    pub(crate) mark: [u8; 16],
    pub(crate) started: Instant,
    process: tokio::process::Child,
    group: Option<Pid>,
    orders: tokio::net::UnixStream,
}

impl Child {
    /// Starts this program again, with these arguments. The main thread has to do it: the kernel tells the child of the
    /// end of the thread that started it.
    pub(crate) fn start(arguments: &[OsString]) -> io::Result<Self> {
        let mark = rand::random();
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        // Whatever has become of the file that we were started from: it is this program.
        let mut command = Command::new("/proc/self/exe");
        let (name, value) = environment(mark);
        // A group of its own: Ctrl-C at a terminal is for us, to pass on.
        command.args(arguments).env(name, value).process_group(0).stdin(Stdio::from(OwnedFd::from(theirs)));
        let process = command.spawn()?;
        let group = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let orders = tokio::net::UnixStream::from_std(ours)?;
        tracing::info!(pid = process.id(), "started the agent");
        Ok(Self { mark, started: Instant::now(), process, group, orders })
    }

    /// Waits for its end, and ends what is left of its group. Cancel-safe.
    pub(crate) async fn exit(&mut self) -> io::Result<Exit> {
        let status = self.process.wait().await?;
        self.kill();
        Ok(status.into())
    }

    /// Tells it something. Never waits: a child that does not read is told nothing.
    pub(crate) async fn tell(&mut self, order: &Order) {
        let line = order.line();
        let told = tokio::time::timeout(TELLING, self.orders.write_all(&line)).await;
        if !matches!(told, Ok(Ok(()))) {
            tracing::warn!(?order, "the agent does not take orders");
        }
    }

    /// Ends it, and whatever it has started, at once.
    pub(crate) fn kill(&mut self) {
        // Once only: the number may be another group's later.
        if let Some(group) = self.group.take() {
            // There may be nobody left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A line always fits the socket's buffer, unless nobody reads.
const TELLING: std::time::Duration = std::time::Duration::from_millis(100);
