//! A fleet in memory, shared by the tests that speak over QUIC on loopback.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::time::timeout;
use wire::to_coordinator::Hello;
use wire::{
    AgentLink, Authority, CoordinatorEndpoint, CoordinatorLink, Identity, PROGRAM, Role, Settings, WireError,
    join_with,
};

pub(crate) struct Fleet {
    pub(crate) authority: Authority,
    pub(crate) coordinator: Identity,
    pub(crate) agent: Identity,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        let authority = Authority::generate("test fleet").unwrap();
        let coordinator = authority.issue("coordinator", Role::Coordinator, &[]).unwrap();
        let agent = authority.issue("agent", Role::Agent, &[]).unwrap();
        Self { authority, coordinator, agent }
    }

    pub(crate) fn endpoint(&self, settings: Settings) -> CoordinatorEndpoint {
        bind(&self.coordinator, settings)
    }

    /// A coordinator and an agent that has joined it.
    pub(crate) async fn joined(&self) -> (CoordinatorEndpoint, AgentLink, CoordinatorLink) {
        let endpoint = self.endpoint(Settings::default());
        let (at_coordinator, at_agent) = meet(&endpoint, &self.agent, Settings::default()).await;
        (endpoint, at_coordinator.unwrap(), at_agent.unwrap())
    }
}

pub(crate) fn bind(identity: &Identity, settings: Settings) -> CoordinatorEndpoint {
    CoordinatorEndpoint::bind_with(loopback(), identity, settings).unwrap()
}

/// One join, as both sides see it.
pub(crate) async fn meet(
    endpoint: &CoordinatorEndpoint,
    agent: &Identity,
    settings: Settings,
) -> (Result<AgentLink, WireError>, Result<CoordinatorLink, WireError>) {
    let address = endpoint.local_addr().to_string();
    in_time(async { tokio::join!(endpoint.accept(), join_with(&address, agent, hello("a"), settings)) }).await
}

pub(crate) fn hello(name: &str) -> Hello {
    Hello {
        name: name.to_owned(),
        program: PROGRAM.to_owned(),
        workers: 2,
        agent_us: 7,
        part: wire::to_coordinator::Part::Agent,
        mark: None,
        belongs: Default::default(),
    }
}

pub(crate) fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Times that a test can wait for, on a machine that is busy.
pub(crate) fn short() -> Settings {
    Settings {
        keep_alive: Duration::from_millis(100),
        idle: Duration::from_millis(1_600),
        join: Duration::from_millis(1_200),
        ..Settings::default()
    }
}

/// So that a test which hangs fails instead.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), future).await.expect("it hangs")
}
