//! `attempts.ndjson.zst`: a line for each attempt that has ended, as reports are merged: each once, in the order of merging.
//!
//! Lines are compressed in pieces, each a frame of its own, which `zstdcat` reads as one file. What waits for its piece is in no file
//! yet: a restart has it from the records.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use identity::{Imsi, Procedure};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde::{Deserialize, Serialize};
use wire::attempts::{AttemptRow, RowPolicy, WHOLE};
use wire::pseudonyms::Pseudonyms;
use wire::to_coordinator::IntervalReport;

use super::run_folder::{Appender, RunFolder};
use crate::time::{RunWall, rfc3339_us};
use results::{AttemptRows, FolderError};

/// See the module.
pub(crate) struct AttemptLog {
    run: String,
    /// How spans and logs name subscribers.
    names: Option<Pseudonyms>,
    kept: RowPolicy,
    file: Appender,
    so_far: AttemptLogSoFar,
    /// Lines of the next piece.
    waiting: Vec<u8>,
    limit: u64,
}

/// How far the file has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttemptLogSoFar {
    octets: u64,
    rows: u64,
    left_out_by_agents: u64,
    left_out_at_limit: u64,
}

/// A line. Each has every key, so that a table of them has the same columns whatever happened first.
#[derive(Serialize)]
struct Line<'a> {
    due: String,
    due_us: u64,
    run: &'a str,
    shard: u32,
    procedure: &'a str,
    self_started: bool,
    imsi: Option<String>,
    ue: Option<String>,
    outcome: &'a str,
    cause: Option<&'a str>,
    latency_us: Option<u64>,
    service_us: Option<u64>,
    lateness_us: Option<u64>,
    gnb: Option<u32>,
    cell: Option<u32>,
    target_gnb: Option<u32>,
    target_cell: Option<u32>,
}

impl AttemptLog {
    /// The file of a run, from where it has come to; none where no attempt is to be kept.
    pub(crate) fn open(
        folder: &RunFolder,
        kept: RowPolicy,
        so_far: AttemptLogSoFar,
    ) -> Result<Option<Self>, FolderError> {
        if kept == RowPolicy::None {
            return Ok(None);
        }
        let file = folder.appender_at(FILE, so_far.octets)?;
        let run = folder.run_id().to_owned();
        Ok(Some(Self { run, names: None, kept, file, so_far, waiting: Vec::new(), limit: MOST_OCTETS }))
    }

    /// The key of the run is known, by which spans and logs name subscribers.
    pub(crate) fn name_as_run(&mut self, key: &[u8; 32]) {
        self.names = Some(Pseudonyms::of_run(key));
    }

    /// The rows of a report that is merged.
    pub(crate) fn add(&mut self, report: &IntervalReport, wall: &RunWall) -> io::Result<()> {
        self.so_far.left_out_by_agents =
            self.so_far.left_out_by_agents.saturating_add(report.rows_left_out.file);
        for row in report.rows.iter().filter(|row| row.for_what.file) {
            if self.so_far.octets >= self.limit {
                self.so_far.left_out_at_limit += 1;
                continue;
            }
            let mut waiting = std::mem::take(&mut self.waiting);
            let written = serde_json::to_writer(&mut waiting, &self.line(report.shard, row, wall));
            waiting.push(b'\n');
            self.waiting = waiting;
            written?;
            self.so_far.rows += 1;
            if self.waiting.len() >= PIECE {
                self.write_piece()?;
            }
        }
        Ok(())
    }

    /// Writes what waits, and says how far the file has come with that.
    pub(crate) fn so_far(&mut self) -> io::Result<AttemptLogSoFar> {
        self.write_piece()?;
        Ok(self.so_far.clone())
    }

    /// Writes what waits. `ended` attempts were counted, but for those of which nobody has reported the end.
    pub(crate) fn finish(&mut self, ended: u64) -> io::Result<AttemptRows> {
        self.write_piece()?;
        let AttemptLogSoFar { rows, left_out_by_agents, left_out_at_limit, .. } = self.so_far;
        let known = rows.saturating_add(left_out_by_agents).saturating_add(left_out_at_limit);
        Ok(AttemptRows {
            file: FILE.to_owned(),
            kept: policy_text(self.kept),
            rows,
            left_out_by_agents,
            left_out_at_limit,
            lost_with_agents: if self.kept == RowPolicy::All { ended.saturating_sub(known) } else { 0 },
        })
    }

    fn line<'a>(&'a self, shard: u32, row: &'a AttemptRow, wall: &RunWall) -> Line<'a> {
        let due = UNIX_EPOCH + Duration::from_micros(wall.of(row.due_us));
        Line {
            due: rfc3339_us(due),
            due_us: row.due_us,
            run: &self.run,
            shard,
            procedure: Procedure::ALL
                .get(usize::from(row.procedure))
                .map_or("", |procedure| procedure.name()),
            self_started: row.self_started,
            imsi: row.supi.as_ref().map(Imsi::to_string),
            ue: row.supi.as_ref().zip(self.names.as_ref()).map(|(imsi, names)| names.of(imsi)),
            outcome: row.outcome.name(),
            cause: Some(row.cause.as_str()).filter(|cause| !cause.is_empty()),
            latency_us: row.latency_us,
            service_us: row.service_us,
            lateness_us: row.lateness_us,
            gnb: row.cell.map(|cell| cell.node),
            cell: row.cell.map(|cell| cell.cell),
            target_gnb: row.target.map(|cell| cell.node),
            target_cell: row.target.map(|cell| cell.cell),
        }
    }

    fn write_piece(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let piece = compress_to_vec(self.waiting.as_slice(), CompressionLevel::Fastest);
        self.waiting.clear();
        self.file.append(&piece)?;
        self.so_far.octets += piece.len() as u64;
        Ok(())
    }
}

