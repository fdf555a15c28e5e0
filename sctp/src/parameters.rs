//! What an association has come to, for people who look why it behaves as it does.

use std::fmt;
use std::time::Duration;

/// What both ends of an association agreed on, and what it has measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Streams towards the peer: the fewer of what we wanted and what it takes.
    pub streams_out: u16,
    /// Streams from the peer.
    pub streams_in: u16,
    /// The smoothed round trip; zero before the first one.
    pub round_trip: Duration,
    /// The retransmission timeout, where it is told.
    pub rto: Option<Duration>,
    /// The least and the most that our end lets it be.
    pub rto_limits: (Duration, Duration),
    /// The longest packet on the path, in octets.
    pub path_mtu: u32,
    /// Octets that the peer takes at once.
    pub peer_window: u32,
    /// Packets that had to be sent again, where it is told.
    pub retransmitted: Option<u64>,
}

/// All associations of an endpoint that are up, together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// How many there are.
    pub associations: u64,
    /// The longest smoothed round trip of them.
    pub round_trip: Duration,
    /// The longest retransmission timeout of them, where it is told.
    pub rto: Option<Duration>,
    /// Packets that those had to send again which are up, where it is told.
    pub retransmitted: Option<u64>,
}

impl Overview {
    /// Adds an association, which may not tell what it has come to.
    pub(crate) fn add(&mut self, of: Option<Parameters>) {
        let told = of.map(|Parameters { round_trip, rto, retransmitted, .. }| Self {
            round_trip,
            rto,
            retransmitted,
            ..Self::default()
        });
        self.merge(Self { associations: 1, ..told.unwrap_or_default() });
    }

    /// Adds those of another endpoint.
    pub fn merge(&mut self, other: Self) {
        self.associations += other.associations;
        self.round_trip = self.round_trip.max(other.round_trip);
        self.rto = self.rto.max(other.rto);
        if let Some(more) = other.retransmitted {
            self.retransmitted = Some(self.retransmitted.unwrap_or_default().saturating_add(more));
        }
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} streams out, {} in", self.streams_out, self.streams_in)?;
        if !self.round_trip.is_zero() {
            write!(f, ", round trip {:.1} ms", self.round_trip.as_secs_f64() * 1e3)?;
        }
        let (least, most) = self.rto_limits;
        if let Some(rto) = self.rto {
            write!(f, ", RTO {} ms", rto.as_millis())?;
        } else if !most.is_zero() {
            write!(f, ", RTO")?;
        }
        if !most.is_zero() {
            write!(f, " ({} to {} ms)", least.as_millis(), most.as_millis())?;
        }
        write!(
            f,
            ", packets up to {} octets, the peer takes {} octets at once",
            self.path_mtu, self.peer_window
        )
    }
}
