//! A session in the user plane and in charging: anchored, used, moved, given back (TS 23.502 §4.3, TS 32.255 §5.2.1).

use billing::{ChargingId, Closing};
use identity::{Dnn, PduSessionType, Plmn};
use oxirush_nas::nas_5gs::GsmCause;
use rustc_hash::FxHashMap;
use scenarios::{Breakout, Flow};

use super::context::Ports;
use super::pool::{self, Pool};
use super::session::{Anchor, DEFAULT_QFI, Session, SessionKey};
use super::{AccessNode, SessionSettings, Sessions};
use crate::charging::{Change, Charged};
use crate::upf::{N3End, SessionSpec, UeAddresses, Volumes};

/// What anchored sessions hold together.
pub(super) struct Anchors {
    /// Whose session the UPF's ends are of.
    by_teid: FxHashMap<u32, SessionKey>,
    charged: FxHashMap<ChargingId, u32>,
    pool: Pool,
}

impl Anchors {
    /// Room for so many.
    pub(super) fn new(sessions: u32) -> Self {
        Self { by_teid: FxHashMap::default(), charged: FxHashMap::default(), pool: Pool::new(sessions) }
    }

    pub(super) fn len(&self) -> usize {
        self.by_teid.len()
    }

    pub(super) fn find(&self, teid: u32) -> Option<SessionKey> {
        self.by_teid.get(&teid).copied()
    }

    /// The UPF's ends of the sessions, by their charging identifiers.
    pub(super) fn charged(&self) -> impl Iterator<Item = (ChargingId, u32)> + '_ {
        self.charged.iter().map(|(charging, teid)| (*charging, *teid))
    }

    /// Anchors a session in the UPF. Its charging identifier is taken, for the UE is to know it; its charging session is
    /// opened when it has its resources, by [`charge`].
    pub(super) fn open(
        &mut self,
        settings: &SessionSettings,
        ports: &mut Ports<'_>,
        session: &mut Session,
    ) -> Result<(), GsmCause> {
        let Some(place) = self.pool.take() else { return Err(GsmCause::InsufficientResources) };
        let known = settings.data_network(&session.asked);
        let network = known.or_else(|| settings.data_network(&session.dnn));
        let has = |type_| session.type_ != type_;
        let ue = UeAddresses {
            ipv4: has(PduSessionType::Ipv6).then(|| pool::ipv4(place)),
            ipv6: has(PduSessionType::Ipv4).then(|| pool::ipv6(place)),
        };
        let spec = SessionSpec {
            supi: session.supi,
            session: session.id,
            dnn: session.dnn.clone(),
            serving: session.serving,
            qfi: DEFAULT_QFI,
            ue,
            uplink: network.and_then(|network| network.uplink),
            downlink: network.map_or(Flow::NONE, |network| network.downlink),
            ambr: session.ambr_bps,
        };
        let Some(n3) = ports.user_plane.establish(ports.now, spec) else {
            self.pool.give_back(place);
            return Err(GsmCause::InsufficientResources);
        };
        let charging = ports.charging.reserve();
        if let Some(quota) = ports.charging.quota() {
            ports.user_plane.grant(n3.teid, quota);
        }
        self.by_teid.insert(n3.teid, session.key());
        self.charged.insert(charging, n3.teid);
        session.anchor = Some(Anchor { n3, charging, charged: false, place });
        Ok(())
    }

    /// Gives back what a session holds; a second time does nothing. One that nobody ever used is not charged.
    pub(super) fn close(&mut self, ports: &mut Ports<'_>, session: &mut Session, closing: Closing) {
        session.ran = None;
        if session.anchor.is_some_and(|anchor| ports.user_plane.volumes(anchor.n3.teid) != Volumes::default())
        {
            // The RAN has set up what it did not tell of.
            charge(ports, session);
        }
        let Some(anchor) = session.anchor.take() else { return };
        self.by_teid.remove(&anchor.n3.teid);
        self.charged.remove(&anchor.charging);
        self.pool.give_back(anchor.place);
        let used = ports.user_plane.release(ports.now, anchor.n3.teid);
        if anchor.charged {
            ports.charging.close(ports.wall_us, anchor.charging, used, closing);
        }
    }
}

