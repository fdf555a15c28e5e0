//! What was done to the network, what was odd, the traces to look into, and how to run it again.

use maud::{Markup, html};
use serde_json::Value;

use super::chart::{Band, Kind};
use super::figures::{
    Tally, UNKNOWN, by_suffix, count, cut, entries, known, list, number, scalar, text, title, whole,
};
use super::{MOST_ROWS, Run, figures, left_out};

/// Faults that were injected and radio messages that were lost on purpose.
pub(super) fn impairments(run: &Run<'_>) -> Markup {
    let faults = list(run.summary, "faults");
    // Either a list of faults, or counts by kind; and the losses of the radio profile.
    let mut counts: Vec<(String, String)> = entries(run.summary, "faults")
        .into_iter()
        .chain(entries(run.summary, "impairments"))
        .filter(|(key, _)| !matches!(*key, "windows" | "active_s" | "worst_hour_s" | "overridden"))
        .filter_map(|(key, value)| Some((title(key), by_suffix(key, value)?)))
        .take(MOST_ROWS)
        .collect();
    counts.extend(text(run.summary, "radio").map(|profile| ("Radio profile".to_owned(), profile)));
    counts.extend(
        number(run.summary, "radio_lost")
            .map(|n| ("NAS messages lost by the radio profile".to_owned(), figures::decimal(n))),
    );
    let nothing = Value::Null;
    let impairments = run.summary.get("impairments").unwrap_or(&nothing);
    let windows = list(impairments, "windows");
    html! {
        section id="impairments" aria-labelledby="impairments-title" {
            h2 id="impairments-title" { "Faults and impairments injected" }
            @if faults.is_empty() && windows.is_empty() && counts.is_empty() { p.quiet { "None." } }
            @if !windows.is_empty() { (schedule(impairments, windows)) }
            @if !faults.is_empty() {
                div.wide { table {
                    thead { tr { th scope="col" { "Fault" } th.n scope="col" { "At" } th.n scope="col" { "For" } th scope="col" { "Details" } } }
                    tbody { @for fault in faults.iter().take(MOST_ROWS) { tr {
                        th scope="row" { (text(fault, "kind").or_else(|| scalar(fault)).unwrap_or_else(|| UNKNOWN.to_owned())) }
                        td.n { (known(number(fault, "at_s"), |s| format!("{s:.1} s"))) }
                        td.n { (known(number(fault, "for_s"), |s| format!("{s:.1} s"))) }
                        td { (figures::others(fault, &["kind", "at_s", "for_s"]).iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(" · ")) }
                    } } }
                } }
                (left_out(faults.len()))
                p.note { "Marked as bands in the charts over time." }
            }
            @if !counts.is_empty() { dl.facts { @for (name, value) in &counts { div { dt { (name) } dd { (value) } } } } }
        }
    }
}

/// The impairments that the scenario schedules, against the safety budget.
fn schedule(impairments: &Value, windows: &[Value]) -> Markup {
    let worst = number(impairments, "worst_hour_s");
    let overridden = impairments.get("overridden").filter(|overridden| overridden.is_object());
    html! {
        p.lead {
            (known(number(impairments, "active_s"), figures::duration)) " of impairment, at most "
            (known(worst, figures::duration)) " of it within an hour; the safety budget is 10 min."
            @if let Some(overridden) = overridden {
                " The budget was overridden by " strong { (text(overridden, "by").unwrap_or_else(|| UNKNOWN.to_owned())) } ": "
                (text(overridden, "reason").unwrap_or_else(|| UNKNOWN.to_owned())) "."
            }
        }
        div.wide { table {
            thead { tr { th scope="col" { "Impairment" } th scope="col" { "Kind" } th.n scope="col" { "At" } th.n scope="col" { "For" } th.n scope="col" { "Cells" } th scope="col" { "Details" } } }
            tbody { @for window in windows.iter().take(MOST_WINDOWS) { tr {
                th scope="row" { (text(window, "name").unwrap_or_else(|| UNKNOWN.to_owned())) }
                td { (text(window, "kind").unwrap_or_else(|| UNKNOWN.to_owned())) }
                td.n { (known(number(window, "at_s"), super::axis::clock)) }
                td.n { (known(number(window, "for_s"), figures::duration)) }
                td.n { (known(number(window, "cells"), |share| format!("{} %", figures::decimal(share * 100.0)))) }
                td { (text(window, "details").unwrap_or_default()) }
            } } }
        } }
        @if windows.len() > MOST_WINDOWS { p.note { "The first " (MOST_WINDOWS) " of " (windows.len()) "; summary.json has all of them." } }
        p.note { "Marked as bands in the charts over time." }
    }
}

