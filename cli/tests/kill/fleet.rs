//! The processes: a simulator, a coordinator, and agents under supervisors, each behind a link of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::draw::Draw;
use crate::journal::Journal;
use crate::link::Link;
use crate::support::{Process, roamstorm, scenario};

/// How long a lease lasts.
pub(crate) const LEASE: Duration = Duration::from_secs(5);
/// How long the load takes, seconds.
pub(crate) const LENGTH_S: u64 = 45;
/// Registrations that are planned in each second, and for how long: the other procedures need UEs to be left.
pub(crate) const REGISTRATIONS: u64 = 70;

pub(crate) struct Fleet {
    kept: Kept,
    pub(crate) journal: Journal,
    coordinator: Option<Process>,
    simulator: Option<Process>,
    address: String,
    hosts: Vec<Host>,
    joined: usize,
    began: Instant,
}

/// A machine: a supervisor, the agent that it started, and the way to the coordinator.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) link: Link,
    supervisor: Child,
}

/// What is left of a round.
pub(crate) struct Ended {
    pub(crate) seed: u64,
    pub(crate) code: Option<i32>,
    pub(crate) summary: Value,
    pub(crate) stderr: String,
    /// Registrations that the simulator accepted.
    pub(crate) accepted: u64,
    /// What `roamstorm reconcile --json` makes of the run's usage and of the ledger of a simulator that has ended.
    pub(crate) account: Value,
    _kept: Kept,
}

impl Fleet {
    /// Three agents, and a run that has begun.
    pub(crate) fn start(seed: u64) -> Self {
        let kept = Kept { folder: tempfile::tempdir().unwrap(), notes: Vec::new() };
        let path = scenario(kept.folder.path(), &campaign());
        assert!(
            roamstorm().arg("certs").arg(kept.folder.path().join("certs")).output().unwrap().status.success()
        );
        let ledger = kept.folder.path().join("charging.csv");
        let mut simulator = Process::start(
            roamstorm()
                .args(["simulator", &path, "--seed", &seed.to_string()])
                .args(["--listen", "sctp+udp://127.0.0.1:0", "--ledger"])
                .arg(&ledger),
        );
        let line = simulator.wait_for("listening on");
        let target = line.split([' ', ',']).find(|word| word.contains("://")).unwrap().to_owned();
        let mut coordinator = Process::start(
            roamstorm()
                .args(["coordinator", &path, "--seed", &seed.to_string(), "--agents", "3", "--target"])
                .args([
                    &target,
                    "--json",
                    "--lease",
                    &format!("{}s", LEASE.as_secs()),
                    "--listen",
                    "127.0.0.1:0",
                    "--charging",
                ])
                .arg(&ledger)
                .arg("--certs")
                .arg(kept.folder.path().join("certs"))
                .arg("--out")
                .arg(kept.folder.path().join("runs")),
        );
        let line = coordinator.wait_for("waiting on");
        let address = line.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned();
        let journal = Journal::new(kept.folder.path().join("runs"));
        let (coordinator, simulator) = (Some(coordinator), Some(simulator));
        let mut fleet = Self {
            kept,
            journal,
            coordinator,
            simulator,
            address,
            hosts: Vec::new(),
            joined: 0,
            began: Instant::now(),
        };
        (0..3).for_each(|_| drop(fleet.start_host()));
        fleet
    }

    /// What is done, for whoever has to understand a round that failed.
    pub(crate) fn note(&mut self, what: &str) {
        self.kept.notes.push(format!("  {:5.1} s {what}", self.began.elapsed().as_secs_f64()));
    }

    pub(crate) fn wait_for_second(&self, second: u64) {
        self.journal.wait_for_second(second);
    }

