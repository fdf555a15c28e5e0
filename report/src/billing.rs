//! What was charged, and which sessions' records don't agree: the answer first, then causes, then the worst sessions.

use maud::{Markup, html};
use serde_json::Value;

use super::figures::{Tally, UNKNOWN, count, decimal_octets, known, list, scalar, text, title, whole};
use super::verdict::{Status, not_judged};
use super::{MOST_ROWS, Run, left_out};

pub(super) fn section(run: &Run<'_>) -> Markup {
    let nothing = Value::Null;
    let billing = run.summary.get("billing").unwrap_or(&nothing);
    html! {
        section id="billing" aria-labelledby="billing-title" {
            h2 id="billing-title" { "Billing" }
            @if run.is_judged() {
                (answer(billing))
            } @else {
                p.lead { (not_judged()) ": the run is invalid, so what differs between the ledgers accuses nobody. "
                    (known(whole(billing, "sessions"), count)) " sessions were compared; the files of the run folder hold them." }
            }
            @if whole(billing, "sessions").unwrap_or(0) > 0 {
                (totals(billing))
                @if run.is_judged() {
                    (causes(billing))
                    (worst(billing))
                }
            }
            (faults(billing))
        }
    }
}

fn answer(billing: &Value) -> Markup {
    let (sessions, unreconciled) = (whole(billing, "sessions").unwrap_or(0), whole(billing, "unreconciled"));
    let explained = Tally::read(billing, "explained").unwrap_or_default().total;
    let judged = sessions.saturating_sub(explained);
    // Folders of before there were two ledgers don't say whether they were reconciled.
    let reconciled = billing.get("reconciled").and_then(Value::as_bool).unwrap_or(sessions > 0);
    html! {
        @if !reconciled && (sessions > 0 || whole(billing, "usage_records").unwrap_or(0) > 0) {
            p.lead { (Status::Unknown.badge()) " Not reconciled: " (text(billing, "reason").unwrap_or_else(|| UNKNOWN.to_owned())) ". "
                (known(whole(billing, "usage_records"), count)) " usage records are in usage.csv." }
        } @else if sessions == 0 {
            p.quiet { "No charged session took place, so there is nothing to reconcile." }
        } @else {
            p.lead { (match unreconciled {
                Some(0) if billing.get("not_provable").is_some() => html! { (Status::Unknown.badge()) " The " (count(sessions)) " sessions agree, but too much of it rests on lost packets." },
                Some(0) if judged == 0 => html! { (Status::Unknown.badge()) " None of " (count(sessions)) " sessions could be judged." },
                Some(0) if judged < sessions => html! { (Status::Pass.badge()) " Every one of the " (count(judged)) " sessions that could be judged was charged once, for what was used; "
                    (count(sessions - judged)) " could not be judged." },
                Some(0) => html! { (Status::Pass.badge()) " Every one of " (count(sessions)) " sessions was charged once, for what was used." },
                Some(n) => html! { (Status::Fail.badge()) " " (count(n)) " of " (count(sessions)) " sessions were not charged for what was used"
                    @if let Some(stake) = amount(billing, "at_stake_micros") { ", " strong { (stake) } " is at stake" } "; unreconciled.csv lists them." },
                None => html! { span.quiet { "Not reconciled." } },
            }) }
            (by_loss(billing))
        }
    }
}

/// What only lost packets explain, and whether that leaves anything proven.
fn by_loss(billing: &Value) -> Markup {
    let of = |key: &str| whole(billing, key).unwrap_or(0);
    let (up, down) = (of("explained_by_loss_uplink"), of("explained_by_loss_downlink"));
    html! {
        @if up.saturating_add(down) > 0 {
            p.note { "Explained by loss: " (count(up.saturating_add(down))) " octets in " (count(of("explained_by_loss_sessions")))
                " sessions, " (count(up)) " of them from UEs and " (count(down)) " to UEs. They were sent and did not arrive, by their sequence numbers, "
                "and the sessions’ traffic can have carried them." }
        }
        @if let Some(why) = text(billing, "not_provable") {
            p { (Status::Unknown.badge()) strong { " Not provable: " } (why) "." }
        }
    }
}

