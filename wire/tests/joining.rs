//! Agents join a coordinator over QUIC with mutual TLS, or are told why not, on both sides.

#![allow(clippy::unwrap_used, reason = "how a test fails")]

mod fleet;
mod stranger;

use std::net::Ipv4Addr;
use std::time::Duration;

use fleet::{Fleet, bind, hello, in_time, loopback, meet, short};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use wire::frame::{LIMIT, encode};
use wire::to_agent::{ToAgent, Welcome};
use wire::to_coordinator::{ToCoordinator, Trace, TracePacket};
use wire::{
    CertificateFault, CoordinatorEndpoint, FrameError, Identity, IdentityError, PROGRAM, Role, Settings,
    VERSION, WireError, join, join_with,
};

#[tokio::test]
async fn agent_of_the_fleet_joins_and_both_speak() {
    let (_endpoint, mut agent, mut coordinator) = Fleet::new().joined().await;
    assert_eq!((agent.hello.clone(), agent.version, coordinator.version), (hello("a"), VERSION, VERSION));

    let welcome = ToAgent::Welcome(Welcome {
        agent: "a-1".to_owned(),
        program: PROGRAM.to_owned(),
        token: [5; 16],
        returned: false,
    });
    agent.send(&welcome).await.unwrap();
    assert_eq!(in_time(coordinator.receive()).await.unwrap(), Some(welcome));
    let (mut to_coordinator, mut from_coordinator) = coordinator.split();
    let leaving = ToCoordinator::Leaving { reason: "done".to_owned() };
    to_coordinator.send(&leaving).await.unwrap();
    let (finished, received) =
        in_time(async { tokio::join!(to_coordinator.finish(), agent.receive()) }).await;
    finished.unwrap();
    assert_eq!(received.unwrap(), Some(leaving));
    assert_eq!(in_time(agent.receive()).await.unwrap(), None);
    // The other direction is still open.
    agent.send(&ToAgent::RunOver { run: "r".to_owned() }).await.unwrap();
    assert_eq!(
        in_time(from_coordinator.receive()).await.unwrap(),
        Some(ToAgent::RunOver { run: "r".to_owned() })
    );
}

#[tokio::test]
async fn large_message_passes_and_too_large_is_refused_before_it_is_sent() {
    let (_endpoint, mut agent, mut coordinator) = Fleet::new().joined().await;
    let octets = trace_of;
    // Everything around the octets, with their length of four octets.
    let around = encode(&octets(LIMIT / 2)).unwrap().len() - LIMIT / 2;
    let error = coordinator.send(&octets(LIMIT)).await.unwrap_err();
    assert!(matches!(error, WireError::Frame { source: FrameError::TooLong { .. }, .. }), "{error}");

    let largest = octets(LIMIT - around);
    let (sent, received) = in_time(async { tokio::join!(coordinator.send(&largest), agent.receive()) }).await;
    sent.unwrap();
    assert_eq!(received.unwrap(), Some(largest));
}

/// A message with so many octets, of which none is a text that would be cut.
fn trace_of(size: usize) -> ToCoordinator {
    let packet = TracePacket {
        at_us: 0,
        uplink: true,
        ran: String::new(),
        core: String::new(),
        stream: 0,
        ppid: 60,
        octets: vec![7; size],
        name: String::new(),
        comment: String::new(),
        wall_us: 0,
        lost: false,
    };
    let (imsi, why) = (String::new(), "all".to_owned());
    ToCoordinator::Trace(Box::new(Trace {
        shard: 0,
        imsi,
        why,
        failed: false,
        packets: vec![packet],
        slow: None,
    }))
}

#[tokio::test]
async fn sender_waits_for_a_receiver_that_does_not_read() {
    let (_endpoint, mut agent, coordinator) = Fleet::new().joined().await;
    let (mut sender, _receiver) = coordinator.split();
    let window = u64::from(Settings::default().window);
    let message = trace_of(100_000);
    // Sends until it has to wait; the reader then takes everything, in order.
    let mut sent = 0u32;
    while tokio::time::timeout(Duration::from_millis(300), sender.send(&message)).await.is_ok() {
        sent += 1;
        // What the receiver grants, and what waits at the sender for it.
        assert!(sender.octets_sent() <= 2 * window + 200_000, "nothing holds the sender back");
    }
    assert!(matches!(sender.send(&message).await, Err(WireError::Unusable { .. })));
    for _ in 0..sent {
        assert_eq!(in_time(agent.receive()).await.unwrap().as_ref(), Some(&message));
    }
}

