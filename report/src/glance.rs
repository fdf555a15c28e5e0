//! Every procedure in one line: how many, how well, how fast. The sections below have the rest.

use maud::{Markup, html};
use results::{Percentiles, ProcedureSummary};

use super::Run;
use super::figures::{count, known, latency, percent, title};

/// With one procedure its own section says it all.
pub(super) fn is_there(run: &Run<'_>) -> bool {
    run.procedures.len() > 2
}

pub(super) fn section(run: &Run<'_>) -> Markup {
    let slowest = run
        .procedures
        .iter()
        .filter_map(|(_, figures)| figures.latency_us.measured())
        .map(|of| of.p95)
        .max()
        .unwrap_or(0);
    let not_judged = run.procedures.iter().any(|(_, figures)| figures.not_judged() > 0);
    html! {
        @if is_there(run) {
            section id="glance" aria-labelledby="glance-title" {
                h2 id="glance-title" { "Procedures at a glance" }
                div.wide tabindex="0" { table {
                    thead { tr {
                        th scope="col" { "Procedure" } th.n scope="col" { "Planned" } th.n scope="col" { "Success" } th.n scope="col" { "Unsuccessful" }
                        @if not_judged { th.n scope="col" { "Not judged" } }
                        th.n scope="col" { "p50" } th.n scope="col" { "p95" } th.n scope="col" { "p99" } th.bar scope="col" { span.quiet { "p50 and p95 as bars" } }
                    } }
                    tbody { @for (i, (name, figures)) in run.procedures.iter().enumerate() { (line(i, name, figures, slowest, not_judged)) } }
                } }
                @if not_judged { p.note { "Success is of the attempts that the target had a part in, here as in the objectives. Not judged is what never began, "
                    "or was given up for reasons of the fleet or of the UE; the accounting has the reasons." } }
            }
        }
    }
}

fn line(position: usize, name: &str, figures: &ProcedureSummary, slowest: u64, not_judged: bool) -> Markup {
    let (judged, succeeded) = (figures.judged(), figures.succeeded);
    let measured = figures.latency_us.measured();
    let us = |of: fn(&Percentiles) -> u64| measured.as_ref().map(of);
    let width = |of: fn(&Percentiles) -> u64| {
        us(of).map(|us| format!("width:{:.2}%", us as f64 / slowest.max(1) as f64 * 100.0))
    };
    html! { tr {
        th scope="row" { a href={ "#procedure-" (position) } { (title(name)) } }
        td.n { (count(figures.planned)) }
        td.n { (percent(succeeded as f64, judged as f64)) }
        td.n { @match judged.saturating_sub(succeeded) { 0 => span.quiet { "0" }, n => strong.fail { (count(n)) } } }
        @if not_judged { td.n.quiet { (count(figures.not_judged())) } }
        @for of in [|of: &Percentiles| of.p50, |of: &Percentiles| of.p95, |of: &Percentiles| of.p99] { td.n { (known(us(of), |us| latency(us as f64))) } }
        td.bar.range aria-hidden="true" {
            @if let Some(style) = width(|of| of.p95) { i.wider style=(style) {} }
            @if let Some(style) = width(|of| of.p50) { i style=(style) {} }
        }
    } }
}
