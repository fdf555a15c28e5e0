//! Initial registration, UE side (TS 24.501 §5.5.1.2): the REGISTRATION REQUEST, and what a REGISTRATION ACCEPT gives.

use std::time::Duration;

use oxirush_nas::nas_5gs::{
    NasFGmmCapability, NasFGsMobileIdentity, NasFGsRegistrationType, NasFGsTrackingAreaIdentity,
    NasKeySetIdentifier, NasMessageContainer, NasNssai, NasRegistrationAccept, NasRegistrationComplete,
    NasRegistrationRequest, NasSNssai, NasUeSecurityCapability, RegistrationType,
};

use crate::identity_of_ue::Guti;
use crate::procedures::security_mode;
use crate::settings::{Context, UeSettings};
use crate::timers::{T3502_DEFAULT, T3512_DEFAULT};

/// What a UE keeps of its registration.
pub(crate) struct RegisteredArea {
    pub(crate) guti: Option<Guti>,
    /// The TAI list as it came (TS 24.501 §9.11.3.9).
    tai_list: Box<[u8]>,
    /// The allowed NSSAI as it came (TS 24.501 §9.11.3.37).
    allowed_nssai: Box<[u8]>,
    /// The last visited registered TAI.
    pub(crate) last_tai: Option<[u8; 6]>,
    /// `None` when periodic registration is off.
    pub(crate) t3512: Option<Duration>,
    pub(crate) t3502: Duration,
}

impl Default for RegisteredArea {
    fn default() -> Self {
        Self {
            guti: None,
            tai_list: Box::default(),
            allowed_nssai: Box::default(),
            last_tai: None,
            t3512: Some(T3512_DEFAULT),
            t3502: T3502_DEFAULT,
        }
    }
}

impl RegisteredArea {
    /// Takes over what an accept gives; the rest stays (§5.5.1.2.4, §5.5.1.3.4).
    pub(crate) fn update(&mut self, accept: &NasRegistrationAccept, context: &Context<'_>) {
        if let Some(identity) = &accept.fg_guti
            && let Some(guti) = Guti::from_mobile_identity(&identity.value)
        {
            self.guti = Some(guti);
        }
        if let Some(tai_list) = &accept.tai_list {
            self.tai_list = tai_list.value.as_slice().into();
        }
        if let Some(allowed) = &accept.allowed_nssai {
            self.allowed_nssai = allowed.value.as_slice().into();
        }
        if let Some(t3512) = &accept.t3512_value {
            self.t3512 = t3512.to_seconds().map(Duration::from_secs);
        }
        if let Some(t3502) = &accept.t3502_value {
            self.t3502 = t3502.to_seconds().map_or(T3502_DEFAULT, Duration::from_secs);
        }
        self.last_tai = Some(tai(context));
    }

    /// Takes over what a CONFIGURATION UPDATE COMMAND gives (§5.4.4.3).
    pub(crate) fn reconfigure(
        &mut self,
        guti: Option<&NasFGsMobileIdentity>,
        tai_list: Option<&[u8]>,
        allowed_nssai: Option<&[u8]>,
    ) {
        if let Some(guti) = guti.and_then(|identity| Guti::from_mobile_identity(&identity.value)) {
            self.guti = Some(guti);
        }
        if let Some(tai_list) = tai_list {
            self.tai_list = tai_list.into();
        }
        if let Some(allowed_nssai) = allowed_nssai {
            self.allowed_nssai = allowed_nssai.into();
        }
    }

    /// Forgets the 5G-GUTI, the TAI list and the last visited TAI (§5.5.1.2.5).
    pub(crate) fn forget(&mut self) {
        *self = Self { t3502: self.t3502, t3512: self.t3512, ..Self::default() };
    }

    pub(crate) fn heap_octets(&self) -> usize {
        self.tai_list.len() + self.allowed_nssai.len()
    }
}

/// REGISTRATION REQUEST (TS 24.501 §8.2.6) with every IE that it is to carry.
pub(crate) fn request(
    kind: RegistrationType,
    identity: NasFGsMobileIdentity,
    ng_ksi: u8,
    area: &RegisteredArea,
    settings: &UeSettings,
) -> NasRegistrationRequest {
    let kind_ie = NasFGsRegistrationType::from_registration_type(kind).with_follow_on_request(false);
    let mut request = NasRegistrationRequest::new(kind_ie, NasKeySetIdentifier::new(ng_ksi), identity);
    // §5.5.1.3.2: a periodic update repeats none of what the network knows.
    if kind == RegistrationType::PeriodicRegistrationUpdating {
        return request;
    }
    request.set_ue_security_capability(NasUeSecurityCapability::new(
        security_mode::capability(settings).to_vec(),
    ));
    request.set_fgmm_capability(NasFGmmCapability::new(vec![0]));
    let slices: Vec<_> =
        settings.requested_slices.iter().map(|slice| NasSNssai::from_sst_sd(slice.sst, slice.sd)).collect();
    // At most eight S-NSSAIs are requested (§9.11.3.37).
    if let Some(slices) = slices.get(..slices.len().min(8)).filter(|slices| !slices.is_empty())
        && let Ok(requested) = NasNssai::from_snssais(slices)
    {
        request.set_requested_nssai(requested);
    }
    if let Some(tai) = area.last_tai {
        request.set_last_visited_registered_tai(NasFGsTrackingAreaIdentity::new(tai.to_vec()));
    }
    request
}

/// The cleartext IEs of a request alone (§4.4.6), with the NAS message container where there is one.
pub(crate) fn cleartext(
    request: &NasRegistrationRequest,
    container: Option<Vec<u8>>,
) -> NasRegistrationRequest {
    let mut cleartext = NasRegistrationRequest::new(
        request.fgs_registration_type,
        request.ngksi,
        request.fgs_mobile_identity.clone(),
    );
    cleartext.ue_security_capability = request.ue_security_capability.clone();
    cleartext.nas_message_container = container.map(NasMessageContainer::new);
    cleartext
}

/// The REGISTRATION COMPLETE that an accept asks for: it assigned a 5G-GUTI, or gave something else that the network has
/// to know the UE took over (§5.5.1.2.4).
pub(crate) fn complete(accept: &NasRegistrationAccept) -> Option<NasRegistrationComplete> {
    let subscription_changed =
        accept.network_slicing_indication.as_ref().is_some_and(|indication| indication.nssci());
    let acknowledged = accept.fg_guti.is_some()
        || accept.configured_nssai.is_some()
        || subscription_changed
        || accept.operator_defined_access_category_definitions.is_some()
        || accept.ue_radio_capability_id.is_some()
        || accept.ue_radio_capability_id_deletion_indication.is_some()
        || accept.cag_information_list.is_some()
        || accept.extended_cag_information_list.is_some();
    acknowledged.then(NasRegistrationComplete::new)
}

fn tai(context: &Context<'_>) -> [u8; 6] {
    let ([a, b, c], [d, e, f]) = (context.tai.0.octets(), context.tai.1.octets());
    [a, b, c, d, e, f]
}
