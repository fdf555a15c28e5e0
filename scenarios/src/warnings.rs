//! What a scenario may say but probably doesn't mean.

use identity::{Performer, Procedure};

use crate::units::DurationText;
use crate::{Impairment, ImpairmentKind, Load, Metric, Scenario};

impl Scenario {
    /// What is allowed but probably not meant, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.old_words.0.clone();
        self.warn_of_loads(&mut warnings);
        self.warn_of_surplus(&mut warnings);
        self.warn_of_networks(&mut warnings);
        self.warn_of_balance(&mut warnings);
        self.warn_of_what_comes_too_late(&mut warnings);
        warnings.extend(self.unseen());
        if self.slos.is_empty() && self.search.is_none() {
            warnings.push("no SLOs: the verdict can only say that the run was valid".to_owned());
        }
        warnings
    }

    /// Those of [`Scenario::warnings`] that matter to who only serves the network.
    pub fn network_warnings(&self) -> Vec<String> {
        let mut warnings = self.old_words.0.clone();
        self.warn_of_networks(&mut warnings);
        warnings
    }

    /// Loads whose UEs never get to where they can start.
    fn warn_of_loads(&self, warnings: &mut Vec<String>) {
        let registers = self.starts(Procedure::Registration);
        let establishes = self.starts(Procedure::PduSession);
        let connects = establishes
            || self.starts(Procedure::ServiceRequest)
            || !self.network.nr.release_after_registration;
        for load in self.load.iter().filter(|load| load.procedure != Procedure::Registration) {
            let name = load.procedure.name();
            if !registers {
                warnings.push(format!("no load registers UEs, so no attempt of {name} can start"));
            } else if needs_session(load.procedure) && !establishes {
                warnings.push(format!("no load establishes PDU sessions, so no attempt of {name} can start"));
            } else if needs_connection(load.procedure) && !connects {
                warnings.push(format!(
                    "UEs are released when they have registered, and nothing connects them again, so hardly an attempt of \
                     {name} can start: a load of pdu-session or service-request does, or network.nr.release-after-registration: \
                     false"
                ));
            }
        }
        if !establishes && !self.sessions.is_empty() {
            warnings
                .push("sessions are described, but no load establishes them: pdu-session does".to_owned());
        }
        let judged = self.slos.iter().any(|slo| slo.metric == Metric::BillingUnreconciled);
        if !establishes && judged {
            warnings.push(
                "no load establishes PDU sessions, so nothing is charged and billing.unreconciled is 0"
                    .to_owned(),
            );
        }
    }

    /// Attempts that have more UEs than there are.
    fn warn_of_surplus(&self, warnings: &mut Vec<String>) {
        let subscribers = self.subscriber_count();
        let attempts =
            |procedure| self.load.iter().filter(move |load| load.procedure == procedure).map(Load::planned);
        for attempts in attempts(Procedure::Registration).filter(|attempts| *attempts > subscribers) {
            warnings.push(format!(
                "the registration load plans {attempts} attempts for {subscribers} subscribers: the surplus can only start \
                 for UEs that deregistered or failed before"
            ));
        }
        let ended = attempts(Procedure::PduSessionRelease).chain(attempts(Procedure::Deregistration));
        let free = ended.fold(subscribers, u64::saturating_add);
        let sessions = attempts(Procedure::PduSession).fold(0, u64::saturating_add);
        if sessions > free {
            warnings.push(format!(
                "{sessions} PDU sessions are planned for {subscribers} subscribers, each of whom has one at a time: the \
                 surplus can only start for UEs that lost theirs"
            ));
        }
    }

    /// What is planned for more UEs than other loads leave in the state that it begins in.
    fn warn_of_balance(&self, warnings: &mut Vec<String>) {
        use Procedure::{Deregistration, PduSession, PduSessionRelease, Registration, ServiceRequest};
        let planned = |procedure| {
            let loads = self.load.iter().filter(move |load| load.procedure == procedure);
            loads.fold(0u64, |sum, load| sum.saturating_add(load.planned()))
        };
        for (taken, given, who) in [
            (Deregistration, Registration, "registered"),
            (PduSession, Registration, "registered"),
            (PduSessionRelease, PduSession, "with a session"),
        ] {
            let (taking, giving) = (planned(taken), planned(given));
            if giving > 0 && taking > giving {
                warnings.push(format!(
                    "{taking} attempts of {} are planned and {giving} of {}: the surplus finds no UE that is {who}",
                    taken.name(),
                    given.name()
                ));
            }
        }
        let idle = planned(Registration).saturating_add(planned(Procedure::UeContextRelease));
        let requests = planned(ServiceRequest);
        let falls_idle = self.cells.inactivity.is_some()
            || self.conditions.impairments.iter().any(|one| {
                matches!(
                    one.kind,
                    ImpairmentKind::RrcOscillation { .. } | ImpairmentKind::SignallingStorm { .. }
                )
            });
        if planned(Registration) > 0 && !falls_idle && requests > idle {
            warnings.push(format!(
                "{requests} attempts of service-request are planned, and UEs fall idle about {idle} times: the surplus finds none \
                 that is idle, unless the network releases them; cells.inactivity or a load of ue-context-release does"
            ));
        }
    }

    /// What begins when the run is over, or goes on after it.
    fn warn_of_what_comes_too_late(&self, warnings: &mut Vec<String>) {
        let ends = self.load.iter().map(Load::ends_after).max().unwrap_or_default();
        let latest = ends.saturating_add(self.drain);
        let told = |time| DurationText::for_people(time);
        for Impairment { name, window, .. } in &self.conditions.impairments {
            let over = window.at.saturating_add(window.for_);
            if window.at >= ends {
                warnings.push(format!(
                    "the impairment {name:?} begins when the loads are over, after {}",
                    told(ends)
                ));
            } else if over > latest {
                warnings.push(format!(
                    "the impairment {name:?} would last until {}, and the run is over after {} at the latest",
                    told(over),
                    told(latest)
                ));
            }
        }
        for window in self.conditions.maintenance.iter().filter(|window| window.at >= latest) {
            warnings.push(format!(
                "a maintenance window begins after {}, and the run is over after {} at the latest",
                told(window.at),
                told(latest)
            ));
        }
        for freeze in self.network.freezes.iter().filter(|freeze| freeze.at >= latest) {
            warnings.push(format!(
                "the network freezes after {}, and the run is over after {} at the latest",
                told(freeze.at),
                told(latest)
            ));
        }
        for guardrail in self.guardrails.iter().filter(|guardrail| guardrail.for_ >= latest) {
            warnings.push(format!(
                "the guardrail {} must be true for {}, and the run is over after {} at the latest: it cannot abort it",
                guardrail.condition,
                told(guardrail.for_),
                told(latest)
            ));
        }
    }

    fn warn_of_networks(&self, warnings: &mut Vec<String>) {
        for network in &self.cells.networks {
            let (tacs, nodes) = (network.tacs.len(), network.nodes);
            if tacs > usize::try_from(nodes).unwrap_or(usize::MAX) {
                warnings.push(format!("{tacs} TACs for {nodes} nodes: the last ones serve none"));
            }
        }
        for roaming in &self.network.roaming {
            let named = roaming.dnns.iter().map(|(asked, _)| asked).chain(&roaming.refused_dnns);
            for dnn in named.filter(|dnn| self.sessions.iter().all(|session| session.dnn != **dnn)) {
                warnings.push(format!(
                    "the agreement with {} names {dnn}, which no session asks for",
                    roaming.visited
                ));
            }
        }
    }
}

fn needs_session(procedure: Procedure) -> bool {
    procedure.performer() == Performer::Ue && procedure.needs().session == Some(true)
}

/// What a node does to a UE, it does to one that is connected.
fn needs_connection(procedure: Procedure) -> bool {
    procedure.performer() == Performer::RanNode
}
