//! The generator's own side: whether it was the limit, and what each agent did.

use maud::{Markup, html};
use serde_json::Value;

use super::figures::{
    UNKNOWN, any_has, count, decimal, known, latency, list, number, octets, others, percent, scalar, text,
    whole,
};
use super::{MOST_ROWS, Run, left_out, over_time};

/// Whether the generator was the bottleneck, if the summary knows.
pub(super) fn limited(run: &Run<'_>) -> Option<bool> {
    run.summary.pointer("/generator/limited").and_then(Value::as_bool)
}

pub(super) fn generator(run: &Run<'_>) -> Markup {
    let nothing = Value::Null;
    let figures = run.summary.get("generator").unwrap_or(&nothing);
    let lateness = |key| known(figures.get("lateness_us").and_then(|l| number(l, key)), latency);
    let reasons = list(figures, "reasons");
    let thresholds = figures.get("thresholds").unwrap_or(&nothing);
    html! {
        section id="generator" aria-labelledby="generator-title" {
            h2 id="generator-title" { "Was the generator the limit?" }
            div.pair {
                div {
                    p { (match limited(run) {
                        Some(false) => html! { strong.pass { "No." } " Attempts left when they were due, so the figures are the target's." },
                        Some(true) => html! { strong.fail { "Yes." } " Attempts left late, so the figures are not the target's alone." },
                        None => html! { span.quiet { "The run folder doesn't say." } },
                    }) }
                    @if !reasons.is_empty() { ul { @for reason in reasons.iter().take(20) { li { (scalar(reason).unwrap_or_default()) } } } }
                    @if limited(run) != Some(true) && let Some(advice) = text(figures, "advice") { p.note { "Where attempts left late: " (advice) "." } }
                    (embedded_target(run))
                    (processors(figures))
                    dl.facts {
                        (fact("Lateness p50", &lateness("p50"))) (fact("Lateness p99", &lateness("p99"))) (fact("Lateness max", &lateness("max")))
                        @if let Some(covers) = super::figures::coverage(figures).and_then(|coverage| coverage.shown()) { (fact("Lateness", &covers)) }
                        @if let Some(priority) = text(figures, "priority").filter(|priority| !priority.is_empty()) { (fact("Priority of the workers", in_the_queue(&priority))) }
                        @for (name, value) in others(figures, &["limited", "priority", "processors", "advice"]) { (fact(&name, &value)) }
                        @if let Some(late) = number(thresholds, "late_us") { (fact("Late is more than", &latency(late))) }
                        @if let Some(share) = number(thresholds, "most_late_share") { (fact("Late attempts allowed", &percent(share, 1.0))) }
                        @for (name, value) in others(thresholds, &["late_us", "most_late_share", "fewest_late_attempts"]) { (fact(&format!("Threshold: {name}"), &value)) }
                    }
                }
                (over_time::lateness(run))
            }
        }
    }
}

