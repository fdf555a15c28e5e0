//! A column that is damaged as a whole is one finding, and accuses nobody; what is wrong beside it is found all the same.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write;

use billing::csv::Mappings;
use billing::{Account, Cause, ReconcileError, Rules, RunWindow, Settings, Tariff, reconcile_files_to};

/// What became of the charging ledger.
type Change = dyn Fn(&mut Line);

/// One line of the charging ledger of another system.
#[derive(Clone)]
struct Line {
    id: String,
    imsi: String,
    from_s: u64,
    to_s: u64,
    uplink: String,
    downlink: String,
    amount: String,
}

/// Session `n` of 40: its times, octets up and down.
fn session(n: u64) -> (u64, u64, u64, u64) {
    (1_795_555_800 + n * 7, 1_795_555_800 + n * 7 + 30 + n, 1_024 * (n + 1), 2_000_000 * (n + 1) + 17 * n)
}

fn reconcile(change: &Change, window: Option<RunWindow>) -> Result<(Account, Vec<Cause>), ReconcileError> {
    let out = tempfile::tempdir().unwrap();
    let mut usage = String::from(
        "charging_id,supi,session,serving,dnn,sequence,opened_us,from_us,to_us,uplink,downlink,downlink_lost,closing\n",
    );
    let mut charging = String::from("ID;IMSI;Start;End;Up;Down;Amount\n");
    let tariff = Tariff::default();
    for n in 0..40 {
        let (from_s, to_s, up, down) = session(n);
        writeln!(
            usage,
            "{n},00101{n:010},1,001/01,internet,0,{from_s}000000,{from_s}000000,{to_s}000000,{up},{down},0,released"
        )
        .unwrap();
        let micros = (up + down).div_ceil(100_000) * 1_000;
        let mut line = Line {
            id: n.to_string(),
            imsi: format!("00101{n:010}"),
            from_s,
            to_s,
            uplink: up.to_string(),
            downlink: down.to_string(),
            amount: format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000),
        };
        change(&mut line);
        let Line { id, imsi, from_s, to_s, uplink, downlink, amount } = line;
        writeln!(charging, "{id};{imsi};{from_s};{to_s};{uplink};{downlink};{amount}").unwrap();
    }
    let map = "charging:\n  delimiter: ';'\n  columns:\n    charging_id: ID\n    supi: IMSI\n    from_us: {column: Start, time: s}\n\
               \x20   to_us: {column: End, time: s}\n    uplink: Up\n    downlink: Down\n    amount: Amount\n\
               \x20 constants: {session: '1', serving: 001/01, dnn: internet, currency: EUR}\n";
    let mappings = Mappings::from_yaml(map, "map.yaml").unwrap();
    let (usage_path, charging_path) = (out.path().join("usage.csv"), out.path().join("charging.csv"));
    std::fs::write(&usage_path, usage).unwrap();
    std::fs::write(&charging_path, charging).unwrap();
    let rules = Rules::default();
    let settings = Settings { window, ..Settings::new(Some(&tariff), &rules) };
    let mut found = Vec::new();
    let account =
        reconcile_files_to(&usage_path, &charging_path, &mappings, settings, out.path(), &mut |one| {
            found.push(one.cause);
        })?;
    assert_eq!(
        account.matched + account.unreconciled + account.explained.values().sum::<u64>(),
        account.sessions
    );
    Ok((account, found))
}

const WINDOW: Option<RunWindow> =
    Some(RunWindow { from_us: 1_795_555_790_000_000, to_us: 1_795_556_300_000_000 });

/// One finding of this column, with these words in it; nobody is accused, and nobody is proven.
fn one_finding(change: &Change, column: &str, words: &[&str]) {
    let (account, found) = reconcile(change, WINDOW).unwrap();
    assert_eq!(found, [], "{:?}", account.damaged);
    assert_eq!((account.unreconciled, account.matched), (0, 0), "{column}: {account:?}");
    assert_eq!(account.explained["column-damaged"], 40);
    let [damage] = account.damaged.as_slice() else { panic!("{column}: {:?}", account.damaged) };
    assert_eq!((damage.column.as_str(), damage.shown_by, damage.of), (column, 40, 40), "{damage}");
    assert!(words.iter().all(|word| damage.to_string().contains(word)), "{damage}");
}

#[test]
fn a_clean_ledger_has_no_finding() {
    let (account, found) = reconcile(&|_| {}, WINDOW).unwrap();
    assert_eq!((found, account.damaged, account.matched), (vec![], vec![], 40));
}

#[test]
fn subscribers_without_their_leading_zeros_are_one_finding() {
    let stripped = |line: &mut Line| line.imsi = line.imsi.trim_start_matches('0').to_owned();
    one_finding(
        &stripped,
        "supi",
        &["lack their leading zeros", "such as 1010000000", "export the column as text"],
    );
}

