//! A sans-IO UPF (TS 23.501 §6.2.3): the network's end of the tunnels of N3, and the traffic that comes from the data
//! networks.

mod settings;
mod volumes;

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use rustc_hash::FxHashMap;

pub use settings::{N3End, SessionSpec, UpfSettings};
pub use volumes::Volumes;

/// What the UPF wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpfAction {
    /// Send this datagram.
    Send {
        /// To this address.
        to: SocketAddr,
        /// A GTP-U message.
        octets: Vec<u8>,
    },
    /// There is downlink data for a session without a downlink tunnel (TS 23.502 §4.2.3.3): said once, until the
    /// session has had a tunnel again. Page the UE.
    DownlinkDataReport {
        /// The session's uplink tunnel.
        teid: u32,
    },
    /// What was granted to a session has been used up: said once for each [`Upf::grant`].
    QuotaReached {
        /// The session's uplink tunnel.
        teid: u32,
    },
}

/// A UPF. A session is named by the TEID of its uplink tunnel.
pub struct Upf {
    settings: UpfSettings,
    sessions: FxHashMap<u32, SessionSpec>,
    last: u32,
}

impl Upf {
    /// A UPF without sessions.
    pub fn new(settings: UpfSettings) -> Self {
        Self { settings, sessions: FxHashMap::default(), last: 0 }
    }

    /// Makes a session. Its downlink flows from the first [`Upf::set_downlink`] on.
    pub fn establish(&mut self, _now: Instant, spec: SessionSpec) -> N3End {
        self.last += 1;
        self.sessions.insert(self.last, spec);
        N3End { address: self.settings.address, teid: self.last }
    }

    /// The downlink tunnel of a session, or that it has none any more: what comes for the UE is then reported, once.
    /// A tunnel that replaces another one has an end marker sent to the other.
    pub fn set_downlink(&mut self, _now: Instant, _teid: u32, _tunnel: Option<(IpAddr, u32)>) {}

    /// How much more may flow, both directions together, until [`UpfAction::QuotaReached`].
    pub fn grant(&mut self, _teid: u32, _octets: billing::Octets) {}

    /// Ends a session. Its totals.
    pub fn release(&mut self, _now: Instant, teid: u32) -> Volumes {
        self.sessions.remove(&teid);
        Volumes::default()
    }

    /// The totals of a session since it was made; nothing for one that is unknown.
    pub fn volumes(&self, _teid: u32) -> Volumes {
        Volumes::default()
    }

    /// A datagram has come.
    pub fn received(&mut self, _now: Instant, _from: SocketAddr, _octets: &[u8]) {}

    /// Appends what is to be done by `now`.
    pub fn advance(&mut self, _now: Instant, _out: &mut Vec<UpfAction>) {}

    /// When [`Upf::advance`] is next needed.
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }
}
