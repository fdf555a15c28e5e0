//! A joined connection: messages both ways, on one bidirectional stream.
//!
//! Both directions are bounded and slow the sender down rather than grow: [`Sender::send`] waits while the receiver
//! is a window ([`crate::Settings::window`]) behind. So whoever must not wait (an agent's workers) keeps a queue with
//! a limit of its own before it, and a task that sends.

use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectionError, ReadError, RecvStream, SendStream, StoppedError, WriteError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bounds::{Bounded, MOST_HELD};
use crate::frame::{self, Assembler};
use crate::to_agent::ToAgent;
use crate::to_coordinator::{Hello, ToCoordinator};
use crate::version_negotiation::{self, OFFER_LIMIT, decode_refusal, encode_refusal};
use crate::{FrameError, Peer, VersionOffer, WireError};

/// What the coordinator sends to one agent with.
pub type AgentSender = Sender<ToAgent>;
/// What the coordinator receives from one agent with.
pub type AgentReceiver = Receiver<ToCoordinator>;
/// What an agent sends to the coordinator with.
pub type CoordinatorSender = Sender<ToCoordinator>;
/// What an agent receives from the coordinator with.
pub type CoordinatorReceiver = Receiver<ToAgent>;

/// The coordinator's connection to one agent.
#[derive(Debug)]
pub struct AgentLink {
    /// Who joined.
    pub hello: Hello,
    /// From where.
    pub peer: SocketAddr,
    /// To whom its certificate was issued.
    pub certificate: Option<String>,
    /// The version of the messages that both speak.
    pub version: u16,
    pub(crate) sender: AgentSender,
    pub(crate) receiver: AgentReceiver,
}

impl AgentLink {
    /// See [`Sender::send`].
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send(&mut self, message: &ToAgent) -> Result<(), WireError> {
        self.sender.send(message).await
    }

    /// See [`Receiver::receive`].
    ///
    /// # Errors
    /// As [`Receiver::receive`].
    pub async fn receive(&mut self) -> Result<Option<ToCoordinator>, WireError> {
        self.receiver.receive().await
    }

    /// Two halves for two tasks.
    pub fn split(self) -> (AgentSender, AgentReceiver) {
        (self.sender, self.receiver)
    }

    /// Whether the connection is there still, as far as is known.
    pub fn is_open(&self) -> bool {
        self.connection().close_reason().is_none()
    }

    pub(crate) fn connection(&self) -> &Arc<quinn::Connection> {
        &self.sender.line.connection
    }

    /// Sends the agent away: its `receive` fails with [`WireError::Refused`] and this reason.
    pub async fn refuse(self, reason: &str) {
        self.sender.refuse(reason).await;
    }
}

/// An agent's connection to the coordinator.
#[derive(Debug)]
pub struct CoordinatorLink {
    /// The coordinator's address.
    pub peer: SocketAddr,
    /// The version of the messages that both speak.
    pub version: u16,
    pub(crate) sender: CoordinatorSender,
    pub(crate) receiver: CoordinatorReceiver,
}

impl CoordinatorLink {
    /// See [`Sender::send`].
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send(&mut self, message: &ToCoordinator) -> Result<(), WireError> {
        self.sender.send(message).await
    }

    /// See [`Receiver::receive`].
    ///
    /// # Errors
    /// As [`Receiver::receive`].
    pub async fn receive(&mut self) -> Result<Option<ToAgent>, WireError> {
        self.receiver.receive().await
    }

    /// Two halves for two tasks.
    pub fn split(self) -> (CoordinatorSender, CoordinatorReceiver) {
        (self.sender, self.receiver)
    }
}

/// Both halves of a stream that no frame has passed yet.
pub(crate) fn halves<S, R>(
    connection: Arc<quinn::Connection>,
    peer: Peer,
    idle: Duration,
    (send, receive): (SendStream, RecvStream),
) -> (Sender<S>, Receiver<R>) {
    let line = Line { connection, peer, idle };
    let sender =
        Sender { line: line.clone(), stream: send, octets_sent: 0, cut_off: false, message: PhantomData };
    let receiver =
        Receiver { line, stream: receive, assembler: Assembler::new(OFFER_LIMIT), message: PhantomData };
    (sender, receiver)
}