/// For the key figures: what was charged, in whole hundredths, and whether rightly.
pub(super) fn in_short(run: &Run<'_>) -> Option<(String, String, String)> {
    let billing = run.summary.get("billing")?;
    let sessions = whole(billing, "sessions").filter(|sessions| *sessions > 0)?;
    let beside = match whole(billing, "unreconciled")? {
        _ if !run.is_judged() => format!("{} sessions, not judged", count(sessions)),
        0 => {
            let explained = Tally::read(billing, "explained").unwrap_or_default().total;
            match (explained, sessions.saturating_sub(explained)) {
                (0, _) => format!("{} sessions, all reconciled", count(sessions)),
                (_, judged) => {
                    format!("{} of {} sessions judged, all reconciled", count(judged), count(sessions))
                }
            }
        }
        n => format!("{} of {} sessions unreconciled", count(n), count(sessions)),
    };
    let charged = micros(billing, "charged_micros")?;
    let title = text(billing, "currency").map_or_else(|| "Charged".to_owned(), |of| format!("Charged, {of}"));
    // A large sum is told to the cent, a small one exactly; the section below has it exactly in any case.
    let told = if charged.unsigned_abs() < 1_000_000_000 {
        charged
    } else {
        (charged + 5_000).div_euclid(10_000) * 10_000
    };
    Some((title, money(told, ""), beside))
}

fn totals(billing: &Value) -> Markup {
    let octets = |key: &str| known(whole(billing, key), |n| decimal_octets(n as f64));
    html! {
        div.wide { table {
            thead { tr { th scope="col" { "Both sides" } th.n scope="col" { "Usage" } th.n scope="col" { "Charging" } th.n scope="col" { "Difference" } } }
            tbody {
                tr { th scope="row" { "Records" } td.n { (known(whole(billing, "usage_records"), count)) } td.n { (known(whole(billing, "charging_records"), count)) } td.n.quiet { (UNKNOWN) } }
                @for (name, used, charged) in [("Uplink", "used_uplink", "charged_uplink"), ("Downlink", "used_downlink", "charged_downlink")] {
                    tr { th scope="row" { (name) } td.n { (octets(used)) } td.n { (octets(charged)) } td.n { (difference(billing, used, charged)) } }
                }
                tr { th scope="row" { "Amount" }
                    td.n { @match amount(billing, "expected_micros") { Some(amount) => { (amount) " " span.quiet { "by the tariff" } } None => (UNKNOWN) } }
                    td.n { (amount(billing, "charged_micros").unwrap_or_else(|| UNKNOWN.to_owned())) }
                    td.n { (money_difference(billing)) }
                }
            }
        } }
        @let rejected = ["rejected_usage", "rejected_charging"].iter().filter_map(|key| whole(billing, key)).fold(0, u64::saturating_add);
        @if rejected > 0 {
            p { strong.fail { (count(rejected)) " lines could not be read:" } }
            ul { @for problem in list(billing, "problems").iter().take(10) { li { (scalar(problem).unwrap_or_default()) } } }
        }
    }
}

fn difference(billing: &Value, used: &str, charged: &str) -> String {
    let both = whole(billing, used).zip(whole(billing, charged));
    known(both, |(used, charged)| match used.abs_diff(charged) {
        0 => "none".to_owned(),
        n => format!("{}{}", if charged > used { "+" } else { "−" }, decimal_octets(n as f64)),
    })
}

fn money_difference(billing: &Value) -> String {
    let both = micros(billing, "expected_micros").zip(micros(billing, "charged_micros"));
    let currency = text(billing, "currency").unwrap_or_default();
    known(both, |(expected, charged)| match charged.saturating_sub(expected) {
        0 => "none".to_owned(),
        more if more > 0 => format!("+{}", money(more, &currency)),
        less => money(less, &currency),
    })
}

