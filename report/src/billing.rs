//! What was charged, and which sessions' records don't agree: the answer first, then causes, then the worst sessions.

use billing::{Account, Currency, Difference, Money, Side};
use maud::{Markup, html};
use results::BillingSummary;

use super::figures::{Tally, UNKNOWN, count, cut, decimal_octets, shown, title};
use super::verdict::{Status, not_judged};
use super::{MOST_ROWS, Run, left_out};

pub(super) fn section(run: &Run<'_>) -> Markup {
    let billing = &run.summary.billing;
    let account = &billing.account;
    html! {
        section id="billing" aria-labelledby="billing-title" {
            h2 id="billing-title" { "Billing" }
            @if run.is_judged() {
                (answer(billing))
            } @else {
                p.lead { (not_judged()) ": the run is invalid, so what differs between the ledgers accuses nobody. "
                    (count(account.sessions)) " sessions were compared; the files of the run folder hold them." }
            }
            @if account.sessions > 0 {
                (totals(account))
                @if run.is_judged() {
                    (causes(account))
                    (worst(billing))
                }
            }
            (faults(billing, run.is_judged()))
        }
    }
}

fn answer(billing: &BillingSummary) -> Markup {
    let account = &billing.account;
    let (sessions, unreconciled) = (account.sessions, account.unreconciled);
    let judged = sessions.saturating_sub(explained(account));
    html! {
        @if !billing.reconciled && (sessions > 0 || account.usage_records > 0) {
            p.lead { (Status::Unknown.badge()) " Not reconciled: " (shown(billing.reason.as_deref().unwrap_or_default())) ". "
                (count(account.usage_records)) " usage records are in usage.csv." }
        } @else if sessions == 0 {
            p.quiet { "No charged session took place, so there is nothing to reconcile." }
        } @else {
            p.lead { (match unreconciled {
                0 if billing.not_provable.is_some() => html! { (Status::Unknown.badge()) " The " (count(sessions)) " sessions agree, but too much of it rests on lost packets." },
                0 if judged == 0 => html! { (Status::Unknown.badge()) " None of " (count(sessions)) " sessions could be judged." },
                0 if judged < sessions => html! { (Status::Pass.badge()) " Every one of the " (count(judged)) " sessions that could be judged was charged once, for what was used; "
                    (count(sessions - judged)) " could not be judged." },
                0 => html! { (Status::Pass.badge()) " Every one of " (count(sessions)) " sessions was charged once, for what was used." },
                n => html! { (Status::Fail.badge()) " " (count(n)) " of " (count(sessions)) " sessions are not reconciled"
                    ", " strong { (amount(account, account.at_stake)) } " is at stake; unreconciled.csv lists them." },
            }) }
            (by_loss(billing))
        }
    }
}

fn explained(account: &Account) -> u64 {
    account.explained.values().fold(0, |sum: u64, n| sum.saturating_add(*n))
}

/// What only lost packets explain, and whether that leaves anything proven.
fn by_loss(billing: &BillingSummary) -> Markup {
    let account = &billing.account;
    html! {
        @if account.explained_by_loss() > 0 {
            p.note { "Explained by loss: " (count(account.explained_by_loss())) " octets in " (count(account.explained_by_loss_sessions))
                " sessions, " (count(account.explained_by_loss_uplink)) " of them from UEs and " (count(account.explained_by_loss_downlink))
                " to UEs. They were sent and did not arrive, by their sequence numbers, and the sessions’ traffic can have carried them." }
        }
        @if let Some(why) = &billing.not_provable {
            p { (Status::Unknown.badge()) strong { " Not provable: " } (cut(why)) "." }
        }
    }
}

/// For the key figures: what was charged, in whole hundredths, and whether rightly.
pub(super) fn in_short(run: &Run<'_>) -> Option<(String, String, String)> {
    let account = &run.summary.billing.account;
    let sessions = Some(account.sessions).filter(|sessions| *sessions > 0)?;
    let beside = match account.unreconciled {
        _ if !run.is_judged() => format!("{} sessions, not judged", count(sessions)),
        0 => match explained(account) {
            0 => format!("{} sessions, all reconciled", count(sessions)),
            open => {
                let judged = count(sessions.saturating_sub(open));
                format!("{judged} of {} sessions judged, all reconciled", count(sessions))
            }
        },
        n => format!("{} of {} sessions unreconciled", count(n), count(sessions)),
    };
    let charged = account.charged.micros();
    let title = account.currency.map_or_else(|| "Charged".to_owned(), |of| format!("Charged, {of}"));
    // A large sum is told to the cent, a small one exactly; the section below has it exactly in any case.
    let told = if charged.unsigned_abs() < 1_000_000_000 {
        charged
    } else {
        (charged + 5_000).div_euclid(10_000) * 10_000
    };
    Some((title, short_money(told), beside))
}

