//! Service request, UE side (TS 24.501 §5.6.1).

use oxirush_nas::nas_5gs::{
    NasFGsMobileIdentity, NasKeySetIdentifier, NasServiceRequest, NasServiceType, ServiceType,
};

use crate::identity_of_ue::STmsi;
use crate::procedure::EstablishmentCause;

/// Why a service is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The UE has signalling to send; it has no PDU session that data could flow in.
    Signalling,
    /// The network paged the UE (§5.6.2).
    Paging,
}

impl Reason {
    pub(crate) fn establishment_cause(self) -> EstablishmentCause {
        match self {
            Self::Signalling => EstablishmentCause::MoSignalling,
            Self::Paging => EstablishmentCause::MtAccess,
        }
    }
}

/// SERVICE REQUEST (TS 24.501 §8.2.16). It has cleartext IEs alone.
pub(crate) fn request(reason: Reason, ng_ksi: u8, s_tmsi: STmsi) -> NasServiceRequest {
    let service_type = match reason {
        Reason::Signalling => ServiceType::Signalling,
        Reason::Paging => ServiceType::MobileTerminatedServices,
    };
    let [a, b, c, d, e, f] = s_tmsi.octets();
    NasServiceRequest::new(
        NasKeySetIdentifier::new(ng_ksi),
        NasServiceType::from_service_type(service_type),
        NasFGsMobileIdentity::new(vec![0xf4, a, b, c, d, e, f]),
    )
}

/// Failed service requests after which T3525 holds back the next (§5.6.1.7).
pub(crate) const MAX_ATTEMPTS: u8 = 5;
