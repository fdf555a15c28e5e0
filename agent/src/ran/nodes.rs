//! The nodes of a shard with their interfaces to the core: what becomes of the associations with the AMF, and what the AMF says of
//! itself, as events with their time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use scenarios::stream_seed;
use signalling::{
    AmfFacts, AmfNotice, Gnb, GnbSettings, N3Settings, NG_SETUP_AGAIN, NodeTimer, Overload, RanNode, STmsi,
};
use wire::to_agent::Lease;
use wire::to_coordinator::AmfInterval;

use super::ran_events::RanEvents;
use super::{SEED_OF_REDIALS, unit};
use crate::time::{ScheduleClock, Timers, micros};
use crate::user_plane::UserPlaneEnd;

/// The interfaces of the shard's nodes: of each node one for each AMF, in this order.
pub(crate) struct Nodes {
    seed: u64,
    planned: Vec<scenarios::Node>,
    pub(crate) interfaces: Vec<Interface>,
    /// What each AMF was to the shard since the last report, by its place among the targets.
    amfs: Vec<AmfInterval>,
    pub(crate) timers: Timers<(u16, NodeTimer)>,
    pub(crate) redial: Timers<u16>,
    pub(crate) events: RanEvents,
    /// Every interface was set up.
    ready: bool,
    /// Why they will not be, was said.
    unprepared: bool,
}

/// A node's interface with one AMF, and its association.
pub(crate) struct Interface {
    pub(crate) node: RanNode,
    pub(crate) ends: Option<(SocketAddr, SocketAddr)>,
    /// The association is there.
    is_up: bool,
    /// How often it was lost or did not come up.
    dials: u32,
    /// It was lost, and the interface is not set up again yet.
    outage: Option<Outage>,
    /// How long the AMF has made the node wait before the start, µs.
    waits_us: u64,
    /// What the AMF wants fewer of.
    overload: Option<Overload>,
}

/// An association that is away, until its interface is set up again.
#[derive(Clone, Copy)]
struct Outage {
    since: Instant,
    dials: u32,
    /// Attempts that ended with the association, and that found none.
    ended: u64,
    refused: u64,
}

/// What comes of an interface that is not set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setback {
    /// It is tried again.
    TriedAgain,
    /// The same, in the middle of the run: it is counted so.
    Counted(&'static str),
    /// The core makes the shard wait: why, for people.
    Waits(String),
    /// The shard cannot be run: why, for people.
    Unprepared(String),
}

impl Nodes {
    pub(crate) fn new(
        shard: &scenarios::Shard,
        lease: &Lease,
        user_plane: Option<UserPlaneEnd>,
        seed: u64,
    ) -> Self {
        let amfs: Vec<AmfInterval> =
            lease.target.split_ascii_whitespace().take(sctp::MOST_TARGETS).map(nothing_of).collect();
        let of_each = shard.nodes.iter().flat_map(|gnb| amfs.iter().map(move |_| gnb));
        let count = u32::try_from(shard.nodes.len() * amfs.len()).unwrap_or(u32::MAX);
        let node = |(place, gnb): (u32, &scenarios::Node)| {
            RanNode::Gnb(Gnb::new(GnbSettings {
                gnb_id: gnb.node_id,
                name: identity::node_name(&gnb.name, &lease.run),
                plmn: gnb.plmn,
                tac: gnb.tac,
                slices: gnb.slices.clone(),
                cells: gnb.cells,
                n3: user_plane.map(|end| {
                    let (first, last) = end.numbers();
                    let step = count.max(1);
                    N3Settings { address: end.address, first: first + place, step, last, key: end.key }
                }),
            }))
        };
        Self {
            seed,
            planned: shard.nodes.clone(),
            interfaces: (0u32..).zip(of_each).map(node).map(Interface::new).collect(),
            amfs,
            timers: Timers::new(),
            redial: Timers::new(),
            events: RanEvents::default(),
            ready: false,
            unprepared: false,
        }
    }

    // Interfaces: of each node one for each AMF.

