//! A run's result as GitHub-flavoured Markdown, for the summary of a pipeline's job.

use std::fmt::Write as _;

use results::{SearchSummary, SloResult, Summary, in_order, units};

/// The verdict, the objectives, each procedure's account in this order, and what there is to know of the run.
pub fn render(summary: &Summary, order: &[String]) -> String {
    let mut text = format!(
        "## {} {}: {}\n",
        summary.verdict.status.symbol(),
        inline(&summary.scenario),
        summary.verdict.status.as_str()
    );
    for reason in summary.verdict.reasons.iter().take(MOST_REASONS) {
        let _ = write!(text, "\n- {}", inline(reason));
    }
    if summary.verdict.reasons.len() > MOST_REASONS {
        let _ = write!(text, "\n- and {} more", summary.verdict.reasons.len() - MOST_REASONS);
    }
    text.push('\n');
    objectives(summary, &mut text);
    procedures(summary, order, &mut text);
    causes(summary, &mut text);
    let account = &summary.billing.account;
    if account.sessions > 0 {
        let _ = write!(
            text,
            "\nBilling: {} sessions, {} matched, {} unreconciled\n",
            account.sessions, account.matched, account.unreconciled
        );
    }
    let _ = write!(
        text,
        "\nrun `{}` · seed {} · {:.0} s · target `{}` · roamstorm {}\n",
        code(&summary.run_id),
        summary.seed,
        summary.duration_s,
        code(&summary.target),
        inline(&summary.version)
    );
    text
}

/// The result of a capacity search.
pub fn render_search(summary: &SearchSummary) -> String {
    let (scenario, verdict) = (inline(&summary.scenario), inline(&summary.verdict));
    let mut text = format!("## {} {scenario}: {verdict}\n\n", summary.status.symbol());
    text.push_str("| probe | rate | outcome | p99 | success |\n|---|---:|---|---:|---:|\n");
    for probe in summary.probes.iter().take(MOST_ROWS) {
        let p99 = probe.latency_us_p99.map(|us| units::latency(us as f64)).unwrap_or_default();
        let success = probe.success_percent.map(|percent| format!("{percent:.2} %")).unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {:.1}/s | {} | {p99} | {success} |",
            inline(&probe.folder),
            probe.rate_per_s,
            probe.outcome.as_str()
        );
    }
    let _ = write!(text, "\nrun `{}` · seed {}\n", code(&summary.run_id), summary.seed);
    text
}

fn objectives(summary: &Summary, text: &mut String) {
    if summary.slos.is_empty() && summary.guardrails.is_empty() {
        return;
    }
    text.push_str("\n| | objective | target | measured |\n|:-:|---|---|---:|\n");
    for slo in summary.slos.iter().take(MOST_ROWS) {
        let measured = slo.measured().unwrap_or_else(|| "nothing was measured".to_owned());
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            mark(slo),
            inline(&slo.name),
            inline(&slo.target),
            inline(&measured)
        );
    }
    for guardrail in &summary.guardrails {
        let (mark, measured) = match guardrail.broken_at_s {
            Some(at) => ("❌", format!("broke at {at} s")),
            None => ("✅", "held".to_owned()),
        };
        let _ = writeln!(text, "| {mark} | guardrail | {} | {measured} |", inline(&guardrail.condition));
    }
}

fn procedures(summary: &Summary, order: &[String], text: &mut String) {
    let all = in_order(&summary.procedures, order);
    if all.is_empty() {
        return;
    }
    text.push_str(
        "\n| procedure | planned | succeeded | failed | timed out | abandoned | never started | p50 | p95 | p99 |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for (name, one) in all {
        let [_, failed, timed_out, abandoned, never_started] = one.account().map(|part| part.total);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            inline(name),
            one.planned,
            one.succeeded,
            failed,
            timed_out,
            abandoned,
            never_started,
            units::latency_if_any(one.latency_us.p50),
            units::latency_if_any(one.latency_us.p95),
            units::latency_if_any(one.latency_us.p99)
        );
    }
}

/// Why attempts did not succeed, folded away.
fn causes(summary: &Summary, text: &mut String) {
    let mut lines = Vec::new();
    for (name, one) in &summary.procedures {
        for (cause, count) in one.causes() {
            lines.push(format!("| {} | {} | {count} |\n", inline(name), inline(cause)));
        }
    }
    if lines.is_empty() {
        return;
    }
    text.push_str(
        "\n<details><summary>Causes</summary>\n\n| procedure | cause | attempts |\n|---|---|---:|\n",
    );
    let more = lines.len().saturating_sub(MOST_ROWS);
    text.extend(lines.into_iter().take(MOST_ROWS));
    if more > 0 {
        let _ = write!(text, "\nand {more} more\n");
    }
    text.push_str("\n</details>\n");
}

