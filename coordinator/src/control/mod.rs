//! The control socket of a run: a UNIX socket that speaks JSON, one value a line.
//!
//! ```text
//! watch|pause|resume|stop RUN ──► {"order": "pause"} ──► Server ──► Control ──► the run
//!                             ◄── {"done": "…"} | {"refused": "…"} | {"progress": {…}} … {"over": {…}}
//! ```
//! Where it is stands in `control.json` of the run folder. Only the user of the coordinator can open it: it is in a folder of its
//! own with mode 0700, and has mode 0600.

mod client;
mod server;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use results::{Progress, Verdict};

pub use client::{ControlError, Watched, order, verdict_of, watch};
pub(crate) use server::Server;

/// What the operator wants of a run that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// To be told how it goes, until it ends.
    Watch,
    /// The run's clock stands still.
    Pause,
    /// The run's clock goes on.
    Resume,
    /// Nothing more is started; what is in flight may end; the folder is written.
    Stop,
}

/// What a client says.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    order: Order,
}

/// What it is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    /// It is done, and this has come of it.
    Done(String),
    /// It is not, for this reason.
    Refused(String),
    /// How the run goes.
    Progress(Box<Progress>),
    /// How it ended.
    Over(Verdict),
}

/// Reads a line as each side of the socket does, and the file that tells where it is; for fuzzing.
#[doc(hidden)]
pub fn fuzz_line(line: &str) {
    let _ = serde_json::from_str::<Request>(line);
    let _ = serde_json::from_str::<Answer>(line);
    let _ = serde_json::from_str::<Whereabouts>(line);
}

/// An order on its way to the run.
pub(crate) struct Ordered {
    pub(crate) order: Order,
    /// What has come of it, or why nothing has.
    pub(crate) answer: oneshot::Sender<Result<String, String>>,
}

/// `control.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Whereabouts {
    socket: PathBuf,
    pid: u32,
}

fn whereabouts(folder: &Path) -> PathBuf {
    folder.join("control.json")
}

#[cfg(test)]
mod tests;
