//! The ledgers as CSV: what is written is read, and what is wrong is named, counted and set aside.

#![allow(clippy::unwrap_used, reason = "a test")]

use billing::csv::{ChargingReader, ChargingWriter, UsageReader, UsageWriter};
use billing::{ChargingId, ChargingRecord, Closing, Currency, Money, Octets, UsageRecord};

fn usage() -> UsageRecord {
    UsageRecord {
        charging_id: Some(ChargingId(7)),
        supi: "001010000000001".parse().unwrap(),
        session: identity::SessionId::new(1).unwrap(),
        serving: "001/01".parse().unwrap(),
        dnn: "internet".parse().unwrap(),
        sequence: 0,
        opened_us: 1_795_555_800_000_000,
        from_us: 1_795_555_800_000_000,
        to_us: 1_795_555_810_000_000,
        uplink: Octets(1_000),
        downlink: Octets(9_000),
        downlink_lost: 1,
        closing: Closing::Released,
    }
}

fn charging() -> ChargingRecord {
    let usage = usage();
    ChargingRecord {
        charging_id: None,
        supi: usage.supi,
        session: usage.session,
        serving: usage.serving,
        dnn: usage.dnn,
        sequence: 3,
        opened_us: usage.opened_us,
        from_us: usage.from_us,
        to_us: usage.to_us,
        recorded_us: usage.to_us + 5,
        uplink: usage.uplink,
        downlink: usage.downlink,
        uplink_lost: 4,
        rate: "a, \"b\"".to_owned(),
        amount: Money::from_micros(-2_500),
        currency: Currency::EUR,
        closing: Closing::StillOpen,
    }
}

const HEADER: &str = "charging_id,supi,session,serving,dnn,sequence,opened_us,from_us,to_us,uplink,downlink,\
                      downlink_lost,closing";
const LINE: &str = "7,001010000000001,1,001/01,internet,0,1795555800000000,1795555800000000,1795555810000000,\
                    1000,9000,1,released";

fn read(text: String) -> (Vec<UsageRecord>, Vec<String>) {
    let mut reader = UsageReader::from_reader(std::io::Cursor::new(text), "usage.csv").unwrap();
    let records: Result<Vec<_>, _> = reader.by_ref().collect();
    assert_eq!(reader.rejected(), reader.problems().len() as u64);
    (records.unwrap(), reader.problems().to_vec())
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (used, charged) = (folder.path().join("usage.csv"), folder.path().join("charging.csv"));
    for _ in 0..2 {
        let mut writer = UsageWriter::append(&used).unwrap();
        writer.write(&usage()).unwrap();
        writer.flush().unwrap();
        let mut writer = ChargingWriter::append(&charged).unwrap();
        writer.write(&charging()).unwrap();
        writer.flush().unwrap();
    }
    let header = HEADER
        .replace("uplink,downlink,downlink_lost", "uplink_octets,downlink_octets,downlink_lost_packets");
    let times = "2026-11-24T21:30:00.000000Z,2026-11-24T21:30:00.000000Z,2026-11-24T21:30:10.000000Z";
    let written = format!("{header},opened,from,to\n{LINE},{times}\n{LINE},{times}\n");
    assert_eq!(std::fs::read_to_string(&used).unwrap(), written);
    let records: Result<Vec<_>, _> = UsageReader::open(&used).unwrap().collect();
    assert_eq!(records.unwrap(), vec![usage(); 2]);
    let records: Result<Vec<_>, _> = ChargingReader::open(&charged).unwrap().collect();
    assert_eq!(records.unwrap(), vec![charging(); 2]);
}

#[test]
fn a_ledger_goes_on_after_a_line_that_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("usage.csv"), folder.path().join("usage.rejected.csv"));
    std::fs::write(&path, format!("{HEADER}\n{LINE}\n7,00101")).unwrap();
    UsageWriter::append(&path).unwrap().write(&usage()).unwrap();
    let mut reader = UsageReader::open(&path).unwrap().rejects_to(&aside);
    assert_eq!(reader.by_ref().map(Result::unwrap).collect::<Vec<_>>(), vec![usage(); 2]);
    assert_eq!(reader.rejected(), 1);
    let aside = std::fs::read_to_string(&aside).unwrap();
    assert_eq!(aside, "line,reason,text\n3,\"2 fields, where the header has 13\",\"7,00101\"\n");
}

