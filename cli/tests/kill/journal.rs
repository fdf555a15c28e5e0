//! The run folder while the run goes on: what was decided, and how far it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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

fn read(path: &Path) -> Option<String> {
    std::fs::read(path).ok().map(|octets| String::from_utf8_lossy(&octets).into_owned())
}

fn is_of(agent: &Value, host: &str) -> bool {
    let agent = agent.as_str().unwrap_or_default();
    agent.strip_prefix(host).is_some_and(|number| number.is_empty() || number.starts_with('-'))
}

/// Several leases.
const PATIENCE: Duration = Duration::from_secs(30);
