//! Radio conditions and other impairments: what moves a UE through its life besides the load, and how much is allowed.

mod budget;

use std::time::Duration;

pub(crate) use budget::{Breach, MOST_IMPAIRED, MOST_WINDOWS};

/// Everything that is made worse on purpose, and the limits on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    /// What happens, when.
    pub impairments: Vec<Impairment>,
    /// No impairment may be active in these.
    pub maintenance: Vec<Window>,
    /// Who allowed more than the safety budget, and why.
    pub override_: Option<Override>,
}

/// One impairment, once or again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Impairment {
    /// For the report.
    pub name: String,
    /// What happens.
    pub kind: ImpairmentKind,
    /// When, since the start of the run, and for how long.
    pub window: Window,
    /// Begins again after this, counted from begin to begin, to the end of the run. `None`: once.
    pub every: Option<Duration>,
    /// How many of the cells are concerned, 0 to 1; which, is drawn from the seed.
    pub cells: f64,
}

/// A span of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Since the start of the run.
    pub at: Duration,
    /// How long.
    pub for_: Duration,
}

/// What happens to the cells or their UEs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ImpairmentKind {
    /// UEs lose their signal for the whole window: connected ones go by radio link failure. They return when it ends.
    SignalLoss {
        /// How many of the UEs in the cells, 0 to 1.
        share: f64,
    },
    /// UEs are sent to idle and come back by service request, again and again.
    RrcOscillation {
        /// How many of the UEs in the cells, 0 to 1.
        share: f64,
        /// From idle to idle.
        period: Duration,
    },
    /// The cells take fewer connections; more are refused, or wait.
    Congestion {
        /// RRC connections at once in each cell.
        capacity: u32,
        /// Attempts beyond it wait this long for a place instead of being refused at once.
        wait: Option<Duration>,
    },
    /// The traffic of all sessions in the cells flows at this part of its rate, 0 to 1.
    Throttle {
        /// What is left of the rate.
        factor: f64,
    },
    /// NAS messages are lost, and late, beyond what the radio profile says.
    Interference {
        /// Added to the loss of the profile, 0 to 1.
        loss: f64,
        /// Added to the latency of the profile.
        latency: Duration,
    },
    /// UEs switch off and register again at once, again and again: a signalling storm.
    SignallingStorm {
        /// How many of the UEs in the cells, 0 to 1.
        share: f64,
        /// From registration to registration of one UE.
        period: Duration,
    },
}

/// Permission to break the safety budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Whose.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl ImpairmentKind {
    /// As it is written in a scenario.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::SignalLoss { .. } => "signal-loss",
            Self::RrcOscillation { .. } => "rrc-oscillation",
            Self::Congestion { .. } => "congestion",
            Self::Throttle { .. } => "throttle",
            Self::Interference { .. } => "interference",
            Self::SignallingStorm { .. } => "signalling-storm",
        }
    }
}

impl Impairment {
    /// Every window in which it is active before `end`, in order of time.
    pub fn windows(&self, end: Duration) -> impl Iterator<Item = Window> + use<> {
        let (first, every) = (self.window, self.every);
        let start = move |n: u32| match every {
            None => (n == 0).then_some(first.at),
            Some(every) => every.checked_mul(n).and_then(|later| first.at.checked_add(later)),
        };
        (0..).map_while(start).take_while(move |at| *at < end).map(move |at| Window { at, for_: first.for_ })
    }
}
