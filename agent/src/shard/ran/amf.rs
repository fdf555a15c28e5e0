//! What becomes of the associations with the AMF, and what the AMF says of itself: events with their time.

use std::time::{Duration, Instant};

use scenarios::{Overload as Obedience, stream_seed};
use signalling::{AmfFacts, AmfNotice, EstablishmentCause, NodeEvent, ReleaseCause, STmsi};
use wire::to_coordinator::AmfInterval;

use crate::ran::unit;
use crate::shard::{SEED_OF_AMFS, SEED_OF_OVERLOADS, SEED_OF_REDIALS, ShardAction, ShardRunner};

/// An association that is away, until its NG interface is set up again.
#[derive(Clone, Copy)]
pub(in crate::shard) struct Outage {
    since: Instant,
    dials: u32,
    /// Attempts that ended with the association, and that found none.
    pub(in crate::shard) ended: u64,
    pub(in crate::shard) refused: u64,
}

impl ShardRunner {
    // NG interfaces: of each gNB one for each AMF.

    /// The place among the targets of the one that an NG interface is with.
    pub fn target_of(&self, interface: u16) -> usize {
        usize::from(self.amf_of(interface))
    }

    /// The gNB of an NG interface.
    pub(in crate::shard) fn gnb_of(&self, interface: u16) -> u16 {
        interface / self.amfs_each()
    }

    pub(in crate::shard) fn amf_of(&self, interface: u16) -> u16 {
        interface % self.amfs_each()
    }

    /// The NG interface of a gNB with the AMF of a UE.
    pub(in crate::shard) fn interface_of(&self, gnb: u16, ue: u32) -> u16 {
        let amf = self.population.peek(ue).map_or(0, |slot| u16::from(slot.amf));
        gnb * self.amfs_each() + amf
    }

    fn amfs_each(&self) -> u16 {
        u16::try_from(self.amfs.len()).unwrap_or(1).max(1)
    }

    pub(in crate::shard) fn count_amf(&mut self, amf: u16, count: impl FnOnce(&mut AmfInterval)) {
        if let Some(counts) = self.amfs.get_mut(usize::from(amf)) {
            count(counts);
        }
    }

    /// What each AMF was to the shard since the last call.
    pub(in crate::shard) fn take_amfs(&mut self) -> Vec<AmfInterval> {
        for place in 0..self.amfs.len() {
            let interfaces = self.gnbs.iter().skip(place).step_by(self.amfs.len());
            let name = { interfaces }.find_map(|port| port.gnb.amf()).map(|facts| facts.name.clone());
            if let (Some(name), Some(amf)) = (name, self.amfs.get_mut(place)) {
                amf.name = name;
            }
        }
        let fresh = self.amfs.iter().map(|amf| nothing_of(&amf.target)).collect();
        std::mem::replace(&mut self.amfs, fresh)
    }

    /// The NG interface that a UE's initial message goes to (TS 23.501 §6.3.5): of the AMF that its identity names, or one of the
    /// same set, or any; of several by their relative capacities. Only those that are there are asked.
    pub(in crate::shard) fn select_amf(
        &mut self,
        gnb: u16,
        ue: u32,
        s_tmsi: Option<STmsi>,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) -> u16 {
        let before = self.interface_of(gnb, ue);
        let each = self.amfs_each();
        if each == 1 {
            return before;
        }
        let first = usize::from(gnb * each);
        let interfaces = self.gnbs.get(first..first + usize::from(each)).unwrap_or_default();
        let facts: Vec<Option<&AmfFacts>> = interfaces.iter().map(|port| port.gnb.amf()).collect();
        let Some(draw) = self.population.peek(ue).map(|slot| slot.draws) else { return before };
        let chance = stream_seed(self.seed, &[SEED_OF_AMFS, u64::from(ue), u64::from(draw)]);
        let Some(chosen) = choose(&facts, s_tmsi, unit(chance)) else { return before };
        let chosen = gnb * each + chosen;
        if chosen != before && self.gnbs.get(usize::from(before)).is_some_and(|port| port.gnb.has(ue)) {
            let cause = ReleaseCause::RadioConnectionLost;
            self.gnb(before, NodeEvent::RequestRelease { ue, cause }, now, out);
        }
        let amf = u8::try_from(self.amf_of(chosen)).unwrap_or_default();
        if let Some(slot) = self.population.slot(ue) {
            slot.amf = amf;
        }
        chosen
    }

    // Associations.

