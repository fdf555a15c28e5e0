//! Spans of what was told of a run. Pure: the same again after a restart of the coordinator, with the same numbers.

use std::sync::Arc;

use coordinator::{AttemptsTold, RunTold, Told};
use identity::Procedure;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use results::{Gap, Phase, ShardMove, Summary};
use ring::hmac;
use wire::attempts::{AttemptRow, RowOutcome};
use wire::pseudonyms::Pseudonyms;
use wire::trace_context::TraceId;

/// The run that is told of just now.
#[derive(Default)]
pub(crate) struct Maker {
    run: Option<Run>,
    /// The traces of all runs so far.
    pub(crate) traces: Vec<TraceId>,
}

struct Run {
    told: Arc<RunTold>,
    numbers: hmac::Key,
    names: Pseudonyms,
    /// Where it is, since when.
    phase: Option<(Phase, u64)>,
}

impl Maker {
    /// The spans of what was told, if the pipeline wants any of this run.
    pub(crate) fn spans_of(&mut self, told: Told, to: &mut Vec<Span>) {
        if let Told::Run(told) = told {
            // A pipeline that keeps no spans of its own has no use for ours.
            let is_wanted = told.parent.as_ref().is_none_or(|parent| parent.sampled);
            if !self.traces.contains(&told.trace_id) {
                self.traces.push(told.trace_id);
            }
            self.run = is_wanted.then(|| Run {
                numbers: hmac::Key::new(hmac::HMAC_SHA256, &told.key),
                names: Pseudonyms::of_run(&told.key),
                told,
                phase: None,
            });
            return;
        }
        let Some(run) = &mut self.run else { return };
        match told {
            Told::Run(_) => {}
            Told::Phase(phase, at_us) => to.extend(run.phase(phase, at_us)),
            Told::Attempts(AttemptsTold { report, rows, .. }) => {
                to.extend(rows.iter().map(|(place, due_us, row)| run.attempt(report, *place, *due_us, row)));
            }
            Told::TakenOver(gap, times) => to.push(run.taken_over(&gap, times)),
            Told::Moved(moved, times) => to.push(run.moved(&moved, times)),
            Told::Over { summary, reconciled, at_us } => {
                to.extend(run.phase(Phase::Done, at_us));
                to.extend(run.reconciliation(&summary, reconciled));
                to.push(run.whole(&summary, at_us));
            }
        }
    }
}

impl Run {
    /// A span below that of the run.
    fn span(&self, name: &str, number: Vec<u8>, (from_us, to_us): (u64, u64), more: Vec<KeyValue>) -> Span {
        let mut attributes = vec![text("run_id", &self.told.run), text("scenario", &self.told.scenario)];
        attributes.extend(more);
        Span {
            trace_id: self.told.trace_id.to_vec(),
            span_id: number,
            parent_span_id: self.number(&["run"]),
            flags: SAMPLED,
            name: name.to_owned(),
            kind: SpanKind::Internal.into(),
            start_time_unix_nano: nanos(from_us),
            end_time_unix_nano: nanos(to_us.max(from_us)),
            attributes,
            ..Span::default()
        }
    }

    /// The number of a span: of what it is about, and of the run's key.
    fn number(&self, about: &[&str]) -> Vec<u8> {
        let tag = hmac::sign(&self.numbers, about.join(" ").as_bytes());
        tag.as_ref().iter().copied().take(8).collect()
    }

    /// The phase that ends now, when another one begins.
    fn phase(&mut self, phase: Phase, at_us: u64) -> Option<Span> {
        let next = (phase != Phase::Done).then_some((phase, at_us));
        let (ended, from_us) = std::mem::replace(&mut self.phase, next)?;
        let name = ended.as_str();
        Some(self.span(
            name,
            self.number(&["phase", name, &from_us.to_string()]),
            (from_us, at_us),
            Vec::new(),
        ))
    }

