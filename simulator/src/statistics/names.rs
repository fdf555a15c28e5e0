//! The names of what is counted: messages, refusals and events.

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
        OverloadStart = "overload-start",
        OverloadStop = "overload-stop",
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