impl Sessions {
    /// The name of a data network for who asks for it in `visited`, and whether the session leaves there; or that it is
    /// refused there.
    pub(super) fn name(&self, asked: &Dnn, home: Plmn, visited: Plmn) -> Result<(Dnn, bool), GsmCause> {
        let Some(agreement) = self.settings.agreement(home, visited) else {
            return Ok((asked.clone(), false));
        };
        if agreement.refused_dnns.contains(asked) {
            return Err(GsmCause::MissingOrUnknownDnn);
        }
        let given = agreement.dnns.iter().find(|(name, _)| name == asked).map(|(_, given)| given.clone());
        Ok((given.unwrap_or_else(|| asked.clone()), agreement.breakout == Breakout::Local))
    }

    /// The granted quota is used up: it is charged, and more is granted.
    pub(crate) fn quota_reached(&mut self, ports: &mut Ports<'_>, teid: u32) {
        let Some(key) = self.anchors.find(teid) else { return };
        let Some(session) = self.find_mut(key) else { return };
        charge(ports, session);
        let Some(anchor) = session.anchor else { return };
        let used = ports.user_plane.volumes(anchor.n3.teid);
        ports.charging.update(ports.wall_us, anchor.charging, used, Change::Quota);
        if let Some(quota) = ports.charging.quota() {
            ports.user_plane.grant(anchor.n3.teid, quota);
        }
    }

    /// Downlink traffic waits for a UE (TS 23.502 §4.2.3.3): an idle one is paged; one whose session has lost its user plane, but
    /// not the connection, gets it back.
    pub(crate) fn downlink_data(&mut self, node: &mut impl AccessNode, ports: &mut Ports<'_>, teid: u32) {
        let Some(session) = self.anchors.find(teid).and_then(|key| self.find(key)) else { return };
        if !session.is_established() || session.ran.is_some() {
            return;
        }
        if node.reaches(session.supi) {
            node.set_up_resources(ports.now, session, None);
        } else {
            node.page(ports.now, session.supi);
        }
    }

    /// The resources of a session are elsewhere from now on, after a handover; the source gets an end marker.
    pub(crate) fn move_to(
        &mut self,
        ports: &mut Ports<'_>,
        key: SessionKey,
        serving: Plmn,
        ran: N3End,
    ) -> bool {
        let session = self.find_mut(key).filter(|session| session.is_established());
        let Some(session) = session else { return false };
        serve_elsewhere(ports, session, serving);
        activate(ports, session, ran);
        true
    }

    /// The RAN has released the resources of a session by itself: it stays, without its user plane.
    pub(crate) fn resources_lost(&mut self, ports: &mut Ports<'_>, key: SessionKey) {
        if let Some(session) = self.find_mut(key).filter(|session| session.is_established()) {
            deactivate(ports, session);
        }
    }
}

/// Opens the charging session, once.
fn charge(ports: &mut Ports<'_>, session: &mut Session) {
    let Some(anchor) = session.anchor.as_mut() else { return };
    if std::mem::replace(&mut anchor.charged, true) {
        return;
    }
    let charged = Charged {
        supi: session.supi,
        session: session.id,
        dnn: session.dnn.clone(),
        serving: session.serving,
        home: session.home,
    };
    ports.charging.begin(ports.wall_us, anchor.charging, charged);
}

/// Downlink traffic goes to this end from now on.
pub(super) fn activate(ports: &mut Ports<'_>, session: &mut Session, ran: N3End) {
    session.ran = Some(ran);
    charge(ports, session);
    if let Some(anchor) = session.anchor {
        ports.user_plane.set_downlink(ports.now, anchor.n3.teid, Some((ran.address, ran.teid)));
    }
}

/// Downlink traffic waits from now on.
pub(super) fn deactivate(ports: &mut Ports<'_>, session: &mut Session) {
    if session.ran.take().is_none() {
        return;
    }
    if let Some(anchor) = session.anchor {
        ports.user_plane.set_downlink(ports.now, anchor.n3.teid, None);
    }
}

/// The session is served elsewhere: by another gNB, or by another network, where a part of it ends (TS 32.255 §5.2.1.4).
pub(super) fn serve_elsewhere(ports: &mut Ports<'_>, session: &mut Session, serving: Plmn) {
    charge(ports, session);
    let change = if session.serving == serving { Change::Handover } else { Change::Plmn(serving) };
    session.serving = serving;
    let Some(anchor) = session.anchor else { return };
    let used = ports.user_plane.volumes(anchor.n3.teid);
    ports.charging.update(ports.wall_us, anchor.charging, used, change);
    ports.user_plane.set_serving(anchor.n3.teid, serving);
}
