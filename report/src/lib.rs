//! What is made of a run's results: its report, `junit.xml`, its drift, and its comparison with another run.
//!
//! The report is one HTML page that needs nothing else: no network, no other file, no script to be readable.
//!
//! The types of `results/` come in, a page goes out. The folder may be of an older version: what it lacks is left out. Names, causes and messages come from scenario files and from the network, so everything
//! is escaped (by `maud`), cut at a limit, and kept out of scripts, styles and addresses.

mod axis;
mod billing;
mod call_flow;
mod capacity;
mod chart;
mod circumstances;
mod compare;
mod comparison;
mod continuity;
mod drift;
mod figures;
mod fleet;
mod glance;
mod heat;
mod judge_drift;
mod junit;
mod markdown;
mod mobility;
mod outcomes;
mod over_time;
mod procedure;
mod series;
mod verdict;
mod write;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use results::{CallFlow, Interval, ProcedureSummary, Stop, Summary};
use statistics::RunSeries;

use chart::{Band, Kind};
pub use compare::{
    CompareError, ComparedRun, ComparedRuns, RunRead, compare_runs, comparison_text, page_name, read_run,
    write_comparison,
};
pub use comparison::render as render_comparison;
use figures::{duration, some};
pub use judge_drift::judge as judge_drift;
pub use junit::render as render_junit;
pub use markdown::{render as render_markdown, render_search as render_search_markdown};
use series::TimeLine;
pub use write::{render_report, write_search};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("hover.js");

/// At most this many rows of one table are shown; the run folder has the rest.
const MOST_ROWS: usize = 200;

/// What a UE does, in the order in which it does it.
const LIFE: [&str; 6] = [
    "registration",
    "pdu-session",
    "handover-n2",
    "handover-xn",
    "service-request",
    "mobility-registration-update",
];

/// Points on all the charts of a page: keeps eight hours of five procedures below 2 MB.
const MOST_POINTS: usize = 45_000;

/// What a report shows of the other files of a folder, where they are there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Besides<'a> {
    /// All latencies over time, of `histograms.hlog`.
    pub latencies: Option<&'a RunSeries>,
    /// When the run stood still, of `journal.ndjson`.
    pub stops: &'a [Stop],
}

/// Draws the report from the content of `summary.json`, the lines of `timeline.ndjson` and `ladders.ndjson`, and what is known
/// besides.
pub fn render(
    summary: &Summary,
    timeline: &[Interval],
    ladders: &[CallFlow],
    besides: Besides<'_>,
) -> String {
    let mut run = Run { ladders, besides, ..Run::new(summary, timeline) };
    run.bands.extend(continuity::stop_bands(besides.stops).take(MOST_ROWS));
    let scenario = some(&summary.scenario).unwrap_or_else(|| "unnamed scenario".to_owned());
    let title = html! { (run.status().word()) " · " (scenario) };
    let body = html! {
        (verdict::header(&run))
        nav aria-label="Sections" { ul { @for (id, name) in run.contents() { li { a href={ "#" (id) } { (name) } } } } }
        main {
            (verdict::key_figures(&run))
            (verdict::objectives(&run))
            (billing::section(&run))
            (glance::section(&run))
            @for (i, (name, figures)) in run.procedures.iter().enumerate() { (procedure::section(&run, i, name, figures)) }
            (mobility::section(&run))
            (over_time::section(&run))
            (over_time::traffic(&run))
            (drift::section(&run))
            (call_flow::section(&run))
            (outcomes::accounting(&run))
            (fleet::generator(&run))
            (fleet::agents(&run))
            (continuity::section(&run))
            (circumstances::impairments(&run))
            (circumstances::ran_events(&run))
            (circumstances::network_events(&run))
            (circumstances::unexpected(&run))
            (circumstances::traces(&run))
            (circumstances::reproduce(&run))
            footer { "Made by Roamstorm from summary.json and timeline.ndjson of this run's folder. All times of the charts are since the start of the run." }
        }
    };
    page(&title, &body)
}

/// A page of its own: nothing of it comes from elsewhere.
fn page(title: &Markup, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                // Even if something slipped through, nothing can be loaded from elsewhere.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Roamstorm" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (body)
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// What the sections read from.
struct Run<'a> {
    summary: &'a Summary,
    procedures: Vec<(&'a str, &'a ProcedureSummary)>,
    timeline: TimeLine<'a>,
    bands: Vec<Band>,
    most_points: usize,
    ladders: &'a [CallFlow],
    besides: Besides<'a>,
}

