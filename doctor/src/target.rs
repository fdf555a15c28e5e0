//! A target: can it be reached, and does it serve the scenario's cells?

use std::net::IpAddr;
use std::time::Duration;

use sctp::Address;
use signalling::GnbSettings;

use crate::cells::{clause, not_served, served};
use crate::machine::user_plane_port;
use crate::reach::{Reached, Setup, reach};
use crate::{Finding, Level, Topic};

/// What was found of one target.
#[derive(Clone, Debug)]
pub struct Examined {
    /// All findings, in order.
    pub findings: Vec<Finding>,
    /// From where it was reached.
    pub from: Option<IpAddr>,
}

/// Looks at a target with the gNBs of a scenario, one after the other.
pub fn examine(target: &Address, cells: &[GnbSettings]) -> Examined {
    let Some(first) = cells.first() else { return Examined { findings: Vec::new(), from: None } };
    let reached = match reach(target, first.clone(), PATIENCE) {
        Ok(reached) => reached,
        Err(unreached) => {
            let fault = Finding {
                topic: Topic::Association,
                level: Level::Fault,
                found: unreached.to_string(),
                advice: None,
            };
            return Examined { findings: vec![fault], from: None };
        }
    };
    let from = reached.ends.map(|(ours, _)| ours.ip());
    let mut findings = association(target, &reached);
    findings.extend(setups(target, cells, reached.setup));
    Examined { findings, from }
}

/// Why a run against these targets cannot begin, in one sentence; nothing where it can, or where a run would wait.
pub fn obstacle(targets: &[Address], cells: &[GnbSettings], user_plane: &[IpAddr]) -> Option<String> {
    let taken = user_plane.iter().map(|address| user_plane_port(*address));
    if let Some(fault) = taken.into_iter().find(|finding| finding.level == Level::Fault) {
        return Some(format!("--gtpu-address: {}: {}", fault.found, fault.advice.unwrap_or_default()));
    }
    targets.iter().find_map(|target| {
        let found = examine(target, cells.get(..cells.len().min(ASKED_BEFORE_A_RUN)).unwrap_or_default());
        let fault = found.findings.into_iter().find(|finding| finding.level == Level::Fault)?;
        Some(match fault.topic {
            Topic::Association => fault.found,
            _ => format!("{target}: {}", fault.found),
        })
    })
}

fn association(target: &Address, reached: &Reached) -> Vec<Finding> {
    let from = reached.ends.map(|(ours, _)| format!(" from {}", ours.ip())).unwrap_or_default();
    let after = milliseconds(reached.after);
    let mut findings =
        vec![Finding::good(Topic::Association, format!("{target} is reached{from}, after {after}"))];
    if let Some(parameters) = &reached.parameters {
        let text = parameters.to_string();
        findings.push(if parameters.streams_out < 2 || parameters.streams_in < 2 {
            Finding::warning(
                Topic::SctpParameters,
                text,
                "let the core have two streams or more each way: TS 38.412 §7 wants one for signalling of no UE",
            )
        } else {
            Finding::good(Topic::SctpParameters, text)
        });
    }
    findings
}

/// What the AMF says to each different broadcast; `first` is its answer to the first one.
fn setups(target: &Address, cells: &[GnbSettings], first: Setup) -> Vec<Finding> {
    let mut answers = vec![first];
    for one in cells.get(1..).unwrap_or_default() {
        // An AMF that does not answer one does not answer the next.
        if matches!(answers.last(), Some(Setup::Unanswered { .. } | Setup::Lost(_))) {
            break;
        }
        answers.push(reach(target, one.clone(), PATIENCE).map_or_else(
            |unreached| match unreached {
                crate::Unreached::Down(reason) => Setup::Lost(reason),
                crate::Unreached::Endpoint(error) => {
                    Setup::Refused { cause: error.to_string(), passes: true }
                }
            },
            |reached| reached.setup,
        ));
    }
    let refused: Vec<(&GnbSettings, &String)> = cells
        .iter()
        .zip(&answers)
        .filter_map(|(one, answer)| match answer {
            Setup::Refused { cause, passes: false } => Some((one, cause)),
            _ => None,
        })
        .collect();
    match refused.first() {
        Some((one, cause)) => vec![refusal(target, cells, one, cause, refused.len() < answers.len())],
        // The last answer says what the AMF is; what was accepted before needs no second line.
        None => answers.last().map_or_else(Vec::new, |answer| answered(cells, answer)),
    }
}

/// What an answer says that is no refusal for good.
fn answered(cells: &[GnbSettings], answer: &Setup) -> Vec<Finding> {
    let asked = clause(cells);
    match answer {
        Setup::Accepted { after, facts } => {
            let unserved = not_served(cells, facts);
            let compared = format!("the scenario's cells have {asked}: {}", served(facts));
            let all_is_served = if unserved.is_empty() {
                Finding::good(Topic::Cells, compared)
            } else {
                let unserved = unserved.join(", ");
                let advice =
                    format!("let the AMF serve {unserved} as well, or UEs that ask for it are refused");
                Finding::warning(Topic::Cells, compared, advice)
            };
            let accepted = format!("the AMF accepts the gNBs, after {}", milliseconds(*after));
            vec![Finding::good(Topic::NgSetup, accepted), all_is_served]
        }
        Setup::Refused { cause, .. } => vec![Finding::warning(
            Topic::NgSetup,
            format!("the AMF refuses NG setup for now: {cause}"),
            "a run waits and asks again; see whether the AMF is overloaded or not ready",
        )],
        Setup::Unanswered { after } => vec![Finding::warning(
            Topic::NgSetup,
            format!("the AMF does not answer NG setup within {}", milliseconds(*after)),
            format!("some cores do not answer an unknown PLMN or TAC: the scenario's cells have {asked}"),
        )],
        Setup::Lost(reason) => vec![Finding::fault(
            Topic::NgSetup,
            format!("the AMF ends the association instead of answering NG setup: {reason}"),
            "look into the AMF's log",
        )],
    }
}

/// What an AMF refuses, and what of it would be accepted.
fn refusal(
    target: &Address,
    cells: &[GnbSettings],
    one: &GnbSettings,
    cause: &str,
    some_accepted: bool,
) -> Finding {
    let asked = clause(cells);
    let mut found =
        format!("the AMF refuses NG setup ({cause}): the scenario's cells have {asked}, which it must serve");
    if some_accepted {
        found += &format!("; it refuses those of {}", clause(std::slice::from_ref(one)));
    } else if one.slices.len() > 1 {
        let accepted: Vec<String> = one
            .slices
            .iter()
            .filter(|slice| {
                let with_it = GnbSettings { slices: vec![**slice], ..one.clone() };
                let alone = reach(target, with_it, PATIENCE);
                alone.is_ok_and(|reached| matches!(reached.setup, Setup::Accepted { .. }))
            })
            .map(ToString::to_string)
            .collect();
        if !accepted.is_empty() {
            found += &format!("; with slice {} alone it accepts", accepted.join(" or "));
        }
    }
    Finding::fault(
        Topic::NgSetup,
        found,
        "make PLMN, TACs and slices of the scenario (cells) and of the AMF's configuration the same",
    )
}

fn milliseconds(duration: Duration) -> String {
    let us = duration.as_micros();
    if us < 1_000 { format!("{us} µs") } else { format!("{:.1} ms", us as f64 / 1000.0) }
}

/// How long answers are waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Different broadcasts that are asked for before a run.
const ASKED_BEFORE_A_RUN: usize = 4;
