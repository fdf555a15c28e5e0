//! Sessions of UEs that move: to another gNB, into another network, to another agent.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use billing::Closing;
use gtpu::TrafficSource;
use identity::{Imsi, Plmn, SessionId};
use signalling::Session;

use super::UserPlane;
use super::sessions::{Held, address_of};
use super::usage::PartOf;
use crate::transfer::SessionContext;

impl UserPlane {
    /// The UE is between two cells: it sends nothing.
    pub(crate) fn pause(&mut self, ue: u32) {
        for held in self.sessions.of_mut(ue) {
            held.stand_still();
            self.due.stop((ue, held.id));
        }
    }

    /// The UE is at another gNB of the shard. Where that is of another network, a part of each session ends.
    pub(crate) fn moved(&mut self, ue: u32, gnb: u16, serving: Plmn, now: Instant) {
        let ids: Vec<SessionId> = self.sessions.of(ue).map(|held| held.id).collect();
        for id in ids {
            self.change_network(ue, id, serving, now);
            if self.tunnels.teid(ue, gnb, id).is_some() {
                self.attach(ue, id, gnb, serving, now);
            }
        }
    }

    /// What the UE's sessions take along when it goes to another agent.
    pub(crate) fn session_contexts(&mut self, ue: u32) -> Vec<SessionContext> {
        let mut session_contexts = Vec::new();
        for held in self.sessions.of(ue).filter(|held| held.up) {
            let Some(part) = held.part else { continue };
            let uplink = held.earlier_uplink + self.usage.uplink(part);
            let Some(of) = self.usage.of(part) else { continue };
            session_contexts.push(SessionContext {
                session: held.id,
                template: u32::try_from(held.template).unwrap_or_default(),
                serving: of.serving,
                opened_us: of.opened_us.unwrap_or_default(),
                sequence: of.sequence,
                uplink,
                prefix: held.router.prefix(),
            });
        }
        session_contexts
    }

    /// The UE has left for another agent, into a network that may be another.
    pub(crate) fn depart(&mut self, ue: u32, into: Plmn, now: Instant) {
        let held: Vec<_> = self.sessions.of(ue).map(|held| (held.id, held.part)).collect();
        for (id, part) in held {
            let stays = part.and_then(|part| self.usage.of(part)).is_none_or(|of| of.serving == into);
            let closing = if stays { Closing::Handover } else { Closing::PlmnChange };
            self.session_down(ue, id, closing, now);
        }
    }

    /// The whole shard goes to another agent: nothing is sent any more, and every part ends. What each UE takes along.
    pub(crate) fn export(&mut self, now: Instant) -> HashMap<u32, Vec<SessionContext>> {
        let mut all = HashMap::new();
        for ue in self.sessions.ues() {
            let session_contexts = self.session_contexts(ue);
            let held: Vec<_> = self.sessions.of(ue).map(|held| (held.id, held.up)).collect();
            for (id, up) in held {
                // One that the UE has only asked for does not go on elsewhere.
                let closing = if up { Closing::Handover } else { Closing::Released };
                self.session_down(ue, id, closing, now);
            }
            if !session_contexts.is_empty() {
                all.insert(ue, session_contexts);
            }
        }
        all
    }

    /// How many sessions were dealt of each template.
    pub(crate) fn dealt(&self) -> &[u64] {
        &self.dealt
    }

    /// Counts in what earlier holders of the shard have dealt.
    pub(crate) fn deal_on(&mut self, dealt: &[u64]) {
        for (mine, before) in self.dealt.iter_mut().zip(dealt) {
            *mine = mine.saturating_add(*before);
        }
    }

    /// The UE has come from another agent.
    pub(crate) fn arrive(
        &mut self,
        ue: u32,
        sessions: &[(Imsi, Session)],
        session_contexts: &[SessionContext],
        gnb: u16,
        serving: Plmn,
        now: Instant,
    ) {
        for (supi, session) in sessions {
            let brought = session_contexts.iter().find(|brought| brought.session == session.id);
            let template = brought.and_then(|brought| usize::try_from(brought.template).ok());
            let mut held = Held::asked_for(session.id, *supi, template.unwrap_or_default());
            held.takes(address_of(session));
            if let Some(prefix) = brought.and_then(|brought| brought.prefix) {
                held.advertised(prefix);
            }
            held.up = true;
            let sequence = brought.map_or(0, |brought| brought.sequence.saturating_add(1));
            held.earlier_uplink = brought.map_or(0, |brought| brought.uplink);
            held.part = Some(self.usage.open(
                PartOf {
                    supi: *supi,
                    session: session.id,
                    dnn: session.dnn.clone(),
                    serving,
                    charging_id: session.charging_id,
                    sequence,
                    opened_us: brought.map(|brought| brought.opened_us),
                },
                now,
            ));
            let mut flow =
                self.scenario.sessions.get(held.template).map_or(scenarios::Flow::NONE, |t| t.uplink);
            if let Some(volume) = &mut flow.volume {
                volume.0 = volume.0.saturating_sub(held.earlier_uplink);
            }
            let mut source = TrafficSource::new(flow, self.traffic_seed(*supi, session.id, sequence), now);
            source.pause();
            held.source = Some(source);
            if brought.is_some_and(|brought| brought.serving != serving) {
                held.holds_until = Some(now + HOLD);
            }
            self.sessions.insert(ue, held);
            if self.tunnels.teid(ue, gnb, session.id).is_some() {
                self.attach(ue, session.id, gnb, serving, now);
            }
        }
    }

    /// Another network serves the session: its part ends, and the next one begins.
    fn change_network(&mut self, ue: u32, id: SessionId, serving: Plmn, now: Instant) {
        let Some(held) = self.sessions.get_mut(ue, id) else { return };
        let Some(part) = held.part else { return };
        let Some(of) = self.usage.of(part).filter(|of| of.serving != serving) else { return };
        let of = PartOf {
            supi: of.supi,
            session: of.session,
            dnn: of.dnn.clone(),
            serving,
            charging_id: of.charging_id,
            sequence: of.sequence.saturating_add(1),
            opened_us: of.opened_us,
        };
        held.earlier_uplink += self.usage.uplink(part);
        held.part = Some(self.usage.open(of, now));
        held.holds_until = Some(now + HOLD);
        self.usage.end(part, Closing::PlmnChange, now);
    }
}

/// In another network a UE sends nothing until that network is sure to know that it serves the UE: what came before would be
/// charged as the other's.
const HOLD: Duration = Duration::from_millis(200);
