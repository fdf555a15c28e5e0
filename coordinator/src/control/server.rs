//! The run's end of its control socket.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::{Answer, Order, Ordered, Request, Whereabouts, whereabouts};
use results::{Progress, Verdict};

/// Listens as long as it lives.
pub(crate) struct Server {
    socket: PathBuf,
    whereabouts: PathBuf,
    listener: JoinHandle<()>,
    verdict: watch::Sender<Option<Verdict>>,
}

impl Server {
    /// Opens the socket, and says in the run folder where it is.
    pub(crate) fn open(
        folder: &Path,
        progress: watch::Receiver<Progress>,
        orders: mpsc::Sender<Ordered>,
    ) -> io::Result<Self> {
        let (socket, listener) = bind(folder)?;
        let whereabouts = whereabouts(folder);
        let here = Whereabouts { socket: socket.clone(), pid: std::process::id() };
        edges::files::write(&whereabouts, &serde_json::to_vec(&here)?)?;
        let verdict = watch::Sender::new(None);
        let told = verdict.subscribe();
        let listener = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (progress, told, orders) = (progress.clone(), told.clone(), orders.clone());
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, progress, told, orders).await {
                        // A watcher that leaves disturbs nothing.
                        tracing::debug!(%error, "a control connection ended");
                    }
                });
            }
        });
        Ok(Self { socket, whereabouts, listener, verdict })
    }

    /// Tells who watches how the run ended.
    pub(crate) fn over(&self, verdict: &Verdict) {
        self.verdict.send_replace(Some(verdict.clone()));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listener.abort();
        for path in [&self.whereabouts, &self.socket] {
            let _ = std::fs::remove_file(path);
        }
        if let Some(own) = self.socket.parent() {
            let _ = std::fs::remove_dir(own);
        }
    }
}

/// In the run folder where its path is short enough for a socket, else where temporary files are.
fn bind(folder: &Path) -> io::Result<(PathBuf, UnixListener)> {
    let folder = std::path::absolute(folder)?;
    let within = folder.join("control");
    let own = if within.as_os_str().len() + "/socket".len() <= LONGEST_PATH {
        within
    } else {
        let name = format!("roamstorm-{}-{:016x}", std::process::id(), rand::random::<u64>());
        std::env::temp_dir().join(name)
    };
    // That of a coordinator which was killed: the store's lock says that there is no other.
    let _ = std::fs::remove_file(own.join("socket"));
    let _ = std::fs::remove_dir(&own);
    DirBuilder::new().mode(0o700).create(&own)?;
    let socket = own.join("socket");
    let listener = UnixListener::bind(&socket)?;
    std::fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
    Ok((socket, listener))
}

async fn serve(
    stream: UnixStream,
    progress: watch::Receiver<Progress>,
    verdict: watch::Receiver<Option<Verdict>>,
    orders: mpsc::Sender<Ordered>,
) -> io::Result<()> {
    let (from, mut to) = stream.into_split();
    let mut lines = BufReader::new(from.take(LONGEST_REQUEST));
    let mut line = String::new();
    lines.read_line(&mut line).await?;
    let order = match serde_json::from_str::<Request>(&line) {
        Ok(request) => request.order,
        Err(error) => {
            let expected = r#"expected {"order": "watch"|"pause"|"resume"|"stop"}"#;
            return say(&mut to, &Answer::Refused(format!("{expected}: {error}"))).await;
        }
    };
    if order == Order::Watch {
        return tell(lines.into_inner().into_inner(), to, progress, verdict).await;
    }
    let (answer, answered) = oneshot::channel();
    let taken = orders.send(Ordered { order, answer }).await.is_ok();
    let answer = match answered.await {
        Ok(Ok(done)) if taken => Answer::Done(done),
        Ok(Err(refused)) if taken => Answer::Refused(refused),
        _ => Answer::Refused("the run is ending".to_owned()),
    };
    say(&mut to, &answer).await
}

/// How it goes, until the run is over or the watcher leaves.
async fn tell(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut progress: watch::Receiver<Progress>,
    mut verdict: watch::Receiver<Option<Verdict>>,
) -> io::Result<()> {
    loop {
        let shown = progress.borrow_and_update().clone();
        say(&mut to, &Answer::Progress(Box::new(shown))).await?;
        let mut nothing = [0; 1];
        tokio::select! {
            verdict = ended(&mut verdict) => {
                let Some(verdict) = verdict else { return Ok(()) };
                return say(&mut to, &Answer::Over(verdict)).await;
            }
            changed = progress.changed() => if changed.is_err() { return Ok(()) },
            read = from.read(&mut nothing) => if read? == 0 { return Ok(()) },
        }
    }
}

async fn ended(verdict: &mut watch::Receiver<Option<Verdict>>) -> Option<Verdict> {
    verdict.wait_for(Option::is_some).await.ok().and_then(|verdict| verdict.clone())
}

async fn say(to: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    to.write_all(&line).await
}

/// Of a socket's address, less its final zero.
const LONGEST_PATH: usize = 107;
const LONGEST_REQUEST: u64 = 4096;
