//! The attempts in flight. Every attempt that begins is ended exactly once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use signalling::{Cause, ConnectionRefusal, Outcome, Procedure};

use crate::recorder::Recorder;

/// The attempts in flight: of each UE at most one of its own procedures and one of its gNB's.
pub(crate) struct Attempts {
    in_flight: HashMap<(u32, Layer), Attempt>,
}

/// Who carries out a procedure. A UE may update its registration while its gNB still waits for the end of a handover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Layer {
    Ue,
    Gnb,
}

/// One start of one procedure by one UE.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    procedure: Procedure,
    due: Instant,
    began: Instant,
}

/// How an attempt ends. The texts are causes that reports count by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Succeeded,
    Failed(String),
    TimedOut(String),
    /// It never left: this is no failure of the network's.
    Abandoned(String),
}

impl From<Outcome> for End {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self::Succeeded,
            Outcome::Failed(cause @ Cause::Connection(ConnectionRefusal::BarredByOverload)) => {
                Self::Abandoned(cause.to_string())
            }
            Outcome::Failed(cause) => Self::Failed(cause.to_string()),
            Outcome::TimedOut(timer) => Self::TimedOut(timer.as_str().to_owned()),
        }
    }
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self { in_flight: HashMap::new() }
    }

    /// Whether the UE has any attempt in flight.
    pub(crate) fn contains(&self, ue: u32) -> bool {
        self.in_flight.contains_key(&(ue, Layer::Ue)) || self.in_flight.contains_key(&(ue, Layer::Gnb))
    }

    /// Whether this is what the UE attempts.
    pub(crate) fn is(&self, ue: u32, procedure: Procedure) -> bool {
        self.in_flight.get(&(ue, layer(procedure))).is_some_and(|attempt| attempt.procedure == procedure)
    }

    pub(crate) fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// The UE begins now what was due at `due`. An attempt that it has in flight still is ended: superseded.
    pub(crate) fn begin(
        &mut self,
        ue: u32,
        procedure: Procedure,
        due: Instant,
        now: Instant,
        recorder: &mut Recorder,
    ) {
        let attempt = Attempt { procedure, due, began: now };
        if let Some(previous) = self.in_flight.insert((ue, layer(procedure)), attempt) {
            recorder.abandoned(previous.procedure.as_str(), "superseded", 1);
        }
        recorder.started(procedure.as_str());
    }

    /// The UE's attempt has ended. False when it had none of this procedure.
    pub(crate) fn end(
        &mut self,
        ue: u32,
        procedure: Procedure,
        end: &End,
        now: Instant,
        recorder: &mut Recorder,
    ) -> bool {
        if !self.is(ue, procedure) {
            return false;
        }
        let Some(attempt) = self.in_flight.remove(&(ue, layer(procedure))) else { return false };
        let name = procedure.as_str();
        match end {
            End::Succeeded => {
                recorder.succeeded(name, since(now, attempt.due), since(now, attempt.began));
            }
            End::Failed(cause) => recorder.failed(name, cause),
            End::TimedOut(timer) => recorder.timed_out(name, timer),
            End::Abandoned(reason) => recorder.abandoned(name, reason, 1),
        }
        true
    }

    /// Gives up what the UE itself attempts: it is gone.
    pub(crate) fn abandon(&mut self, ue: u32, reason: &str, recorder: &mut Recorder) {
        if let Some(attempt) = self.in_flight.remove(&(ue, Layer::Ue)) {
            recorder.abandoned(attempt.procedure.as_str(), reason, 1);
        }
    }

    /// Gives up all that is attempted with the UE.
    pub(crate) fn abandon_with(&mut self, ue: u32, reason: &str, recorder: &mut Recorder) {
        for layer in [Layer::Ue, Layer::Gnb] {
            if let Some(attempt) = self.in_flight.remove(&(ue, layer)) {
                recorder.abandoned(attempt.procedure.as_str(), reason, 1);
            }
        }
    }

    /// Gives up everything in flight, each UE's for its own reason. Returns the UEs and the reasons, in order.
    pub(crate) fn abandon_all(
        &mut self,
        reason: impl Fn(u32) -> String,
        recorder: &mut Recorder,
    ) -> Vec<(u32, String)> {
        let mut ues = Vec::with_capacity(self.in_flight.len());
        for ((ue, _), attempt) in self.in_flight.drain() {
            let reason = reason(ue);
            recorder.abandoned(attempt.procedure.as_str(), &reason, 1);
            ues.push((ue, reason));
        }
        ues.sort_unstable();
        ues
    }

    /// The UEs that attempt something.
    pub(crate) fn ues(&self) -> impl Iterator<Item = u32> + '_ {
        self.in_flight.keys().map(|(ue, _)| *ue)
    }

    /// Octets held.
    pub(crate) fn octets(&self) -> usize {
        self.in_flight.capacity() * (size_of::<((u32, Layer), Attempt)>() + 1)
    }
}

fn layer(procedure: Procedure) -> Layer {
    match procedure {
        Procedure::HandoverN2 | Procedure::HandoverXn | Procedure::UeContextRelease => Layer::Gnb,
        _ => Layer::Ue,
    }
}

fn since(now: Instant, then: Instant) -> Duration {
    now.saturating_duration_since(then)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_during_a_handover_does_not_supersede_it() {
        let (mut attempts, mut recorder, now) = (Attempts::new(), Recorder::new(), Instant::now());
        attempts.begin(1, Procedure::HandoverN2, now, now, &mut recorder);
        attempts.begin(1, Procedure::MobilityRegistrationUpdate, now, now, &mut recorder);
        assert_eq!(attempts.len(), 2);
        for procedure in [Procedure::MobilityRegistrationUpdate, Procedure::HandoverN2] {
            assert!(attempts.end(1, procedure, &End::Succeeded, now, &mut recorder));
            assert!(!attempts.end(1, procedure, &End::Succeeded, now, &mut recorder), "it ends once");
        }
        assert!(!attempts.contains(1));
    }
}
