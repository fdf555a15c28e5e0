//! GTP-U messages on N3: a thin front of the codec, with what an endpoint acts on and nothing else.

use std::net::IpAddr;

use oxirush_gtp_u::{ExtensionHeader, InformationElement, MessageType, Packet, PduSessionContainer};

/// A message between a gNB and a UPF (TS 29.281 §6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A packet of a UE (255).
    GPdu(GPdu<'a>),
    /// Is the peer alive? (§7.2.1)
    EchoRequest {
        /// Comes back in the response.
        sequence: u16,
    },
    /// It is (§7.2.2). Its restart counter is 0.
    EchoResponse {
        /// Of the request.
        sequence: u16,
    },
    /// A G-PDU came for a tunnel that does not exist (§7.3.1).
    ErrorIndication {
        /// The tunnel that the G-PDU was for.
        teid: u32,
        /// The address that the G-PDU was for.
        peer: IpAddr,
    },
    /// The last message on this tunnel: the path has changed (§7.3.2).
    EndMarker {
        /// The tunnel.
        teid: u32,
    },
    /// The extension headers that the sender understands (§7.2.3).
    SupportedExtensionHeaders(Vec<u8>),
    /// One that an endpoint of N3 has no use for.
    Other {
        /// Its type.
        type_: u8,
    },
}

/// A packet of a UE in its tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GPdu<'a> {
    /// The tunnel, as its receiver calls it.
    pub teid: u32,
    /// Counts the G-PDUs of the tunnel.
    pub sequence: Option<u16>,
    /// The PDU Session Container (TS 38.415 §5.5.2). N3 always has one.
    pub qos_flow: Option<QosFlow>,
    /// The packet.
    pub t_pdu: &'a [u8],
}

/// The QoS flow of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QosFlow {
    /// Which way it goes.
    pub direction: Direction,
    /// The QoS flow identifier, 0 to 63.
    pub qfi: u8,
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the UE: PDU type 1.
    Uplink,
    /// To the UE: PDU type 0.
    Downlink,
}

/// Why octets are not a message that can be acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not as TS 29.281 has it.
    #[error("not a GTP-U message")]
    Malformed(#[from] oxirush_gtp_u::Error),
    /// An extension header that its receiver has to understand (§5.2.1): it answers with those that it does.
    #[error("extension header {0:#04x} has to be understood, and is not")]
    UnsupportedExtensionHeader(u8),
    /// A message without an element that it must have.
    #[error("the {0} lacks an element")]
    MissingElement(&'static str),
}

/// Why a message cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message does not fit GTP-U")]
pub struct EncodeError(#[from] oxirush_gtp_u::Error);

impl<'a> Message<'a> {
    /// Reads the payload of a UDP datagram.
    ///
    /// # Errors
    /// When it is no GTP-U message, or one that must not be acted on. Never panics.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let packet = Packet::decode_borrowed(octets)?;
        for header in &packet.extension_headers {
            if let ExtensionHeader::Other { kind, .. } = header
                && kind.0 & COMPREHENSION_REQUIRED != 0
            {
                return Err(DecodeError::UnsupportedExtensionHeader(kind.0));
            }
        }
        let sequence = packet.sequence.unwrap_or_default();
        Ok(match packet.message_type {
            MessageType::G_PDU => Self::GPdu(GPdu {
                teid: packet.teid,
                sequence: packet.sequence,
                qos_flow: packet.pdu_session_container().and_then(QosFlow::read),
                t_pdu: packet.payload,
            }),
            MessageType::ECHO_REQUEST => Self::EchoRequest { sequence },
            MessageType::ECHO_RESPONSE => Self::EchoResponse { sequence },
            MessageType::END_MARKER => Self::EndMarker { teid: packet.teid },
            MessageType::ERROR_INDICATION => error_indication(&packet.information_elements()?)?,
            MessageType::SUPPORTED_EXTENSION_HEADERS_NOTIFICATION => {
                let elements = packet.information_elements()?;
                let list = elements.into_iter().find_map(|element| match element {
                    InformationElement::ExtensionHeaderTypeList(types) => Some(types),
                    _ => None,
                });
                let types = list.ok_or(DecodeError::MissingElement("Supported Extension Headers"))?;
                Self::SupportedExtensionHeaders(types.into_iter().map(u8::from).collect())
            }
            other => Self::Other { type_: other.0 },
        })
    }

    /// Appends the message to `out`, which stays as it was when it does not fit.
    ///
    /// # Errors
    /// A T-PDU above 65,523 octets, a QFI above 63.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let packet = match self {
            Self::GPdu(g_pdu) => return g_pdu.encode(out),
            Self::EchoRequest { sequence } => Packet::echo_request(*sequence),
            Self::EchoResponse { sequence } => Packet::echo_response(*sequence),
            Self::ErrorIndication { teid, peer } => Packet::error_indication(*teid, *peer),
            Self::EndMarker { teid } => Packet::end_marker(*teid),
            Self::SupportedExtensionHeaders(types) => {
                let types: Vec<_> = types.iter().take(255).map(|type_| (*type_).into()).collect();
                Packet::supported_extension_headers_notification(&types)
            }
            Self::Other { type_ } => Packet::new((*type_).into(), 0, Vec::new()),
        };
        Ok(packet.encode_into(out)?)
    }

    /// What an endpoint of N3 answers when it was sent an extension header that it does not know (§5.2.1).
    pub fn supported() -> Self {
        Self::SupportedExtensionHeaders(vec![PDU_SESSION_CONTAINER])
    }
}

