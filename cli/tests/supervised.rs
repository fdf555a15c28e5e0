//! An agent under its supervisor, as the coordinator sees the two; and `roamstorm agent drain`.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::roamstorm;
use tempfile::TempDir;
use wire::to_agent::{ToAgent, Welcome};
use wire::to_coordinator::{Part, ToCoordinator};
use wire::{AgentLink, Authority, CoordinatorEndpoint, Identity, PROGRAM, Role};

struct Fleet {
    folder: TempDir,
    endpoint: CoordinatorEndpoint,
}

impl Fleet {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::generate("test").unwrap();
        authority.issue("c", Role::Coordinator, &[]).unwrap().save(folder.path(), false).unwrap();
        authority.issue("a", Role::Agent, &[]).unwrap().save(folder.path(), false).unwrap();
        let identity = Identity::load(folder.path(), Role::Coordinator).unwrap();
        let endpoint = CoordinatorEndpoint::bind(([127, 0, 0, 1], 0).into(), &identity).unwrap();
        Self { folder, endpoint }
    }

    fn agent(&self, more: &[&str]) -> Ended {
        let mut command = self.command(&["agent", "--name", "spot-1", "--workers", "1", "--certs"]);
        command.arg(self.folder.path()).arg("--coordinator").arg(self.endpoint.local_addr().to_string());
        Ended(command.args(more).spawn().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = roamstorm();
        command.args(arguments).env("ROAMSTORM_RUNTIME_DIR", self.folder.path().join("run"));
        command.stdin(Stdio::null());
        command
    }

    /// The next one that joins, welcomed.
    async fn joined(&self) -> AgentLink {
        let mut link = in_time(self.endpoint.accept()).await.unwrap();
        let agent = link.hello.name.clone();
        let welcome = Welcome { agent, program: PROGRAM.to_owned(), token: [1; 16], returned: false };
        link.send(&ToAgent::Welcome(welcome)).await.unwrap();
        link
    }

    /// The agent and its supervisor, whoever comes first.
    async fn both_joined(&self) -> (AgentLink, AgentLink) {
        let (one, other) = (self.joined().await, self.joined().await);
        if one.hello.part == Part::Supervisor { (other, one) } else { (one, other) }
    }
}

/// A process that ends with the test.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_agent_is_told_by_its_mark_within_100_ms_and_comes_back() {
    let fleet = Fleet::new();
    let supervisor = fleet.agent(&["--supervised"]);
    let (agent, mut line) = fleet.both_joined().await;
    let mark = agent.hello.mark.unwrap();

    let began = Instant::now();
    kill_process(Pid::from_raw(child_of(supervisor.0.id())).unwrap(), Signal::KILL).unwrap();
    let told = in_time(line.receive()).await.unwrap();
    let after = began.elapsed();
    assert!(
        matches!(&told, Some(ToCoordinator::ChildExited { mark: told, status }) if *told == mark && status.starts_with("killed by signal 9")),
        "{told:?}"
    );
    assert!(after < Duration::from_millis(100), "it took {after:?}");
    let again = fleet.joined().await;
    assert_eq!((&again.hello.part, again.hello.name.as_str()), (&Part::Agent, "spot-1"));
    assert_ne!(again.hello.mark.unwrap(), mark);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agent_that_is_drained_says_so_and_leaves_supervised_or_not() {
    for supervised in [&["--supervised"][..], &[]] {
        let fleet = Fleet::new();
        let mut process = fleet.agent(supervised);
        let (mut agent, _line) = match supervised {
            [] => (fleet.joined().await, None),
            _ => {
                let (agent, line) = fleet.both_joined().await;
                (agent, Some(line))
            }
        };
        let mut drain = fleet.command(&["agent", "drain", "--name", "spot-1", "--reason", "kernel update"]);
        let drain = tokio::task::spawn_blocking(move || drain.output().unwrap());
        let reason = loop {
            match in_time(agent.receive()).await.unwrap().unwrap() {
                ToCoordinator::Draining { reason, within_us: None } => break reason,
                ToCoordinator::Leaving { reason } => break reason,
                _ => {}
            }
        };
        assert!(reason.contains("kernel update"), "{reason}");
        // It has no shards: nothing keeps it.
        while let Ok(Some(_)) = in_time(agent.receive()).await {}
        drop(agent);
        let drain = drain.await.unwrap();
        let said = String::from_utf8_lossy(&drain.stderr).into_owned();
        assert!(drain.status.success() && said.contains("spot-1: left: exit code 0"), "{said}");
        assert_eq!(process.0.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn drain_without_an_agent_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let drained =
        roamstorm().args(["agent", "drain"]).env("ROAMSTORM_RUNTIME_DIR", folder.path()).output().unwrap();
    let error = String::from_utf8_lossy(&drained.stderr).into_owned();
    assert_eq!(drained.status.code(), Some(2), "{error}");
    assert!(error.contains("no agent of this user runs on this host"), "{error}");
}

#[test]
fn spot_without_a_supervisor_and_a_wrong_endpoint_are_refused() {
    for (more, expected) in [
        (&["--spot"][..], "--supervised"),
        (&["--supervised", "--metadata", "https://h"], "write http://HOST"),
    ] {
        let refused =
            roamstorm().args(["agent", "--coordinator", "h:1", "--certs", "x"]).args(more).output().unwrap();
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

fn child_of(pid: u32) -> i32 {
    let children =
        Path::new("/proc").join(pid.to_string()).join("task").join(pid.to_string()).join("children");
    std::fs::read_to_string(children).unwrap().trim().parse().unwrap()
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it hangs")
}
