//! The RRC containers of a handover (TS 38.331 §11.2.2), with octets of ours in the place that is kept for octets which a
//! receiver may not know.
//!
//! ```text
//! HandoverPreparationInformation ─► AS-Config.rrcReconfiguration ──┐
//! HandoverCommand ───────────────► handoverCommandMessage ─────────┴► RRCReconfiguration.lateNonCriticalExtension
//!                                                                        └► RRCReconfiguration-v15t0-IEs.lateNonCriticalExtension
//! ```
//! Both levels are needed: since V15.20 the outer extension has a type, whose own extension is free.
//!
//! RRC is in unaligned PER, where the codec of NGAP has aligned PER alone; what is needed of it are a few fixed bits and octet
//! strings, so it is written here.

/// HandoverPreparationInformation around `octets`; `None` when they are too many for one length field.
pub(crate) fn handover_preparation_information(octets: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Writer::default();
    // criticalExtensions: c1; c1: handoverPreparationInformation.
    bits.put(0, 3);
    // Of sourceConfig, rrm-Config, as-Context and nonCriticalExtension the first; no UE capabilities; AS-Config not extended.
    bits.put(0b1000, 4);
    bits.put(0, 4);
    bits.put(0, 1);
    bits.octet_string(&reconfiguration(octets)?)?;
    Some(bits.octets)
}

/// The octets of ours in a HandoverPreparationInformation; `None` where it is of another make.
pub(crate) fn open_handover_preparation_information(container: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Reader::new(container);
    bits.expect(0, 3)?;
    let source_config = bits.take(1)? == 1;
    bits.take(3)?;
    for _ in 0..bits.take(4)? {
        // rat-Type, which a later release may extend, and the capabilities.
        bits.expect(0, 1)?;
        bits.take(2)?;
        bits.octet_string()?;
    }
    if !source_config {
        return None;
    }
    // A later release may extend AS-Config after the field that is looked for.
    bits.take(1)?;
    open_reconfiguration(&bits.octet_string()?)
}

/// HandoverCommand around `octets`, which may be none.
pub(crate) fn handover_command(octets: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Writer::default();
    // criticalExtensions: c1; c1: handoverCommand; no nonCriticalExtension.
    bits.put(0, 4);
    bits.octet_string(&reconfiguration(octets)?)?;
    Some(bits.octets)
}

/// The octets of ours in a HandoverCommand; `None` where it is of another make.
pub(crate) fn open_handover_command(container: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Reader::new(container);
    bits.expect(0, 3)?;
    bits.take(1)?;
    open_reconfiguration(&bits.octet_string()?)
}

/// RRCReconfiguration (TS 38.331 §6.2.2) with nothing but `octets`.
fn reconfiguration(octets: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Writer::default();
    // rrc-TransactionIdentifier 0; criticalExtensions: rrcReconfiguration.
    bits.put(0, 3);
    if octets.is_empty() {
        bits.put(0, 5);
        return Some(bits.octets);
    }
    let mut extension = Writer::default();
    extension.put(0b10, 2);
    extension.octet_string(octets)?;
    // Of radioBearerConfig, secondaryCellGroup, measConfig, lateNonCriticalExtension and nonCriticalExtension the fourth.
    bits.put(0b00010, 5);
    bits.octet_string(&extension.octets)?;
    Some(bits.octets)
}

fn open_reconfiguration(message: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Reader::new(message);
    bits.take(2)?;
    bits.expect(0, 1)?;
    // What precedes the extension would have to be read to be skipped: we send nothing there.
    bits.expect(0, 3)?;
    let extended = bits.take(1)? == 1;
    bits.take(1)?;
    if !extended {
        return Some(Vec::new());
    }
    let extension = bits.octet_string()?;
    let mut bits = Reader::new(&extension);
    bits.expect(1, 1)?;
    bits.take(1)?;
    bits.octet_string()
}

/// Unaligned PER (ITU-T X.691), most significant bit first; what is left of the last octet stays zero.
#[derive(Default)]
struct Writer {
    octets: Vec<u8>,
    /// Bits used of the last octet, 1 to 8; of no octet, 0.
    used: u32,
}

impl Writer {
    /// The `count` low bits of `value`, at most 16.
    fn put(&mut self, value: u16, count: u32) {
        for shift in (0..count).rev() {
            let bit = u8::from(value >> shift & 1 == 1);
            if self.used.is_multiple_of(8) {
                self.octets.push(0);
                self.used = 0;
            }
            if let Some(last) = self.octets.last_mut() {
                *last |= bit << (7 - self.used);
            }
            self.used += 1;
        }
    }