fn totals(account: &Account) -> Markup {
    let octets = |n: u64| decimal_octets(n as f64);
    let rows = [
        ("Uplink", account.used_uplink, account.charged_uplink),
        ("Downlink", account.used_downlink, account.charged_downlink),
    ];
    html! {
        div.wide tabindex="0" { table {
            thead { tr { th scope="col" { "Both sides" } th.n scope="col" { "Usage" } th.n scope="col" { "Charging" } th.n scope="col" { "Difference" } } }
            tbody {
                tr { th scope="row" { "Records" } td.n { (count(account.usage_records)) } td.n { (count(account.charging_records)) } td.n.quiet { (UNKNOWN) } }
                @for (name, used, charged) in rows {
                    tr { th scope="row" { (name) } td.n { (octets(used)) } td.n { (octets(charged)) } td.n { (difference(used, charged)) } }
                }
                tr { th scope="row" { "Amount" }
                    td.n { @if account.currency.is_some() { (amount(account, account.expected)) div.note { "by the tariff" } } @else { (UNKNOWN) } }
                    td.n { (amount(account, account.charged)) }
                    td.n { (money_difference(account)) }
                }
            }
        } }
        @let rejected = account.rejected_usage.saturating_add(account.rejected_charging);
        @if rejected > 0 {
            p { strong.fail { (count(rejected)) " lines could not be read:" } }
            ul { @for problem in account.problems.iter().take(10) { li { (cut(problem)) } } }
        }
    }
}

fn difference(used: u64, charged: u64) -> String {
    match used.abs_diff(charged) {
        0 => "none".to_owned(),
        n => format!("{}{}", if charged > used { "+" } else { "−" }, decimal_octets(n as f64)),
    }
}

fn money_difference(account: &Account) -> String {
    if account.currency.is_none() {
        return UNKNOWN.to_owned();
    }
    match account.charged.micros().saturating_sub(account.expected.micros()) {
        0 => "none".to_owned(),
        more if more > 0 => format!("+{}", amount(account, Money::from_micros(more))),
        less => amount(account, Money::from_micros(less)),
    }
}

