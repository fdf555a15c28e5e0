//! Whether anything changed over a long run: the verdict's sentences, and each figure with its line.

use maud::{Markup, html};
use serde_json::Value;

use super::Run;
use super::axis::Axis;
use super::chart::Chart;
use super::figures::{Unit, list, number, scalar, text};
use super::series::{Series, Tone};

/// Only where a run was long enough to be judged.
pub(super) fn is_there(run: &Run<'_>) -> bool {
    run.summary.pointer("/drift/judged").and_then(Value::as_bool) == Some(true)
}

pub(super) fn section(run: &Run<'_>) -> Markup {
    let Some(drift) = run.summary.get("drift").filter(|_| is_there(run)) else { return html! {} };
    // What drifts first; a page of flat lines says nothing.
    let mut trends: Vec<&Value> = list(drift, "trends").iter().collect();
    trends.sort_by_key(|trend| trend.get("drifts").and_then(Value::as_bool) != Some(true));
    html! {
        section id="drift" aria-labelledby="drift-title" {
            h2 id="drift-title" { "Drift" }
            ul { @for line in list(drift, "verdict").iter().filter_map(scalar) { li { (line) } } }
            div.pair { @for trend in trends.into_iter().take(MOST_CHARTS) { (chart(run, trend)) } }
            p.note { "Each point is a stretch of the steady part, read from its merged histogram; the line is the median slope over all pairs of points. "
                "What drifts changes beyond chance and by at least 5 % of its level." }
        }
    }
}

fn chart(run: &Run<'_>, trend: &Value) -> Markup {
    let unit = match text(trend, "unit").as_deref() {
        Some("us") => Unit::Microseconds,
        Some("octets") => Unit::Octets,
        _ => Unit::Percent,
    };
    let point = |pair: &Value| Some((pair.get(0)?.as_f64()?, pair.get(1)?.as_f64()?));
    let points: Vec<(f64, f64)> = list(trend, "points").iter().filter_map(point).collect();
    let (Some(first), Some(last)) = (points.first().copied(), points.last().copied()) else {
        return html! {};
    };
    let end = |key: &str| trend.get("trend").and_then(|line| number(line, key)).unwrap_or_default().max(0.0);
    let line = vec![(first.0, end("from")), (last.0, end("to"))];
    let series = |name: &str, tone, points| Series {
        name: name.to_owned(),
        tone,
        points,
        gap: f64::INFINITY,
        dense: false,
    };
    let title = text(trend, "figure").unwrap_or_default();
    let series = vec![series("measured", Tone::First, points), series("trend", Tone::Objective, line)];
    let x = Axis::time(0.0, last.0);
    Chart {
        title: &title,
        subject: "Drift",
        unit,
        x,
        series,
        bands: &run.bands,
        most_points: run.most_points,
    }
    .draw()
}

const MOST_CHARTS: usize = 12;
