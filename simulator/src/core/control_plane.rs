//! Signalling alone.

use std::time::Instant;

use super::{Core, Moment, Output};
use crate::amf::{Amf, AmfAction, AmfEvent, AmfSettings};
use crate::statistics::Statistics;
use crate::subscribers::{SubscriberData, Subscribers};

/// A core network without a user plane: every PDU session is refused.
pub struct ControlPlane(Core);

impl ControlPlane {
    /// Without gNBs and UEs.
    pub fn new(settings: AmfSettings, subscribers: Box<dyn SubscriberData + Send>) -> Self {
        Self(Core::without_user_plane(Amf::new(settings), Subscribers::new(subscribers)))
    }

    /// Takes in one event. What is to be done now is appended to `out`; what is to be done later comes from
    /// [`ControlPlane::advance`].
    pub fn handle(&mut self, now: Instant, event: AmfEvent<'_>, out: &mut Vec<AmfAction>) {
        let mut output = Output { signalling: std::mem::take(out), datagrams: Vec::new() };
        self.0.handle(Moment { now, wall_us: 0 }, event, &mut output);
        *out = output.signalling;
    }

    /// Runs the timers, and appends what is due.
    pub fn advance(&mut self, now: Instant, out: &mut Vec<AmfAction>) {
        let mut output = Output { signalling: std::mem::take(out), datagrams: Vec::new() };
        self.0.advance(Moment { now, wall_us: 0 }, &mut output);
        *out = output.signalling;
    }

    /// When [`ControlPlane::advance`] is next needed.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.0.next_signalling_deadline()
    }

    /// What it counted so far, and what it holds now.
    pub fn statistics(&self) -> Statistics {
        self.0.statistics()
    }
}
