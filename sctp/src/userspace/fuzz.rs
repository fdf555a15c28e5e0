//! Entrances for fuzzing: packets from the network, as the stack gets them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::packet::{self, Header};
use super::stack::Stack;
use crate::{AssociationId, Event, NGAP_PORT, Options, Remote, Transport};

/// Feeds octets to a listening stack. Their checksum is made right first, so that they get further than it.
pub fn listener(octets: &[u8]) {
    let mut stack = Stack::new(Transport::Udp, &Options::default(), Some(NGAP_PORT), 0);
    let (now, mut events) = (Instant::now(), Vec::new());
    stack.receive(CLIENT.into(), octets, now, &mut events);
    let mut sealed = octets.to_vec();
    packet::seal(&mut sealed);
    stack.receive(CLIENT.into(), &sealed, now, &mut events);
    stack.expire(now, &mut events);
}

/// Feeds chunks to both ends of an association that is up: they get its ports, its verification tag and a right checksum. Some
/// time passes after each.
pub fn association<'a>(inputs: impl Iterator<Item = &'a [u8]>) {
    let mut ends = Ends::connected();
    for (step, chunks) in (1u32..).zip(inputs) {
        ends.now += Duration::from_millis(u64::from(step) * 40);
        for end in 0..2 {
            let mut octets = ends.head[end].clone();
            octets.extend_from_slice(chunks);
            packet::seal(&mut octets);
            ends.receive(end, &octets);
        }
        ends.exchange();
    }
}

/// A client and a server, with nothing between them.
struct Ends {
    stacks: [Stack; 2],
    events: Vec<Event>,
    /// Ports, tag and checksum of the last packet that each was sent.
    head: [Vec<u8>; 2],
    now: Instant,
}

impl Ends {
    fn connected() -> Self {
        let options = Options::default();
        let client = Stack::new(Transport::Udp, &options, None, 1);
        let server = Stack::new(Transport::Udp, &options, Some(NGAP_PORT), 0);
        let now = Instant::now();
        let mut ends =
            Self { stacks: [client, server], events: Vec::new(), head: [Vec::new(), Vec::new()], now };
        let remote = Remote { transport: Transport::Udp, address: "127.0.0.2:9899".to_owned() };
        let id = ends.stacks[0].connect(SERVER.into(), NGAP_PORT, remote, now);
        ends.exchange();
        if let Ok(id) = id {
            let _ = ends.stacks[0].send(id, 0, 60, vec![7; 32]);
        }
        if let Some(id) = ends.server_side() {
            let _ = ends.stacks[1].send(id, 0, 60, vec![7; 32]);
        }
        ends.exchange();
        ends
    }

    fn server_side(&self) -> Option<AssociationId> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Up { id, .. } => Some(*id),
            _ => None,
        })
    }

    fn receive(&mut self, end: usize, octets: &[u8]) {
        let from = SocketAddr::from(if end == 0 { SERVER } else { CLIENT });
        self.stacks[end].receive(from, octets, self.now, &mut self.events);
    }

    /// Lets both ends say what they have to say, in a bounded number of rounds.
    fn exchange(&mut self) {
        for _ in 0..8 {
            for end in 0..2 {
                self.stacks[end].flush(self.now, &mut self.events);
                self.stacks[end].expire(self.now, &mut self.events);
                let packets = std::mem::take(self.stacks[end].outgoing());
                for datagram in packets {
                    if Header::parse(&datagram.octets).is_some_and(|header| header.tag != 0) {
                        self.head[1 - end] = datagram.octets.iter().copied().take(12).collect();
                    }
                    self.receive(1 - end, &datagram.octets);
                }
            }
        }
    }
}

const CLIENT: ([u8; 4], u16) = ([127, 0, 0, 1], 9898);
const SERVER: ([u8; 4], u16) = ([127, 0, 0, 2], 9899);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_up_before_they_are_fed() {
        let ends = Ends::connected();
        let ups = ends.events.iter().filter(|event| matches!(event, Event::Up { .. })).count();
        assert_eq!(ups, 2, "{:?}", ends.events);
        assert!(ends.head.iter().all(|head| head.len() == 12));
        association([[0u8, 3, 0, 16].as_slice(), b"\xff\xff\xff\xff"].into_iter());
    }
}
