//! The temporary identities of a UE (TS 23.003 §2.10, §2.11).

use serde::{Deserialize, Serialize};

/// The 5G-S-TMSI: names a UE in paging and in an initial message. 48 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct STmsi {
    set_and_pointer: u16,
    tmsi: u32,
}

impl STmsi {
    /// `None` where the AMF Set ID is above 10 bits or the AMF Pointer above 6.
    pub fn new(amf_set_id: u16, amf_pointer: u8, tmsi: u32) -> Option<Self> {
        (amf_set_id < 1 << 10 && amf_pointer < 1 << 6)
            .then(|| Self { set_and_pointer: amf_set_id << 6 | u16::from(amf_pointer), tmsi })
    }

    /// Its six octets, as they stand in a NAS identity.
    pub fn from_octets(octets: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = octets;
        Self { set_and_pointer: u16::from_be_bytes([a, b]), tmsi: u32::from_be_bytes([c, d, e, f]) }
    }

    /// The AMF Set ID, 10 bits.
    pub fn amf_set_id(self) -> u16 {
        self.set_and_pointer >> 6
    }

    /// The AMF Pointer, 6 bits.
    pub fn amf_pointer(self) -> u8 {
        self.set_and_pointer.to_be_bytes()[1] & 0x3f
    }

    /// The 5G-TMSI.
    pub fn tmsi(self) -> u32 {
        self.tmsi
    }

    /// Its six octets, as they stand in a NAS identity.
    pub fn octets(self) -> [u8; 6] {
        let [a, b] = self.set_and_pointer.to_be_bytes();
        let [c, d, e, f] = self.tmsi.to_be_bytes();
        [a, b, c, d, e, f]
    }
}

/// The 5G-GUTI: names a UE and the AMF that knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Guti {
    plmn: [u8; 3],
    region: u8,
    s_tmsi: STmsi,
}

impl Guti {
    /// From the eleven octets of a 5GS mobile identity of this type (TS 24.501 §9.11.3.4).
    pub(crate) fn from_mobile_identity(octets: &[u8]) -> Option<Self> {
        let [kind, p0, p1, p2, region, rest @ ..] = octets else { return None };
        let s_tmsi = STmsi::from_octets(rest.try_into().ok()?);
        (kind & 7 == 2).then_some(Self { plmn: [*p0, *p1, *p2], region: *region, s_tmsi })
    }

    /// The eleven octets of a 5GS mobile identity.
    pub(crate) fn mobile_identity(self) -> Vec<u8> {
        let [p0, p1, p2] = self.plmn;
        let mut octets = vec![0xf2, p0, p1, p2, self.region];
        octets.extend(self.s_tmsi.octets());
        octets
    }

    /// The part of it that is sent to an AMF which knows the rest.
    pub fn s_tmsi(self) -> STmsi {
        self.s_tmsi
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_tmsi_parts_survive_the_octets() {
        let s_tmsi = STmsi::new(0x3fe, 0x21, 0xdead_beef).unwrap();
        assert_eq!(STmsi::from_octets(s_tmsi.octets()), s_tmsi);
        assert_eq!((s_tmsi.amf_set_id(), s_tmsi.amf_pointer(), s_tmsi.tmsi()), (0x3fe, 0x21, 0xdead_beef));
        assert_eq!(STmsi::new(0x400, 0, 0), None);
    }
}
