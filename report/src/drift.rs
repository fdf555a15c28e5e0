//! Whether anything changed over a long run: the verdict's sentences, and each figure with its line.

use maud::{Markup, html};
use results::DriftTrend;

use super::Run;
use super::axis::Axis;
use super::chart::Chart;
use super::figures::{Unit, cut};
use super::series::{Series, Tone};

/// Only where a run was long enough to be judged.
pub(super) fn is_there(run: &Run<'_>) -> bool {
    run.summary.drift.judged
}

pub(super) fn section(run: &Run<'_>) -> Markup {
    let drift = &run.summary.drift;
    if !is_there(run) {
        return html! {};
    }
    // What drifts first; a page of flat lines says nothing.
    let mut trends: Vec<&DriftTrend> = drift.trends.iter().collect();
    trends.sort_by_key(|trend| !trend.drifts);
    html! {
        section id="drift" aria-labelledby="drift-title" {
            h2 id="drift-title" { "Drift" }
            ul { @for line in &drift.verdict { li { (cut(line)) } } }
            div.pair { @for trend in trends.into_iter().take(MOST_CHARTS) { (chart(run, trend)) } }
            p.note { "Each point is a stretch of the steady part, read from its merged histogram; the line is the median slope over all pairs of points. "
                "What drifts changes beyond chance and by at least 5 % of its level." }
        }
    }
}

fn chart(run: &Run<'_>, trend: &DriftTrend) -> Markup {
    let unit = match trend.unit.as_str() {
        "us" => Unit::Microseconds,
        "octets" => Unit::Octets,
        _ => Unit::Percent,
    };
    let points = trend.points.clone();
    let (Some(first), Some(last)) = (points.first().copied(), points.last().copied()) else {
        return html! {};
    };
    let line = vec![(first.0, trend.trend.from.max(0.0)), (last.0, trend.trend.to.max(0.0))];
    let title = cut(&trend.figure);
    let series =
        vec![Series::line("measured", Tone::First, points), Series::line("trend", Tone::Third, line)];
    let x = Axis::time(0.0, last.0);
    Chart {
        title: &title,
        subject: "Drift",
        unit,
        x,
        series,
        bands: &run.bands,
        most_points: run.most_points,
        beyond: None,
    }
    .draw()
}

const MOST_CHARTS: usize = 12;
