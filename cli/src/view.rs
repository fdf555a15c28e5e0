//! The run while it runs: a live view on a terminal, plain lines where there is none. All on standard error.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use edges::text;
use results::{Phase, Progress, in_order, units};
use tokio::sync::watch;

use crate::stderr;

/// Shows the run until its progress channel closes.
pub(crate) async fn show(mut progress: watch::Receiver<Progress>) {
    let mut news = News::default();
    if stderr::is_interactive() {
        while progress.changed().await.is_ok() {
            let shown = shown(&mut progress);
            news.tell(&shown);
            stderr::show(&screen(&shown, stderr::size()));
        }
        stderr::show("");
    } else {
        let mut lines = Lines::default();
        while progress.changed().await.is_ok() {
            let shown = shown(&mut progress);
            news.tell(&shown);
            lines.show(&shown);
        }
    }
}

/// The progress with every text in it fit for a terminal: agents and core networks wrote some of them, and `watch` has them from
/// a socket.
fn shown(progress: &mut watch::Receiver<Progress>) -> Progress {
    let mut shown = progress.borrow_and_update().clone();
    for agent in &mut shown.agents {
        text::make_line(&mut agent.name, LONGEST_NAME);
    }
    for slo in &mut shown.slos {
        text::make_line(&mut slo.name, LONGEST_NAME);
        text::make_line(&mut slo.target, LONGEST_NAME);
    }
    for line in shown.warnings.iter_mut().chain(&mut shown.events) {
        text::make_line(line, LONGEST_WARNING);
    }
    let fit = |(name, procedure): (String, _)| (text::line(&name, LONGEST_NAME).into_owned(), procedure);
    shown.procedures = std::mem::take(&mut shown.procedures).into_iter().map(fit).collect();
    shown
}

/// How much of the schedule is over.
fn bar(progress: &Progress, columns: usize) -> String {
    let part = progress.elapsed.as_secs_f64() / progress.total.as_secs_f64().max(0.001);
    let full = (part.clamp(0.0, 1.0) * columns as f64).round();
    let columns = (0..columns).map(|column| (column as f64) < full);
    let (full, rest): (Vec<bool>, Vec<bool>) = columns.partition(|is_full| *is_full);
    let (full, rest) = ("█".repeat(full.len()), "░".repeat(rest.len()));
    if stderr::is_colourful() { format!("\x1b[36m{full}\x1b[2m{rest}\x1b[0m") } else { full + &rest }
}

/// What is shown together, and how soon it gives way where the terminal is low: the highest goes first.
struct Part(u8, Vec<String>);

/// The live view for a terminal of so many columns and rows: a headline, each procedure, the fleet, the objectives. Nothing is
/// cut in the middle of a figure, and what has no room is the least important.
fn screen(progress: &Progress, (columns, rows): (usize, usize)) -> String {
    let fold = |text: &str| fold(text, columns.saturating_sub(1).max(NARROWEST));
    let bar = bar(progress, (columns / 3).clamp(4, BAR_COLUMNS));
    let mut parts = vec![Part(0, vec![format!("{bar} {}", headline(progress))])];
    let widest = progress.procedures.keys().map(|name| name.chars().count()).max().unwrap_or_default();
    for (name, procedure) in in_order(&progress.procedures, &progress.order) {
        let [counts, latency] = procedure_line(progress, (name, procedure), widest);
        let whole = format!("{counts}   {latency}");
        if whole.chars().count() < columns {
            parts.push(Part(1, vec![whole.replace(KEPT_TOGETHER, " ")]));
            continue;
        }
        let [counts, _] = procedure_line(progress, (name, procedure), 0);
        parts.push(Part(1, fold(&counts)));
        if procedure.succeeded > 0 {
            parts.push(Part(4, fold(&format!("      {latency}"))));
        }
    }
    parts.push(Part(3, fold(&fleet(progress))));
    let figures = |line: String| line.split(", ").map(together).collect::<Vec<_>>().join(", ");
    parts.extend(user_plane(progress).map(|line| Part(5, fold(&format!("  {}", figures(line))))));
    for agent in progress.agents.iter().filter(|_| progress.agents.len() > 1).take(AGENTS_SHOWN) {
        let state = if agent.alive { "" } else { "  lost" };
        let figures = together(&format!("{} shards", agent.shards))
            + " "
            + &together(&format!("{}/s", agent.rate_per_s));
        parts.push(Part(6, fold(&format!("    {:<20} {figures}{state}", agent.name))));
    }
    if progress.agents.len() > AGENTS_SHOWN {
        parts.push(Part(6, vec![format!("    and {} more", progress.agents.len() - AGENTS_SHOWN)]));
    }
    parts.extend(progress.late.iter().map(|late| Part(0, fold(&format!("  ! {late}")))));
    for slo in &progress.slos {
        // What is measured at the end, such as billing, is neither kept nor missed yet; and a generator that is late says
        // nothing about the target.
        let mark = match (slo.pass, slo.actual) {
            _ if progress.late.is_some() => "·",
            (true, _) => "✓",
            (false, Some(_)) => "✗",
            (false, None) => "·",
        };
        let measured =
            slo.measured().map(|measured| format!("   {}", together(&measured))).unwrap_or_default();
        let target = together(&format!("{} {}", slo.name, slo.target));
        parts.push(Part(2, fold(&format!("  {mark} {target}{measured}"))));
    }
    fit(parts, rows).into_iter().map(|line| coloured(&line)).collect::<Vec<_>>().join("\n")
}

