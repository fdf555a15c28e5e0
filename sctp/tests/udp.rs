//! Userspace SCTP in UDP.
#![allow(clippy::unwrap_used, reason = "these are tests, outside of #[test] functions too")]

mod suite;

use sctp::{Address, DownReason, Endpoint, Event, Options, Transport};
use std::net::UdpSocket;
use std::time::{Duration, Instant};
use suite::{Link, Pair, downs, impatient, received, ups};

const UDP: Link = Link::Same(Transport::Udp);

#[test]
fn messages_of_every_length_arrive_with_stream_and_ppid() {
    suite::messages_of_every_length_arrive_with_stream_and_ppid(UDP);
}

#[test]
fn burst_arrives_complete_and_ordered_in_each_stream() {
    suite::burst_arrives_complete_and_ordered_in_each_stream(UDP);
}

#[test]
fn shutdown_delivers_everything_queued() {
    suite::shutdown_delivers_everything_queued(UDP);
}

#[test]
fn abort_ends_both_sides() {
    suite::abort_ends_both_sides(UDP);
}

#[test]
fn dropped_endpoint_is_noticed_at_once() {
    suite::dropped_endpoint_is_noticed_at_once(UDP);
}

#[test]
fn many_associations_share_one_endpoint() {
    suite::many_associations_share_one_endpoint(UDP, 200);
}

#[test]
fn association_beyond_the_limit_is_refused() {
    suite::association_beyond_the_limit_is_refused(UDP);
}

#[test]
fn own_limit_of_associations_is_an_error() {
    suite::own_limit_of_associations_is_an_error(UDP);
}

#[test]
fn wrong_stream_and_length_are_errors() {
    suite::wrong_stream_and_length_are_errors(UDP);
}

#[test]
fn full_send_buffer_is_an_error_and_drains() {
    suite::full_send_buffer_is_an_error_and_drains(UDP);
}

#[test]
fn waker_ends_a_wait() {
    suite::waker_ends_a_wait(UDP);
}

#[test]
fn due_instant_is_met_and_never_before_it() {
    suite::due_instant_is_met_and_never_before_it(UDP);
}

#[test]
fn longest_wait_ends_before_something_due_much_later() {
    suite::longest_wait_ends_before_something_due_much_later(UDP);
}

#[test]
fn waker_ends_a_wait_that_is_awake() {
    suite::waker_ends_a_wait_that_is_awake(UDP);
}

#[test]
fn messages_are_taken_in_while_awake() {
    suite::messages_are_taken_in_while_awake(UDP);
}

#[test]
fn processor_is_left_alone_when_nothing_is_due_soon() {
    suite::processor_is_left_alone_when_nothing_is_due_soon(UDP);
}

#[test]
fn wait_ends_at_its_deadline() {
    suite::wait_ends_at_its_deadline(UDP);
}

#[test]
fn ipv6_carries_associations() {
    let listen: Address = "sctp+udp://[::1]:0?port=36412".parse().unwrap();
    let mut pair = Pair::new(UDP, &Options::default(), &Options::default());
    pair.server = Endpoint::listen(&listen, &Options::default()).unwrap();
    let id = pair.client.connect(&pair.server.local_address(), Instant::now()).unwrap();
    pair.run_until("up", |pair| !ups(&pair.client_events).is_empty() && !ups(&pair.server_events).is_empty());
    pair.client.send(id, 0, 18, vec![1, 2, 3]).unwrap();
    pair.run_until("a message", |pair| !received(&pair.server_events).is_empty());
    let (local, peer) = pair.client.ends(id).unwrap();
    assert!(local.ip().is_loopback() && local.port() >= 49152, "{local}");
    assert_eq!(peer, "[::1]:36412".parse().unwrap());
}

#[test]
fn client_ends_name_both_sctp_addresses() {
    let (pair, id, server_id) = Pair::connected(UDP, &Options::default(), &Options::default());
    let (client, server) = pair.client.ends(id).unwrap();
    assert_eq!(pair.server.ends(server_id).unwrap(), (server, client));
    assert_eq!(server, "127.0.0.1:38412".parse().unwrap());
}

