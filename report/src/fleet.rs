//! The generator's own side: whether it was the limit, and what each agent did.

use maud::{Markup, html};
use results::{AgentSummary, GeneratorSummary, HostSummary, Percentiles, ProcessorShares};

use super::figures::{UNKNOWN, count, cut, decimal, fact, known, latency, octets, percent, shown, some};
use super::{MOST_ROWS, Run, left_out, over_time};

pub(super) fn generator(run: &Run<'_>) -> Markup {
    let figures = &run.summary.generator;
    let thresholds = &figures.thresholds;
    html! {
        section id="generator" aria-labelledby="generator-title" {
            h2 id="generator-title" { "Was the generator the limit?" }
            div.pair {
                div {
                    p {
                        @if figures.limited { strong.fail { "Yes." } " Attempts left late, so the figures are not the target's alone." }
                        @else { strong.pass { "No." } " Attempts left when they were due, so the figures are the target's." }
                    }
                    @if !figures.reasons.is_empty() { ul { @for reason in figures.reasons.iter().take(20) { li { (cut(reason)) } } } }
                    @if !figures.limited && let Some(advice) = &figures.advice { p.note { "Where attempts left late: " (cut(advice)) "." } }
                    (embedded_target(run))
                    (processors(figures))
                    dl.facts {
                        @for (name, of) in LATENESS { (fact(&format!("Lateness {name}"), &lateness(&figures.lateness_us, of))) }
                        @if let Some(covers) = figures.coverage.shown() { (fact("Lateness", &covers)) }
                        @if let Some(priority) = some(&figures.priority) { (fact("Priority of the workers", in_the_queue(&priority))) }
                        (fact("Attempts", &count(figures.attempts)))
                        (fact("Late attempts", &count(figures.late_attempts)))
                        @if let Some(late) = thresholds.get("late_us") { (fact("Late is more than", &latency(*late))) }
                        @if let Some(share) = thresholds.get("most_late_share") { (fact("Late attempts allowed", &percent(*share, 1.0))) }
                    }
                }
                (over_time::lateness(run))
            }
        }
    }
}

/// Whether the simulator on the agents' machine was let run, where there was one.
fn embedded_target(run: &Run<'_>) -> Markup {
    html! {
        @if let Some(target) = &run.summary.embedded_target {
            @if target.starved {
                p { strong.fail { "The embedded simulator was starved." } " Its answers were late by this machine, so the figures are not its own: "
                    (cut(target.reason.as_deref().unwrap_or_default())) "." }
            } @else {
                p.note { "The embedded simulator was let run: " (count(target.late)) " of its " (count(target.messages))
                    " messages waited for a processor for too long, the longest " (latency(target.longest_wait_us as f64)) "." }
            }
        }
    }
}

/// What a worker's place in the queue means.
fn in_the_queue(priority: &str) -> &str {
    match priority {
        "real-time" => "real-time: before all others",
        "slice" => "a fair share, in short slices",
        "none" => "ordinary",
        other => other,
    }
}

/// How full the processors of each agent's host were, and by whom.
fn processors(figures: &GeneratorSummary) -> Markup {
    let hosts = &figures.processors;
    html! {
        @if !hosts.is_empty() {
            div.wide tabindex="0" { table {
                thead { tr {
                    th scope="col" { "Processors of the agents' hosts" } th.n scope="col" { "Busy" } th.n scope="col" { "This program" }
                    th.n scope="col" { "Other processes" } th.n scope="col" { "Stolen by the host" }
                } }
                tbody { @for host in hosts.iter().take(MOST_ROWS) {
                    (processors_of(host, "whole run", &host.run))
                    @if let Some(late) = &host.while_late { (processors_of(host, "while attempts left late", late)) }
                } }
            } }
            (left_out(hosts.len()))
        }
    }
}

fn processors_of(host: &HostSummary, when: &str, shares: &ProcessorShares) -> Markup {
    let agents: Vec<String> = host.agents.iter().take(4).map(|agent| cut(agent)).collect();
    html! { tr {
        th scope="row" { (host.processors) " of " (agents.join(", ")) ", " (when)
            @if host.set_back > 0 { div.note { "real-time priority was set back " (count(host.set_back)) " times" } } }
        @for share in [shares.busy, shares.this_program, shares.other_processes, shares.stolen] {
            td.n { (known(shares.is_known().then_some(share), |share| percent(share, 1.0))) }
        }
    } }
}

