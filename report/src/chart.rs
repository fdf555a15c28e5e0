//! One line chart: an SVG that stretches with the page, labels beside it in HTML (so that they keep their size), and
//! the exact values as JSON for the read-out of `hover.js`. Without a script everything but the read-out is there.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};
use serde_json::json;

use super::axis::{Axis, Scale};
use super::figures::Unit;
use super::series::{Series, Tone};

/// The SVG's own coordinates; the page stretches them.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 400.0;
/// So many instants at most are set apart as beyond the chart.
const MOST_BEYOND: usize = 3;
/// What is more than so many times the rest is far out.
const FAR_OUT: f64 = 4.0;

/// A stretch of time in which something was done to the network, such as a freeze, or happened to the fleet.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    pub(super) label: String,
    pub(super) kind: Kind,
}

/// What a band is about; they differ in colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Something was done to the network on purpose.
    Fault,
    /// Some shard was lost with its agent.
    Gap,
    /// An association with the core was away, or the core said something.
    Event,
    /// The run was paused, or its coordinator started again.
    Stop,
}

/// What to draw.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    /// For readers who do not see the page: what the chart is about.
    pub(super) subject: &'a str,
    pub(super) unit: Unit,
    pub(super) x: Axis,
    pub(super) series: Vec<Series>,
    pub(super) bands: &'a [Band],
    /// No line gets many more points than this.
    pub(super) most_points: usize,
    /// Where a value leads that is too far out to be drawn.
    pub(super) beyond: Option<String>,
}

/// Values that stand so far above all others that these would be squeezed.
struct Beyond {
    /// The highest value that is drawn.
    below: f64,
    /// Where and what, highest first.
    points: Vec<(f64, f64)>,
    /// Objectives that lie higher.
    objectives: Vec<String>,
}