/// Sends messages, in order.
#[derive(Debug)]
pub struct Sender<T> {
    line: Line,
    stream: SendStream,
    octets_sent: u64,
    /// A frame was begun and not ended.
    cut_off: bool,
    message: PhantomData<fn(&T)>,
}

impl<T: Serialize> Sender<T> {
    /// Sends one message. Waits while the peer reads slower than we send: at most a window
    /// ([`crate::Settings::window`]) is under way. Not cancel-safe: when it is dropped half way, the next one fails
    /// with [`WireError::Unusable`].
    ///
    /// # Errors
    /// The peer is gone, or the message is larger than a frame may be (then the link can still be used).
    pub async fn send(&mut self, message: &T) -> Result<(), WireError> {
        let frame = frame::encode_frame(message).map_err(|error| self.line.frame(error))?;
        self.send_frame(&frame).await
    }

    /// Says that nothing more comes, and waits until the peer's machine has everything. Without it, what was sent
    /// last may be lost when both halves of the link are dropped.
    ///
    /// # Errors
    /// The peer is gone.
    pub async fn finish(mut self) -> Result<(), WireError> {
        let ended = self.stream.finish();
        ended.map_err(|_| self.line.gone("the messages were finished already"))?;
        match self.stream.stopped().await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(self.line.gone(NOT_READING)),
            Err(StoppedError::ConnectionLost(error)) => Err(self.line.lost(error)),
            Err(error @ StoppedError::ZeroRttRejected) => Err(self.line.gone(&error.to_string())),
        }
    }

    /// Octets sent so far, with the frames' lengths, without QUIC's own.
    pub fn octets_sent(&self) -> u64 {
        self.octets_sent
    }

    /// The other end's address.
    pub fn peer(&self) -> SocketAddr {
        self.line.peer.address
    }

    pub(crate) async fn send_offer(&mut self, offer: &VersionOffer) -> Result<(), WireError> {
        let frame = frame::frame_of(&offer.encode()).map_err(|error| self.line.frame(error))?;
        self.send_frame(&frame).await
    }

    /// Says why, gives the peer a moment to read it, and ends the connection.
    pub(crate) async fn refuse(mut self, reason: &str) {
        let connection = Arc::clone(&self.line.connection);
        let said = async {
            let frame = frame::frame_of(&encode_refusal(reason)).map_err(|error| self.line.frame(error))?;
            self.send_frame(&frame).await?;
            self.finish().await
        };
        // Whether it was heard makes no difference.
        let _ = tokio::time::timeout(REFUSAL_LIMIT, said).await;
        connection.close(REFUSED, b"refused");
    }

    async fn send_frame(&mut self, frame: &[u8]) -> Result<(), WireError> {
        if self.cut_off {
            return Err(WireError::Unusable { peer: self.line.peer });
        }
        self.cut_off = true;
        match self.stream.write_all(frame).await {
            Ok(()) => {
                self.cut_off = false;
                self.octets_sent =
                    self.octets_sent.saturating_add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
                Ok(())
            }
            Err(WriteError::ConnectionLost(error)) => Err(self.line.lost(error)),
            Err(WriteError::Stopped(_)) => Err(self.line.gone(NOT_READING)),
            Err(error) => Err(self.line.gone(&error.to_string())),
        }
    }
}