#[test]
fn subscribers_that_are_floating_point_numbers_are_one_finding() {
    let error = reconcile(&|line| line.imsi = "1.01E+12".to_owned(), WINDOW).unwrap_err().to_string();
    assert!(error.starts_with("no line of the charging ledger could be read, of 40"), "{error}");
    assert!(error.contains("\"1.01E+12\"") && error.contains("export the column as text"), "{error}");
    // Where a few were left alone.
    let most = |line: &mut Line| {
        if line.id != "7" {
            line.imsi = "1,01E+12".to_owned();
        }
    };
    let (account, found) = reconcile(&most, WINDOW).unwrap();
    assert_eq!((found.len(), account.unreconciled, account.matched), (39, 0, 1));
    assert!(found.iter().all(|cause| *cause == Cause::NotRead));
    assert_eq!((account.damaged.len(), account.damaged[0].shown_by), (1, 39), "{:?}", account.damaged);
}

#[test]
fn times_of_another_zone_are_one_finding_with_and_without_identifiers() {
    for (shift_s, apart) in [(3_600, "+01:00:00"), (-19_800, "-05:30:00"), (20_700, "+05:45:00")] {
        for with_id in [true, false] {
            let shifted = move |line: &mut Line| {
                line.from_s = line.from_s.saturating_add_signed(shift_s);
                line.to_s = line.to_s.saturating_add_signed(shift_s);
                if !with_id {
                    line.id.clear();
                }
            };
            one_finding(&shifted, "from_us, to_us", &[apart, "another time zone"]);
        }
    }
}

#[test]
fn a_clock_that_is_wrong_by_the_same_time_throughout_is_one_finding() {
    let shifted = |line: &mut Line| {
        (line.from_s, line.to_s) = (line.from_s + 100, line.to_s + 100);
        line.id.clear();
    };
    one_finding(&shifted, "from_us, to_us", &["+00:01:", "clocks was wrong"]);
}

/// An earlier run of the same scenario is apart by a constant time, too: it is no damage.
#[test]
fn an_earlier_run_in_the_ledger_is_no_shifted_clock() {
    let earlier = |line: &mut Line| (line.from_s, line.to_s) = (line.from_s - 2_000, line.to_s - 2_000);
    let (account, found) = reconcile(&earlier, WINDOW).unwrap();
    assert_eq!((account.damaged.len(), account.before_run, found.len()), (0, 40, 40));
}

#[test]
fn volumes_in_another_unit_are_one_finding() {
    for (unit, name) in [(1_000, "kB"), (1_024, "KiB"), (1_000_000, "MB")] {
        let rounded = move |line: &mut Line| {
            let octets: u64 = line.downlink.parse().unwrap();
            line.downlink = ((octets + unit / 2) / unit).to_string();
        };
        one_finding(&rounded, "downlink", &[&format!("charged in {name},"), "unit in the mapping"]);
    }
    let bits = |line: &mut Line| line.uplink = (line.uplink.parse::<u64>().unwrap() * 8).to_string();
    one_finding(&bits, "uplink", &["in bits"]);
}

#[test]
fn amounts_whose_point_is_elsewhere_are_one_finding() {
    let cents = |line: &mut Line| {
        let micros: f64 = line.amount.parse::<f64>().unwrap() * 100.0;
        line.amount = format!("{micros:.6}");
    };
    one_finding(&cents, "amount", &["100 times what the tariff gives"]);
}

#[test]
fn what_is_wrong_beside_a_damaged_column_is_found() {
    let change = |line: &mut Line| {
        line.imsi = line.imsi.trim_start_matches('0').to_owned();
        (line.from_s, line.to_s) = (line.from_s + 7_200, line.to_s + 7_200);
        line.downlink = (line.downlink.parse::<u64>().unwrap() / 1_000).to_string();
        match line.id.as_str() {
            "3" => line.uplink = "5000000".to_owned(),
            "5" => line.to_s += 60,
            "9" => line.amount = "9.000000".to_owned(),
            _ => {}
        }
    };
    let (account, found) = reconcile(&change, WINDOW).unwrap();
    assert_eq!(found, [Cause::Volume, Cause::Duration, Cause::Rating], "{:?}", account.damaged);
    assert_eq!(
        (account.explained["column-damaged"], account.damaged.len()),
        (37, 3),
        "{:?}",
        account.damaged
    );
}

#[test]
fn two_sessions_are_no_column() {
    let two = |line: &mut Line| {
        if matches!(line.id.as_str(), "3" | "4") {
            line.downlink = (line.downlink.parse::<u64>().unwrap() * 1_000).to_string();
        }
    };
    let (account, found) = reconcile(&two, WINDOW).unwrap();
    assert_eq!((found, account.matched, account.damaged.len()), (vec![Cause::Volume; 2], 38, 0));
}
