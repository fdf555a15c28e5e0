//! Handovers: where from and where to as a heat map, and what their time was spent on.

use std::collections::BTreeMap;

use maud::{Markup, html};
use results::{HandoverCells, HandoverSummary, Percentiles, PhaseSummary};

use super::Run;
use super::figures::{count, cut, known, latency, percent, title};

pub(super) fn section(run: &Run<'_>) -> Markup {
    let handovers = &run.summary.handovers;
    let pairs = Pairs::of(&handovers.cells);
    let phases = &handovers.phases;
    html! {
        @if !pairs.cells.is_empty() || !phases.is_empty() {
            section id="handovers" aria-labelledby="handovers-title" {
                h2 id="handovers-title" { "Handovers" }
                (answer(handovers, &pairs))
                @if !phases.is_empty() { (phases_of(phases)) }
                @if !pairs.cells.is_empty() { (heat_map(&pairs)) }
            }
        }
    }
}

pub(super) fn is_there(run: &Run<'_>) -> bool {
    let handovers = &run.summary.handovers;
    !handovers.cells.is_empty() || !handovers.phases.is_empty()
}

fn answer(handovers: &HandoverSummary, pairs: &Pairs) -> Markup {
    let (succeeded, failed) = (handovers.succeeded, handovers.failed);
    let kind = if pairs.by_gnb { "gNB" } else { "cell" };
    let worst = pairs.cells.iter().filter(|(_, n)| n.failed > 0).max_by_key(|(_, n)| n.failed);
    html! {
        p.lead {
            @if failed == 0 { "All " (count(succeeded)) " handovers came through." }
            @else {
                (count(failed)) " of " (count(succeeded.saturating_add(failed))) " handovers failed ("
                (percent(failed as f64, succeeded.saturating_add(failed) as f64)) ")."
                @if let Some(((source, target), n)) = worst {
                    " Most of them from " (kind) " " span.id { (source) } " to " span.id { (target) } ": " (count(n.failed)) "."
                }
            }
        }
    }
}

/// Handovers from one place to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ends {
    succeeded: u64,
    failed: u64,
}

impl Ends {
    fn all(self) -> u64 {
        self.succeeded.saturating_add(self.failed)
    }
}

/// The matrix, by cell, or by gNB where there are too many cells to be told apart.
struct Pairs {
    cells: BTreeMap<(String, String), Ends>,
    by_gnb: bool,
}

impl Pairs {
    fn of(all: &[HandoverCells]) -> Self {
        let mut cells = BTreeMap::new();
        for pair in all {
            let ends: &mut Ends = cells.entry((cut(&pair.source), cut(&pair.target))).or_default();
            ends.succeeded = ends.succeeded.saturating_add(pair.succeeded);
            ends.failed = ends.failed.saturating_add(pair.failed);
        }
        let by_cell = Self { cells, by_gnb: false };
        if by_cell.places().len() <= MOST_PLACES { by_cell } else { by_cell.by_gnb() }
    }

    fn by_gnb(&self) -> Self {
        let mut cells: BTreeMap<(String, String), Ends> = BTreeMap::new();
        let gnb = |cell: &str| cell.split('.').next().unwrap_or(cell).to_owned();
        for ((source, target), ends) in &self.cells {
            let sum = cells.entry((gnb(source), gnb(target))).or_default();
            sum.succeeded = sum.succeeded.saturating_add(ends.succeeded);
            sum.failed = sum.failed.saturating_add(ends.failed);
        }
        Self { cells, by_gnb: true }
    }

    /// Every place that something left or reached, numbers in their own order.
    fn places(&self) -> Vec<String> {
        let mut places: Vec<String> =
            self.cells.keys().flat_map(|(source, target)| [source.clone(), target.clone()]).collect();
        let key = |place: &String| {
            let numbers: Vec<u64> = place.split('.').filter_map(|part| part.parse().ok()).collect();
            (numbers, place.clone())
        };
        places.sort_by_key(key);
        places.dedup();
        places
    }
}

fn heat_map(pairs: &Pairs) -> Markup {
    let mut places = pairs.places();
    let all = places.len();
    places.truncate(MOST_PLACES);
    let most = pairs.cells.values().map(|ends| ends.all()).max().unwrap_or(1).max(1);
    let kind = if pairs.by_gnb { "gNB" } else { "cell" };
    let at = |source: &String, target: &String| pairs.cells.get(&(source.clone(), target.clone())).copied();
    html! {
        h3 { "From " (kind) " to " (kind) }
        p.note { "Rows are sources, columns are targets; the darker, the more. A red number counts handovers that failed."
            @if !pairs.by_gnb { " Cell 2.0 is the first cell of gNB 2." }
            @if pairs.by_gnb { " There are too many cells to tell apart, so they are added up by gNB." }
            @if all > places.len() { " The first " (places.len()) " of " (all) " are shown; summary.json has all of them." } }
        div.wide tabindex="0" { table.heat style=(format!("--places:{}", places.len())) {
            caption.away { "Handovers by source and target " (kind) }
            thead { tr { th.corner scope="col" { span.quiet { "from \\ to" } } @for target in &places { th scope="col" { span { (target) } } } } }
            tbody { @for source in &places { tr {
                th scope="row" { (source) }
                @for target in &places { (tile(source, target, at(source, target), most)) }
            } } }
        } }
    }
}

