//! The operator's end of a run's control socket.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch as channel;

use super::{Answer, Order, Request, Whereabouts, whereabouts};
use results::{Progress, Verdict};

/// Why a run cannot be watched or told anything.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It has ended.
    #[error("{folder}: the run has ended already", folder = .folder.display())]
    Ended {
        /// Its folder.
        folder: PathBuf,
    },
    /// Nobody listens.
    #[error("{folder}: no coordinator is running it; if its coordinator died, take the run up again: roamstorm coordinator --resume {folder}", folder = .folder.display())]
    Nobody {
        /// Its folder.
        folder: PathBuf,
    },
    /// The socket cannot be used.
    #[error("{socket}: {source}", socket = .socket.display())]
    Socket {
        /// Its path.
        socket: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The run does not do it.
    #[error("{0}")]
    Refused(String),
}

/// How watching ended.
#[derive(Debug)]
pub enum Watched {
    /// The run has ended like this.
    Over(Verdict),
    /// The coordinator is gone, and there is no verdict.
    Vanished,
}

/// Tells the run something, and returns what has come of it.
///
/// # Errors
/// [`ControlError`].
pub async fn order(folder: &Path, order: Order) -> Result<String, ControlError> {
    let mut line = Line::open(folder, order).await?;
    match line.next().await? {
        Some(Answer::Done(done)) => Ok(done),
        Some(Answer::Refused(reason)) => Err(ControlError::Refused(reason)),
        _ => Err(ended_or_nobody(folder)),
    }
}

/// Follows a run that is under way; `shown` is told how it goes.
///
/// # Errors
/// [`ControlError`].
pub async fn watch(folder: &Path, shown: &channel::Sender<Progress>) -> Result<Watched, ControlError> {
    let mut line = Line::open(folder, Order::Watch).await?;
    loop {
        match line.next().await? {
            Some(Answer::Progress(progress)) => drop(shown.send_replace(*progress)),
            Some(Answer::Over(verdict)) => return Ok(Watched::Over(verdict)),
            Some(Answer::Refused(reason)) => return Err(ControlError::Refused(reason)),
            Some(Answer::Done(_)) => {}
            // The verdict may have been written in the moment in which the line was cut.
            None => return Ok(verdict_of(folder).map_or(Watched::Vanished, Watched::Over)),
        }
    }
}

/// An open connection.
struct Line {
    socket: PathBuf,
    from: BufReader<OwnedReadHalf>,
    line: Vec<u8>,
    /// Closed, it would say that the watcher has left.
    _to: OwnedWriteHalf,
}

impl Line {
    async fn open(folder: &Path, order: Order) -> Result<Self, ControlError> {
        let text = edges::files::read(&whereabouts(folder)).map_err(|_| ended_or_nobody(folder))?;
        let here: Whereabouts = serde_json::from_slice(&text).map_err(|_| ended_or_nobody(folder))?;
        let socket = here.socket;
        let fault = |source: io::Error| match source.kind() {
            // What a coordinator leaves that was killed.
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => ended_or_nobody(folder),
            _ => ControlError::Socket { socket: socket.clone(), source },
        };
        let stream = UnixStream::connect(&socket).await.map_err(fault)?;
        // Whoever changed the folder may have named somebody else's socket.
        let (theirs, ours) = (stream.peer_cred().map_err(fault)?.uid(), rustix::process::geteuid().as_raw());
        if theirs != ours && theirs != 0 {
            return Err(fault(io::Error::new(io::ErrorKind::PermissionDenied, "another user listens there")));
        }
        let (from, mut to) = stream.into_split();
        let mut request = serde_json::to_vec(&Request { order }).unwrap_or_default();
        request.push(b'\n');
        to.write_all(&request).await.map_err(fault)?;
        Ok(Self { from: BufReader::new(from), line: Vec::new(), socket, _to: to })
    }

    /// None when the other end is gone.
    async fn next(&mut self) -> Result<Option<Answer>, ControlError> {
        let fault = |source| ControlError::Socket { socket: self.socket.clone(), source };
        self.line.clear();
        match (&mut self.from).take(LONGEST_LINE).read_until(b'\n', &mut self.line).await {
            Ok(_) if self.line.ends_with(b"\n") => {
                serde_json::from_slice(&self.line).map(Some).map_err(|error| fault(error.into()))
            }
            Ok(octets) if octets as u64 == LONGEST_LINE => {
                let text = format!("a line of more than {LONGEST_LINE} octets, which no run says");
                Err(fault(io::Error::new(io::ErrorKind::InvalidData, text)))
            }
            // Cut within a line, or between two.
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            Err(error) => Err(fault(error)),
        }
    }
}

fn ended_or_nobody(folder: &Path) -> ControlError {
    let folder = folder.to_owned();
    if folder.join("summary.json").is_file() {
        ControlError::Ended { folder }
    } else {
        ControlError::Nobody { folder }
    }
}

/// How a run ended, as its `summary.json` has it; `None` when there is none.
pub fn verdict_of(folder: &Path) -> Option<Verdict> {
    Some(results::folder::summary(folder).ok()?.verdict)
}

/// Octets of one answer; how a run with ten thousand agents goes takes a tenth of it.
const LONGEST_LINE: u64 = 16 << 20;
