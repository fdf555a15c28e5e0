//! Identification, UE side (TS 24.501 §5.4.3).

use identity::{Imsi, decimal};
use oxirush_nas::nas_5gs::{NasFGsMobileIdentity, NasIdentityRequest, NasIdentityResponse};

use crate::nas5g::ue::Ue;

/// The identities that a network may ask for (TS 24.501 Table 9.11.3.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdentityType {
    Suci,
    Guti,
    Imei,
    STmsi,
    Imeisv,
    Other,
}

impl IdentityType {
    pub(crate) fn of(octet: u8) -> Self {
        match octet & 7 {
            1 => Self::Suci,
            2 => Self::Guti,
            3 => Self::Imei,
            4 => Self::STmsi,
            5 => Self::Imeisv,
            _ => Self::Other,
        }
    }
}

/// IDENTITY RESPONSE (TS 24.501 §8.2.22), with "no identity" where the UE has none of the type (§5.4.3.3).
fn response(identity: Option<NasFGsMobileIdentity>) -> NasIdentityResponse {
    NasIdentityResponse::new(identity.unwrap_or_else(NasFGsMobileIdentity::from_no_identity))
}

/// The IMEI of the equipment (TS 23.003 §6.2.1): one for each IMSI.
fn imei(imsi: Imsi) -> Option<NasFGsMobileIdentity> {
    NasFGsMobileIdentity::from_imei_tac_snr(equipment(imsi, &mut [0; 16]).get(..14)?).ok()
}

/// The IMEISV of the equipment (TS 23.003 §6.2.2), of software version 01.
pub(crate) fn imeisv(imsi: Imsi) -> Option<NasFGsMobileIdentity> {
    NasFGsMobileIdentity::from_imeisv(equipment(imsi, &mut [0; 16])).ok()
}

/// Type allocation code, serial number and software version, for which `digits` is the room. A code that begins with 00 is for tests (GSMA TS.06); the rest of it tells
/// apart subscribers whose IMSIs end alike, such as those of two networks: two UEs with one IMEI are two with a stolen device to an equipment register.
fn equipment(imsi: Imsi, digits: &mut [u8; 16]) -> &str {
    let (range, serial) = (imsi.value() / 1_000_000, imsi.value() % 1_000_000);
    decimal(range % RANGES, &mut digits[..8]);
    decimal(serial, &mut digits[8..14]);
    decimal(SOFTWARE_VERSION, &mut digits[14..]);
    std::str::from_utf8(digits).unwrap_or_default()
}

/// Of the equipment.
const SOFTWARE_VERSION: u64 = 1;
/// The largest prime below 10^6: ranges of IMSIs that differ in a few digits never share a code.
const RANGES: u64 = 999_983;

/// IDENTITY REQUEST (TS 24.501 §5.4.3).
pub(crate) fn requested(request: &NasIdentityRequest, ue: &mut Ue<'_>) {
    let imsi = ue.usim.subscriber.imsi;
    let identity = match IdentityType::of(request.identity_type.value) {
        IdentityType::Suci => ue.suci().map(NasFGsMobileIdentity::new),
        IdentityType::Guti => ue.mm.area.guti.map(|guti| NasFGsMobileIdentity::new(guti.mobile_identity())),
        IdentityType::STmsi => ue.mm.area.s_tmsi().map(|s_tmsi| {
            let [a, b, c, d, e, f] = s_tmsi.octets();
            NasFGsMobileIdentity::new(vec![0xf4, a, b, c, d, e, f])
        }),
        IdentityType::Imei => imei(imsi),
        IdentityType::Imeisv => imeisv(imsi),
        IdentityType::Other => None,
    };
    ue.send(response(identity));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribers_of_two_networks_have_equipment_of_their_own() {
        let equipment = ["001010000000001", "262010000000001", "001010001000001", "001010000000002"]
            .map(|imsi| equipment(imsi.parse().unwrap(), &mut [0; 16]).to_owned());
        assert_eq!(equipment[2], "0001001800000101");
        assert!(equipment.iter().all(|digits| digits.starts_with("00") && digits.ends_with("01")));
        let distinct: std::collections::BTreeSet<_> = equipment.iter().collect();
        assert_eq!(distinct.len(), equipment.len());
    }
}
