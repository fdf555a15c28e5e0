//! The SUCI of an IMSI (TS 23.003 §2.2B, TS 24.501 §9.11.3.4, TS 33.501 §6.12.2).

use crate::nas5g::ecies;
use crate::settings::{Subscriber, SuciScheme};

/// The SUCI as the value of a 5GS mobile identity; `None` when the home network public key is no key.
///
/// The ephemeral key comes from `rng`, so that a seed gives the same SUCIs again.
pub(crate) fn conceal(
    subscriber: &Subscriber,
    scheme: &SuciScheme,
    rng: &mut dyn rand::RngCore,
) -> Option<Vec<u8>> {
    let mut buffer = [0; 15];
    let msin = subscriber.imsi.text(&mut buffer).get(subscriber.plmn.code_digits()..)?;
    let plain = bcd(msin.as_bytes());
    let mut suci = Vec::with_capacity(ROOM);
    suci.push(SUCI_OF_IMSI);
    suci.extend(subscriber.plmn.octets());
    suci.extend(DEFAULT_ROUTING_INDICATOR);
    match scheme {
        SuciScheme::Null => {
            suci.extend([0, 0]);
            suci.extend(plain);
        }
        SuciScheme::ProfileA { key_id, public_key } => {
            suci.extend([1, *key_id]);
            suci.extend(ecies::profile_a(public_key, &random(rng), &plain)?);
        }
        SuciScheme::ProfileB { key_id, public_key } => {
            suci.extend([2, *key_id]);
            // Fewer than one in 2^32 draws is no private key of the curve.
            let output = (0..4).find_map(|_| ecies::profile_b(public_key, &random(rng), &plain))?;
            suci.extend(output);
        }
    }
    Some(suci)
}

fn random(rng: &mut dyn rand::RngCore) -> [u8; 32] {
    let mut octets = [0; 32];
    rng.fill_bytes(&mut octets);
    octets
}

/// Decimal digits, two to an octet, the first in the low half; an odd one is followed by 1111.
fn bcd(digits: &[u8]) -> Vec<u8> {
    let digit = |octet: Option<&u8>| octet.map_or(0x0f, |octet| octet & 0x0f);
    digits.chunks(2).map(|pair| digit(pair.get(1)) << 4 | digit(pair.first())).collect()
}

/// Octets of a SUCI of the null scheme, at most.
const ROOM: usize = 13;
/// SUPI format IMSI, type of identity SUCI.
const SUCI_OF_IMSI: u8 = 0x01;
/// Routing indicator 0, for a USIM that has none (TS 23.003 §2.2B).
const DEFAULT_ROUTING_INDICATOR: [u8; 2] = [0xf0, 0xff];
