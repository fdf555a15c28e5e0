//! How `roamstorm agent drain` and `roamstorm health` reach the agent of this host: a UNIX socket in a folder that only its user can enter.
//!
//! ```text
//! → drain REASON
//! ← the agent hands over …          once a second
//! ← left: exit code 0               and the end; an end without it is a process that died
//!
//! → health
//! ← well                            and the end
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::getuid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The folder of the sockets: `ROAMSTORM_RUNTIME_DIR`, or where the system keeps such things.
pub fn folder() -> PathBuf {
    let user = getuid().as_raw();
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("ROAMSTORM_RUNTIME_DIR")
        .or_else(|| set("XDG_RUNTIME_DIR").map(|folder| folder.join("roamstorm")))
        .unwrap_or_else(|| match user {
            0 => PathBuf::from("/run/roamstorm"),
            _ => std::env::temp_dir().join(format!("roamstorm-{user}")),
        })
}

/// Listens for requests.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    requests: mpsc::Receiver<Request>,
    listening: tokio::task::JoinHandle<()>,
}

impl Control {
    /// Listens as the agent of this name. In a tokio runtime.
    ///
    /// # Errors
    /// The folder is another user's, or cannot be used.
    pub fn open(folder: &Path, name: &str) -> io::Result<Self> {
        own(folder)?;
        let path = folder.join(format!("{}.{}.sock", file_name(name), std::process::id()));
        // Of an earlier process with our number.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        let (queue, requests) = mpsc::channel(4);
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let queue = queue.clone();
                tokio::spawn(async move {
                    match timeout(ASKING, ask(stream)).await {
                        // Whoever asks beyond the queue's length asks again.
                        Ok(Some(Asked::ToLeave(request))) => drop(queue.try_send(request)),
                        Ok(Some(Asked::ForHealth(mut stream))) => {
                            let _ = timeout(TELLING, stream.write_all(WELL)).await;
                        }
                        Ok(None) | Err(_) => {}
                    }
                });
            }
        });
        Ok(Self { path, requests, listening })
    }

    /// The next one who wants the agent to leave. Cancel-safe.
    pub async fn next(&mut self) -> Request {
        match self.requests.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.listening.abort();
        let _ = fs::remove_file(&self.path);
    }
}

/// Somebody wants the agent to leave, and waits for it.
#[derive(Debug)]
pub struct Request {
    /// Why.
    pub reason: String,
    stream: UnixStream,
}

impl Request {
    /// Says how it goes. Who does not listen is not waited for.
    pub async fn tell(&mut self, text: &str) {
        let line = format!("{}\n", edges::text::line(text, LONGEST_TEXT));
        let _ = timeout(TELLING, self.stream.write_all(line.as_bytes())).await;
    }
}

/// What somebody wants.
enum Asked {
    ToLeave(Request),
    ForHealth(UnixStream),
}

async fn ask(mut stream: UnixStream) -> Option<Asked> {
    let mut line = String::new();
    BufReader::new((&mut stream).take(LONGEST)).read_line(&mut line).await.ok()?;
    if line == "health\n" {
        return Some(Asked::ForHealth(stream));
    }
    let reason = line.strip_prefix("drain ")?.strip_suffix('\n')?;
    let reason = edges::text::line(reason, LONGEST_TEXT).into_owned();
    Some(Asked::ToLeave(Request { reason, stream }))
}

/// Asks the agent at this socket, or its supervisor, whether it is there.
///
/// # Errors
/// It says nothing, or something else.
pub async fn answers(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(b"health\n").await?;
    let mut said = Vec::new();
    stream.take(LONGEST).read_to_end(&mut said).await?;
    if said != WELL {
        return Err(io::Error::other("it does not say that it is well; earlier versions do not answer"));
    }
    Ok(())
}

/// The agents of this host that listen, by name, with their sockets. Sockets that nobody listens at are removed.
///
/// # Errors
/// The folder cannot be read.
pub async fn agents(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let Some((name, _)) = file.strip_suffix(".sock").and_then(|stem| stem.rsplit_once('.')) else {
            continue;
        };
        match UnixStream::connect(&path).await {
            Ok(_) => found.push((name.to_owned(), path.clone())),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => drop(fs::remove_file(&path)),
            Err(_) => {}
        }
    }
    found.sort();
    Ok(found)
}

/// Whether an agent's socket is the one of this name.
pub fn is_named(name: &str, socket_name: &str) -> bool {
    file_name(name) == socket_name
}

/// What an agent says while it leaves.
#[derive(Debug)]
pub struct Progress {
    from: BufReader<UnixStream>,
}

impl Progress {
    /// Tells the agent at this socket to leave.
    ///
    /// # Errors
    /// It does not listen any more.
    pub async fn of(socket: &Path, reason: &str) -> io::Result<Self> {
        let mut stream = UnixStream::connect(socket).await?;
        stream.write_all(format!("drain {reason}\n").as_bytes()).await?;
        Ok(Self { from: BufReader::new(stream) })
    }

    /// What it says next; `None` at the end.
    pub async fn next(&mut self) -> Option<String> {
        let mut line = Vec::new();
        (&mut self.from).take(LONGEST).read_until(b'\n', &mut line).await.ok()?;
        let line = line.strip_suffix(b"\n")?;
        Some(edges::text::line_of_octets(line, LONGEST_TEXT))
    }
}

/// Makes the folder, and makes sure that nobody else can put anything into it.
fn own(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let metadata = fs::symlink_metadata(folder)?;
    if !metadata.is_dir() || metadata.uid() != getuid().as_raw() || metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other(format!("{} is not this user's alone", folder.display())));
    }
    Ok(())
}

/// A name as it stands in a file's name; a UNIX socket's path is short.
fn file_name(name: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    name.chars().take(32).map(fits).collect()
}

const WELL: &[u8] = b"well\n";
const ASKING: Duration = Duration::from_secs(2);
const TELLING: Duration = Duration::from_millis(100);
/// Octets of a line.
const LONGEST: u64 = 1024;
/// Characters of what an agent says.
const LONGEST_TEXT: usize = 300;
