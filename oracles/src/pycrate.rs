//! What pycrate decodes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The protocol of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 5GS NAS, plain or under a security header with the null cipher.
    Nas,
    /// NGAP, with what is in it: NAS-PDUs, transfers, and containers of handovers down to RRC.
    Ngap,
    /// GTP-U.
    GtpU,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Nas => "NAS",
            Self::Ngap => "NGAP",
            Self::GtpU => "GTPU",
        }
    }
}

/// Asserts that pycrate decodes each of these messages wholly, and encodes it again to the same octets.
#[track_caller]
pub fn assert_pycrate_decodes<O: AsRef<[u8]>>(messages: impl IntoIterator<Item = (Kind, O)>) {
    let lines: Vec<String> = messages.into_iter().map(line).collect();
    assert!(!lines.is_empty(), "there is no message to decode");
    let (decoded, said, errors) = judge(&lines);
    assert!(!errors.contains("No module named"), "pycrate is missing: run `make setup` ({errors})");
    assert!(decoded, "{errors}");
    assert_eq!(said.trim(), format!("{} messages decoded", lines.len()));
}

fn line<O: AsRef<[u8]>>((kind, octets): (Kind, O)) -> String {
    format!("{} {}\n", kind.name(), hex::encode(octets))
}

/// Whether pycrate was content, what it says, and its errors.
fn judge(lines: &[String]) -> (bool, String, String) {
    let mut child = Command::new(python())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("pycrate_check.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 is missing: run `make setup`");
    // The program says nothing before it has read all or found a fault; then it closes its input.
    let _ = child.stdin.take().unwrap().write_all(lines.concat().as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// The Python that `make setup` gave pycrate, or the one that `ROAMSTORM_PYTHON` names.
fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("ROAMSTORM_PYTHON") {
        return python.into();
    }
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/venv/bin/python");
    if venv.exists() { venv } else { "python3".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A REGISTRATION REJECT and a GTP-U Echo Request.
    const GOOD: [(Kind, &[u8]); 2] =
        [(Kind::Nas, &[0x7e, 0, 0x44, 0x6f]), (Kind::GtpU, &[0x32, 1, 0, 4, 0, 0, 0, 0, 0x12, 0x34, 0, 0])];

    #[test]
    fn good_messages_are_decoded() {
        assert_pycrate_decodes(GOOD);
    }

    #[test]
    fn a_bad_message_among_good_ones_is_found() {
        let bad: [(Kind, &[u8]); 3] =
            [(Kind::Ngap, &[0xff, 0xff]), (Kind::GtpU, &[0x32, 1, 0, 9]), (Kind::Nas, &[0x7e, 0])];
        for bad in bad {
            let (decoded, said, errors) = judge(&[GOOD[0], bad, GOOD[1]].map(line));
            assert!(!decoded && said.is_empty(), "{bad:?}: {said}");
            // Beside what pycrate itself may say of modules that it does without.
            let found = errors.lines().any(|of| of.starts_with("pycrate: ") && of.contains(line(bad).trim()));
            assert!(found, "{bad:?}: {errors}");
        }
    }

    #[test]
    #[should_panic = "pycrate: NAS"]
    fn what_pycrate_does_not_decode_fails_the_test() {
        assert_pycrate_decodes([(Kind::Nas, [0x7e, 0])]);
    }

    #[test]
    #[should_panic = "there is no message to decode"]
    fn no_message_at_all_is_a_failure() {
        assert_pycrate_decodes([] as [(Kind, &[u8]); 0]);
    }
}
