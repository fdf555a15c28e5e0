//! What the AMF counted, for a run to be cross-checked from the other end.

use std::collections::BTreeMap;
use std::fmt;

use identity::Imsi;

/// Names that are counted, each in its own slot: counting costs one addition.
macro_rules! counted {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($variant,)* }

        impl $name {
            /// All of them, in the order of their slots.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

counted! {
    /// A message of NGAP or NAS, as TS 38.413 and TS 24.501 name it.
    Message {
        NgSetupRequest = "ng-setup-request",
        NgSetupResponse = "ng-setup-response",
        NgSetupFailure = "ng-setup-failure",
        RanConfigurationUpdate = "ran-configuration-update",
        RanConfigurationUpdateAcknowledge = "ran-configuration-update-acknowledge",
        RanConfigurationUpdateFailure = "ran-configuration-update-failure",
        NgReset = "ng-reset",
        NgResetAcknowledge = "ng-reset-acknowledge",
        ErrorIndication = "error-indication",
        InitialUeMessage = "initial-ue-message",
        UplinkNasTransport = "uplink-nas-transport",
        DownlinkNasTransport = "downlink-nas-transport",
        NasNonDeliveryIndication = "nas-non-delivery-indication",
        InitialContextSetupRequest = "initial-context-setup-request",
        InitialContextSetupResponse = "initial-context-setup-response",
        InitialContextSetupFailure = "initial-context-setup-failure",
        UeContextReleaseRequest = "ue-context-release-request",
        UeContextReleaseCommand = "ue-context-release-command",
        UeContextReleaseComplete = "ue-context-release-complete",
        UeRadioCapabilityInfoIndication = "ue-radio-capability-info-indication",
        Paging = "paging",
        SessionResourceSetupRequest = "pdu-session-resource-setup-request",
        SessionResourceSetupResponse = "pdu-session-resource-setup-response",
        SessionResourceModifyRequest = "pdu-session-resource-modify-request",
        SessionResourceModifyResponse = "pdu-session-resource-modify-response",
        SessionResourceReleaseCommand = "pdu-session-resource-release-command",
        SessionResourceReleaseResponse = "pdu-session-resource-release-response",
        HandoverRequired = "handover-required",
        HandoverRequest = "handover-request",
        HandoverRequestAcknowledge = "handover-request-acknowledge",
        HandoverFailure = "handover-failure",
        HandoverCommand = "handover-command",
        HandoverPreparationFailure = "handover-preparation-failure",
        HandoverNotify = "handover-notify",
        HandoverCancel = "handover-cancel",
        HandoverCancelAcknowledge = "handover-cancel-acknowledge",
        UplinkRanStatusTransfer = "uplink-ran-status-transfer",
        DownlinkRanStatusTransfer = "downlink-ran-status-transfer",
        PathSwitchRequest = "path-switch-request",
        PathSwitchRequestAcknowledge = "path-switch-request-acknowledge",
        PathSwitchRequestFailure = "path-switch-request-failure",
        OtherNgap = "other-ngap",
        RegistrationRequest = "registration-request",
        RegistrationAccept = "registration-accept",
        RegistrationComplete = "registration-complete",
        RegistrationReject = "registration-reject",
        AuthenticationRequest = "authentication-request",
        AuthenticationResponse = "authentication-response",
        AuthenticationFailure = "authentication-failure",
        AuthenticationReject = "authentication-reject",
        SecurityModeCommand = "security-mode-command",
        SecurityModeComplete = "security-mode-complete",
        SecurityModeReject = "security-mode-reject",
        IdentityRequest = "identity-request",
        IdentityResponse = "identity-response",
        ServiceRequest = "service-request",
        ServiceAccept = "service-accept",
        ServiceReject = "service-reject",
        DeregistrationRequestByUe = "deregistration-request-by-ue",
        DeregistrationAcceptToUe = "deregistration-accept-to-ue",
        DeregistrationRequestToUe = "deregistration-request-to-ue",
        DeregistrationAcceptByUe = "deregistration-accept-by-ue",
        ConfigurationUpdateCommand = "configuration-update-command",
        ConfigurationUpdateComplete = "configuration-update-complete",
        UplinkTransport = "ul-nas-transport",
        DownlinkTransport = "dl-nas-transport",
        Status = "5gmm-status",
        SessionEstablishmentRequest = "pdu-session-establishment-request",
        SessionEstablishmentAccept = "pdu-session-establishment-accept",
        SessionEstablishmentReject = "pdu-session-establishment-reject",
        SessionModificationRequest = "pdu-session-modification-request",
        SessionModificationCommand = "pdu-session-modification-command",
        SessionModificationComplete = "pdu-session-modification-complete",
        SessionModificationReject = "pdu-session-modification-reject",
        SessionReleaseRequest = "pdu-session-release-request",
        SessionReleaseCommand = "pdu-session-release-command",
        SessionReleaseComplete = "pdu-session-release-complete",
        SessionStatus = "5gsm-status",
        OtherSession = "other-5gsm",
        OtherNas = "other-nas",
    }
}

counted! {
    /// Why the AMF refused, ignored or gave up something.
    Refusal {
        MalformedNgap = "malformed-ngap",
        UnexpectedNgap = "unexpected-ngap",
        UnknownUeId = "unknown-ue-ngap-id",
        InconsistentUeId = "inconsistent-ue-ngap-id",
        UnknownPlmn = "unknown-plmn",
        UnknownTac = "unknown-tac",
        NoCommonSlice = "no-common-slice",
        ConfigurationRefused = "ran-configuration-refused",
        DuplicateGnb = "duplicate-gnb-id",
        TooManyAssociations = "too-many-associations",
        TooManyConnections = "too-many-connections",
        TooManyUes = "too-many-ues",
        MalformedNas = "malformed-nas",
        NasIntegrity = "nas-integrity",
        NasReplay = "nas-replay",
        NotProtected = "not-protected",
        OutOfState = "out-of-state",
        Congestion = "congestion",
        UnknownSubscriber = "unknown-subscriber",
        HomeNetworkRefused = "home-network-refused",
        SuciNotDeconcealed = "suci-not-deconcealed",
        WrongResStar = "wrong-res-star",
        UeFoundMacFailure = "ue-found-mac-failure",
        UeFoundSynchFailure = "ue-found-synch-failure",
        UeRefusedChallenge = "ue-refused-challenge",
        WrongAuts = "wrong-auts",
        SecurityCapabilities = "security-capabilities",
        SecurityModeRejected = "security-mode-rejected",
        UnknownServiceRequest = "unknown-service-request",
        NoSliceAllowed = "no-slice-allowed",
        RepeatedRequest = "repeated-request",
        SupersededRequest = "superseded-request",
        RegistrationTimeout = "registration-timeout",
        AuthenticationTimeout = "authentication-timeout",
        IdentificationTimeout = "identification-timeout",
        DeregistrationTimeout = "deregistration-timeout",
        ConfigurationUpdateTimeout = "configuration-update-timeout",
        ReleaseTimeout = "release-timeout",
        PagingTimeout = "paging-timeout",
        ContextSetupFailed = "context-setup-failed",
        LowerLayerFailure = "lower-layer-failure",
        ImplicitDeregistration = "implicit-deregistration",
        CannotEncode = "cannot-encode",
        PayloadNotForwarded = "payload-not-forwarded",
        MalformedSession = "malformed-5gsm",
        SessionRefused = "session-refused",
        TooManySessions = "too-many-sessions",
        ResourcesNotSetUp = "session-resources-not-set-up",
        SessionModificationTimeout = "session-modification-timeout",
        SessionReleaseTimeout = "session-release-timeout",
        UnknownTarget = "unknown-handover-target",
        HandoverNotAllowed = "handover-not-allowed",
        HandoverRefusedByTarget = "handover-refused-by-target",
        HandoverPreparationTimeout = "handover-preparation-timeout",
        HandoverNotCompleted = "handover-not-completed",
        HandoverAborted = "handover-aborted",
        PathSwitchRefused = "path-switch-refused",
    }
}

counted! {
    /// What happened to UEs and sessions.
    Event {
        SessionEstablished = "session-established",
        SessionModified = "session-modified",
        SessionReleased = "session-released",
        HandoverPrepared = "handover-prepared",
        HandoverCompleted = "handover-completed",
        HandoverCancelled = "handover-cancelled",
        PathSwitched = "path-switched",
        NetworkChanged = "network-changed",
        SimSwapDetected = "sim-swap-detected",
        DeviceChanged = "device-changed",
    }
}

/// Something that an operator wants to hear of, with its time and its subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noticed {
    /// UNIX time in µs.
    pub at_us: u64,
    /// What happened.
    pub event: Event,
    /// To whom.
    pub supi: Imsi,
}