fn causes(billing: &Value) -> Markup {
    let causes = Tally::read(billing, "by_cause").unwrap_or_default();
    let currency = text(billing, "currency").unwrap_or_default();
    let stake = |cause: &str| {
        billing
            .get("at_stake_by_cause_micros")
            .and_then(|by| micros(by, cause))
            .map(|micros| money(micros, &currency))
    };
    html! {
        @for (cause, n) in Tally::read(billing, "explained").unwrap_or_default().by_cause {
            p.note { (count(n)) " sessions are not judged (" (cause) "), and count as neither matched nor unreconciled: " (meaning(&cause)) "." }
        }
        @for damage in list(billing, "damaged").iter().take(10) {
            p { strong.fail { "A column of the " (text(damage, "ledger").unwrap_or_default()) " ledger is damaged: " (text(damage, "column").unwrap_or_default()) ". " }
                (text(damage, "finding").unwrap_or_default()) }
        }
        @for (key, when) in [("before_run", "before this run"), ("after_run", "after this run")] {
            @if let Some(n) = whole(billing, key).filter(|n| *n > 0) {
                p.note { (count(n)) " charged sessions of " (when) " are left out: the ledger is older, or newer, than the run." }
            }
        }
        @if let Some(n) = whole(billing, "other_subscribers").filter(|n| *n > 0) {
            p.note { (count(n)) " charged sessions of subscribers that this run does not have are left out: the ledger is of several runs." }
        }
        @if !causes.by_cause.is_empty() {
            h3 { "By root cause" }
            div.wide { table {
                thead { tr {
                    th scope="col" { "Cause" } th scope="col" { "What it means" } th.n scope="col" { "Sessions" } th.n scope="col" { "At stake" }
                    th.bar scope="col" { span.away { "As a bar" } }
                } }
                tbody { @for (cause, n) in causes.by_cause.iter().take(MOST_ROWS) { tr.of-bad {
                    th scope="row" { (title(cause)) }
                    td.quiet { (meaning(cause)) }
                    td.n { (count(*n)) }
                    td.n { (stake(cause).unwrap_or_else(|| UNKNOWN.to_owned())) }
                    td.bar aria-hidden="true" { i style=(format!("width:{:.2}%", *n as f64 / causes.total.max(1) as f64 * 100.0)) {} }
                } } }
            } }
            (left_out(causes.by_cause.len()))
        }
    }
}

/// In words, for readers from finance.
fn meaning(cause: &str) -> &'static str {
    match cause {
        "missing" => "used, but a record of it is missing",
        "orphan" => "charged, but nobody used it",
        "duplicate" => "charged twice",
        "serving-network" => "charged for another network than the one that served",
        "volume" => "the octets differ by more than the rules allow",
        "duration" => "the lengths differ by more than the rules allow",
        "rating" => "the amount is not what the tariff says",
        "late" => "recorded later than the rules allow",
        "order" => "recorded in another order than it happened",
        "agent-lost" => {
            "the agent that knew the usage was lost: no error of the charging, and no proof of it"
        }
        "still-open" => "open when the run ended, and not charged to its end yet",
        "column-damaged" => {
            "agrees once the damaged column is put right: nobody is accused by it, and nothing is proven"
        }
        "not-read" => "a line of a ledger that is its, or may be, could not be read",
        _ => "",
    }
}

/// The sessions with most at stake, both sides of each below one another.
fn worst(billing: &Value) -> Markup {
    let sessions = list(billing, "worst");
    html! {
        @if !sessions.is_empty() {
            h3 { "The worst sessions, both records side by side" }
            div.wide { table.sides {
                thead { tr {
                    th scope="col" { "Session" } th scope="col" { "Side" } th scope="col" { "Network, DNN" } th.n scope="col" { "Began" }
                    th.n scope="col" { "Lasted" } th.n scope="col" { "Uplink" } th.n scope="col" { "Downlink" } th.n scope="col" { "Amount" }
                } }
                @for session in sessions.iter().take(MOST_SESSIONS) { (both_sides(session)) }
            } }
            @if sessions.len() > MOST_SESSIONS { p.note { "The first " (MOST_SESSIONS) "; unreconciled.csv has all of them." } }
        }
    }
}

