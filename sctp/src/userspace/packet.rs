//! The little of an SCTP packet that is looked at outside of dcsctp: to find its association, and to answer packets that
//! belong to none (RFC 9260 §3.1, §8.4).

/// The start of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    /// The verification tag.
    pub(crate) tag: u32,
    /// The type of the first chunk.
    pub(crate) first_chunk: u8,
}

impl Header {
    /// `None` when the octets are too short for a packet with a chunk.
    pub(crate) fn parse(octets: &[u8]) -> Option<Self> {
        Some(Self {
            source_port: u16_at(octets, 0)?,
            destination_port: u16_at(octets, 2)?,
            tag: u32_at(octets, 4)?,
            first_chunk: *octets.get(HEADER)?,
        })
        .filter(|_| octets.len() >= HEADER + CHUNK_HEADER)
    }
}

/// Whether the CRC32c of the packet is right (RFC 9260 §6.8).
pub(crate) fn checksum_is_right(octets: &[u8]) -> bool {
    let (Some(before), Some(sum), Some(after)) = (octets.get(..8), octets.get(8..12), octets.get(12..))
    else {
        return false;
    };
    checksum(before, after) == sum
}

/// The Initiate Tag of a packet that starts with INIT or INIT ACK (RFC 9260 §3.3.2).
pub(crate) fn initiate_tag(octets: &[u8]) -> Option<u32> {
    u32_at(octets, HEADER + CHUNK_HEADER).filter(|tag| *tag != 0)
}

/// What an ABORT at the start of a packet says (RFC 9260 §3.3.7, §3.3.10).
pub(crate) fn abort_cause(octets: &[u8]) -> &'static str {
    match u16_at(octets, HEADER + CHUNK_HEADER) {
        None => "ABORT in answer to INIT: nothing listens at this SCTP port",
        Some(4) => "ABORT: the peer is out of resources",
        Some(5) => "ABORT: the peer cannot resolve an address",
        Some(11) => "ABORT: the peer does not accept the new addresses",
        Some(12) => "ABORT by the peer's user",
        Some(13) => "ABORT: protocol violation",
        Some(_) => "ABORT from the peer",
    }
}

/// The answer to a packet that belongs to no association (RFC 9260 §8.4); its checksum must have been checked.
pub(crate) fn answer_out_of_the_blue(octets: &[u8]) -> Option<Vec<u8>> {
    let header = Header::parse(octets)?;
    if header.first_chunk == INIT {
        // Nothing listens: the peer's Initiate Tag, T bit clear (RFC 9260 §8.4 rule 3).
        return Some(packet(&header, initiate_tag(octets)?, &[ABORT, 0, 0, 4]));
    }
    let mut answer = [ABORT, TAG_REFLECTED, 0, 4];
    for chunk in chunk_types(octets) {
        match chunk {
            // Answering these could go on for ever (rules 2, 6, 7).
            ABORT | SHUTDOWN_COMPLETE | COOKIE_ACK | ERROR => return None,
            // The peer did not get our SHUTDOWN COMPLETE (rule 5).
            SHUTDOWN_ACK => answer = [SHUTDOWN_COMPLETE, TAG_REFLECTED, 0, 4],
            // Without a valid cookie, silently discarded (§5.1.5).
            COOKIE_ECHO => return None,
            _ => {}
        }
    }
    Some(packet(&header, header.tag, &answer))
}

/// ABORT in answer to an INIT, because there is no room for another association (RFC 9260 §3.3.10.4).
pub(crate) fn refuse_init(octets: &[u8]) -> Option<Vec<u8>> {
    let header = Header::parse(octets)?;
    Some(packet(&header, initiate_tag(octets)?, &[ABORT, 0, 0, 8, 0, OUT_OF_RESOURCE, 0, 4]))
}

/// Puts the right checksum into a packet.
pub(crate) fn seal(octets: &mut [u8]) {
    let Some((before, rest)) = octets.split_at_mut_checked(8) else { return };
    let Some((sum, after)) = rest.split_at_mut_checked(4) else { return };
    sum.copy_from_slice(&checksum(before, after));
}

/// A packet back to where `received` came from.
fn packet(received: &Header, tag: u32, chunk: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(HEADER + chunk.len());
    octets.extend_from_slice(&received.destination_port.to_be_bytes());
    octets.extend_from_slice(&received.source_port.to_be_bytes());
    octets.extend_from_slice(&tag.to_be_bytes());
    octets.extend_from_slice(&[0; 4]);
    octets.extend_from_slice(chunk);
    seal(&mut octets);
    octets
}