/// A gNB or UE that was refused, as a line for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnedAway {
    /// UNIX time in µs.
    pub at_us: u64,
    /// Which gNB, or which subscriber.
    pub who: String,
    /// What it did, and why it was refused.
    pub why: String,
}

/// The counters of an [`Amf`](super::Amf) since it started, and what it holds now.
#[derive(Clone, PartialEq, Eq)]
pub struct Statistics {
    pub(super) received: [u64; Message::ALL.len()],
    pub(super) sent: [u64; Message::ALL.len()],
    pub(super) refusals: [u64; Refusal::ALL.len()],
    pub(super) events: [u64; Event::ALL.len()],
    /// The first of what an operator wants to hear of: [`MOST_NOTICED`] at most. All of it is counted.
    pub noticed: Vec<Noticed>,
    /// The first gNBs and UEs that were refused: [`MOST_TURNED_AWAY`] at most.
    pub turned_away: Vec<TurnedAway>,
    /// All of them.
    pub turned_away_total: u64,
    /// REGISTRATION REJECTs by their 5GMM cause.
    pub rejections: BTreeMap<u8, u64>,
    /// Registrations (of any type) whose REGISTRATION ACCEPT was sent, without its repetitions.
    pub registrations_accepted: u64,
    /// Of these, those that the UE completed, or that needed no REGISTRATION COMPLETE.
    pub registrations_completed: u64,
    /// Service requests accepted.
    pub services_accepted: u64,
    /// UEs that deregistered, or were deregistered, explicitly.
    pub deregistrations: u64,
    /// Authentications that passed.
    pub authentications: u64,
    /// Messages that were not sent because too many were waiting for the processing delay.
    pub sends_dropped: u64,
    /// Messages that the transport did not take: its buffer was full, or the association over.
    pub sends_refused: u64,
    /// Associations now.
    pub associations: usize,
    /// gNBs that have set up the NG interface, now.
    pub gnbs: usize,
    /// UE-associated logical NG-connections now.
    pub connections: usize,
    /// PDU sessions anchored in the UPF and charged, now.
    pub sessions: usize,
    /// UEs registered now.
    pub registered: usize,
    /// UE contexts now, registered or not.
    pub ues: usize,
    /// Timers running now.
    pub timers: usize,
    /// Messages that wait for the processing delay now.
    pub sends_waiting: usize,
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            received: [0; Message::ALL.len()],
            sent: [0; Message::ALL.len()],
            refusals: [0; Refusal::ALL.len()],
            events: [0; Event::ALL.len()],
            noticed: Vec::new(),
            turned_away: Vec::new(),
            turned_away_total: 0,
            rejections: BTreeMap::new(),
            sessions: 0,
            registrations_accepted: 0,
            registrations_completed: 0,
            services_accepted: 0,
            deregistrations: 0,
            authentications: 0,
            sends_dropped: 0,
            sends_refused: 0,
            associations: 0,
            gnbs: 0,
            connections: 0,
            registered: 0,
            ues: 0,
            timers: 0,
            sends_waiting: 0,
        }
    }
}