#[test]
fn a_bad_line_costs_nothing_but_itself() {
    for (bad, expected) in [
        (
            LINE.replace(",1000,", ",-1000,"),
            "uplink: \"-1000\" is not a volume: whole octets from 0 to 1000000000000000000",
        ),
        (
            LINE.replace(",1000,", ",99999999999999999999,"),
            "uplink: \"99999999999999999999\" is not a volume",
        ),
        (LINE.replace(",1000,", ",,"), "uplink: it is empty"),
        (LINE.replace("001/01", "00101"), "serving: \"00101\" is not a PLMN such as \"001/01\""),
        (
            LINE.replace(",1,001/01", ",16,001/01"),
            "session: \"16\" is not a PDU session identity: 1 to 15 are",
        ),
        (LINE.replace("released", "gone"), "closing: \"gone\" is not a reason to close a record: released,"),
        (
            LINE.replace("1795555810000000", "1795555700000000"),
            "to_us: \"1795555700000000\" is before from_us",
        ),
        (LINE.replace("internet", "in\"ternet"), "dnn: \"in\\\"ternet\" is not a data network name"),
        (LINE.replace("internet", "\"internet"), "a quote is never closed"),
        (LINE.replace("7,00101", "\u{0},00101"), "charging_id: \"\\0\" is not a number from 0 to 4294967295"),
        (HEADER.to_owned(), "the header again"),
        ("x".repeat(70_000), "more than 65536 octets are too many for a line"),
        (format!("{LINE},more"), "14 fields, where the header has 13"),
    ] {
        let (records, problems) = read(format!("{HEADER}\n{LINE}\n{bad}\n\n{LINE}\n"));
        assert_eq!(records, vec![usage(); 2], "{bad}");
        assert_eq!(problems.len(), 1, "{bad}");
        assert!(problems[0].starts_with(&format!("usage.csv:3: {expected}")), "{problems:?}");
    }
}

#[test]
fn a_last_line_without_its_end_is_taken_when_it_is_whole() {
    assert_eq!(read(format!("\u{feff}{HEADER}\r\n{LINE}\r\n{LINE}")).0, vec![usage(); 2]);
    let (records, problems) = read(format!("{HEADER}\n{LINE}\n{}", &LINE[..LINE.len() - 3]));
    assert_eq!(records, [usage()]);
    assert!(problems[0].ends_with("the file ends in this line, which may be cut"), "{problems:?}");
}

#[test]
fn what_is_no_ledger_is_refused_as_a_whole() {
    for (text, expected) in [
        ("".to_owned(), "usage.csv:1: no usage ledger: the file is empty"),
        (LINE.to_owned(), "the column charging_id is missing: a usage ledger begins with charging_id,supi,"),
        (format!("{HEADER},supi"), "column 14 is named \"supi\" like one before it"),
        (format!("{HEADER},cost"), "the column \"cost\" is not known"),
    ] {
        let error = UsageReader::from_reader(std::io::Cursor::new(text), "usage.csv").err().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// A ledger that is made while it is read: good lines, with one bad one and one that never seems to end.
struct Endless {
    line: u64,
    pending: Vec<u8>,
}

impl std::io::Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.pending.is_empty() && self.line < LINES {
            self.line += 1;
            self.pending = match self.line {
                1 => HEADER.as_bytes().to_vec(),
                123_456 => b"7,00101".to_vec(),
                200_000 => vec![b'9'; 20_000_000],
                _ => LINE.as_bytes().to_vec(),
            };
            self.pending.push(b'\n');
        }
        let count = self.pending.len().min(into.len());
        into[..count].copy_from_slice(&self.pending[..count]);
        self.pending.drain(..count);
        Ok(count)
    }
}

const LINES: u64 = 300_000;

#[test]
fn one_bad_line_in_a_large_ledger_is_found_with_its_number() {
    let ledger = Endless { line: 0, pending: Vec::new() };
    let mut reader = UsageReader::from_reader(ledger, "usage.csv").unwrap();
    assert_eq!(reader.by_ref().map(Result::unwrap).filter(|record| *record == usage()).count(), 299_997);
    assert_eq!(
        reader.problems(),
        [
            "usage.csv:123456: 2 fields, where the header has 13",
            "usage.csv:200000: more than 65536 octets are too many for a line"
        ]
    );
}
