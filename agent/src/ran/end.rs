//! How a procedure of a UE ended, in the words of the account.

use signalling::Outcome;

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
