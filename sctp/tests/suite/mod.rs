//! What every transport must do, with both ends in one thread.
#![allow(dead_code, reason = "each test program uses the part that fits its transport")]
#![allow(clippy::unwrap_used, reason = "these are tests, outside of #[test] functions")]
#![allow(unused_imports, reason = "the same")]

mod waiting;

use sctp::{Address, AssociationId, DownReason, Endpoint, Event, Options, SendError, Transport};
use std::time::{Duration, Instant};

pub(crate) use waiting::*;

/// Where a listener of a transport can be in a test.
pub(crate) fn any_port(transport: Transport) -> Address {
    match transport {
        Transport::Kernel => "sctp://127.0.0.1:0".parse().unwrap(),
        Transport::Udp => "sctp+udp://127.0.0.1:0".parse().unwrap(),
        Transport::RawIp => "sctp+ip://127.0.0.1:0".parse().unwrap(),
        Transport::Memory => {
            static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
            Address::memory(&format!("amf-{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)))
        }
    }
}

/// Which implementations talk to each other.
#[derive(Clone, Copy)]
pub(crate) enum Link {
    Same(Transport),
    /// Over UDP encapsulation, which the kernel serves at this UDP port.
    UserspaceToKernel {
        kernel_port: u16,
    },
    /// Over UDP encapsulation, which the kernel sends to this UDP port.
    KernelToUserspace {
        userspace_port: u16,
    },
}

impl Link {
    fn client(self) -> Transport {
        match self {
            Self::Same(transport) => transport,
            Self::UserspaceToKernel { .. } => Transport::Udp,
            Self::KernelToUserspace { .. } => Transport::Kernel,
        }
    }

    fn listen(self, options: &Options) -> (Endpoint, Address) {
        match self {
            Self::Same(transport) => {
                let server = Endpoint::listen(&any_port(transport), options).unwrap();
                let address = server.local_address();
                (server, address)
            }
            Self::UserspaceToKernel { kernel_port } => {
                let server = Endpoint::listen(&any_port(Transport::Kernel), options).unwrap();
                let port = server.local_address().port();
                (server, format!("sctp+udp://127.0.0.1:{kernel_port}?port={port}").parse().unwrap())
            }
            Self::KernelToUserspace { userspace_port } => {
                let local = format!("sctp+udp://127.0.0.1:{userspace_port}").parse().unwrap();
                (Endpoint::listen(&local, options).unwrap(), "sctp://127.0.0.1:38412".parse().unwrap())
            }
        }
    }
}

/// Options with short deadlines, so that tests of them end soon.
pub(crate) fn impatient() -> Options {
    Options {
        connect_timeout: Duration::from_millis(600),
        heartbeat: Duration::from_millis(100),
        dead_after: Duration::from_millis(800),
        ..Options::default()
    }
}

/// A client and a server, and everything they reported.
pub(crate) struct Pair {
    pub(crate) client: Endpoint,
    pub(crate) server: Endpoint,
    /// Where the client reaches the server.
    pub(crate) address: Address,
    pub(crate) client_events: Vec<Event>,
    pub(crate) server_events: Vec<Event>,
}

impl Pair {
    pub(crate) fn new(link: Link, client: &Options, server: &Options) -> Self {
        let (server, address) = link.listen(server);
        Self {
            server,
            address,
            client: Endpoint::client(link.client(), client).unwrap(),
            client_events: Vec::new(),
            server_events: Vec::new(),
        }
    }

    /// A pair with one association; its identifiers at the client and at the server.
    pub(crate) fn connected(
        link: Link,
        client: &Options,
        server: &Options,
    ) -> (Self, AssociationId, AssociationId) {
        let mut pair = Self::new(link, client, server);
        let id = pair.client.connect(&pair.address, Instant::now()).unwrap();
        pair.run_until("up at both ends", |pair| {
            !ups(&pair.client_events).is_empty() && !ups(&pair.server_events).is_empty()
        });
        assert_eq!(ups(&pair.client_events), [id]);
        let server_id = ups(&pair.server_events)[0];
        pair.client_events.clear();
        pair.server_events.clear();
        (pair, id, server_id)
    }

    /// Runs both ends until the condition holds.
    pub(crate) fn run_until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let limit = Instant::now() + Duration::from_secs(40);
        while !condition(self) {
            assert!(
                Instant::now() < limit,
                "not reached: {what}; client {} events, server {}, last {:?} {:?}",
                self.client_events.len(),
                self.server_events.len(),
                self.client_events.last().map(brief),
                self.server_events.last().map(brief),
            );
            let before = self.client_events.len() + self.server_events.len();
            self.client.poll(Instant::now(), &mut self.client_events).unwrap();
            self.server.poll(Instant::now(), &mut self.server_events).unwrap();
            if self.client_events.len() + self.server_events.len() == before {
                self.client
                    .wait(Instant::now() + Duration::from_micros(500), &mut self.client_events)
                    .unwrap();
            }
        }
    }

    /// Queues a message at the client, making room when the buffer is full.
    pub(crate) fn send(&mut self, id: AssociationId, stream: u16, ppid: u32, payload: &[u8]) {
        loop {
            match self.client.send(id, stream, ppid, payload.to_vec()) {
                Ok(()) => return,
                Err(SendError::Full) => {
                    self.client.poll(Instant::now(), &mut self.client_events).unwrap();
                    self.server.poll(Instant::now(), &mut self.server_events).unwrap();
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn brief(event: &Event) -> String {
    let mut text = format!("{event:?}");
    text.truncate(120);
    text
}

pub(crate) fn ups(events: &[Event]) -> Vec<AssociationId> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Up { id, .. } => Some(*id),
            _ => None,
        })
        .collect()
}

pub(crate) fn downs(events: &[Event]) -> Vec<&DownReason> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Down { reason, .. } => Some(reason),
            _ => None,
        })
        .collect()
}

