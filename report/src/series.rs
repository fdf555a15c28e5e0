//! The lines of a chart: taken out of the time line, and thinned out where there are more points than pixels.

use results::Interval;

/// How a line is drawn; each is told apart by colour and by its dashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// What was asked for: a grey area behind everything else.
    Offered,
    /// Thin and dotted: an extreme, not a typical value.
    Extreme,
    /// What was to be kept: a thin line across the chart.
    Objective,
    First,
    Second,
    Third,
    Good,
    Bad,
    Late,
}

impl Tone {
    /// The class that `style.css` knows it by.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Offered => "t-offered",
            Self::Extreme => "t-extreme",
            Self::Objective => "t-objective",
            Self::First => "t-first",
            Self::Second => "t-second",
            Self::Third => "t-third",
            Self::Good => "t-good",
            Self::Bad => "t-bad",
            Self::Late => "t-late",
        }
    }
}

/// One line: points in rising order of x. The line breaks where two points are more than `gap` apart.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) tone: Tone,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) gap: f64,
    /// How long each value holds, where it is a count of a stretch of time: it is drawn as a step.
    pub(super) holds: Option<f64>,
    /// Thinned out: the line goes up and down between the extremes of each stretch.
    pub(super) dense: bool,
}

impl Series {
    /// A line through all of these points.
    pub(super) fn line(name: &str, tone: Tone, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), tone, points, gap: f64::INFINITY, holds: None, dense: false }
    }

    /// True when there is nothing but zeros to see.
    pub(super) fn is_flat_zero(&self) -> bool {
        self.points.iter().all(|(_, y)| *y == 0.0)
    }

    /// Keeps at most about `most` points: the lowest and the highest of each stretch, so that no peak is lost.
    pub(super) fn thin_out(&mut self, most: usize) {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else { return };
        if self.points.len() <= most.max(4) {
            return;
        }
        let start = first.0;
        let stretches = f64::from(u32::try_from(most / 2).unwrap_or(u32::MAX)).max(1.0);
        let width = (last.0 - start) / stretches;
        let stretch = |x: f64| ((x - start) / width).floor().min(stretches - 1.0);
        let same_stretch = |a: &(f64, f64), b: &(f64, f64)| stretch(a.0) == stretch(b.0);
        self.points = self.points.chunk_by(same_stretch).flat_map(extremes).collect();
        // The highest of one stretch and the lowest of the next are up to two widths apart.
        self.gap = self.gap.max(width * 2.0);
        self.dense = true;
        // A stretch of several seconds has two values, and holds neither.
        self.holds = None;
    }
}

fn extremes(stretch: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> + use<> {
    let low = stretch.iter().enumerate().min_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let high = stretch.iter().enumerate().max_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let (low, high) = (low.map(|(i, p)| (i, *p)), high.map(|(i, p)| (i, *p)));
    let (earlier, later) = if low.map(|l| l.0) <= high.map(|h| h.0) { (low, high) } else { (high, low) };
    let later = later.filter(|later| earlier.map(|e| e.0) != Some(later.0));
    earlier.into_iter().chain(later).map(|(_, point)| point)
}

/// The intervals of `timeline.ndjson` in order of time.
pub(super) struct TimeLine<'a> {
    entries: Vec<(f64, &'a Interval)>,
    step: f64,
}

impl<'a> TimeLine<'a> {
    pub(super) fn new(timeline: &'a [Interval]) -> Self {
        let mut entries: Vec<(f64, &Interval)> =
            timeline.iter().map(|entry| (entry.at_s as f64, entry)).collect();
        entries.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut steps: Vec<f64> =
            entries.windows(2).map(|pair| pair[1].0 - pair[0].0).filter(|s| *s > 0.0).collect();
        steps.sort_by(f64::total_cmp);
        let step = steps.get(steps.len() / 2).copied().unwrap_or(1.0);
        Self { entries, step }
    }

    /// First and last instant, in seconds since the start of the run; nothing when there are no entries.
    pub(super) fn span(&self) -> Option<(f64, f64)> {
        Some((self.entries.first()?.0, self.entries.last()?.0))
    }

    /// One line through the seconds for which `read` finds a value.
    pub(super) fn series(
        &self,
        name: &str,
        tone: Tone,
        read: impl Fn(&'a Interval) -> Option<f64>,
    ) -> Series {
        let points = self.entries.iter().filter_map(|(at, entry)| Some((*at, read(entry)?))).collect();
        Series { name: name.to_owned(), tone, points, gap: self.step * 1.5, holds: None, dense: false }
    }

    /// The same of a count: each value holds for its second.
    pub(super) fn steps(&self, name: &str, tone: Tone, read: impl Fn(&'a Interval) -> Option<f64>) -> Series {
        Series { holds: Some(self.step), ..self.series(name, tone, read) }
    }

    /// The length of an interval, in seconds.
    pub(super) fn step(&self) -> f64 {
        self.step
    }

    /// The highest value that `read` finds.
    pub(super) fn peak(&self, read: impl Fn(&'a Interval) -> Option<f64>) -> Option<f64> {
        self.entries.iter().filter_map(|(_, entry)| read(entry)).max_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: Vec<(f64, f64)>) -> Series {
        Series { name: "due".to_owned(), tone: Tone::First, points, gap: 1.5, holds: None, dense: false }
    }

    #[test]
    fn thinning_keeps_the_peaks_and_the_order() {
        let spikes = [17, 7_777, 20_001];
        let value = |i: u32| if spikes.contains(&i) { 9_000.0 } else { f64::from(i % 7) + 1.0 };
        let mut series = line((0..28_800).map(|i| (f64::from(i), value(i))).collect());
        series.thin_out(600);
        assert!(series.points.len() <= 600, "{} points", series.points.len());
        assert!(series.points.is_sorted_by(|a, b| a.0 < b.0));
        for spike in spikes {
            assert!(series.points.contains(&(f64::from(spike), 9_000.0)), "spike at {spike} is lost");
        }
        assert!(series.points.iter().any(|(_, y)| *y == 1.0));
        assert!(
            series.points.windows(2).all(|pair| pair[1].0 - pair[0].0 <= series.gap),
            "thinning tore the line"
        );
    }

    #[test]
    fn few_points_are_left_as_they_are() {
        let points = vec![(1.0, 5.0), (2.0, 6.0), (4.0, 1.0)];
        let mut series = line(points.clone());
        series.thin_out(600);
        assert_eq!(series.points, points);
    }

    #[test]
    fn time_line_is_sorted_and_skips_what_has_no_value() {
        let entry = |at_s, agents| Interval { at_s, agents, ..Interval::default() };
        let entries = [entry(2, 20), entry(1, 10), entry(5, 0)];
        let timeline = TimeLine::new(&entries);
        assert_eq!(timeline.span(), Some((1.0, 5.0)));
        let agents = |entry: &Interval| (entry.agents > 0).then_some(entry.agents as f64);
        assert_eq!(timeline.series("a", Tone::First, agents).points, [(1.0, 10.0), (2.0, 20.0)]);
    }
}