impl Chart<'_> {
    /// The chart, or a line that says that there is nothing to draw.
    pub(super) fn draw(mut self) -> Markup {
        self.series.retain(|series| !series.points.is_empty());
        if self.series.is_empty() {
            return html! { figure.chart.empty { figcaption { (self.title) } p.quiet { "No values were recorded." } } };
        }
        let beyond = self.take_beyond();
        let all = self.series.iter().flat_map(|s| s.points.iter().map(|p| p.1));
        let y = Axis::for_values(all.filter(|value| *value <= beyond.below), self.unit);
        for series in &mut self.series {
            series.thin_out(self.most_points);
        }
        html! {
            figure.chart {
                figcaption { (self.title)
                    @if y.scale == Scale::Log { span.quiet { " · log scale" } }
                    @if self.series.iter().any(|series| series.dense) { span.quiet { " · lowest and highest of each stretch" } }
                    @for objective in &beyond.objectives { span.quiet { " · " (objective) " lies above" } }
                }
                ul.legend aria-hidden="true" {
                    @for series in &self.series { li class=(series.tone.class()) { i {} (series.name) } }
                    @if self.has(Kind::Fault) { li.fault { i {} (self.faults()) } }
                    @if self.has(Kind::Gap) { li.gap { i {} "shards lost with their agent" } }
                    @if self.has(Kind::Stop) { li.stop { i {} "paused, or coordinator restarted" } }
                    @if self.has(Kind::Event) { li.event { i {} "association lost, or said by the core" } }
                }
                div.frame {
                    div.y aria-hidden="true" {
                        @for (value, label) in &y.ticks {
                            span style={ "bottom:" (share(y.position(*value))) } { (label) }
                        }
                    }
                    div.plot role="img" tabindex="0" aria-label=(self.description()) {
                        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" {
                            @for band in self.bands { (self.band(band)) }
                            path.grid d=(self.grid(&y)) {}
                            @for series in self.series.iter().filter(|s| s.tone == Tone::Offered) {
                                path class={ "area " (series.tone.class()) } d=(self.path(series, &y, true)) {}
                            }
                            @for series in &self.series {
                                path class={ "line " (series.tone.class()) @if series.dense { " dense" } } d=(self.path(series, &y, false)) {}
                                @let lone = self.lone(series, &y);
                                @if !lone.is_empty() { path class={ "line lone " (series.tone.class()) } d=(lone) {} }
                            }
                        }
                    }
                    @if !beyond.points.is_empty() { ul.beyond { @for point in &beyond.points { (self.beyond_mark(*point)) } } }
                    div.x aria-hidden="true" {
                        @for (value, label) in &self.x.ticks {
                            span style={ "left:" (share(self.x.position(*value))) } { (label) }
                        }
                    }
                }
                script type="application/json" { (PreEscaped(script_safe(&self.values(&y).to_string()))) }
            }
        }
    }

    /// Sets apart what would squeeze the rest: the highest values of a few instants, where they are several times all others; and
    /// objectives that nothing comes near.
    fn take_beyond(&mut self) -> Beyond {
        let mut nothing = Beyond { below: f64::INFINITY, points: Vec::new(), objectives: Vec::new() };
        if self.unit != Unit::Microseconds {
            return nothing;
        }
        let mut tops = std::collections::BTreeMap::new();
        for (x, y) in self.series.iter().filter(|s| s.tone != Tone::Objective).flat_map(|s| &s.points) {
            let top = tops.entry(x.to_bits()).or_insert((*x, *y));
            top.1 = top.1.max(*y);
        }
        let mut tops: Vec<(f64, f64)> = tops.into_values().collect();
        tops.sort_by(|a, b| b.1.total_cmp(&a.1));
        let few = (tops.len() / 4).min(MOST_BEYOND);
        let far = (1..=few)
            .rev()
            .find(|n| tops.get(n - 1).zip(tops.get(*n)).is_some_and(|(out, rest)| out.1 > rest.1 * FAR_OUT));
        if let Some(far) = far {
            nothing.points = tops.drain(..far).collect();
        }
        let high = tops.first().map_or(0.0, |top| top.1);
        if !nothing.points.is_empty() {
            nothing.below = high;
        }
        let near = |series: &Series| series.points.iter().all(|point| point.1 <= high.max(1.0) * FAR_OUT);
        let (stay, go): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.series).into_iter().partition(|s| s.tone != Tone::Objective || near(s));
        self.series = stay;
        nothing.objectives = go.into_iter().map(|series| series.name).collect();
        // An objective that is drawn makes room for itself.
        let drawn = self.series.iter().filter(|s| s.tone == Tone::Objective).flat_map(|s| &s.points);
        nothing.below = drawn.fold(nothing.below, |below, point| below.max(point.1));
        nothing
    }

    fn beyond_mark(&self, (x, y): (f64, f64)) -> Markup {
        let at = self.x.position(x);
        let text = format!("▲ {}", self.unit.show(y));
        let when = match self.x.scale {
            Scale::Nines => format!("{}, the maximum", self.unit.show(y)),
            _ => format!("{} at {}", self.unit.show(y), super::axis::clock(x)),
        };
        let class = if at > 0.85 { "right" } else { "" };
        html! { li class=(class) style={ "left:" (share(at)) } {
            @if let Some(target) = &self.beyond { a href={ "#" (target) } title=(when) { (text) } } @else { span title=(when) { (text) } }
        } }
    }

    /// What was done to the network, by name where that is short.
    fn faults(&self) -> String {
        let mut names: Vec<&str> = self
            .bands
            .iter()
            .filter(|band| band.kind == Kind::Fault)
            .map(|band| band.label.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        match names.as_slice() {
            [one] => (*one).to_owned(),
            [one, other] => format!("{one}, {other}"),
            many => format!("{} faults and impairments", many.len()),
        }
    }

    fn has(&self, kind: Kind) -> bool {
        self.bands.iter().any(|band| band.kind == kind)
    }

    fn band(&self, band: &Band) -> Markup {
        let from = self.x.position(band.from_s) * WIDTH;
        // Short ones would vanish on a long run.
        let width = (self.x.position(band.to_s) * WIDTH - from).max(2.0);
        let class = match band.kind {
            Kind::Fault => "band",
            Kind::Gap => "band gap",
            Kind::Event => "band event",
            Kind::Stop => "band stop",
        };
        html! { rect class=(class) x=(format!("{from:.1}")) y="0" width=(format!("{width:.1}")) height=(HEIGHT) { title { (band.label) } } }
    }

    fn grid(&self, y: &Axis) -> String {
        let mut path = String::new();
        for (value, _) in &y.ticks {
            let _ = write!(path, "M0 {:.1}H{WIDTH}", (1.0 - y.position(*value)) * HEIGHT);
        }
        path
    }

    /// The line, or the area below it; it breaks where the points are too far apart.
    fn path(&self, series: &Series, y: &Axis, area: bool) -> String {
        let mut path = String::new();
        for stretch in stretches(series) {
            if stretch.len() == 1 && series.holds.is_none() {
                continue;
            }
            let mut corners = self.corners(series, stretch, y);
            let Some(first) = corners.next() else { continue };
            if area {
                let _ = write!(path, "M{:.1} {HEIGHT}L{:.1} {:.1}", first.0, first.0, first.1);
            } else {
                let _ = write!(path, "M{:.1} {:.1}", first.0, first.1);
            }
            let mut last = first;
            for corner in corners {
                let _ = match (corner.0 == last.0, corner.1 == last.1) {
                    (true, true) => Ok(()),
                    (true, false) => write!(path, "V{:.1}", corner.1),
                    (false, true) => write!(path, "H{:.1}", corner.0),
                    (false, false) => write!(path, "L{:.1} {:.1}", corner.0, corner.1),
                };
                last = corner;
            }
            if area {
                let _ = write!(path, "L{:.1} {HEIGHT}Z", last.0);
            }
        }
        path
    }

    /// Single points, which are no line: each as a dot.
    fn lone(&self, series: &Series, y: &Axis) -> String {
        let mut path = String::new();
        let alone = stretches(series).filter(|stretch| stretch.len() == 1 && series.holds.is_none());
        for (x, y) in alone.flatten().map(|point| self.place(*point, y)) {
            let _ = write!(path, "M{x:.1} {y:.1}h0"); // A round line end makes a dot of it.
        }
        path
    }

    /// Where the line turns: at each point, or where a value that holds begins and ends.
    fn corners<'a>(
        &'a self,
        series: &'a Series,
        stretch: &'a [(f64, f64)],
        y: &'a Axis,
    ) -> impl Iterator<Item = (f64, f64)> + 'a {
        let ends = series.holds.map(|holds| move |x: f64| x + holds);
        stretch.iter().enumerate().flat_map(move |(i, point)| {
            let next = stretch.get(i + 1).map(|next| next.0);
            let end = ends.map(|end| (next.unwrap_or_else(|| end(point.0)), point.1));
            [Some(*point), end].into_iter().flatten().map(|point| self.place(point, y))
        })
    }

    fn place(&self, (x, value): (f64, f64), y: &Axis) -> (f64, f64) {
        (self.x.position(x) * WIDTH, (1.0 - y.position(value)) * HEIGHT)
    }

    fn description(&self) -> String {
        let mut text = format!("{}, {}.", self.subject, self.title);
        for series in &self.series {
            let values = || series.points.iter().map(|p| p.1);
            let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
            let _ = write!(text, " {}: {} to {}.", series.name, self.unit.show(low), self.unit.show(high));
        }
        text.push_str(" Arrow keys read single values.");
        text
    }

    fn values(&self, y: &Axis) -> serde_json::Value {
        let scale = |axis: &Axis| match axis.scale {
            Scale::Linear => "linear",
            Scale::Log => "log",
            Scale::Nines => "nines",
        };
        let series = self.series.iter().map(|s| {
            let x: Vec<_> = s.points.iter().map(|p| short(p.0)).collect();
            let y: Vec<_> = s.points.iter().map(|p| short(p.1)).collect();
            json!({"name": s.name, "tone": s.tone.class(), "gap": s.gap, "x": x, "y": y})
        });
        json!({
            "unit": self.unit.as_str(),
            "x": {"scale": scale(&self.x), "min": self.x.min, "max": self.x.max},
            "y": {"scale": scale(y), "min": y.min, "max": y.max},
            "series": series.collect::<Vec<_>>(),
        })
    }
}

