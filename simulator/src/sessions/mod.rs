//! The SMF: PDU sessions of UEs (TS 24.501 §6, TS 23.502 §4.3), with the user plane and the charging of each.
//!
//! It talks with the UE and the gNB through the AMF; what the AMF carries for it is in [`gsm`] and [`n2`].

pub(crate) mod gsm;
pub(crate) mod n2;
mod pool;
pub(crate) mod session;
mod settings;

use billing::{ChargingId, Closing};
use identity::{Dnn, Imsi, PduSessionType, Plmn, SessionId};
use oxirush_nas::nas_5gs::GsmCause;
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;
use scenarios::Breakout;

use crate::amf::Turn;
use crate::policy::{self, Decision};
use crate::{Change, Charged, Chf, N3End, SessionSpec, UeAddresses, Upf, Volumes};
use pool::Pool;
use session::{Anchor, DEFAULT_QFI, Session};

pub use settings::{DataNetwork, SmfSettings};

/// Whom the SMF tells of sessions, synchronously: N4 and Nchf are not on the wire here.
pub struct Planes<'a> {
    /// The user plane.
    pub upf: &'a mut Upf,
    /// The charging function.
    pub chf: &'a mut Chf,
}

/// What all sessions share.
pub(crate) struct Smf {
    pub(crate) settings: SmfSettings,
    pool: Pool,
    /// Whose session the UPF's ends are of.
    by_teid: FxHashMap<u32, (Imsi, SessionId)>,
    charged: FxHashMap<ChargingId, u32>,
}

impl Smf {
    pub(crate) fn new(settings: SmfSettings) -> Self {
        Self {
            pool: Pool::new(settings.sessions),
            by_teid: FxHashMap::default(),
            charged: FxHashMap::default(),
            settings,
        }
    }

    /// Sessions that are anchored.
    pub(crate) fn anchored(&self) -> usize {
        self.by_teid.len()
    }

    pub(crate) fn find_teid(&self, teid: u32) -> Option<(Imsi, SessionId)> {
        self.by_teid.get(&teid).copied()
    }

    /// The name of a data network for who asks for it in `visited`, and whether the session leaves there; or that it is
    /// refused there.
    pub(crate) fn name(&self, asked: &Dnn, home: Plmn, visited: Plmn) -> Result<(Dnn, bool), GsmCause> {
        let Some(agreement) = self.settings.agreement(home, visited) else {
            return Ok((asked.clone(), false));
        };
        if agreement.refused_dnns.contains(asked) {
            return Err(GsmCause::MissingOrUnknownDnn);
        }
        let given = agreement.dnns.iter().find(|(name, _)| name == asked).map(|(_, given)| given.clone());
        Ok((given.unwrap_or_else(|| asked.clone()), agreement.breakout == Breakout::Local))
    }

    /// What policy control says of a session.
    pub(crate) fn policy(&self, rng: &mut ChaCha8Rng) -> Decision {
        let SmfSettings { policy, ambr_bps, default_ambr_bps, .. } = &self.settings;
        policy::decide(policy, *ambr_bps, *default_ambr_bps, rng)
    }

