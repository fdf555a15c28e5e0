//! Usage, charging and what the verdict makes of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use billing::csv::{ChargingWriter, UsageReader};
use billing::{ChargingRecord, Currency, Money};
use coordinator::{
    CoordinatorConfig, NetworkClosed, NetworkEvent, NetworkServed, NetworkSide, RunOutcome, StopRequest,
};
use results::Status;

use crate::agent::Behaviour::{self, *};
use crate::agent::{campaign, read};

const SCENARIO: &str = r#"
name: money-test
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 100, k: "465B5CE8B199B49FAA5F0A2EE238A6BC", opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000"}
cells: {nodes: 4, cells-per-node: 1, tacs: [1], slices: ["1"]}
load:
  - procedure: registration
    arrivals: uniform
    phases: [{rate: 50/s, for: 2s}]
slos:
  - billing.unreconciled == 0
"#;

/// A network that charges exactly what was used, by the default tariff, but for the subscribers that it loses.
struct Charges {
    runs: PathBuf,
    lost: Vec<&'static str>,
    served: Option<NetworkServed>,
}

impl NetworkSide for Charges {
    fn close(&self) -> Result<NetworkClosed, String> {
        let folder = self.runs.join("test-run");
        let ledger = self.runs.join("elsewhere.csv");
        charge(&folder.join("usage.csv"), &ledger, &self.lost);
        let event = NetworkEvent {
            kind: "sim-swap".to_owned(),
            supi: "001010000000009".to_owned(),
            ..NetworkEvent::default()
        };
        let charging_faults = [("lost".to_owned(), self.lost.len() as u64)].into();
        Ok(NetworkClosed {
            charging: Some(ledger),
            events: vec![event],
            charging_faults,
            served: self.served,
            ..NetworkClosed::default()
        })
    }
}

fn charge(usage: &Path, ledger: &Path, lost: &[&str]) {
    let mut writer = ChargingWriter::create(ledger).unwrap();
    for used in UsageReader::open(usage).unwrap().map(Result::unwrap) {
        if lost.contains(&used.supi.to_string().as_str()) {
            continue;
        }
        let units = (used.uplink.0 + used.downlink.0).div_ceil(100_000);
        let record = ChargingRecord {
            charging_id: used.charging_id,
            supi: used.supi,
            session: used.session,
            serving: used.serving,
            dnn: used.dnn,
            sequence: used.sequence,
            opened_us: used.opened_us,
            from_us: used.from_us,
            to_us: used.to_us,
            recorded_us: used.to_us + 10,
            uplink_lost: 0,
            uplink: used.uplink,
            downlink: used.downlink,
            rate: "everything".to_owned(),
            amount: Money::from_micros(i64::try_from(units).unwrap() * 1_000),
            currency: Currency::EUR,
            closing: used.closing,
        };
        writer.write(&record).unwrap();
    }
    writer.flush().unwrap();
}

async fn run(behaviour: Behaviour, lost: &'static [&'static str]) -> (RunOutcome, tempfile::TempDir) {
    served(behaviour, lost, None).await
}

async fn served(
    behaviour: Behaviour,
    lost: &'static [&'static str],
    served: Option<NetworkServed>,
) -> (RunOutcome, tempfile::TempDir) {
    let set = |config: &mut CoordinatorConfig| {
        config.run.network =
            Some(Arc::new(Charges { runs: config.run.out.clone(), lost: lost.to_vec(), served }));
    };
    let (outcome, runs) = campaign(SCENARIO, &[behaviour], set, StopRequest::None).await;
    (outcome.unwrap(), runs)
}

/// Of a target that this machine did not let run nothing is said, also where something is wrong with its bills.
#[tokio::test]
async fn target_that_this_machine_starved_is_not_judged() {
    let told = |late| Some(NetworkServed { messages: 1_000, late, longest_us: 90_000 });
    let (outcome, _runs) = served(Roams, &["001010000000003"], told(11)).await;
    let verdict = &outcome.summary.verdict;
    assert_eq!((verdict.status, verdict.exit_code()), (Status::Invalid, 3));
    let [reason] = verdict.reasons.as_slice() else { panic!("{verdict:?}") };
    assert!(reason.starts_with("target starved: 11 of 1000 messages waited more than 10.0 ms"), "{reason}");
    assert!(outcome.summary.embedded_target.as_ref().unwrap().starved);
    assert!(read(&outcome, "report.html").contains("The embedded simulator was starved."));
    let (outcome, _runs) = served(Roams, &[], told(10)).await;
    assert_eq!(outcome.summary.verdict.status, Status::Pass, "{:?}", outcome.summary.verdict);
    assert!(read(&outcome, "report.html").contains("10 of its 1,000 messages waited"));
}

