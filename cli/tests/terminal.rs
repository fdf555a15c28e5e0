//! What a run looks like on terminals of several widths, and on one that can do nothing: in tmux, as a person has it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use oracles::skipped;
use support::{have_the_machine_alone, registrations, scenario};

/// A terminal with the program in it; gone with its value.
struct Terminal {
    socket: PathBuf,
    columns: usize,
}

impl Terminal {
    /// Nothing where there is no tmux.
    fn open(
        folder: &Path,
        (columns, rows): (usize, usize),
        environment: &str,
        command: &str,
    ) -> Option<Self> {
        let socket = folder.join(format!("tmux-{columns}"));
        let terminal = Self { socket, columns };
        let program = env!("CARGO_BIN_EXE_roamstorm");
        let line = format!("{environment} {program} {command}; echo ended with $?; cat");
        let size = [columns.to_string(), rows.to_string()];
        let arguments = ["new-session", "-d", "-x", &size[0], "-y", &size[1], &line];
        terminal.tmux(&arguments).map(|_| terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> Option<String> {
        let mut tmux = Command::new("tmux");
        tmux.env_remove("TMUX").args(["-f", "/dev/null", "-S"]).arg(&self.socket).args(arguments);
        let output = tmux.output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What is on the screen, line by line.
    fn screen(&self) -> Vec<String> {
        let text = self.tmux(&["capture-pane", "-p", "-J", "-S", "-500"]).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The first screen on which this is so.
    fn wait_until(&self, what: &str, mut holds: impl FnMut(&[String]) -> bool) -> Vec<String> {
        let began = Instant::now();
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return screen;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{what} did not come:\n{}", screen.join("\n"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn wait_for(&self, text: &str) -> Vec<String> {
        self.wait_until(text, |screen| screen.iter().any(|line| line.contains(text)))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

fn has_tmux() -> bool {
    have_the_machine_alone();
    let there = Command::new("tmux").arg("-V").output().is_ok_and(|output| output.status.success());
    if !there {
        skipped("tmux", "there is no tmux here: run `make setup`");
    }
    there
}

fn campaign(folder: &Path) -> String {
    let load = "  - {procedure: deregistration, starts-after: 3s, phases: [{rate: 100/s, for: 2s}]}\nslos:";
    scenario(folder, &registrations(200, 50, 4, "").replace("slos:", load))
}

#[test]
fn a_run_is_readable_at_60_80_and_140_columns() {
    if !has_tmux() {
        return;
    }
    for columns in [60, 80, 140] {
        let folder = tempfile::tempdir().unwrap();
        let command =
            format!("run {} --seed 1 --out {}/runs", campaign(folder.path()), folder.path().display());
        let environment = "TERM=screen-256color";
        let terminal = Terminal::open(folder.path(), (columns, 24), environment, &command).unwrap();
        let screen = terminal.wait_until("the live view", |screen| {
            screen.iter().any(|line| line.contains('░'))
                && screen.iter().any(|line| line.contains("agents 1 of 1"))
        });
        assert_eq!(terminal.columns, columns);
        let text = screen.join("\n");
        // Joined lines are those that the terminal had to break.
        for line in screen.iter().filter(|line| line.contains('░') || line.starts_with("  ")) {
            assert!(line.chars().count() <= columns, "{columns}: {line:?}\n{text}");
        }
        for whole in ["agents 1 of 1", "registration.success >= 99%", " of 200 ok"] {
            assert!(screen.iter().any(|line| line.contains(whole)), "{columns}: {whole:?}\n{text}");
        }
        let place = |text: &str| screen.iter().position(|line| line.trim_start().starts_with(text));
        assert!(place("registration") < place("deregistration"), "the scenario's order:\n{text}");
        let last = terminal.wait_for("ended with").join("\n");
        assert!(!last.contains('░'), "the view is gone at the end:\n{last}");
        assert!(last.contains("registration: 200 planned"), "{last}");
    }
}

#[test]
fn a_terminal_that_can_do_nothing_gets_lines_and_no_colour() {
    if !has_tmux() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let command = format!("run {} --seed 1 --out {}/runs", campaign(folder.path()), folder.path().display());
    let terminal = Terminal::open(folder.path(), (100, 40), "TERM=dumb", &command).unwrap();
    terminal.wait_for("ended with");
    let coloured = terminal.tmux(&["capture-pane", "-p", "-e", "-S", "-500"]).unwrap();
    assert!(!coloured.contains("\x1b[3"), "{coloured:?}");
    let text = terminal.screen().join("\n");
    assert!(!text.contains('░') && text.contains("registration 5") || text.contains(" ok"), "{text}");
    let progress = terminal.screen().into_iter().filter(|line| line.contains(" of 5 s")).count();
    assert!(progress >= 2, "a line every few seconds:\n{text}");
}

#[test]
fn marks_have_colour_on_a_terminal_that_wants_it_and_none_with_no_color() {
    if !has_tmux() {
        return;
    }
    for (environment, wanted) in [("TERM=screen-256color", true), ("TERM=screen-256color NO_COLOR=1", false)]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = scenario(folder.path(), &registrations(20, 20, 1, ""));
        let command = format!("run {path} --seed 1 --out {}/runs", folder.path().display());
        let terminal = Terminal::open(folder.path(), (100, 40), environment, &command).unwrap();
        terminal.wait_for("ended with");
        let text = terminal.tmux(&["capture-pane", "-p", "-e", "-S", "-500"]).unwrap();
        let has_colour =
            text.contains("\x1b[32m✓") || text.contains("\x1b[33m") || text.contains("\x1b[1m\x1b[3");
        assert_eq!(has_colour, wanted, "{text:?}");
    }
}

#[test]
fn an_agent_says_that_it_waits_that_it_has_joined_and_that_it_drains() {
    have_the_machine_alone();
    let folder = tempfile::tempdir().unwrap();
    let certs = support::certs(folder.path());
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut agent = support::Process::start(
        support::roamstorm()
            .args(["agent", "--stay", "--name", "a", "--coordinator", &address, "--certs"])
            .arg(&certs),
    );
    agent.wait_for(&format!("waiting for a coordinator at {address}"));
    let path = campaign(folder.path());
    let more = |command: &mut Command| {
        command.args(["--listen", &address, "--join-timeout", "60s"]);
    };
    let mut command = support::roamstorm();
    command.args(["coordinator", &path, "--agents", "2", "--target", "sctp+udp://127.0.0.1:9"]);
    command.arg("--certs").arg(&certs).arg("--out").arg(folder.path().join("runs"));
    more(&mut command);
    let mut coordinator = support::Process::start(&mut command);
    coordinator.wait_for("waiting on");
    agent.wait_for(&format!("joined {address} as a"));
    agent.signal("TERM");
    agent.wait_for("draining: interrupted by its operator");
    let (code, _, said) = agent.finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("leaving: everything is handed over"), "{said}");
}
