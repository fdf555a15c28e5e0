//! How attempts ended: by cause for one procedure, and the equation that accounts for each one of all of them.

use maud::{Markup, html};
use serde_json::Value;

use super::Run;
use super::figures::{Tally, UNKNOWN, count, known, others, percent, title};

/// At most this many causes of one outcome are told apart.
const MOST_CAUSES: usize = 25;

/// Key of the summary, how it reads, and the class that colours it.
const OUTCOMES: [(&str, &str, &str); 5] = [
    ("succeeded", "Succeeded", "of-good"),
    ("failed", "Failed", "of-bad"),
    ("timed_out", "Timed out", "of-late"),
    ("abandoned", "Abandoned", "of-other"),
    ("never_started", "Never started", "of-other"),
];

/// The outcomes of one procedure, each with its causes and its share of the plan.
pub(super) fn by_cause(name: &str, figures: &Value) -> Markup {
    let planned = Tally::read(figures, "planned").map_or(0, |t| t.total);
    let rows = rows(figures);
    html! {
        h3 { "Outcomes by cause" }
        @if rows.is_empty() {
            p.quiet { "No attempt ended." }
        } @else {
            div.wide { table aria-label={ "Outcomes of " (title(name)) " by cause" } {
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

fn rows(figures: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    for (key, outcome, class) in OUTCOMES {
        let Some(mut tally) = Tally::read(figures, key) else { continue };
        // Some outcomes have their causes beside the total.
        if let Some(causes) =
            causes_key(key).and_then(|key| Tally::read(figures, key)).filter(|c| c.total == tally.total)
        {
            tally = causes;
        }
        if tally.by_cause.is_empty() {
            if tally.total > 0 || key == "succeeded" {
                rows.push(Row { outcome, class, cause: None, attempts: tally.total });
            }
            continue;
        }
        let (shown, rest) = tally.by_cause.split_at(tally.by_cause.len().min(MOST_CAUSES));
        let shown = shown.iter().filter(|(_, n)| *n > 0);
        rows.extend(shown.map(|(cause, n)| Row { outcome, class, cause: Some(cause.clone()), attempts: *n }));
        if !rest.is_empty() {
            let attempts = rest.iter().fold(0, |sum: u64, (_, n)| sum.saturating_add(*n));
            rows.push(Row { outcome, class, cause: Some(format!("{} other causes", rest.len())), attempts });
        }
    }
    rows
}

fn causes_key(outcome: &str) -> Option<&'static str> {
    match outcome {
        "timed_out" => Some("timed_out_by_timer"),
        "never_started" => Some("never_started_by_reason"),
        _ => None,
    }
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
                div.wide { table.equation {
                    thead { tr {
                        th scope="col" { "Procedure" } th.n scope="col" { "Planned" }
                        @for (i, (_, name, _)) in OUTCOMES.iter().enumerate() {
                            td.sign aria-hidden="true" { (if i == 0 { "=" } else { "+" }) }
                            th.n scope="col" { (name) }
                        }
                        th scope="col" { "Balance" }
                    } }
                    tbody { @for (name, figures) in &run.procedures { (equation(name, figures)) } }
                } }
            }
            @if let Some(reports) = run.summary.get("reports") {
                h3 { "Interval reports of the agents" }
                dl.facts { @for (name, value) in others(reports, &[]) { div { dt { (name) } dd { (value) } } } }
            }
        }
    }
}

fn equation(name: &str, figures: &Value) -> Markup {
    let planned = Tally::read(figures, "planned").map(|t| t.total);
    let parts = OUTCOMES.map(|(key, _, _)| Tally::read(figures, key).map(|t| t.total));
    html! { tr {
        th scope="row" { (title(name)) }
        td.n { (known(planned, count)) }
        @for (i, part) in parts.iter().enumerate() {
            td.sign { (if i == 0 { "=" } else { "+" }) }
            td.n { (known(*part, count)) }
        }
        td { (balance(planned, &parts)) }
    } }
}

fn balance(planned: Option<u64>, parts: &[Option<u64>]) -> Markup {
    let ended = parts.iter().try_fold(0_u64, |sum, part| part.and_then(|part| sum.checked_add(part)));
    match planned.zip(ended) {
        None => html! { span.quiet { "not known" } },
        Some((planned, ended)) if planned == ended => {
            html! { span.pass { span aria-hidden="true" { "✓ " } "balances" } }
        }
        Some((planned, ended)) if planned > ended => {
            html! { strong.fail { span aria-hidden="true" { "✕ " } (count(planned - ended)) " without an outcome" } }
        }
        Some((planned, ended)) => {
            html! { strong.fail { span aria-hidden="true" { "✕ " } (count(ended - planned)) " outcomes too many" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equation_tells_balanced_from_unbalanced() {
        let shown = |never: Value| {
            let figures = json!({"planned": 10, "succeeded": 7, "failed": {"congestion": 1}, "timed_out": 1, "abandoned": {}, "never_started": never});
            equation("registration", &figures).into_string()
        };
        assert!(shown(json!(1)).contains("balances"));
        assert!(shown(json!(0)).contains("1 without an outcome"));
        assert!(shown(json!(3)).contains("2 outcomes too many"));
        assert!(shown(Value::Null).contains("not known"));
    }

    #[test]
    fn causes_beside_the_total_are_shown_if_they_add_up_to_it() {
        let of = |by_timer: u64| rows(&json!({"timed_out": 3, "timed_out_by_timer": {"T3510": by_timer}}));
        assert_eq!((of(3)[0].cause.as_deref(), of(3)[0].attempts), (Some("T3510"), 3));
        assert_eq!((of(2)[0].cause.as_deref(), of(2)[0].attempts), (None, 3));
    }

    #[test]
    fn many_causes_are_summed_up_and_none_is_lost() {
        let causes: serde_json::Map<String, Value> =
            (0..1000).map(|i| (format!("cause-{i}"), json!(i))).collect();
        let rows = rows(&json!({"planned": 499_500, "failed": causes}));
        assert_eq!(rows.len(), MOST_CAUSES + 1);
        assert_eq!(rows.iter().map(|row| row.attempts).sum::<u64>(), 499_500);
    }
}