    /// The association of a gNB did not come up, or is gone. During a run the gNB dials again after one to two seconds, each
    /// gNB at another instant: a core that comes back is neither waited for long nor met by all at once.
    pub fn association_down(&mut self, gnb: u16, reason: &str, now: Instant, out: &mut Vec<ShardAction>) {
        if self.is_at_rest() {
            return;
        }
        let Some(port) = self.gnbs.get_mut(usize::from(gnb)) else { return };
        let was_up = std::mem::take(&mut port.is_up);
        let ues = port.gnb.connected();
        port.overload = None;
        port.dials += 1;
        let dials = port.dials;
        if self.unbegun {
            // Its associations are being closed.
        } else if self.ready_sent || port.waits_us > 0 {
            if was_up && self.ready_sent {
                port.outage = Some(Outage { since: now, dials: 0, ended: 0, refused: 0 });
                self.recorder.unexpected("association-lost");
                let details = format!("{reason}; {ues} UEs were connected");
                self.ran_event("association-lost", gnb, &details, now);
            }
            let chance = stream_seed(self.seed, &[SEED_OF_REDIALS, u64::from(gnb), u64::from(dials)]);
            self.redial.set(gnb, now + REDIAL + REDIAL.mul_f64(unit(chance)));
        } else {
            let why = format!("{}, {}: {reason}", self.node_name(gnb), self.target_text(gnb));
            self.cannot_prepare(why, now, out);
        }
        self.departures.forget(gnb);
        self.gnb(gnb, NodeEvent::AssociationDown, now, out);
    }

    /// A gNB dials again.
    pub(in crate::shard) fn dial(&mut self, gnb: u16, out: &mut Vec<ShardAction>) {
        if let Some(outage) = self.gnbs.get_mut(usize::from(gnb)).and_then(|port| port.outage.as_mut()) {
            outage.dials += 1;
        }
        out.push(ShardAction::Connect { gnb });
    }

    /// The NG interface of a gNB is set up.
    pub(in crate::shard) fn interface_ready(&mut self, gnb: u16, now: Instant, out: &mut Vec<ShardAction>) {
        let Some(port) = self.gnbs.get_mut(usize::from(gnb)) else { return };
        if let Some(outage) = port.outage.take() {
            let Outage { since, dials, ended, refused } = outage;
            let away = now.saturating_duration_since(since).as_secs_f64();
            let details = format!(
                "after {away:.2} s, at dial {dials}; {ended} attempts had ended with it, {refused} found no interface"
            );
            self.ran_event("association-restored", gnb, &details, now);
        }
        if !self.ready_sent && self.gnbs.iter().all(|port| port.gnb.is_ready()) {
            self.ready_sent = true;
            out.push(ShardAction::Ready);
        }
    }

    /// NG SETUP FAILURE (TS 38.413 §8.7.1.3). Before the start, the shard waits as long as the AMF wants, within a bound, where
    /// it said so or where the cause is one that passes.
    pub(in crate::shard) fn setup_refused(
        &mut self,
        gnb: u16,
        cause: &str,
        retry_after: Option<Duration>,
        passes: bool,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let wait = retry_after.unwrap_or(signalling::NG_SETUP_AGAIN);
        let asked = if retry_after.is_some() { "the AMF asks for it" } else { "the AMF names no time" };
        let again = format!("{cause}; the gNB asks again in {} s ({asked})", wait.as_secs());
        self.ran_event("ng-setup-refused", gnb, &again, now);
        if self.ready_sent {
            return self.recorder.unexpected("ng-setup-refused");
        }
        if self.unbegun {
            return;
        }
        let name = self.node_name(gnb);
        let Some(port) = self.gnbs.get_mut(usize::from(gnb)) else { return };
        let waited = Duration::from_micros(port.waits_us) + wait;
        if (retry_after.is_some() || passes) && waited <= LONGEST_PREPARATION {
            port.waits_us = crate::time::micros(waited);
            return out.push(ShardAction::Waits(format!(
                "{name}: {} refused NG setup: {again}",
                self.target_text(gnb)
            )));
        }
        let tried = match port.waits_us {
            0 => String::new(),
            waits_us => format!(", also after {} s of waiting", waits_us / 1_000_000),
        };
        let (target, asked) = (self.target_text(gnb), self.what_was_asked(gnb));
        let why = format!("{name}: {target} refused NG setup: {cause}{tried}{asked}");
        self.cannot_prepare(why, now, out);
    }

    /// The shard cannot be run here. It says so after what was said with the core until then is reported.
    fn cannot_prepare(&mut self, why: String, now: Instant, out: &mut Vec<ShardAction>) {
        if !self.unbegun {
            self.never_begin("cannot-prepare", now);
            out.push(ShardAction::CannotPrepare(why));
        }
    }

