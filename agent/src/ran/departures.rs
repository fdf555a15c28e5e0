//! Messages that a gNB has sent and the kernel has not taken yet: they are counted, stamped and measured when it has.

use std::collections::BTreeMap;
use std::time::Instant;

/// The messages under way to the kernel, by their tickets.
#[derive(Default)]
pub(crate) struct Departures {
    tickets: u64,
    expected: BTreeMap<u64, Expected>,
}

/// What is to be done when a message has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) gnb: u16,
    pub(crate) ue: Option<u32>,
    /// When it should leave.
    pub(crate) planned: Instant,
    /// Whether it is in a trace.
    pub(crate) traced: bool,
}

impl Departures {
    /// A ticket that no other message has.
    pub(crate) fn next_ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    pub(crate) fn expect(&mut self, ticket: u64, expected: Expected) {
        self.expected.insert(ticket, expected);
    }

    /// The message has left, or never will.
    pub(crate) fn take(&mut self, ticket: u64) -> Option<Expected> {
        self.expected.remove(&ticket)
    }

    /// The association of a gNB is gone: what it was given and the kernel was not never leaves.
    pub(crate) fn forget(&mut self, gnb: u16) -> Vec<u64> {
        let of_gnb = self.expected.iter().filter(|(_, expected)| expected.gnb == gnb);
        let gone: Vec<u64> = of_gnb.map(|(ticket, _)| *ticket).collect();
        self.expected.retain(|_, expected| expected.gnb != gnb);
        gone
    }

    /// Whether everything has left.
    pub(crate) fn is_empty(&self) -> bool {
        self.expected.is_empty()
    }
}
