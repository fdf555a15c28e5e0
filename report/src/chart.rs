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
}

impl Chart<'_> {
    /// The chart, or a line that says that there is nothing to draw.
    pub(super) fn draw(mut self) -> Markup {
        self.series.retain(|series| !series.points.is_empty());
        if self.series.is_empty() {
            return html! { figure.chart.empty { figcaption { (self.title) } p.quiet { "No values were recorded." } } };
        }
        let y = Axis::for_values(self.series.iter().flat_map(|s| s.points.iter().map(|p| p.1)), self.unit);
        for series in &mut self.series {
            series.thin_out(self.most_points);
        }
        html! {
            figure.chart {
                figcaption { (self.title)
                    @if y.scale == Scale::Log { span.quiet { " · log scale" } }
                    @if self.series.iter().any(|series| series.dense) { span.quiet { " · lowest and highest of each stretch" } }
                }
                ul.legend aria-hidden="true" {
                    @for series in &self.series { li class=(series.tone.class()) { i {} (series.name) } }
                    @if self.has(Kind::Fault) { li.fault { i {} "fault or impairment" } }
                    @if self.has(Kind::Gap) { li.gap { i {} "shards lost with their agent" } }
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
                            }
                        }
                    }
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
        for stretch in series.points.chunk_by(|a, b| b.0 - a.0 <= series.gap) {
            let at =
                |point: &(f64, f64)| (self.x.position(point.0) * WIDTH, (1.0 - y.position(point.1)) * HEIGHT);
            let (Some(first), Some(last)) = (stretch.first().map(at), stretch.last().map(at)) else {
                continue;
            };
            if area {
                let _ = write!(path, "M{:.1} {HEIGHT}L{:.1} {:.1}", first.0, first.0, first.1);
            } else {
                let _ = write!(path, "M{:.1} {:.1}", first.0, first.1);
            }
            for (x, y) in stretch.iter().skip(1).map(at) {
                let _ = write!(path, "L{x:.1} {y:.1}");
            }
            match (area, stretch.len()) {
                (true, _) => {
                    let _ = write!(path, "L{:.1} {HEIGHT}Z", last.0);
                }
                (false, 1) => path.push_str("h0"), // A round line end makes a dot of it.
                (false, _) => {}
            }
        }
        path
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
        let series = vec![Series { name, tone: Tone::First, points, gap: 1.5, dense: false }];
        let x = Axis::time(0.0, 10.0);
        let unit = Unit::Count;
        Chart { title: "Due", subject: "registration", unit, x, series, bands: &[], most_points: 600 }
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
            page.contains("<path class=\"line t-first\" d=\"M0.0 300.0L100.0 200.0M500.0 0.0h0\""),
            "{page}"
        );
    }

    #[test]
    fn nothing_to_draw_says_so() {
        assert!(chart(Vec::new()).contains("No values were recorded"));
    }
}
