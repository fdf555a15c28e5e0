//! One association: dcsctp's state machine, and what it leaves to its user: bounds, deadlines, liveness and a shutdown
//! that loses nothing. No I/O.

use super::packet::{self, Header};
use crate::departure::Queued;
use crate::{AssociationId, DownReason, Event, MAX_MESSAGE, Options, Parameters, Remote, SendError};
use dcsctp::api::{
    DcSctpSocket, ErrorKind, HandoverReadiness, Message, Options as DcsctpOptions, PpId, SendOptions, Socket,
    SocketEvent, SocketState, SocketTime, StreamId,
};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How packets name an association: the peer's address (with its UDP port) and both SCTP ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) peer: SocketAddr,
    pub(crate) peer_port: u16,
    pub(crate) local_port: u16,
}

/// A packet to be sent for an association, or for none.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) to: SocketAddr,
    pub(crate) octets: Vec<u8>,
    pub(crate) association: Option<AssociationId>,
}

/// Where an association puts what it wants sent and reported.
pub(crate) struct Sink<'a> {
    pub(crate) outgoing: &'a mut Vec<Datagram>,
    pub(crate) events: &'a mut Vec<Event>,
    /// The last identifier given; a restarted association takes a new one.
    pub(crate) last_id: &'a mut u32,
}

/// ```text
/// Connecting ──► Up ──► Draining (queued data leaves) ──► Closing (SHUTDOWN sent) ──► over
///      └──────────┴──────────┴───────────────────────────────┴── ABORT, deadline ──► over
/// ```
pub(crate) struct Association {
    pub(crate) id: AssociationId,
    pub(crate) key: Key,
    remote: Remote,
    socket: Socket,
    /// The zero of the socket's clock.
    epoch: Instant,
    phase: Phase,
    connect_timeout: Duration,
    dead_after: Duration,
    send_buffer: usize,
    /// Queued since the last flush.
    pending: Vec<Message>,
    /// At least the octets that are queued here and in the socket; corrected when it seems to be full.
    queued_at_most: usize,
    streams_in: u16,
    streams_out: u16,
    heard: Instant,
    /// When the socket wants the time; `None` when it does not.
    timer: Option<Instant>,
    /// Datagrams that were no SCTP packets for us, while connecting.
    garbage: u32,
    /// A packet for us has come.
    has_answered: bool,
    /// Messages that have not left, where somebody asks when they do.
    departing: Option<Queued>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting { deadline: Instant },
    Up,
    Draining { deadline: Instant },
    Closing { deadline: Instant },
}

impl Association {
    pub(crate) fn new(id: AssociationId, key: Key, remote: Remote, options: &Options, now: Instant) -> Self {
        Self {
            id,
            key,
            remote,
            socket: Socket::new("", &socket_options(key, options)),
            epoch: now,
            phase: Phase::Connecting { deadline: now + options.connect_timeout },
            connect_timeout: options.connect_timeout,
            dead_after: options.dead_after,
            send_buffer: options.send_buffer,
            pending: Vec::new(),
            queued_at_most: 0,
            streams_in: options.streams,
            streams_out: 0,
            heard: now,
            timer: None,
            garbage: 0,
            has_answered: false,
            departing: options.departures.then(Queued::default),
        }
    }

    /// One of its packets was given to the kernel: tells the numbers of the messages that begin in it.
    pub(crate) fn left(&mut self, packet: &[u8], number: impl FnMut(u64)) {
        if let Some(departing) = &mut self.departing {
            departing.left(packet, number);
        }
    }

    pub(crate) fn is_connecting(&self) -> bool {
        matches!(self.phase, Phase::Connecting { .. })
    }