/// As `--attempts` takes it.
fn policy_text(policy: RowPolicy) -> String {
    match policy {
        RowPolicy::None => "none".to_owned(),
        RowPolicy::Failed => "failed".to_owned(),
        RowPolicy::Share(share) => format!("{}%", f64::from(share) * 100.0 / f64::from(WHOLE)),
        RowPolicy::All => "all".to_owned(),
    }
}

/// Its name in the run folder.
pub(crate) const FILE: &str = "attempts.ndjson.zst";
/// Octets of the lines of one piece.
const PIECE: usize = 1 << 20;
/// Octets of the file: rows that come later are left out.
const MOST_OCTETS: u64 = 2 << 30;

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::path::Path;

    use serde_json::Value;
    use wire::attempts::{RowOutcome, RowUse, RowsLeftOut};

    use super::*;

    fn folder(at: &Path) -> RunFolder {
        RunFolder::create(at, Some("r1"), "x").unwrap()
    }

    fn report(due_us: u64, rows: usize) -> IntervalReport {
        let row = AttemptRow {
            for_what: RowUse { file: true, span: false },
            due_us,
            procedure: Procedure::HandoverN2.place(),
            self_started: false,
            supi: Some("001010000000001".parse().unwrap()),
            outcome: RowOutcome::TimedOut,
            cause: "TNGRELOCprep".to_owned(),
            latency_us: Some(3),
            service_us: Some(2),
            lateness_us: Some(1),
            cell: None,
            target: None,
        };
        let not_for_it = AttemptRow { for_what: RowUse { file: false, span: true }, ..row.clone() };
        let rows = [vec![not_for_it], vec![row; rows]].concat();
        let rows_left_out = RowsLeftOut { file: 4, spans: 3 };
        IntervalReport { shard: 7, rows, rows_left_out, ..IntervalReport::default() }
    }

    fn lines(folder: &RunFolder) -> Vec<Value> {
        let octets = std::fs::read(folder.path().join(FILE)).unwrap();
        let mut rest = octets.as_slice();
        let mut text = String::new();
        while !rest.is_empty() {
            ruzstd::decoding::StreamingDecoder::new(&mut rest).unwrap().read_to_string(&mut text).unwrap();
        }
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn row_says_when_it_was_due_by_the_wall_clock_that_went_on_in_pauses() {
        let at = tempfile::tempdir().unwrap();
        let folder = folder(at.path());
        let mut log = AttemptLog::open(&folder, RowPolicy::All, AttemptLogSoFar::default()).unwrap().unwrap();
        log.name_as_run(&[9; 32]);
        let mut wall = RunWall::default();
        wall.starts(1_000_000_000_000_001);
        log.add(&report(2_000_000, 1), &wall).unwrap();
        wall.pauses(3_000_000);
        wall.goes_on(60_000_000);
        log.add(&report(3_000_001, 1), &wall).unwrap();
        let summary = log.finish(11).unwrap();
        assert_eq!((summary.rows, summary.left_out_by_agents, summary.lost_with_agents), (2, 8, 1));
        let lines = lines(&folder);
        assert_eq!(lines[0]["due"], "2001-09-09T01:46:42.000001Z");
        assert_eq!(lines[1]["due"], "2001-09-09T01:47:43.000002Z");
        let keys: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 17, "{keys:?}");
        assert_eq!(lines[0]["procedure"], "handover-n2");
        assert_eq!((&lines[0]["imsi"], &lines[0]["shard"]), (&"001010000000001".into(), &7.into()));
        let name = Pseudonyms::of_run(&[9; 32]).of(&"001010000000001".parse().unwrap());
        assert_eq!(lines[0]["ue"], name.as_str());
        assert_eq!((&lines[0]["outcome"], &lines[0]["cause"]), (&"timed-out".into(), &"TNGRELOCprep".into()));
    }

    #[test]
    fn file_of_a_restarted_run_holds_each_row_once() {
        let at = tempfile::tempdir().unwrap();
        let folder = folder(at.path());
        let open = |so_far| AttemptLog::open(&folder, RowPolicy::Failed, so_far).unwrap().unwrap();
        let mut log = open(AttemptLogSoFar::default());
        log.add(&report(1, 3), &RunWall::default()).unwrap();
        let checkpoint = log.so_far().unwrap();
        // Half of what comes later is in the file when the coordinator dies, and the records say all of it again.
        log.add(&report(2, 5), &RunWall::default()).unwrap();
        log.so_far().unwrap();
        log.add(&report(3, 5), &RunWall::default()).unwrap();
        drop(log);
        let mut log = open(checkpoint);
        log.add(&report(2, 5), &RunWall::default()).unwrap();
        log.add(&report(3, 5), &RunWall::default()).unwrap();
        assert_eq!(log.finish(0).unwrap().rows, 13);
        assert_eq!(lines(&folder).len(), 13);
    }

    #[test]
    fn rows_beyond_the_limit_of_octets_are_counted() {
        let at = tempfile::tempdir().unwrap();
        let folder = folder(at.path());
        let log = AttemptLog::open(&folder, RowPolicy::All, AttemptLogSoFar::default()).unwrap().unwrap();
        let mut log = AttemptLog { limit: 1_000, ..log };
        (0..2).for_each(|_| log.add(&report(1, 20_000), &RunWall::default()).unwrap());
        let summary = log.finish(0).unwrap();
        assert_eq!(summary.rows + summary.left_out_at_limit, 40_000);
        assert!(summary.left_out_at_limit > 20_000, "{summary:?}");
        assert_eq!(lines(&folder).len() as u64, summary.rows);
    }
}