fn tile(source: &str, target: &str, ends: Option<Ends>, most: u64) -> Markup {
    let Some(ends) = ends.filter(|ends| ends.all() > 0) else {
        return html! { td class=(if source == target { "self" } else { "" }) {} };
    };
    let share = (ends.all() as f64 / most as f64).clamp(0.0, 1.0);
    let label = format!(
        "from {source} to {target}: {} succeeded, {} failed",
        count(ends.succeeded),
        count(ends.failed)
    );
    html! {
            td class=(if share > 0.5 { "some deep" } else { "some" }) style=(format!("--share:{:.0}%", if share > 0.5 { 100.0 } else { 12.0 + share * 50.0 })) title=(label) {
                span.away { (label) } span aria-hidden="true" {
    (short(ends.succeeded)) @if ends.failed > 0 { b { (short(ends.failed)) } } }
            }
        }
}

/// Four places at most: `9,999` is `9.9k`.
fn short(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..10_000 => format!("{}.{}k", n / 1000, n % 1000 / 100),
        10_000..1_000_000 => format!("{}k", n / 1000),
        _ => format!("{}M", n / 1_000_000),
    }
}

/// Stacked bars of the median and the 95th percentile, and the figures.
fn phases_of(procedures: &BTreeMap<String, Vec<PhaseSummary>>) -> Markup {
    html! {
        h3 { "What a handover's time is spent on" }
        @for (procedure, phases) in procedures.iter().take(4) {
            @let phases = &phases[..phases.len().min(MOST_PHASES)];
            div.pair {
                div {
                    (bars(procedure, phases))
                }
                div.wide tabindex="0" { table {
                    caption { (title(procedure)) }
                    thead { tr { th scope="col" { "Phase" } @for (name, _) in SHOWN { th.n scope="col" { (name) } } th.n scope="col" { "Measured" } } }
                    tbody { @for (position, phase) in phases.iter().enumerate() { tr {
                        th scope="row" { i class={ "key " (tone(phase, position)) } {} (title(&phase.phase)) }
                        @for (_, of) in SHOWN { td.n { (known(us(phase, of), latency)) } }
                        td.n { (count(phase.samples)) }
                    } } }
                } }
            }
        }
        p.note { "Preparation is from HANDOVER REQUIRED to HANDOVER COMMAND, execution from there to the UE's arrival, completion from there to the release "
            "of the source. Where the target is on another agent the source doesn't see the arrival: execution goes on to the release. The bars stack the percentiles of each phase by itself: the sum of medians is not the median of the sum." }
    }
}

fn bars(procedure: &str, phases: &[PhaseSummary]) -> Markup {
    let (p50, p95): (Percentile, Percentile) = (|of| of.p50, |of| of.p95);
    let sum = |of: Percentile| phases.iter().filter_map(|phase| us(phase, of)).sum::<f64>();
    let widest = sum(p95).max(sum(p50)).max(1.0);
    html! {
        figure.stacks {
            figcaption { (title(procedure)) ", phase by phase" }
            @for (of, name) in [(p50, "median"), (p95, "p95")] {
                @let label = phases.iter().map(|p| format!("{} {}", cut(&p.phase), known(us(p, of), latency))).collect::<Vec<_>>().join(", ");
                div.stack role="img" aria-label={ (name) ": " (label) } {
                    span.quiet { (name) }
                    div { @for (position, phase) in phases.iter().enumerate() {
                        @if let Some(us) = us(phase, of) {
                            i class=(tone(phase, position)) style=(format!("width:{:.2}%", us / widest * 100.0)) title=(format!("{}: {}", cut(&phase.phase), latency(us))) {
                                @if us / widest > 0.09 { (latency(us)) }
                            }
                        }
                    } }
                }
            }
            ul.legend aria-hidden="true" { @for (position, phase) in phases.iter().enumerate() { li { i class={ "key " (tone(phase, position)) } {} (cut(&phase.phase)) } } }
        }
    }
}

/// A phase has the same colour everywhere.
fn tone(phase: &PhaseSummary, position: usize) -> String {
    let known = ["preparation", "execution", "completion"];
    let place = known.iter().position(|name| *name == phase.phase);
    format!("p{}", place.unwrap_or(3 + position % 3))
}

fn us(phase: &PhaseSummary, of: Percentile) -> Option<f64> {
    (phase.samples > 0).then(|| of(&phase.latency_us) as f64)
}

/// Reads one of them.
type Percentile = fn(&Percentiles) -> u64;

const SHOWN: [(&str, Percentile); 4] =
    [("p50", |of| of.p50), ("p95", |of| of.p95), ("p99", |of| of.p99), ("max", |of| of.max)];
/// As many rows and columns as can be told apart on a page.
const MOST_PLACES: usize = 32;
const MOST_PHASES: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(cells: u64) -> Pairs {
        let pair = |n: u64| HandoverCells {
            procedure: "handover-n2".to_owned(),
            source: format!("{}.{}", n / 2, n % 2),
            target: format!("{}.0", n / 2 + 1),
            succeeded: 5,
            failed: n % 2,
        };
        Pairs::of(&(0..cells).map(pair).collect::<Vec<_>>())
    }

    #[test]
    fn few_cells_are_told_apart_and_in_the_order_of_their_numbers() {
        let few = pairs(24);
        assert!(!few.by_gnb);
        let places = few.places();
        assert_eq!(
            (places[0].as_str(), places[2].as_str(), places.last().unwrap().as_str()),
            ("0.0", "1.0", "12.0")
        );
        let page = heat_map(&few).into_string();
        assert!(
            page.contains("<span class=\"away\">from 0.1 to 1.0: 5 succeeded, 1 failed</span>"),
            "{page}"
        );
    }

    #[test]
    fn many_cells_are_added_up_by_gnb_and_none_is_lost() {
        let many = pairs(60);
        assert!(many.by_gnb);
        assert_eq!(many.cells[&("3".to_owned(), "4".to_owned())], Ends { succeeded: 10, failed: 1 });
        assert_eq!(many.cells.values().map(|ends| ends.all()).sum::<u64>(), 60 * 5 + 30);
    }
}