pub(crate) fn received(events: &[Event]) -> Vec<(u16, u32, &[u8])> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Received { stream, ppid, payload, .. } => Some((*stream, *ppid, payload.as_slice())),
            _ => None,
        })
        .collect()
}

/// Octets that tell a message from every other.
pub(crate) fn payload(number: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((number * 31 + at * 7) % 251).unwrap()).collect()
}

pub(crate) fn messages_of_every_length_arrive_with_stream_and_ppid(link: Link) {
    let options = Options::default();
    let (mut pair, id, server_id) = Pair::connected(link, &options, &options);
    let lengths = [1, 2, 100, 1399, 1400, 1424, 1425, 3000, 16 * 1024, 64 * 1024];
    for (number, length) in lengths.into_iter().enumerate() {
        let stream = u16::try_from(number * 3 % 32).unwrap();
        let ppid = if number % 2 == 0 { 60 } else { 18 };
        pair.send(id, stream, ppid, &payload(number, length));
        pair.server.send(server_id, stream, ppid, payload(number + 100, length)).unwrap();
    }
    let all = lengths.len();
    pair.run_until("all messages both ways", |pair| {
        received(&pair.server_events).len() == all && received(&pair.client_events).len() == all
    });
    for (events, offset) in [(&pair.server_events, 0), (&pair.client_events, 100)] {
        let mut got = received(events);
        got.sort_by_key(|(_, _, payload)| payload.len());
        for (number, (stream, ppid, octets)) in got.into_iter().enumerate() {
            assert_eq!(usize::from(stream), number * 3 % 32);
            assert_eq!(ppid, if number % 2 == 0 { 60 } else { 18 });
            assert_eq!(octets, payload(number + offset, lengths[number]));
        }
    }
}

