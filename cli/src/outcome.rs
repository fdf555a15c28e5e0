//! What a run came to, for people, on standard output.

use std::path::Path;

use results::units::latency_if_any;
use results::{BillingSummary, SloResult, Status, Summary, in_order};

use crate::exit::Exit;

/// Prints the verdict, the SLOs, each procedure's account, and where the report is.
pub(crate) fn print(summary: &Summary, folder: &Path, order: &[String]) {
    println!("{}: {}, seed {}", status(summary), summary.scenario, summary.seed);
    // What an objective missed stands in its own line, below, and after that the sessions which it is about.
    let missed: Vec<String> = summary.slos.iter().filter(|slo| !slo.pass).map(SloResult::missed).collect();
    let sessions = summary.billing.reasons();
    let said_below = |reason: &&String| missed.contains(reason) || sessions.contains(reason);
    let (below, first): (Vec<&String>, Vec<&String>) = summary.verdict.reasons.iter().partition(said_below);
    for reason in first {
        println!("  {reason}");
    }
    for kind in ["association-lost", "association-restored", "overload-start", "ng-setup-refused"] {
        if let Some(count) = summary.ran_events.by_kind.get(kind) {
            println!("  ! {count} × {kind}");
        }
    }
    for slo in &summary.slos {
        let mark = match (slo.judged, slo.pass) {
            (false, _) => "·",
            (true, true) => "✓",
            (true, false) => "✗",
        };
        match slo.measured() {
            Some(measured) => {
                // How many attempts it is of, where that is not all of them.
                let covers = slo.coverage.and_then(|coverage| coverage.shown());
                let covers = covers.map(|covers| format!("   {covers}")).unwrap_or_default();
                let judged = if slo.judged { "" } else { ", not judged" };
                println!("  {mark} {} {}   was {measured}{covers}{judged}", slo.name, slo.target);
            }
            None if !slo.judged => println!("  {mark} {} {}   not judged", slo.name, slo.target),
            None => println!("  {mark} {} {}   but nothing was measured", slo.name, slo.target),
        }
    }
    for session in below.into_iter().filter(|reason| sessions.contains(reason)) {
        println!("    {session}");
    }
    for (name, procedure) in in_order(&summary.procedures, order) {
        // The sum is proven; only what is in it is shown.
        let parts = procedure.account().into_iter().skip(1).filter(|part| part.total > 0);
        let parts = parts.map(|part| format!(" + {} {}", part.total, part.outcome.title().to_lowercase()));
        println!(
            "  {name}: {} planned = {} succeeded{}",
            procedure.planned,
            procedure.succeeded,
            parts.collect::<String>()
        );
        for (cause, count) in procedure.causes() {
            println!("    {count} × {cause}");
        }
        if procedure.succeeded > procedure.unanswered {
            let (latency, service) = (procedure.latency_us, procedure.service_us);
            println!(
                "    latency p50 {}  p95 {}  p99 {}  max {}   service p50 {}",
                latency_if_any(latency.p50),
                latency_if_any(latency.p95),
                latency_if_any(latency.p99),
                latency_if_any(latency.max),
                latency_if_any(service.p50)
            );
        } else if procedure.unanswered > 0 {
            println!("    no latency: nobody answers a UE that is switched off");
        }
    }
    if summary.verdict.status == Status::Invalid {
        if summary.billing.account.sessions > 0 {
            println!("  billing: {} sessions, not judged", summary.billing.account.sessions);
        }
    } else if let Some(line) = billing(&summary.billing) {
        println!("  billing: {line}");
    }
    for line in summary.billing.account.not_judged() {
        println!("    {line}");
    }
    if let Some(line) = summary.billing.explained_by_loss() {
        println!("  billing: {line}");
    }
    let lateness = summary.generator.lateness_us;
    if summary.generator.attempts > 0 {
        println!(
            "  generator lateness p50 {}  p99 {}  max {}{}",
            latency_if_any(lateness.p50),
            latency_if_any(lateness.p99),
            latency_if_any(lateness.max),
            summary.generator.coverage.shown().map(|covers| format!("   {covers}")).unwrap_or_default(),
        );
    }
    for host in &summary.generator.processors {
        let (shares, when) = match host.while_late {
            Some(late) if summary.generator.advice.is_some() => (late, " while attempts left late"),
            _ => (host.run, ""),
        };
        let priority = match host.priority.as_str() {
            "real-time" => "; workers are real-time",
            "slice" => "; workers have short slices",
            _ => "",
        };
        println!("  {}{when}{priority}", shares.in_words(host.processors));
    }
    print_report("", folder);
}

/// Where the report is; where it could not be written, where the rest is.
pub(crate) fn print_report(indent: &str, folder: &Path) {
    let report = folder.join("report.html");
    if report.is_file() {
        println!("{indent}report: {}", report.display());
    } else {
        println!("{indent}no report could be written; what there is stands in {}", folder.display());
    }
}

/// What became of the money; nothing where there was none.
fn billing(billing: &BillingSummary) -> Option<String> {
    if !billing.reconciled {
        let reason = billing.reason.as_deref().unwrap_or("no charging ledger");
        let used = billing.account.usage_records;
        return (used > 0).then(|| format!("{used} usage records, not reconciled: {reason}"));
    }
    let account = &billing.account;
    let currency = account.currency.map_or_else(String::new, |currency| format!(" {currency}"));
    let stake = if account.unreconciled > 0 {
        format!(", {}{currency} at stake", account.at_stake)
    } else {
        String::new()
    };
    let explained = match account.explained.values().sum::<u64>() {
        0 => String::new(),
        explained => format!(", {explained} not judged"),
    };
    (account.sessions > 0).then(|| {
        format!(
            "{} sessions, {} matched, {} unreconciled{explained}; {}{currency} charged{stake}",
            account.sessions, account.matched, account.unreconciled, account.charged
        )
    })
}

/// The exit code's meaning of a verdict.
pub(crate) fn exit(summary: &Summary) -> Exit {
    match summary.verdict.status {
        Status::Pass => Exit::Pass,
        Status::Fail => Exit::SloFailed,
        Status::Invalid => Exit::Invalid,
    }
}

fn status(summary: &Summary) -> &'static str {
    match summary.verdict.status {
        Status::Pass => "PASS",
        Status::Fail => "FAIL",
        Status::Invalid => "INVALID",
    }
}
