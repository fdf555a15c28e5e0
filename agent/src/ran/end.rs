//! How a procedure of a UE, or a handover, ended, in the words of the account.

use signalling::{HandoverFailure, Outcome};

use crate::seam::End;

impl From<Outcome> for End {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self::Succeeded,
            Outcome::Failed(cause) if cause.is_the_ues_own() => Self::Abandoned(cause.to_string()),
            Outcome::Failed(cause) => Self::Failed(cause.to_string()),
            Outcome::TimedOut(timer) => Self::TimedOut(timer.as_str().to_owned()),
        }
    }
}

impl From<HandoverFailure> for End {
    fn from(failure: HandoverFailure) -> Self {
        match failure {
            HandoverFailure::PreparationTimedOut | HandoverFailure::PathSwitchTimedOut => {
                Self::TimedOut(failure.to_string())
            }
            _ => Self::Failed(failure.to_string()),
        }
    }
}