#[tokio::test]
async fn usage_is_written_once_whatever_way_reports_come_and_reconciles() {
    let (outcome, _runs) = run(Roams, &[]).await;
    let summary = &outcome.summary;
    assert_eq!((summary.verdict.status, &summary.verdict.reasons), (Status::Pass, &vec![]));
    let records: Vec<_> =
        UsageReader::open(&outcome.folder.join("usage.csv")).unwrap().map(Result::unwrap).collect();
    let mut subscribers: Vec<String> = records.iter().map(|record| record.supi.to_string()).collect();
    subscribers.sort();
    let each_once: Vec<String> = (1..=8).map(|n| format!("00101000000{n:04}")).collect();
    assert_eq!(subscribers, each_once);
    let account = &summary.billing.account;
    assert_eq!((account.sessions, account.matched, account.unreconciled), (8, 8, 0));
    assert_eq!(
        (account.charged, account.used_uplink, account.charged_downlink),
        (Money::from_micros(8_000), 80_000, 640_000)
    );
    // The ledger of elsewhere is in the folder, and the differences are none.
    assert!(
        read(&outcome, "charging.csv").lines().count() == 9
            && read(&outcome, "unreconciled.csv").lines().count() == 1
    );
    assert_eq!(summary.network_events.by_kind["sim-swap"], 1);
}

#[tokio::test]
async fn lost_record_fails_the_run_and_the_verdict_names_exactly_that_session() {
    let (outcome, _runs) = run(Roams, &["001010000000003"]).await;
    let verdict = &outcome.summary.verdict;
    assert_eq!((verdict.status, verdict.exit_code()), (Status::Fail, 1));
    assert_eq!(
        verdict.reasons,
        [
            "billing.unreconciled is 1, target == 0",
            "unreconciled: 001010000000003 session 1, charging id 10: missing"
        ]
    );
    assert!(read(&outcome, "unreconciled.csv").contains("001010000000003"));
    assert!(read(&outcome, "junit.xml").contains("001010000000003"));
    let page = read(&outcome, "report.html");
    assert!(page.contains("1 of 8 sessions are not reconciled") && page.contains("no record"));
}

#[tokio::test]
async fn without_a_ledger_billing_is_not_measured_and_so_not_passed() {
    let (outcome, _runs) = campaign(SCENARIO, &[Roams], |_| {}, StopRequest::None).await;
    let outcome = outcome.unwrap();
    let verdict = &outcome.summary.verdict;
    assert_eq!(verdict.status, Status::Fail);
    assert_eq!(verdict.reasons[1], "billing is not reconciled: no charging ledger");
    assert!(!outcome.summary.billing.reconciled && outcome.summary.billing.account.usage_records == 8);
}

#[tokio::test]
async fn ledger_that_is_missing_makes_the_run_invalid_and_names_the_file() {
    let set = |config: &mut CoordinatorConfig| config.run.charging = Some(config.run.out.join("nowhere.csv"));
    let (outcome, _runs) = campaign(SCENARIO, &[Roams], set, StopRequest::None).await;
    let verdict = outcome.unwrap().summary.verdict;
    assert_eq!(verdict.status, Status::Invalid);
    assert!(
        verdict.reasons[0].contains("the charging ledger cannot be used")
            && verdict.reasons[0].contains("nowhere.csv"),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn handovers_phases_sessions_and_traffic_are_summed_over_the_run() {
    let (outcome, _runs) = run(Roams, &[]).await;
    let summary: serde_json::Value = serde_json::from_str(&read(&outcome, "summary.json")).unwrap();
    let handovers = &summary["handovers"];
    assert_eq!((&handovers["succeeded"], &handovers["failed"]), (&24.into(), &4.into()));
    let first = &handovers["cells"][0];
    assert_eq!(
        (&first["source"], &first["target"], &first["succeeded"], &first["failed"]),
        (&"1.0".into(), &"2.0".into(), &6.into(), &1.into())
    );
    // In the order of time, not of the alphabet.
    let phases = &handovers["phases"]["handover-n2"];
    assert_eq!(
        (&phases[0]["phase"], &phases[1]["phase"], &phases[0]["samples"]),
        (&"preparation".into(), &"execution".into(), &24.into())
    );
    assert_eq!(
        (&summary["user_plane"]["downlink_octets"], &summary["sessions_at_once"]),
        (&640_000.into(), &8.into())
    );
    let seconds = read(&outcome, "timeline.ndjson");
    let seconds: Vec<serde_json::Value> =
        seconds.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let uplink: u64 =
        seconds.iter().filter_map(|second| second["user_plane"]["uplink_octets"].as_u64()).sum();
    assert_eq!(uplink, 80_000);
}

#[tokio::test]
async fn petabyte_in_one_session_is_not_believed() {
    let (outcome, _runs) = run(Exaggerates, &[]).await;
    let verdict = &outcome.summary.verdict;
    assert_eq!(verdict.status, Status::Invalid);
    assert!(verdict.reasons[0].contains("more octets than any session can carry"), "{verdict:?}");
    assert_eq!(read(&outcome, "usage.csv").lines().count(), 1, "nothing of it is in the ledger");
}

#[tokio::test]
async fn old_folder_without_ladders_and_ledgers_is_drawn_again() {
    let (outcome, _runs) = run(Roams, &[]).await;
    for name in ["ladders.ndjson", "usage.csv", "charging.csv"] {
        std::fs::remove_file(outcome.folder.join(name)).unwrap();
    }
    let report = report::render_report(&outcome.folder).unwrap();
    assert!(
        std::fs::read_to_string(report).unwrap().contains("All 24 handovers")
            || !read(&outcome, "report.html").is_empty()
    );
}
