//! Joins that come as a flood: outsiders, half-open connections, silent ones and garbage by the hundred. Who belongs to
//! the fleet joins all the same, and who has joined notices nothing.

#![allow(clippy::unwrap_used, reason = "how a test fails")]

mod fleet;
mod stranger;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fleet::{Fleet, hello, in_time};
use stranger::{OFFER, connect_from, frame};
use tokio::task::{AbortHandle, JoinSet};
use wire::to_agent::ToAgent;
use wire::to_coordinator::ToCoordinator;
use wire::{Allowance, CoordinatorEndpoint, Identity, Settings, WireError, join_with};

/// An endpoint that is served, and an agent that has joined it and works: it says `Alive` and waits for the answer.
struct Besieged {
    fleet: Fleet,
    endpoint: Arc<CoordinatorEndpoint>,
    /// Each failure that was told, and how many were told only as a number.
    told: tokio::sync::mpsc::UnboundedReceiver<WireError>,
    tasks: JoinSet<()>,
}

impl Besieged {
    fn new(settings: Settings) -> Self {
        let fleet = Fleet::new();
        let endpoint = Arc::new(fleet.endpoint(settings));
        let (tell, told) = tokio::sync::mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let serving = Arc::clone(&endpoint);
        tasks.spawn(async move {
            let mut links = JoinSet::new();
            loop {
                match serving.accept().await {
                    Ok(mut link) => drop(links.spawn(async move {
                        while let Ok(Some(ToCoordinator::Alive { agent_us })) = link.receive().await {
                            let renew = ToAgent::Renew { asked_us: agent_us, valid_us: 1, leases: vec![] };
                            link.send(&renew).await.unwrap();
                        }
                    })),
                    Err(WireError::EndpointClosed) => return,
                    Err(error) => tell.send(error).unwrap(),
                }
            }
        });
        Self { fleet, endpoint, told, tasks }
    }

    /// One that belongs to the fleet and comes from 127.0.0.1, as patient as a real agent.
    async fn join(&self) -> Result<wire::CoordinatorLink, WireError> {
        let address = self.endpoint.local_addr().to_string();
        in_time(join_with(&address, &self.fleet.agent, hello("honest"), Settings::default())).await
    }

    /// A crowd of so many that does the same again and again, each from its own port of 127.0.0.2.
    fn crowd<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        many: usize,
        act: impl Fn(SocketAddr) -> F + Send + Clone + 'static,
    ) -> Vec<AbortHandle> {
        let address = self.endpoint.local_addr();
        let one = |act: Box<dyn Fn(SocketAddr) -> F + Send>| async move {
            loop {
                act(address).await;
                tokio::task::yield_now().await;
            }
        };
        (0..many).map(|_| self.tasks.spawn(one(Box::new(act.clone())))).collect()
    }
}

/// Longest answer that the agent that works had to wait for, over so many rounds.
async fn slowest_of(link: &mut wire::CoordinatorLink, rounds: u64) -> Duration {
    let mut slowest = Duration::ZERO;
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    for round in 0..rounds {
        let began = Instant::now();
        link.send(&ToCoordinator::Alive { agent_us: round }).await.unwrap();
        let answer = in_time(link.receive()).await.unwrap().unwrap();
        assert!(matches!(answer, ToAgent::Renew { asked_us, .. } if asked_us == round), "{answer:?}");
        slowest = slowest.max(began.elapsed());
        pace.tick().await;
    }
    slowest
}

