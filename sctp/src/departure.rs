//! When messages really left: the instant at which the first octet of each was given to the kernel.

use crate::AssociationId;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// The first octet of a message was given to the kernel. What was queued before that was not under way: it waited for the
/// processor, for its turn in a batch, or for room in the peer's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// On which association.
    pub id: AssociationId,
    /// The how manieth of the messages that [`crate::Endpoint::send`] took for it, from 0.
    pub number: u64,
    /// When the system call that took it had returned.
    pub at: Instant,
}

/// The messages of one association that have not left, found again by what a DATA chunk says of its message: stream and
/// stream sequence number, which counts the messages of a stream from 0 (RFC 9260 §3.3.1).
#[derive(Debug, Default)]
pub(crate) struct Queued {
    taken: u64,
    streams: BTreeMap<u16, Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    /// The sequence number of the first in `waiting`.
    first: u16,
    /// Numbers of messages; `None` where one has left before one that was queued earlier.
    waiting: VecDeque<Option<u64>>,
}

impl Queued {
    /// One more message is queued on a stream.
    pub(crate) fn push(&mut self, stream: u16) {
        self.streams.entry(stream).or_default().waiting.push_back(Some(self.taken));
        self.taken += 1;
    }

    /// A packet was given to the kernel: the numbers of the messages that begin in it. One that is sent again has left before.
    pub(crate) fn left(&mut self, packet: &[u8], mut number: impl FnMut(u64)) {
        let mut rest = packet.get(COMMON_HEADER..).unwrap_or_default();
        while let [kind, flags, high, low, ..] = *rest {
            let length = usize::from(u16::from_be_bytes([high, low]));
            if kind == DATA
                && flags & BEGINNING != 0
                && let Some([stream_high, stream_low, ssn_high, ssn_low]) =
                    rest.get(8..12).and_then(|numbers| <[u8; 4]>::try_from(numbers).ok())
            {
                let stream = u16::from_be_bytes([stream_high, stream_low]);
                self.began(stream, u16::from_be_bytes([ssn_high, ssn_low])).map(&mut number);
            }
            // Chunks are padded to words (RFC 9260 §3.2); one without a length would never end.
            let whole = length.max(4).next_multiple_of(4);
            rest = rest.get(whole..).unwrap_or_default();
        }
    }

    fn began(&mut self, stream: u16, ssn: u16) -> Option<u64> {
        let stream = self.streams.get_mut(&stream)?;
        let number = stream.waiting.get_mut(usize::from(ssn.wrapping_sub(stream.first)))?.take();
        while let Some(None) = stream.waiting.front() {
            stream.waiting.pop_front();
            stream.first = stream.first.wrapping_add(1);
        }
        number
    }
}

const COMMON_HEADER: usize = 12;
/// The chunk type of DATA.
const DATA: u8 = 0;
/// The flag of a message's first fragment.
const BEGINNING: u8 = 0x02;

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of DATA chunks: flags, stream, sequence number, and octets of user data.
    fn packet(chunks: &[(u8, u16, u16, usize)]) -> Vec<u8> {
        let mut octets = vec![0; COMMON_HEADER];
        for &(flags, stream, ssn, data) in chunks {
            let length = u16::try_from(16 + data).unwrap();
            octets.extend([&[DATA, flags][..], &length.to_be_bytes(), &[0; 4]].concat());
            octets.extend([stream.to_be_bytes(), ssn.to_be_bytes()].concat());
            octets.extend(vec![7; (4 + data).next_multiple_of(4)]);
        }
        octets
    }

    fn left(queued: &mut Queued, chunks: &[(u8, u16, u16, usize)]) -> Vec<u64> {
        let mut numbers = Vec::new();
        queued.left(&packet(chunks), |number| numbers.push(number));
        numbers
    }

    #[test]
    fn message_leaves_with_its_first_fragment_and_once() {
        let mut queued = Queued::default();
        [1, 1, 2].into_iter().for_each(|stream| queued.push(stream));
        assert_eq!(left(&mut queued, &[(2, 1, 0, 33)]), [0]);
        assert_eq!(left(&mut queued, &[(1, 1, 0, 10), (3, 2, 0, 5), (3, 1, 1, 1)]), [2, 1]);
        assert_eq!(
            left(&mut queued, &[(3, 1, 1, 1), (3, 2, 0, 5), (3, 9, 0, 1)]),
            [0; 0],
            "they left before"
        );
    }

    #[test]
    fn packet_that_was_not_taken_holds_up_no_other() {
        let mut queued = Queued::default();
        (0..3).for_each(|_| queued.push(1));
        assert_eq!(left(&mut queued, &[(3, 1, 1, 1)]), [1]);
        assert_eq!(left(&mut queued, &[(3, 1, 2, 1), (3, 1, 0, 1)]), [2, 0], "it was repeated");
        queued.push(1);
        assert_eq!(left(&mut queued, &[(3, 1, 3, 1)]), [3]);
    }

    #[test]
    fn sequence_numbers_begin_again_after_the_last() {
        let mut queued = Queued::default();
        for number in 0..70_000u64 {
            queued.push(5);
            let ssn = u16::try_from(number % 65_536).unwrap();
            assert_eq!(left(&mut queued, &[(3, 5, ssn, 1)]), [number]);
        }
    }

    #[test]
    fn broken_packets_end_the_reading() {
        let mut queued = Queued::default();
        queued.push(1);
        for octets in [&[0u8; 3][..], &[0; 12], &[0; 16], &[&[0; 12][..], &[0, 2, 0, 0]].concat()] {
            queued.left(octets, |number| panic!("{number}"));
        }
    }
}
