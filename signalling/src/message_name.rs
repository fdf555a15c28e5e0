//! What an NGAP PDU is called in a trace, with the NAS message in it where that can be read.

use oxirush_ngap::ie;
use oxirush_ngap::ngap::{NGAP_PDU, NGAPPDU};

/// The name of an NGAP message, and of the NAS message in it where that is not ciphered, or has the null cipher:
/// `DownlinkNASTransport · PDU session establishment accept`. Octets that are no NGAP PDU are `unreadable`.
pub fn message_name(octets: &[u8]) -> String {
    let Ok(pdu) = NGAP_PDU::decode_borrowed(octets) else { return "unreadable".to_owned() };
    // The codec shows the name first, and the procedure and the ids of the UE after it.
    let shown = pdu.to_string();
    let name = shown.split(" (").next().unwrap_or_default();
    match nas_pdu(&pdu).and_then(|nas| nas_name(&nas)) {
        Some(nas) => format!("{name} · {nas}"),
        None => name.to_owned(),
    }
}

/// The name of a NAS message by itself, where it is not ciphered: `registration request`.
pub fn nas_message_name(nas: &[u8]) -> &'static str {
    nas_name(nas).unwrap_or("NAS message, ciphered")
}

/// The NAS PDU of a message, or of its first session that has one.
fn nas_pdu(pdu: &NGAPPDU<'_>) -> Option<Vec<u8>> {
    if let Some(Ok(nas)) = pdu.ie::<ie::NAS_PDU>() {
        return Some(nas.0.to_vec());
    }
    if let Some(Ok(list)) = pdu.ie::<ie::PDUSessionResourceSetupListSUReq>() {
        return list.0.into_iter().find_map(|item| Some(item.pdu_session_nas_pdu?.0.to_vec()));
    }
    if let Some(Ok(list)) = pdu.ie::<ie::PDUSessionResourceSetupListCxtReq>() {
        return list.0.into_iter().find_map(|item| Some(item.nas_pdu?.0.to_vec()));
    }
    if let Some(Ok(list)) = pdu.ie::<ie::PDUSessionResourceModifyListModReq>() {
        return list.0.into_iter().find_map(|item| Some(item.nas_pdu?.0.to_vec()));
    }
    None
}

/// The name of a NAS message (TS 24.501 §9.1.1, §9.7), under its security header where it has one.
fn nas_name(nas: &[u8]) -> Option<&'static str> {
    match *nas {
        [FIVE_GMM, 0, kind, ref rest @ ..] => gmm_name(kind, rest),
        // §9.1.1: a MAC of 4 octets and a sequence number precede the message. One that looks plain there is: of ciphered
        // ones, one in some 200,000 does by chance.
        [FIVE_GMM, 1..=4, _, _, _, _, _, FIVE_GMM, 0, kind, ref rest @ ..] => gmm_name(kind, rest),
        _ => None,
    }
}

fn gmm_name(kind: u8, rest: &[u8]) -> Option<&'static str> {
    Some(match kind {
        0x41 => "registration request",
        0x42 => "registration accept",
        0x43 => "registration complete",
        0x44 => "registration reject",
        0x45 => "deregistration request of the UE",
        0x46 => "deregistration accept to the UE",
        0x47 => "deregistration request of the network",
        0x48 => "deregistration accept to the network",
        0x4c => "service request",
        0x4d => "service reject",
        0x4e => "service accept",
        0x4f => "control plane service request",
        0x54 => "configuration update command",
        0x55 => "configuration update complete",
        0x56 => "authentication request",
        0x57 => "authentication response",
        0x58 => "authentication reject",
        0x59 => "authentication failure",
        0x5a => "authentication result",
        0x5b => "identity request",
        0x5c => "identity response",
        0x5d => "security mode command",
        0x5e => "security mode complete",
        0x5f => "security mode reject",
        0x64 => "5GMM status",
        0x65 => "notification",
        0x66 => "notification response",
        // §8.2.10, §8.2.11: the payload container type, and the container after two octets of length.
        0x67 => match *rest {
            [1, _, _, FIVE_GSM, _, _, kind, ..] => gsm_name(kind)?,
            _ => "UL NAS transport",
        },
        0x68 => match *rest {
            [1, _, _, FIVE_GSM, _, _, kind, ..] => gsm_name(kind)?,
            _ => "DL NAS transport",
        },
        _ => return None,
    })
}

fn gsm_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0xc1 => "PDU session establishment request",
        0xc2 => "PDU session establishment accept",
        0xc3 => "PDU session establishment reject",
        0xc5 => "PDU session authentication command",
        0xc6 => "PDU session authentication complete",
        0xc7 => "PDU session authentication result",
        0xc9 => "PDU session modification request",
        0xca => "PDU session modification reject",
        0xcb => "PDU session modification command",
        0xcc => "PDU session modification complete",
        0xcd => "PDU session modification command reject",
        0xd1 => "PDU session release request",
        0xd2 => "PDU session release reject",
        0xd3 => "PDU session release command",
        0xd4 => "PDU session release complete",
        0xd6 => "5GSM status",
        _ => return None,
    })
}

/// The extended protocol discriminators (TS 24.007 §11.2.3.1.1A).
const FIVE_GMM: u8 = 0x7e;
const FIVE_GSM: u8 = 0x2e;

#[cfg(test)]
mod tests {
    use oxirush_ngap::build_ngap;

    use super::*;

    fn downlink(nas: &str) -> String {
        let pdu = build_ngap!(
            InitiatingMessage,
            DownlinkNASTransport,
            DownlinkNASTransport,
            AMF_UE_NGAP_ID(1u64),
            RAN_UE_NGAP_ID(2u32),
            NAS_PDU(hex::decode(nas).unwrap()),
        );
        message_name(&pdu.unwrap().encode().unwrap())
    }

    #[test]
    fn nas_is_named_plain_under_a_header_and_inside_a_container() {
        assert_eq!(downlink("7e00560002000021"), "DownlinkNASTransport · authentication request");
        assert_eq!(downlink("7e0311223344007e005d02"), "DownlinkNASTransport · security mode command");
        assert_eq!(
            downlink("7e0211223344017e00680100042e0501c2"),
            "DownlinkNASTransport · PDU session establishment accept"
        );
        assert_eq!(downlink("7e0068020001aa"), "DownlinkNASTransport · DL NAS transport");
    }

    #[test]
    fn what_cannot_be_read_has_no_name() {
        assert_eq!(downlink("7e021122334401a1b2c3d4e5"), "DownlinkNASTransport");
        assert_eq!(downlink(""), "DownlinkNASTransport");
        assert_eq!(message_name(&[0xff]), "unreadable");
        assert_eq!(message_name(&hex::decode("20150003000000").unwrap()), "NGSetupResponse");
    }
}
