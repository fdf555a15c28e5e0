//! The task of one association on kernel SCTP.

use crate::waker::Waker;
use crate::{AssociationId, Departure, DownReason, MAX_MESSAGE, Options, Parameters, Remote};
use oxirush_sctp::{
    AssociationParams, ConnectedSocket, InitParams, NotificationOrData, PeerAddressParams, ReceivedData,
    RtoInfo, SendOptions, Socket, SocketOptions, SocketToAssociation,
};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// What a task tells the endpoint.
#[derive(Debug)]
pub(super) enum Report {
    /// Begun by the peer.
    Accepted {
        id: AssociationId,
        handle: Handle,
        up: Up,
    },
    /// Begun by us.
    Connected {
        id: AssociationId,
        up: Up,
    },
    Received {
        id: AssociationId,
        at: std::time::Instant,
        messages: Vec<ReceivedData>,
    },
    Down {
        id: AssociationId,
        reason: DownReason,
    },
}

/// What is known of an association once it is up.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) streams_out: u16,
    /// As they were when it came up.
    pub(super) parameters: Parameters,
    /// Octets of the longest message which the socket's buffer takes.
    pub(super) longest: usize,
}

/// How the endpoint reaches the task of an association.
#[derive(Debug)]
pub(super) struct Handle {
    /// Bounded by `queued`. Closing it shuts the association down when what is in it has been sent.
    pub(super) outgoing: Option<mpsc::UnboundedSender<Outgoing>>,
    pub(super) queued: Arc<AtomicUsize>,
    abort: Arc<Abort>,
    pub(super) remote: Remote,
}

impl Handle {
    /// The association is to end at once. Called before `outgoing` is closed, which would shut it down.
    pub(super) fn abort(&self) {
        self.abort.asked.store(true, Ordering::Release);
        self.abort.notify.notify_one();
    }
}

/// The wish to end an association at once.
#[derive(Debug, Default)]
struct Abort {
    asked: AtomicBool,
    notify: Notify,
}

#[derive(Debug)]
pub(super) struct Outgoing {
    /// The how manieth message of the association.
    pub(super) number: u64,
    pub(super) stream: u16,
    pub(super) ppid: u32,
    pub(super) payload: Vec<u8>,
}

/// The task's side of a [`Handle`].
pub(super) struct Task {
    pub(super) id: AssociationId,
    pub(super) remote: Remote,
    pub(super) options: Arc<Options>,
    pub(super) reports: Reports,
    outgoing: mpsc::UnboundedReceiver<Outgoing>,
    queued: Arc<AtomicUsize>,
    abort: Arc<Abort>,
}

/// The way of reports to the endpoint; waits while that is behind.
#[derive(Clone)]
pub(super) struct Reports {
    pub(super) sender: mpsc::Sender<Report>,
    pub(super) waker: Waker,
    /// Messages that have left, where somebody asks for them.
    pub(super) departures: Option<Arc<Mutex<Vec<Departure>>>>,
}

impl Reports {
    pub(super) async fn send(&self, report: Report) {
        // Fails only when the endpoint is being dropped.
        let _ = self.sender.send(report).await;
        self.waker.nudge();
    }
}

impl Task {
    pub(super) fn new(
        id: AssociationId,
        remote: Remote,
        options: Arc<Options>,
        reports: Reports,
    ) -> (Self, Handle) {
        let (sender, outgoing) = mpsc::unbounded_channel();
        let (queued, abort) = (Arc::<AtomicUsize>::default(), Arc::<Abort>::default());
        let handle = Handle {
            outgoing: Some(sender),
            queued: Arc::clone(&queued),
            abort: Arc::clone(&abort),
            remote: remote.clone(),
        };
        (Self { id, remote, options, reports, outgoing, queued, abort }, handle)
    }

