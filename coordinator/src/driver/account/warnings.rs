//! What the operator should know of a run that is over.

use std::collections::BTreeMap;

use crate::core::Core;
use crate::merge::{sum, tally};

/// A sentence each.
pub(super) fn of(core: &Core) -> Vec<String> {
    let totals = &core.state().totals;
    let mut failed = BTreeMap::new();
    for figures in totals.procedures.values() {
        figures.counts.failed.iter().for_each(|(cause, n)| tally(&mut failed, cause, *n));
    }
    let mut warnings = totals.ran_events.warnings(&failed);
    warnings.extend(core.standstills());
    warnings.extend(shortcomings(core));
    for (name, figures) in &totals.procedures {
        let never = sum(&figures.counts.never_started);
        if never > 0 {
            let reasons = figures.counts.never_started.iter();
            let reasons: Vec<_> = reasons.map(|(reason, n)| format!("{n} × {reason}")).collect();
            warnings.push(format!("{never} attempts of {name} were never started: {}", reasons.join(", ")));
        }
    }
    let foreign = totals.user_plane.foreign_source;
    if foreign > 0 {
        warnings.push(format!(
            "{foreign} GTP-U messages for our tunnels came from addresses that are not the other ends of these tunnels, \
             and count for nothing (gtpu-foreign-source): a stranger's, or a UPF that sends from another address than it \
             gives in N2"
        ));
    }
    warnings
}

/// What a scenario or a core makes of attempts that say nothing of how well the core answers.
fn shortcomings(core: &Core) -> Vec<String> {
    let totals = &core.state().totals;
    let mut warnings = Vec::new();
    if let Some(n) = totals.unexpected.get("registration-without-5g-guti") {
        warnings.push(format!(
            "{n} registrations were accepted without a 5G-GUTI (TS 24.501 §5.5.1.2.4 has the network assign one): service \
             requests and updates of these UEs fail as no-5g-guti"
        ));
    }
    let drain = core.plan().scenario().drain.as_secs();
    for (name, figures) in &totals.procedures {
        let unanswered = figures.counts.abandoned.iter();
        for (reason, n) in unanswered {
            if let Some(timer) = reason.strip_prefix("end-of-run-unanswered-") {
                warnings.push(format!(
                    "{n} attempts of {name} were unanswered when the run ended: {timer} would have ended them later; a drain \
                     longer than {drain} s lets it"
                ));
            }
        }
    }
    warnings
}
