//! What is known of an attempt when it begins, for who wants every attempt by itself.

use std::time::Instant;

use identity::Procedure;
use wire::attempts::{AttemptRow, RowOutcome};

use crate::measure::AttemptRows;
use crate::seam::{RadioNetwork, ScheduleClock};
use crate::time::micros;

/// The row of an attempt that begins, where it may have one: by its load and its number in it, where a load has planned it.
pub(super) fn begun<R: RadioNetwork>(
    rows: &mut AttemptRows,
    (ue, procedure): (u32, Procedure),
    (due, clock): (Instant, ScheduleClock),
    planned: Option<(usize, u64)>,
    ran: &R,
) -> Option<AttemptRow> {
    let for_what = rows.may_have(planned)?;
    let (supi, cell) = ran.subscriber(ue);
    Some(AttemptRow {
        for_what,
        due_us: micros(clock.since_start(clock.of_run(due))),
        procedure: procedure.place(),
        self_started: planned.is_none(),
        supi,
        // Until it ends.
        outcome: RowOutcome::Abandoned,
        cause: String::new(),
        latency_us: None,
        service_us: None,
        lateness_us: None,
        cell,
        target: None,
    })
}
