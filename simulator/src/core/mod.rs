//! The whole core network as one value: signalling, user plane, charging. Still sans-IO.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use billing::{ChargingRecord, Closing};
use scenarios::{Scenario, stream_seed};

use crate::amf::{Amf, AmfAction, AmfEvent, Turn};
use crate::charging::{Change, Chf, ChfSettings};
use crate::scenario::{ScenarioSubscribers, settings};
use crate::sessions::Planes;
use crate::upf::{Upf, UpfAction, UpfSettings, Volumes};

/// A core network: what an AMF, a UPF and a CHF do together. Its driver hands it datagrams before the signalling that
/// was sent after them, so that a session's volumes are whole when it ends.
pub struct Core {
    /// Signalling.
    pub amf: Amf,
    /// User plane.
    pub upf: Upf,
    /// Charging.
    pub chf: Chf,
    /// What the UPF says to the SMF, and has not been heard yet.
    reports: Vec<UpfAction>,
    scratch: Vec<UpfAction>,
}

/// One moment, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// For timers.
    pub now: Instant,
    /// For records: UNIX time in µs.
    pub wall_us: u64,
}

/// What the core network wants done.
#[derive(Debug, Default)]
pub struct Output {
    /// On N2.
    pub signalling: Vec<AmfAction>,
    /// On N3.
    pub datagrams: Vec<(SocketAddr, Vec<u8>)>,
}

impl Core {
    /// The network of a scenario, whose UPF is at `n3`.
    pub fn of(scenario: &Arc<Scenario>, seed: u64, n3: IpAddr) -> Self {
        let subscribers = Box::new(ScenarioSubscribers(Arc::clone(scenario)));
        let charging = ChfSettings {
            tariff: scenario.charging.tariff.clone(),
            quota: scenario.charging.quota,
            faults: scenario.charging.faults,
            seed: stream_seed(seed, &[CHF_STREAM]),
        };
        let upf = UpfSettings::new(n3, stream_seed(seed, &[UPF_STREAM]));
        Self::new(Amf::new(settings(scenario, seed), subscribers), Upf::new(upf), Chf::new(charging))
    }

    /// Of its parts.
    pub fn new(amf: Amf, upf: Upf, chf: Chf) -> Self {
        Self { amf, upf, chf, reports: Vec::new(), scratch: Vec::new() }
    }

    /// Signalling has come, or the operator wants something.
    pub fn handle(&mut self, at: Moment, event: AmfEvent<'_>, out: &mut Output) {
        let Self { amf, upf, chf, .. } = self;
        let mut turn = Turn { now: at.now, wall_us: at.wall_us, planes: Some(Planes { upf, chf }) };
        amf.serve(&mut turn, event, &mut out.signalling);
    }

    /// A datagram has come on N3.
    pub fn received(&mut self, at: Moment, from: SocketAddr, octets: &[u8]) {
        self.upf.received(at.now, from, octets);
    }

    /// Does what is due: timers, traffic, and what the UPF has to say.
    pub fn advance(&mut self, at: Moment, out: &mut Output) {
        let Self { amf, upf, chf, .. } = self;
        let mut turn = Turn { now: at.now, wall_us: at.wall_us, planes: Some(Planes { upf, chf }) };
        amf.run_timers(&mut turn, &mut out.signalling);
        if self.chf.tariff_changes(at.wall_us) {
            self.for_each_charged(|chf, id, totals| chf.update(at.wall_us, id, totals, Change::Tariff));
        }
        self.advance_user_plane(at, out);
        for report in std::mem::take(&mut self.reports) {
            match report {
                UpfAction::DownlinkDataReport { teid } => {
                    self.handle(at, AmfEvent::DownlinkData { teid }, out);
                }
                UpfAction::QuotaReached { teid } => self.handle(at, AmfEvent::QuotaReached { teid }, out),
                UpfAction::Send { .. } => {}
            }
        }
    }

    /// Only the traffic: while signalling stands still, packets go on.
    pub fn advance_user_plane(&mut self, at: Moment, out: &mut Output) {
        self.upf.advance(at.now, &mut self.scratch);
        for action in self.scratch.drain(..) {
            match action {
                UpfAction::Send { to, octets } => out.datagrams.push((to, octets)),
                report => self.reports.push(report),
            }
        }
    }

    /// When [`Core::advance`] is next needed.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.amf.next_deadline().into_iter().chain(self.upf.next_deadline()).min()
    }

    /// When the next message that is held back leaves: how late it is shows in what the other end measures.
    pub fn next_send(&self) -> Option<Instant> {
        self.amf.next_send()
    }

    /// The run is over: what is still open is charged as it stands, and what was held back is let out.
    pub fn finish(&mut self, wall_us: u64) {
        self.for_each_charged(|chf, id, totals| chf.close(wall_us, id, totals, Closing::StillOpen));
        self.chf.finish(wall_us);
    }

    /// Every gNB has gone, and with them the UEs: who has a session is deregistered implicitly (TS 24.501 §5.3.7), its
    /// sessions are charged as they stand, and what was held back is let out.
    pub fn end_campaign(&mut self, at: Moment, out: &mut Output) {
        let Self { amf, upf, chf, .. } = self;
        let mut turn = Turn { now: at.now, wall_us: at.wall_us, planes: Some(Planes { upf, chf }) };
        amf.forget_sessions(&mut turn, &mut out.signalling);
        self.finish(at.wall_us);
    }

    /// The charging records that are to be written by now, in their order.
    pub fn take_records(&mut self, wall_us: u64) -> impl Iterator<Item = ChargingRecord> + '_ {
        self.chf.take_records(wall_us)
    }

    /// Every charging session with the totals of its PDU session.
    fn for_each_charged(&mut self, mut then: impl FnMut(&mut Chf, billing::ChargingId, Volumes)) {
        let teids: HashMap<_, _> = self.amf.charged_sessions().collect();
        // Those that the driver opened by itself have no other name than this.
        let used: HashMap<_, _> = self.upf.all_volumes().collect();
        for (id, supi, session) in self.chf.open_sessions() {
            let of_smf = teids.get(&id).map(|teid| self.upf.volumes(*teid));
            let totals = of_smf.or_else(|| used.get(&(supi, session)).copied());
            then(&mut self.chf, id, totals.unwrap_or_default());
        }
    }
}

const UPF_STREAM: u64 = u64::from_be_bytes(*b"sim-upf\0");
const CHF_STREAM: u64 = u64::from_be_bytes(*b"sim-chf\0");
