//! A PDU session, as the SMF knows it (TS 24.501 §6.1.3.3).

use std::net::Ipv4Addr;

use billing::ChargingId;
use identity::{Dnn, Imsi, PduSessionType, Plmn, SessionId, Snssai};

use super::gsm::{AskedFor, Establishment, Modification, Release};
use super::pool;
use crate::timers::TimerId;
use crate::upf::N3End;

/// Names a session: the subscriber, and the UE's number of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey {
    pub(crate) supi: Imsi,
    pub(crate) id: SessionId,
}

/// One session. What it holds in the UPF and the CHF is in `anchor`, and given back once: by [`super::anchor::Anchors::close`].
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) supi: Imsi,
    pub(crate) id: SessionId,
    /// Procedure transaction identity of the UE's last request.
    pub(crate) pti: u8,
    /// The data network as the UE asked for it.
    pub(crate) asked: Dnn,
    /// Its name here.
    pub(crate) dnn: Dnn,
    pub(crate) type_: PduSessionType,
    /// What the UE wants to be told.
    pub(crate) asked_for: AskedFor,
    pub(crate) slice: Snssai,
    pub(crate) home: Plmn,
    /// The network that serves it.
    pub(crate) serving: Plmn,
    /// The network that its UE registered in last: with a local breakout it ends with the stay there.
    pub(crate) registered_in: Plmn,
    /// It leaves for the data network where it was established, and ends with the stay there.
    pub(crate) local_breakout: bool,
    /// Session AMBR in bit/s, up and down.
    pub(crate) ambr_bps: (u64, u64),
    pub(crate) anchor: Option<Anchor>,
    /// The RAN's end of N3; `None`: the user plane is not active.
    pub(crate) ran: Option<N3End>,
    pub(crate) procedure: Procedure,
    /// The 5GSM message that is sent again until it is answered.
    pub(crate) repeat: Option<Repeat>,
    pub(crate) timer: Option<TimerId>,
}

/// The 5GSM procedure that runs, with what it waits for.
///
/// ```text
/// Establishment ─► None ⇄ Modification
///                   └───► Release ─► (gone)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Procedure {
    /// The session is active.
    None,
    Establishment(Establishment),
    Modification(Modification),
    Release(Release),
}

/// What a session holds in the user plane and in charging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// The UPF's end of N3.
    pub(crate) n3: N3End,
    pub(crate) charging: ChargingId,
    /// The charging session is open: not before there is something to charge.
    pub(crate) charged: bool,
    /// Of the address pool.
    pub(crate) place: u32,
}

/// A 5GSM message that waits for its answer.
#[derive(Debug)]
pub(crate) struct Repeat {
    pub(crate) octets: Vec<u8>,
    pub(crate) left: u8,
}

impl Session {
    pub(crate) fn key(&self) -> SessionKey {
        SessionKey { supi: self.supi, id: self.id }
    }

    pub(crate) fn ipv4(&self) -> Option<Ipv4Addr> {
        let place = self.anchor?.place;
        (self.type_ != PduSessionType::Ipv6).then(|| pool::ipv4(place))
    }

    pub(crate) fn interface_id(&self) -> Option<[u8; 8]> {
        let place = self.anchor?.place;
        (self.type_ != PduSessionType::Ipv4).then(|| pool::interface_id(place))
    }

    /// Its user plane is active, or something goes on with it.
    pub(crate) fn is_busy(&self) -> bool {
        self.ran.is_some() || self.procedure != Procedure::None
    }

    /// It is on its way out, and waits for the UE or the RAN.
    pub(crate) fn is_releasing(&self) -> bool {
        matches!(self.procedure, Procedure::Release(_))
    }

    /// The RAN has its end of N3, or may have it: what it sends still counts.
    pub(crate) fn may_have_resources(&self) -> bool {
        let expected = self.procedure == Procedure::Establishment(Establishment::ExpectResources);
        self.anchor.is_some() && (self.ran.is_some() || expected || self.is_releasing())
    }

    /// It exists for the UE as well: it may be kept when the UE is idle, and handed over.
    pub(crate) fn is_established(&self) -> bool {
        matches!(self.procedure, Procedure::None | Procedure::Modification(_))
    }
}

/// The QoS flow of the default QoS rule.
pub(crate) const DEFAULT_QFI: u8 = 1;
/// Its 5QI: best effort (TS 23.501 table 5.7.4-1).
pub(crate) const FIVE_QI: u8 = 9;
