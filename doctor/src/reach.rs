//! One association, one NG setup: what every run does first, and no more.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sctp::{Address, AssociationId, DownReason, Endpoint, Event, Options, Parameters, SctpError};
use signalling::{AmfFacts, Gnb, GnbSettings, NodeAction, NodeEvent, RanNode};

/// An AMF that was reached.
#[derive(Clone, Debug)]
pub struct Reached {
    /// The SCTP addresses and ports, ours first, where they are known.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    /// How long it took until the association was there.
    pub after: Duration,
    /// What the association has come to.
    pub parameters: Option<Parameters>,
    /// What became of the NG setup.
    pub setup: Setup,
}

/// What became of an NG setup (TS 38.413 §8.7.1).
#[derive(Clone, Debug)]
pub enum Setup {
    /// The AMF accepted it, and says this of itself.
    Accepted {
        /// How long its answer took.
        after: Duration,
        /// What it says.
        facts: AmfFacts,
    },
    /// It refused.
    Refused {
        /// Why.
        cause: String,
        /// The cause is one that passes. Many AMFs say when to ask again whatever the cause is: that alone is no hope.
        passes: bool,
    },
    /// No answer came.
    Unanswered {
        /// How long was waited.
        after: Duration,
    },
    /// The association ended meanwhile.
    Lost(DownReason),
}

/// Why an AMF could not be reached.
#[derive(Debug)]
pub enum Unreached {
    /// There is no endpoint of this transport here.
    Endpoint(SctpError),
    /// No association came up.
    Down(DownReason),
}

impl std::fmt::Display for Unreached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Endpoint(error) => error.fmt(f),
            Self::Down(reason) => reason.fmt(f),
        }
    }
}

/// Sets up an association and the NG interface of this gNB, and shuts it down again. Answers are waited for at most so long.
///
/// # Errors
/// No association comes up.
pub fn reach(target: &Address, gnb: GnbSettings, patience: Duration) -> Result<Reached, Unreached> {
    let began = Instant::now();
    let options = Options { connect_timeout: patience, spin: Duration::ZERO, ..Options::default() };
    let mut endpoint = Endpoint::client(target.transport(), &options).map_err(Unreached::Endpoint)?;
    let id = endpoint.connect(target, began).map_err(Unreached::Endpoint)?;
    let mut attempt = Attempt {
        id,
        gnb: RanNode::Gnb(Gnb::new(gnb)),
        up: None,
        setup: None,
        down: None,
        actions: Vec::new(),
    };
    let mut deadline = began + patience + MARGIN;
    while attempt.setup.is_none() && attempt.down.is_none() && Instant::now() < deadline {
        let was_up = attempt.up.is_some();
        attempt.step(&mut endpoint, deadline);
        if !was_up && attempt.up.is_some() {
            deadline = Instant::now() + patience;
        }
    }
    let Some(up) = attempt.up else {
        let silent = || DownReason::TimedOut {
            remote: sctp::Remote { transport: target.transport(), address: target.to_string() },
            after: patience,
        };
        return Err(Unreached::Down(attempt.down.unwrap_or_else(silent)));
    };
    let reached = Reached {
        ends: endpoint.ends(id),
        after: up - began,
        parameters: endpoint.parameters(id),
        setup: attempt.outcome(up),
    };
    attempt.leave(&mut endpoint);
    Ok(reached)
}

struct Attempt {
    id: AssociationId,
    gnb: RanNode,
    /// Since when the association is there.
    up: Option<Instant>,
    setup: Option<(Instant, Setup)>,
    down: Option<DownReason>,
    actions: Vec<NodeAction>,
}

impl Attempt {
    fn step(&mut self, endpoint: &mut Endpoint, deadline: Instant) {
        let mut events = Vec::new();
        if endpoint.wait(deadline, &mut events).is_err() {
            // Whoever cannot wait cannot be told anything either; the deadline ends it.
            std::thread::yield_now();
        }
        for event in events {
            let now = Instant::now();
            match event {
                Event::Up { streams_out, .. } => {
                    self.up = Some(now);
                    self.gnb.handle(NodeEvent::AssociationUp { streams_out }, now, &mut self.actions);
                }
                Event::Received { stream, payload, .. } => {
                    let received = NodeEvent::Received { stream, octets: &payload };
                    self.gnb.handle(received, now, &mut self.actions);
                }
                Event::Down { reason, .. } => self.down = Some(reason),
            }
            self.carry_out(endpoint, now);
        }
    }

    fn carry_out(&mut self, endpoint: &mut Endpoint, now: Instant) {
        for action in std::mem::take(&mut self.actions) {
            match action {
                NodeAction::Send { stream, ppid, octets, .. } => {
                    // Where it cannot be sent, no answer comes.
                    let _ = endpoint.send(self.id, stream, ppid, octets);
                }
                NodeAction::Ready => {
                    let facts = self.gnb.amf().cloned().unwrap_or_default();
                    self.setup = Some((now, Setup::Accepted { after: Duration::ZERO, facts }));
                }
                NodeAction::SetupRefused { cause, passes, .. } => {
                    self.setup = Some((now, Setup::Refused { cause, passes }));
                }
                // Its timers are those of a run; here the deadline is ours.
                _ => {}
            }
        }
    }

    fn outcome(&mut self, up: Instant) -> Setup {
        match (self.setup.take(), self.down.take()) {
            (Some((at, Setup::Accepted { facts, .. })), _) => Setup::Accepted { after: at - up, facts },
            (Some((_, setup)), _) => setup,
            (None, Some(reason)) => Setup::Lost(reason),
            (None, None) => Setup::Unanswered { after: up.elapsed() },
        }
    }

    /// Leaves nothing behind: the AMF hears that the association ends.
    fn leave(&mut self, endpoint: &mut Endpoint) {
        let deadline = Instant::now() + FAREWELL;
        endpoint.shutdown(self.id, Instant::now());
        while self.down.is_none() && Instant::now() < deadline {
            self.step(endpoint, deadline);
        }
        endpoint.abort(self.id, Instant::now());
    }
}

/// What the endpoint may need beyond its own time to say that nobody answered.
const MARGIN: Duration = Duration::from_millis(500);
/// How long a shutdown may take.
const FAREWELL: Duration = Duration::from_secs(1);