    pub(crate) fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// Whether something waits for a flush.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.pending.is_empty()
    }

    /// When [`Self::expire`] must be called.
    pub(crate) fn deadline(&self) -> Instant {
        let own = match self.phase {
            Phase::Up => self.heard + self.dead_after,
            Phase::Connecting { deadline } | Phase::Draining { deadline } | Phase::Closing { deadline } => {
                deadline
            }
        };
        self.timer.map_or(own, |timer| timer.min(own))
    }

    pub(crate) fn connect(&mut self, now: Instant, sink: &mut Sink<'_>) -> Option<DownReason> {
        self.run(now, sink, Socket::connect)
    }

    /// A packet from the peer.
    pub(crate) fn receive(
        &mut self,
        header: Header,
        octets: &[u8],
        now: Instant,
        sink: &mut Sink<'_>,
    ) -> Option<DownReason> {
        // What is damaged is nobody's word (RFC 9260 §6.8): neither a sign of life nor the end of anything.
        if !packet::checksum_is_right(octets) {
            self.receive_garbage();
            return None;
        }
        let is_for_us = header.tag == self.socket.verification_tag();
        if is_for_us {
            self.heard = now;
            self.has_answered = true;
        }
        // dcsctp ignores an ABORT in answer to its INIT (RFC 9260 §8.5.1 exception B).
        if is_for_us && self.is_connecting() && header.first_chunk == packet::ABORT {
            return Some(self.refused(packet::abort_cause(octets)));
        }
        self.run(now, sink, |socket| socket.handle_input(octets))
    }

    /// A datagram of the peer's address that is no packet for us: it is discarded silently (RFC 9260 §6.8). Only an attempt
    /// that ends without anything else says so.
    pub(crate) fn receive_garbage(&mut self) {
        self.garbage = self.garbage.saturating_add(1);
    }

    pub(crate) fn queue(&mut self, stream: u16, ppid: u32, payload: Vec<u8>) -> Result<(), SendError> {
        SendError::check_length(payload.len())?;
        match self.phase {
            Phase::Connecting { .. } => return Err(SendError::NotUp),
            Phase::Draining { .. } | Phase::Closing { .. } => return Err(SendError::Gone),
            Phase::Up if self.socket.state() != SocketState::Connected => return Err(SendError::Gone),
            Phase::Up => {}
        }
        if stream >= self.streams_out {
            return Err(SendError::NoSuchStream { stream, streams: self.streams_out });
        }
        if self.queued_at_most + payload.len() > self.send_buffer {
            self.queued_at_most = self.queued();
            if self.queued_at_most + payload.len() > self.send_buffer {
                return Err(SendError::Full);
            }
        }
        self.queued_at_most += payload.len();
        if let Some(departing) = &mut self.departing {
            departing.push(stream);
        }
        self.pending.push(Message::new(StreamId(stream), PpId(ppid), payload));
        Ok(())
    }

    /// Hands the queued messages over, so that small ones share packets.
    pub(crate) fn flush(&mut self, now: Instant, sink: &mut Sink<'_>) -> Option<DownReason> {
        if self.pending.is_empty() || self.socket.state() != SocketState::Connected {
            return None;
        }
        let messages = std::mem::take(&mut self.pending);
        self.run(now, sink, |socket| {
            // Cannot fail: lengths, state and room were checked before.
            let _ = socket.send_many(messages, &SendOptions::default());
        })
    }

    /// Runs timers and checks deadlines.
    pub(crate) fn expire(&mut self, now: Instant, sink: &mut Sink<'_>) -> Option<DownReason> {
        if self.timer.is_some_and(|timer| timer <= now)
            && let Some(reason) = self.run(now, sink, |_| ())
        {
            return Some(reason);
        }
        let reason = match self.phase {
            Phase::Connecting { deadline } if deadline <= now && self.garbage > 0 && !self.has_answered => {
                self.not_sctp()
            }
            Phase::Connecting { deadline } if deadline <= now => {
                DownReason::TimedOut { remote: self.remote.clone(), after: self.connect_timeout }
            }
            Phase::Up if self.heard + self.dead_after <= now => self.lost(),
            Phase::Draining { deadline } | Phase::Closing { deadline } if deadline <= now => self.lost(),
            _ => return None,
        };
        self.close(sink);
        Some(reason)
    }

    pub(crate) fn shutdown(&mut self, now: Instant, sink: &mut Sink<'_>) -> Option<DownReason> {
        match self.phase {
            Phase::Connecting { .. } => {
                self.close(sink);
                Some(DownReason::Shutdown { remote: self.remote.clone(), unsent: 0 })
            }
            Phase::Up => {
                self.phase = Phase::Draining { deadline: now + self.dead_after };
                self.flush(now, sink).or_else(|| self.run(now, sink, |_| ()))
            }
            Phase::Draining { .. } | Phase::Closing { .. } => None,
        }
    }

    pub(crate) fn abort(&mut self, sink: &mut Sink<'_>) -> DownReason {
        self.close(sink);
        DownReason::Aborted { remote: self.remote.clone(), cause: "by this side".to_owned() }
    }

    pub(crate) fn refused(&self, cause: &str) -> DownReason {
        DownReason::Refused { remote: self.remote.clone(), cause: cause.to_owned() }
    }

    pub(crate) fn unreachable(&self, cause: &std::io::Error) -> DownReason {
        DownReason::Unreachable { remote: self.remote.clone(), cause: cause.to_string() }
    }

    /// Lets the socket do something at `now`, then collects what came of it.
    fn run(
        &mut self,
        now: Instant,
        sink: &mut Sink<'_>,
        action: impl FnOnce(&mut Socket),
    ) -> Option<DownReason> {
        let time = SocketTime::zero() + now.saturating_duration_since(self.epoch);
        let socket = &mut self.socket;
        // A defect in the protocol stack, provoked by a peer, must not take the other associations with it.
        let done = catch_unwind(AssertUnwindSafe(|| {
            socket.advance_time(time);
            action(socket);
        }));
        if done.is_err() {
            tracing::error!(peer = %self.remote, "the SCTP stack panicked; the association is dropped");
            let cause = "the SCTP stack of this side failed".to_owned();
            return Some(DownReason::Aborted { remote: self.remote.clone(), cause });
        }
        if let Some(reason) = self.collect(now, sink) {
            return Some(reason);
        }
        if let Phase::Draining { deadline } = self.phase
            && self.pending.is_empty()
            && self.socket.state() == SocketState::Connected
            && !self.is_sending()
        {
            self.phase = Phase::Closing { deadline };
            self.socket.shutdown();
            if let Some(reason) = self.collect(now, sink) {
                return Some(reason);
            }
        }
        self.timer = self.epoch.checked_add(self.socket.poll_timeout() - SocketTime::zero());
        None
    }

    fn collect(&mut self, now: Instant, sink: &mut Sink<'_>) -> Option<DownReason> {
        let mut down = None;
        while let Some(event) = self.socket.poll_event() {
            match event {
                SocketEvent::SendPacket(octets) => {
                    sink.outgoing.push(Datagram { to: self.key.peer, octets, association: Some(self.id) });
                }
                SocketEvent::OnConnected() => self.connected(sink),
                SocketEvent::OnAborted(kind, text) => down = Some(self.aborted(kind, text)),
                SocketEvent::OnClosed() => {
                    let unsent = if matches!(self.phase, Phase::Closing { .. }) { 0 } else { self.queued() };
                    down = Some(DownReason::Shutdown { remote: self.remote.clone(), unsent });
                }
                SocketEvent::OnError(kind, text) => {
                    tracing::debug!(peer = %self.remote, ?kind, text, "SCTP error");
                    if kind == ErrorKind::ParseFailed {
                        self.receive_garbage();
                    }
                }
                _ => {}
            }
        }
        while let Some(message) = self.socket.get_next_message() {
            let StreamId(stream) = message.stream_id;
            if stream >= self.streams_in {
                tracing::debug!(peer = %self.remote, stream, "message on a stream that does not exist");
                continue;
            }
            let PpId(ppid) = message.ppid;
            let payload = message.payload;
            sink.events.push(Event::Received { id: self.id, stream, ppid, payload, at: now });
        }
        down
    }

    /// Established; when it already was, the peer lost its state and began anew (RFC 9260 §5.2).
    fn connected(&mut self, sink: &mut Sink<'_>) {
        if !self.is_connecting() {
            let cause = "the peer restarted the association".to_owned();
            let reason = DownReason::Aborted { remote: self.remote.clone(), cause };
            sink.events.push(Event::Down { id: self.id, reason });
            *sink.last_id = sink.last_id.wrapping_add(1);
            self.id = AssociationId(*sink.last_id);
            self.pending.clear();
            self.departing = self.departing.take().map(|_| Queued::default());
        }
        self.phase = Phase::Up;
        if let Some(metrics) = self.socket.get_metrics() {
            self.streams_out = metrics.negotiated_maximum_outgoing_streams;
        }
        let peer = SocketAddr::new(self.key.peer.ip(), self.key.peer_port);
        sink.events.push(Event::Up { id: self.id, peer, streams_out: self.streams_out });
    }

    /// What it has come to.
    pub(crate) fn parameters(&self) -> Option<Parameters> {
        let metrics = self.socket.get_metrics()?;
        Some(Parameters {
            streams_out: metrics.negotiated_maximum_outgoing_streams,
            streams_in: metrics.negotiated_maximum_incoming_streams,
            round_trip: metrics.srtt,
            rto: None,
            rto_limits: (RTO_MIN, RTO_MAX),
            path_mtu: PACKET_SIZE.try_into().unwrap_or(u32::MAX),
            peer_window: metrics.peer_rwnd_bytes,
            retransmitted: Some(metrics.rtx_packets_count as u64),
        })
    }

    fn aborted(&self, kind: ErrorKind, text: String) -> DownReason {
        let remote = self.remote.clone();
        // The peer's words are in it (RFC 9260 §3.3.10.12).
        let text = edges::text::line(&text, LONGEST_CAUSE).into_owned();
        let cause = if text.is_empty() { "ABORT from the peer".to_owned() } else { text };
        match (kind, self.is_connecting()) {
            (ErrorKind::PeerReported, true) => DownReason::Refused { remote, cause },
            (ErrorKind::TooManyRetries, true) => DownReason::TimedOut { remote, after: self.connect_timeout },
            (ErrorKind::ProtocolViolation, true) => DownReason::NotSctp { remote, answer: cause },
            _ => DownReason::Aborted { remote, cause },
        }
    }

    /// Sends ABORT if the peer knows of the association; events of the socket no longer matter.
    fn close(&mut self, sink: &mut Sink<'_>) {
        let socket = &mut self.socket;
        let _ = catch_unwind(AssertUnwindSafe(|| socket.close()));
        while let Some(event) = self.socket.poll_event() {
            if let SocketEvent::SendPacket(octets) = event {
                sink.outgoing.push(Datagram { to: self.key.peer, octets, association: None });
            }
        }
    }

    /// Whether messages handed over are not all acknowledged; SHUTDOWN would lose them.
    fn is_sending(&self) -> bool {
        let readiness = self.socket.get_handover_readiness();
        [
            HandoverReadiness::SEND_QUEUE_NOT_EMPTY,
            HandoverReadiness::RETRANSMISSION_QUEUE_OUTSTANDING_DATA,
            HandoverReadiness::RETRANSMISSION_QUEUE_NOT_EMPTY,
        ]
        .into_iter()
        .any(|reason| readiness.contains(reason))
    }

    /// Octets that have not been sent for the first time.
    fn queued(&self) -> usize {
        let here: usize = self.pending.iter().map(|message| message.payload.len()).sum();
        let there: usize =
            (0..self.streams_out).map(|stream| self.socket.buffered_amount(StreamId(stream))).sum();
        here + there
    }

    fn lost(&self) -> DownReason {
        DownReason::Lost { remote: self.remote.clone(), after: self.dead_after }
    }

    fn not_sctp(&self) -> DownReason {
        let answer = format!("{} datagrams that are no SCTP packets for us", self.garbage);
        DownReason::NotSctp { remote: self.remote.clone(), answer }
    }
}