pub(crate) fn burst_arrives_complete_and_ordered_in_each_stream(link: Link) {
    let options = Options { send_buffer: 256 * 1024, ..Options::default() };
    let (mut pair, id, _) = Pair::connected(link, &options, &options);
    let count = 20_000u32;
    for number in 0..count {
        let stream = u16::try_from(number % 32).unwrap();
        pair.send(id, stream, 60, &[&number.to_be_bytes()[..], &[7; 96]].concat());
    }
    pair.run_until("the burst", |pair| pair.server_events.len() == count as usize);
    let mut last = [None; 32];
    for (stream, _, octets) in received(&pair.server_events) {
        let number = u32::from_be_bytes(octets[..4].try_into().unwrap());
        let last = &mut last[usize::from(stream)];
        assert!(*last < Some(number), "stream {stream}: {number} after {last:?}");
        *last = Some(number);
    }
}

pub(crate) fn shutdown_delivers_everything_queued(link: Link) {
    for round in 0..5 {
        let options = Options::default();
        let (mut pair, id, _) = Pair::connected(link, &options, &options);
        for number in 0..500 {
            pair.send(id, 1, 60, &payload(number, 200 + round * 300));
        }
        pair.client.shutdown(id, Instant::now());
        assert_eq!(pair.client.send(id, 0, 60, vec![1]), Err(SendError::Gone));
        pair.run_until("down at both ends", |pair| {
            !downs(&pair.client_events).is_empty() && !downs(&pair.server_events).is_empty()
        });
        assert_eq!(received(&pair.server_events).len(), 500, "round {round}");
        for events in [&pair.client_events, &pair.server_events] {
            assert!(
                matches!(downs(events)[..], [DownReason::Shutdown { unsent: 0, .. }]),
                "{:?}",
                downs(events)
            );
        }
        assert_eq!(pair.client.ends(id), None);
    }
}

pub(crate) fn abort_ends_both_sides(link: Link) {
    let options = Options::default();
    let (mut pair, id, server_id) = Pair::connected(link, &options, &options);
    assert!(pair.client.ends(id).is_some());
    pair.client.abort(id, Instant::now());
    pair.run_until("down at both ends", |pair| {
        !downs(&pair.client_events).is_empty() && !downs(&pair.server_events).is_empty()
    });
    for events in [&pair.client_events, &pair.server_events] {
        assert!(matches!(downs(events)[..], [DownReason::Aborted { .. }]), "{:?}", downs(events));
    }
    assert_eq!(pair.server.send(server_id, 0, 60, vec![1]), Err(SendError::Gone));
}

pub(crate) fn dropped_endpoint_is_noticed_at_once(link: Link) {
    let (mut pair, _, server_id) = Pair::connected(link, &Options::default(), &Options::default());
    pair.client = Endpoint::client(link.client(), &Options::default()).unwrap();
    pair.run_until("down at the server", |pair| !downs(&pair.server_events).is_empty());
    assert!(
        matches!(&pair.server_events[..], [Event::Down { id, reason: DownReason::Aborted { .. } }] if *id == server_id)
    );
}

