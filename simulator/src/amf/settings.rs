//! What an AMF of the simulator is: its identity, what it serves, its timers and its limits.

use std::time::Duration;

use identity::{Plmn, Snssai, Tac};
use oxirush_ngap::ngap::{BitRate, UEAggregateMaximumBitRate};
use scenarios::HandoverPolicy;

/// The configuration of one [`Amf`](super::Amf). [`AmfSettings::new`] gives the values of the specification.
#[derive(Clone, Debug)]
pub struct AmfSettings {
    /// AMF Name (TS 38.413 §9.3.3.21).
    pub name: String,
    /// The networks that it serves; the first is that of its GUAMI.
    pub networks: Vec<ServedNetwork>,
    /// Whether UEs may take each of them for the others (TS 24.501 §5.5.1.2.4).
    pub equivalent_plmns: bool,
    /// AMF Region ID.
    pub region: u8,
    /// Which AMF of its region it is.
    pub place: AmfPlace,
    /// The slices that it serves, at most [`AmfSettings::MAX_SLICES`].
    pub slices: Vec<Snssai>,
    /// NEA, in order of preference.
    pub ciphering: Vec<u8>,
    /// NIA, in order of preference. NIA0 is only taken when it is listed.
    pub integrity: Vec<u8>,
    /// How long it waits for what.
    pub timers: AmfTimers,
    /// How long the AMF thinks before each message that it sends.
    pub processing_delay: Duration,
    /// Up to so much more, uniformly.
    pub processing_jitter: Duration,
    /// Initial registrations above a rate are rejected.
    pub congestion: Option<Congestion>,
    /// UE AMBR in bit/s, up and down.
    pub ue_ambr_bps: (u64, u64),
    /// Whether a registration assigns a 5G-GUTI, as TS 24.501 §5.5.1.2.4 has an AMF do; `false` is an AMF that forgets it.
    pub assigns_guti: bool,
    /// Releases the NAS signalling connection after a registration without a follow-on request.
    pub release_after_registration: bool,
    /// How it treats handovers.
    pub handover: HandoverPolicy,
    /// What bounds its memory.
    pub limits: Limits,
    /// RAND, 5G-TMSI and jitter come from it.
    pub seed: u64,
}

impl AmfSettings {
    /// A UE context keeps its slices as a set of so many bits.
    pub const MAX_SLICES: usize = 64;

    /// UE AMBR, as NGAP has it.
    pub(super) fn ue_ambr(&self) -> UEAggregateMaximumBitRate {
        let (uplink, downlink) = self.ue_ambr_bps;
        UEAggregateMaximumBitRate::new(BitRate(downlink), BitRate(uplink), None)
    }

    /// An AMF of one PLMN with tracking area 1, slice 1, and the timers of TS 24.501 table 10.2.2.
    pub fn new(plmn: Plmn) -> Self {
        Self {
            name: "roamstorm-amf".to_owned(),
            networks: vec![ServedNetwork { plmn, tacs: Tac::new(1).into_iter().collect() }],
            equivalent_plmns: false,
            region: 1,
            place: AmfPlace::default(),
            slices: vec![Snssai { sst: 1, sd: None }],
            ciphering: vec![2, 1, 3, 0],
            integrity: vec![2, 1, 3],
            timers: AmfTimers::default(),
            processing_delay: Duration::ZERO,
            processing_jitter: Duration::ZERO,
            congestion: None,
            ue_ambr_bps: (1_000_000_000, 2_000_000_000),
            assigns_guti: true,
            release_after_registration: true,
            handover: HandoverPolicy::default(),
            limits: Limits::default(),
            seed: 0,
        }
    }
}

/// How long an AMF waits for what; by default as TS 24.501 table 10.2.2 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmfTimers {
    /// The periodic registration update of the UEs; `None` deactivates it.
    pub t3512: Option<Duration>,
    /// Paging: how long until it is repeated.
    pub t3513: Duration,
    /// DEREGISTRATION REQUEST.
    pub t3522: Duration,
    /// REGISTRATION ACCEPT.
    pub t3550: Duration,
    /// CONFIGURATION UPDATE COMMAND.
    pub t3555: Duration,
    /// AUTHENTICATION REQUEST and SECURITY MODE COMMAND.
    pub t3560: Duration,
    /// IDENTITY REQUEST.
    pub t3570: Duration,
    /// How often each of these messages is sent again: 4 (TS 24.501 table 10.2.2).
    pub max_retransmissions: u8,
    /// How long a gNB may take for a UE CONTEXT RELEASE COMPLETE before the AMF releases alone.
    pub release_guard: Duration,
    /// How long a handover target may take to answer.
    pub handover_preparation: Duration,
    /// How long a UE may take to arrive there.
    pub handover_completion: Duration,
    /// How long the implicit deregistration timer runs after the mobile reachable timer.
    pub implicit_deregistration: Duration,
    /// How long the context of a deregistered UE is kept for its next registration.
    pub deregistered_kept: Duration,
}

impl Default for AmfTimers {
    fn default() -> Self {
        let six_seconds = Duration::from_secs(6);
        Self {
            t3512: Some(Duration::from_secs(54 * 60)),
            t3513: Duration::from_secs(2),
            t3522: six_seconds,
            t3550: six_seconds,
            t3555: six_seconds,
            t3560: six_seconds,
            t3570: six_seconds,
            max_retransmissions: 4,
            release_guard: Duration::from_secs(10),
            handover_preparation: Duration::from_secs(5),
            handover_completion: Duration::from_secs(10),
            implicit_deregistration: Duration::from_secs(4 * 60),
            deregistered_kept: Duration::from_secs(60 * 60),
        }
    }
}

/// Which AMF of several it is (TS 23.501 §5.9.4, §6.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmfPlace {
    /// AMF Set ID, 10 bits.
    pub set: u16,
    /// AMF Pointer, 6 bits.
    pub pointer: u8,
    /// Relative AMF Capacity (TS 38.413 §9.3.1.32).
    pub capacity: u8,
}

impl Default for AmfPlace {
    /// The only one.
    fn default() -> Self {
        Self { set: 1, pointer: 0, capacity: 255 }
    }
}

/// A network that the AMF serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedNetwork {
    /// Which.
    pub plmn: Plmn,
    /// Its tracking areas.
    pub tacs: Vec<Tac>,
}

/// Overload control: a token bucket of initial registrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Congestion {
    /// What is let through.
    pub max_registrations_per_s: u32,
    /// T3346 of the REGISTRATION REJECT with cause #22.
    pub backoff: Duration,
}

/// The bounds of the AMF's memory. What exceeds one is refused and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// SCTP associations.
    pub associations: usize,
    /// UE-associated logical NG-connections.
    pub connections: usize,
    /// UE contexts, registered and deregistered.
    pub ues: usize,
    /// Messages that wait for the processing delay.
    pub delayed_sends: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { associations: 4_096, connections: 1_000_000, ues: 4_000_000, delayed_sends: 1_000_000 }
    }
}
