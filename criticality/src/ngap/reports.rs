//! What the response of a procedure has still to say of the request.

use oxirush_ngap::ngap::*;
use oxirush_ngap::{Deviation, build_ngap_ie};

use super::Ids;

/// The Criticality Diagnostics that wait for the responses of their procedures (TS 38.413 §10.3.4.2: *ignore and notify*). A
/// response may come much later than the request, after another node has been asked.
#[derive(Debug, Default)]
pub struct Reports {
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    association: u32,
    procedure_code: u8,
    ids: Ids,
    diagnostics: CriticalityDiagnostics,
}

impl Reports {
    /// Keeps what the response to `request` is to carry. Of too many, the oldest goes: its response was never sent.
    pub fn keep(&mut self, association: u32, request: &NGAPPDU<'_>, diagnostics: CriticalityDiagnostics) {
        if self.waiting.len() >= MOST {
            self.waiting.remove(0);
        }
        let (procedure_code, ids) = (request.procedure_code(), Ids::of(request));
        self.waiting.push(Waiting { association, procedure_code, ids, diagnostics });
    }

    /// Whether nothing waits, so that responses need no look.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The message as it is to leave: with the Criticality Diagnostics, when it is a response that these wait for.
    pub fn complete(&mut self, association: u32, response: NGAP_PDU) -> NGAP_PDU {
        if self.waiting.is_empty() || response.is_initiating() {
            return response;
        }
        let (code, ids) = (response.procedure_code(), Ids::of(&response));
        let belongs = |waiting: &Waiting| {
            waiting.association == association && waiting.procedure_code == code && waiting.ids.agree(ids)
        };
        match self.waiting.iter().position(belongs) {
            Some(place) => with_diagnostics(response, self.waiting.remove(place).diagnostics),
            None => response,
        }
    }

    /// The association is gone.
    pub fn forget(&mut self, association: u32) {
        self.waiting.retain(|waiting| waiting.association != association);
    }
}

/// The message with the IE in its place. One that cannot have it, or has it already, stays as it is.
fn with_diagnostics(pdu: NGAP_PDU, diagnostics: CriticalityDiagnostics) -> NGAP_PDU {
    // The IE has the same identifier and criticality in every message that may have it.
    let Ok(ie) = build_ngap_ie!(ErrorIndication, CriticalityDiagnostics(diagnostics)) else { return pdu };
    let Ok(ies) = pdu.protocol_ies().map(ProtocolIEContainer::into_owned) else { return pdu };
    for place in (0..=ies.0.len()).rev() {
        let mut tried = (pdu.clone(), ies.clone());
        tried.1.0.insert(place, ie.clone());
        let fits = tried.0.set_protocol_ies(tried.1).is_ok() && in_order(&tried.0);
        if fits {
            return tried.0;
        }
    }
    pdu
}

fn in_order(pdu: &NGAP_PDU) -> bool {
    let misplaced = |deviation: &Deviation| {
        matches!(
            deviation,
            Deviation::OutOfOrder { .. } | Deviation::RepeatedIe { .. } | Deviation::UnexpectedIe { .. }
        )
    };
    pdu.check_structure().is_ok_and(|deviations| !deviations.iter().any(misplaced))
}

/// More than a peer has requests under way that are wrong in this way.
const MOST: usize = 1_024;
