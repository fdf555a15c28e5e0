//! Who makes spans of a run is told here, in time, what has happened in it: nothing that a verdict rests on waits for that.

use std::sync::Arc;

use results::{Gap, Phase, ShardMove, Summary};
use wire::attempts::AttemptRow;
use wire::trace_context::{TraceId, TraceParent};

use crate::core::Core;
use crate::time::{RunWall, unix_us};

/// Makes spans of runs. It must not block: what it has no room for it counts.
pub trait SpanSink: Send + Sync {
    /// How many of a million attempts have a span, beside those that did not succeed.
    fn share(&self) -> u32;

    /// Something has happened.
    fn tell(&self, told: Told);
}

/// What has happened in a run. Times are of the wall clock, UNIX time in µs.
#[derive(Clone, Debug)]
pub enum Told {
    /// A run is there, or was taken up again.
    Run(Arc<RunTold>),
    /// It has come to a phase.
    Phase(Phase, u64),
    /// Attempts have ended.
    Attempts(AttemptsTold),
    /// A shard went on elsewhere, or ended, after its agent was lost: from its last report until then.
    TakenOver(Gap, (u64, u64)),
    /// A shard was handed over.
    Moved(ShardMove, (u64, u64)),
    /// The ledgers were held against each other, if there were any, from when to when; and the run is over.
    Over {
        /// Its verdict and account.
        summary: Arc<Summary>,
        /// When the reconciliation began and ended.
        reconciled: (u64, u64),
        /// When the folder was written.
        at_us: u64,
    },
}

/// What is known of a run at its beginning.
#[derive(Clone, Debug)]
pub struct RunTold {
    /// Its name.
    pub run: String,
    /// Its scenario's name.
    pub scenario: String,
    /// What is signalled to.
    pub target: String,
    /// Its trace.
    pub trace_id: TraceId,
    /// What began it, where a pipeline did.
    pub parent: Option<TraceParent>,
    /// Its key, of which numbers of spans and names of subscribers are made.
    pub key: [u8; 32],
    /// Another coordinator began it.
    pub resumed: bool,
    /// When.
    pub at_us: u64,
}

/// Rows of one report that ask for spans.
#[derive(Clone, Debug)]
pub struct AttemptsTold {
    /// The report's shard, the epoch of its lease and its number.
    pub report: (u32, u64, u64),
    /// Each with its place in the report and its due time.
    pub rows: Vec<(u32, u64, AttemptRow)>,
    /// How many had no room at the agent.
    pub left_out: u64,
}

/// What the sink of a run was told so far.
pub(crate) struct Onlooker {
    sink: Arc<dyn SpanSink>,
    phase: Option<Phase>,
    gaps: usize,
    moves: usize,
}

impl Onlooker {
    /// For a run that begins, or is taken up.
    pub(crate) fn of(sink: Arc<dyn SpanSink>, core: &Core, resumed: bool) -> Self {
        let state = core.state();
        sink.tell(Told::Run(Arc::new(RunTold {
            run: state.run.clone(),
            scenario: core.plan().scenario().name.clone(),
            target: core.target().to_owned(),
            trace_id: core.trace_id(),
            parent: core.trace_parent().cloned(),
            key: state.key,
            resumed,
            at_us: unix_us(std::time::SystemTime::now()),
        })));
        // What was before a restart has been told by the one before.
        let (gaps, moves) = if resumed { (state.gaps.len(), state.moves.len()) } else { (0, 0) };
        Self { sink, phase: None, gaps, moves }
    }

    /// Tells what is new.
    pub(crate) fn look(&mut self, core: &Core, wall: &RunWall) {
        let phase = core.phase();
        if self.phase != Some(phase) {
            self.phase = Some(phase);
            self.sink.tell(Told::Phase(phase, unix_us(std::time::SystemTime::now())));
        }
        let state = core.state();
        // A gap is open until its shard goes on or ends.
        let is_closed = |gap: &&Gap| {
            let shard = usize::try_from(gap.shard).ok().and_then(|shard| state.shards.get(shard));
            shard.is_none_or(|shard| shard.vacancy.is_none())
        };
        let closed = state.gaps.get(self.gaps..).unwrap_or_default().iter().take_while(is_closed);
        for gap in closed {
            self.gaps += 1;
            self.sink.tell(Told::TakenOver(gap.clone(), (wall.of(gap.from_us), wall.of(gap.to_us))));
        }
        for moved in state.moves.get(self.moves..).unwrap_or_default() {
            self.moves += 1;
            self.sink.tell(Told::Moved(moved.clone(), (wall.of(moved.from_us), wall.of(moved.to_us))));
        }
    }

    /// The run is over.
    pub(crate) fn over(&self, summary: &Summary, reconciled: (u64, u64)) {
        let at_us = unix_us(std::time::SystemTime::now());
        self.sink.tell(Told::Over { summary: Arc::new(summary.clone()), reconciled, at_us });
    }
}
