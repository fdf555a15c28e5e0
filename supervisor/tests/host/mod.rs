//! A host with a supervisor and its child, which say to the test how they are; and a metadata service.

mod metadata;
mod roles;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use wire::{AgentLink, Authority, CoordinatorEndpoint, Identity, Role};

pub(crate) use metadata::Metadata;
pub(crate) use roles::{OBEYED, be_a_child, be_a_supervisor};

pub(crate) struct Host {
    folder: TempDir,
    coordinator: CoordinatorEndpoint,
    children: TcpListener,
    process: Child,
}

/// A child, as it describes itself.
pub(crate) struct Started {
    pub(crate) pid: i32,
    pub(crate) mark: [u8; 16],
    lines: Lines<BufReader<TcpStream>>,
}

impl Host {
    /// A supervisor whose children do this; with a metadata service where there is one.
    pub(crate) async fn start(children: &str, metadata: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let authority = Authority::generate("test").unwrap();
        authority.issue("agent", Role::Agent, &[]).unwrap().save(folder.path(), false).unwrap();
        authority.issue("c", Role::Coordinator, &[]).unwrap().save(folder.path(), false).unwrap();
        let identity = Identity::load(folder.path(), Role::Coordinator).unwrap();
        let loopback: SocketAddr = ([127, 0, 0, 1], 0).into();
        let coordinator = CoordinatorEndpoint::bind(loopback, &identity).unwrap();
        let listener = TcpListener::bind(loopback).await.unwrap();
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "supervisor_process", "--nocapture", "--"])
            .env("TEST_FOLDER", folder.path())
            .env("TEST_COORDINATOR", coordinator.local_addr().to_string())
            .env("TEST_REPORT_TO", listener.local_addr().unwrap().to_string())
            .env("TEST_CHILD", children)
            .env("TEST_METADATA", metadata.first().unwrap_or(&""))
            .env("ROAMSTORM_RUNTIME_DIR", folder.path().join("run"))
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { folder, coordinator, children: listener, process }
    }

    pub(crate) async fn supervisor_joins(&self) -> AgentLink {
        in_time(self.coordinator.accept()).await.unwrap()
    }

    /// The next child that is started.
    pub(crate) async fn child(&mut self) -> Started {
        let (stream, _) = in_time(self.children.accept()).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        let line = in_time(lines.next_line()).await.unwrap().unwrap();
        let (pid, mark) = line.split_once(' ').unwrap();
        let mark = u128::from_str_radix(mark, 16).unwrap().to_be_bytes();
        Started { pid: pid.parse().unwrap(), mark, lines }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.process.id().unwrap().try_into().unwrap()
    }

    pub(crate) fn folder(&self) -> std::path::PathBuf {
        Path::new(self.folder.path()).join("run")
    }

    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        in_time(self.process.wait()).await.unwrap().code()
    }
}

impl Started {
    /// The next order that it gets.
    pub(crate) async fn order(&mut self) -> String {
        in_time(self.lines.next_line()).await.unwrap().unwrap()
    }

    /// Waits for its end.
    pub(crate) async fn gone(&mut self) {
        while let Ok(Some(_)) = in_time(self.lines.next_line()).await {}
    }
}

/// So that a test which hangs fails instead.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it hangs")
}