fn mark(slo: &SloResult) -> &'static str {
    match (slo.judged, slo.pass) {
        (false, _) => "▫️",
        (true, true) => "✅",
        (true, false) => "❌",
    }
}

/// Text of others in a line: it makes no table, no link, no markup and no mention.
fn inline(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars().take(LONGEST) {
        match c {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' | '!' => shown.extend(['\\', c]),
            '@' => shown.push_str("@\u{200b}"),
            c if c.is_control() => shown.push(' '),
            c => shown.push(c),
        }
    }
    shown
}

/// Text between backticks.
fn code(text: &str) -> String {
    text.chars().take(LONGEST).map(|c| if c == '`' || c.is_control() || c == '|' { ' ' } else { c }).collect()
}

const MOST_REASONS: usize = 10;
const MOST_ROWS: usize = 100;
/// Characters of a text.
const LONGEST: usize = 400;

#[cfg(test)]
mod tests {
    use results::{GuardrailResult, ProcedureSummary, Status};
    use statistics::ProbeOutcome;

    use super::*;

    #[test]
    fn a_summary_has_its_verdict_objectives_and_account_and_no_markup_of_others() {
        let mut summary = Summary { scenario: "night | <b>x</b>".to_owned(), ..Summary::default() };
        summary.verdict.status = Status::Fail;
        summary.verdict.reasons = vec!["registration.success is 98 %, @everyone".to_owned()];
        let registration = ProcedureSummary {
            planned: 100,
            succeeded: 98,
            failed: [("illegal-ue".to_owned(), 2)].into(),
            ..ProcedureSummary::default()
        };
        let handover = ProcedureSummary { planned: 5, succeeded: 5, ..ProcedureSummary::default() };
        summary.procedures =
            [("registration".to_owned(), registration), ("handover-n2".to_owned(), handover)].into();
        let text = render(&summary, &["registration".to_owned(), "handover-n2".to_owned()]);
        assert!(text.starts_with("## ❌ night \\| &lt;b&gt;x&lt;/b&gt;: fail\n"), "{text}");
        assert!(!text.contains("@everyone"), "{text}");
        let of = |name: &str| text.find(name).unwrap();
        assert!(of("| registration | 100 | 98 | 2 |") < of("| handover-n2 | 5 | 5 |"), "{text}");
        assert!(text.contains("| registration | illegal-ue | 2 |"), "{text}");
        let probe = results::Probe {
            folder: "probe-01".to_owned(),
            rate_per_s: 10.0,
            outcome: ProbeOutcome::Held,
            reasons: Vec::new(),
            latency_us_p99: Some(9_000),
            success_percent: Some(100.0),
            lateness_us_p99: 0,
        };
        let text = render_search(&SearchSummary { probes: vec![probe], ..SearchSummary::default() });
        assert!(text.contains("| probe-01 | 10.0/s | held | 9.00 ms | 100.00 % |"), "{text}");
    }

    #[test]
    fn objectives_guardrails_and_billing_are_told_each_with_its_mark() {
        let slo = |pass, judged| SloResult {
            name: "registration.success".to_owned(),
            target: ">= 99%".to_owned(),
            actual: Some(98.0),
            unit: "%".to_owned(),
            pass,
            judged,
            ..SloResult::default()
        };
        let guardrail = |broken_at_s| GuardrailResult {
            condition: "registration.success < 50% for 5 s".to_owned(),
            broken_at_s,
            ..GuardrailResult::default()
        };
        let mut summary = Summary {
            slos: vec![slo(true, true), slo(false, true), slo(false, false)],
            guardrails: vec![guardrail(None), guardrail(Some(11.0))],
            ..Summary::default()
        };
        let account = &mut summary.billing.account;
        (account.sessions, account.matched, account.unreconciled) = (7, 5, 2);
        let text = render(&summary, &[]);
        for line in [
            "| ✅ | registration.success | &gt;= 99% | 98.00 % |\n",
            "| ❌ | registration.success | &gt;= 99% | 98.00 % |\n",
            "| ▫️ | registration.success | &gt;= 99% | 98.00 % |\n",
            "| ✅ | guardrail | registration.success &lt; 50% for 5 s | held |\n",
            "| ❌ | guardrail | registration.success &lt; 50% for 5 s | broke at 11 s |\n",
            "\nBilling: 7 sessions, 5 matched, 2 unreconciled\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