#[tokio::test]
async fn agent_of_a_foreign_authority_is_refused_and_both_sides_say_so() {
    let (ours, theirs) = (Fleet::new(), Fleet::new());
    // It trusts our authority, but its certificate is from elsewhere.
    let authority = ours.agent.authority_pem();
    let agent =
        Identity::from_pem(Role::Agent, authority, theirs.agent.certificate_pem(), theirs.agent.key_pem());
    let (at_coordinator, at_agent) =
        meet(&ours.endpoint(Settings::default()), &agent, Settings::default()).await;

    let error = at_coordinator.unwrap_err();
    assert!(
        matches!(error, WireError::CertificateRefused { fault: CertificateFault::OtherAuthority, .. }),
        "{error:?}"
    );
    let error = error.to_string();
    assert!(error.starts_with("refused the certificate of the agent at 127.0.0.1:"), "{error}");
    assert!(error.contains("another authority"), "{error}");
    let error = at_agent.unwrap_err();
    assert!(!error.is_transient());
    let error = error.to_string();
    assert!(error.starts_with("the coordinator at 127.0.0.1:"), "{error}");
    assert!(error.contains("refused this agent's certificate: it is of another authority"), "{error}");
}

#[tokio::test]
async fn coordinator_of_a_foreign_authority_is_refused_and_both_sides_say_so() {
    let (ours, theirs) = (Fleet::new(), Fleet::new());
    let (at_coordinator, at_agent) =
        meet(&theirs.endpoint(Settings::default()), &ours.agent, Settings::default()).await;
    let error = at_agent.unwrap_err().to_string();
    assert!(error.starts_with("refused the certificate of the coordinator at 127.0.0.1:"), "{error}");
    assert!(error.contains("another authority"), "{error}");
    let error = at_coordinator.unwrap_err().to_string();
    assert!(error.starts_with("the agent at 127.0.0.1:"), "{error}");
    assert!(error.contains("refused this coordinator's certificate: it is of another authority"), "{error}");
}

#[tokio::test]
async fn agent_certificate_does_not_make_a_coordinator() {
    let fleet = Fleet::new();
    let error = CoordinatorEndpoint::bind(loopback(), &fleet.agent).unwrap_err();
    assert!(matches!(error, WireError::Identity(IdentityError::WrongRole { .. })), "{error}");

    // Someone who stole an agent's key does not ask our own program.
    let stolen = &fleet.agent;
    let rogue = Identity::from_pem(
        Role::Coordinator,
        stolen.authority_pem(),
        stolen.certificate_pem(),
        stolen.key_pem(),
    );
    let (at_rogue, at_agent) =
        meet(&bind(&rogue, Settings::default()), &fleet.agent, Settings::default()).await;
    let error = at_agent.unwrap_err();
    assert!(
        matches!(error, WireError::CertificateRefused { fault: CertificateFault::WrongRole, .. }),
        "{error:?}"
    );
    at_rogue.unwrap_err();
}