    /// Connects, then serves the association to its end.
    pub(super) async fn connect(self, peers: Vec<SocketAddr>) {
        let (abort, after) = (Arc::clone(&self.abort), self.options.connect_timeout);
        let connected = tokio::select! {
            connected = tokio::time::timeout(after, connect(&peers, &self.options)) => connected,
            () = abort.notify.notified() => return,
        };
        let remote = self.remote.clone();
        let reason = match connected {
            Ok(Ok(socket)) => match describe(&socket) {
                Ok(up) => {
                    self.reports.send(Report::Connected { id: self.id, up }).await;
                    return self.serve(socket).await;
                }
                // Gone again already.
                Err(error) => DownReason::Refused { remote, cause: error.to_string() },
            },
            Ok(Err(error)) => match error.kind() {
                io::ErrorKind::TimedOut => DownReason::TimedOut { remote, after },
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    DownReason::Unreachable { remote, cause: error.to_string() }
                }
                _ => DownReason::Refused { remote, cause: error.to_string() },
            },
            Err(_) => DownReason::TimedOut { remote, after },
        };
        self.reports.send(Report::Down { id: self.id, reason }).await;
    }

    /// Serves an association that is up to its end.
    pub(super) async fn serve(mut self, socket: ConnectedSocket) {
        let abort = Arc::clone(&self.abort);
        let reason = tokio::select! {
            reason = self.carry(&socket) => Some(reason),
            // The endpoint has reported it already.
            () = abort.notify.notified() => None,
        };
        // What is left of it must not linger: without a peer that answers, the kernel would keep it for minutes.
        let _ = socket.abort(&[]);
        if let Some(reason) = reason {
            self.reports.send(Report::Down { id: self.id, reason }).await;
        }
    }

    /// Carries messages both ways until the association ends.
    async fn carry(&mut self, socket: &ConnectedSocket) -> DownReason {
        let mut received = Vec::new();
        let mut next: Option<Outgoing> = None;
        let mut deadline: Option<Instant> = None;
        loop {
            tokio::select! {
                result = socket.recv_many(&mut received, RECEIVE_BATCH) => {
                    let count = match result {
                        Ok(count) => count,
                        Err(error) => return self.ended_by(&error),
                    };
                    let at = std::time::Instant::now();
                    let messages: Vec<ReceivedData> = received.drain(..).filter_map(data).collect();
                    if !messages.is_empty() {
                        self.reports.send(Report::Received { id: self.id, at, messages }).await;
                    } else if count == 0 {
                        let unsent = self.queued.load(Ordering::Relaxed);
                        return DownReason::Shutdown { remote: self.remote.clone(), unsent };
                    }
                }
                // Singly: `sendmmsg` was seen to stall for good when the send buffer was full.
                sent = send(socket, next.as_ref()), if next.is_some() => {
                    if let Err(error) = sent {
                        return self.ended_by(&error);
                    }
                    self.taken(next.take());
                }
                message = self.outgoing.recv(), if next.is_none() && deadline.is_none() => {
                    next = message;
                    if next.is_none() {
                        // An abort closes the queue too, and must not become a shutdown: `serve` is about to see it.
                        if self.abort.asked.load(Ordering::Acquire) {
                            return std::future::pending().await;
                        }
                        if let Err(error) = socket.shutdown(Shutdown::Write) {
                            return self.ended_by(&error);
                        }
                        deadline = Some(Instant::now() + self.options.dead_after);
                    }
                }
                () = sleep_until(deadline), if deadline.is_some() => {
                    return DownReason::Lost { remote: self.remote.clone(), after: self.options.dead_after };
                }
            }
        }
    }

    fn taken(&self, message: Option<Outgoing>) {
        if let Some(message) = message {
            if let Some(departures) = &self.reports.departures {
                let (id, number) = (self.id, message.number);
                let departure = Departure { id, number, at: std::time::Instant::now() };
                departures.lock().unwrap_or_else(PoisonError::into_inner).push(departure);
            }
            self.queued.fetch_sub(message.payload.len(), Ordering::Relaxed);
        }
    }

    fn ended_by(&self, error: &io::Error) -> DownReason {
        let remote = self.remote.clone();
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                DownReason::Lost { remote, after: self.options.dead_after }
            }
            io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected => {
                DownReason::Shutdown { remote, unsent: self.queued.load(Ordering::Relaxed) }
            }
            _ => DownReason::Aborted { remote, cause: error.to_string() },
        }
    }
}

