//! What a session asks of the node that serves its UE.

use std::time::{Duration, Instant};

use identity::{Imsi, Plmn, SessionId, Snssai};

use super::session::Session;

/// The node that serves the UE of a session: an AMF; an MME and an SGSN fit here, too. It pages the UE, carries the messages of
/// its sessions, and asks the RAN for their resources. A session's key names the UE, never a connection.
pub(crate) trait AccessNode {
    /// What is known of a UE that asks for a session in a slice, or in any.
    fn requester(&self, supi: Imsi, slice: Option<Snssai>) -> Option<Requester>;

    /// Whether the UE is connected, and can be told something.
    fn reaches(&self, supi: Imsi) -> bool;

    /// Pages an idle UE.
    fn page(&mut self, now: Instant, supi: Imsi);

    /// Carries a message to the UE, by itself.
    fn send_to_ue(&mut self, now: Instant, supi: Imsi, id: SessionId, message: Vec<u8>);

    /// Asks the RAN for the resources of a session, with a message for the UE.
    fn set_up_resources(&mut self, now: Instant, session: &Session, message: Option<Vec<u8>>);

    /// Tells the RAN that a session has changed, with a message for the UE.
    fn modify_resources(&mut self, now: Instant, session: &Session, message: Vec<u8>);

    /// Asks the RAN to release the resources of a session, with a message for the UE.
    fn release_resources(&mut self, now: Instant, session: &Session, message: Vec<u8>);

    /// How long a message may be held back before it leaves: the time of its receiver begins then.
    fn longest_delay(&self) -> Duration;
}

/// A UE that asks for a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Requester {
    /// The network that serves it.
    pub(crate) serving: Plmn,
    pub(crate) home: Plmn,
    /// The slice that it named, or the first one that it is allowed. `None`: it may not have one.
    pub(crate) slice: Option<Snssai>,
}

/// A place in the RAN where resources of sessions are, as the access node numbers it: a connection of a UE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place(pub(crate) u64);