    fn attempt(
        &self,
        (shard, epoch, sequence): (u32, u64, u64),
        place: u32,
        due_us: u64,
        row: &AttemptRow,
    ) -> Span {
        let name = Procedure::ALL.get(usize::from(row.procedure)).map_or("attempt", |one| one.name());
        let mut more = vec![count("shard", shard.into()), text("outcome", row.outcome.name())];
        let optional = |name, value: Option<u64>| value.map(|value| count(name, value));
        if row.outcome != RowOutcome::Succeeded {
            more.push(text("cause", &row.cause));
        }
        more.extend(row.supi.as_ref().map(|supi| text("ue", &self.names.of(supi))));
        more.extend(row.self_started.then(|| truth("self_started", true)));
        more.extend(optional("latency_us", row.latency_us));
        more.extend(optional("service_us", row.service_us));
        more.extend(optional("lateness_us", row.lateness_us));
        let cells = [("gnb", "cell", row.cell), ("target_gnb", "target_cell", row.target)];
        for (node, cell, at) in cells {
            more.extend(at.iter().flat_map(|at| [count(node, at.node.into()), count(cell, at.cell.into())]));
        }
        let about = [shard.to_string(), epoch.to_string(), sequence.to_string(), place.to_string()];
        let number = self.number(&["attempt", &about[0], &about[1], &about[2], &about[3]]);
        let ended_us = due_us.saturating_add(row.latency_us.unwrap_or_default());
        let left = row.lateness_us.map(|lateness| Event {
            time_unix_nano: nanos(due_us.saturating_add(lateness)),
            name: "first message".to_owned(),
            ..Event::default()
        });
        Span {
            kind: SpanKind::Client.into(),
            status: (row.outcome != RowOutcome::Succeeded).then(|| error(&row.cause)),
            events: left.into_iter().collect(),
            ..self.span(name, number, (due_us, ended_us), more)
        }
    }

    fn taken_over(&self, gap: &Gap, times: (u64, u64)) -> Span {
        let sum = |counts: &std::collections::BTreeMap<String, u64>| counts.values().sum::<u64>();
        let more = vec![
            count("shard", gap.shard.into()),
            text("from_agent", &gap.from_agent),
            text("to_agent", gap.to_agent.as_deref().unwrap_or_default()),
            text("cause", &gap.cause),
            count("abandoned", sum(&gap.abandoned)),
            count("never_started", sum(&gap.never_started)),
        ];
        let number = self.number(&["takeover", &gap.shard.to_string(), &gap.from_us.to_string()]);
        let (name, lost) = ("takeover", gap.to_agent.is_none());
        Span { status: lost.then(|| error("nobody took the shard")), ..self.span(name, number, times, more) }
    }

    fn moved(&self, moved: &ShardMove, times: (u64, u64)) -> Span {
        let more = vec![
            count("shard", moved.shard.into()),
            text("from_agent", &moved.from_agent),
            text("to_agent", &moved.to_agent),
            text("cause", &moved.cause),
        ];
        let number = self.number(&["move", &moved.shard.to_string(), &moved.from_us.to_string()]);
        self.span("shard move", number, times, more)
    }

    fn reconciliation(&self, summary: &Summary, times: (u64, u64)) -> Option<Span> {
        let billing = &summary.billing;
        if !billing.reconciled {
            return None;
        }
        let account = &billing.account;
        let more = vec![
            count("matched", account.matched),
            count("unreconciled", account.unreconciled),
            truth("ledger_complete", billing.ledger_complete),
        ];
        let wrong = (account.unreconciled > 0).then(|| error("sessions were charged wrongly"));
        Some(Span {
            status: wrong,
            ..self.span("reconciliation", self.number(&["reconciliation"]), times, more)
        })
    }

    fn whole(&self, summary: &Summary, at_us: u64) -> Span {
        let told = &self.told;
        let sum = |of: &dyn Fn(&results::ProcedureSummary) -> u64| summary.procedures.values().map(of).sum();
        let mut more = vec![
            text("verdict", summary.verdict.status.as_str()),
            text("target", &told.target),
            count("seed", summary.seed),
            count("planned", sum(&|one| one.planned)),
            count("succeeded", sum(&|one| one.succeeded)),
            count("failed", sum(&|one| one.failed.values().sum())),
            count("timed_out", sum(&|one| one.timed_out)),
        ];
        more.extend(told.resumed.then(|| truth("resumed", true)));
        let is_pass = summary.verdict.status == results::Status::Pass;
        let reason = summary.verdict.reasons.first().map(String::as_str).unwrap_or_default();
        Span {
            parent_span_id: told.parent.as_ref().map(|parent| parent.span_id.to_vec()).unwrap_or_default(),
            status: (!is_pass).then(|| error(reason)),
            ..self.span("run", self.number(&["run"]), (told.at_us, at_us), more)
        }
    }
}

fn nanos(us: u64) -> u64 {
    us.saturating_mul(1_000)
}

fn error(why: &str) -> Status {
    Status { code: StatusCode::Error.into(), message: discreet(why) }
}

fn text(name: &str, value: &str) -> KeyValue {
    of(name, Value::StringValue(discreet(value)))
}

/// Reasons and causes are free text, in which an IMSI may stand.
fn discreet(text: &str) -> String {
    wire::pseudonyms::masked(text).unwrap_or_else(|| text.to_owned())
}

fn count(name: &str, value: u64) -> KeyValue {
    of(name, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn truth(name: &str, value: bool) -> KeyValue {
    of(name, Value::BoolValue(value))
}

pub(crate) fn of(name: &str, value: Value) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// The trace is kept (W3C Trace Context §3.2.2.5.1).
const SAMPLED: u32 = 1;
