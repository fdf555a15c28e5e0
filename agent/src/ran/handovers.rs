//! The handovers of a shard: who is leaving, who is expected, and what a UE takes along.
//!
//! ```text
//! preparing ──► commanded ──► arrived (where the target is of this shard) ──► released at the source
//! ```
//! The source holds a UE until HANDOVER COMMAND; from then on the target is its only holder. The attempt is begun and
//! ended at the source.

use std::collections::HashMap;
use std::time::Instant;

use identity::{CellId, Plmn};
use signalling::{Procedure, XnContext};

use wire::away::HandoverPhases;

use super::access::Cell;
use crate::seam::Handover;
use crate::time::{Timers, micros};
use crate::transfer::{Home, Taken, UeContext};

/// Every handover of a shard, outgoing by UE and incoming by gNB and UE.
pub(crate) struct Handovers {
    departures: HashMap<u32, Departure>,
    arrivals: HashMap<(u16, u32), ExpectedUe>,
    pub(crate) steps: Timers<Step>,
    /// When a handover between shards last did something here.
    last: Option<Instant>,
    pub(crate) taken: Taken,
}

/// What happens to a handover by time alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// The source gives the preparation up.
    Cancel { ue: u32 },
    /// The UE comes into the target cell.
    Arrive { gnb: u16, ue: u32 },
    /// Nobody has said how the handover of this UE ended.
    Overdue { ue: u32 },
    /// Nobody has released the UE.
    Unreleased { ue: u32 },
}

/// A UE that leaves a cell of this shard.
pub(crate) struct Departure {
    pub(crate) procedure: Procedure,
    pub(crate) source: Cell,
    pub(crate) from: CellId,
    pub(crate) to: CellId,
    pub(crate) target: Target,
    pub(crate) fate: Fate,
    pub(crate) begun: Instant,
    pub(crate) commanded: Option<Instant>,
    pub(crate) arrived: Option<Instant>,
    /// The AMF that asked the target of this shard for it.
    pub(crate) amf: Option<u8>,
    /// Of a handover over Xn.
    pub(crate) context: Option<XnContext>,
    /// How it ended was told before: too late, or given up.
    pub(crate) is_reported: bool,
}

impl Departure {
    /// What has become of it by now, as it is told.
    pub(crate) fn handover(&self, succeeded: bool, now: Instant) -> Handover {
        let commanded = self.commanded.filter(|_| succeeded);
        let phases = commanded.map_or_else(HandoverPhases::default, |commanded| {
            let took = |from: Instant, to: Instant| Some(micros(to.saturating_duration_since(from)));
            let n2 = self.procedure == Procedure::HandoverN2;
            HandoverPhases {
                preparation_us: n2.then(|| took(self.begun, commanded)).flatten(),
                execution_us: took(commanded, self.arrived.unwrap_or(now)),
                completion_us: self.arrived.and_then(|arrived| took(arrived, now)),
            }
        });
        // One that chance lets fail says nothing of the shard that it was for.
        let into = match (self.target, self.fate) {
            (Target::Elsewhere { shard, .. }, Fate::Arrives) => Some(shard),
            _ => None,
        };
        Handover { source: self.from, target: self.to, into, phases }
    }
}

/// Where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Into this cell of the same shard.
    Here(Cell),
    /// To another shard, into this network.
    Elsewhere { network: Plmn, shard: u32 },
}

/// What chance has in store for a handover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Arrives,
    /// The radio link fails on the way.
    Lost,
    /// The source gNB cancels.
    Cancelled,
    /// The target gNB refuses.
    Refused,
}

/// A UE that is expected from another shard.
pub(crate) struct ExpectedUe {
    pub(crate) ue_context: Box<UeContext>,
    pub(crate) cell: u32,
    /// The AMF that asked for it.
    pub(crate) amf: u8,
    pub(crate) arrives: bool,
}

impl Handovers {
    pub(crate) fn new() -> Self {
        Self {
            departures: HashMap::new(),
            arrivals: HashMap::new(),
            steps: Timers::new(),
            last: None,
            taken: Taken::default(),
        }
    }