/// The associations that were away, and what the core said, to be marked in the charts.
pub(super) fn event_bands(summary: &Value) -> impl Iterator<Item = Band> {
    let events = summary.get("ran_events").map_or(&[][..], |events| list(events, "first"));
    events.iter().enumerate().filter_map(move |(place, event)| {
        let (kind, node) = (text(event, "kind")?, text(event, "node").unwrap_or_default());
        let from_s = number(event, "at_us")? / 1e6;
        if kind == "association-restored" {
            // It ends the band of its loss.
            return None;
        }
        let back = |later: &&Value| {
            text(later, "kind").as_deref() == Some("association-restored")
                && text(later, "node").as_ref() == Some(&node)
        };
        let later = events.get(place + 1..).unwrap_or_default();
        let to_s = match kind.as_str() {
            "association-lost" => {
                later.iter().find(back).and_then(|back| number(back, "at_us")).map(|us| us / 1e6)
            }
            _ => None,
        };
        let label = format!("{node}: {}", title(&kind));
        Some(Band { from_s, to_s: to_s.unwrap_or(from_s), label, kind: Kind::Event })
    })
}

/// What happened between the RAN nodes and the core.
pub(super) fn ran_events(run: &Run<'_>) -> Markup {
    let nothing = Value::Null;
    let events = run.summary.get("ran_events").unwrap_or(&nothing);
    let kinds = Tally::read(events, "by_kind").unwrap_or_default();
    let first = list(events, "first");
    html! {
        @if kinds.total > 0 || !first.is_empty() {
            section id="ran-events" aria-labelledby="ran-events-title" {
                h2 id="ran-events-title" { "Between the RAN and the core" }
                p.lead { @for (position, (kind, n)) in kinds.by_cause.iter().take(10).enumerate() { @if position > 0 { ", " } (count(*n)) " × " (title(kind)) } }
                div.wide { table {
                    thead { tr { th.n scope="col" { "At" } th scope="col" { "Event" } th scope="col" { "Node" } th scope="col" { "Details" } } }
                    tbody { @for event in first.iter().take(MOST_WINDOWS) { tr {
                        td.n { (known(number(event, "at_us"), |us| format!("{:.3} s", us / 1e6))) }
                        th scope="row" { (text(event, "kind").map_or_else(|| UNKNOWN.to_owned(), |kind| title(&kind))) }
                        td.id { (text(event, "node").unwrap_or_else(|| UNKNOWN.to_owned())) }
                        td { (text(event, "details").unwrap_or_default()) }
                    } } }
                } }
                @if kinds.total > MOST_WINDOWS as u64 { p.note { "The first " (MOST_WINDOWS) " of " (count(kinds.total)) "; timeline.ndjson has each in its second." } }
                p.note { "Marked in the charts over time: an association from its loss to its return, everything else at its moment." }
            }
        }
    }
}

