//! The coordinator's end: where agents join.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};

use crate::link::{CLOSED, TOO_SLOW, halves};
use crate::to_coordinator::ToCoordinator;
use crate::{AgentLink, AgentReceiver, AgentSender, Identity, Opening, Peer, Role, Settings, WireError, tls};

/// Where agents join. Any number of them join at the same time; one that is silent or wrong keeps no other waiting.
#[derive(Debug)]
pub struct CoordinatorEndpoint {
    endpoint: quinn::Endpoint,
    local: SocketAddr,
    settings: Settings,
    joins: Mutex<JoinSet<Result<AgentLink, WireError>>>,
}

impl CoordinatorEndpoint {
    /// Listens on a UDP address; port 0 takes a free one. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be bound, or the identity is not a coordinator's.
    pub fn bind(address: SocketAddr, identity: &Identity) -> Result<Self, WireError> {
        Self::bind_with(address, identity, Settings::default())
    }

    /// [`CoordinatorEndpoint::bind`] with other times and limits.
    ///
    /// # Errors
    /// As [`CoordinatorEndpoint::bind`].
    pub fn bind_with(
        address: SocketAddr,
        identity: &Identity,
        settings: Settings,
    ) -> Result<Self, WireError> {
        identity.expect_role(Role::Coordinator)?;
        let config = tls::server_config(identity, &settings)?;
        let cannot_bind = |source| WireError::Bind { address, source };
        let endpoint = quinn::Endpoint::server(config, address).map_err(cannot_bind)?;
        let local = endpoint.local_addr().map_err(cannot_bind)?;
        Ok(Self { endpoint, local, settings, joins: Mutex::new(JoinSet::new()) })
    }

    /// The real address, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The next agent that has joined: TLS, version and `Hello` are done. An `Err` is one failed join, logged and
    /// with the peer's address; the endpoint goes on, so call again. New joins are taken up only while this is
    /// polled, so poll it for as long as agents may come. Cancel-safe.
    ///
    /// # Errors
    /// One join failed; or [`WireError::EndpointClosed`], after which nothing will come.
    pub async fn accept(&self) -> Result<AgentLink, WireError> {
        let mut joins = self.joins.lock().await;
        loop {
            let has_room = joins.len() < self.settings.pending_joins.max(1);
            tokio::select! {
                Some(joined) = joins.join_next() => return outcome(joined),
                incoming = self.endpoint.accept(), if has_room => match incoming {
                    Some(incoming) => drop(joins.spawn(admit(incoming, self.settings.clone()))),
                    None => return Err(WireError::EndpointClosed),
                },
            }
        }
    }

    /// Ends every connection, with a reason that the agents see, and takes no more.
    pub async fn close(&self, reason: &str) {
        self.endpoint.close(CLOSED, reason.as_bytes());
        // Only so that the agents hear of it; one that doesn't finds out by its idle time.
        let _ = timeout(CLOSE_LIMIT, self.endpoint.wait_idle()).await;
    }
}

fn outcome(joined: Result<Result<AgentLink, WireError>, JoinError>) -> Result<AgentLink, WireError> {
    let joined = joined.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        // Only the runtime's end cancels a join.
        Err(_) => Err(WireError::EndpointClosed),
    });
    joined.inspect_err(|error| tracing::warn!("a join failed: {error}"))
}

/// One agent's way in, with a time limit.
async fn admit(incoming: quinn::Incoming, settings: Settings) -> Result<AgentLink, WireError> {
    let peer = Peer { role: Role::Agent, address: incoming.remote_address() };
    let deadline = Instant::now() + settings.join;
    let too_slow = || WireError::TooSlow { peer, after: settings.join };
    let lost = |error| WireError::from_connection(peer, settings.idle, error);

    let connecting = incoming.accept().map_err(lost)?;
    let connection = timeout_at(deadline, connecting).await.map_err(|_| too_slow())?.map_err(lost)?;
    match timeout_at(deadline, greet(connection.clone(), peer, &settings)).await {
        Ok(Ok(Greeted::Agreed(link))) => Ok(*link),
        Ok(Ok(Greeted::Foreign { sender, ours, theirs })) => {
            let error = WireError::Version { peer, ours, theirs };
            sender.refuse(&error.to_string()).await;
            Err(error)
        }
        Ok(Err(error)) => Err(error),
        Err(_) => {
            connection.close(TOO_SLOW, b"no Hello came in time");
            Err(too_slow())
        }
    }
}

enum Greeted {
    Agreed(Box<AgentLink>),
    Foreign { sender: AgentSender, ours: Opening, theirs: Opening },
}

/// Versions, then `Hello`.
async fn greet(connection: quinn::Connection, peer: Peer, settings: &Settings) -> Result<Greeted, WireError> {
    let lost = |error| WireError::from_connection(peer, settings.idle, error);
    let streams = connection.accept_bi().await.map_err(lost)?;
    let (mut sender, mut receiver): (AgentSender, AgentReceiver) =
        halves(connection, peer, settings.idle, streams);

    let ours = Opening::new(&settings.versions);
    let theirs = receiver.receive_opening().await?;
    sender.send_opening(&ours).await?;
    let Some(version) = ours.common_version(&theirs) else {
        return Ok(Greeted::Foreign { sender, ours, theirs });
    };
    match receiver.receive().await? {
        Some(ToCoordinator::Hello(hello)) => {
            let link = AgentLink { hello, peer: peer.address, version, sender, receiver };
            Ok(Greeted::Agreed(Box::new(link)))
        }
        Some(_) => Err(WireError::NotRoamstorm { peer, reason: "its first message is not Hello".to_owned() }),
        None => Err(WireError::Gone { peer, reason: "before it said Hello".to_owned() }),
    }
}

const CLOSE_LIMIT: Duration = Duration::from_secs(2);
