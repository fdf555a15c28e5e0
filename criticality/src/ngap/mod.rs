//! Clause 10 of TS 38.413, for both ends of the NG interface.

mod answer;
mod familiar;
mod ids;
mod reports;

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Deviation, Error, NgapPduKind};

use crate::handling::{Fault, Handling, Role, handling};
use familiar::Familiar;

pub use answer::{refusal, unreadable};
pub use ids::Ids;
pub use reports::Reports;

/// What its receiver does with a message.
#[derive(Debug)]
pub struct Judgement {
    /// The procedure may see the message. Otherwise nothing of it is done.
    pub proceed: bool,
    /// What goes back at once.
    pub answer: Option<NGAP_PDU>,
    /// What the response of the procedure is to carry: see [`Reports`].
    pub report: Option<CriticalityDiagnostics>,
    /// Something is wrong, whether anybody is told or not.
    pub faulty: bool,
}

impl Judgement {
    const GOOD: Self = Self { proceed: true, answer: None, report: None, faulty: false };
    const IGNORED: Self = Self { proceed: false, answer: None, report: None, faulty: true };
}

/// Judges the messages of peers, and remembers what was in order.
#[derive(Debug, Default)]
pub struct Judge {
    familiar: Familiar,
}

impl Judge {
    /// Judges a message; `comprehended` says whether the receiver has this procedure in this direction.
    ///
    /// # Errors
    /// When an answer cannot be encoded, which no message of a peer brings about.
    pub fn judge(&mut self, pdu: &NGAPPDU<'_>, comprehended: bool) -> Result<Judgement, Error> {
        // §10.5: no error of an ERROR INDICATION is answered with another.
        if is_error_indication(pdu) {
            let faulty =
                pdu.check().is_ok_and(|deviations| deviations.iter().filter_map(Fault::of).next().is_some());
            return Ok(Judgement { faulty, ..Judgement::GOOD });
        }
        if !comprehended {
            let specified = !matches!(pdu.kind(), NgapPduKind::Other { .. });
            return not_comprehended(pdu, specified);
        }
        if self.familiar.is_in_order(pdu) {
            return Ok(Judgement::GOOD);
        }
        let Ok(mut deviations) = pdu.check() else {
            let answer = answer::indication(pdu, CauseProtocol::transfer_syntax_error, &[])?;
            return Ok(Judgement { answer: Some(answer), ..Judgement::IGNORED });
        };
        if deviations.is_empty() {
            self.familiar.keep(pdu);
            return Ok(Judgement::GOOD);
        }
        deviations.retain(|deviation| !passes_unread(deviation));
        let gravest = deviations.iter().filter_map(|deviation| Some((Fault::of(deviation)?, deviation)));
        let Some((fault, deviation)) = gravest.max_by_key(|(fault, _)| *fault) else {
            return Ok(Judgement::GOOD);
        };
        let cause = deviation.cause().unwrap_or(CauseProtocol::unspecified);
        by_table(pdu, handling(Some(fault), role(pdu)), cause, &deviations)
    }
}

/// §10.3.4.1: the procedure code decides, with its criticality. An outcome that nobody waits for is not answered (§10.4).
fn not_comprehended(pdu: &NGAPPDU<'_>, specified: bool) -> Result<Judgement, Error> {
    let cause = match pdu.criticality() {
        _ if specified && !pdu.is_initiating() => return Ok(Judgement::IGNORED),
        Criticality::reject => CauseProtocol::abstract_syntax_error_reject,
        Criticality::notify => CauseProtocol::abstract_syntax_error_ignore_and_notify,
        _ => return Ok(Judgement::IGNORED),
    };
    Ok(Judgement { answer: Some(answer::indication(pdu, cause, &[])?), ..Judgement::IGNORED })
}

fn by_table(
    pdu: &NGAPPDU<'_>,
    handling: Handling,
    cause: CauseProtocol,
    deviations: &[Deviation],
) -> Result<Judgement, Error> {
    Ok(match handling {
        Handling::Proceed => Judgement::GOOD,
        Handling::ProceedAndRespond => {
            let report = Some(pdu.criticality_diagnostics_for_response(deviations));
            Judgement { report, faulty: true, ..Judgement::GOOD }
        }
        Handling::ProceedAndIndicate => {
            let answer = Some(answer::indication(pdu, cause, deviations)?);
            Judgement { answer, faulty: true, ..Judgement::GOOD }
        }
        Handling::Refuse => {
            let answer = Some(refusal(pdu, Cause::protocol(cause), deviations)?);
            Judgement { answer, ..Judgement::IGNORED }
        }
        Handling::Indicate => {
            let answer = Some(answer::indication(pdu, cause, deviations)?);
            Judgement { answer, ..Judgement::IGNORED }
        }
        Handling::FailLocally => Judgement::IGNORED,
    })
}

/// What a message is to its receiver (TS 38.413 table 8.1-1 to 8.1-3).
pub fn role(pdu: &NGAPPDU<'_>) -> Role {
    match (pdu.is_initiating(), CLASS_1.contains(&pdu.procedure_code())) {
        (true, true) => Role::Request,
        (true, false) => Role::Notice,
        (false, _) => Role::Outcome,
    }
}

fn is_error_indication(pdu: &NGAPPDU<'_>) -> bool {
    pdu.is_initiating() && pdu.procedure_code() == ERROR_INDICATION
}

/// A container that the receiver hands on, or keeps from, as it is: what is in it is between others.
fn passes_unread(deviation: &Deviation) -> bool {
    match deviation {
        Deviation::UndecodableIe { id, .. } | Deviation::OutsideRoot { id, .. } => UNREAD.contains(id),
        _ => false,
    }
}

/// Procedure code of Error Indication (TS 38.413 §9.4.7).
const ERROR_INDICATION: u8 = 9;

/// The procedures that are answered, by their codes (TS 38.413 §9.4.7).
const CLASS_1: &[u8] = &[
    0, 10, 12, 13, 14, 20, 21, 25, 26, 27, 28, 29, 32, 35, 40, 41, 43, 51, 58, 59, 60, 66, 67, 68, 69, 70,
    71, 72, 73, 76, 78, 80, 81, 82, 84, 85,
];

/// RAN status, early status, SON, inter-system SON and RIM information: from one RAN node to another.
const UNREAD: &[u16] = &[84, 98, 99, 157, 158, 175, 250, 251, 268];