/// Receives messages, in order.
#[derive(Debug)]
pub struct Receiver<T> {
    line: Line,
    stream: RecvStream,
    assembler: Assembler,
    message: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + Bounded> Receiver<T> {
    /// The next message; `None` when the peer has finished. Cancel-safe.
    ///
    /// # Errors
    /// The peer vanished, ended without finishing, refused us, or sent what is no message. Nothing useful follows.
    pub async fn receive(&mut self) -> Result<Option<T>, WireError> {
        loop {
            if let Some(payload) = self.assembler.next_frame().map_err(|error| self.line.frame(error))? {
                if let Some(reason) = decode_refusal(payload) {
                    return Err(WireError::Refused { peer: self.line.peer, reason });
                }
                let received = frame::decode(payload).and_then(|mut message: T| {
                    message.bound()?;
                    Ok(Some(message))
                });
                return received.map_err(|error| self.line.frame(error));
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// The other end's address.
    pub fn peer(&self) -> SocketAddr {
        self.line.peer.address
    }

    /// The first frame. Messages of up to `limit` octets follow.
    pub(crate) async fn receive_offer(&mut self, limit: usize) -> Result<VersionOffer, WireError> {
        let offer = loop {
            let frame = self.assembler.next_frame();
            if let Some(payload) = frame.map_err(|error| self.line.not_roamstorm(&error.to_string()))? {
                if let Some(reason) = decode_refusal(payload) {
                    return Err(WireError::Refused { peer: self.line.peer, reason });
                }
                break VersionOffer::decode(payload).ok_or_else(|| {
                    let head = version_negotiation::for_people(payload, SHOWN_CHARACTERS);
                    self.line.not_roamstorm(&format!("its first frame is `{head}`"))
                })?;
            }
            if !self.read().await? {
                return Err(self.line.gone("before it said its version"));
            }
        };
        self.assembler.set_limit(limit);
        Ok(offer)
    }

    /// Takes what has arrived; false at the end of the stream.
    async fn read(&mut self) -> Result<bool, WireError> {
        match self.stream.read_chunk(READ_AT_ONCE, true).await {
            Ok(Some(chunk)) => {
                self.assembler.push(&chunk.bytes);
                Ok(true)
            }
            Ok(None) => self.assembler.end().map(|()| false).map_err(|error| self.line.frame(error)),
            Err(ReadError::ConnectionLost(error)) => Err(self.line.lost(error)),
            Err(error) => Err(self.line.gone(&error.to_string())),
        }
    }
}

impl AgentReceiver {
    /// The first message, which must be `Hello`; messages of any length follow. Nobody has been admitted yet: so little is kept
    /// of what comes, and only who returns may name shards.
    pub(crate) async fn receive_hello(&mut self) -> Result<Hello, WireError> {
        let hello = match self.receive().await? {
            Some(ToCoordinator::Hello(hello)) => hello,
            Some(_) => return Err(self.line.not_roamstorm("its first message is not Hello")),
            None => return Err(self.line.gone("before it said Hello")),
        };
        self.assembler.set_limit(frame::LIMIT);
        Ok(hello)
    }
}

/// What both halves need to speak of the other end.
#[derive(Clone, Debug)]
struct Line {
    connection: Arc<quinn::Connection>,
    peer: Peer,
    idle: Duration,
}

impl Line {
    fn lost(&self, error: ConnectionError) -> WireError {
        WireError::from_connection(self.peer, self.idle, error)
    }

    fn frame(&self, source: FrameError) -> WireError {
        WireError::Frame { peer: self.peer, source }
    }

    fn gone(&self, reason: &str) -> WireError {
        WireError::Gone { peer: self.peer, reason: reason.to_owned() }
    }

    fn not_roamstorm(&self, reason: &str) -> WireError {
        WireError::NotRoamstorm { peer: self.peer, reason: reason.to_owned() }
    }
}

const NOT_READING: &str = "it no longer reads our messages";
/// Octets.
const READ_AT_ONCE: usize = 64 << 10;
const SHOWN_CHARACTERS: usize = 32;
/// Octets of the first message of an agent: the shards of one that returns, and everything else.
pub(crate) const HELLO_LIMIT: usize = OFFER_LIMIT + MOST_HELD * LONGEST_HELD;
/// Octets of one shard there: three numbers at their largest, and a truth value.
const LONGEST_HELD: usize = 5 + 10 + 10 + 1;
/// How long a refused peer has to read why.
const REFUSAL_LIMIT: Duration = Duration::from_secs(1);

/// Application error codes (RFC 9000 §20.2). 0 is a dropped link.
pub(crate) const REFUSED: quinn::VarInt = quinn::VarInt::from_u32(1);
pub(crate) const TOO_SLOW: quinn::VarInt = quinn::VarInt::from_u32(2);
pub(crate) const CLOSED: quinn::VarInt = quinn::VarInt::from_u32(3);
pub(crate) const REVOKED: quinn::VarInt = quinn::VarInt::from_u32(4);
