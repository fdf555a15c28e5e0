//! The whole core network as one value: signalling, user plane, charging. Still sans-IO.

mod control_plane;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use billing::{ChargingRecord, Closing, Tariff};
use scenarios::{ChargingFaults, Scenario, stream_seed};

use crate::amf::{Amf, AmfAction, AmfEvent, AmfPlace, AmfSettings, RunId};
use crate::charging::{Change, Chf, ChfSettings};
use crate::scenario::{ScenarioSubscribers, session_settings, settings};
use crate::sessions::{EventContext, Ports, SessionSettings, Sessions};
use crate::statistics::Statistics;
use crate::subscribers::Subscribers;
use crate::upf::{Upf, UpfAction, UpfSettings, Volumes};

pub use control_plane::ControlPlane;

/// A core network: what an AMF, an SMF, a UPF and a CHF do together. Its driver hands it datagrams before the signalling that
/// was sent after them, so that a session's volumes are whole when it ends.
pub struct Core {
    /// Mobility.
    pub amf: Amf,
    /// Sessions.
    pub sessions: Sessions,
    /// Subscribers of the home network.
    pub subscribers: Subscribers,
    /// User plane.
    pub upf: Upf,
    /// Charging.
    pub chf: Chf,
    /// What the UPF has reported of sessions, and has not been handled yet.
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
        Self::of_place(scenario, seed, n3, AmfPlace::default())
    }

    /// The same with an AMF that is one of several.
    pub fn of_place(scenario: &Arc<Scenario>, seed: u64, n3: IpAddr, amf: AmfPlace) -> Self {
        let subscribers = Box::new(ScenarioSubscribers(Arc::clone(scenario)));
        let charging = ChfSettings {
            tariff: scenario.charging.tariff.clone(),
            quota: scenario.charging.quota,
            faults: scenario.charging.faults,
            seed: stream_seed(seed, &[CHF_STREAM]),
        };
        let upf = UpfSettings::new(n3, stream_seed(seed, &[UPF_STREAM]));
        let settings = AmfSettings { place: amf, ..settings(scenario, seed) };
        let amf = Amf::new(settings);
        let subscribers = Subscribers::new(subscribers);
        Self::new(
            amf,
            subscribers,
            Sessions::new(session_settings(scenario, seed)),
            Upf::new(upf),
            Chf::new(charging),
        )
    }

    /// Of its parts.
    pub fn new(amf: Amf, subscribers: Subscribers, sessions: Sessions, upf: Upf, chf: Chf) -> Self {
        Self { amf, subscribers, sessions, upf, chf, reports: Vec::new(), scratch: Vec::new() }
    }

    /// An AMF with nothing behind it: every PDU session is refused.
    fn without_user_plane(amf: Amf, subscribers: Subscribers) -> Self {
        let upf = UpfSettings { sessions: 0, ..UpfSettings::new(Ipv4Addr::UNSPECIFIED.into(), 0) };
        let charging = ChfSettings {
            tariff: Tariff::default(),
            quota: None,
            faults: ChargingFaults::default(),
            seed: 0,
        };
        Self::new(
            amf,
            subscribers,
            Sessions::new(SessionSettings::default()),
            Upf::new(upf),
            Chf::new(charging),
        )
    }

    /// Signalling has come, or the operator wants something.
    pub fn handle(&mut self, at: Moment, event: AmfEvent<'_>, out: &mut Output) {
        let (amf, mut context) = self.parts(at);
        amf.handle(&mut context, event, &mut out.signalling);
    }

    /// A datagram has come on N3.
    pub fn received(&mut self, at: Moment, from: SocketAddr, octets: &[u8]) {
        self.upf.received(at.now, from, octets);
    }

    /// Does what is due: timers, traffic, and what the UPF has to say.
    pub fn advance(&mut self, at: Moment, out: &mut Output) {
        let (amf, mut context) = self.parts(at);
        amf.run_timers(&mut context);
        context.sessions.run_timers(amf, &mut context.ports);
        amf.send_due(at.now, &mut out.signalling);
        if self.chf.tariff_changes(at.wall_us) {
            self.for_each_charged(|chf, id, totals| chf.update(at.wall_us, id, totals, Change::Tariff));
        }
        self.advance_user_plane(at, out);
        let mut reports = std::mem::take(&mut self.reports);
        for report in reports.drain(..) {
            match report {
                UpfAction::DownlinkDataReport { teid } => self.downlink_data(at, teid, out),
                UpfAction::QuotaReached { teid } => {
                    let (_, mut context) = self.parts(at);
                    context.sessions.quota_reached(&mut context.ports, teid);
                }
                UpfAction::Send { .. } => {}
            }
        }
        self.reports = reports;
    }

    /// Downlink data waits for the UE of a session, which the UPF names by its end.
    pub fn downlink_data(&mut self, at: Moment, teid: u32, out: &mut Output) {
        let (amf, mut context) = self.parts(at);
        context.sessions.downlink_data(amf, &mut context.ports, teid);
        amf.send_due(at.now, &mut out.signalling);
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
        self.next_signalling_deadline().into_iter().chain(self.upf.next_deadline()).min()
    }

    /// When [`Core::advance`] is next needed, but for traffic.
    pub fn next_signalling_deadline(&self) -> Option<Instant> {
        self.amf.next_deadline().into_iter().chain(self.sessions.next_deadline()).min()
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
        let (amf, mut context) = self.parts(at);
        amf.forget_sessions(None, &mut context, &mut out.signalling);
        self.finish(at.wall_us);
    }

    /// Whether a session of the run is open, or a record of it held back.
    pub(crate) fn owes_records_of(&self, run: RunId) -> bool {
        self.chf.owes_records_of(|supi| self.amf.run_of(supi) == Some(run))
    }

    /// Every gNB of one run has gone: as [`Self::end_campaign`], for its subscribers alone.
    pub(crate) fn end_run(&mut self, run: RunId, at: Moment, out: &mut Output) {
        let (amf, mut context) = self.parts(at);
        amf.forget_sessions(Some(run), &mut context, &mut out.signalling);
        let theirs = |amf: &Amf, supi| amf.run_of(supi) == Some(run);
        let open = self.chf.open_sessions().into_iter().filter(|(_, supi, _)| theirs(&self.amf, *supi));
        let open: std::collections::HashSet<_> = open.map(|(id, ..)| id).collect();
        self.for_each_charged(|chf, id, totals| {
            if open.contains(&id) {
                chf.close(at.wall_us, id, totals, Closing::StillOpen);
            }
        });
        self.chf.finish_of(at.wall_us, |supi| theirs(&self.amf, supi));
    }

    /// What signalling counted so far, and what it holds now.
    pub fn statistics(&self) -> Statistics {
        let mut statistics = self.amf.statistics();
        statistics.counters.add(self.sessions.counters());
        statistics.sessions = self.sessions.anchored();
        statistics.timers += self.sessions.timers();
        statistics
    }

    /// The access node, and what it meets at an event.
    fn parts(&mut self, at: Moment) -> (&mut Amf, EventContext<'_>) {
        let Self { amf, sessions, subscribers, upf, chf, .. } = self;
        let (now, wall_us) = (at.now, at.wall_us);
        let ports = Ports { now, wall_us, subscribers, user_plane: upf, charging: chf };
        (amf, EventContext { sessions, ports })
    }

    /// The charging records that are to be written by now, in their order.
    pub fn take_records(&mut self, wall_us: u64) -> impl Iterator<Item = ChargingRecord> + '_ {
        self.chf.take_records(wall_us)
    }

    /// Every charging session with the totals of its PDU session.
    fn for_each_charged(&mut self, mut then: impl FnMut(&mut Chf, billing::ChargingId, Volumes)) {
        let teids: HashMap<_, _> = self.sessions.charged().collect();
        // Those that the driver opened by itself have no other name than this.
        let used: HashMap<_, _> = self.upf.all_volumes().collect();
        for (id, supi, session) in self.chf.open_sessions() {
            let ours = teids.get(&id).map(|teid| self.upf.volumes(*teid));
            let totals = ours.or_else(|| used.get(&(supi, session)).copied());
            then(&mut self.chf, id, totals.unwrap_or_default());
        }
    }
}

const UPF_STREAM: u64 = u64::from_be_bytes(*b"sim-upf\0");
const CHF_STREAM: u64 = u64::from_be_bytes(*b"sim-chf\0");