    /// The UPF's ends of the sessions, by their charging identifiers.
    pub(crate) fn charged(&self) -> impl Iterator<Item = (ChargingId, u32)> + '_ {
        self.charged.iter().map(|(charging, teid)| (*charging, *teid))
    }

    /// Anchors a session in the UPF. Its charging identifier is taken, for the UE is to know it; its charging session is
    /// opened when it has its resources, by [`charge`].
    pub(crate) fn open(
        &mut self,
        turn: &mut Turn<'_>,
        supi: Imsi,
        session: &mut Session,
    ) -> Result<(), GsmCause> {
        let Some(planes) = turn.planes.as_mut() else { return Err(GsmCause::InsufficientResources) };
        let Some(place) = self.pool.take() else { return Err(GsmCause::InsufficientResources) };
        let known = self.settings.data_network(&session.asked);
        let network = known.or_else(|| self.settings.data_network(&session.dnn));
        let has = |type_| session.type_ != type_;
        let ue = UeAddresses {
            ipv4: has(PduSessionType::Ipv6).then(|| pool::ipv4(place)),
            ipv6: has(PduSessionType::Ipv4).then(|| pool::ipv6(place)),
        };
        let spec = SessionSpec {
            supi,
            session: session.id,
            dnn: session.dnn.clone(),
            serving: session.serving,
            qfi: DEFAULT_QFI,
            ue,
            uplink: network.and_then(|network| network.uplink),
            downlink: network.map_or(scenarios::Flow::NONE, |network| network.downlink),
            ambr: session.ambr_bps,
        };
        let Some(n3) = planes.upf.establish(turn.now, spec) else {
            self.pool.give_back(place);
            return Err(GsmCause::InsufficientResources);
        };
        let charging = planes.chf.reserve();
        if let Some(quota) = planes.chf.quota() {
            planes.upf.grant(n3.teid, quota);
        }
        session.anchor = Some(Anchor { supi, n3, charging, charged: false, place });
        self.by_teid.insert(n3.teid, (supi, session.id));
        self.charged.insert(charging, n3.teid);
        Ok(())
    }

    /// Gives back what a session holds; a second time does nothing. One that nobody ever used is not charged.
    pub(crate) fn close(&mut self, turn: &mut Turn<'_>, session: &mut Session, closing: Closing) {
        session.ran = None;
        if let (Some(anchor), Some(planes)) = (session.anchor, turn.planes.as_mut())
            && planes.upf.volumes(anchor.n3.teid) != Volumes::default()
        {
            // The gNB has set up what it did not tell of.
            charge(turn, session);
        }
        let Some(anchor) = session.anchor.take() else { return };
        self.by_teid.remove(&anchor.n3.teid);
        self.charged.remove(&anchor.charging);
        self.pool.give_back(anchor.place);
        if let Some(planes) = turn.planes.as_mut() {
            let used = planes.upf.release(turn.now, anchor.n3.teid);
            if anchor.charged {
                planes.chf.close(turn.wall_us, anchor.charging, used, closing);
            }
        }
    }

    /// The granted quota is used up: it is charged, and more is granted.
    pub(crate) fn quota_reached(&mut self, turn: &mut Turn<'_>, session: &mut Session) {
        charge(turn, session);
        let (Some(anchor), Some(planes)) = (session.anchor, turn.planes.as_mut()) else { return };
        let used = planes.upf.volumes(anchor.n3.teid);
        planes.chf.update(turn.wall_us, anchor.charging, used, Change::Quota);
        if let Some(quota) = planes.chf.quota() {
            planes.upf.grant(anchor.n3.teid, quota);
        }
    }
}

/// Opens the charging session, once.
fn charge(turn: &mut Turn<'_>, session: &mut Session) {
    let (Some(anchor), Some(planes)) = (session.anchor.as_mut(), turn.planes.as_mut()) else { return };
    if std::mem::replace(&mut anchor.charged, true) {
        return;
    }
    let charged = Charged {
        supi: anchor.supi,
        session: session.id,
        dnn: session.dnn.clone(),
        serving: session.serving,
        home: session.home,
    };
    planes.chf.begin(turn.wall_us, anchor.charging, charged);
}

/// Downlink traffic goes to this gNB from now on.
pub(crate) fn activate(turn: &mut Turn<'_>, session: &mut Session, ran: N3End) {
    session.ran = Some(ran);
    charge(turn, session);
    if let (Some(anchor), Some(planes)) = (session.anchor, turn.planes.as_mut()) {
        planes.upf.set_downlink(turn.now, anchor.n3.teid, Some((ran.address, ran.teid)));
    }
}

/// Downlink traffic waits from now on.
pub(crate) fn deactivate(turn: &mut Turn<'_>, session: &mut Session) {
    if session.ran.take().is_none() {
        return;
    }
    if let (Some(anchor), Some(planes)) = (session.anchor, turn.planes.as_mut()) {
        planes.upf.set_downlink(turn.now, anchor.n3.teid, None);
    }
}

/// The session is served elsewhere: by another gNB, or by another network, where a part of it ends (TS 32.255 §5.2.1.4).
pub(crate) fn moved(turn: &mut Turn<'_>, session: &mut Session, serving: Plmn) {
    charge(turn, session);
    let change = if session.serving == serving { Change::Handover } else { Change::Plmn(serving) };
    session.serving = serving;
    let (Some(anchor), Some(planes)) = (session.anchor, turn.planes.as_mut()) else { return };
    let used = planes.upf.volumes(anchor.n3.teid);
    planes.chf.update(turn.wall_us, anchor.charging, used, change);
    planes.upf.set_serving(anchor.n3.teid, serving);
}
