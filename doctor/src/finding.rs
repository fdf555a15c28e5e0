//! One thing that was looked at, what was found, and what to do.

use std::fmt;

use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub topic: Topic,
    /// How it stands.
    pub level: Level,
    /// What was found, a sentence without its full stop.
    pub found: String,
    /// What to do about it; nothing where there is nothing to do.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// As it should be.
    Good,
    /// Good to know.
    Note,
    /// A run is possible, and may suffer from it.
    Warning,
    /// No run is possible so.
    Fault,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "their names say it")]
pub enum Topic {
    KernelSctp,
    RawSockets,
    UdpEncapsulation,
    UserPlanePort,
    Buffers,
    Files,
    Processors,
    Priority,
    Memory,
    Clock,
    Disk,
    Association,
    SctpParameters,
    NgSetup,
    Cells,
    Registration,
    Session,
    Downlink,
    Deregistration,
    LeftBehind,
}

impl Finding {
    /// As it should be.
    pub fn good(topic: Topic, found: impl Into<String>) -> Self {
        Self { topic, level: Level::Good, found: found.into(), advice: None }
    }

    /// Good to know.
    pub fn note(topic: Topic, found: impl Into<String>) -> Self {
        Self { level: Level::Note, ..Self::good(topic, found) }
    }

    /// A run may suffer from it.
    pub fn warning(topic: Topic, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Warning, advice: Some(advice.into()), ..Self::good(topic, found) }
    }

    /// No run is possible so.
    pub fn fault(topic: Topic, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Fault, advice: Some(advice.into()), ..Self::good(topic, found) }
    }

    /// The same as a fault where it stands in the way, else only good to know.
    pub(crate) fn fault_if(stands_in_the_way: bool, topic: Topic, found: &str, advice: &str) -> Self {
        let level = if stands_in_the_way { Level::Fault } else { Level::Note };
        Self { topic, level, found: found.to_owned(), advice: Some(advice.to_owned()) }
    }
}

/// The worst that was found.
pub fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good)
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KernelSctp => "kernel SCTP",
            Self::RawSockets => "raw sockets",
            Self::UdpEncapsulation => "SCTP in UDP",
            Self::UserPlanePort => "user plane",
            Self::Buffers => "buffers",
            Self::Files => "open files",
            Self::Processors => "processors",
            Self::Priority => "priority",
            Self::Memory => "memory",
            Self::Clock => "clock",
            Self::Disk => "disk",
            Self::Association => "association",
            Self::SctpParameters => "SCTP",
            Self::NgSetup => "NG setup",
            Self::Cells => "cells",
            Self::Registration => "registration",
            Self::Session => "session",
            Self::Downlink => "downlink",
            Self::Deregistration => "deregistration",
            Self::LeftBehind => "left behind",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_counts_and_json_says_what_to_do() {
        let findings = [
            Finding::good(Topic::Clock, "it is right"),
            Finding::warning(Topic::Files, "64 may be open", "ulimit -n 4096"),
        ];
        assert_eq!(worst(&findings), Level::Warning);
        assert_eq!(worst(&[]), Level::Good);
        let json = serde_json::to_value(&findings[1]).unwrap();
        assert_eq!((json["topic"].as_str(), json["level"].as_str()), (Some("files"), Some("warning")));
        assert_eq!(json["do"], "ulimit -n 4096");
    }
}