/// Whether the simulator on the agents' machine was let run, where there was one.
fn embedded_target(run: &Run<'_>) -> Markup {
    let nothing = Value::Null;
    let target = run.summary.get("embedded_target").unwrap_or(&nothing);
    let figure = |key| known(whole(target, key), count);
    html! {
        @match target.get("starved").and_then(Value::as_bool) {
            Some(true) => p { strong.fail { "The embedded simulator was starved." } " Its answers were late by this machine, so the figures are not its own: " (text(target, "reason").unwrap_or_default()) "." },
            Some(false) => p.note { "The embedded simulator was let run: " (figure("late")) " of its " (figure("messages")) " messages waited for a processor for too long, the longest " (known(number(target, "longest_wait_us"), latency)) "." },
            None => {},
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
fn processors(figures: &Value) -> Markup {
    let hosts = list(figures, "processors");
    let share =
        |of: &Value, at: &str| known(of.pointer(at).and_then(Value::as_f64), |share| percent(share, 1.0));
    html! {
        @if !hosts.is_empty() {
            div.wide { table {
                thead { tr {
                    th scope="col" { "Processors of the agents' hosts" } th.n scope="col" { "Busy" } th.n scope="col" { "This program" }
                    th.n scope="col" { "Other processes" } th.n scope="col" { "Stolen by the host" }
                } }
                tbody { @for host in hosts.iter().take(MOST_ROWS) {
                    @let agents: Vec<String> = list(host, "agents").iter().filter_map(scalar).take(4).collect();
                    @for (name, at) in [("whole run", "/run"), ("while attempts left late", "/while_late")] {
                        @if host.pointer(at).is_some_and(Value::is_object) { tr {
                            th scope="row" { (known(number(host, "processors"), decimal)) " of " (agents.join(", ")) ", " (name)
                                @if let Some(times) = whole(host, "set_back").filter(|times| *times > 0) { div.note { "real-time priority was set back " (count(times)) " times" } } }
                            td.n { (share(host, &format!("{at}/busy"))) } td.n { (share(host, &format!("{at}/this_program"))) }
                            td.n { (share(host, &format!("{at}/other_processes"))) } td.n { (share(host, &format!("{at}/stolen"))) }
                        } }
                    }
                } }
            } }
            (left_out(hosts.len()))
        }
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// State of one UE on this agent, in octets.
pub(super) fn octets_per_ue(agent: &Value) -> Option<f64> {
    let of_all = || Some(number(agent, "ue_octets")? / number(agent, "ues").filter(|ues| *ues > 0.0)?);
    number(agent, "octets_per_ue").or_else(of_all)
}

pub(super) fn agents(run: &Run<'_>) -> Markup {
    let agents = list(run.summary, "agents");
    let has = |key: &str| any_has(agents, key);
    let (memory, cpu, sent) = (has("resident_octets"), has("cpu_s"), has("report_octets"));
    html! {
        section id="agents" aria-labelledby="agents-title" {
            h2 id="agents-title" { "Agents" }
            @if agents.is_empty() {
                p.quiet { "No agent took part." }
            } @else {
                div.wide { table {
                    thead { tr {
                        th scope="col" { "Agent" } th scope="col" { "Shards" } th.n scope="col" { "Attempts" }
                        th.n scope="col" { "Lateness p50" } th.n scope="col" { "Lateness p99" } th.n scope="col" { "Lateness max" }
                        @if cpu { th.n scope="col" { "CPU time" } }
                        @if memory { th.n scope="col" { "Memory" } }
                        th.n scope="col" { "UEs" } th.n scope="col" { "Octets per UE" }
                        @if sent { th.n scope="col" { "Reports sent" } }
                    } }
                    tbody { @for agent in agents.iter().take(MOST_ROWS) {
                        @let lateness = |key| known(agent.get("lateness_us").and_then(|l| number(l, key)), latency);
                        tr {
                            th.agent scope="row" {
                                (text(agent, "id").unwrap_or_else(|| UNKNOWN.to_owned()))
                                div.note { (about(agent).join(" · ")) }
                                @for loss in losses(agent) { div.fail { (loss) } }
                            }
                            td { (shards(agent)) }
                            td.n { (known(whole(agent, "attempts"), count)) }
                            td.n { (lateness("p50")) } td.n { (lateness("p99")) } td.n { (lateness("max")) }
                            @if cpu { td.n { (known(number(agent, "cpu_s"), |s| format!("{} s", decimal(s)))) } }
                            @if memory { td.n { (known(number(agent, "resident_octets"), octets)) } }
                            td.n { (known(number(agent, "ues"), decimal)) }
                            td.n { (known(octets_per_ue(agent), decimal)) }
                            @if sent { td.n { (known(number(agent, "report_octets"), octets)) } }
                        }
                    } }
                } }
                (left_out(agents.len()))
            }
        }
    }
}

/// Where the agent was and how its link did.
fn about(agent: &Value) -> Vec<String> {
    let with = |key, name: &str| number(agent, key).map(|us| format!("{name} {}", latency(us)));
    let workers = number(agent, "workers")
        .map(|n| format!("{} {}", decimal(n), if n == 1.0 { "worker" } else { "workers" }));
    let about = [text(agent, "state"), text(agent, "address"), text(agent, "program"), workers];
    // An agent that never answered has no round trip.
    let link = [
        with("round_trip_us", "round trip").filter(|_| number(agent, "round_trip_us") != Some(0.0)),
        with("clock_offset_us", "clock offset"),
    ];
    about.into_iter().chain(link).flatten().collect()
}

fn losses(agent: &Value) -> Vec<String> {
    let lost = |key, what: &str| {
        whole(agent, key).filter(|n| *n > 0).map(|n| format!("{} {what} dropped", count(n)))
    };
    [lost("reports_dropped", "reports"), lost("trace_dropped", "trace packets")]
        .into_iter()
        .flatten()
        .collect()
}

/// `0–3, 7`: neighbours are drawn together, the list is cut where it gets long.
fn shards(agent: &Value) -> String {
    let mut numbers: Vec<u64> = list(agent, "shards").iter().filter_map(Value::as_u64).collect();
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
    use serde_json::json;

    #[test]
    fn neighbouring_shards_are_drawn_together() {
        assert_eq!(
            shards(&json!({"shards": [3, 0, 1, 2, 7, 9, 10, 18446744073709551615u64]})),
            "0–3, 7, 9, 10, 18446744073709551615"
        );
        assert_eq!(shards(&json!({})), UNKNOWN);
    }
}
