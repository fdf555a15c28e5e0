//! What tshark dissects.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// What carries messages in a capture that is made of them.
#[derive(Clone, Copy, Debug)]
pub enum Carrier {
    /// SCTP, with the payload protocol identifier.
    Sctp { from: u16, to: u16, ppid: u32 },
    /// UDP.
    Udp { from: u16, to: u16 },
}

/// A file of packets.
pub struct Capture {
    file: PathBuf,
    preferences: Vec<String>,
    /// Where a file lies that was made here.
    _folder: Option<TempDir>,
}

impl Capture {
    /// A file that is there.
    pub fn at(file: &Path) -> Self {
        Self { file: file.to_owned(), preferences: Vec::new(), _folder: None }
    }

    /// These messages, one a packet.
    pub fn of<O: AsRef<[u8]>>(messages: impl IntoIterator<Item = O>, carrier: Carrier) -> Self {
        let mut dump = String::new();
        for message in messages {
            dump.push_str("000000");
            for octet in message.as_ref() {
                write!(dump, " {octet:02x}").unwrap();
            }
            dump.push('\n');
        }
        let folder = tempfile::tempdir().unwrap();
        let (text, file) = (folder.path().join("messages.txt"), folder.path().join("messages.pcap"));
        std::fs::write(&text, dump).unwrap();
        let headers = match carrier {
            Carrier::Sctp { from, to, ppid } => ["-S".to_owned(), format!("{from},{to},{ppid}")],
            Carrier::Udp { from, to } => ["-u".to_owned(), format!("{from},{to}")],
        };
        said_by(Command::new("text2pcap").arg("-q").args(headers).args([&text, &file]));
        Self { file, preferences: Vec::new(), _folder: Some(folder) }
    }

    /// The same file, read with a preference of tshark, `name:value`.
    #[must_use]
    pub fn with(mut self, preference: &str) -> Self {
        self.preferences.extend(["-o".to_owned(), preference.to_owned()]);
        self
    }

    /// A line for each packet that a display filter matches.
    pub fn matching(&self, filter: &str) -> Vec<String> {
        self.lines(&["-Y", filter])
    }

    /// These fields of each packet that a display filter matches.
    pub fn fields(&self, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
        let mut arguments = vec!["-Y", filter, "-T", "fields"];
        arguments.extend(fields.iter().flat_map(|field| ["-e", field]));
        let lines = self.lines(&arguments);
        lines.iter().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    /// The same packets in a file of this format, by tshark's name of it.
    pub fn convert(&self, format: &str, to: &Path) {
        let to = to.to_str().unwrap();
        assert!(self.lines(&["-F", format, "-w", to]).is_empty());
    }

    fn lines(&self, arguments: &[&str]) -> Vec<String> {
        let mut command = Command::new("tshark");
        let text = said_by(command.arg("-r").arg(&self.file).args(&self.preferences).args(arguments));
        text.lines().map(str::to_owned).collect()
    }
}

/// What a program says that must end well.
fn said_by(command: &mut Command) -> String {
    let output = command.output();
    let output =
        output.unwrap_or_else(|error| panic!("{command:?}: {error}: `make setup` installs what is missing"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GTP-U: an Echo Request, and one that is cut.
    fn two() -> Capture {
        let messages: [&[u8]; 2] =
            [&[0x32, 1, 0, 4, 0, 0, 0, 0, 0x12, 0x34, 0, 0], &[0x32, 1, 0, 4, 0, 0, 0, 0]];
        Capture::of(messages, Carrier::Udp { from: 2152, to: 2152 })
    }

    #[test]
    fn packets_are_read_and_a_malformed_one_is_found() {
        let two = two();
        assert_eq!(two.fields("gtp", &["gtp.message", "gtp.seq_number"]).len(), 2);
        assert_eq!(two.fields("frame.number == 1", &["gtp.message", "gtp.seq_number"]), [["0x01", "0x1234"]]);
        assert_eq!(two.matching("_ws.malformed").len(), 1);
    }

    #[test]
    #[should_panic = "no.such.field"]
    fn a_filter_that_tshark_does_not_know_is_no_empty_answer() {
        two().matching("no.such.field");
    }
}