    /// The numbers of all.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u16> + use<> {
        0..u16::try_from(self.interfaces.len()).unwrap_or(u16::MAX)
    }

    pub(crate) fn get(&self, interface: u16) -> Option<&Interface> {
        self.interfaces.get(usize::from(interface))
    }

    pub(crate) fn get_mut(&mut self, interface: u16) -> Option<&mut Interface> {
        self.interfaces.get_mut(usize::from(interface))
    }

    /// The node of an interface.
    pub(crate) fn node_of(&self, interface: u16) -> u16 {
        interface / self.amfs_each()
    }

    /// The AMF of an interface: its place among the targets.
    pub(crate) fn amf_of(&self, interface: u16) -> u16 {
        interface % self.amfs_each()
    }

    /// The interface of a node with an AMF.
    pub(crate) fn interface(&self, node: u16, amf: u8) -> u16 {
        node * self.amfs_each() + u16::from(amf)
    }

    fn amfs_each(&self) -> u16 {
        u16::try_from(self.amfs.len()).unwrap_or(1).max(1)
    }

    pub(crate) fn count(&mut self, interface: u16, count: impl FnOnce(&mut AmfInterval)) {
        let amf = usize::from(self.amf_of(interface));
        if let Some(counts) = self.amfs.get_mut(amf) {
            count(counts);
        }
    }

    /// What each AMF was to the shard since the last call.
    pub(crate) fn take_amfs(&mut self) -> Vec<AmfInterval> {
        for place in 0..self.amfs.len() {
            let of_amf = self.interfaces.iter().skip(place).step_by(self.amfs.len());
            let name = { of_amf }.find_map(|interface| interface.node.amf()).map(|facts| facts.name.clone());
            if let (Some(name), Some(amf)) = (name, self.amfs.get_mut(place)) {
                amf.name = name;
            }
        }
        let fresh = self.amfs.iter().map(|amf| nothing_of(&amf.target)).collect();
        std::mem::replace(&mut self.amfs, fresh)
    }

    /// Whether a UE's node has several AMFs to choose from.
    pub(crate) fn has_choice(&self) -> bool {
        self.amfs_each() > 1
    }

    /// The interface that a UE's initial message goes to (TS 23.501 §6.3.5): of the AMF that its identity names, or one of the
    /// same set, or any; of several by their relative capacities, by a draw of chance. Only those that are there are asked.
    pub(crate) fn choose(&self, node: u16, s_tmsi: Option<STmsi>, chance: u64) -> Option<u16> {
        let each = self.amfs_each();
        let first = usize::from(node * each);
        let interfaces = self.interfaces.get(first..first + usize::from(each)).unwrap_or_default();
        let facts: Vec<Option<&AmfFacts>> = interfaces.iter().map(|interface| interface.node.amf()).collect();
        Some(node * each + choose(&facts, s_tmsi, unit(chance))?)
    }

    /// What the AMF of an interface wants fewer of.
    pub(crate) fn overload(&self, interface: u16) -> Option<&Overload> {
        self.get(interface)?.overload.as_ref()
    }

    // Associations.

    pub(crate) fn up(&mut self, interface: u16, ends: Option<(SocketAddr, SocketAddr)>) {
        if let Some(interface) = self.get_mut(interface) {
            (interface.ends, interface.is_up) = (ends, true);
        }
    }

    /// The association of an interface did not come up, or is gone. During a run the node dials again after one to two seconds, each
    /// node at another instant: a core that comes back is neither waited for long nor met by all at once.
    pub(crate) fn down(
        &mut self,
        interface: u16,
        reason: &str,
        clock: ScheduleClock,
        now: Instant,
    ) -> Setback {
        let (was_ready, closes) = (self.ready, clock.unbegun || self.unprepared);
        let Some(port) = self.get_mut(interface) else { return Setback::TriedAgain };
        let was_up = std::mem::take(&mut port.is_up);
        let ues = port.node.connected();
        port.overload = None;
        port.dials += 1;
        let dials = port.dials;
        let mut setback = Setback::TriedAgain;
        if closes {
            // Its associations are being closed.
        } else if was_ready || port.waits_us > 0 {
            if was_up && was_ready {
                port.outage = Some(Outage { since: now, dials: 0, ended: 0, refused: 0 });
                setback = Setback::Counted("association-lost");
                let details = format!("{reason}; {ues} UEs were connected");
                self.event("association-lost", interface, &details, clock.us(now));
            }
            let chance = stream_seed(self.seed, &[SEED_OF_REDIALS, u64::from(interface), u64::from(dials)]);
            self.redial.set(interface, now + REDIAL + REDIAL.mul_f64(unit(chance)));
        } else {
            let why = format!("{}, {}: {reason}", self.name_of(interface), self.target_text(interface));
            setback = self.cannot_be_prepared(why);
        }
        setback
    }

    /// A node dials again.
    pub(crate) fn dials(&mut self, interface: u16) {
        if let Some(outage) = self.get_mut(interface).and_then(|port| port.outage.as_mut()) {
            outage.dials += 1;
        }
    }

    /// An interface is set up. Whether with it all are, for the first time.
    pub(crate) fn is_set_up(&mut self, interface: u16, clock: ScheduleClock, now: Instant) -> bool {
        let Some(port) = self.get_mut(interface) else { return false };
        if let Some(outage) = port.outage.take() {
            let Outage { since, dials, ended, refused } = outage;
            let away = now.saturating_duration_since(since).as_secs_f64();
            let details = format!(
                "after {away:.2} s, at dial {dials}; {ended} attempts had ended with it, {refused} found no interface"
            );
            self.event("association-restored", interface, &details, clock.us(now));
        }
        let is_first = !self.ready && self.interfaces.iter().all(|port| port.node.is_ready());
        self.ready |= is_first;
        is_first
    }

    /// NG SETUP FAILURE (TS 38.413 §8.7.1.3). Before the start, the shard waits as long as the AMF wants, within a bound, where
    /// it said so or where the cause is one that passes.
    pub(crate) fn setup_refused(
        &mut self,
        interface: u16,
        cause: &str,
        retry_after: Option<Duration>,
        passes: bool,
        (clock, now): (ScheduleClock, Instant),
    ) -> Setback {
        let wait = retry_after.unwrap_or(NG_SETUP_AGAIN);
        let asked = if retry_after.is_some() { "the AMF asks for it" } else { "the AMF names no time" };
        let again = format!("{cause}; the gNB asks again in {} s ({asked})", wait.as_secs());
        self.event("ng-setup-refused", interface, &again, clock.us(now));
        if self.ready {
            return Setback::Counted("ng-setup-refused");
        }
        if clock.unbegun || self.unprepared {
            return Setback::TriedAgain;
        }
        let name = self.name_of(interface);
        let Some(port) = self.get_mut(interface) else { return Setback::TriedAgain };
        let waited = Duration::from_micros(port.waits_us) + wait;
        if (retry_after.is_some() || passes) && waited <= LONGEST_PREPARATION {
            port.waits_us = micros(waited);
            let target = self.target_text(interface);
            return Setback::Waits(format!("{name}: {target} refused NG setup: {again}"));
        }
        let tried = match port.waits_us {
            0 => String::new(),
            waits_us => format!(", also after {} s of waiting", waits_us / 1_000_000),
        };
        let (target, asked) = (self.target_text(interface), self.what_was_asked(interface));
        let why = format!("{name}: {target} refused NG setup: {cause}{tried}{asked}");
        self.cannot_be_prepared(why)
    }

    /// Nobody answered the NG SETUP REQUEST.
    pub(crate) fn setup_unanswered(
        &mut self,
        interface: u16,
        after: Duration,
        clock: ScheduleClock,
        now: Instant,
    ) -> Setback {
        let details = format!("no answer within {} s; the gNB asks again", after.as_secs());
        self.event("ng-setup-unanswered", interface, &details, clock.us(now));
        if self.ready {
            return Setback::Counted("ng-setup-unanswered");
        }
        let why = format!(
            "{}: {} did not answer NG setup within {} s; some cores do not answer an unknown PLMN or TAC{}",
            self.name_of(interface),
            self.target_text(interface),
            after.as_secs(),
            self.what_was_asked(interface)
        );
        self.cannot_be_prepared(why)
    }

    fn cannot_be_prepared(&mut self, why: String) -> Setback {
        self.unprepared = true;
        Setback::Unprepared(why)
    }

    /// What a core may not know of a gNB.
    fn what_was_asked(&self, interface: u16) -> String {
        let Some(gnb) = self.planned.get(usize::from(self.node_of(interface))) else { return String::new() };
        let slices: Vec<String> = gnb.slices.iter().map(ToString::to_string).collect();
        format!(
            ": compare the scenario's PLMN {}, TAC {} and slices {} with those that the core serves",
            gnb.plmn,
            gnb.tac,
            slices.join(", ")
        )
    }

    /// The AMF said something of itself.
    pub(crate) fn noticed(&mut self, interface: u16, notice: &AmfNotice, clock: ScheduleClock, now: Instant) {
        self.event(notice.kind(), interface, &notice.to_string(), clock.us(now));
        if let Some(port) = self.get_mut(interface) {
            match notice {
                AmfNotice::OverloadStart(overload) => port.overload = Some(overload.clone()),
                AmfNotice::OverloadStop => port.overload = None,
                AmfNotice::Unavailable(_) | AmfNotice::ConfigurationUpdate(_) | AmfNotice::Reset { .. } => {}
            }
        }
    }

    /// An attempt has failed for want of an association.
    pub(crate) fn count_cost(&mut self, interface: u16, cause: &str) {
        let Some(outage) = self.get_mut(interface).and_then(|port| port.outage.as_mut()) else { return };
        match cause {
            "association-lost" => outage.ended += 1,
            "ng-interface-down" => outage.refused += 1,
            _ => {}
        }
    }

    fn event(&mut self, kind: &str, interface: u16, details: &str, at_us: u64) {
        let mut name = self.name_of(interface);
        if self.amfs.len() > 1 {
            name = format!("{name} with {}", self.target_text(interface));
        }
        self.events.push(at_us, kind, &name, details);
    }

    fn name_of(&self, interface: u16) -> String {
        let gnb = self.planned.get(usize::from(self.node_of(interface)));
        gnb.map(|gnb| gnb.name.clone()).unwrap_or_default()
    }

    fn target_text(&self, interface: u16) -> &str {
        self.amfs.get(usize::from(self.amf_of(interface))).map_or("the core", |amf| &amf.target)
    }
}

