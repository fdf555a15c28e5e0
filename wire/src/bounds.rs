//! What one side takes from the other, checked as soon as it has arrived: texts become lines that can be shown, logs and lists
//! have a limit. Behind this door nothing that a peer wrote is longer than it may be.
//!
//! A text for people is cut where it is too long. A list that is too long, or a name that others refer to, makes a message that
//! is refused: an honest peer never sends one.

use edges::text;
use identity::membership::MOST_LABELS;

use crate::attempts::MOST_ROWS;
use crate::frame::FrameError;
use crate::to_agent::{LARGEST_BATCH, MOST_LOST, ToAgent};
use crate::to_coordinator::{
    Hello, IntervalReport, LONGEST_EVENT, MOST_AMFS, MOST_EVENTS, MOST_FAILED_INTO, MOST_HANDOVERS,
    MOST_PARTS, MOST_USAGE, Part, ProcedureInterval, ToCoordinator, Trace,
};
use crate::version_negotiation::OFFER_LIMIT;
use crate::visitor_audit::{MOST_FOUND, MOST_GUESTS};

/// A message that can be held against its limits.
pub trait Bounded {
    /// Makes its texts fit, and says whether all else is within its limits.
    ///
    /// # Errors
    /// [`FrameError::OutOfBounds`]: what no peer of ours sends.
    fn bound(&mut self) -> Result<(), FrameError>;
}

impl Bounded for ToCoordinator {
    fn bound(&mut self) -> Result<(), FrameError> {
        match self {
            Self::Hello(hello) => bound_hello(hello),
            Self::CannotPrepare { error, .. } => {
                text::make_line(error, LONGEST_ERROR);
                Ok(())
            }
            Self::Waits { why, .. } => {
                text::make_line(why, LONGEST_ERROR);
                Ok(())
            }
            Self::AwayEnded(end) => {
                text::make_line(&mut end.cause, LONGEST_CAUSE);
                Ok(())
            }
            Self::Leaving { reason } | Self::Draining { reason, .. } => {
                text::make_line(reason, LONGEST_REASON);
                Ok(())
            }
            Self::ChildExited { status, .. } => {
                text::make_line(status, LONGEST_REASON);
                Ok(())
            }
            Self::Report(report) => bound_report(report),
            Self::Trace(trace) => bound_trace(trace),
            Self::Ues(batch) => most("octets of UEs", batch.sealed.len(), LARGEST_BATCH),
            Self::Visitors { guests, .. } => most("guests", guests.len(), MOST_GUESTS),
            Self::Pong { .. }
            | Self::Ready { .. }
            | Self::Finished { .. }
            | Self::Health(_)
            | Self::Alive { .. }
            | Self::DueAway { .. }
            | Self::Released { .. } => Ok(()),
        }
    }
}

impl Bounded for ToAgent {
    fn bound(&mut self) -> Result<(), FrameError> {
        match self {
            Self::Welcome(welcome) => {
                name("the agent's name", &welcome.agent)?;
                text::make_line(&mut welcome.program, LONGEST_PROGRAM);
                Ok(())
            }
            Self::Lease(lease) => {
                name("the run's name", &lease.run)?;
                most("octets of targets", lease.target.len(), LONGEST_TARGETS)?;
                most("octets of scenario", lease.scenario.len(), LONGEST_SCENARIO)?;
                most("loads", lease.resume_at.len(), MOST_LOADS)?;
                let lost = lease.takeover.as_ref().map_or(0, |takeover| takeover.lost.len());
                most("lost shards", lost, MOST_LOST)
            }
            Self::Start { run, .. }
            | Self::RunOver { run }
            | Self::Pause { run, .. }
            | Self::Resume { run, .. } => name("the run's name", run),
            Self::Renew { leases, .. } => most("leases", leases.len(), MOST_SHARDS),
            Self::Drain { reason, .. } => {
                text::make_line(reason, LONGEST_REASON);
                Ok(())
            }
            Self::Ues(batch) => most("octets of UEs", batch.sealed.len(), LARGEST_BATCH),
            Self::FoundAway { found, .. } => most("subscribers found away", found.len(), MOST_FOUND),
            Self::AwayEnded(end) => {
                text::make_line(&mut end.cause, LONGEST_CAUSE);
                Ok(())
            }
            Self::Ping { .. }
            | Self::DueAway { .. }
            | Self::Ack { .. }
            | Self::Release { .. }
            | Self::Revoke { .. }
            | Self::ShardLost { .. }
            | Self::AuditVisitors { .. } => Ok(()),
        }
    }
}