impl Statistics {
    /// How many of `message` were received.
    pub fn received(&self, message: Message) -> u64 {
        self.received.get(message as usize).copied().unwrap_or_default()
    }

    /// How many of `message` were sent, with repetitions.
    pub fn sent(&self, message: Message) -> u64 {
        self.sent.get(message as usize).copied().unwrap_or_default()
    }

    /// How often something was refused for `reason`.
    pub fn refusals(&self, reason: Refusal) -> u64 {
        self.refusals.get(reason as usize).copied().unwrap_or_default()
    }

    /// How often `event` happened.
    pub fn events(&self, event: Event) -> u64 {
        self.events.get(event as usize).copied().unwrap_or_default()
    }

    /// Every event that happened, with its count.
    pub fn happened(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Event::ALL.iter().map(|event| (event.as_str(), self.events(*event))).filter(|(_, count)| *count > 0)
    }

    /// Every message that was received or sent: name, received, sent.
    pub fn messages(&self) -> impl Iterator<Item = (&'static str, u64, u64)> {
        Message::ALL
            .iter()
            .map(|message| (message.as_str(), self.received(*message), self.sent(*message)))
            .filter(|(_, received, sent)| received + sent > 0)
    }

    /// Every reason for which something was refused, with its count.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refusal::ALL
            .iter()
            .map(|reason| (reason.as_str(), self.refusals(*reason)))
            .filter(|(_, count)| *count > 0)
    }

    pub(super) fn count_received(&mut self, message: Message) {
        if let Some(count) = self.received.get_mut(message as usize) {
            *count += 1;
        }
    }

    pub(super) fn count_sent(&mut self, message: Message) {
        if let Some(count) = self.sent.get_mut(message as usize) {
            *count += 1;
        }
    }

    pub(super) fn count_event(&mut self, event: Event) {
        if let Some(count) = self.events.get_mut(event as usize) {
            *count += 1;
        }
    }

    /// Counts an event, and notes who it happened to.
    pub(super) fn notice(&mut self, at_us: u64, event: Event, supi: Imsi) {
        self.count_event(event);
        if self.noticed.len() < MOST_NOTICED {
            self.noticed.push(Noticed { at_us, event, supi });
        }
    }

    /// Counts a gNB or UE that is refused, and notes the first ones.
    pub(super) fn turn_away(&mut self, at_us: u64, who: impl FnOnce() -> String, why: String) {
        self.turned_away_total += 1;
        if self.turned_away.len() < MOST_TURNED_AWAY {
            self.turned_away.push(TurnedAway { at_us, who: who(), why });
        }
    }

    pub(super) fn count_rejection(&mut self, cause: u8) {
        *self.rejections.entry(cause).or_default() += 1;
    }

    pub(super) fn count_refusal(&mut self, reason: Refusal) {
        if let Some(count) = self.refusals.get_mut(reason as usize) {
            *count += 1;
        }
    }
}

