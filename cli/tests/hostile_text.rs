//! Text that others wrote reaches a terminal as text: neither a control character nor a forged line comes through.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::net::UdpSocket;

use support::{registrations, roamstorm, scenario};

/// Obeyed by a terminal, it sets the title, colours and clears the screen, and forges a line.
const HOSTILE: &str =
    "\u{1b}]0;owned\u{7}\u{1b}[31mRED\u{9b}2J\u{202e}\nPASS: forged <script>alert(1)</script>";

/// What was said is made of lines of text, and no line begins as a forged one would.
fn assert_fit(said: &[u8]) {
    let said = String::from_utf8(said.to_vec()).unwrap();
    let unfit: Vec<char> = said.chars().filter(|c| *c != '\n' && edges::text::is_unfit(*c)).collect();
    assert!(unfit.is_empty(), "{unfit:?} in {said:?}");
    assert!(said.contains("]0;owned"), "the rest of it is there: {said}");
    assert!(!said.lines().any(|line| line.starts_with("PASS")), "{said}");
}

/// A core network that answers each INIT with an ABORT by its user (RFC 9260 §3.3.10.12) that gives this reason.
fn aborting_core(reason: &'static str) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let received = &buffer[..length];
            // An INIT, with its Initiate Tag behind the chunk's header.
            if length < 20 || received[12] != 1 {
                continue;
            }
            let mut abort = [&received[2..4], &received[0..2], &received[16..20], &[0; 4]].concat();
            let (cause, chunk) = (4 + reason.len(), 8 + reason.len());
            abort.extend([6, 0]);
            abort.extend(u16::try_from(chunk).unwrap().to_be_bytes());
            abort.extend([0, 12]);
            abort.extend(u16::try_from(cause).unwrap().to_be_bytes());
            abort.extend(reason.as_bytes());
            abort.resize(abort.len().next_multiple_of(4), 0);
            let sum = crc32c::crc32c(&abort).to_le_bytes();
            abort[8..12].copy_from_slice(&sum);
            socket.send_to(&abort, from).unwrap();
        }
    });
    format!("sctp+udp://{address}")
}

#[test]
fn core_network_writes_nothing_to_the_terminal_but_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(10, 10, 1, ""));
    let core = aborting_core(HOSTILE);
    for log in ["warn", "debug"] {
        let mut command = roamstorm();
        command.args(["--log", log, "run", &path, "--target", &core, "--seed", "1", "--out"]);
        let output = command.arg(folder.path().join("runs")).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(said).unwrap();
        let unfit: Vec<char> = text.chars().filter(|c| *c != '\n' && edges::text::is_unfit(*c)).collect();
        assert!(unfit.is_empty(), "{unfit:?} in {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("PASS")), "{text}");
        assert_eq!(output.status.code(), Some(3), "{text}");
    }
}

#[test]
fn changed_run_folder_writes_nothing_to_the_terminal_but_text() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plan.json"), "{}").unwrap();
    let summary =
        serde_json::json!({"verdict": {"status": "fail", "reasons": [HOSTILE, "x".repeat(1 << 20)]}});
    std::fs::write(folder.path().join("summary.json"), summary.to_string()).unwrap();
    let output = roamstorm().arg("watch").arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.len() < 20_000, "{}", output.stdout.len());
    assert_fit(&output.stdout);
}

#[test]
fn socket_that_says_an_endless_line_is_left() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plan.json"), "{}").unwrap();
    let socket = folder.path().join("foreign");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let whereabouts = serde_json::json!({"socket": socket, "pid": 1});
    std::fs::write(folder.path().join("control.json"), whereabouts.to_string()).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            while stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
        }
    });
    let output = roamstorm().arg("watch").arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("a line of more than"), "{said}");
}

#[test]
fn name_of_a_scenario_is_shown_as_text() {
    let output = roamstorm().args(["check", HOSTILE]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_fit(&output.stderr);
}