/// What the network noticed by itself, such as a SIM swap.
pub(super) fn network_events(run: &Run<'_>) -> Markup {
    let nothing = Value::Null;
    let events = run.summary.get("network_events").unwrap_or(&nothing);
    let kinds = Tally::read(events, "by_kind").unwrap_or_default();
    let first = list(events, "first");
    html! {
        @if kinds.total > 0 || !first.is_empty() {
            section id="network-events" aria-labelledby="network-events-title" {
                h2 id="network-events-title" { "Noticed by the network" }
                p.lead { @for (position, (kind, n)) in kinds.by_cause.iter().take(10).enumerate() { @if position > 0 { ", " } (count(*n)) " × " (title(kind)) } }
                div.wide { table {
                    thead { tr { th.n scope="col" { "At" } th scope="col" { "Event" } th scope="col" { "Subscriber" } th scope="col" { "Details" } } }
                    tbody { @for event in first.iter().take(MOST_EVENTS) { tr {
                        td.n { (known(number(event, "run_us"), |us| format!("{:.3} s", us / 1e6))) }
                        th scope="row" { (text(event, "kind").map_or_else(|| UNKNOWN.to_owned(), |kind| title(&kind))) }
                        td.id { (text(event, "supi").unwrap_or_else(|| UNKNOWN.to_owned())) }
                        td { (text(event, "details").unwrap_or_default()) }
                    } } }
                } }
                @if kinds.total > MOST_EVENTS as u64 { p.note { "The first " (MOST_EVENTS) " of " (count(kinds.total)) "." } }
            }
        }
    }
}

const MOST_WINDOWS: usize = 40;
const MOST_EVENTS: usize = 20;

/// How many messages there were, and those that were not expected in the state they came in, by kind.
pub(super) fn unexpected(run: &Run<'_>) -> Markup {
    let kinds = Tally::read(run.summary, "unexpected").unwrap_or_default();
    html! {
        section id="unexpected" aria-labelledby="unexpected-title" {
            h2 id="unexpected-title" { "Messages" }
            dl.facts {
                @for (key, name) in [("messages_sent", "NGAP messages sent"), ("messages_received", "NGAP messages received")] {
                    div { dt { (name) } dd { (known(whole(run.summary, key), count)) } }
                }
            }
            (amfs(run))
            h3 { "Not expected or not understood" @if kinds.total > 0 { " " span.quiet { (count(kinds.total)) } } }
            @if kinds.by_cause.is_empty() {
                p.quiet { (if kinds.total == 0 { "None." } else { "Kinds are not recorded." }) }
            } @else {
                table {
                    thead { tr { th scope="col" { "Kind" } th.n scope="col" { "Messages" } } }
                    tbody { @for (kind, n) in kinds.by_cause.iter().take(MOST_ROWS) { tr { th scope="row" { (kind) } td.n { (count(*n)) } } } }
                }
                (left_out(kinds.by_cause.len()))
            }
        }
    }
}

/// What each AMF was to the run, where there were several.
fn amfs(run: &Run<'_>) -> Markup {
    let amfs = list(run.summary, "amfs");
    html! {
        @if amfs.len() > 1 {
            h3 { "AMFs" }
            table {
                thead { tr { th scope="col" { "Target" } th scope="col" { "Name" } th.n scope="col" { "Connections" } th.n scope="col" { "Sent" } th.n scope="col" { "Received" } } }
                tbody { @for amf in amfs.iter().take(MOST_ROWS) { tr {
                    th scope="row" { (text(amf, "target").unwrap_or_else(|| UNKNOWN.to_owned())) }
                    td { (text(amf, "name").unwrap_or_default()) }
                    @for key in ["connections", "messages_sent", "messages_received"] { td.n { (known(whole(amf, key), count)) } }
                } } }
            }
        }
    }
}

