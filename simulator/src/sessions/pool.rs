//! The addresses of UEs: bounded, and used again.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A place in the pool stands for one IPv4 address and one IPv6 interface identifier.
pub(super) struct Pool {
    limit: u32,
    next: u32,
    /// The place that was freed first is given first, so that a late packet meets nobody for as long as can be.
    free: VecDeque<u32>,
}

impl Pool {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit: limit.min(MAX_PLACES), next: 0, free: VecDeque::new() }
    }

    /// `None` when all places are taken.
    pub(super) fn take(&mut self) -> Option<u32> {
        if self.next < self.limit {
            self.next += 1;
            return Some(self.next);
        }
        self.free.pop_front()
    }

    pub(super) fn give_back(&mut self, place: u32) {
        self.free.push_back(place);
    }
}

/// The IPv4 address of a place, from 10.0.0.1 on.
pub(super) fn ipv4(place: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) | place)
}

/// The IPv6 interface identifier of a place (TS 23.501 §5.8.2.2.3): unique, and no EUI-64.
pub(super) fn interface_id(place: u32) -> [u8; 8] {
    let [a, b, c, d] = place.to_be_bytes();
    [0, 0, 0, 0, a, b, c, d]
}

/// The IPv6 address of a place: its interface identifier in a prefix of its own (TS 23.501 §5.8.2.2.1), of the addresses that
/// are kept for documentation (RFC 3849). The prefix of place 0, which nobody has, is that of the data networks.
pub(super) fn ipv6(place: u32) -> Ipv6Addr {
    let ([p, q, r, s], [a, b, c, d, e, f, g, h]) = (place.to_be_bytes(), interface_id(place));
    Ipv6Addr::from([0x20, 1, 0xd, 0xb8, p, q, r, s, a, b, c, d, e, f, g, h])
}

/// 10.0.0.0/8 without its first and last address, and without that of the gateway before the last.
const MAX_PLACES: u32 = (1 << 24) - 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_used_again_oldest_first() {
        let mut pool = Pool::new(2);
        assert_eq!((pool.take(), pool.take(), pool.take()), (Some(1), Some(2), None));
        pool.give_back(2);
        pool.give_back(1);
        assert_eq!((pool.take(), pool.take(), pool.take()), (Some(2), Some(1), None));
        assert_eq!(ipv4(1), Ipv4Addr::new(10, 0, 0, 1));
    }
}
