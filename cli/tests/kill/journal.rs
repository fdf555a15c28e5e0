//! The run folder while the run goes on: what was decided, and how far it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

pub(crate) struct Journal {
    runs: PathBuf,
}

impl Journal {
    pub(crate) fn new(runs: PathBuf) -> Self {
        Self { runs }
    }

    /// The folder of the only run.
    pub(crate) fn run(&self) -> PathBuf {
        self.until("the run folder", || {
            let run = std::fs::read_dir(&self.runs).ok()?.next()?.ok()?.path();
            run.join("plan.json").is_file().then_some(run)
        })
    }

    /// The decisions so far.
    pub(crate) fn lines(&self) -> usize {
        self.read("journal.ndjson").len()
    }

    /// How often the coordinator was started again.
    pub(crate) fn restarts(&self) -> usize {
        let lines = self.read("journal.ndjson");
        lines.iter().filter(|line| line["decision"] == "the coordinator was started again").count()
    }

    /// Waits until this was decided of an agent of this host: it and its successors have its name, and a number.
    pub(crate) fn wait(&self, from: usize, decision: &str, host: &str) {
        self.until(&format!("{decision:?} of {host}"), || {
            let lines = self.read("journal.ndjson");
            let decided = |line: &Value| line["decision"] == decision && is_of(&line["agent"], host);
            lines.iter().skip(from).any(decided).then_some(())
        });
    }

    /// Waits until this second of the run is complete.
    pub(crate) fn wait_for_second(&self, second: u64) {
        self.until(&format!("second {second}"), || {
            let last = self.read("timeline.ndjson").pop()?;
            (last["at_s"].as_u64()? >= second).then_some(())
        });
    }

    /// How many shards the agents of a host hold, as far as the journal tells.
    pub(crate) fn shards_of(&self, host: &str) -> usize {
        let mut holders: BTreeMap<u64, Value> = BTreeMap::new();
        for line in self.read("journal.ndjson") {
            let over = ["shard is over", "shard ends unfinished", "lost a shard"];
            if line["decision"] == "leased a shard" {
                holders.insert(line["shard"].as_u64().unwrap(), line["agent"].clone());
            } else if line["decision"] == "lost shards" {
                let lost = line["shards"].as_array().unwrap();
                lost.iter().filter_map(Value::as_u64).for_each(|shard| drop(holders.remove(&shard)));
            } else if over.iter().any(|over| line["decision"] == *over) {
                holders.remove(&line["shard"].as_u64().unwrap());
            }
        }
        holders.values().filter(|agent| is_of(agent, host)).count()
    }

    /// Waits until the shards that a host has lost are ready elsewhere: when each was.
    pub(crate) fn taken_over(&self, from: usize, host: &str) -> Vec<TimeOfDay> {
        self.until(&format!("the shards of {host} elsewhere"), || {
            let lines: Vec<Value> = self.read("journal.ndjson").into_iter().skip(from).collect();
            let lost = |line: &Value| line["decision"] == "lost shards" && is_of(&line["agent"], host);
            let at = lines.iter().position(lost)?;
            let shards = lines[at]["shards"].as_array().unwrap();
            let ended = ["shard is ready", "shard is over", "shard ends unfinished"];
            let fate = |shard: &Value| {
                let of_shard = |line: &&Value| {
                    line["shard"] == *shard && ended.iter().any(|decision| line["decision"] == *decision)
                };
                lines.iter().skip(at).find(of_shard)
            };
            let fates: Option<Vec<&Value>> = shards.iter().map(fate).collect();
            let ready = fates?.into_iter().filter(|line| line["decision"] == ended[0]);
            Some(ready.map(|line| TimeOfDay::parse(line["at"].as_str().unwrap())).collect())
        })
    }

    /// Waits for what a look finds.
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            if began.elapsed() > PATIENCE {
                panic!("{what} did not come; the last decisions:\n{}", self.tail());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The last decisions, for people.
    pub(crate) fn tail(&self) -> String {
        let lines = self.read("journal.ndjson");
        let last = lines.iter().rev().take(60).rev();
        last.map(|line| format!("{line}\n")).collect()
    }

    /// The whole lines of a file that is being written.
    fn read(&self, name: &str) -> Vec<Value> {
        let run = std::fs::read_dir(&self.runs).ok().and_then(|mut runs| Some(runs.next()?.ok()?.path()));
        let text = run.and_then(|run: PathBuf| read(&run.join(name))).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// A moment of a day, UTC: what the journal stamps its lines with.
#[derive(Clone, Copy)]
pub(crate) struct TimeOfDay(Duration);

impl TimeOfDay {
    pub(crate) fn now() -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Self(Duration::from_secs(unix.as_secs() % DAY_S) + Duration::from_nanos(unix.subsec_nanos().into()))
    }

    /// Of `2026-11-29T13:01:02.957Z`.
    fn parse(text: &str) -> Self {
        let parts: Vec<f64> = text[11..23].split(':').map(|part| part.parse().unwrap()).collect();
        Self(Duration::from_secs_f64(parts[0] * 3600.0 + parts[1] * 60.0 + parts[2]))
    }

    /// Also across midnight.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let later = if self.0 < earlier.0 { self.0 + Duration::from_secs(DAY_S) } else { self.0 };
        later - earlier.0
    }
}

fn read(path: &Path) -> Option<String> {
    std::fs::read(path).ok().map(|octets| String::from_utf8_lossy(&octets).into_owned())
}

fn is_of(agent: &Value, host: &str) -> bool {
    let agent = agent.as_str().unwrap_or_default();
    agent.strip_prefix(host).is_some_and(|number| number.is_empty() || number.starts_with('-'))
}

const DAY_S: u64 = 24 * 3600;
/// Several leases.
const PATIENCE: Duration = Duration::from_secs(30);