/// The lines of what has room.
fn fit(mut parts: Vec<Part>, rows: usize) -> Vec<String> {
    let room = rows.saturating_sub(1).max(FEWEST_ROWS);
    let lines = |parts: &[Part]| parts.iter().map(|Part(_, lines)| lines.len()).sum::<usize>();
    while lines(&parts) > room {
        let last = parts.iter().enumerate().filter(|(_, Part(level, _))| *level > 0);
        let Some((place, _)) = last.max_by_key(|(place, Part(level, _))| (*level, *place)) else { break };
        parts.remove(place);
    }
    parts.into_iter().flat_map(|Part(_, lines)| lines).take(room).collect()
}

/// A mark at the beginning of a line, in its colour.
fn coloured(line: &str) -> String {
    if !stderr::is_colourful() {
        return line.to_owned();
    }
    crate::colour::marks(line)
}

/// What was started and what became of it, and how long it took.
fn procedure_line(
    progress: &Progress,
    (name, procedure): (&str, &results::ProcedureProgress),
    widest: usize,
) -> [String; 2] {
    let pieces = [
        // The last rates of a run that stands still say nothing.
        (!progress.paused).then(|| format!("{:>7} started/s", procedure.rate_per_s)),
        Some(format!("{:>9} of {} ok", procedure.succeeded, procedure.planned.max(procedure.due))),
        (procedure.failed > 0).then(|| format!("{} failed", procedure.failed)),
        (procedure.timed_out > 0).then(|| format!("{} timed out", procedure.timed_out)),
    ];
    let trimmed = |piece: String| if widest == 0 { piece.trim_start().to_owned() } else { piece };
    let pieces: Vec<String> = pieces.into_iter().flatten().map(|piece| together(&trimmed(piece))).collect();
    let latency = procedure.latency_us;
    let latency = [("p50", latency.p50), ("p95", latency.p95), ("p99", latency.p99)];
    let latency = latency.map(|(name, us)| together(&format!("{name} {}", units::latency_if_any(us))));
    [format!("  {name:<widest$}  {}", pieces.join("  ")), latency.join("  ")]
}

fn fleet(progress: &Progress) -> String {
    let alive = progress.agents.iter().filter(|agent| agent.alive).count();
    let pieces = [
        format!("agents {alive} of {}", progress.agents_wanted.max(progress.agents.len())),
        format!("registered {}", progress.registered),
        format!("in flight {}", progress.in_flight),
        format!("lateness p99 {}", units::latency_if_any(progress.lateness_us_p99)),
    ];
    format!("  {}", pieces.map(|piece| together(&piece)).join("   "))
}

/// Words that stay on one line.
fn together(text: &str) -> String {
    text.replace(' ', KEPT_TOGETHER)
}

/// A line as several of at most so many characters, broken between words; those after the first are indented.
fn fold(text: &str, width: usize) -> Vec<String> {
    let indent = text.chars().take_while(|c| *c == ' ').count() + 4;
    let mut lines = vec![String::new()];
    let (mut columns, mut gap) = (0, String::new());
    for word in text.split(' ') {
        let length = word.chars().count();
        if word.is_empty() {
            gap.push(' ');
            continue;
        }
        let is_first = columns == 0;
        if !is_first && columns + gap.len() + length > width {
            lines.push(" ".repeat(indent.min(width / 4)));
            columns = indent.min(width / 4);
            gap.clear();
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(&gap);
            line.push_str(word);
        }
        columns += gap.len() + length;
        gap = " ".to_owned();
    }
    lines.into_iter().map(|line| line.replace(KEPT_TOGETHER, " ")).collect()
}

fn headline(progress: &Progress) -> String {
    let length = crate::times::for_people;
    match progress.phase {
        Phase::Joining => {
            format!("waiting for agents: {} of {}", progress.agents.len(), progress.agents_wanted)
        }
        Phase::Preparing => "setting up NG interfaces".to_owned(),
        Phase::Running | Phase::Draining => {
            let (elapsed, total) = (progress.elapsed, progress.total);
            let over = elapsed.saturating_sub(total);
            let where_ = format!("{} of {}", length(elapsed.min(total)), length(total));
            match (progress.paused, progress.phase == Phase::Draining || !over.is_zero()) {
                (true, _) => format!("PAUSED at {where_}: nothing is due"),
                (false, true) if over >= Duration::from_secs(1) => {
                    format!("{where_}, what is in flight ends since {}", length(over))
                }
                (false, true) => format!("{where_}, what is in flight ends"),
                (false, false) => where_,
            }
        }
        Phase::Done => "writing the report".to_owned(),
    }
}

