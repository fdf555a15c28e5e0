//! What happens to an AMF, and what its driver does for it.

use identity::{Imsi, SessionId, Snssai};

/// What happens to an AMF.
#[derive(Clone, Copy, Debug)]
pub enum AmfEvent<'a> {
    /// A gNB has connected.
    AssociationUp {
        /// The driver's own number of it, used once.
        association: u32,
        /// Streams that the AMF may send on.
        streams_out: u16,
    },
    /// A message with the payload protocol identifier of NGAP.
    Received {
        /// From whom.
        association: u32,
        /// On which stream.
        stream: u16,
        /// The NGAP PDU.
        octets: &'a [u8],
    },
    /// The association is gone: its UEs are idle (TS 38.413 §8.7.4.1, TS 24.501 §5.5.1.2.8 a).
    AssociationDown {
        /// Which one.
        association: u32,
    },
    /// What the operator wants.
    Command(Command),
}

/// What the network side starts by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Deregister a UE, after paging it when it is idle (TS 24.501 §5.5.2.3).
    Deregister {
        /// Whom.
        imsi: Imsi,
        /// The UE is to register again.
        re_registration: bool,
    },
    /// Page a UE (TS 24.501 §5.6.2).
    Page {
        /// Whom.
        imsi: Imsi,
    },
    /// Give a UE another 5G-GUTI (TS 24.501 §5.4.4), after paging it when it is idle.
    UpdateConfiguration {
        /// Whom.
        imsi: Imsi,
    },
    /// Release a PDU session (TS 24.501 §6.3.3).
    ReleaseSession {
        /// Whose.
        imsi: Imsi,
        /// Which.
        session: SessionId,
    },
    /// Reset the NG interface with a gNB (TS 38.413 §8.7.4.2.1).
    Reset {
        /// With which.
        association: u32,
    },
    /// Ask a gNB for fewer connections, of all UEs or of those that want nothing but a slice (TS 38.413 §8.7.6).
    StartOverload {
        /// Which one.
        association: u32,
        /// The slice; none: all UEs.
        slice: Option<Snssai>,
        /// By how many per cent, 1 to 99; 0: all that UEs begin.
        reduction: u8,
    },
    /// It need not hold back any longer (TS 38.413 §8.7.7).
    StopOverload {
        /// Which one.
        association: u32,
    },
}

/// What the driver of an AMF does for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AmfAction {
    /// Send an NGAP PDU.
    Send {
        /// To whom.
        association: u32,
        /// On which stream.
        stream: u16,
        /// The NGAP PDU.
        octets: Vec<u8>,
    },
    /// End an association. No [`AmfEvent::AssociationDown`] is needed, and one does no harm.
    Close {
        /// Which one.
        association: u32,
    },
}