impl<'a> Run<'a> {
    fn new(summary: &'a Summary, timeline: &'a [Interval]) -> Self {
        let mut procedures: Vec<(&str, &ProcedureSummary)> =
            summary.procedures.iter().map(|(name, figures)| (name.as_str(), figures)).collect();
        // The busiest first; those of equal size in the order of a UE's life.
        let place = |name: &str| LIFE.iter().position(|known| *known == name).unwrap_or(LIFE.len());
        procedures.sort_by_key(|(name, figures)| (std::cmp::Reverse(figures.planned), place(name)));
        procedures.truncate(40);
        // Nine lines over time for each procedure, ten for the fleet and the user plane.
        let most_points = (MOST_POINTS / (procedures.len() * 9 + 10)).min(1000);
        let (timeline, bands) = (TimeLine::new(timeline), bands(summary));
        Self { summary, procedures, timeline, bands, most_points, ladders: &[], besides: Besides::default() }
    }

    /// Where the slowest attempts of a procedure are shown message by message, if they are.
    fn slowest_of(&self, procedure: &str) -> Option<String> {
        call_flow::slowest_of(self.ladders, procedure)
    }

    fn status(&self) -> verdict::Status {
        self.summary.verdict.status.into()
    }

    /// An invalid run says nothing about the target, neither good nor bad.
    fn is_judged(&self) -> bool {
        self.status() != verdict::Status::Invalid
    }

    /// Anchors and names of the sections.
    fn contents(&self) -> Vec<(String, String)> {
        let fixed = |id: &str, name: &str| (id.to_owned(), name.to_owned());
        let mut contents = vec![fixed("objectives", "Objectives"), fixed("billing", "Billing")];
        if glance::is_there(self) {
            contents.push(fixed("glance", "Procedures"));
        } else {
            let procedures = self.procedures.iter().enumerate();
            contents
                .extend(procedures.map(|(i, (name, _))| (format!("procedure-{i}"), figures::title(name))));
        }
        let there = |is_there: bool, id: &str, name: &str| is_there.then(|| fixed(id, name));
        contents.extend(there(mobility::is_there(self), "handovers", "Handovers"));
        contents.push(fixed("population", "Population"));
        contents.extend(there(over_time::has_traffic(self), "traffic", "Traffic"));
        contents.extend(there(drift::is_there(self), "drift", "Drift"));
        contents.extend(there(!self.ladders.is_empty(), "ladders", "Life of a UE"));
        contents.extend([
            fixed("accounting", "Accounting"),
            fixed("generator", "Generator"),
            fixed("agents", "Agents"),
        ]);
        contents.extend(there(continuity::is_there(self), "continuity", "Fleet"));
        contents.extend([
            fixed("impairments", "Impairments"),
            fixed("traces", "Traces"),
            fixed("reproduce", "Run it again"),
        ]);
        contents
    }
}

/// The faults, impairments and gaps, to be marked in the charts.
fn bands(summary: &Summary) -> Vec<Band> {
    let band = |kind: &str, from_s: f64, for_s: f64| {
        let label = format!("{} for {}", some(kind).unwrap_or_else(|| "fault".to_owned()), duration(for_s));
        Band { from_s, to_s: from_s + for_s, label, kind: Kind::Fault }
    };
    let faults = summary.faults.iter().map(|fault| band(&fault.kind, fault.at_s, fault.for_s));
    let windows = summary.impairments.windows.iter();
    let windows = windows.map(|window| band(&window.kind, window.at_s, window.for_s));
    let events = circumstances::event_bands(summary).take(MOST_ROWS);
    continuity::bands(summary)
        .take(MOST_ROWS)
        .chain(faults.chain(windows).take(MOST_ROWS))
        .chain(events)
        .collect()
}

/// Said below a table of which only the first rows are shown.
fn left_out(all: usize) -> Markup {
    html! {
        @if all > MOST_ROWS {
            p.note { "The first " (MOST_ROWS) " of " (figures::count(u64::try_from(all).unwrap_or(u64::MAX))) "; the run folder has all of them." }
        }
    }
}

#[cfg(test)]
mod browser_tests;
#[cfg(test)]
mod roaming;
#[cfg(test)]
mod roaming_tests;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
