//! One subscriber's life, played by the agent of every run, and what it says of the target.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Error};
use coordinator::RunFolder;
use doctor::{Finding, Topic};
use results::units::latency_if_any;
use results::{ProcedureSummary, Status, Summary};
use scenarios::{Plan, Procedure, Scenario};

use crate::commands::run::{Played, embedded};

/// Plays the life of the scenario's one subscriber; what it leaves on the disk is removed.
pub(super) fn try_out(
    scenario: Scenario,
    targets: Vec<String>,
    gtpu_address: Option<IpAddr>,
) -> Result<Vec<Finding>, Error> {
    let place = Temporary::make()?;
    let played = Played::of_probe(targets, gtpu_address, &place.0);
    let plan = Plan::new(Arc::new(scenario), super::SEED, 1)?;
    let runtime = crate::commands::runtime(2)?;
    let folder = RunFolder::create(&place.0, Some("probe"), "probe")?;
    let ended = runtime.block_on(embedded(plan, &played, folder))?;
    Ok(findings(&ended.summary))
}

/// A folder of our own that goes with its value.
struct Temporary(PathBuf);

impl Temporary {
    fn make() -> Result<Self, Error> {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        let name = format!("roamstorm-doctor-{}-{since:x}", std::process::id());
        let path = std::env::temp_dir().join(name);
        edges::files::make_folder(&path).with_context(|| shown(&path))?;
        Ok(Self(path))
    }
}

fn shown(path: &Path) -> String {
    format!("making the folder {}", path.display())
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the subscriber's life says.
fn findings(summary: &Summary) -> Vec<Finding> {
    let of = |procedure: Procedure| summary.procedures.get(procedure.name());
    let mut findings = Vec::new();
    let begun = summary.procedures.values().any(|one| one.started > 0);
    if !begun && let Some(reason) = summary.verdict.reasons.first() {
        findings.push(Finding::fault(Topic::Registration, reason.clone(), "see above, and the core's log"));
        return findings;
    }
    findings.extend(of(Procedure::Registration).map(|one| went(Topic::Registration, "registers", one)));
    if let Some(session) = of(Procedure::PduSession) {
        findings.push(went(Topic::Session, "opens a session", session));
        if session.succeeded > 0 {
            findings.push(downlink(summary));
        }
    }
    findings
        .extend(of(Procedure::Deregistration).map(|one| went(Topic::Deregistration, "de-registers", one)));
    findings.push(left_behind(summary));
    findings
}

/// How one procedure went; the others may have had nothing to begin with.
fn went(topic: Topic, does: &str, procedure: &ProcedureSummary) -> Finding {
    if procedure.succeeded > 0 {
        return Finding::good(
            topic,
            format!("it {does}, within {}", latency_if_any(procedure.latency_us.max)),
        );
    }
    let cause = procedure.causes().map(|(cause, _)| cause.as_str()).next().unwrap_or("no answer");
    let never = procedure.started == 0;
    if never {
        return Finding::note(topic, format!("it never {does}: {cause}"));
    }
    Finding::fault(
        topic,
        format!("it does not get what it asks for when it {does}: {cause}"),
        advice(topic, cause),
    )
}

/// What is to be done about the cause of a failure.
fn advice(topic: Topic, cause: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| cause.contains(word));
    match topic {
        Topic::Registration if says(&["authentication", "mac-failure", "synch"]) => {
            "the core has other keys: provision K and OPc (or OP) that `roamstorm subscribers SCENARIO --format …` prints"
        }
        Topic::Registration if says(&["illegal", "not-allowed", "plmn", "identity", "subscription"]) => {
            "the core does not know this IMSI, or not here: provision what `roamstorm subscribers SCENARIO --format …` prints"
        }
        Topic::Session if says(&["dnn", "slice"]) => {
            "the DNN and the slice of the scenario's sessions must be in the core and in the subscriber's subscription"
        }
        Topic::Session => "see whether SMF and UPF run and know each other, and the core's log",
        _ => "see the core's log",
    }
}

/// Whether user data comes down.
fn downlink(summary: &Summary) -> Finding {
    let plane = &summary.user_plane;
    if plane.downlink_packets > 0 {
        let (down, up) = (plane.downlink_packets, plane.uplink_packets);
        return Finding::good(Topic::Downlink, format!("{down} packets come down, {up} go up"));
    }
    let strays =
        if plane.foreign_source > 0 { "; packets of another address than the UPF's come" } else { "" };
    Finding::warning(
        Topic::Downlink,
        format!("no packet comes down, {} go up{strays}", plane.uplink_packets),
        "the UPF must reach this machine's end of the user plane (UDP port 2152, --gtpu-address), and something must answer the UE",
    )
}

/// Whether the core has forgotten the subscriber.
fn left_behind(summary: &Summary) -> Finding {
    let gone =
        |procedure: Procedure| summary.procedures.get(procedure.name()).is_some_and(|one| one.succeeded > 0);
    if gone(Procedure::Registration) && !gone(Procedure::Deregistration) {
        return Finding::warning(
            Topic::LeftBehind,
            "the core may still have the subscriber registered",
            "it forgets it by its own timers, or when it is registered again",
        );
    }
    let unproven = summary.verdict.status == Status::Invalid
        && summary.verdict.reasons.iter().any(|reason| reason.contains("account"));
    if unproven {
        return Finding::warning(Topic::LeftBehind, "it is not proven how everything ended", "try again");
    }
    Finding::good(
        Topic::LeftBehind,
        "nothing: the subscriber, its session, the association and the folder are gone",
    )
}
