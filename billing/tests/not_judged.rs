//! What cannot be judged accuses nobody: sessions that are open at the end, of another run, or in lines that cannot be read.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use billing::csv::Mappings;
use billing::{
    Account, Cause, Difference, ReconcileError, Rules, RunWindow, Settings, Tariff, reconcile_files_to,
};

const USAGE: &str = "charging_id,supi,session,serving,dnn,sequence,opened_us,from_us,to_us,uplink,downlink,downlink_lost,closing";
const CHARGING: &str = "charging_id,supi,session,serving,dnn,sequence,opened_us,from_us,to_us,recorded_us,uplink,downlink,\
                        rate,amount,currency,closing";

/// The run lasted from second 1,000 to 1,100.
const WINDOW: RunWindow = RunWindow { from_us: 1_000_000_000, to_us: 1_100_000_000 };

fn used(id: &str, ue: u32, from_s: u64, to_s: u64, octets: u64, closing: &str) -> String {
    let supi = format!("00101{ue:010}");
    format!(
        "{id},{supi},1,001/01,internet,0,{from_s}000000,{from_s}000000,{to_s}000000,0,{octets},0,{closing}"
    )
}

/// A part of 100,000 octets costs 0.001 EUR, which is what the default tariff says.
fn charged(
    id: &str,
    ue: u32,
    (part, opened_s): (u32, u64),
    from_s: u64,
    to_s: u64,
    octets: u64,
    closing: &str,
) -> String {
    let (supi, amount) = (format!("00101{ue:010}"), octets.div_ceil(100_000));
    format!(
        "{id},{supi},1,001/01,internet,{part},{opened_s}000000,{from_s}000000,{to_s}000000,{to_s}000000,0,{octets},everything,\
         0.{amount:03},EUR,{closing}"
    )
}