/// A socket for associations like those of `peer`, with all options set.
pub(super) fn socket(like: SocketAddr, options: &Options) -> io::Result<Socket> {
    let socket = match like {
        SocketAddr::V4(_) => Socket::new_v4(SocketToAssociation::OneToOne)?,
        SocketAddr::V6(_) => Socket::new_v6(SocketToAssociation::OneToOne)?,
    };
    configure(&socket.options(), like, options)?;
    Ok(socket)
}

/// The association's ends and limits.
pub(super) fn describe(socket: &ConnectedSocket) -> io::Result<Up> {
    let first = |addresses: Vec<SocketAddr>| {
        addresses.into_iter().next().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))
    };
    let status = socket.status()?;
    // For people alone: an association does without them.
    let limits = socket.options().rto_info(0).unwrap_or_else(|_| RtoInfo::new(0, 0, 0));
    let path = &status.peer_primary;
    let parameters = Parameters {
        streams_out: status.outstreams,
        streams_in: status.instreams,
        round_trip: Duration::from_millis(path.srtt.into()),
        rto: Some(Duration::from_millis(path.rto.into())),
        rto_limits: (Duration::from_millis(limits.min.into()), Duration::from_millis(limits.max.into())),
        path_mtu: path.mtu,
        peer_window: status.rwnd,
        retransmitted: None,
    };
    Ok(Up {
        local: first(socket.local_addrs()?)?,
        peer: first(socket.peer_addrs()?)?,
        streams_out: status.outstreams,
        parameters,
        longest: (socket.options().send_buffer_size()? / 2).min(MAX_MESSAGE),
    })
}

async fn connect(peers: &[SocketAddr], options: &Options) -> io::Result<ConnectedSocket> {
    let like = *peers.first().ok_or(io::ErrorKind::NotFound)?;
    let socket = socket(like, options)?;
    if let Some(ip) = options.bind {
        socket.bind(SocketAddr::new(ip, 0))?;
    }
    let (socket, _) = socket.connectx(peers).await?;
    Ok(socket)
}

fn configure(socket: &SocketOptions<'_>, like: SocketAddr, options: &Options) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket.set_init_params(InitParams {
        max_attempts: 5,
        max_init_timeout: milliseconds(options.connect_timeout / 5).try_into().unwrap_or(u16::MAX),
        ..InitParams::streams(options.streams, options.streams)
    })?;
    // Some `RETRANSMISSIONS` timeouts of at most `step` make up `dead_after`.
    let step =
        (options.dead_after / RETRANSMISSIONS).clamp(Duration::from_millis(100), Duration::from_secs(3));
    let rto_min = Duration::from_millis(200).min(step);
    socket.set_rto_info(RtoInfo::new(milliseconds(rto_min), milliseconds(step), milliseconds(rto_min)))?;
    let any = match like {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let mut path = PeerAddressParams::new(0, any);
    path.heartbeat_interval = options.heartbeat.min(step);
    path.path_max_retrans = u16::try_from(RETRANSMISSIONS).unwrap_or(u16::MAX);
    socket.set_peer_address_params(path)?;
    let mut association: AssociationParams = socket.association_params(0)?;
    association.max_retransmissions = u16::try_from(RETRANSMISSIONS).unwrap_or(u16::MAX);
    socket.set_association_params(association)?;
    // The kernel gives what it allows (net.core.wmem_max, rmem_max).
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_max_message_size(SOCKET_BUFFER);
    Ok(())
}

async fn send(socket: &ConnectedSocket, message: Option<&Outgoing>) -> io::Result<()> {
    match message {
        Some(message) => {
            let options = SendOptions::new().stream(message.stream).ppid(message.ppid);
            socket.send(&message.payload, options).await
        }
        None => Ok(()),
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn data(received: NotificationOrData) -> Option<ReceivedData> {
    match received {
        NotificationOrData::Data(message) => Some(message),
        NotificationOrData::Notification(notification) => {
            tracing::debug!(?notification, "SCTP notification");
            None
        }
        _ => None,
    }
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// Messages taken from the kernel at once.
const RECEIVE_BATCH: usize = 64;
/// Octets asked for each direction of a socket.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;
/// `Association.Max.Retrans` (RFC 9260 §16).
const RETRANSMISSIONS: u32 = 8;