impl GPdu<'_> {
    /// Appends the message to `out`, which stays as it was when it does not fit.
    ///
    /// # Errors
    /// A T-PDU above 65,523 octets, a QFI above 63.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut packet = Packet::g_pdu(self.teid, self.t_pdu);
        packet.sequence = self.sequence;
        if let Some(flow) = self.qos_flow {
            packet = packet.with_pdu_session_container(match flow.direction {
                Direction::Uplink => PduSessionContainer::uplink(flow.qfi),
                Direction::Downlink => PduSessionContainer::downlink(flow.qfi),
            });
        }
        Ok(packet.encode_into(out)?)
    }
}

impl QosFlow {
    fn read(container: &PduSessionContainer) -> Option<Self> {
        let direction = match container {
            PduSessionContainer::Uplink(_) => Direction::Uplink,
            PduSessionContainer::Downlink(_) => Direction::Downlink,
            _ => return None,
        };
        Some(Self { direction, qfi: container.qfi()? })
    }
}

fn error_indication(elements: &[InformationElement]) -> Result<Message<'static>, DecodeError> {
    let teid = elements.iter().find_map(|element| match element {
        InformationElement::TeidDataI(teid) => Some(*teid),
        _ => None,
    });
    let peer = elements.iter().find_map(|element| match element {
        InformationElement::GtpUPeerAddress(peer) => Some(*peer),
        _ => None,
    });
    let (teid, peer) = teid.zip(peer).ok_or(DecodeError::MissingElement("Error Indication"))?;
    Ok(Message::ErrorIndication { teid, peer })
}

/// Of the type of an extension header: an endpoint has to understand it (figure 5.2.1-2).
const COMPREHENSION_REQUIRED: u8 = 0x80;
const PDU_SESSION_CONTAINER: u8 = 0x85;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_has_to_be_understood_is_named() {
        // Type 0xc1 is of the control plane (suspend request); 0x41 may be left unread.
        let g_pdu = |type_: u8| [0x34, 0xff, 0, 9, 0, 0, 0, 1, 0, 0, 0, type_, 1, 0, 0, 0, 0xaa];
        let required = g_pdu(0xc1);
        assert_eq!(Message::decode(&required), Err(DecodeError::UnsupportedExtensionHeader(0xc1)));
        let optional = g_pdu(0x41);
        let Ok(Message::GPdu(g_pdu)) = Message::decode(&optional) else { panic!("refused") };
        assert_eq!((g_pdu.teid, g_pdu.qos_flow, g_pdu.t_pdu), (1, None, [0xaa].as_slice()));
    }

    #[test]
    fn an_error_indication_without_its_tunnel_is_refused() {
        let octets = [0x32, 26, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Message::decode(&octets), Err(DecodeError::MissingElement("Error Indication")));
    }
}
