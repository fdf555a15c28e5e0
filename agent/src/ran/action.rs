//! What a shard wants done.

use std::net::SocketAddr;

use wire::away::{AwayEnd, DueAway};

use crate::seam::Letter;

/// What the driver has to do.
#[derive(Debug)]
pub enum ShardAction {
    /// Open an association with [`crate::ShardRunner::target_of`] it.
    Connect {
        /// Number of the NG interface within the shard: of each gNB one for each AMF.
        gnb: u16,
    },
    /// Send one message to the core.
    Send {
        /// Number of the NG interface within the shard.
        gnb: u16,
        /// SCTP stream.
        stream: u16,
        /// SCTP payload protocol identifier.
        ppid: u32,
        /// The message.
        octets: Vec<u8>,
        /// Its name in [`crate::ShardRunner::departed`].
        ticket: u64,
    },
    /// Send one GTP-U message from the agent's address.
    SendGtpu {
        /// To this address.
        to: SocketAddr,
        /// The message.
        octets: Vec<u8>,
    },
    /// Every gNB has had its NG setup accepted.
    Ready,
    /// The core refused a gNB before the start.
    CannotPrepare(String),
    /// The core wants a gNB to wait before the start: why, for people.
    Waits(String),
    /// An attempt is due for a subscriber who is in another shard.
    Ask {
        /// Which one.
        to: u32,
        /// What is due.
        due: DueAway,
    },
    /// For the home of a visiting UE.
    Answer(AwayEnd),
}

impl From<Letter> for ShardAction {
    fn from(letter: Letter) -> Self {
        match letter {
            Letter::Ask { to, due } => Self::Ask { to, due },
            Letter::Answer(end) => Self::Answer(end),
            Letter::CannotPrepare(why) => Self::CannotPrepare(why),
        }
    }
}