/// A socket that is bound but answers nothing, and its address as a target.
fn silent() -> (UdpSocket, Address) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let address = format!("sctp+udp://{}", socket.local_addr().unwrap()).parse().unwrap();
    (socket, address)
}

/// Connects to a target that is no server of ours, and waits for the end.
fn failure(address: &Address) -> (DownReason, Duration) {
    let mut client = Endpoint::client(Transport::Udp, &impatient()).unwrap();
    let started = Instant::now();
    let id = client.connect(address, started).unwrap();
    let mut events = Vec::new();
    while events.is_empty() && started.elapsed() < Duration::from_secs(20) {
        client.wait(Instant::now() + Duration::from_secs(1), &mut events).unwrap();
    }
    match &events[..] {
        [Event::Down { id: down, reason }] if *down == id => (reason.clone(), started.elapsed()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn closed_port_is_refused_at_once_with_a_hint() {
    let (socket, address) = silent();
    drop(socket);
    let (reason, after) = failure(&address);
    assert!(matches!(reason, DownReason::Refused { .. }), "{reason:?}");
    assert!(after < impatient().connect_timeout, "{after:?}: by ICMP, not by the timeout");
    let text = reason.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("userspace SCTP in UDP"), "{text}");
    assert!(text.contains("use sctp://"), "{text}");
}

#[test]
fn silence_times_out() {
    let (_socket, address) = silent();
    let (reason, after) = failure(&address);
    assert!(matches!(reason, DownReason::TimedOut { .. }), "{reason:?}");
    assert!(after >= impatient().connect_timeout, "{after:?}");
}

#[test]
fn server_without_sctp_is_named_as_such() {
    let (socket, address) = silent();
    let server = std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        // One empty probe datagram, and INITs; each is answered with what is no SCTP.
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            if socket.send_to(b"HTTP/1.1 400 Bad Request\r\n\r\n", from).is_err() {
                return;
            }
        }
    });
    let (reason, _) = failure(&address);
    assert!(matches!(reason, DownReason::NotSctp { .. }), "{reason:?}");
    assert!(reason.to_string().contains("does not speak SCTP"), "{reason}");
    drop(server);
}

#[test]
fn server_that_echoes_is_named_as_such() {
    let (socket, address) = silent();
    let server = std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            if socket.send_to(&buffer[..length], from).is_err() {
                return;
            }
        }
    });
    let (reason, _) = failure(&address);
    assert!(matches!(reason, DownReason::NotSctp { .. }), "{reason:?}");
    drop(server);
}

#[test]
fn endpoint_that_only_connects_refuses_associations() {
    let other = Endpoint::client(
        Transport::Udp,
        &Options { bind: Some([127, 0, 0, 1].into()), ..Options::default() },
    );
    let mut other = other.unwrap();
    let address = other.local_address();
    let mut client = Endpoint::client(Transport::Udp, &impatient()).unwrap();
    client.connect(&address, Instant::now()).unwrap();
    let mut events = Vec::new();
    let limit = Instant::now() + Duration::from_secs(20);
    while events.is_empty() && Instant::now() < limit {
        other.poll(Instant::now(), &mut Vec::new()).unwrap();
        client.wait(Instant::now() + Duration::from_millis(1), &mut events).unwrap();
    }
    assert!(matches!(downs(&events)[..], [DownReason::Refused { .. }]), "{events:?}");
}

#[test]
fn silent_death_of_the_peer_is_noticed() {
    let (mut pair, _, _) = Pair::connected(UDP, &Options::default(), &impatient());
    let started = Instant::now();
    let limit = started + Duration::from_secs(20);
    // The client does not run any more, but its socket stays open: nobody says anything.
    while pair.server_events.is_empty() && Instant::now() < limit {
        pair.server.wait(Instant::now() + Duration::from_secs(1), &mut pair.server_events).unwrap();
    }
    assert!(matches!(downs(&pair.server_events)[..], [DownReason::Lost { .. }]), "{:?}", pair.server_events);
    assert!(started.elapsed() >= Duration::from_millis(500), "{:?}", started.elapsed());
}