/// The parts of a line between its breaks.
fn stretches(series: &Series) -> impl Iterator<Item = &[(f64, f64)]> {
    series.points.chunk_by(|a, b| b.0 - a.0 <= series.gap)
}

/// Whole numbers are written without `.0`, which halves the page.
fn short(value: f64) -> serde_json::Value {
    let whole: Option<i64> = (value.fract() == 0.0).then(|| format!("{value:.0}").parse().ok()).flatten();
    whole.map_or_else(|| json!(value), |whole| json!(whole))
}

fn share(position: f64) -> String {
    format!("{:.2}%", position * 100.0)
}

/// JSON that may stand inside a `script` element: no `<` that could end it, and no `&` or `>` that XML tools stumble on.
fn script_safe(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn chart(points: Vec<(f64, f64)>) -> String {
        let name = "</script><script>alert(1)</script>".to_owned();
        let series = vec![Series { name, tone: Tone::First, points, gap: 1.5, holds: None, dense: false }];
        let x = Axis::time(0.0, 10.0);
        let unit = Unit::Count;
        chart_of(unit, x, series)
    }

    fn chart_of(unit: Unit, x: Axis, series: Vec<Series>) -> String {
        let beyond = Some("slowest-0".to_owned());
        Chart { title: "Due", subject: "registration", unit, x, series, bands: &[], most_points: 600, beyond }
            .draw()
            .into_string()
    }

    #[test]
    fn embedded_values_are_the_points_and_cannot_end_the_script() {
        let page = chart(vec![(0.0, 1.0), (1.0, 2.5), (5.0, 3.0)]);
        assert!(!page.contains("<script>alert"));
        let json = page
            .split("\"application/json\">")
            .nth(1)
            .and_then(|rest| rest.split("</script>").next())
            .unwrap();
        let values: Value = serde_json::from_str(json).unwrap();
        assert_eq!(values["series"][0]["x"], json!([0, 1, 5]));
        assert_eq!(values["series"][0]["y"], json!([1, 2.5, 3]));
        assert_eq!(values["series"][0]["name"], "</script><script>alert(1)</script>");
    }

    #[test]
    fn line_goes_through_every_point_and_breaks_at_the_gap() {
        let page = chart(vec![(0.0, 1.0), (1.0, 2.0), (5.0, 4.0)]);
        // The axis ends at 4: a value of 1 is at three quarters of the height.
        assert!(
            page.contains("<path class=\"line t-first\" d=\"M0.0 300.0L100.0 200.0\"")
                && page.contains("<path class=\"line lone t-first\" d=\"M500.0 0.0h0\""),
            "{page}"
        );
    }

    #[test]
    fn count_holds_for_its_second_and_is_drawn_as_a_step() {
        let points = vec![(0.0, 4.0), (1.0, 2.0), (5.0, 4.0)];
        let steps = Series {
            name: "due".to_owned(),
            tone: Tone::Offered,
            points,
            gap: 1.5,
            holds: Some(1.0),
            dense: false,
        };
        let page = chart_of(Unit::Count, Axis::time(0.0, 10.0), vec![steps]);
        assert!(page.contains("d=\"M0.0 0.0H100.0V200.0H200.0M500.0 0.0H600.0\""), "{page}");
        assert!(page.contains("d=\"M0.0 400L0.0 0.0H100.0V200.0H200.0L200.0 400Z"), "{page}");
    }

    #[test]
    fn few_values_far_above_all_others_are_told_and_squeeze_nothing() {
        let mut points: Vec<(f64, f64)> = (0..60).map(|x| (f64::from(x), 90_000.0)).collect();
        points[12].1 = 6_060_000.0;
        let objective =
            |us| Series::line("objective: p99 < 1s", Tone::Objective, vec![(0.0, us), (60.0, us)]);
        let axis = || Axis::time(0.0, 60.0);
        let line = || Series::line("max", Tone::Extreme, points.clone());
        let page = chart_of(Unit::Microseconds, axis(), vec![line(), objective(1e6)]);
        assert!(page.contains("<a href=\"#slowest-0\" title=\"6.06 s at 0:12\">▲ 6.06 s</a>"), "{page}");
        assert!(
            page.contains("objective: p99 &lt; 1s lies above") && page.contains("100 ms</span>"),
            "{page}"
        );
        assert!(!page.contains("log scale"), "{page}");
        // An objective that is near is drawn.
        let page = chart_of(Unit::Microseconds, axis(), vec![line(), objective(150_000.0)]);
        assert!(page.contains("t-objective\" d=") && !page.contains("lies above"), "{page}");
        // Many high values are no outliers.
        (0..20).for_each(|x| points[x * 3].1 = 5_000_000.0);
        let line = Series::line("max", Tone::Extreme, points);
        assert!(!chart_of(Unit::Microseconds, axis(), vec![line]).contains("▲"));
    }

    #[test]
    fn nothing_to_draw_says_so() {
        assert!(chart(Vec::new()).contains("No values were recorded"));
    }
}
