//! The thread that runs the sockets of a kernel endpoint.

use super::association::{Report, Reports, Task, describe, socket};
use crate::{AssociationId, Options, Remote, Transport};
use oxirush_sctp::Listener;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;

/// What the endpoint asks of the thread; when the channel closes, the thread ends.
pub(super) type NewConnection = (Task, Vec<SocketAddr>);

/// What the endpoint and its thread share.
pub(super) struct Shared {
    pub(super) options: Arc<Options>,
    pub(super) reports: Reports,
    pub(super) last_id: Arc<AtomicU32>,
    pub(super) associations: Arc<AtomicUsize>,
}

/// Starts the thread; it listens at `local` first, if given. Returns the listener's real address too.
pub(super) fn start(
    local: Option<SocketAddr>,
    shared: Shared,
    connections: mpsc::UnboundedReceiver<NewConnection>,
) -> io::Result<(JoinHandle<()>, Option<SocketAddr>)> {
    let (ready, is_ready) = std_mpsc::channel();
    let thread = std::thread::Builder::new().name("sctp-kernel".to_owned()).spawn(move || {
        let (priority, role) = shared.options.priority;
        let _place = host::take(priority, role);
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        runtime.block_on(run(local, shared, connections, ready));
        // Tasks that have not seen their abort yet get a moment, then are dropped with their sockets.
        runtime.shutdown_timeout(Duration::from_millis(100));
    })?;
    match is_ready.recv() {
        Ok(Ok(local)) => Ok((thread, local)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::other("the I/O thread ended at once")),
    }
}

async fn run(
    local: Option<SocketAddr>,
    shared: Shared,
    mut connections: mpsc::UnboundedReceiver<NewConnection>,
    ready: std_mpsc::Sender<io::Result<Option<SocketAddr>>>,
) {
    let listener = local.map(|local| listen(local, &shared.options)).transpose();
    let address = match &listener {
        Ok(Some(listener)) => listener.local_addr().map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    };
    let failed = address.is_err();
    let _ = ready.send(address);
    if failed {
        return;
    }
    let listener = listener.ok().flatten();
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            connection = connections.recv() => match connection {
                Some((task, peers)) => {
                    tasks.spawn(task.connect(peers));
                }
                None => break,
            },
            accepted = accept(listener.as_ref()) => match accepted {
                Ok((socket, peer)) => accepted_one(socket, peer, &shared, &mut tasks).await,
                Err(error) => {
                    // Out of descriptors, or a connection gone again; not a reason to spin.
                    tracing::warn!(%error, "accepting an association failed");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
            Some(_) = tasks.join_next() => {}
        }
    }
    // The endpoint has asked every association to abort.
    let all = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_secs(1), all).await;
}

fn listen(local: SocketAddr, options: &Options) -> io::Result<Listener> {
    let socket = socket(local, options)?;
    socket.bind(local)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: Option<&Listener>) -> io::Result<(oxirush_sctp::ConnectedSocket, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn accepted_one(
    socket: oxirush_sctp::ConnectedSocket,
    peer: SocketAddr,
    shared: &Shared,
    tasks: &mut tokio::task::JoinSet<()>,
) {
    if shared.associations.fetch_add(1, Ordering::Relaxed) >= shared.options.max_associations {
        shared.associations.fetch_sub(1, Ordering::Relaxed);
        tracing::warn!(%peer, limit = shared.options.max_associations, "association refused: limit reached");
        let _ = socket.abort(&[]);
        return;
    }
    // An association that is gone already is not reported.
    let Ok(up) = describe(&socket) else {
        shared.associations.fetch_sub(1, Ordering::Relaxed);
        return;
    };
    let id = AssociationId(shared.last_id.fetch_add(1, Ordering::Relaxed) + 1);
    let remote = Remote { transport: Transport::Kernel, address: format!("sctp://{peer}") };
    let (task, handle) = Task::new(id, remote, Arc::clone(&shared.options), shared.reports.clone());
    shared.reports.send(Report::Accepted { id, handle, up }).await;
    tasks.spawn(task.serve(socket));
}

/// Associations that wait to be accepted.
const BACKLOG: i32 = 1024;
