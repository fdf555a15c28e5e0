//! How attempts ended: by cause for one procedure, and the equation that accounts for each one of all of them.

use std::cmp::Ordering;

use maud::{Markup, html};
use results::{Outcome, ProcedureSummary};

use super::Run;
use super::figures::{Tally, UNKNOWN, count, counts, percent, title};

/// At most this many causes of one outcome are told apart.
const MOST_CAUSES: usize = 25;

/// The class that colours an outcome.
fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "of-good",
        Outcome::Failed => "of-bad",
        Outcome::TimedOut => "of-late",
        Outcome::Abandoned | Outcome::NeverStarted => "of-other",
    }
}

/// The outcomes of one procedure, each with its causes and its share of the plan.
pub(super) fn by_cause(name: &str, figures: &ProcedureSummary) -> Markup {
    let planned = figures.planned;
    let rows = rows(figures);
    html! {
        h3 { "Outcomes by cause" }
        @if figures.planned == 0 {
            p.quiet { "No attempt ended." }
        } @else {
            div.wide tabindex="0" { table aria-label={ "Outcomes of " (title(name)) " by cause" } {
                thead { tr {
                    th scope="col" { "Outcome" } th scope="col" { "Cause" } th.n scope="col" { "Attempts" }
                    th.n scope="col" { "Share of planned" } th.bar scope="col" { span.away { "As a bar" } }
                } }
                tbody { @for row in &rows { tr class=(row.class) {
                    th scope="row" { (row.outcome) }
                    td { @if let Some(cause) = &row.cause { (cause) } @else { span.quiet { (UNKNOWN) } } }
                    td.n { (count(row.attempts)) }
                    td.n { (percent(row.attempts as f64, planned as f64)) }
                    td.bar aria-hidden="true" {
                        @if row.attempts > 0 && planned > 0 {
                            i style=(format!("width:{:.2}%", (row.attempts as f64 / planned as f64 * 100.0).min(100.0))) {}
                        }
                    }
                } } }
            } }
        }
    }
}

struct Row {
    outcome: &'static str,
    class: &'static str,
    cause: Option<String>,
    attempts: u64,
}

fn rows(figures: &ProcedureSummary) -> Vec<Row> {
    let mut rows = Vec::new();
    for counted in figures.account() {
        let (outcome, class, total) = (counted.outcome.title(), class(counted.outcome), counted.total);
        let causes = counted.by_cause.map(Tally::of).filter(|causes| causes.total == total && total > 0);
        let Some(causes) = causes else {
            if total > 0 || counted.outcome == Outcome::Succeeded {
                rows.push(Row { outcome, class, cause: None, attempts: total });
            }
            continue;
        };
        let (shown, rest) = causes.by_cause.split_at(causes.by_cause.len().min(MOST_CAUSES));
        let shown = shown.iter().filter(|(_, n)| *n > 0);
        rows.extend(shown.map(|(cause, n)| Row { outcome, class, cause: Some(cause.clone()), attempts: *n }));
        if !rest.is_empty() {
            let attempts = rest.iter().fold(0, |sum: u64, (_, n)| sum.saturating_add(*n));
            rows.push(Row { outcome, class, cause: Some(format!("{} other causes", rest.len())), attempts });
        }
    }
    rows
}

/// `planned = succeeded + failed + timed-out + abandoned + never-started`, with the figures put in.
pub(super) fn accounting(run: &Run<'_>) -> Markup {
    html! {
        section id="accounting" aria-labelledby="accounting-title" {
            h2 id="accounting-title" { "Accounting" }
            p.note { "Every attempt that the schedule asked for must have exactly one outcome. Where the two sides differ, the run is invalid." }
            @if run.procedures.is_empty() {
                p.quiet { "Nothing was planned." }
            } @else {
                div.wide tabindex="0" { table.equation {
                    thead { tr {
                        th scope="col" { "Procedure" } th.n scope="col" { "Planned" }
                        @for (i, outcome) in Outcome::ALL.iter().enumerate() {
                            td.sign aria-hidden="true" { (if i == 0 { "=" } else { "+" }) }
                            th.n scope="col" { (outcome.title()) }
                        }
                        th scope="col" { "Balance" }
                    } }
                    tbody { @for (name, figures) in &run.procedures { (equation(name, figures)) } }
                } }
            }
            h3 { "Interval reports of the agents" }
            dl.facts { (counts(&run.summary.reports)) }
        }
    }
}

fn equation(name: &str, figures: &ProcedureSummary) -> Markup {
    html! { tr {
        th scope="row" { (title(name)) }
        td.n { (count(figures.planned)) }
        @for (i, part) in figures.account().iter().enumerate() {
            td.sign { (if i == 0 { "=" } else { "+" }) }
            td.n { (count(part.total)) }
        }
        td { (balance(figures)) }
    } }
}

fn balance(figures: &ProcedureSummary) -> Markup {
    let (planned, parts) = (figures.planned, figures.account());
    let ended = parts.iter().fold(0, |sum: u64, part| sum.saturating_add(part.total));
    html! { @match planned.cmp(&ended) {
        Ordering::Equal => span.pass { span aria-hidden="true" { "✓ " } "balances" },
        Ordering::Greater => strong.fail { span aria-hidden="true" { "✕ " } (count(planned - ended)) " without an outcome" },
        Ordering::Less => strong.fail { span aria-hidden="true" { "✕ " } (count(ended - planned)) " outcomes too many" },
    } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn causes(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
        of.iter().map(|(cause, n)| ((*cause).to_owned(), *n)).collect()
    }

    #[test]
    fn equation_tells_balanced_from_unbalanced() {
        let shown = |never_started| {
            let failed = causes(&[("congestion", 1)]);
            let figures = ProcedureSummary {
                planned: 10,
                succeeded: 7,
                failed,
                timed_out: 1,
                never_started,
                ..ProcedureSummary::default()
            };
            equation("registration", &figures).into_string()
        };
        assert!(shown(1).contains("balances"));
        assert!(shown(0).contains("1 without an outcome"));
        assert!(shown(3).contains("2 outcomes too many"));
    }

    #[test]
    fn causes_beside_the_total_are_shown_if_they_add_up_to_it() {
        let of = |by_timer: u64| {
            let timed_out_by_timer = causes(&[("T3510", by_timer)]);
            let figures =
                ProcedureSummary { timed_out: 3, timed_out_by_timer, ..ProcedureSummary::default() };
            rows(&figures).remove(1)
        };
        assert_eq!((of(3).cause.as_deref(), of(3).attempts), (Some("T3510"), 3));
        assert_eq!((of(2).cause.as_deref(), of(2).attempts), (None, 3));
    }

    #[test]
    fn many_causes_are_summed_up_and_none_is_lost() {
        let failed = (0..1000).map(|i| (format!("cause-{i}"), i)).collect();
        let rows = rows(&ProcedureSummary { planned: 499_500, failed, ..ProcedureSummary::default() });
        assert_eq!(rows.len(), 1 + MOST_CAUSES + 1);
        assert_eq!(rows.iter().map(|row| row.attempts).sum::<u64>(), 499_500);
    }
}