    /// §11.9.3: a length of 7 bits, or of 14; longer strings would have to be cut into fragments.
    fn octet_string(&mut self, octets: &[u8]) -> Option<()> {
        let length = u16::try_from(octets.len()).ok()?;
        match length {
            0..0x80 => self.put(length, 8),
            0x80..0x4000 => self.put(0x8000 | length, 16),
            _ => return None,
        }
        self.octets.reserve(octets.len() + 1);
        match (self.used % 8, octets, self.octets.last_mut()) {
            (_, [], _) => {}
            (used @ 1.., [first, others @ ..], Some(last)) => {
                *last |= first >> used;
                let shifted = octets.iter().zip(others).map(|(one, next)| one << (8 - used) | next >> used);
                self.octets.extend(shifted);
                self.octets.extend(octets.last().map(|last| last << (8 - used)));
            }
            _ => {
                self.octets.extend_from_slice(octets);
                self.used = 8;
            }
        }
        Some(())
    }
}

struct Reader<'a> {
    octets: &'a [u8],
    /// Bits read.
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    /// The next `count` bits, at most 16; `None` where there are not as many.
    fn take(&mut self, count: u32) -> Option<u16> {
        let mut value = 0;
        for _ in 0..count {
            let octet = self.octets.get(self.at / 8)?;
            value = value << 1 | u16::from(octet >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    fn expect(&mut self, value: u16, count: u32) -> Option<()> {
        (self.take(count)? == value).then_some(())
    }

    fn octet_string(&mut self) -> Option<Vec<u8>> {
        let length = match self.take(1)? {
            0 => self.take(7)?,
            _ => {
                self.expect(0, 1)?;
                self.take(14)?
            }
        };
        let (place, shift, length) = (self.at / 8, self.at % 8, usize::from(length));
        // A length cannot ask for memory that it does not fill: the octets are there before any are copied.
        let octets = self.octets.get(place..place + length)?;
        self.at += 8 * length;
        if shift == 0 {
            return Some(octets.to_vec());
        }
        let after = self.octets.get(place + 1..place + 1 + length)?;
        Some(octets.iter().zip(after).map(|(one, next)| one << shift | next >> (8 - shift)).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    // The octets of pycrate's RRCNR, of `{…lateNonCriticalExtension: {lateNonCriticalExtension: 01 02 03}}`.
    const PREPARATION_OF_PYCRATE: &str = "10007020580c04080c00";
    const COMMAND_OF_PYCRATE: &str = "007020580c04080c00";

    #[test]
    fn containers_of_pycrate_are_opened_and_made() {
        let preparation = hex::decode(PREPARATION_OF_PYCRATE).unwrap();
        assert_eq!(
            hex::encode(handover_preparation_information(&[1, 2, 3]).unwrap()),
            PREPARATION_OF_PYCRATE
        );
        assert_eq!(open_handover_preparation_information(&preparation), Some(vec![1, 2, 3]));
        let command = hex::decode(COMMAND_OF_PYCRATE).unwrap();
        assert_eq!(hex::encode(handover_command(&[1, 2, 3]).unwrap()), COMMAND_OF_PYCRATE);
        assert_eq!(open_handover_command(&command), Some(vec![1, 2, 3]));
    }

    #[test]
    fn capabilities_of_another_make_are_skipped_and_their_lack_of_ours_is_seen() {
        // One UE-CapabilityRAT-Container of NR with the octets 01 02, and no sourceConfig.
        assert_eq!(open_handover_preparation_information(&hex::decode("0020080408").unwrap()), None);
    }

    #[test]
    fn octets_beyond_one_length_field_are_refused() {
        assert!(handover_preparation_information(&[0; 16_300]).is_some());
        assert!(handover_preparation_information(&[0; 16_384]).is_none());
        assert_eq!(open_handover_command(&handover_command(&[]).unwrap()), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out(octets in vec(any::<u8>(), 1..600)) {
            let made = handover_preparation_information(&octets).unwrap();
            prop_assert_eq!(open_handover_preparation_information(&made), Some(octets.clone()));
            let made = handover_command(&octets).unwrap();
            prop_assert_eq!(open_handover_command(&made), Some(octets));
        }

        #[test]
        fn any_octets_are_opened_or_not_but_never_a_panic(octets in vec(any::<u8>(), 0..80), like_ours in any::<bool>()) {
            let octets = if like_ours { [&[0x10, 0x00][..], &octets].concat() } else { octets };
            let _ = open_handover_preparation_information(&octets);
            let _ = open_handover_command(&octets);
        }
    }
}
