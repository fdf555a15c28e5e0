//! The attempts in flight. Every attempt that begins is ended exactly once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use signalling::{Outcome, Procedure};

use crate::recorder::Recorder;

/// The attempts in flight, at most one a UE.
pub(crate) struct Attempts {
    in_flight: HashMap<u32, Attempt>,
}

/// One start of one procedure by one UE.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) procedure: Procedure,
    due: Instant,
    began: Instant,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self { in_flight: HashMap::new() }
    }

    pub(crate) fn contains(&self, ue: u32) -> bool {
        self.in_flight.contains_key(&ue)
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
        if let Some(previous) = self.in_flight.insert(ue, Attempt { procedure, due, began: now }) {
            recorder.abandoned(previous.procedure.as_str(), "superseded", 1);
        }
        recorder.started(procedure.as_str());
    }

    /// The UE's attempt has ended. False when it had none of this procedure.
    pub(crate) fn end(
        &mut self,
        ue: u32,
        procedure: Procedure,
        outcome: Outcome,
        now: Instant,
        recorder: &mut Recorder,
    ) -> bool {
        if self.in_flight.get(&ue).is_none_or(|attempt| attempt.procedure != procedure) {
            return false;
        }
        let Some(attempt) = self.in_flight.remove(&ue) else { return false };
        let name = procedure.as_str();
        match outcome {
            Outcome::Succeeded => {
                recorder.succeeded(name, since(now, attempt.due), since(now, attempt.began));
            }
            Outcome::Failed(cause) => recorder.failed(name, &cause.to_string()),
            Outcome::TimedOut(timer) => recorder.timed_out(name, timer.as_str()),
        }
        true
    }

    /// Gives up everything in flight. Returns the UEs.
    pub(crate) fn abandon_all(&mut self, reason: &str, recorder: &mut Recorder) -> Vec<u32> {
        let mut ues = Vec::with_capacity(self.in_flight.len());
        for (ue, attempt) in self.in_flight.drain() {
            recorder.abandoned(attempt.procedure.as_str(), reason, 1);
            ues.push(ue);
        }
        ues
    }

    /// Octets held.
    pub(crate) fn octets(&self) -> usize {
        self.in_flight.capacity() * (size_of::<(u32, Attempt)>() + 1)
    }
}

fn since(now: Instant, then: Instant) -> Duration {
    now.saturating_duration_since(then)
}