/// The lease of a working agent stands a delay of seconds; a tenth of one is a busy machine.
const SLOW: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outsiders_by_the_thousand_disturb_nobody() {
    let mut besieged = Besieged::new(Settings::default());
    let mut working = besieged.join().await.unwrap();
    let foreign = Arc::new(Fleet::new().agent);
    let crowd = besieged.crowd(32, move |address| {
        let foreign = Arc::clone(&foreign);
        async move {
            if let Ok(connection) = connect_from(HOST_2, address, &foreign).await {
                connection.closed().await;
            }
        }
    });
    let slowest = slowest_of(&mut working, 200).await;
    let late = besieged.join().await.unwrap();
    assert!(slowest < SLOW, "an answer took {slowest:?}");
    crowd.iter().for_each(AbortHandle::abort);
    drop(late);

    let mut told = Vec::new();
    while let Ok(error) = besieged.told.try_recv() {
        told.push(error);
    }
    assert!(!told.is_empty() && told.len() <= 9, "a flood is told in a few lines: {}", told.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_and_silent_connections_take_only_their_share() {
    let mut besieged = Besieged::new(Settings::default());
    let mut working = besieged.join().await.unwrap();
    let inside = Arc::new(besieged.fleet.agent.clone());
    let silent = besieged.crowd(100, move |address| {
        let inside = Arc::clone(&inside);
        async move {
            if let Ok(connection) = connect_from(HOST_2, address, &inside).await {
                connection.closed().await;
            }
        }
    });
    // Ports that send a first packet and nothing after it.
    let half_open = (0..100).map(|_| UdpSocket::bind((HOST_2, 0)).unwrap()).collect::<Vec<_>>();
    let packet = besieged.first_packet().await;
    for socket in &half_open {
        socket.send_to(&packet, besieged.endpoint.local_addr()).unwrap();
    }
    let slowest = slowest_of(&mut working, 300).await;
    assert!(slowest < SLOW, "an answer took {slowest:?}");
    let began = Instant::now();
    besieged.join().await.unwrap();
    // Where the silent ones took every place, it would wait until one of them is given up.
    assert!(began.elapsed() < Settings::default().join / 2, "a join took {:?}", began.elapsed());
    silent.iter().for_each(AbortHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_send_garbage_and_giant_frames_disturb_nobody() {
    let mut besieged = Besieged::new(Settings::default());
    let mut working = besieged.join().await.unwrap();
    let inside = Arc::new(besieged.fleet.agent.clone());
    let hello = frame(&wire::frame::encode(&ToCoordinator::Hello(hello("liar"))).unwrap());
    // A frame of 1 GB by its length, with what fits the window of it; and octets that are no message.
    let giant = [&0x4000_0000u32.to_be_bytes()[..], &vec![0; 100_000]].concat();
    let lies = [OFFER.to_vec(), [OFFER, &hello, &giant].concat(), [OFFER, &hello, &frame(&[0xee])].concat()];
    let lies: Arc<[Vec<u8>]> = [vec![vec![0xff; 4096]], lies.to_vec()].concat().into();
    let crowd = besieged.crowd(16, move |address| {
        let (inside, lies) = (Arc::clone(&inside), Arc::clone(&lies));
        async move {
            for lie in lies.iter() {
                let Ok(connection) = connect_from(HOST_2, address, &inside).await else { return };
                let Ok((mut send, _receive)) = connection.open_bi().await else { return };
                // It may be cut off before everything is said.
                let _ = send.write_all(lie).await;
                let _ = tokio::time::timeout(Duration::from_millis(50), connection.closed()).await;
            }
        }
    });
    let slowest = slowest_of(&mut working, 200).await;
    assert!(slowest < SLOW, "an answer took {slowest:?}");
    besieged.join().await.unwrap();
    crowd.iter().for_each(AbortHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fleet_that_joins_at_once_is_not_taken_for_a_flood() {
    let besieged = Arc::new(Besieged::new(Settings::default()));
    let began = Instant::now();
    let mut joins = JoinSet::new();
    for _ in 0..200 {
        let besieged = Arc::clone(&besieged);
        joins.spawn(async move { besieged.join().await.unwrap() });
    }
    let links = in_time(joins.join_all()).await;
    println!("{} agents joined in {:?}", links.len(), began.elapsed());
}

#[tokio::test]
async fn allowance_of_joins_holds_one_address_back_and_no_other() {
    let settings = Settings { joins: Allowance { at_once: 3, per_s: 1 }, ..Settings::default() };
    let besieged = Besieged::new(settings);
    let inside: Identity = besieged.fleet.agent.clone();
    let address = besieged.endpoint.local_addr();
    for _ in 0..3 {
        connect_from(HOST_2, address, &inside).await.unwrap();
    }
    let fourth =
        tokio::time::timeout(Duration::from_millis(200), connect_from(HOST_2, address, &inside)).await;
    assert!(fourth.is_err(), "it has to wait");
    besieged.join().await.unwrap();
}

impl Besieged {
    /// The first packet of a QUIC connection, as a real client would send it.
    async fn first_packet(&self) -> Vec<u8> {
        let decoy = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = decoy.local_addr().unwrap();
        let mut packet = vec![0; 2048];
        let connecting = connect_from(HOST_2, address, &self.fleet.agent);
        let octets = tokio::select! {
            received = decoy.recv(&mut packet) => received.unwrap(),
            _ = connecting => unreachable!("a decoy answers nothing"),
        };
        packet.truncate(octets);
        packet
    }
}

/// Another host than the honest agents': all of 127.0.0.0/8 is this machine.
const HOST_2: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