pub(crate) fn many_associations_share_one_endpoint(link: Link, count: usize) {
    let options = Options::default();
    let mut pair = Pair::new(link, &options, &options);
    let address = pair.address.clone();
    let ids: Vec<AssociationId> =
        (0..count).map(|_| pair.client.connect(&address, Instant::now()).unwrap()).collect();
    pair.run_until("all up", |pair| {
        ups(&pair.client_events).len() == count && ups(&pair.server_events).len() == count
    });
    for (number, id) in ids.iter().enumerate() {
        pair.client.send(*id, 3, 60, payload(number, 300)).unwrap();
    }
    pair.run_until("a message of each", |pair| received(&pair.server_events).len() == count);
    let mut senders: Vec<AssociationId> = pair
        .server_events
        .iter()
        .filter_map(|event| match event {
            Event::Received { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    senders.sort();
    senders.dedup();
    assert_eq!(senders.len(), count, "each came on its own association");
}

pub(crate) fn association_beyond_the_limit_is_refused(link: Link) {
    let server = Options { max_associations: 2, ..impatient() };
    let mut pair = Pair::new(link, &impatient(), &server);
    let address = pair.address.clone();
    for _ in 0..3 {
        pair.client.connect(&address, Instant::now()).unwrap();
        let before = pair.client_events.len();
        pair.run_until("an outcome", |pair| pair.client_events.len() > before);
        pair.run_until("the server to know", |pair| !ups(&pair.server_events).is_empty());
    }
    pair.run_until("a refusal", |pair| {
        !downs(&pair.client_events).is_empty() && ups(&pair.server_events).len() >= 2
    });
    assert_eq!(ups(&pair.server_events).len(), 2);
    assert!(
        matches!(downs(&pair.client_events)[0], DownReason::Refused { .. } | DownReason::Aborted { .. }),
        "{:?}",
        downs(&pair.client_events)
    );
}

pub(crate) fn own_limit_of_associations_is_an_error(link: Link) {
    let client = Options { max_associations: 1, ..Options::default() };
    let mut pair = Pair::new(link, &client, &Options::default());
    let address = pair.address.clone();
    pair.client.connect(&address, Instant::now()).unwrap();
    assert!(pair.client.connect(&address, Instant::now()).unwrap_err().to_string().contains("limit"));
}

pub(crate) fn wrong_stream_and_length_are_errors(link: Link) {
    let server = Options { streams: 5, ..Options::default() };
    let (mut pair, id, server_id) = Pair::connected(link, &Options::default(), &server);
    assert_eq!(pair.client.send(id, 5, 60, vec![1]), Err(SendError::NoSuchStream { stream: 5, streams: 5 }));
    assert_eq!(
        pair.server.send(server_id, 31, 60, vec![1]),
        Err(SendError::NoSuchStream { stream: 31, streams: 5 })
    );
    assert_eq!(pair.client.send(id, 0, 60, Vec::new()), Err(SendError::BadLength { octets: 0 }));
    let long = sctp::MAX_MESSAGE + 1;
    assert_eq!(pair.client.send(id, 0, 60, vec![0; long]), Err(SendError::BadLength { octets: long }));
    assert_eq!(pair.client.send(AssociationId(9999), 0, 60, vec![1]), Err(SendError::Gone));
    pair.client.send(id, 4, 60, vec![1]).unwrap();
    pair.run_until("the good one", |pair| received(&pair.server_events).len() == 1);
}

pub(crate) fn full_send_buffer_is_an_error_and_drains(link: Link) {
    let options = Options { send_buffer: 20_000, ..Options::default() };
    let (mut pair, id, _) = Pair::connected(link, &options, &options);
    let mut sent = 0;
    // The other end does not run, so nothing drains.
    let full = loop {
        match pair.client.send(id, 1, 60, vec![1; 1000]) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 50_000, "the buffer is bounded");
    };
    assert_eq!(full, SendError::Full);
    pair.run_until("what was queued", |pair| received(&pair.server_events).len() == sent);
    pair.client.send(id, 1, 60, vec![1; 1000]).unwrap();
}

pub(crate) fn waker_ends_a_wait(link: Link) {
    let mut endpoint = Endpoint::client(link.client(), &Options::default()).unwrap();
    let waker = endpoint.waker();
    let started = Instant::now();
    let thread = std::thread::spawn(move || waker.wake());
    endpoint.wait(started + Duration::from_secs(30), &mut Vec::new()).unwrap();
    thread.join().unwrap();
    assert!(started.elapsed() < Duration::from_secs(20));
}

pub(crate) fn wait_ends_at_its_deadline(link: Link) {
    let mut endpoint = Endpoint::client(link.client(), &Options::default()).unwrap();
    let mut late: Vec<Duration> = (0..50)
        .map(|_| {
            let deadline = Instant::now() + Duration::from_micros(1500);
            endpoint.wait(deadline, &mut Vec::new()).unwrap();
            let now = Instant::now();
            assert!(now >= deadline, "never early");
            now - deadline
        })
        .collect();
    late.sort();
    // The median, and with slack: the machine may be busy.
    assert!(late[25] < Duration::from_millis(1), "median {:?}", late[25]);
}
