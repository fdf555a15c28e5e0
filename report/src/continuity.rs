//! What happened to the fleet: gaps that no agent has accounted for, shards that moved, and what takeovers cost.

use std::collections::BTreeMap;

use maud::{Markup, html};
use results::{Gap, RecoverySummary, ShardMove, Stop, StopKind, Summary};

use super::chart::{Band, Kind};
use super::figures::{Tally, count, cut, fact, latency, shown};
use super::{MOST_ROWS, Run, left_out};

/// Whether there is anything to tell.
pub(super) fn is_there(run: &Run<'_>) -> bool {
    let summary = run.summary;
    !summary.gaps.is_empty()
        || !summary.moves.is_empty()
        || !summary.supervisors.is_empty()
        || summary.recovery != RecoverySummary::default()
        || summary.counts.shifted > 0
        || !run.besides.stops.is_empty()
}

/// The gaps, to be marked in the charts.
pub(super) fn bands(summary: &Summary) -> impl Iterator<Item = Band> {
    summary.gaps.iter().map(|gap| {
        let (from_s, to_s) = (seconds(gap.from_us), seconds(gap.to_us));
        let lasted = latency((to_s - from_s) * 1e6);
        let label = format!("shard {} was lost with its agent for {lasted}", gap.shard);
        Band { from_s, to_s, label, kind: Kind::Gap }
    })
}

/// Pauses and restarts, to be marked in the charts: instants, because the run's clock stands still.
pub(super) fn stop_bands(stops: &[Stop]) -> impl Iterator<Item = Band> {
    stops.iter().map(|stop| {
        let at_s = seconds(stop.at_us);
        Band { from_s: at_s, to_s: at_s, label: in_words(stop), kind: Kind::Stop }
    })
}

fn in_words(stop: &Stop) -> String {
    match (stop.kind, stop.for_us) {
        (StopKind::Paused, 0) => "paused".to_owned(),
        (StopKind::Paused, us) => format!("paused for {}", latency(us as f64)),
        (StopKind::CoordinatorRestarted, _) => "the coordinator was started again".to_owned(),
    }
}

pub(super) fn section(run: &Run<'_>) -> Markup {
    let summary = run.summary;
    let (gaps, moves) = (&summary.gaps, &summary.moves);
    html! {
        @if is_there(run) {
            section id="continuity" aria-labelledby="continuity-title" {
                h2 id="continuity-title" { "What happened to the fleet" }
                dl.facts {
                    (fact("Gaps", &sum_of(gaps.len(), summary.gaps_left_out)))
                    (fact("Lost in flight", &total(gaps, |gap| &gap.abandoned)))
                    (fact("Never started", &total(gaps, |gap| &gap.never_started)))
                    (fact("Shards moved", &sum_of(moves.len(), summary.moves_left_out)))
                    (fact("Started late for a move", &count(summary.counts.shifted)))
                    (fact("Recovery", &recovery(&summary.recovery)))
                    @if summary.paused_s > 0.0 { (fact("Paused for", &latency(summary.paused_s * 1e6))) }
                    @if !summary.supervisors.is_empty() { (fact("Supervisors", &supervisors(summary))) }
                }
                @if !run.besides.stops.is_empty() {
                    ul { @for stop in run.besides.stops.iter().take(MOST_ROWS) { li { "At " (at(stop.at_us)) ": " (in_words(stop)) } } }
                }
                @if gaps.is_empty() {
                    p { strong.pass { "No attempt was lost with an agent." } }
                } @else {
                    p { "When an agent is lost, its shards go on elsewhere. What was in flight there, or may have been started since its last report, is "
                        code { "abandoned(agent-lost)" } "; what came due before the next agent went on is " code { "never-started(agent-lost)" }
                        ". Neither says anything about the target, and no objective counts them. Charts over time show the gaps in grey." }
                    (table_of_gaps(gaps))
                }
                @if !moves.is_empty() { (table_of_moves(moves)) }
            }
        }
    }
}