#[tokio::test]
async fn coordinator_certificate_does_not_make_an_agent() {
    let fleet = Fleet::new();
    let stolen = &fleet.coordinator;
    let rogue =
        Identity::from_pem(Role::Agent, stolen.authority_pem(), stolen.certificate_pem(), stolen.key_pem());
    let (at_coordinator, at_rogue) =
        meet(&fleet.endpoint(Settings::default()), &rogue, Settings::default()).await;
    let error = at_coordinator.unwrap_err();
    assert!(
        matches!(error, WireError::CertificateRefused { fault: CertificateFault::WrongRole, .. }),
        "{error:?}"
    );
    let error = at_rogue.unwrap_err();
    assert!(
        matches!(error, WireError::OurCertificateRefused { fault: CertificateFault::WrongRole, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn coordinator_is_accepted_at_its_certificates_hosts_only() {
    let fleet = Fleet::new();
    let here =
        fleet.authority.issue("c", Role::Coordinator, &["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let (at_coordinator, at_agent) =
        meet(&bind(&here.unwrap(), Settings::default()), &fleet.agent, Settings::default()).await;
    at_coordinator.unwrap();
    at_agent.unwrap();

    let elsewhere = fleet.authority.issue("c", Role::Coordinator, &["coordinator.lab".to_owned()]).unwrap();
    let (_, at_agent) = meet(&bind(&elsewhere, Settings::default()), &fleet.agent, Settings::default()).await;
    let error = at_agent.unwrap_err().to_string();
    assert!(
        error.contains("not for the host that was dialled") && error.contains("coordinator.lab"),
        "{error}"
    );
}

#[tokio::test]
async fn other_version_is_refused_and_both_sides_name_both() {
    let fleet = Fleet::new();
    let endpoint = fleet.endpoint(Settings::default());
    let newer = Settings { versions: VERSION + 1..=VERSION + 2, ..Settings::default() };
    let later = format!("versions {} to {}", VERSION + 1, VERSION + 2);
    let (at_coordinator, at_agent) = meet(&endpoint, &fleet.agent, newer).await;
    let error = at_coordinator.unwrap_err().to_string();
    assert!(error.starts_with("the versions differ: the agent at 127.0.0.1:"), "{error}");
    assert!(error.contains(&format!("({PROGRAM} speaks {later})")), "{error}");
    assert!(error.contains(&format!("this coordinator ({PROGRAM} speaks version {VERSION})")), "{error}");
    let error = at_agent.unwrap_err().to_string();
    assert!(error.starts_with("the versions differ: the coordinator at 127.0.0.1:"), "{error}");
    assert!(error.contains(&format!("({PROGRAM} speaks version {VERSION})")), "{error}");
    assert!(error.contains(&format!("this agent ({PROGRAM} speaks {later})")), "{error}");

    let both = Settings { versions: VERSION..=VERSION + 1, ..Settings::default() };
    let (at_coordinator, at_agent) = meet(&endpoint, &fleet.agent, both).await;
    assert_eq!((at_coordinator.unwrap().version, at_agent.unwrap().version), (VERSION, VERSION));
}

#[tokio::test]
async fn agent_sent_away_after_hello_hears_why() {
    let (_endpoint, agent, mut coordinator) = Fleet::new().joined().await;
    let (received, ()) =
        in_time(async { tokio::join!(coordinator.receive(), agent.refuse("3 agents are enough")) }).await;
    let error = received.unwrap_err().to_string();
    assert!(error.ends_with("refused: 3 agents are enough"), "{error}");
}

/// The coordinator's process stands still for longer than a join may take, in the middle of one: what came meanwhile counts.
#[tokio::test]
async fn agent_that_joins_while_the_coordinator_stands_still_is_let_in() {
    let fleet = Fleet::new();
    let join = Duration::from_millis(400);
    let endpoint = fleet.endpoint(Settings { join, ..Settings::default() });
    let (address, agent) = (endpoint.local_addr(), fleet.agent.clone());
    let (connected, is_connected) = tokio::sync::oneshot::channel();
    let (over, is_over) = tokio::sync::oneshot::channel::<()>();
    // It is a process of its own, and goes on.
    let agent = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let connection = stranger::connect_from(Ipv4Addr::LOCALHOST, address, &agent).await.unwrap();
            let (mut send, _receive) = connection.open_bi().await.unwrap();
            connected.send(()).unwrap();
            let hello = stranger::frame(&encode(&ToCoordinator::Hello(hello("a"))).unwrap());
            send.write_all(&[stranger::OFFER, &hello].concat()).await.unwrap();
            is_over.await.unwrap();
        });
    });
    let stands_still = async {
        is_connected.await.unwrap();
        // Nothing in this process runs.
        std::thread::sleep(join * 2);
    };
    let (joined, ()) = in_time(async { tokio::join!(endpoint.accept(), stands_still) }).await;
    assert_eq!(joined.unwrap().hello, hello("a"));
    over.send(()).unwrap();
    agent.join().unwrap();
}

#[tokio::test]
async fn closed_endpoint_tells_its_agents_why_and_ends_accept() {
    let (endpoint, _agent, mut coordinator) = Fleet::new().joined().await;
    in_time(endpoint.close("the run is over")).await;
    let error = in_time(coordinator.receive()).await.unwrap_err().to_string();
    assert!(error.ends_with("ended the connection: the run is over"), "{error}");
    assert!(matches!(in_time(endpoint.accept()).await, Err(WireError::EndpointClosed)));
}

#[tokio::test]
async fn peer_that_dropped_its_link_is_gone() {
    let (_endpoint, mut agent, coordinator) = Fleet::new().joined().await;
    drop(coordinator);
    let error = in_time(agent.receive()).await.unwrap_err();
    assert!(matches!(error, WireError::Gone { .. }), "{error}");
}

#[tokio::test]
async fn peer_that_vanishes_is_reported_within_the_idle_time_on_both_sides() {
    let fleet = Fleet::new();
    let endpoint = fleet.endpoint(short());
    let (address, cut) = cable(endpoint.local_addr()).await;
    let (agent, coordinator) = in_time(async {
        tokio::join!(endpoint.accept(), join_with(&address, &fleet.agent, hello("a"), short()))
    })
    .await;
    let (mut agent, mut coordinator) = (agent.unwrap(), coordinator.unwrap());

    // Longer than the idle time: keep-alives hold a quiet connection.
    let quiet = tokio::time::timeout(2 * short().idle, agent.receive()).await;
    assert!(quiet.is_err(), "a quiet peer is not a vanished one: {quiet:?}");

    cut.send(true).unwrap();
    let (at_coordinator, at_agent) =
        in_time(async { tokio::join!(agent.receive(), coordinator.receive()) }).await;
    let error = at_coordinator.unwrap_err().to_string();
    assert!(
        error.starts_with("the agent at ") && error.ends_with("vanished: nothing came from it for 1.6 s"),
        "{error}"
    );
    assert!(matches!(at_agent.unwrap_err(), WireError::Vanished { .. }));
}

#[tokio::test]
async fn nothing_that_answers_is_said_with_address_and_advice() {
    let fleet = Fleet::new();
    let nobody = UdpSocket::bind(loopback()).await.unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    let error = in_time(join_with(&address, &fleet.agent, hello("a"), short())).await.unwrap_err();
    assert!(error.is_transient());
    let error = error.to_string();
    assert!(error.starts_with(&format!("nothing answered at {address} (UDP, QUIC) within 1.2 s")), "{error}");
    assert!(error.contains("check that the coordinator is running"), "{error}");
}

#[tokio::test]
async fn host_name_is_joined_at_the_address_that_answers() {
    // Only where `localhost` is ::1 as well does this also try an address at which nothing answers.
    let fleet = Fleet::new();
    let endpoint = fleet.endpoint(Settings::default());
    let address = format!("localhost:{}", endpoint.local_addr().port());
    let (at_coordinator, at_agent) =
        in_time(async { tokio::join!(endpoint.accept(), join(&address, &fleet.agent, hello("a"))) }).await;
    assert_eq!(at_coordinator.unwrap().hello, hello("a"));
    assert_eq!(at_agent.unwrap().peer, endpoint.local_addr());
}

#[tokio::test]
async fn name_that_does_not_resolve_is_said() {
    let fleet = Fleet::new();
    let error =
        in_time(join("no-such-host.invalid:7700", &fleet.agent, hello("a"))).await.unwrap_err().to_string();
    assert!(
        error.starts_with("the coordinator's name in `no-such-host.invalid:7700` does not resolve"),
        "{error}"
    );
}

/// A UDP relay between one agent and the coordinator that can be cut without either noticing.
async fn cable(coordinator: std::net::SocketAddr) -> (String, watch::Sender<bool>) {
    let agent_side = UdpSocket::bind(loopback()).await.unwrap();
    let coordinator_side = UdpSocket::bind(loopback()).await.unwrap();
    let address = agent_side.local_addr().unwrap().to_string();
    let (cut, is_cut) = watch::channel(false);
    tokio::spawn(async move {
        let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
        let mut agent = None;
        loop {
            tokio::select! {
                // When it is cut, the sockets go on reading, so that no port unreachable gives it away.
                Ok((octets, from)) = agent_side.recv_from(&mut up) => {
                    agent = Some(from);
                    if !*is_cut.borrow() {
                        coordinator_side.try_send_to(&up[..octets], coordinator).unwrap();
                    }
                }
                Ok((octets, _)) = coordinator_side.recv_from(&mut down) => {
                    if !*is_cut.borrow() {
                        agent_side.try_send_to(&down[..octets], agent.unwrap()).unwrap();
                    }
                }
            }
        }
    });
    (address, cut)
}