/// The types of all chunks, as far as their lengths make sense.
fn chunk_types(octets: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut rest = octets.get(HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        let chunk = *rest.first()?;
        let length = usize::from(u16_at(rest, 2)?);
        let padded = length.max(CHUNK_HEADER).next_multiple_of(4);
        rest = rest.get(padded..).unwrap_or_default();
        Some(chunk)
    })
}

fn checksum(before: &[u8], after: &[u8]) -> [u8; 4] {
    let sum = crc32c::crc32c(before);
    let sum = crc32c::crc32c_append(sum, &[0; 4]);
    crc32c::crc32c_append(sum, after).to_le_bytes()
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

/// Octets of the common header and of a chunk's header (RFC 9260 §3.1, §3.2).
const HEADER: usize = 12;
const CHUNK_HEADER: usize = 4;
/// Chunk types (RFC 9260 §3.2).
pub(crate) const INIT: u8 = 1;
pub(crate) const COOKIE_ECHO: u8 = 10;
pub(crate) const ABORT: u8 = 6;
const SHUTDOWN_ACK: u8 = 8;
const ERROR: u8 = 9;
const COOKIE_ACK: u8 = 11;
const SHUTDOWN_COMPLETE: u8 = 14;
/// The T bit of ABORT and SHUTDOWN COMPLETE (RFC 9260 §8.5.1).
const TAG_REFLECTED: u8 = 1;
/// A cause of ABORT (RFC 9260 §3.3.10.4).
const OUT_OF_RESOURCE: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 9260 §3.1 and §3.3: ports 38412 and 5000, tag 0xdeadbeef, one chunk without value.
    fn sample(chunk: u8) -> Vec<u8> {
        let mut octets = vec![0x96, 0x0c, 0x13, 0x88, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0, chunk, 0, 0, 4];
        seal(&mut octets);
        octets
    }

    #[test]
    fn header_of_a_captured_init_is_read() {
        // An INIT that dcsctp's authors took from a capture of usrsctp (packet/sctp_packet.rs in its sources).
        let octets: Vec<u8> = [
            "13881388 00000000 aa019d33 0100005a 0eddca08 00020000 03e803e8 55083637 80000004 c0000004 80080009",
            "c00fc180 82000000 80020024 c5a86155 090e6f42 0050634c c8d6b908 dfd53e17 c99c",
        ]
        .join(" ")
        .split_whitespace()
        .flat_map(|word| {
            (0..word.len() / 2).map(|i| u8::from_str_radix(&word[2 * i..2 * i + 2], 16).unwrap()).collect::<Vec<_>>()
        })
        .collect();
        let header = Header::parse(&octets).unwrap();
        assert_eq!((header.source_port, header.tag, header.first_chunk), (5000, 0, INIT));
        assert_eq!(initiate_tag(&octets), Some(0x0edd_ca08));
    }

    #[test]
    fn data_out_of_the_blue_is_answered_by_abort_with_its_tag() {
        let answer = answer_out_of_the_blue(&sample(0)).unwrap();
        assert!(checksum_is_right(&answer));
        assert_eq!(answer[..8], [0x13, 0x88, 0x96, 0x0c, 0xde, 0xad, 0xbe, 0xef]);
        assert_eq!(answer[12..], [ABORT, TAG_REFLECTED, 0, 4]);
    }

    #[test]
    fn shutdown_ack_out_of_the_blue_is_answered_by_shutdown_complete() {
        let answer = answer_out_of_the_blue(&sample(SHUTDOWN_ACK)).unwrap();
        assert_eq!(answer[12..], [SHUTDOWN_COMPLETE, TAG_REFLECTED, 0, 4]);
    }

    #[test]
    fn abort_out_of_the_blue_is_not_answered() {
        for chunk in [ABORT, SHUTDOWN_COMPLETE, COOKIE_ACK, ERROR, COOKIE_ECHO] {
            assert_eq!(answer_out_of_the_blue(&sample(chunk)), None, "chunk {chunk}");
        }
    }

    #[test]
    fn checksum_of_a_changed_packet_is_wrong() {
        let mut octets = sample(0);
        octets[13] ^= 1;
        assert!(!checksum_is_right(&octets));
    }

    proptest! {
        /// Whatever arrives, it is parsed or not, and an answer is never longer than what provoked it, but for 4 octets.
        #[test]
        fn parsing_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = (Header::parse(&octets), checksum_is_right(&octets), initiate_tag(&octets));
            for answer in [answer_out_of_the_blue(&octets), refuse_init(&octets)].into_iter().flatten() {
                prop_assert!(answer.len() <= octets.len() + 4);
                prop_assert!(answer_out_of_the_blue(&answer).is_none());
            }
        }
    }
}
