//! What was done to the network, what was odd, the traces to look into, and how to run it again.

use maud::{Markup, html};
use results::{AmfSummary, ImpairmentSummary, Summary, TraceFileSummary};

use super::chart::{Band, Kind};
use super::figures::{Tally, count, counts, cut, fact, shown, some, title};
use super::{MOST_ROWS, Run, figures, left_out};

/// Faults that were injected and radio messages that were lost on purpose.
pub(super) fn impairments(run: &Run<'_>) -> Markup {
    let summary = run.summary;
    let (faults, impairments) = (&summary.faults, &summary.impairments);
    let (windows, radio) = (&impairments.windows, some(&summary.radio));
    html! {
        section id="impairments" aria-labelledby="impairments-title" {
            h2 id="impairments-title" { "Faults and impairments injected" }
            @if faults.is_empty() && windows.is_empty() && radio.is_none() { p.quiet { "None." } }
            @if !windows.is_empty() { (schedule(impairments)) }
            @if !faults.is_empty() {
                div.wide tabindex="0" { table {
                    thead { tr { th scope="col" { "Fault" } th.n scope="col" { "At" } th.n scope="col" { "For" } } }
                    tbody { @for fault in faults.iter().take(MOST_ROWS) { tr {
                        th scope="row" { (shown(&fault.kind)) }
                        td.n { (format!("{:.1} s", fault.at_s)) }
                        td.n { (format!("{:.1} s", fault.for_s)) }
                    } } }
                } }
                (left_out(faults.len()))
                p.note { "Marked as bands in the charts over time." }
            }
            @if let Some(radio) = radio { dl.facts { (fact("Radio profile", &radio)) (fact("NAS messages that it lost", &count(summary.counts.radio_lost))) } }
        }
    }
}

/// The impairments that the scenario schedules, against the safety budget.
fn schedule(impairments: &ImpairmentSummary) -> Markup {
    let windows = &impairments.windows;
    html! {
        p.lead {
            (figures::duration(impairments.active_s)) " of impairment, at most "
            (figures::duration(impairments.worst_hour_s)) " of it within an hour; the safety budget is 10 min."
            @if let Some(overridden) = &impairments.overridden {
                " The budget was overridden by " strong { (shown(&overridden.by)) } ": " (shown(&overridden.reason)) "."
            }
        }
        div.wide tabindex="0" { table {
            thead { tr { th scope="col" { "Impairment" } th scope="col" { "Kind" } th.n scope="col" { "At" } th.n scope="col" { "For" } th.n scope="col" { "Cells" } th scope="col" { "Details" } } }
            tbody { @for window in windows.iter().take(MOST_WINDOWS) { tr {
                th scope="row" { (shown(&window.name)) }
                td { (shown(&window.kind)) }
                td.n { (super::axis::clock(window.at_s)) }
                td.n { (figures::duration(window.for_s)) }
                td.n { (format!("{} %", figures::decimal(window.cells * 100.0))) }
                td { (cut(&window.details)) }
            } } }
        } }
        @if windows.len() > MOST_WINDOWS { p.note { "The first " (MOST_WINDOWS) " of " (windows.len()) "; summary.json has all of them." } }
        p.note { "Marked as bands in the charts over time." }
    }
}

/// The associations that were away, and what the core said, to be marked in the charts.
pub(super) fn event_bands(summary: &Summary) -> impl Iterator<Item = Band> {
    let events = &summary.ran_events.first;
    // The return of an association ends the band of its loss.
    let begins = events.iter().enumerate().filter(|(_, event)| event.kind != RESTORED);
    begins.map(move |(place, event)| {
        let from_s = event.at_us as f64 / 1e6;
        let mut later = events.iter().skip(place + 1);
        let to_s = match event.kind.as_str() {
            "association-lost" => later.find(|later| later.kind == RESTORED && later.node == event.node),
            _ => None,
        };
        let to_s = to_s.map_or(from_s, |back| back.at_us as f64 / 1e6);
        Band {
            from_s,
            to_s,
            label: cut(&format!("{}: {}", event.node, title(&event.kind))),
            kind: Kind::Event,
        }
    })
}

const RESTORED: &str = "association-restored";