    /// Nobody leaves and nobody comes any more; what was taken stays known.
    pub(crate) fn remembering(before: &mut Self) -> Self {
        Self { taken: std::mem::take(&mut before.taken), ..Self::new() }
    }

    pub(crate) fn depart(&mut self, ue: u32, departure: Departure) {
        self.departures.insert(ue, departure);
    }

    pub(crate) fn departure(&self, ue: u32) -> Option<&Departure> {
        self.departures.get(&ue)
    }

    /// Whether the UE is leaving for another shard, to which its state has gone before.
    pub(crate) fn has_packed(&self, ue: u32) -> bool {
        self.departure(ue).is_some_and(|departure| matches!(departure.target, Target::Elsewhere { .. }))
    }

    pub(crate) fn departure_mut(&mut self, ue: u32) -> Option<&mut Departure> {
        self.departures.get_mut(&ue)
    }

    pub(crate) fn end_departure(&mut self, ue: u32) -> Option<Departure> {
        for step in [Step::Cancel { ue }, Step::Overdue { ue }] {
            self.steps.stop(step);
        }
        let departure = self.departures.remove(&ue)?;
        if let Target::Here(cell) = departure.target {
            self.steps.stop(Step::Arrive { gnb: cell.gnb, ue });
        }
        Some(departure)
    }

    /// The UEs that are expected, of these homes; with their gNBs, in order.
    pub(crate) fn expected_that(&self, mut are: impl FnMut(&Home) -> bool) -> Vec<(u16, u32)> {
        let those = self.arrivals.iter().filter(|(_, arrival)| are(&arrival.ue_context.home));
        let mut expected: Vec<(u16, u32)> = those.map(|(key, _)| *key).collect();
        expected.sort_unstable();
        expected
    }

    /// The UEs that have left for a shard, in order.
    pub(crate) fn commanded_to(&self, shard: u32) -> Vec<u32> {
        let left = |departure: &Departure| {
            departure.commanded.is_some()
                && departure.fate != Fate::Lost
                && matches!(departure.target, Target::Elsewhere { shard: to, .. } if to == shard)
        };
        let mut ues: Vec<u32> =
            self.departures.iter().filter(|(_, departure)| left(departure)).map(|(ue, _)| *ue).collect();
        ues.sort_unstable();
        ues
    }

    /// What its node does with the UE is given up in the account.
    pub(crate) fn given_up(&mut self, ue: u32) {
        self.steps.stop(Step::Unreleased { ue });
        if let Some(departure) = self.departures.get_mut(&ue) {
            departure.is_reported = true;
        }
    }

    /// Whether its node is in the middle of something with the UE.
    pub(crate) fn concern(&self, ue: u32) -> bool {
        self.departures.contains_key(&ue) || self.steps.expires(Step::Unreleased { ue }).is_some()
    }

    pub(crate) fn expect(&mut self, gnb: u16, ue: u32, arrival: ExpectedUe) {
        self.arrivals.insert((gnb, ue), arrival);
    }

    pub(crate) fn arrival(&self, gnb: u16, ue: u32) -> Option<&ExpectedUe> {
        self.arrivals.get(&(gnb, ue))
    }

    pub(crate) fn end_arrival(&mut self, gnb: u16, ue: u32) -> Option<ExpectedUe> {
        let arrival = self.arrivals.remove(&(gnb, ue))?;
        self.steps.stop(Step::Arrive { gnb, ue });
        Some(arrival)
    }

    /// A handover between shards did something.
    pub(crate) fn touch(&mut self, now: Instant) {
        self.last = Some(now);
    }

    pub(crate) fn last_touched(&self) -> Option<Instant> {
        self.last
    }

    /// Nobody is leaving, and nobody is expected.
    pub(crate) fn is_quiet(&self) -> bool {
        self.departures.is_empty() && self.arrivals.is_empty()
    }

    pub(crate) fn octets(&self) -> usize {
        self.departures.capacity() * (size_of::<(u32, Departure)>() + 1)
            + self.arrivals.capacity() * (size_of::<((u16, u32), ExpectedUe)>() + 1)
            + self.steps.octets()
            + self.taken.octets()
    }
}
