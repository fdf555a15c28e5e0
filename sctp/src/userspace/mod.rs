//! SCTP in userspace: the protocol by dcsctp, one socket per association; what surrounds it is ours.
//!
//! ```text
//! endpoint (sockets, waiting) ──► stack (which association?) ──► association (dcsctp and its bounds)
//!                                   └─ offers (INIT answered, cookie awaited), packet (strays)
//! ```

mod association;
mod endpoint;
mod offers;
mod packet;
mod packet_socket;
mod stack;

pub(crate) use endpoint::UserspaceEndpoint;

/// Feeds octets from the network to a listening stack; for fuzzing. Their checksum is made right first, so that they
/// get further than it.
#[doc(hidden)]
pub fn fuzz_listener(octets: &[u8]) {
    use std::time::Instant;
    let (options, peer) = (crate::Options::default(), ([127, 0, 0, 1], 9899).into());
    let mut stack = stack::Stack::new(crate::Transport::Udp, &options, Some(crate::NGAP_PORT), 0);
    let (now, mut events) = (Instant::now(), Vec::new());
    stack.receive(peer, octets, now, &mut events);
    let mut sealed = octets.to_vec();
    packet::seal(&mut sealed);
    stack.receive(peer, &sealed, now, &mut events);
    stack.expire(now, &mut events);
}