fn lateness(of: &Percentiles, read: Percentile) -> String {
    known(of.measured(), |measured| latency(read(&measured) as f64))
}

/// Reads one of them.
type Percentile = fn(&Percentiles) -> u64;

/// The percentiles of lateness that are told.
const LATENESS: [(&str, Percentile); 3] = [("p50", |of| of.p50), ("p99", |of| of.p99), ("max", |of| of.max)];

/// State of one UE on this agent, in octets.
pub(super) fn octets_per_ue(agent: &AgentSummary) -> Option<f64> {
    let of_all = || (agent.ues > 0).then(|| agent.ue_octets as f64 / agent.ues as f64);
    Some(agent.octets_per_ue).filter(|octets| *octets > 0.0).or_else(of_all)
}

pub(super) fn agents(run: &Run<'_>) -> Markup {
    let agents = &run.summary.agents;
    html! {
        section id="agents" aria-labelledby="agents-title" {
            h2 id="agents-title" { "Agents" }
            @if agents.is_empty() {
                p.quiet { "No agent took part." }
            } @else {
                div.wide tabindex="0" { table {
                    thead { tr {
                        th scope="col" { "Agent" } th scope="col" { "Shards" } th.n scope="col" { "Attempts" }
                        @for (name, _) in LATENESS { th.n scope="col" { "Lateness " (name) } }
                        th.n scope="col" { "CPU time" } th.n scope="col" { "Memory" }
                        th.n scope="col" { "Most UEs" } th.n scope="col" { "Octets per UE" } th.n scope="col" { "Reports sent" }
                    } }
                    tbody { @for agent in agents.iter().take(MOST_ROWS) {
                        tr {
                            th.agent scope="row" {
                                (shown(&agent.id))
                                div.note { (about(agent).join(" · ")) }
                                @for loss in losses(agent) { div.fail { (loss) } }
                            }
                            td { (shards(&agent.shards)) }
                            td.n { (count(agent.attempts)) }
                            @for (_, of) in LATENESS { td.n { (lateness(&agent.lateness_us, of)) } }
                            td.n { (format!("{} s", decimal(agent.cpu_s))) }
                            td.n { (octets(agent.resident_octets as f64)) }
                            td.n { (count(agent.ues)) }
                            td.n { (known(octets_per_ue(agent), decimal)) }
                            td.n { (octets(agent.report_octets as f64)) }
                        }
                    } }
                } }
                (left_out(agents.len()))
                @if agents.len() > 1 { p.note { "UEs that visit from another agent count at both." } }
            }
        }
    }
}

/// Where the agent was and how its link did.
fn about(agent: &AgentSummary) -> Vec<String> {
    let workers = match agent.workers {
        0 => None,
        1 => Some("1 worker".to_owned()),
        n => Some(format!("{n} workers")),
    };
    let belongs = agent.belongs().to_string();
    let about = [some(&belongs), some(&agent.state), some(&agent.address), some(&agent.program), workers];
    // An agent that never answered has no round trip.
    let round_trip =
        (agent.round_trip_us > 0).then(|| format!("round trip {}", latency(agent.round_trip_us as f64)));
    let offset = agent.clock_offset_us.map(|us| format!("clock offset {}", latency(us as f64)));
    about.into_iter().chain([round_trip, offset]).flatten().collect()
}

fn losses(agent: &AgentSummary) -> Vec<String> {
    let lost = |n: u64, what: &str| (n > 0).then(|| format!("{} {what} dropped", count(n)));
    [lost(agent.reports_dropped, "reports"), lost(agent.trace_dropped, "trace packets")]
        .into_iter()
        .flatten()
        .collect()
}

/// `0–3, 7`: neighbours are drawn together, the list is cut where it gets long.
fn shards(numbers: &[u32]) -> String {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    let mut stretches: Vec<String> = numbers
        .chunk_by(|a, b| a.checked_add(1) == Some(*b))
        .filter_map(|stretch| Some((stretch.first()?, stretch.last()?)))
        .map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first}–{last}"),
        })
        .collect();
    if stretches.len() > 12 {
        stretches.truncate(12);
        stretches.push("…".to_owned());
    }
    if stretches.is_empty() { UNKNOWN.to_owned() } else { stretches.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_shards_are_drawn_together() {
        assert_eq!(shards(&[3, 0, 1, 2, 7, 9, 10, u32::MAX]), "0–3, 7, 9, 10, 4294967295");
        assert_eq!(shards(&[]), UNKNOWN);
    }
}
