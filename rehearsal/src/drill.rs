//! One drill: a fleet, a scenario and what goes wrong, all from one seed.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::clock::Time;
use crate::network::Way;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The agent's process is killed; its supervisor lives.
    KillAgent { host: usize },
    /// The whole machine is gone: agent and supervisor. It comes back empty, or not at all.
    LoseHost { host: usize, back_after: Option<Time> },
    /// SIGSTOP, and SIGCONT later.
    Freeze { host: usize, lasts: Time },
    /// Nothing passes in this direction.
    Cut { host: usize, way: Way, lasts: Time },
    /// The coordinator is killed, and started again.
    KillCoordinator { back_after: Time },
    /// Each commit takes so long.
    SlowDisk { commit: Time, lasts: Time },
    /// Nothing can be written: the coordinator ends at its next commit, and is started again when there is room.
    FullDisk { lasts: Time },
    /// The agent is told to leave.
    Interrupt { host: usize, within: Option<Time> },
    /// The operator lets the run stand still.
    Pause { lasts: Time },
    /// An agent more.
    Join { host: usize },
}

#[derive(Clone, Debug)]
pub(crate) struct Drill {
    pub(crate) seed: u64,
    pub(crate) scenario: String,
    /// Agents that the run waits for.
    pub(crate) agents: usize,
    pub(crate) lease: Duration,
    /// Chance that a datagram is lost.
    pub(crate) loss: f64,
    /// How fast each clock runs, the coordinator's first: millionths above true.
    pub(crate) drift: Vec<i64>,
    /// Octets of reports that an agent keeps in memory.
    pub(crate) memory: u64,
    pub(crate) faults: Vec<(Time, Fault)>,
}

impl Drill {
    pub(crate) fn from_seed(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let agents = rng.random_range(1..=4);
        let joiners = if rng.random_bool(0.3) { rng.random_range(1..=2) } else { 0 };
        let hosts = agents + joiners;
        let gnbs = rng.random_range(agents..=8);
        // Long enough for a visitor audit, which waits until all is quiet after a loss.
        let is_long = rng.random_bool(0.12);
        let lasts_s = if is_long { rng.random_range(30..=45) } else { rng.random_range(5..=14) };
        let second = 1_000_000;
        let end = lasts_s.min(14) * second;
        let mut faults: Vec<(Time, Fault)> =
            (agents..hosts).map(|host| (rng.random_range(second / 2..end), Fault::Join { host })).collect();
        let wanted = if rng.random_bool(0.1) { 0 } else { rng.random_range(1..=6) };
        faults
            .extend((0..wanted).map(|_| (rng.random_range(0..end + second), Fault::random(&mut rng, hosts))));
        if rng.random_bool(0.15) {
            faults.extend(nobody_listens(&mut rng, hosts, end));
        }
        faults.sort_by_key(|(at, _)| *at);
        let drift = (0..=hosts).map(|_| rng.random_range(-500..=500)).collect();
        Self {
            seed,
            scenario: scenario(&mut rng, gnbs, lasts_s, is_long),
            agents,
            lease: Duration::from_millis(rng.random_range(1_500..6_000)),
            loss: if rng.random_bool(0.5) { 0.0 } else { rng.random_range(0.0..0.25) },
            drift,
            memory: if rng.random_bool(0.3) { 2_000 } else { 64 << 20 },
            faults,
        }
    }

    /// Whether anything goes wrong that can cost an attempt.
    pub(crate) fn is_calm(&self) -> bool {
        self.faults.is_empty() && self.loss == 0.0
    }
}

impl Fault {
    fn random(rng: &mut SmallRng, hosts: usize) -> Self {
        let host = rng.random_range(0..hosts);
        let lasts = match rng.random_range(0..3) {
            0 => rng.random_range(10_000..500_000),
            1 => rng.random_range(500_000..2_500_000),
            _ => rng.random_range(2_500_000..9_000_000),
        };
        match rng.random_range(0..13) {
            0 | 1 => Self::KillAgent { host },
            2 => Self::LoseHost { host, back_after: rng.random_bool(0.7).then_some(lasts) },
            3 | 4 => Self::Freeze { host, lasts },
            5 => Self::Cut { host, way: Way::ToCoordinator, lasts },
            6 => Self::Cut { host, way: Way::FromCoordinator, lasts },
            7 | 8 => Self::KillCoordinator { back_after: lasts },
            9 => Self::SlowDisk { commit: rng.random_range(10_000..900_000), lasts },
            10 => Self::Interrupt { host, within: rng.random_bool(0.5).then_some(lasts) },
            11 => Self::FullDisk { lasts },
            _ => Self::Pause { lasts },
        }
    }
}

/// Agents stand still while nobody hears how late they are: their coordinator is dead, or cut off.
fn nobody_listens(rng: &mut SmallRng, hosts: usize, end: Time) -> Vec<(Time, Fault)> {
    let (at, frozen) = (rng.random_range(0..end), rng.random_range(100_000..4_000_000));
    let (before, after) = (rng.random_range(1_000..800_000), rng.random_range(1_000..2_000_000));
    let deaf = before + frozen + after;
    let mut faults: Vec<(Time, Fault)> =
        (0..hosts).map(|host| (at + before, Fault::Freeze { host, lasts: frozen })).collect();
    if rng.random_bool(0.7) {
        faults.push((at, Fault::KillCoordinator { back_after: deaf }));
    } else {
        faults.extend((0..hosts).map(|host| (at, Fault::Cut { host, way: Way::ToCoordinator, lasts: deaf })));
    }
    faults
}

fn scenario(rng: &mut SmallRng, gnbs: usize, lasts_s: u64, roams: bool) -> String {
    let arrivals = if rng.random_bool(0.5) { "poisson" } else { "uniform" };
    let (first, second) = (rng.random_range(5..40), rng.random_range(1..20));
    let roams = gnbs > 1 && (roams || rng.random_bool(0.6));
    let (sessions, handovers) = (rng.random_range(5..30), rng.random_range(2..25));
    let session = "sessions: [{dnn: internet}]\nmobility: {path: random}\n";
    let roaming = format!(
        "  - procedure: pdu-session
    starts-after: 700ms
    arrivals: {arrivals}
    phases:
      - {{rate: {sessions}/s, for: {}s}}
  - procedure: handover-n2
    starts-after: 1500ms
    arrivals: {arrivals}
    phases:
      - {{rate: {handovers}/s, for: {}s}}
",
        lasts_s - 1,
        lasts_s - 2
    );
    let (session, roaming) = if roams { (session, roaming.as_str()) } else { ("", "") };
    format!(
        "name: rehearsal
subscribers:
  - {{plmn: 001/01, imsi: \"001010000000001\", count: 2000, k: \"465B5CE8B199B49FAA5F0A2EE238A6BC\", \
         opc: \"E8ED289DEBA952E4283B54E88E6183CA\"}}
cells: {{nodes: {gnbs}}}
drain: 4s
{session}slos: [registration.success >= 50%, deregistration.success >= 50%]
load:
  - procedure: registration
    arrivals: {arrivals}
    phases:
      - {{rate: {first}/s, for: {lasts_s}s}}
  - procedure: deregistration
    starts-after: 1s
    phases:
      - {{rate: {second}/s, for: {}s}}
{roaming}",
        lasts_s - 2
    )
}
