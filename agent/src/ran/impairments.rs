//! Which impairments hold where and when: drawn from the run's seed for each cell and each UE, so that a run repeats itself.

use std::collections::BTreeMap;
use std::time::Duration;

use identity::Imsi;
use scenarios::{Impairment, ImpairmentKind, Plan, Shard, stream_seed};

use super::access::{Cell, Congestion};
use super::radio::Interference;
use crate::time::Timers;

/// The impairments of one shard.
pub(crate) struct Impairments {
    seed: u64,
    impairments: Vec<Impairment>,
    /// The cells that each impairment concerns.
    cells: Vec<Vec<Cell>>,
    /// What begins and ends, the next one last.
    upcoming: Vec<(Duration, Change)>,
    /// The impairments that hold, with the number of their window.
    active: BTreeMap<usize, u32>,
    /// What UEs are to do at their times, by the clock of the schedules.
    pub(crate) actions: Timers<(u32, ScheduledAction)>,
}

/// Something that a UE is to do at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ScheduledAction {
    /// It has its signal back.
    ComeBack,
    /// It goes to idle, or comes back from it.
    Oscillate { impairment: usize },
    /// It switches off, to register at once.
    SwitchOff { impairment: usize },
    /// It registers.
    Register,
}

/// An impairment begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) impairment: usize,
    window: u32,
    pub(crate) begins: bool,
}

impl Impairments {
    pub(crate) fn new(plan: &Plan, shard: &Shard) -> Self {
        let seed = stream_seed(plan.seed(), &[SEED_OF_IMPAIRMENTS]);
        let impairments = plan.scenario().conditions.impairments.clone();
        let cells = (0u64..).zip(&impairments).map(|(number, impairment)| {
            let all = (0u16..).zip(&shard.nodes).flat_map(|(place, gnb)| {
                (0..gnb.cells).map(move |cell| (Cell { gnb: place, cell }, gnb.index))
            });
            let drawn = |&(cell, index): &(Cell, u32)| {
                let draw = [CELLS, number, u64::from(index), u64::from(cell.cell)];
                is_drawn(stream_seed(seed, &draw), impairment.cells)
            };
            all.filter(drawn).map(|(cell, _)| cell).collect()
        });
        let cells: Vec<Vec<Cell>> = cells.collect();
        let mut upcoming: Vec<(Duration, Change)> = impairments
            .iter()
            .enumerate()
            .flat_map(|(impairment, of)| {
                of.windows(plan.duration()).zip(0u32..).flat_map(move |(window, number)| {
                    let change = |begins| Change { impairment, window: number, begins };
                    [(window.at, change(true)), (window.at.saturating_add(window.for_), change(false))]
                })
            })
            .collect();
        // Of what happens at one instant, ends come before beginnings.
        upcoming.sort_by_key(|(at, change)| (*at, change.begins, change.impairment));
        upcoming.reverse();
        Self { seed, impairments, cells, upcoming, active: BTreeMap::new(), actions: Timers::new() }
    }

    /// When something begins or ends next, since the start of the run.
    pub(crate) fn next_change(&self) -> Option<Duration> {
        self.upcoming.last().map(|(at, _)| *at)
    }

    /// What has begun or ended by then, one at a time.
    pub(crate) fn pop(&mut self, elapsed: Duration) -> Option<Change> {
        if self.next_change()? > elapsed {
            return None;
        }
        let (_, change) = self.upcoming.pop()?;
        if change.begins {
            self.active.insert(change.impairment, change.window);
        } else if self.active.get(&change.impairment) == Some(&change.window) {
            self.active.remove(&change.impairment);
        }
        Some(change)
    }

    /// Passes over what has begun and ended by then. What has begun and holds still, as it began.
    pub(crate) fn pass_to(&mut self, elapsed: Duration) -> Vec<Change> {
        while self.pop(elapsed).is_some() {}
        let change = |(&impairment, &window): (&usize, &u32)| Change { impairment, window, begins: true };
        self.active.iter().map(change).collect()
    }

    pub(crate) fn kind(&self, impairment: usize) -> Option<ImpairmentKind> {
        self.impairments.get(impairment).map(|impairment| impairment.kind)
    }

    pub(crate) fn is_active(&self, impairment: usize) -> bool {
        self.active.contains_key(&impairment)
    }