    fn start_host(&mut self) -> String {
        self.joined += 1;
        let name = format!("host{}", self.joined);
        let link = Link::to(self.address.parse().unwrap());
        let log = File::create(self.kept.folder.path().join(format!("{name}.log"))).unwrap();
        let mut command = self.command(&["--log", "info", "agent", "--supervised", "--workers", "1"]);
        command.args(["--name", &name, "--coordinator", &link.address.to_string(), "--certs"]);
        command.arg(self.kept.folder.path().join("certs")).stdout(Stdio::null()).stderr(log);
        self.hosts.push(Host { name: name.clone(), link, supervisor: command.spawn().unwrap() });
        name
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = roamstorm();
        command.args(arguments).env("ROAMSTORM_RUNTIME_DIR", self.kept.folder.path().join("run"));
        command
    }

    /// One more agent, under load.
    pub(crate) fn join(&mut self) {
        let from = self.journal.lines();
        let name = self.start_host();
        self.note(&format!("{name} joins"));
        self.journal.wait(from, "admitted an agent", &name);
    }

    /// Before one is taken away.
    pub(crate) fn have_three(&mut self) {
        if self.hosts.len() < 3 {
            self.join();
        }
    }

    /// A host that has shards, drawn from all.
    pub(crate) fn victim(&self, draw: &mut Draw) -> String {
        let with_shards = || {
            let names = self.hosts.iter().map(|host| host.name.clone());
            let busy: Vec<String> = names.filter(|name| self.journal.shards_of(name) > 0).collect();
            (!busy.is_empty()).then_some(busy)
        };
        let busy = self.journal.until("a host with shards", with_shards);
        busy[draw.below(busy.len())].clone()
    }

    pub(crate) fn host(&self, name: &str) -> &Host {
        self.hosts.iter().find(|host| host.name == name).unwrap()
    }

    /// The agent itself, which a supervisor may be about to start again.
    pub(crate) fn signal_child(&self, name: &str, signal: &str) {
        let supervisor = self.host(name).supervisor.id();
        let child = self.journal.until("a child process", || child_of(supervisor));
        send(child, signal);
    }

    pub(crate) fn kill_host(&mut self, name: &str) {
        let mut host = self.take(name);
        let child = child_of(host.supervisor.id());
        // No supervisor is left to say that its child has ended: stopped, it cannot see it.
        send(host.supervisor.id(), "STOP");
        child.into_iter().for_each(|child| send(child, "KILL"));
        send(host.supervisor.id(), "KILL");
        host.supervisor.wait().unwrap();
    }

    pub(crate) fn drain(&mut self, name: &str, by_command: bool) {
        let mut host = self.take(name);
        if by_command {
            let output = self
                .command(&["agent", "drain", "--name", name, "--reason", "the kill test"])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "drain of {name}: {said}\n{}", self.journal.tail());
        } else {
            send(host.supervisor.id(), "TERM");
        }
        let code = self.end_of(&mut host);
        assert_eq!(code, Some(0), "{name} was drained:\n{}\n{}", self.log(name), self.journal.tail());
    }

    fn take(&mut self, name: &str) -> Host {
        let position = self.hosts.iter().position(|host| host.name == name).unwrap();
        self.hosts.remove(position)
    }

    fn end_of(&self, host: &mut Host) -> Option<i32> {
        let what = format!("the end of {}", host.name);
        self.journal.until(&what, || host.supervisor.try_wait().unwrap()).code()
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.kept.folder.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    pub(crate) fn restart_coordinator(&mut self) {
        let run = self.journal.run();
        let before = self.journal.restarts();
        let mut old = self.coordinator.take().unwrap();
        old.child.kill().unwrap();
        old.child.wait().unwrap();
        let mut new = Process::start(
            roamstorm()
                .args(["coordinator", "--json", "--listen", &self.address, "--resume"])
                .arg(&run)
                .arg("--certs")
                .arg(self.kept.folder.path().join("certs")),
        );
        new.wait_for("took up");
        self.coordinator = Some(new);
        // What was decided since its last checkpoint is written anew before that.
        self.journal.until("the restart", || (self.journal.restarts() > before).then_some(()));
    }

    /// Waits until the run is over and everybody has left.
    pub(crate) fn finish(mut self, seed: u64) -> Ended {
        self.note("nothing more is done to it");
        let coordinator = self.coordinator.take().unwrap();
        let id = coordinator.child.id();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || tell.send(coordinator.finish()));
        let Ok((code, stdout, stderr)) = told.recv_timeout(LONGEST_END) else {
            send(id, "KILL");
            panic!("the run does not end:\n{}", self.journal.tail());
        };
        let summary = serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}\n{}", self.journal.tail()));
        let mut hosts = std::mem::take(&mut self.hosts);
        for host in &mut hosts {
            let code = self.end_of(host);
            assert_eq!(code, Some(0), "{} when the run was over:\n{}", host.name, self.log(&host.name));
        }
        let simulator = self.simulator.take().unwrap();
        simulator.signal("INT");
        let (_, served, said) = simulator.finish();
        let accepted = served.strip_prefix("registrations ").and_then(|rest| rest.split(" accepted").next());
        let accepted = accepted.map(|n| n.chars().filter(char::is_ascii_digit).collect::<String>());
        let accepted = accepted.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{served}{said}"));
        let account = self.reconcile();
        Ended { seed, code, summary, stderr, accepted, account, _kept: self.kept }
    }

    /// With the whole ledger: at the end of the run the target had not charged the sessions that were open.
    fn reconcile(&self) -> Value {
        let run = self.journal.run();
        std::fs::copy(self.kept.folder.path().join("charging.csv"), run.join("charging.csv")).unwrap();
        let output = roamstorm().arg("reconcile").arg(&run).arg("--json").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}