/// Links to the captures in the same folder.
pub(super) fn traces(run: &Run<'_>) -> Markup {
    let traces = list(run.summary, "traces");
    html! {
        section id="traces" aria-labelledby="traces-title" {
            h2 id="traces-title" { "Traces" @if !traces.is_empty() { " " span.quiet { (traces.len()) } } }
            @if traces.is_empty() {
                p.quiet { "No message trace is listed; see the folder traces/ if there is one." }
            } @else {
                p.note { "Messages of sampled and of failed UEs; they open in Wireshark." }
                ul.columns { @for trace in traces.iter().take(MOST_ROWS) { li { (link(trace)) } } }
                (left_out(traces.len()))
            }
            @if let Some(counts) = run.summary.get("trace_counts") {
                dl.facts { @for (name, value) in figures::others(counts, &[]) { div { dt { (name) } dd { (value) } } } }
            }
        }
    }
}

fn link(trace: &Value) -> Markup {
    let path = scalar(trace)
        .or_else(|| text(trace, "file"))
        .or_else(|| text(trace, "path"))
        .unwrap_or_else(|| UNKNOWN.to_owned());
    let about =
        ["imsi", "why", "outcome"].iter().filter_map(|key| text(trace, key)).collect::<Vec<_>>().join(" · ");
    html! {
        @if let Some(address) = inside_folder(&path) { a href=(address) { (path) } } @else { (path) }
        @if !about.is_empty() { " " span.quiet { (about) } }
    }
}

/// The path as a relative address, if it stays below `traces/`: a summary must not make readers go elsewhere.
fn inside_folder(path: &str) -> Option<String> {
    let name = path.strip_prefix("traces/")?;
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.');
    if !name.split('/').all(plain) || path.contains(['\\', '…']) {
        return None;
    }
    let mut address = String::new();
    for octet in path.bytes() {
        if octet.is_ascii_alphanumeric() || b"/._-".contains(&octet) {
            address.push(char::from(octet));
        } else {
            address.push_str(&format!("%{octet:02X}"));
        }
    }
    Some(address)
}

/// The command that gives the same plan, identities, arrival times and faults.
pub(super) fn reproduce(run: &Run<'_>) -> Markup {
    let seed = text(run.summary, "seed");
    let mut command = "roamstorm run scenario.yaml".to_owned();
    if let Some(seed) = &seed {
        command.push_str(&format!(" --seed {}", quoted(seed)));
    }
    match list(run.summary, "agents").len() {
        0 | 1 => {}
        agents => command.push_str(&format!(" --agents {agents}")),
    }
    // The embedded simulator is the default.
    if let Some(target) = text(run.summary, "target").filter(|target| !target.starts_with("sim")) {
        target
            .split_whitespace()
            .for_each(|target| command.push_str(&format!(" --target {}", quoted(target))));
    }
    let started = text(run.summary, "command");
    html! {
        section id="reproduce" aria-labelledby="reproduce-title" {
            h2 id="reproduce-title" { "Run it again" }
            p { "In this run's folder:" }
            code.command { (command) }
            @if let Some(started) = started { p { "It was started with:" } code.command { (cut(&started)) } }
            p.note {
                (if seed.is_some() { "The same seed gives the same plan, identities, keys, arrival times, radio delays and faults." }
                 else { "The folder has no seed, so the arrival times will be others." })
            }
        }
    }
}

/// As one word of a POSIX shell.
fn quoted(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "+-_./:@%=,[]".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_traces_become_links() {
        assert_eq!(inside_folder("traces/ue 1.pcapng").as_deref(), Some("traces/ue%201.pcapng"));
        for path in [
            "javascript:alert(1)",
            "//elsewhere/x",
            "traces/../../x",
            "traces//x",
            "traces/",
            "/traces/x",
            "traces\\x",
        ] {
            assert_eq!(inside_folder(path), None, "{path}");
        }
    }

    #[test]
    fn command_is_safe_to_paste() {
        assert_eq!(quoted("sctp+udp://host:9899"), "sctp+udp://host:9899");
        assert_eq!(quoted("x'; rm -rf /"), "'x'\\''; rm -rf /'");
    }
}