fn causes(account: &Account) -> Markup {
    let causes = Tally::of(&account.by_cause);
    let stake = |cause: &str| account.at_stake_by_cause.get(cause).map(|stake| amount(account, *stake));
    html! {
        @for (cause, n) in Tally::of(&account.explained).by_cause {
            p.note { (count(n)) " sessions are not judged (" (cause) "), and count as neither matched nor unreconciled: " (meaning(&cause)) "." }
        }
        @for damage in account.damaged.iter().take(10) {
            p { strong.fail { "A column of the " (damage.ledger) " ledger is damaged: " (cut(&damage.column)) ". " } (cut(&damage.finding)) }
        }
        @for (n, when) in [(account.before_run, "before this run"), (account.after_run, "after this run")] {
            @if n > 0 {
                p.note { (count(n)) " charged sessions of " (when) " are left out: the ledger is older, or newer, than the run." }
            }
        }
        @if account.other_subscribers > 0 {
            p.note { (count(account.other_subscribers)) " charged sessions of subscribers that this run does not have are left out: the ledger is of several runs." }
        }
        @if !causes.by_cause.is_empty() {
            h3 { "By root cause" }
            div.wide tabindex="0" { table {
                thead { tr {
                    th scope="col" { "Cause" } th.n scope="col" { "Sessions" }
                    th.bar scope="col" { span.quiet { "Sessions as a bar" } } th.n scope="col" { "At stake" }
                } }
                tbody { @for (cause, n) in causes.by_cause.iter().take(MOST_ROWS) { tr.of-bad {
                    th scope="row" { (title(cause)) div.note { (meaning(cause)) } }
                    td.n { (count(*n)) }
                    td.bar aria-hidden="true" { i style=(format!("width:{:.2}%", *n as f64 / causes.total.max(1) as f64 * 100.0)) {} }
                    td.n { (stake(cause).unwrap_or_else(|| UNKNOWN.to_owned())) }
                } } }
            } }
            (left_out(causes.by_cause.len()))
            p.note { "At stake is what may have to be paid back or asked for, without its sign, so that what was charged too much does not hide what was charged "
                "too little. The difference of the two sides above has the sign." }
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
fn worst(billing: &BillingSummary) -> Markup {
    let sessions = &billing.worst;
    html! {
        @if !sessions.is_empty() {
            h3 { "The worst sessions, both records side by side" }
            div.wide tabindex="0" { table.sides {
                thead { tr {
                    th scope="col" { "Session" } th scope="col" { "Side" } th scope="col" { "Network, DNN" } th.n scope="col" { "Began, UTC" }
                    th.n scope="col" { "Lasted" } th.n scope="col" { "Uplink, octets" } th.n scope="col" { "Downlink, octets" } th.n scope="col" { "Amount" }
                } }
                @for session in sessions.iter().take(MOST_SESSIONS) { (both_sides(session)) }
            } }
            @if sessions.len() > MOST_SESSIONS { p.note { "The first " (MOST_SESSIONS) "; unreconciled.csv has all of them." } }
        }
    }
}

fn both_sides(session: &Difference) -> Markup {
    let (usage, charging) = (session.usage.as_ref(), session.charging.as_ref());
    let paid = |amount: Money| money(amount.micros(), &session.currency.to_string());
    let expected = usage.map(|_| paid(session.expected));
    let charged = charging.map(|_| paid(session.charged));
    html! {
        tbody {
            tr {
                th scope="rowgroup" rowspan="3" {
                    span.id { (session.supi) }
                    br; span.quiet { "session " (session.session)
                        @if let Some(id) = &session.charging_id { ", charging id " (id) } }
                }
                td { "Usage" } (cells(usage, charging, expected, "should be "))
            }
            tr { td { "Charging" } (cells(charging, usage, charged, "")) }
            tr { td.why colspan="7" { div {
                strong.fail { (title(session.cause.as_str())) }
                @if !session.explanation.is_empty() { ": " (cut(&session.explanation)) }
                " · " (paid(session.at_stake)) " at stake"
            } } }
        }
    }
}

/// One side; what differs from the other one stands out.
fn cells(side: Option<&Side>, other: Option<&Side>, amount: Option<String>, before: &str) -> Markup {
    let Some(side) = side else {
        return html! { td.absent colspan="6" { "no record" } };
    };
    let class = |differs: fn(&Side, &Side) -> bool| match other.is_some_and(|other| differs(side, other)) {
        true => "n differs",
        false => "n",
    };
    let elsewhere = other.is_some_and(|other| side.serving != other.serving || side.dnn != other.dnn);
    let networks: Vec<String> = side.serving.iter().take(8).map(ToString::to_string).collect();
    let lasted = side.to_us.saturating_sub(side.from_us);
    html! {
        td class=(if elsewhere { "differs" } else { "" }) {
            (if networks.is_empty() { UNKNOWN.to_owned() } else { networks.join(" → ") }) " · " (cut(&side.dnn.to_string()))
            @if side.records > 1 { br; span.quiet { (count(side.records.into())) " records" } }
        }
        td.n { (time_of_day(side.from_us)) }
        td.n { (format!("{:.3} s", lasted as f64 / 1e6)) }
        td class=(class(|side, other| side.uplink != other.uplink)) { (count(side.uplink.0)) }
        td class=(class(|side, other| side.downlink != other.downlink)) { (count(side.downlink.0)) }
        td.n { @match amount { Some(amount) => { span.quiet { (before) } (amount) } None => (UNKNOWN) } }
    }
}

/// What the charging function did wrong on purpose, beside what was found: the proof that the reconciliation sees it.
fn faults(billing: &BillingSummary, judged: bool) -> Markup {
    let faults = Tally::of(&billing.faults_injected);
    let found = |cause: &str| billing.account.by_cause.get(cause).copied().unwrap_or_default();
    html! {
        @if faults.total > 0 {
            h3 { "Charged wrongly on purpose, and found" }
            div.wide tabindex="0" { table {
                thead { tr { th scope="col" { "Planted" } th.n scope="col" { "Sessions" } th scope="col" { "Found as" } th.n scope="col" { "Sessions" } th scope="col" { "Result" } } }
                tbody { @for (fault, n) in faults.by_cause.iter().take(20) { tr {
                    th scope="row" { (title(fault)) }
                    td.n { (count(*n)) }
                    @match found_as(fault) {
                        Some(cause) => {
                            td { (title(cause)) }
                            td.n { (count(found(cause))) }
                            td { @if !judged || !billing.reconciled { (not_judged()) } @else { (comparison(*n, found(cause))) } }
                        },
                        None => { td.quiet colspan="3" { "agrees all the same: nothing is to be found" } },
                    }
                } } }
            } }
            p.note { "A session has one fault and one cause. More may be found than was planted, where something else went wrong as well; a fault on a session that "
                "cannot be judged is found in none of these." }
        }
    }
}

/// The root cause that a planted fault is found as; nothing where it changes no sum.
fn found_as(fault: &str) -> Option<&'static str> {
    Some(match fault {
        "lost" => "missing",
        "duplicated" => "duplicate",
        "late" => "late",
        "reordered" => "order",
        "wrong-volume" => "volume",
        "wrong-tariff" => "rating",
        "wrong-plmn" => "serving-network",
        "orphan" => "orphan",
        _ => return None,
    })
}

fn comparison(planted: u64, found: u64) -> Markup {
    html! { @match found.cmp(&planted) {
        std::cmp::Ordering::Equal => span.pass { span.one-line { span aria-hidden="true" { "✓ " } "all" } },
        std::cmp::Ordering::Greater => span.invalid { span aria-hidden="true" { "! " } (count(found - planted)) " more than planted" },
        std::cmp::Ordering::Less => strong.fail { span aria-hidden="true" { "✕ " } (count(planted - found)) " not found" },
    } }
}

fn amount(account: &Account, amount: Money) -> String {
    money(amount.micros(), &account.currency.as_ref().map(Currency::to_string).unwrap_or_default())
}

/// Millionths as a decimal number with six digits after the point, so that those below one another are compared at a glance.
pub(super) fn money(micros: i64, currency: &str) -> String {
    let (sign, all) = (if micros < 0 { "−" } else { "" }, micros.unsigned_abs());
    format!("{sign}{}.{:06} {currency}", count(all / 1_000_000), all % 1_000_000).trim_end().to_owned()
}

/// The same for a tile: with two digits at least, and no more than it needs.
fn short_money(micros: i64) -> String {
    let exact = money(micros, "");
    let (whole, part) = exact.split_once('.').unwrap_or((&exact, ""));
    format!("{whole}.{:0<2}", part.trim_end_matches('0'))
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
    fn planted_faults_stand_beside_what_was_found() {
        let causes = |of: &[(&str, u64)]| of.iter().map(|(cause, n)| ((*cause).to_owned(), *n)).collect();
        let mut billing = BillingSummary { reconciled: true, ..BillingSummary::default() };
        billing.faults_injected = causes(&[("lost", 11), ("orphan", 4), ("partial", 2), ("late", 1)]);
        billing.account.by_cause = causes(&[("missing", 11), ("orphan", 3), ("late", 2)]);
        let page = faults(&billing, true).into_string();
        let row = |name: &str| page.split("<tr>").find(|row| row.contains(name)).unwrap().to_owned();
        assert!(row(">Lost<").contains("Missing") && row(">Lost<").contains("✓ </span>all"), "{page}");
        assert!(row(">Orphan<").contains("1 not found"), "{page}");
        assert!(row(">Late<").contains("1 more than planted"), "{page}");
        assert!(row(">Partial<").contains("nothing is to be found"), "{page}");
        assert!(!faults(&billing, false).into_string().contains("not found"));
    }

    #[test]
    fn money_is_exact() {
        let shown = [0, 1_234_000, -2_500, 1, 12_345_678_900_000].map(|micros| money(micros, "EUR"));
        assert_eq!(
            shown,
            ["0.000000 EUR", "1.234000 EUR", "−0.002500 EUR", "0.000001 EUR", "12,345,678.900000 EUR"]
        );
        assert_eq!([0, 1_234_000, 12_300_000].map(short_money), ["0.00", "1.234", "12.30"]);
    }
}