fn try_reconcile(
    usage: &[String],
    charging: &[String],
    settings: impl FnOnce(Settings<'_>) -> Settings<'_>,
    out: &Path,
) -> Result<(Account, Vec<Difference>), ReconcileError> {
    let write = |name: &str, header: &str, lines: &[String]| {
        let path = out.join(name);
        std::fs::write(&path, format!("{header}\n{}\n", lines.join("\n"))).unwrap();
        path
    };
    let (usage, charging) = (write("usage.csv", USAGE, usage), write("charging.csv", CHARGING, charging));
    let (tariff, rules) = (Tariff::default(), Rules::default());
    let settings = settings(Settings::new(Some(&tariff), &rules));
    let mut found = Vec::new();
    let account = reconcile_files_to(&usage, &charging, &Mappings::default(), settings, out, &mut |one| {
        found.push(one.clone());
    })?;
    Ok((account, found))
}

fn reconcile(
    usage: &[String],
    charging: &[String],
    window: Option<RunWindow>,
    complete: bool,
) -> (Account, Vec<Cause>) {
    let out = tempfile::tempdir().unwrap();
    let (account, found) =
        try_reconcile(usage, charging, |settings| Settings { window, complete, ..settings }, out.path())
            .unwrap();
    assert_eq!(
        account.matched + account.unreconciled + account.explained.values().sum::<u64>(),
        account.sessions
    );
    (account, found.into_iter().map(|one| one.cause).collect())
}

#[test]
fn a_session_that_is_open_at_the_end_is_missing_only_where_the_ledger_is_complete() {
    let usage = [used("1", 1, 1_010, 1_100, 100_000, "still-open")];
    let (account, found) = reconcile(&usage, &[], Some(WINDOW), false);
    assert_eq!((found, account.unreconciled, account.judged()), (vec![Cause::StillOpen], 0, 0));
    assert_eq!((account.at_stake.micros(), account.expected.micros()), (0, 0));
    assert_eq!(reconcile(&usage, &[], Some(WINDOW), true).1, [Cause::Missing]);
    // What ended in the middle of the run, or was released, is charged by now.
    let ended =
        [used("1", 1, 1_001, 1_002, 100_000, "still-open"), used("2", 2, 1_001, 1_090, 1, "released")];
    assert_eq!(reconcile(&ended, &[], Some(WINDOW), false).1.len(), 2);
    assert_eq!(reconcile(&ended[1..], &[], Some(WINDOW), false).1, [Cause::Missing]);
}

#[test]
fn an_open_session_whose_first_parts_are_charged_is_open_unless_something_is_wrong_with_them() {
    let usage = [used("1", 1, 1_010, 1_100, 300_000, "still-open")];
    let part = |octets| [charged("1", 1, (0, 1_010), 1_010, 1_050, octets, "quota")];
    assert_eq!(reconcile(&usage, &part(200_000), Some(WINDOW), false).1, [Cause::StillOpen]);
    assert_eq!(reconcile(&usage, &part(200_000), Some(WINDOW), true).1, [Cause::Missing]);
    assert_eq!(
        reconcile(&usage, &part(400_000), Some(WINDOW), false).1,
        [Cause::Missing],
        "more than was used"
    );
    let wrong = part(200_000).map(|line| line.replace("0.002", "0.009"));
    assert_eq!(reconcile(&usage, &wrong, Some(WINDOW), false).1, [Cause::Missing], "rated wrongly");
}

#[test]
fn what_the_network_closed_after_the_end_is_judged_until_the_end() {
    let charging = [charged("1", 1, (0, 1_010), 1_010, 1_130, 100_000, "released")];
    let open = [used("1", 1, 1_010, 1_068, 100_000, "still-open")];
    assert_eq!(reconcile(&open, &charging, Some(WINDOW), true).1, []);
    let released = [used("1", 1, 1_010, 1_068, 100_000, "released")];
    assert_eq!(reconcile(&released, &charging, Some(WINDOW), true).1, [Cause::Duration]);
    let short = [charged("1", 1, (0, 1_010), 1_010, 1_020, 100_000, "released")];
    assert_eq!(reconcile(&open, &short, Some(WINDOW), true).1, [Cause::Duration]);
}

#[test]
fn sessions_of_other_runs_are_left_out_and_counted() {
    let usage = [used("1", 1, 1_010, 1_050, 100_000, "released")];
    let charging = [
        // The same identifier and subscriber, in a run before, and in one after.
        charged("1", 1, (0, 100), 100, 200, 100_000, "released"),
        charged("1", 1, (0, 1_010), 1_010, 1_050, 100_000, "released"),
        charged("1", 1, (0, 1_200), 1_200, 1_250, 100_000, "released"),
        charged("7", 7, (0, 900), 900, 994, 100_000, "released"),
    ];
    let (account, found) = reconcile(&usage, &charging, Some(WINDOW), true);
    assert_eq!((found, account.matched, account.before_run, account.after_run), (vec![], 1, 2, 1));
    assert_eq!(account.charged.micros(), 1_000, "what is left out is in no figure");
    // Within the clocks' difference it may be the run's; and what went on into the run is.
    for (from_s, to_s) in [(900, 1_050), (996, 1_050), (999, 1_000), (1_099, 1_200)] {
        let stranger = [charged("7", 7, (0, from_s), from_s, to_s, 100_000, "released")];
        assert_eq!(reconcile(&[], &stranger, Some(WINDOW), true).1, [Cause::Orphan], "{from_s} to {to_s}");
    }
    // One run right after the other: what nobody used was over when the run began, or was there long before it.
    for (from_s, to_s, before, after) in [(997, 999, 1, 0), (900, 1_003, 1, 0), (1_101, 1_102, 0, 1)] {
        let stranger = [charged("7", 7, (0, from_s), from_s, to_s, 100_000, "released")];
        let (account, found) = reconcile(&[], &stranger, Some(WINDOW), true);
        assert_eq!(
            (found, account.before_run, account.after_run),
            (vec![], before, after),
            "{from_s} to {to_s}"
        );
    }
    // By a clock that is behind a session of the run ended before it began.
    let early = [charged("1", 1, (0, 997), 997, 999, 100_000, "released")];
    let first = [used("1", 1, 1_000, 1_002, 100_000, "released")];
    assert_eq!(reconcile(&first, &early, Some(WINDOW), true).0.matched, 1);
    assert_eq!(
        reconcile(&[], &charging[3..], None, true).1,
        [Cause::Orphan],
        "nobody knows when the run was"
    );
    // A run whose only charge is of an earlier run is not charged.
    assert_eq!(reconcile(&usage, &charging[..1], Some(WINDOW), true).1, [Cause::Missing]);
}

/// A ledger of two runs at once: what is charged to subscribers of the other is left out, whatever it is.
#[test]
fn sessions_of_subscribers_that_the_run_does_not_have_are_left_out_and_counted() {
    fn has(supi: identity::Imsi) -> bool {
        !supi.to_string().ends_with("70")
    }
    let out = tempfile::tempdir().unwrap();
    let usage = [used("1", 1, 1_010, 1_050, 100_000, "released")];
    let charging = [
        charged("1", 1, (0, 1_010), 1_010, 1_050, 100_000, "released"),
        charged("2", 2, (0, 1_020), 1_020, 1_030, 100_000, "released"),
        charged("7", 70, (0, 1_020), 1_020, 1_090, 500_000, "released"),
    ];
    let reconcile = |known: bool| {
        let has: Option<&'static (dyn Fn(identity::Imsi) -> bool + Sync)> =
            if known { Some(&has) } else { None };
        let losses = billing::Losses { has, ..billing::Losses::default() };
        let ended = try_reconcile(
            &usage,
            &charging,
            |settings| Settings { losses, window: Some(WINDOW), complete: true, ..settings },
            out.path(),
        );
        let (account, found) = ended.unwrap();
        let found: Vec<Cause> = found.into_iter().map(|one| one.cause).collect();
        (found, account.matched, account.other_subscribers, account.charged.micros())
    };
    assert_eq!(reconcile(true), (vec![Cause::Orphan], 1, 1, 2_000), "its own subscriber's is judged");
    assert_eq!(reconcile(false).0, [Cause::Orphan; 2]);
}

#[test]
fn a_session_whose_line_cannot_be_read_is_not_read_and_not_missing() {
    let usage: Vec<String> =
        (1..=4).map(|ue| used(&ue.to_string(), ue, 1_010, 1_050, 100_000, "released")).collect();
    let line = |ue: u32| charged(&ue.to_string(), ue, (0, 1_010), 1_010, 1_050, 100_000, "released");
    let charging = [
        line(1).replace("100000,everything", "-5,everything"),
        // Neither the subscriber nor anything after it.
        line(2).replace("001010000000002,1,001/01", "x,y"),
        // Only the subscriber.
        line(3).replace("3,00101", "?,00101").replace("everything", "\"every"),
    ];
    let (account, found) = reconcile(&usage, &[&charging[..], &[line(4)]].concat(), Some(WINDOW), true);
    assert_eq!(found, [Cause::NotRead; 3]);
    assert_eq!((account.matched, account.unreconciled, account.rejected_charging), (1, 0, 3));
    // A line hides one session, and a line that names another session hides none.
    let (account, found) = reconcile(&usage, &[line(4), charging[0].clone()], Some(WINDOW), true);
    assert_eq!(found, [Cause::NotRead, Cause::Missing, Cause::Missing], "{account:?}");
    // The header again is no session.
    let (account, found) =
        reconcile(&usage, &[line(1), line(2), line(3), CHARGING.to_owned()], Some(WINDOW), true);
    assert_eq!((found, account.rejected_charging), (vec![Cause::Missing], 1));
}

#[test]
fn lines_of_which_nothing_can_be_read_hide_as_many_sessions_as_they_are() {
    let usage: Vec<String> =
        (1..=6).map(|ue| used(&ue.to_string(), ue, 1_010, 1_050, 100_000, "released")).collect();
    let line = |ue: u32| charged(&ue.to_string(), ue, (0, 1_010), 1_010, 1_050, 100_000, "released");
    let charging = [line(6), "??".to_owned(), "\"".to_owned()];
    let (account, found) = reconcile(&usage, &charging, Some(WINDOW), true);
    let of = |cause| found.iter().filter(|one| **one == cause).count();
    assert_eq!((of(Cause::NotRead), of(Cause::Missing)), (2, 3));
    assert_eq!((account.by_cause["missing"], account.explained["not-read"], account.matched), (3, 2, 1));
    assert_eq!(account.at_stake.micros(), 3_000);
}

#[test]
fn a_charge_whose_usage_line_cannot_be_read_is_no_orphan() {
    let line = |ue: u32| charged(&ue.to_string(), ue, (0, 1_010), 1_010, 1_050, 100_000, "released");
    let usage = [
        used("1", 1, 1_010, 1_050, 100_000, "released"),
        used("2", 2, 1_010, 1_050, 100_000, "released").replace(",0,released", ",x,released"),
    ];
    assert_eq!(reconcile(&usage, &[line(1), line(2)], Some(WINDOW), true).1, [Cause::NotRead]);
    assert_eq!(reconcile(&usage[..1], &[line(1), line(2)], Some(WINDOW), true).1, [Cause::Orphan]);
}

#[test]
fn a_part_that_cannot_be_read_is_not_read_but_more_than_was_used_is_wrong_all_the_same() {
    let usage = [used("1", 1, 1_010, 1_050, 200_000, "released")];
    let one = |octets| charged("1", 1, (0, 1_010), 1_010, 1_030, octets, "quota");
    let two = charged("1", 1, (1, 1_010), 1_030, 1_050, 100_000, "released").replace("100000", "1e5");
    assert_eq!(reconcile(&usage, &[one(100_000), two.clone()], Some(WINDOW), true).1, [Cause::NotRead]);
    let out = tempfile::tempdir().unwrap();
    let whole = charged("1", 1, (0, 1_010), 1_010, 1_050, 900_000, "released");
    let (_, found) = try_reconcile(&usage, &[whole, two], |settings| settings, out.path()).unwrap();
    assert_eq!(found[0].cause, Cause::Volume, "{found:?}");
}

#[test]
fn a_ledger_of_which_no_line_can_be_read_says_only_that() {
    let usage: Vec<String> =
        (1..=4).map(|ue| used(&ue.to_string(), ue, 1_010, 1_050, 100_000, "released")).collect();
    let out = tempfile::tempdir().unwrap();
    let error = try_reconcile(&usage, &["a;b".to_owned(), "c;d".to_owned()], |settings| settings, out.path());
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("no line of the charging ledger could be read, of 2: "), "{error}");
    assert!(error.contains("charging.csv:2: 1 fields, where the header has 16"), "{error}");
}