fn table_of_gaps(gaps: &[Gap]) -> Markup {
    html! {
        div.wide tabindex="0" { table {
            thead { tr {
                th.n scope="col" { "Shard" } th.n scope="col" { "From" } th.n scope="col" { "Until" }
                th scope="col" { "Why" } th scope="col" { "From agent" } th scope="col" { "To agent" }
                th.n scope="col" { "Lost in flight" } th.n scope="col" { "Never started" }
            } }
            tbody { @for gap in gaps.iter().take(MOST_ROWS) { tr {
                td.n { (gap.shard) }
                td.n { (at(gap.from_us)) } td.n { (at(gap.to_us)) }
                td { (shown(&gap.cause)) } td { (shown(&gap.from_agent)) }
                td { (gap.to_agent.as_deref().map_or_else(|| "nobody".to_owned(), cut)) }
                td.n { (by_procedure(&gap.abandoned)) } td.n { (by_procedure(&gap.never_started)) }
            } } }
        } }
        (left_out(gaps.len()))
    }
}

fn table_of_moves(moves: &[ShardMove]) -> Markup {
    html! {
        h3 { "Shards that moved" }
        p.note { "Handed over by one agent to the next: nothing is lost, and what came due on the way is started on arrival." }
        div.wide tabindex="0" { table {
            thead { tr {
                th.n scope="col" { "Shard" } th.n scope="col" { "At" } th.n scope="col" { "Took" }
                th scope="col" { "Why" } th scope="col" { "From agent" } th scope="col" { "To agent" }
            } }
            tbody { @for moved in moves.iter().take(MOST_ROWS) { tr {
                td.n { (moved.shard) }
                td.n { (at(moved.from_us)) } td.n { (latency(moved.to_us.saturating_sub(moved.from_us) as f64)) }
                td { (shown(&moved.cause)) } td { (shown(&moved.from_agent)) } td { (shown(&moved.to_agent)) }
            } } }
        } }
        (left_out(moves.len()))
    }
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// Seconds since the start.
fn at(us: u64) -> String {
    format!("{:.2} s", seconds(us))
}

fn sum_of(listed: usize, left_out: u64) -> String {
    count(u64::try_from(listed).unwrap_or(u64::MAX).saturating_add(left_out))
}

fn total(gaps: &[Gap], of: fn(&Gap) -> &BTreeMap<String, u64>) -> String {
    count(gaps.iter().flat_map(|gap| of(gap).values()).fold(0, |sum: u64, n| sum.saturating_add(*n)))
}

/// `12 registration, 3 pdu-session`.
fn by_procedure(of: &BTreeMap<String, u64>) -> String {
    let tally = Tally::of(of);
    let parts: Vec<String> =
        tally.by_cause.iter().take(8).map(|(name, n)| format!("{} {name}", count(*n))).collect();
    if parts.is_empty() { count(tally.total) } else { parts.join(", ") }
}

fn recovery(of: &RecoverySummary) -> String {
    let [registrations, sessions, failed] = [of.registrations, of.sessions, of.failed].map(count);
    format!("{registrations} registrations, {sessions} sessions, {failed} failed")
}

fn supervisors(summary: &Summary) -> String {
    let names = summary.supervisors.iter().map(|supervisor| cut(&supervisor.name));
    names.take(20).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use crate::tests::page;

    #[test]
    fn gap_is_shown_with_its_counts_and_as_a_grey_band() {
        let page = page(&samples::gap());
        for shown in [
            "12 registration",
            "1,003 registration",
            "killed by &lt;signal 9&gt;",
            "5.00 s",
            "6.25 s",
            "What happened to the fleet",
        ] {
            assert!(page.contains(shown), "{shown}");
        }
        assert!(page.contains("<rect class=\"band gap\"") && page.contains("<li class=\"gap\">"));
        assert!(page.contains("40 registrations, 20 sessions, 1 failed"));
    }

    #[test]
    fn pause_and_restart_stand_in_the_section_and_in_every_chart_over_time() {
        let (summary, timeline) = samples::pass();
        let summary: Summary = crate::tests::typed(&summary);
        let timeline: Vec<results::Interval> = timeline.iter().map(crate::tests::typed).collect();
        let stops = [
            Stop { kind: StopKind::Paused, at_us: 5_000_000, for_us: 7_000_000 },
            Stop { kind: StopKind::CoordinatorRestarted, at_us: 9_000_000, for_us: 0 },
        ];
        let besides = crate::Besides { stops: &stops, ..crate::Besides::default() };
        let page = crate::render(&summary, &timeline, &[], besides);
        assert!(page.contains("At 5.00 s: paused for 7.00 s"), "{page}");
        assert!(page.contains("At 9.00 s: the coordinator was started again"));
        assert!(page.matches("<rect class=\"band stop\"").count() >= 8, "two in each chart over time");
    }

    #[test]
    fn undisturbed_run_says_nothing_of_it() {
        assert!(!page(&samples::pass()).contains("continuity"));
    }
}
