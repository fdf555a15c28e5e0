//! Who looks on at an agent's work, such as its metrics.

use std::time::Duration;

use wire::to_coordinator::IntervalReport;

/// Is told what an agent reports, and how it stands. It must not wait: the agent does.
pub trait Observer: Send + Sync {
    /// A shard's interval is over; reported once, whatever becomes of the report.
    fn reported(&self, report: &IntervalReport);

    /// How the agent stands, about once a second.
    fn stands(&self, standing: Standing);
}

/// How an agent stands. What it dropped and sent are sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its coordinator answers.
    pub connected: bool,
    /// It hands over what it holds, to leave.
    pub leaving: bool,
    /// Shards that it holds, or of which it still owes reports.
    pub shards: u64,
    /// Reports that are not acknowledged.
    pub reports_waiting: u64,
    /// Reports that there was no room for.
    pub reports_dropped: u64,
    /// Packets of traces that there was no room for.
    pub trace_dropped: u64,
    /// Octets of reports that were sent.
    pub report_octets: u64,
    /// Octets of reports that wait on its disk.
    pub spooled_octets: u64,
    /// UEs that it holds.
    pub ues: u64,
    /// Octets of their state, heap included.
    pub ue_octets: u64,
    /// Processor time of its workers.
    pub worker_time: Duration,
    /// Its associations.
    pub sctp: sctp::Overview,
}