fn both_sides(session: &Value) -> Markup {
    let (usage, charging) = (side(session, "usage"), side(session, "charging"));
    let currency = text(session, "currency").unwrap_or_default();
    let paid = |key: &str| micros(session, key).map(|micros| money(micros, &currency));
    html! {
        tbody {
            tr {
                th scope="rowgroup" rowspan="3" {
                    span.id { (text(session, "supi").unwrap_or_else(|| UNKNOWN.to_owned())) }
                    br; span.quiet { "session " (text(session, "session").unwrap_or_else(|| UNKNOWN.to_owned()))
                        @if let Some(id) = text(session, "charging_id") { ", charging id " (id) } }
                }
                td { "Usage" } (cells(usage, charging, paid("expected"), "should be "))
            }
            tr { td { "Charging" } (cells(charging, usage, paid("charged"), "")) }
            tr { td.why colspan="7" {
                strong.fail { (title(&text(session, "cause").unwrap_or_else(|| UNKNOWN.to_owned()))) }
                @if let Some(why) = text(session, "explanation") { ": " (why) }
                @if let Some(stake) = paid("at_stake") { " · " (stake) " at stake" }
            } }
        }
    }
}

fn side<'a>(session: &'a Value, name: &str) -> Option<&'a Value> {
    session.get(name).filter(|side| side.is_object())
}

/// One side; what differs from the other one stands out.
fn cells(side: Option<&Value>, other: Option<&Value>, amount: Option<String>, before: &str) -> Markup {
    let Some(side) = side else {
        return html! { td.absent colspan="6" { "no record" } };
    };
    let differs = |key: &str| other.is_some_and(|other| side.get(key) != other.get(key));
    let class = |differs: bool| if differs { "n differs" } else { "n" };
    let networks: Vec<String> = list(side, "serving").iter().filter_map(scalar).take(8).collect();
    let (from, to) = (whole(side, "from_us"), whole(side, "to_us"));
    let lasted = from.zip(to).map(|(from, to)| to.saturating_sub(from));
    html! {
        td class=(if differs("serving") || differs("dnn") { "differs" } else { "" }) {
            (if networks.is_empty() { UNKNOWN.to_owned() } else { networks.join(" → ") }) " · " (text(side, "dnn").unwrap_or_else(|| UNKNOWN.to_owned()))
            @if whole(side, "records").is_some_and(|n| n > 1) { br; span.quiet { (known(whole(side, "records"), count)) " records" } }
        }
        td.n { (known(from, time_of_day)) }
        td.n { (known(lasted, |us| format!("{:.3} s", us as f64 / 1e6))) }
        td class=(class(differs("uplink"))) { (known(whole(side, "uplink"), count)) }
        td class=(class(differs("downlink"))) { (known(whole(side, "downlink"), count)) }
        td.n { @match amount { Some(amount) => { span.quiet { (before) } (amount) } None => (UNKNOWN) } }
    }
}

/// What the charging function did wrong on purpose: what should have been found.
fn faults(billing: &Value) -> Markup {
    let faults = Tally::read(billing, "faults_injected").unwrap_or_default();
    html! {
        @if faults.total > 0 {
            h3 { "Sessions charged wrongly on purpose" }
            dl.facts { @for (fault, n) in faults.by_cause.iter().take(20) { div { dt { (title(fault)) } dd { (count(*n)) } } } }
        }
    }
}

fn amount(of: &Value, key: &str) -> Option<String> {
    let currency = text(of, "currency").unwrap_or_default();
    micros(of, key).map(|micros| money(micros, &currency))
}

fn micros(of: &Value, key: &str) -> Option<i64> {
    of.get(key).and_then(Value::as_i64)
}

/// Millionths as a decimal number; at least two digits after the point, and no rounding.
pub(super) fn money(micros: i64, currency: &str) -> String {
    let (sign, all) = (if micros < 0 { "−" } else { "" }, micros.unsigned_abs());
    let part = format!("{:06}", all % 1_000_000);
    let part = part.trim_end_matches('0');
    format!("{sign}{}.{part:0<2} {currency}", count(all / 1_000_000)).trim_end().to_owned()
}

/// UTC.
fn time_of_day(us: u64) -> String {
    let seconds = us / 1_000_000 % 86_400;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, us / 1000 % 1000)
}

const MOST_SESSIONS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact() {
        let shown = [0, 1_234_000, -2_500, 1, 12_345_678_900_000].map(|micros| money(micros, "EUR"));
        assert_eq!(shown, ["0.00 EUR", "1.234 EUR", "−0.0025 EUR", "0.000001 EUR", "12,345,678.90 EUR"]);
    }
}
