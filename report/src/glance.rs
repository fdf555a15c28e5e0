//! Every procedure in one line: how many, how well, how fast. The sections below have the rest.

use maud::{Markup, html};
use serde_json::Value;

use super::Run;
use super::figures::{Tally, UNKNOWN, count, known, latency, number, percent, title};

/// With one procedure its own section says it all.
pub(super) fn is_there(run: &Run<'_>) -> bool {
    run.procedures.len() > 2
}

pub(super) fn section(run: &Run<'_>) -> Markup {
    let slowest = run.procedures.iter().filter_map(|(_, figures)| us(figures, "p95")).fold(0.0, f64::max);
    html! {
        @if is_there(run) {
            section id="glance" aria-labelledby="glance-title" {
                h2 id="glance-title" { "Procedures at a glance" }
                div.wide { table {
                    thead { tr {
                        th scope="col" { "Procedure" } th.n scope="col" { "Planned" } th.n scope="col" { "Succeeded" } th.n scope="col" { "Unsuccessful" }
                        th.n scope="col" { "p50" } th.n scope="col" { "p95" } th.n scope="col" { "p99" } th.bar scope="col" { span.quiet { "p50 and p95" } }
                    } }
                    tbody { @for (i, (name, figures)) in run.procedures.iter().enumerate() { (line(i, name, figures, slowest)) } }
                } }
            }
        }
    }
}

fn line(position: usize, name: &str, figures: &Value, slowest: f64) -> Markup {
    let planned = Tally::read(figures, "planned").map(|tally| tally.total);
    let succeeded = Tally::read(figures, "succeeded").map(|tally| tally.total);
    let not = planned.zip(succeeded).map(|(planned, succeeded)| planned.saturating_sub(succeeded));
    let width = |key: &str| {
        us(figures, key).filter(|_| slowest > 0.0).map(|us| format!("width:{:.2}%", us / slowest * 100.0))
    };
    html! { tr {
        th scope="row" { a href={ "#procedure-" (position) } { (title(name)) } }
        td.n { (known(planned, count)) }
        td.n { (known(planned.zip(succeeded), |(planned, succeeded)| percent(succeeded as f64, planned as f64))) }
        td.n { @match not { Some(0) => span.quiet { "0" }, Some(n) => strong.fail { (count(n)) }, None => (UNKNOWN) } }
        @for key in ["p50", "p95", "p99"] { td.n { (known(us(figures, key), latency)) } }
        td.bar.range aria-hidden="true" {
            @if let Some(style) = width("p95") { i.wider style=(style) {} }
            @if let Some(style) = width("p50") { i style=(style) {} }
        }
    } }
}

/// Nothing where nothing succeeded.
fn us(figures: &Value, key: &str) -> Option<f64> {
    let latencies = figures.get("latency_us").filter(|latencies| number(latencies, "max") != Some(0.0))?;
    number(latencies, key)
}