fn bound_hello(hello: &mut Hello) -> Result<(), FrameError> {
    most("octets of name and program", hello.name.len() + hello.program.len(), OFFER_LIMIT)?;
    text::make_line(&mut hello.name, LONGEST_NAME);
    text::make_line(&mut hello.program, LONGEST_PROGRAM);
    most("labels", hello.belongs.labels.len(), MOST_LABELS)?;
    if !hello.belongs.is_valid() {
        return Err(FrameError::NotFit { what: "the pool, or a label," });
    }
    if let Part::Returning(returning) = &hello.part {
        name("the run's name", &returning.run)?;
        name("the agent's name", &returning.agent)?;
        most("shards that are held", returning.held.len(), MOST_HELD)?;
    }
    Ok(())
}

fn bound_report(report: &mut IntervalReport) -> Result<(), FrameError> {
    name("the run's name", &report.run)?;
    most("loads", report.progress.len(), MOST_LOADS)?;
    most("procedures", report.procedures.len(), MOST_PROCEDURES)?;
    most("usage records", report.usage.len(), MOST_USAGE)?;
    most("pairs of cells", report.handovers.len(), MOST_HANDOVERS)?;
    most("events", report.events.len(), MOST_EVENTS)?;
    for event in &mut report.events {
        text::make_line(&mut event.kind, LONGEST_NAME);
        text::make_line(&mut event.node, LONGEST_NAME);
        text::make_line(&mut event.details, LONGEST_EVENT);
    }
    most("core networks", report.amfs.len(), MOST_AMFS)?;
    for amf in &mut report.amfs {
        text::make_line(&mut amf.target, LONGEST_REASON);
        text::make_line(&mut amf.name, LONGEST_NAME);
    }
    for count in &report.handovers {
        name("a procedure's name", &count.procedure)?;
    }
    most("kinds of failed handovers", report.failed_into.len(), MOST_FAILED_INTO)?;
    for failed in &mut report.failed_into {
        name("a procedure's name", &failed.procedure)?;
        text::make_line(&mut failed.cause, LONGEST_CAUSE);
    }
    most("rows of attempts", report.rows.len(), MOST_ROWS)?;
    report.rows.iter_mut().for_each(|row| text::make_line(&mut row.cause, LONGEST_CAUSE));
    fold(&mut report.unexpected);
    most("parts", report.parts.len(), MOST_PARTS as usize * MOST_PROCEDURES)?;
    let parts = report.parts.iter_mut().map(|part| &mut part.procedure);
    report.procedures.iter_mut().chain(parts).try_for_each(bound_procedure)
}

fn bound_procedure(procedure: &mut ProcedureInterval) -> Result<(), FrameError> {
    name("a procedure's name", &procedure.procedure)?;
    most("octets of a histogram", procedure.lateness_v2.len(), LARGEST_HISTOGRAM)?;
    most("phases of a procedure", procedure.phases.len(), MOST_PHASES)?;
    for (phase, _) in &procedure.phases {
        name("a phase's name", phase)?;
    }
    let ProcedureInterval { never_started, failed, timed_out, abandoned, .. } = procedure;
    [never_started, failed, timed_out, abandoned].into_iter().for_each(fold);
    Ok(())
}

fn bound_trace(trace: &mut Trace) -> Result<(), FrameError> {
    text::make_line(&mut trace.imsi, LONGEST_NAME);
    text::make_line(&mut trace.why, LONGEST_CAUSE);
    for packet in &mut trace.packets {
        text::make_line(&mut packet.ran, LONGEST_NAME);
        text::make_line(&mut packet.core, LONGEST_NAME);
        text::make_line(&mut packet.name, LONGEST_CAUSE);
        text::make_line(&mut packet.comment, LONGEST_COMMENT);
    }
    Ok(())
}

/// Causes with their counts: each is a line, and what is beyond [`MOST_CAUSES`] is counted as [`OTHER`], so that nothing is
/// lost. A core network that draws its causes at random makes as many as there are.
pub fn fold(causes: &mut Vec<(String, u64)>) {
    for (cause, _) in causes.iter_mut() {
        text::make_line(cause, LONGEST_CAUSE);
    }
    if causes.len() > MOST_CAUSES {
        let rest = causes.split_off(MOST_CAUSES - 1);
        let count = rest.iter().fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
        causes.push((OTHER.to_owned(), count));
    }
}

fn most(what: &'static str, count: usize, limit: usize) -> Result<(), FrameError> {
    if count > limit { Err(FrameError::OutOfBounds { what, count, limit }) } else { Ok(()) }
}

/// A text that others refer to, which must not be changed.
fn name(what: &'static str, name: &str) -> Result<(), FrameError> {
    if name.chars().any(text::is_unfit) {
        return Err(FrameError::NotFit { what });
    }
    most(what, name.len(), LONGEST_REFERENCE)
}

