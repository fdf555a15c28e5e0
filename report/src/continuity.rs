//! What happened to the fleet: gaps that no agent has accounted for, shards that moved, and what takeovers cost.

use maud::{Markup, html};
use serde_json::Value;

use super::chart::{Band, Kind};
use super::figures::{Tally, UNKNOWN, count, known, latency, list, number, scalar, text, whole};
use super::{MOST_ROWS, Run, left_out};

/// Whether there is anything to tell.
pub(super) fn is_there(run: &Run<'_>) -> bool {
    let any = |key: &str| !list(run.summary, key).is_empty();
    any("gaps")
        || any("moves")
        || any("supervisors")
        || recoveries(run.summary) > 0
        || shifted(run.summary) > 0
}

/// The gaps, to be marked in the charts.
pub(super) fn bands(summary: &Value) -> impl Iterator<Item = Band> {
    list(summary, "gaps").iter().filter_map(|gap| {
        let (from_s, to_s) = (number(gap, "from_us")? / 1e6, number(gap, "to_us")? / 1e6);
        let shard = whole(gap, "shard").map_or_else(|| UNKNOWN.to_owned(), |shard| shard.to_string());
        let label = format!("shard {shard} was lost with its agent for {}", latency((to_s - from_s) * 1e6));
        Some(Band { from_s, to_s, label, kind: Kind::Gap })
    })
}

pub(super) fn section(run: &Run<'_>) -> Markup {
    let (gaps, moves) = (list(run.summary, "gaps"), list(run.summary, "moves"));
    html! {
        @if is_there(run) {
            section id="continuity" aria-labelledby="continuity-title" {
                h2 id="continuity-title" { "What happened to the fleet" }
                dl.facts {
                    (fact("Gaps", &sum_of(run.summary, gaps.len(), "gaps_left_out")))
                    (fact("Lost in flight", &total(gaps, "abandoned")))
                    (fact("Never started", &total(gaps, "never_started")))
                    (fact("Shards moved", &sum_of(run.summary, moves.len(), "moves_left_out")))
                    (fact("Started late for a move", &count(shifted(run.summary))))
                    (fact("Recovery", &recovery(run.summary)))
                    @if let Some(paused) = number(run.summary, "paused_s").filter(|s| *s > 0.0) { (fact("Paused for", &latency(paused * 1e6))) }
                    @if !list(run.summary, "supervisors").is_empty() { (fact("Supervisors", &supervisors(run.summary))) }
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

fn table_of_gaps(gaps: &[Value]) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th.n scope="col" { "Shard" } th.n scope="col" { "From" } th.n scope="col" { "Until" }
                th scope="col" { "Why" } th scope="col" { "From agent" } th scope="col" { "To agent" }
                th.n scope="col" { "Lost in flight" } th.n scope="col" { "Never started" }
            } }
            tbody { @for gap in gaps.iter().take(MOST_ROWS) { tr {
                td.n { (known(whole(gap, "shard"), |shard| shard.to_string())) }
                td.n { (at(gap, "from_us")) } td.n { (at(gap, "to_us")) }
                td { (shown(gap, "cause")) } td { (shown(gap, "from_agent")) }
                td { (text(gap, "to_agent").unwrap_or_else(|| "nobody".to_owned())) }
                td.n { (by_procedure(gap, "abandoned")) } td.n { (by_procedure(gap, "never_started")) }
            } } }
        } }
        (left_out(gaps.len()))
    }
}

fn table_of_moves(moves: &[Value]) -> Markup {
    html! {
        h3 { "Shards that moved" }
        p.note { "Handed over by one agent to the next: nothing is lost, and what came due on the way is started on arrival." }
        div.wide { table {
            thead { tr {
                th.n scope="col" { "Shard" } th.n scope="col" { "At" } th.n scope="col" { "Took" }
                th scope="col" { "Why" } th scope="col" { "From agent" } th scope="col" { "To agent" }
            } }
            tbody { @for moved in moves.iter().take(MOST_ROWS) { tr {
                @let took = number(moved, "from_us").zip(number(moved, "to_us")).map(|(from, to)| (to - from).max(0.0));
                td.n { (known(whole(moved, "shard"), |shard| shard.to_string())) }
                td.n { (at(moved, "from_us")) } td.n { (known(took, latency)) }
                td { (shown(moved, "cause")) } td { (shown(moved, "from_agent")) } td { (shown(moved, "to_agent")) }
            } } }
        } }
        (left_out(moves.len()))
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn shown(of: &Value, key: &str) -> String {
    text(of, key).unwrap_or_else(|| UNKNOWN.to_owned())
}

/// Seconds since the start.
fn at(of: &Value, key: &str) -> String {
    known(number(of, key), |us| format!("{:.2} s", us / 1e6))
}

fn sum_of(summary: &Value, listed: usize, left_out: &str) -> String {
    let more = whole(summary, left_out).unwrap_or_default();
    count(u64::try_from(listed).unwrap_or(u64::MAX).saturating_add(more))
}

fn total(gaps: &[Value], key: &str) -> String {
    let counts = gaps.iter().filter_map(|gap| Tally::read(gap, key));
    count(counts.fold(0, |sum: u64, tally| sum.saturating_add(tally.total)))
}

/// `12 registration, 3 pdu-session`.
fn by_procedure(gap: &Value, key: &str) -> String {
    let Some(tally) = Tally::read(gap, key) else { return UNKNOWN.to_owned() };
    let parts: Vec<String> =
        tally.by_cause.iter().take(8).map(|(name, n)| format!("{} {name}", count(*n))).collect();
    if parts.is_empty() { count(tally.total) } else { parts.join(", ") }
}

fn shifted(summary: &Value) -> u64 {
    whole(summary, "shifted").unwrap_or_default()
}

fn recoveries(summary: &Value) -> u64 {
    let of = |key| summary.get("recovery").and_then(|recovery| whole(recovery, key)).unwrap_or_default();
    of("registrations").saturating_add(of("sessions"))
}

fn recovery(summary: &Value) -> String {
    let of = |key| summary.get("recovery").and_then(|recovery| whole(recovery, key));
    known(of("registrations").zip(of("sessions")).zip(of("failed")), |((registrations, sessions), failed)| {
        format!(
            "{} registrations, {} sessions, {} failed",
            count(registrations),
            count(sessions),
            count(failed)
        )
    })
}

fn supervisors(summary: &Value) -> String {
    let names = list(summary, "supervisors").iter().filter_map(|supervisor| scalar(supervisor.get("name")?));
    names.take(20).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use crate::{render, samples};

    #[test]
    fn gap_is_shown_with_its_counts_and_as_a_grey_band() {
        let (summary, timeline) = samples::gap();
        let page = render(&summary, &timeline, &[]);
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
    fn undisturbed_run_says_nothing_of_it() {
        let (summary, timeline) = samples::pass();
        assert!(!render(&summary, &timeline, &[]).contains("continuity"));
    }
}
