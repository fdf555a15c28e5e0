//! A joined connection: messages both ways.

use std::marker::PhantomData;
use std::net::SocketAddr;

use crate::WireError;
use crate::to_agent::ToAgent;
use crate::to_coordinator::{Hello, ToCoordinator};

/// What the coordinator sends to one agent with.
pub type AgentSender = Sender<ToAgent>;
/// What the coordinator receives from one agent with.
pub type AgentReceiver = Receiver<ToCoordinator>;
/// What an agent sends to the coordinator with.
pub type CoordinatorSender = Sender<ToCoordinator>;
/// What an agent receives from the coordinator with.
pub type CoordinatorReceiver = Receiver<ToAgent>;

/// The coordinator's connection to one agent.
pub struct AgentLink {
    /// Who joined.
    pub hello: Hello,
    /// From where.
    pub peer: SocketAddr,
    /// The version of the messages that both speak.
    pub version: u16,
    sender: AgentSender,
    receiver: AgentReceiver,
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

    /// Sends the agent away; its `receive` (or `join`) fails with this reason.
    pub async fn refuse(self, _reason: &str) {
        todo!()
    }
}

/// An agent's connection to the coordinator.
pub struct CoordinatorLink {
    /// The coordinator's address.
    pub peer: SocketAddr,
    /// The version of the messages that both speak.
    pub version: u16,
    sender: CoordinatorSender,
    receiver: CoordinatorReceiver,
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

/// Sends messages, in order.
pub struct Sender<T> {
    message: PhantomData<fn(&T)>,
}

impl<T: serde::Serialize> Sender<T> {
    /// Queues one message. Waits while the peer reads slower than we send: at most the window of
    /// [`crate::Settings`] is in flight. Not cancel-safe: dropped half way, the link is unusable afterwards.
    ///
    /// # Errors
    /// The peer is gone, or the message is larger than a frame may be.
    pub async fn send(&mut self, _message: &T) -> Result<(), WireError> {
        todo!()
    }

    /// Says that nothing more comes, and waits until the peer's machine has everything. Without it, what was sent
    /// last may be lost when the link is dropped.
    ///
    /// # Errors
    /// The peer is gone.
    pub async fn finish(self) -> Result<(), WireError> {
        todo!()
    }

    /// Octets sent so far, frames included.
    pub fn octets_sent(&self) -> u64 {
        todo!()
    }

    /// The other end's address.
    pub fn peer(&self) -> SocketAddr {
        todo!()
    }
}

/// Receives messages, in order.
pub struct Receiver<T> {
    message: PhantomData<fn() -> T>,
}

impl<T: serde::de::DeserializeOwned> Receiver<T> {
    /// The next message; `None` when the peer has finished. Cancel-safe.
    ///
    /// # Errors
    /// The peer vanished, ended without finishing, refused us, or sent what is no message.
    pub async fn receive(&mut self) -> Result<Option<T>, WireError> {
        todo!()
    }

    /// The other end's address.
    pub fn peer(&self) -> SocketAddr {
        todo!()
    }
}