    /// Nobody answered the NG SETUP REQUEST.
    pub(in crate::shard) fn setup_unanswered(
        &mut self,
        gnb: u16,
        after: Duration,
        now: Instant,
        out: &mut Vec<ShardAction>,
    ) {
        let details = format!("no answer within {} s; the gNB asks again", after.as_secs());
        self.ran_event("ng-setup-unanswered", gnb, &details, now);
        if self.ready_sent {
            return self.recorder.unexpected("ng-setup-unanswered");
        }
        let why = format!(
            "{}: {} did not answer NG setup within {} s; some cores do not answer an unknown PLMN or TAC{}",
            self.node_name(gnb),
            self.target_text(gnb),
            after.as_secs(),
            self.what_was_asked(gnb)
        );
        self.cannot_prepare(why, now, out);
    }

    /// What a core may not know of a gNB.
    fn what_was_asked(&self, gnb: u16) -> String {
        let Some(gnb) = self.shard.nodes.get(usize::from(self.gnb_of(gnb))) else { return String::new() };
        let slices: Vec<String> = gnb.slices.iter().map(ToString::to_string).collect();
        format!(
            ": compare the scenario's PLMN {}, TAC {} and slices {} with those that the core serves",
            gnb.plmn,
            gnb.tac,
            slices.join(", ")
        )
    }

    /// The AMF said something of itself.
    pub(in crate::shard) fn noticed_by_amf(&mut self, gnb: u16, notice: &AmfNotice, now: Instant) {
        self.ran_event(notice.kind(), gnb, &notice.to_string(), now);
        if let Some(port) = self.gnbs.get_mut(usize::from(gnb)) {
            match notice {
                AmfNotice::OverloadStart(overload) => port.overload = Some(overload.clone()),
                AmfNotice::OverloadStop => port.overload = None,
                AmfNotice::Unavailable(_) | AmfNotice::ConfigurationUpdate(_) | AmfNotice::Reset { .. } => {}
            }
        }
    }

    /// Whether the gNB refuses a UE's connection for the AMF's overload, where the scenario has gNBs obey (TS 38.413 §8.7.6.2).
    pub(in crate::shard) fn is_barred(&mut self, gnb: u16, ue: u32, cause: EstablishmentCause) -> bool {
        if self.plan.scenario().cells.overload != Obedience::Obey {
            return false;
        }
        let overload = self.gnbs.get(usize::from(gnb)).and_then(|port| port.overload.as_ref());
        let Some((overload, slot)) = overload.zip(self.population.slot(ue)) else { return false };
        let chance = stream_seed(self.seed, &[SEED_OF_OVERLOADS, u64::from(ue), u64::from(slot.next_draw())]);
        // A UE wants the slices of its sessions, where it has or asks for any, and all that it may request where it has not.
        let of_sessions = self.user_plane.slices_of(ue);
        let requested = &self.plan.scenario().cells.slices;
        let wanted = if of_sessions.is_empty() { requested } else { &of_sessions };
        overload.bars(cause, wanted, unit(chance))
    }

    /// An attempt has failed for want of an association.
    pub(in crate::shard) fn count_cost(&mut self, ue: u32, cause: &str) {
        let Some(gnb) = self.population.peek(ue).map(|slot| slot.gnb) else { return };
        let interface = usize::from(self.interface_of(gnb, ue));
        let Some(outage) = self.gnbs.get_mut(interface).and_then(|port| port.outage.as_mut()) else {
            return;
        };
        match cause {
            "association-lost" => outage.ended += 1,
            "ng-interface-down" => outage.refused += 1,
            _ => {}
        }
    }

    fn ran_event(&mut self, kind: &str, gnb: u16, details: &str, now: Instant) {
        let mut name = self.node_name(gnb);
        if self.amfs.len() > 1 {
            name = format!("{name} with {}", self.target_text(gnb));
        }
        self.ran_events.push(self.run_us(now), kind, &name, details);
    }

    fn node_name(&self, gnb: u16) -> String {
        let gnb = self.shard.nodes.get(usize::from(self.gnb_of(gnb)));
        gnb.map(|gnb| gnb.name.clone()).unwrap_or_default()
    }

    fn target_text(&self, interface: u16) -> &str {
        self.amfs.get(self.target_of(interface)).map_or("the core", |amf| &amf.target)
    }
}

/// An AMF of which there is nothing to tell.
pub(in crate::shard) fn nothing_of(target: &str) -> AmfInterval {
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
