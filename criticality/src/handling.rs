//! The table of clause 10: what is wrong with a message, times what the message is, gives what is done.

use oxirush_ngap::aper::Criticality;
use oxirush_ngap::aper::check::{Deviation, Diagnostics};

/// What is wrong with a message, the gravest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// An IE of the criticality *ignore and notify* is not comprehended, or missing (§10.3.4.2, §10.3.5).
    Notify,
    /// An IE of the criticality *reject* is not comprehended, or missing (§10.3.4.2, §10.3.5).
    Reject,
    /// IEs are out of order, or more than the message may have (§10.3.6).
    FalselyConstructed,
    /// Something does not decode (§10.2).
    TransferSyntax,
}

impl Fault {
    /// What a deviation amounts to; `None` where the receiver goes on without a word.
    pub fn of<P: Diagnostics>(deviation: &Deviation<P>) -> Option<Self> {
        match deviation {
            Deviation::UndecodableIe { .. } => Some(Self::TransferSyntax),
            Deviation::RepeatedIe { .. } | Deviation::OutOfOrder { .. } => Some(Self::FalselyConstructed),
            Deviation::UnexpectedIe { criticality, .. }
            | Deviation::MissingIe { criticality, .. }
            | Deviation::OutsideRoot { criticality, .. }
            | Deviation::UnknownProcedure { criticality, .. } => Self::by_criticality((*criticality).into()),
            // The criticality of what is comprehended is without meaning, and so is another form of encoding.
            _ => None,
        }
    }

    /// What is not comprehended, by its criticality.
    pub fn by_criticality(criticality: Criticality) -> Option<Self> {
        match criticality {
            Criticality::Reject => Some(Self::Reject),
            Criticality::Notify => Some(Self::Notify),
            Criticality::Ignore => None,
        }
    }
}

/// What the message is to its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It begins a procedure that is answered (class 1).
    Request,
    /// It begins a procedure that is not answered (class 2).
    Notice,
    /// It answers what the receiver began.
    Outcome,
}

/// What is done with the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// What it asks for.
    Proceed,
    /// What it asks for without the IEs at fault, which the response of the procedure reports.
    ProceedAndRespond,
    /// What it asks for without the IEs at fault, which an ERROR INDICATION reports.
    ProceedAndIndicate,
    /// Nothing: the unsuccessful outcome of the procedure says so, or an ERROR INDICATION where there is none.
    Refuse,
    /// Nothing: an ERROR INDICATION says so.
    Indicate,
    /// Nothing: the procedure that the receiver began has failed, and nobody is told.
    FailLocally,
}

/// What is done with a message of a role with a fault (TS 38.413 §10.2, §10.3.4.2, §10.3.5, §10.3.6).
pub fn handling(fault: Option<Fault>, role: Role) -> Handling {
    match (fault, role) {
        (None, _) => Handling::Proceed,
        (Some(Fault::TransferSyntax), _) => Handling::Indicate,
        (Some(Fault::Notify), Role::Request) => Handling::ProceedAndRespond,
        (Some(Fault::Notify), Role::Notice | Role::Outcome) => Handling::ProceedAndIndicate,
        (Some(Fault::Reject | Fault::FalselyConstructed), Role::Request | Role::Notice) => Handling::Refuse,
        (Some(Fault::Reject | Fault::FalselyConstructed), Role::Outcome) => Handling::FailLocally,
    }
}