/// What is said once: warnings and events, each when it is new, above the view or among the lines.
#[derive(Default)]
struct News {
    told: std::collections::HashSet<String>,
    /// What was said of lateness, without its figures.
    late: Option<String>,
    paused: bool,
}

impl News {
    fn tell(&mut self, progress: &Progress) {
        for line in self.unsaid(progress) {
            eprintln!("{line}");
        }
    }

    fn unsaid(&mut self, progress: &Progress) -> Vec<String> {
        let mut lines = Vec::new();
        let warnings = progress.warnings.iter().filter(|warning| !is_in_the_account(warning));
        let warnings = warnings.map(|warning| format!("warning: {warning}"));
        for line in warnings.chain(progress.events.iter().map(|event| format!("event: {event}"))) {
            if self.told.len() < MOST_NEWS && self.told.insert(line.clone()) {
                lines.push(line);
            }
        }
        lines.extend(self.lateness(progress.late.as_deref()));
        if std::mem::replace(&mut self.paused, progress.paused) != progress.paused {
            lines.push(if progress.paused { "paused: nothing is due" } else { "going on" }.to_owned());
        }
        lines
    }

    /// What is to be said of lateness: when it begins, when it becomes certain, and when it is over.
    fn lateness(&mut self, late: Option<&str>) -> Option<String> {
        // The figures change all the time; what they mean stands before them.
        let kind = late.map(|late| late.splitn(3, ": ").take(2).collect::<Vec<_>>().join(": "));
        let before = std::mem::replace(&mut self.late, kind);
        if before == self.late {
            return None;
        }
        Some(late.map_or_else(|| "no longer late".to_owned(), |late| format!("warning: {late}")))
    }
}

/// What the account says a moment later, procedure by procedure.
fn is_in_the_account(warning: &str) -> bool {
    warning.contains(" were never started: ")
}

/// Plain lines: one for each phase, one every few seconds.
#[derive(Default)]
struct Lines {
    phase: Option<Phase>,
    last: Option<Instant>,
}

impl Lines {
    fn show(&mut self, progress: &Progress) {
        let new_phase = self.phase.replace(progress.phase) != Some(progress.phase);
        if !new_phase && self.last.is_some_and(|last| last.elapsed() < LINE_INTERVAL) {
            return;
        }
        self.last = Some(Instant::now());
        eprintln!("{}", plain(progress));
    }
}

fn plain(progress: &Progress) -> String {
    let mut line = headline(progress);
    for (name, procedure) in in_order(&progress.procedures, &progress.order) {
        if procedure.due == 0 {
            continue;
        }
        let rate = if progress.paused { String::new() } else { format!("{}/s, ", procedure.rate_per_s) };
        let _ = write!(
            line,
            "   {name} {rate}{} ok{}{}",
            procedure.succeeded,
            counted("failed", procedure.failed),
            counted("timed out", procedure.timed_out),
        );
        if procedure.latency_us.p99 > 0 {
            let _ = write!(line, ", p99 {}", units::latency_if_any(procedure.latency_us.p99));
        }
    }
    if let Some(user_plane) = user_plane(progress) {
        let _ = write!(line, "   {user_plane}");
    }
    line
}

/// Sessions and what they carry; nothing while there are none.
fn user_plane(progress: &Progress) -> Option<String> {
    let (uplink, downlink) = progress.user_bps;
    (progress.sessions > 0 || uplink > 0 || downlink > 0).then(|| {
        format!(
            "{} sessions, {} up, {} down",
            progress.sessions,
            units::bits(uplink as f64),
            units::bits(downlink as f64)
        )
    })
}

fn counted(what: &str, count: u64) -> String {
    if count == 0 { String::new() } else { format!(", {count} {what}") }
}

const LINE_INTERVAL: Duration = Duration::from_secs(5);
const AGENTS_SHOWN: usize = 8;
const BAR_COLUMNS: usize = 40;
/// Columns below which nothing is folded any further.
const NARROWEST: usize = 20;
/// Rows of a terminal that says it has fewer.
const FEWEST_ROWS: usize = 4;
/// A blank at which no line is broken; shown as one.
const KEPT_TOGETHER: &str = "\u{a0}";
/// News of one run; more are in its folder.
const MOST_NEWS: usize = 10_000;
/// Characters.
const LONGEST_NAME: usize = 100;
/// Characters.
const LONGEST_WARNING: usize = 1_000;

#[cfg(test)]
mod tests;