impl Interface {
    fn new(node: RanNode) -> Self {
        Self { node, ends: None, is_up: false, dials: 0, outage: None, waits_us: 0, overload: None }
    }
}

/// An AMF of which there is nothing to tell.
fn nothing_of(target: &str) -> AmfInterval {
    AmfInterval { target: target.to_owned(), ..AmfInterval::default() }
}

/// The place of the AMF that an initial message goes to, of those that are there; `draw` is chance, 0 to 1 without the latter.
fn choose(amfs: &[Option<&AmfFacts>], s_tmsi: Option<STmsi>, draw: f64) -> Option<u16> {
    let there = || (0u16..).zip(amfs).filter_map(|(place, facts)| Some((place, (*facts)?)));
    if let Some(s_tmsi) = s_tmsi {
        if let Some((place, _)) = there().find(|(_, facts)| facts.serves(s_tmsi)) {
            return Some(place);
        }
        let of_set: Vec<_> = there().filter(|(_, facts)| facts.is_of_set(s_tmsi)).collect();
        if !of_set.is_empty() {
            return by_capacity(&of_set, draw);
        }
    }
    by_capacity(&there().collect::<Vec<_>>(), draw)
}

/// TS 38.413 §9.3.1.32: a larger relative capacity gets more. Where all have none, all get the same.
fn by_capacity(amfs: &[(u16, &AmfFacts)], draw: f64) -> Option<u16> {
    let none = amfs.iter().all(|(_, facts)| facts.capacity == 0);
    let weight = |facts: &AmfFacts| if none { 1.0 } else { f64::from(facts.capacity) };
    let sum: f64 = amfs.iter().map(|(_, facts)| weight(facts)).sum();
    let mut left = draw * sum;
    for (place, facts) in amfs {
        left -= weight(facts);
        if left < 0.0 {
            return Some(*place);
        }
    }
    amfs.last().map(|(place, _)| *place)
}