/// The values were measured against the Linux kernel; what is not named here is dcsctp's default.
pub(crate) fn socket_options(key: Key, options: &Options) -> DcsctpOptions {
    let room = options.send_buffer.saturating_mul(2).saturating_add(MAX_MESSAGE).min(u32::MAX as usize);
    DcsctpOptions {
        local_port: key.local_port,
        remote_port: key.peer_port,
        announced_maximum_incoming_streams: options.streams,
        announced_maximum_outgoing_streams: options.streams,
        mtu: PACKET_SIZE,
        max_message_size: MAX_MESSAGE,
        max_receiver_window_buffer_size: RECEIVE_WINDOW,
        max_send_buffer_size: room,
        per_stream_send_queue_limit: room,
        rto_initial: Duration::from_millis(500),
        rto_min: RTO_MIN,
        rto_max: RTO_MAX,
        t1_init_timeout: (options.connect_timeout / 5).clamp(MIN_INIT_TIMEOUT, Duration::from_secs(1)),
        t1_cookie_timeout: (options.connect_timeout / 5).clamp(MIN_INIT_TIMEOUT, Duration::from_secs(1)),
        max_timer_backoff_duration: Some(Duration::from_secs(1)),
        min_rtt_variance: Duration::from_millis(60),
        heartbeat_interval: options.effective_heartbeat(),
        heartbeat_interval_include_rtt: false,
        max_burst: 16,
        // Our own deadlines decide; see `Phase` and `dead_after`.
        max_retransmissions: None,
        max_init_retransmits: None,
        enable_partial_reliability: false,
        ..DcsctpOptions::default()
    }
}

const RTO_MIN: Duration = Duration::from_millis(200);
const RTO_MAX: Duration = Duration::from_secs(3);
/// Characters of what a peer says about an ABORT.
const LONGEST_CAUSE: usize = 200;
/// Octets of an SCTP packet: fits an Ethernet frame below IPv6 and UDP.
const PACKET_SIZE: usize = 1440;
/// Octets a peer may have in flight towards us.
const RECEIVE_WINDOW: usize = 4 * 1024 * 1024;
/// INIT is sent some five times within the connect timeout, but not more often than this.
const MIN_INIT_TIMEOUT: Duration = Duration::from_millis(50);
