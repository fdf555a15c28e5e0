//! What an agent holds and owes, whatever happens to its connection, its coordinator and its disk.

#![allow(clippy::unwrap_used, reason = "a test")]

mod any_order;
mod stories;

use std::time::Duration;

use wire::attempts::RowsWanted;
use wire::to_agent::{Lease, ToAgent, TracePolicy, Welcome};
use wire::to_coordinator::IntervalReport;

const RUN: &str = "run";
const LEASE: Duration = Duration::from_secs(30);

fn lease(shard: u32, epoch: u64, asked_us: u64) -> Box<Lease> {
    Box::new(Lease {
        run: RUN.to_owned(),
        scenario: String::new(),
        seed: 1,
        shard,
        shards: 4,
        epoch,
        asked_us,
        valid_us: LEASE.as_micros().try_into().unwrap(),
        target: String::new(),
        resume_at: Vec::new(),
        trace: TracePolicy::Failed,
        key: [0; 32],
        takeover: None,
        rows: RowsWanted::default(),
        trace_id: [0; 16],
    })
}

fn welcome(returned: bool) -> Welcome {
    Welcome { agent: "a".to_owned(), program: String::new(), token: [7; 16], returned }
}

fn report(shard: u32, epoch: u64) -> Box<IntervalReport> {
    Box::new(IntervalReport { run: RUN.to_owned(), shard, epoch, ..IntervalReport::default() })
}

fn renew(asked_us: u64, leases: Vec<(u32, u64)>) -> ToAgent {
    ToAgent::Renew { asked_us, valid_us: LEASE.as_micros().try_into().unwrap(), leases }
}
