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

/// The link-local address of a place (RFC 4291 §2.5.6): no router advertises a prefix here.
pub(super) fn ipv6(place: u32) -> Ipv6Addr {
    let [a, b, c, d, e, f, g, h] = interface_id(place);
    Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h])
}

/// 10.0.0.0/8 without its first and last address.
const MAX_PLACES: u32 = (1 << 24) - 2;

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