/// What happened between the RAN nodes and the core.
pub(super) fn ran_events(run: &Run<'_>) -> Markup {
    let events = &run.summary.ran_events;
    let (kinds, first) = (Tally::of(&events.by_kind), &events.first);
    html! {
        @if kinds.total > 0 || !first.is_empty() {
            section id="ran-events" aria-labelledby="ran-events-title" {
                h2 id="ran-events-title" { "Between the RAN and the core" }
                p.lead { @for (position, (kind, n)) in kinds.by_cause.iter().take(10).enumerate() { @if position > 0 { ", " } (count(*n)) " × " (title(kind)) } }
                div.wide tabindex="0" { table {
                    thead { tr { th.n scope="col" { "At" } th scope="col" { "Event" } th scope="col" { "Node" } th scope="col" { "Details" } } }
                    tbody { @for event in first.iter().take(MOST_WINDOWS) { tr {
                        td.n { (format!("{:.3} s", event.at_us as f64 / 1e6)) }
                        th scope="row" { (shown(&title(&event.kind))) }
                        td.id { (shown(&event.node)) }
                        td { (cut(&event.details)) }
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
    let events = &run.summary.network_events;
    let (kinds, first) = (Tally::of(&events.by_kind), &events.first);
    html! {
        @if kinds.total > 0 || !first.is_empty() {
            section id="network-events" aria-labelledby="network-events-title" {
                h2 id="network-events-title" { "Noticed by the network" }
                p.lead { @for (position, (kind, n)) in kinds.by_cause.iter().take(10).enumerate() { @if position > 0 { ", " } (count(*n)) " × " (title(kind)) } }
                div.wide tabindex="0" { table {
                    thead { tr { th.n scope="col" { "At" } th scope="col" { "Event" } th scope="col" { "Subscriber" } th scope="col" { "Details" } } }
                    tbody { @for event in first.iter().take(MOST_EVENTS) { tr {
                        td.n { (format!("{:.3} s", event.run_us as f64 / 1e6)) }
                        th scope="row" { (shown(&title(&event.kind))) }
                        td.id { (shown(&event.supi)) }
                        td { (cut(&event.details)) }
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
    let kinds = Tally::of(&run.summary.unexpected);
    html! {
        section id="unexpected" aria-labelledby="unexpected-title" {
            h2 id="unexpected-title" { "Messages" }
            dl.facts { (counts(&run.summary.counts)) }
            (amfs(run))
            h3 { "Not expected or not understood" @if kinds.total > 0 { " " span.quiet { (count(kinds.total)) } } }
            @if kinds.by_cause.is_empty() {
                p.quiet { "None." }
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
    let amfs: &[AmfSummary] = &run.summary.amfs;
    html! {
        @if amfs.len() > 1 {
            h3 { "AMFs" }
            table {
                thead { tr { th scope="col" { "Target" } th scope="col" { "Name" } th.n scope="col" { "Connections" } th.n scope="col" { "Sent" } th.n scope="col" { "Received" } } }
                tbody { @for amf in amfs.iter().take(MOST_ROWS) { tr {
                    th scope="row" { (shown(&amf.target)) }
                    td { (cut(&amf.name)) }
                    @for n in [amf.connections, amf.messages_sent, amf.messages_received] { td.n { (count(n)) } }
                } } }
            }
        }
    }
}

/// Links to the captures in the same folder.
pub(super) fn traces(run: &Run<'_>) -> Markup {
    let traces = &run.summary.traces;
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
            dl.facts { (counts(&run.summary.trace_counts)) }
            @if let Some(rows) = &run.summary.attempt_rows {
                p {
                    "Attempts one by one (" (shown(&rows.kept)) "): " a href="attempts.ndjson.zst" { "attempts.ndjson.zst" }
                    ", " (count(rows.rows)) " lines"
                    @if rows.missing() > 0 { "; " (count(rows.missing())) " attempts were counted and have none" }
                    "."
                }
            }
        }
    }
}

fn link(trace: &TraceFileSummary) -> Markup {
    let path = shown(&trace.file);
    let about: Vec<String> =
        [&trace.imsi, &trace.why].into_iter().flatten().map(|about| cut(about)).collect();
    html! {
        @if let Some(address) = inside_folder(&path) { a href=(address) { (path) } } @else { (path) }
        @if !about.is_empty() { " " span.quiet { (about.join(" · ")) } }
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
    let summary = run.summary;
    let mut command = format!("roamstorm run scenario.yaml --seed {}", summary.seed);
    match summary.agents.len() {
        0 | 1 => {}
        agents => command.push_str(&format!(" --agents {agents}")),
    }
    // The embedded simulator is the default.
    if let Some(target) = some(&summary.target).filter(|target| !target.starts_with("sim")) {
        target
            .split_whitespace()
            .for_each(|target| command.push_str(&format!(" --target {}", quoted(target))));
    }
    html! {
        section id="reproduce" aria-labelledby="reproduce-title" {
            h2 id="reproduce-title" { "Run it again" }
            p { "In this run's folder:" }
            code.command { (command) }
            @if let Some(started) = &summary.command { p { "It was started with:" } code.command { (cut(started)) } }
            p.note { "The same seed gives the same plan, identities, keys, arrival times, radio delays and faults." }
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