#[test]
fn idle_association_stays_up_by_heartbeats() {
    let (mut pair, id, _) = Pair::connected(UDP, &impatient(), &impatient());
    let until = Instant::now() + 3 * impatient().dead_after;
    pair.run_until("three times the limit of silence", |_| Instant::now() > until);
    assert!(pair.client_events.is_empty() && pair.server_events.is_empty());
    pair.client.send(id, 0, 60, vec![1]).unwrap();
    pair.run_until("a message", |pair| !received(&pair.server_events).is_empty());
}

#[test]
fn shutdown_by_the_peer_accounts_for_everything_queued() {
    let options = Options { send_buffer: 1 << 20, ..impatient() };
    let (mut pair, id, server_id) = Pair::connected(UDP, &options, &options);
    for number in 0..1000 {
        pair.client.send(id, 1, 60, suite::payload(number, 1000)).unwrap();
    }
    pair.server.shutdown(server_id, Instant::now());
    pair.server.poll(Instant::now(), &mut pair.server_events).unwrap();
    pair.run_until("down at both ends", |pair| {
        !downs(&pair.client_events).is_empty() && !downs(&pair.server_events).is_empty()
    });
    let [DownReason::Shutdown { unsent, .. }] = downs(&pair.client_events)[..] else {
        panic!("{:?}", downs(&pair.client_events))
    };
    let delivered = received(&pair.server_events).len();
    assert_eq!(delivered + unsent / 1000, 1000, "{delivered} delivered, {unsent} octets unsent");
}

#[test]
fn listener_survives_garbage() {
    let (mut pair, id, _) = Pair::connected(UDP, &Options::default(), &Options::default());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = ("127.0.0.1", pair.server.local_address().port());
    for length in 0..200 {
        socket.send_to(&suite::payload(length, length), target).unwrap();
    }
    pair.client.send(id, 0, 60, vec![1]).unwrap();
    pair.run_until("a message", |pair| !received(&pair.server_events).is_empty());
    assert_eq!(pair.server_events.len(), 1);
}

#[test]
fn listening_on_a_taken_port_is_an_error() {
    let server = Endpoint::listen(&suite::any_port(Transport::Udp), &Options::default()).unwrap();
    let error = Endpoint::listen(&server.local_address(), &Options::default()).unwrap_err().to_string();
    assert!(error.contains(&server.local_address().to_string()) && error.contains("in use"), "{error}");
}

/// A proxy between a client and a server that sends two damaged copies of each answer before the answer itself.
fn damaging_proxy(server: std::net::SocketAddr) -> Address {
    let front = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("sctp+udp://{}", front.local_addr().unwrap()).parse().unwrap();
    let back = UdpSocket::bind("127.0.0.1:0").unwrap();
    back.connect(server).unwrap();
    let (to_client, from_server) = (front.try_clone().unwrap(), back.try_clone().unwrap());
    let client = std::sync::Arc::new(std::sync::Mutex::new(None));
    let known = std::sync::Arc::clone(&client);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = front.recv_from(&mut buffer) {
            *client.lock().unwrap() = Some(from);
            if back.send(&buffer[..length]).is_err() {
                return;
            }
        }
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length) = from_server.recv(&mut buffer) {
            let to = known.lock().unwrap().unwrap();
            for bit in [1, 2] {
                let mut damaged = buffer[..length].to_vec();
                *damaged.last_mut().unwrap() ^= bit;
                let _ = to_client.send_to(&damaged, to);
            }
            let _ = to_client.send_to(&buffer[..length], to);
        }
    });
    address
}

#[test]
fn damaged_packets_end_no_attempt() {
    let mut pair = Pair::new(UDP, &Options::default(), &Options::default());
    let server: Vec<std::net::SocketAddr> = pair.server.local_address().resolve().unwrap();
    let proxy = damaging_proxy(server[0]);
    let id = pair.client.connect(&proxy, Instant::now()).unwrap();
    pair.run_until("an outcome", |pair| !pair.client_events.is_empty());
    assert!(
        matches!(pair.client_events[0], Event::Up { id: up, .. } if up == id),
        "{:?}",
        pair.client_events
    );
}