/// Every counter with its name; what is 0 is left out.
impl fmt::Debug for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Named<'a, K>(&'a [(K, u64)]);
        impl<K: AsRef<str>> fmt::Debug for Named<'_, K> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_map().entries(self.0.iter().map(|(name, count)| (name.as_ref(), count))).finish()
            }
        }
        let messages: Vec<_> = self.messages().collect();
        let count = |which: fn(&(&'static str, u64, u64)) -> u64| {
            messages.iter().map(move |row| (row.0, which(row))).filter(|(_, n)| *n > 0).collect::<Vec<_>>()
        };
        let (received, sent) = (count(|row| row.1), count(|row| row.2));
        let (refused, happened): (Vec<_>, Vec<_>) = (self.refused().collect(), self.happened().collect());
        let rejections = self.rejections.iter().map(|(cause, n)| (format!("#{cause}"), *n));
        let rejections: Vec<_> = rejections.collect();
        f.debug_struct("Statistics")
            .field("received", &Named(&received))
            .field("sent", &Named(&sent))
            .field("refused", &Named(&refused))
            .field("happened", &Named(&happened))
            .field("registrations_accepted", &self.registrations_accepted)
            .field("registrations_completed", &self.registrations_completed)
            .field("registrations_rejected", &Named(&rejections))
            .field("services_accepted", &self.services_accepted)
            .field("deregistrations", &self.deregistrations)
            .field("authentications", &self.authentications)
            .field("turned_away", &self.turned_away_total)
            .field("sends_dropped", &self.sends_dropped)
            .field("sends_refused", &self.sends_refused)
            .field("associations", &self.associations)
            .field("gnbs", &self.gnbs)
            .field("connections", &self.connections)
            .field("sessions", &self.sessions)
            .field("registered", &self.registered)
            .field("ues", &self.ues)
            .field("timers", &self.timers)
            .field("sends_waiting", &self.sends_waiting)
            .finish_non_exhaustive()
    }
}

/// So many are enough to find the pattern, and few enough to be copied with every look at the statistics.
pub const MOST_NOTICED: usize = 1_000;
/// More lines than anybody reads, and few enough to be copied alike.
pub const MOST_TURNED_AWAY: usize = 200;