/// The folder of a round, and what was done in it. What failed is left there, and told.
pub(crate) struct Kept {
    folder: TempDir,
    notes: Vec<String>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            println!("{}\neverything is left in {}", self.notes.join("\n"), self.folder.path().display());
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.supervisor.try_wait().is_ok_and(|ended| ended.is_none()) {
            child_of(self.supervisor.id()).into_iter().for_each(|child| send(child, "KILL"));
            let _ = self.supervisor.kill();
            let _ = self.supervisor.wait();
        }
    }
}

fn child_of(pid: u32) -> Option<u32> {
    let task = Path::new("/proc").join(pid.to_string()).join("task").join(pid.to_string());
    std::fs::read_to_string::<PathBuf>(task.join("children")).ok()?.split_whitespace().next()?.parse().ok()
}

fn send(pid: u32, signal: &str) {
    // It may have ended by itself.
    let _ = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status();
}

/// About 150 attempts a second on 12 gNBs; a third of the UEs come to have sessions, and some leave.
fn campaign() -> String {
    format!(
        r#"
name: kill
description: A fleet that is killed, frozen and cut off.
subscribers:
  - {{plmn: 001/01, imsi: "001010000000001", count: 6000, k: "465B5CE8B199B49FAA5F0A2EE238A6BC",
     opc: "E8ED289DEBA952E4283B54E88E6183CA", amf: "8000", suci: null-scheme}}
cells: {{nodes: 12, cells-per-node: 1, tacs: [1, 2], slices: ["1"]}}
nas: {{nr: {{ciphering: [0], integrity: [2], retry: never}}}}
radio: ideal
sessions:
  - name: web
    dnn: internet
    uplink: {{rate: 4kbit/s, packet: 200}}
    downlink: {{rate: 8kbit/s, packet: 400}}
load:
  - {{procedure: registration, arrivals: uniform, phases: [{{rate: {REGISTRATIONS}/s, for: {LENGTH_S}s}}]}}
  - {{procedure: pdu-session, arrivals: poisson, starts-after: 3s, phases: [{{rate: 40/s, for: {later}s}}]}}
  - {{procedure: deregistration, arrivals: poisson, starts-after: 5s, phases: [{{rate: 40/s, for: {latest}s}}]}}
slos: [registration.success >= 50%]
drain: 5s
"#,
        later = LENGTH_S - 3,
        latest = LENGTH_S - 5,
    )
}

/// From the last fault on.
const LONGEST_END: Duration = Duration::from_secs(150);
