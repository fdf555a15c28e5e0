//! Why somebody gets no certificate: a word for programs, and a sentence for people.

use std::fmt;

/// Why somebody gets no certificate. The texts are the other side's, too: they say what to do and nothing that helps to guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such token, or another secret.
    TokenUnknown,
    /// Its time is over.
    TokenExpired {
        /// Since when, seconds.
        ago_s: u64,
    },
    /// All its uses are taken.
    TokenUsed {
        /// How many it had.
        uses: u32,
    },
    /// It was revoked.
    TokenRevoked,
    /// It is bound to another pool.
    OtherPool {
        /// To which.
        pool: String,
        /// Which the agent asks for.
        asked: String,
    },
    /// The name that the token gives is somebody's.
    NameTaken {
        /// Which name.
        name: String,
    },
    /// Who had this name was revoked.
    Revoked {
        /// Which name.
        name: String,
    },
    /// The clocks differ.
    Clock {
        /// How far the asking machine's clock is ahead, seconds; behind when negative.
        ahead_s: i64,
    },
    /// It was not issued on request.
    NotRenewable,
    /// This certificate was renewed already, with another key.
    RenewedElsewhere {
        /// Whose.
        name: String,
    },
    /// It was issued just now.
    TooEarly {
        /// How long to wait, seconds.
        wait_s: u64,
    },
    /// The document of an EC2 instance is not accepted.
    Ec2(String),
    /// The request cannot be read.
    Malformed(String),
    /// Not the asking side's fault: it may ask again.
    Trouble(String),
}

impl Refusal {
    /// For programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TokenUnknown => "token-unknown",
            Self::TokenExpired { .. } => "token-expired",
            Self::TokenUsed { .. } => "token-used",
            Self::TokenRevoked => "token-revoked",
            Self::OtherPool { .. } => "other-pool",
            Self::NameTaken { .. } => "name-taken",
            Self::Revoked { .. } => "revoked",
            Self::Clock { .. } => "clock",
            Self::NotRenewable => "not-renewable",
            Self::RenewedElsewhere { .. } => "renewed-elsewhere",
            Self::TooEarly { .. } => "too-early",
            Self::Ec2(_) => "ec2",
            Self::Malformed(_) => "malformed",
            Self::Trouble(_) => "trouble",
        }
    }

    /// Whether the same request may succeed later without anybody changing anything.
    pub fn may_ask_again(&self) -> bool {
        matches!(self, Self::Trouble(_) | Self::TooEarly { .. })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenUnknown => f.write_str(
                "there is no such token, or its secret is another; make a new one with `roamstorm certs DIR token create`",
            ),
            Self::TokenExpired { ago_s } => write!(
                f,
                "the token expired {ago_s} s ago; make a new one with `roamstorm certs DIR token create --expires TIME`"
            ),
            Self::TokenUsed { uses } => write!(
                f,
                "the token was good for {uses} {} and is used up; who used it: `roamstorm certs DIR list`; make a new one with `token create --uses N`",
                if *uses == 1 { "agent" } else { "agents" }
            ),
            Self::TokenRevoked => f.write_str("the token was revoked; ask whoever runs the fleet for another"),
            Self::OtherPool { pool, asked } => write!(
                f,
                "the token is for pool {pool}, and the agent asks for pool {asked}; start it with `--pool {pool}`, or without"
            ),
            Self::NameTaken { name } => write!(
                f,
                "the token gives the name {name}, which somebody has; revoke that one first (`roamstorm certs DIR revoke {name}`), or wait until its certificate ends"
            ),
            Self::Revoked { name } => {
                write!(f, "{name} was revoked; a machine that is to stay needs a new token, and gets another name")
            }
            Self::Clock { ahead_s } => {
                let (by, way) = (ahead_s.unsigned_abs(), if *ahead_s > 0 { "ahead of" } else { "behind" });
                write!(
                    f,
                    "the agent's clock is {by} s {way} the authority's; set the clock that is wrong (timedatectl, chronyc makestep)"
                )
            }
            Self::NotRenewable => f.write_str(
                "this certificate was not issued by enrolment, and is not renewed by it; `roamstorm certs DIR issue NAME` makes such ones",
            ),
            Self::RenewedElsewhere { name } => write!(
                f,
                "the certificate of {name} was renewed already with another key: its folder was copied, or stolen; `roamstorm certs DIR revoke {name}` ends both, and a new token lets the right one in"
            ),
            Self::TooEarly { wait_s } => write!(f, "it was issued just now; it may be renewed in {wait_s} s"),
            Self::Ec2(why) => write!(f, "the instance identity document is not accepted: {why}"),
            Self::Malformed(why) => write!(f, "the request is not understood: {why}; install the same release on both sides"),
            Self::Trouble(why) => write!(f, "the authority cannot issue now: {why}"),
        }
    }
}