/// The least wait before a lost association is dialled again; chance adds up to as much.
const REDIAL: Duration = Duration::from_secs(1);
/// How long a gNB waits, in all, for an AMF that refuses NG setup before the start.
const LONGEST_PREPARATION: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests {
    use signalling::Guami;

    use super::*;

    fn amf(set: u16, pointer: u8, capacity: u8) -> AmfFacts {
        let guami = Guami { plmn: [0; 3], region: 1, set, pointer };
        AmfFacts { name: String::new(), guamis: vec![guami], capacity, plmns: Vec::new() }
    }

    #[test]
    fn amf_is_chosen_by_identity_then_by_set_then_by_capacity() {
        let (a, b, c) = (amf(1, 0, 10), amf(1, 1, 30), amf(2, 0, 60));
        let all = [Some(&a), Some(&b), Some(&c)];
        let s_tmsi = |set, pointer| STmsi::new(set, pointer, 7);
        assert_eq!(choose(&all, s_tmsi(1, 1), 0.0), Some(1), "the one that gave it");
        // It is gone: another of its set.
        assert_eq!(choose(&[Some(&a), None, Some(&c)], s_tmsi(1, 1), 0.99), Some(0));
        assert_eq!(choose(&[None, None, Some(&c)], s_tmsi(1, 1), 0.0), Some(2), "any that is there");
        assert_eq!(choose(&[None, None, None], s_tmsi(1, 1), 0.0), None);
        let counts = (0..100).fold([0; 3], |mut counts, n| {
            counts[usize::from(choose(&all, None, f64::from(n) / 100.0).unwrap())] += 1;
            counts
        });
        assert_eq!(counts, [10, 30, 60]);
        let idle = amf(1, 0, 0);
        assert_eq!(choose(&[Some(&idle), Some(&idle)], None, 0.6), Some(1));
    }
}