    /// The impairments that hold.
    pub(crate) fn holding_anywhere(&self) -> impl Iterator<Item = usize> + '_ {
        self.active.keys().copied()
    }

    /// The cells of the shard that an impairment concerns.
    pub(crate) fn cells(&self, impairment: usize) -> &[Cell] {
        self.cells.get(impairment).map_or(&[], Vec::as_slice)
    }

    /// Whether an impairment that holds concerns a UE in a cell, when it concerns this share of them.
    pub(crate) fn concerns(&self, impairment: usize, share: f64, cell: Cell, supi: Imsi) -> bool {
        let Some(&window) = self.active.get(&impairment) else { return false };
        let draw = [UES, impairment as u64, u64::from(window), supi.value()];
        self.cells(impairment).contains(&cell) && is_drawn(stream_seed(self.seed, &draw), share)
    }

    /// Where in its period a UE begins, 0 to 1: the UEs do not march in step.
    pub(crate) fn phase(&self, impairment: usize, supi: Imsi) -> f64 {
        unit(stream_seed(self.seed, &[PHASES, impairment as u64, supi.value()]))
    }

    /// What a cell suffers now.
    pub(crate) fn interference(&self, cell: Cell) -> Option<Interference> {
        let kinds = self.holding(cell).filter_map(|kind| match kind {
            ImpairmentKind::Interference { loss, latency } => Some(Interference { loss, latency }),
            _ => None,
        });
        kinds.reduce(|a, b| Interference { loss: a.loss + b.loss, latency: a.latency + b.latency })
    }

    /// How much room a cell has now.
    pub(crate) fn congestion(&self, cell: Cell) -> Option<Congestion> {
        let kinds = self.holding(cell).filter_map(|kind| match kind {
            ImpairmentKind::Congestion { capacity, wait } => Some(Congestion { capacity, wait }),
            _ => None,
        });
        kinds.min_by_key(|congestion| congestion.capacity)
    }

    /// What is left of the rate of the traffic in a cell now.
    pub(crate) fn throttle(&self, cell: Cell) -> f64 {
        let factors = self.holding(cell).filter_map(|kind| match kind {
            ImpairmentKind::Throttle { factor } => Some(factor),
            _ => None,
        });
        factors.fold(1.0, f64::min)
    }

    fn holding(&self, cell: Cell) -> impl Iterator<Item = ImpairmentKind> + '_ {
        let here = self.active.keys().filter(move |number| self.cells(**number).contains(&cell));
        here.filter_map(|number| self.kind(*number))
    }
}

fn is_drawn(draw: u64, share: f64) -> bool {
    unit(draw) < share
}

/// A number from 0 to before 1.
pub(crate) fn unit(value: u64) -> f64 {
    (value >> 11) as f64 / (1u64 << 53) as f64
}

const SEED_OF_IMPAIRMENTS: u64 = u64::from_be_bytes(*b"weather\0");
const CELLS: u64 = 1;
const UES: u64 = 2;
const PHASES: u64 = 3;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn plan(seed: u64) -> Plan {
        let yaml = r#"
name: impairments
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 100, k: "465B5CE8B199B49FAA5F0A2EE238A6BC",
     opc: "E8ED289DEBA952E4283B54E88E6183CA"}
cells: {nodes: 20, cells-per-node: 2}
load: [{procedure: registration, phases: [{rate: 1/s, for: 600s}]}]
conditions:
  override: {by: a test, reason: windows that follow each other closely}
  impairments:
    - {name: half, throttle: {factor: 50%}, at: 10s, for: 5s, every: 20s, cells: 50%}
    - {name: fifth, throttle: {factor: 20%}, at: 12s, for: 5s}
"#;
        let scenario = scenarios::Scenario::from_yaml(yaml, "weather.yaml").unwrap();
        Plan::with_shards(Arc::new(scenario), seed, 2).unwrap()
    }

    #[test]
    fn what_begins_ends_and_the_strongest_of_two_throttles_holds() {
        let plan = plan(1);
        let mut impairments = Impairments::new(&plan, &plan.shard(0));
        let cell = impairments.cells(0).first().copied().unwrap();
        let mut at = |seconds: u64| {
            while impairments.pop(Duration::from_secs(seconds)).is_some() {}
            impairments.throttle(cell)
        };
        assert_eq!([at(9), at(10), at(12), at(16), at(18), at(31)], [1.0, 0.5, 0.2, 0.2, 1.0, 0.5]);
    }

    #[test]
    fn the_seed_alone_decides_which_cells_and_ues_are_concerned() {
        let drawn = |seed| {
            let plan = plan(seed);
            (0..2)
                .map(|shard| Impairments::new(&plan, &plan.shard(shard)).cells(0).to_vec())
                .collect::<Vec<_>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let count: usize = drawn(7).iter().map(Vec::len).sum();
        assert!((10..=30).contains(&count), "{count} of 40 cells for a half of them");

        let plan = plan(7);
        let mut impairments = Impairments::new(&plan, &plan.shard(0));
        let cell = impairments.cells(0).first().copied().unwrap();
        let first: Imsi = "001010000000001".parse().unwrap();
        let mut concerned = |until: u64| {
            while impairments.pop(Duration::from_secs(until)).is_some() {}
            (0..100).map(|n| impairments.concerns(0, 0.5, cell, first.plus(n).unwrap())).collect::<Vec<_>>()
        };
        let (before, one, other) = (concerned(5), concerned(11), concerned(31));
        assert!(!before.contains(&true), "nothing holds yet");
        assert_ne!(one, other, "each window has its own UEs");
        let count = one.iter().filter(|yes| **yes).count();
        assert!((30..=70).contains(&count), "{count} of 100 UEs for a half of them");
    }
}
