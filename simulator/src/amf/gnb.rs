//! A gNB, from the association to its end.

use std::time::Instant;

use identity::Tac;
use rustc_hash::FxHashMap;

use super::connection::ConnectionId;

/// One association with a gNB. It has an identity once the NG interface is set up.
pub(super) struct Gnb {
    /// How many outbound streams the association has.
    pub(super) streams_out: u16,
    pub(super) identity: Option<GnbIdentity>,
    /// It has sent NG SETUP REQUEST.
    pub(super) has_asked: bool,
    /// The tracking areas that it broadcasts and the AMF serves, each with the place of its PLMN in the settings.
    pub(super) areas: Vec<(usize, Tac)>,
    /// Its UE-associated logical NG-connections, by RAN UE NGAP ID.
    pub(super) connections: FxHashMap<u32, ConnectionId>,
    /// UEs that may be handed over to it: the gNB has given them no RAN UE NGAP ID yet.
    pub(super) arriving: Vec<ConnectionId>,
    /// When the last message that is not of a UE leaves.
    pub(super) last_due: Option<Instant>,
}

/// How far the NG set-up of an association has come (TS 38.413 §8.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NgSetup {
    /// No NG SETUP REQUEST has come.
    NotAsked,
    /// None was accepted.
    Refused,
    /// The gNB has its response.
    Done,
}

/// The global gNB ID (TS 38.413 §9.3.1.6): two gNBs with the same one are one gNB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GnbIdentity {
    pub(super) plmn: [u8; 3],
    pub(super) value: u64,
    pub(super) bits: usize,
}

impl Gnb {
    pub(super) fn new(streams_out: u16) -> Self {
        Self {
            streams_out,
            identity: None,
            has_asked: false,
            areas: Vec::new(),
            connections: FxHashMap::default(),
            arriving: Vec::new(),
            last_due: None,
        }
    }

    /// All its UE-associated logical NG-connections, which it is to have no longer.
    pub(super) fn take_connections(&mut self) -> Vec<ConnectionId> {
        let mut all = std::mem::take(&mut self.arriving);
        all.extend(std::mem::take(&mut self.connections).into_values());
        all
    }

    /// The stream of a UE: never stream 0 when there is another (TS 38.412 §7).
    pub(super) fn stream_of(&self, connection: ConnectionId) -> u16 {
        match self.streams_out {
            0 | 1 => 0,
            streams => {
                let others = u64::from(streams - 1);
                u16::try_from(connection.0 % others + 1).unwrap_or(1)
            }
        }
    }
}
