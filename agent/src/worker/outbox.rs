//! Messages that the endpoint took and that have not left, each with its ticket; told to their shard when they leave.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use sctp::{AssociationId, Departure, Endpoint};

/// What waits to leave, by association.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: HashMap<AssociationId, Waiting>,
    departures: Vec<Departure>,
}

#[derive(Default)]
struct Waiting {
    /// The number, among the messages of the association, of the first ticket here.
    first: u64,
    /// `None` where one has left before one that was sent earlier, on another stream.
    tickets: VecDeque<Option<u64>>,
}

impl Outbox {
    /// The endpoint took one more message of an association.
    pub(super) fn took(&mut self, id: AssociationId, ticket: u64) {
        self.waiting.entry(id).or_default().tickets.push_back(Some(ticket));
    }

    /// The association is gone.
    pub(super) fn forget(&mut self, id: AssociationId) {
        self.waiting.remove(&id);
    }

    /// Tells the tickets of what has left since the last call.
    pub(super) fn look(
        &mut self,
        endpoint: &mut Endpoint,
        mut tell: impl FnMut(AssociationId, u64, Instant),
    ) {
        endpoint.take_departures(&mut self.departures);
        for Departure { id, number, at } in self.departures.drain(..) {
            if let Some(ticket) = self.waiting.get_mut(&id).and_then(|waiting| waiting.take(number)) {
                tell(id, ticket, at);
            }
        }
    }
}

impl Waiting {
    fn take(&mut self, number: u64) -> Option<u64> {
        let position = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let ticket = self.tickets.get_mut(position)?.take();
        while let Some(None) = self.tickets.front() {
            self.tickets.pop_front();
            self.first += 1;
        }
        ticket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_found_by_number_whatever_the_order_and_once() {
        let mut waiting = Waiting::default();
        waiting.tickets.extend([Some(10), Some(11), Some(12)]);
        assert_eq!((waiting.take(1), waiting.take(1)), (Some(11), None));
        assert_eq!((waiting.take(0), waiting.take(0)), (Some(10), None));
        waiting.tickets.push_back(Some(13));
        assert_eq!((waiting.take(3), waiting.take(2), waiting.take(4)), (Some(13), Some(12), None));
    }
}
