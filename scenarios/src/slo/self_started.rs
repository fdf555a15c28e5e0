//! What UEs attempt that no load plans, and what makes them: for conditions that name it, and for warnings that none does.

use std::time::Duration;

use identity::Procedure;

use super::{Metric, Subject};
use crate::{ImpairmentKind, Load, Retry, Scenario};

/// Attempts that no load plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfStarted {
    /// At what.
    pub procedure: Subject,
    /// What makes UEs begin them, for people.
    pub cause: String,
    /// The impairment that it is, by its name.
    pub impairment: Option<String>,
    /// The scenario does it on purpose: whoever judges nothing of it misses what the scenario is about.
    pub on_purpose: bool,
}

impl Scenario {
    /// What may be attempted without a load, each with its cause. A real network may cause more.
    pub fn self_started(&self) -> Vec<SelfStarted> {
        let mut started = Vec::new();
        if !self.starts(Procedure::Registration) {
            return started;
        }
        self.started_by_impairments(&mut started);
        self.started_by_refusals(&mut started);
        let mut quietly = |procedure, cause: &str| {
            started.push(SelfStarted {
                procedure,
                cause: cause.to_owned(),
                impairment: None,
                on_purpose: false,
            });
        };
        quietly(Subject::RegistrationRetry, "a network that asks for it");
        quietly(Subject::Recovery, "the loss of an agent");
        if self.starts(Procedure::PduSession) {
            quietly(Subject::Procedure(Procedure::ServiceRequest), "a paging network, or data to send");
        }
        let hands_over = self.starts(Procedure::HandoverN2) || self.starts(Procedure::HandoverXn);
        if hands_over && self.has_several_areas() {
            quietly(
                Subject::Procedure(Procedure::MobilityRegistrationUpdate),
                "a handover into another area",
            );
        }
        let end = self.load.iter().map(Load::ends_after).max().unwrap_or_default().saturating_add(self.drain);
        let t3512 = self.nas.nr.t3512.unwrap_or(self.network.nr.t3512);
        if t3512 > Duration::ZERO && t3512 < end {
            quietly(Subject::Procedure(Procedure::PeriodicRegistrationUpdate), "T3512");
        }
        started
    }

    fn started_by_impairments(&self, started: &mut Vec<SelfStarted>) {
        for impairment in &self.conditions.impairments {
            let mut procedures = match impairment.kind {
                ImpairmentKind::SignallingStorm { .. } => {
                    vec![Subject::RegistrationRetry, Subject::Procedure(Procedure::Deregistration)]
                }
                ImpairmentKind::RrcOscillation { .. } => vec![
                    Subject::Procedure(Procedure::ServiceRequest),
                    Subject::Procedure(Procedure::UeContextRelease),
                ],
                ImpairmentKind::SignalLoss { .. } => vec![Subject::Procedure(Procedure::ServiceRequest)],
                _ => Vec::new(),
            };
            if matches!(impairment.kind, ImpairmentKind::SignalLoss { .. }) && self.has_several_areas() {
                procedures.push(Subject::Procedure(Procedure::MobilityRegistrationUpdate));
            }
            let (name, kind) = (&impairment.name, impairment.kind.as_str());
            let cause = if name == kind {
                format!("the impairment {kind}")
            } else {
                format!("the impairment {name:?} ({kind})")
            };
            started.extend(procedures.into_iter().map(|procedure| SelfStarted {
                procedure,
                cause: cause.clone(),
                impairment: Some(name.clone()),
                on_purpose: true,
            }));
        }
    }

    /// A network that refuses, or does not answer, makes UEs try again that do as specified.
    fn started_by_refusals(&self, started: &mut Vec<SelfStarted>) {
        if self.nas.nr.retry != Retry::AsSpecified {
            return;
        }
        let causes = [
            ("network.nr.congestion with nas.nr.retry: as-specified", self.network.nr.congestion.is_some()),
            ("network.freezes with nas.nr.retry: as-specified", !self.network.freezes.is_empty()),
            ("nas.nr.retry: as-specified", true),
        ];
        for (cause, _) in causes.into_iter().filter(|(_, holds)| *holds).take(1) {
            started.push(SelfStarted {
                procedure: Subject::RegistrationRetry,
                cause: cause.to_owned(),
                impairment: None,
                on_purpose: true,
            });
        }
    }

    /// Attempts that the scenario starts on purpose and no condition sees: what starts them, what they are, and which
    /// figure would see them.
    pub(crate) fn unseen(&self) -> Vec<String> {
        let search = self.search.iter().flat_map(|search| &search.conditions);
        let conditions =
            self.slos.iter().chain(self.guardrails.iter().map(|one| &one.condition)).chain(search);
        let seen: Vec<&str> = conditions
            .filter_map(|slo| slo.metric.subject())
            .flat_map(|subject| subject.counted_as().iter().copied())
            .collect();
        let unseen = self.self_started().into_iter().filter(|one| {
            // A switched-off UE waits for no answer: there is nothing to judge.
            let is_answered = one.procedure != Subject::Procedure(Procedure::Deregistration);
            one.on_purpose
                && is_answered
                && one.procedure.counted_as().iter().all(|name| !seen.contains(name))
        });
        let told = unseen.map(|SelfStarted { procedure, cause, .. }| {
            let sum = match procedure {
                Subject::RegistrationRetry => " or registration.all.success",
                _ => "",
            };
            format!(
                "{cause} starts attempts at {procedure} that no SLO and no guardrail sees: {procedure}.success{sum} does"
            )
        });
        let mut told: Vec<String> = told.collect();
        told.dedup();
        told
    }

    /// Whether an attempt at this may happen.
    pub(crate) fn may_attempt(&self, subject: Subject) -> bool {
        let planned = subject.procedure().is_some_and(|procedure| self.starts(procedure));
        planned
            || self.self_started().iter().any(|one| {
                one.procedure == subject
                    || one.procedure.counted_as().iter().any(|name| subject.counted_as().contains(name))
            })
    }

    /// Why this figure can have no value although there may be attempts: nobody answers them.
    pub(crate) fn has_no_answer(&self, metric: &Metric) -> Option<&'static str> {
        let Metric::Procedure { subject, kind } = metric else { return None };
        let deregisters = subject.procedure() == Some(Procedure::Deregistration);
        (kind.is_time() && deregisters && !self.starts(Procedure::Deregistration)).then_some(
            "no load deregisters UEs, and a UE that an impairment switches off is not answered (TS 24.501 §5.5.2.2.2), so \
             there is no time to measure",
        )
    }

    pub(crate) fn starts(&self, procedure: Procedure) -> bool {
        self.load.iter().any(|load| load.procedure == procedure)
    }

    fn has_several_areas(&self) -> bool {
        self.cells.networks.len() > 1 || self.cells.networks.iter().any(|network| network.tacs.len() > 1)
    }
}