/// Causes of one kind in one report.
pub const MOST_CAUSES: usize = 300;
/// Octets of a lease's targets, several URLs.
const LONGEST_TARGETS: usize = 16 * 1024;
/// Characters of a cause.
pub const LONGEST_CAUSE: usize = 200;
/// What stands for the causes that there is no room for.
pub const OTHER: &str = "other";
/// Shards that a returning agent may name.
pub(crate) const MOST_HELD: usize = 4096;
/// Shards of one renewal: more than any run has.
const MOST_SHARDS: usize = 1 << 20;
/// Characters.
const LONGEST_NAME: usize = 100;
const LONGEST_PROGRAM: usize = 100;
const LONGEST_REASON: usize = 300;
const LONGEST_ERROR: usize = 1_000;
const LONGEST_COMMENT: usize = 500;
/// Octets.
const LONGEST_REFERENCE: usize = 2_000;
/// Octets: more than a scenario file may have, since defaults are written out in it.
const LONGEST_SCENARIO: usize = 12 << 20;
const MOST_LOADS: usize = 10_000;
const MOST_PROCEDURES: usize = 256;
const MOST_PHASES: usize = 16;
/// Octets: all buckets of a histogram from 1 µs to hours, at three digits.
const LARGEST_HISTOGRAM: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use identity::Membership;

    use super::*;
    use crate::to_coordinator::{FailedInto, PartInterval};

    #[test]
    fn texts_of_an_agent_become_lines() {
        let hostile = "\u{1b}]0;owned\u{7}\nPASS: forged".to_owned() + &"x".repeat(4 << 20);
        let (shard, epoch) = (0, 1);
        for mut message in [
            ToCoordinator::CannotPrepare { shard, epoch, error: hostile.clone(), own: false },
            ToCoordinator::Leaving { reason: hostile.clone() },
            ToCoordinator::Draining { reason: hostile.clone(), within_us: None },
            ToCoordinator::ChildExited { mark: [0; 16], status: hostile.clone() },
            ToCoordinator::Hello(Hello {
                name: hostile.chars().take(2_000).collect(),
                program: hostile.chars().take(2_000).collect(),
                workers: 1,
                agent_us: 0,
                part: Part::Agent,
                mark: None,
                belongs: Membership::default(),
            }),
            ToCoordinator::Report(Box::new(IntervalReport {
                unexpected: vec![(hostile.clone(), 1)],
                procedures: vec![ProcedureInterval {
                    failed: vec![(hostile.clone(), 2)],
                    ..Default::default()
                }],
                parts: vec![PartInterval {
                    part: 0,
                    procedure: ProcedureInterval {
                        timed_out: vec![(hostile.clone(), 2)],
                        ..Default::default()
                    },
                }],
                failed_into: vec![FailedInto { cause: hostile.clone(), ..Default::default() }],
                ..Default::default()
            })),
        ] {
            message.bound().unwrap();
            let octets = crate::frame::encode(&message).unwrap();
            assert!(octets.len() < 8 << 10, "{}", octets.len());
            assert!(
                !octets.contains(&0x1b) && String::from_utf8_lossy(&octets).contains("]0;owned"),
                "{message:?}"
            );
        }
    }

    #[test]
    fn causes_beyond_the_limit_are_counted_as_other() {
        let mut causes: Vec<(String, u64)> = (0..512).map(|n| (format!("cause-{n}"), 2)).collect();
        fold(&mut causes);
        assert_eq!((causes.len(), causes.last().unwrap()), (MOST_CAUSES, &(OTHER.to_owned(), 2 * 213)));
        assert_eq!(causes.iter().map(|(_, n)| n).sum::<u64>(), 1024);
    }

    #[test]
    fn lists_beyond_their_limits_are_refused_with_their_name() {
        let mut report = IntervalReport { progress: vec![0; 10_001], ..Default::default() };
        let error = bound_report(&mut report).unwrap_err().to_string();
        assert_eq!(error, "a message with 10001 loads, where at most 10000 are allowed");
        let mut lease = ToAgent::Renew { asked_us: 0, valid_us: 0, leases: vec![(0, 0); (1 << 20) + 1] };
        assert!(lease.bound().is_err());
        let mut hello = Hello {
            name: "a".to_owned(),
            program: "x".repeat(9 << 10),
            workers: 1,
            agent_us: 0,
            part: Part::Agent,
            mark: None,
            belongs: Membership::default(),
        };
        assert!(bound_hello(&mut hello).is_err());
        hello.program = "x".to_owned();
        assert!(bound_hello(&mut hello).is_ok());
        hello.belongs.pool = "a\u{1b}b".to_owned();
        assert!(bound_hello(&mut hello).is_err());
        let mut over = ToAgent::RunOver { run: "a\u{1b}b".to_owned() };
        assert!(over.bound().unwrap_err().to_string().contains("the run's name"));
    }
}
