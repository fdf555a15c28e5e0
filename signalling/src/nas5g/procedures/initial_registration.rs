//! Initial registration, UE side (TS 24.501 §5.5.1.2): the REGISTRATION REQUEST, and what a REGISTRATION ACCEPT gives.

use std::time::Duration;

use identity::Procedure;
use oxirush_nas::nas_5gs::{
    Nas5gsMessage, NasFGmmCapability, NasFGsMobileIdentity, NasFGsRegistrationType,
    NasFGsTrackingAreaIdentity, NasKeySetIdentifier, NasMessageContainer, NasNssai, NasPduSessionStatus,
    NasRegistrationAccept, NasRegistrationComplete, NasRegistrationReject, NasRegistrationRequest, NasSNssai,
    NasUeSecurityCapability, NasUplinkDataStatus, RegistrationType,
};

use crate::common::nas_security::{Header, NasContext};
use crate::common::timers::{self, Timer};
use crate::establishment_cause::EstablishmentCause;
use crate::nas5g::attempt::{Attempt, Kind};
use crate::nas5g::procedures::mobility_and_periodic_registration_update::registration_type;
use crate::nas5g::procedures::reject::NOT_COMPATIBLE_WITH_STATE;
use crate::nas5g::procedures::security_mode;
use crate::nas5g::registered_area::RegisteredArea;
use crate::nas5g::session_management::SessionManagement;
use crate::nas5g::suci;
use crate::nas5g::ue::{Out, Ue, UeAction};
use crate::outcome::{Cause, Outcome};
use crate::settings::{Context, UeSettings};

/// REGISTRATION REQUEST (TS 24.501 §8.2.6) with every IE that it is to carry.
fn message(
    kind: RegistrationType,
    identity: NasFGsMobileIdentity,
    ng_ksi: u8,
    area: &RegisteredArea,
    (sessions, idle): (&SessionManagement, bool),
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
    // §5.5.1.3.2: both ends agree on the sessions again.
    if kind == RegistrationType::MobilityRegistrationUpdating
        && sessions.was_used()
        && let Ok(status) = NasPduSessionStatus::from_sessions(&sessions.numbers())
    {
        request.set_pdu_session_status(status);
    }
    // A UE has data in all its sessions; in 5GMM-CONNECTED the handover has kept their resources.
    let numbers = sessions.numbers();
    if kind == RegistrationType::MobilityRegistrationUpdating
        && idle
        && !numbers.is_empty()
        && let Ok(data) = NasUplinkDataStatus::from_sessions(&numbers)
    {
        request.set_uplink_data_status(data);
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

impl Ue {
    /// Sends a REGISTRATION REQUEST (TS 24.501 §5.5.1.2.2, §5.5.1.3.2).
    pub(crate) fn register(&mut self, procedure: Procedure, context: &mut Context<'_>, out: &mut Out) {
        let initial = matches!(procedure, Procedure::Registration | Procedure::RegistrationRetry);
        if initial {
            // A registered UE begins anew, as after a loss of power: the network learns it from the registration type.
            self.leave_registered(out);
            if self.nas.connected {
                self.nas.release(out);
            }
        }
        for timer in [Timer::T3511, Timer::T3502] {
            self.nas.stop(timer, out);
        }
        self.perseverance.begin();
        let identity = match self.area.guti {
            Some(guti) => NasFGsMobileIdentity::new(guti.mobile_identity()),
            None => match self.suci(context, out) {
                Some(suci) => NasFGsMobileIdentity::new(suci),
                None => {
                    let outcome = Outcome::Failed(Cause::NotEncodable);
                    out.push(UeAction::Finished { procedure, outcome });
                    return;
                }
            },
        };
        let ng_ksi = self.nas.context.as_ref().map_or(NO_KEY, NasContext::ng_ksi);
        let kind = registration_type(procedure);
        let mut request = message(
            kind,
            identity,
            ng_ksi,
            &self.area,
            (&self.sessions, !self.nas.connected),
            context.settings,
        );
        let mut complete = Nas5gsMessage::new_5gmm(request.clone());
        let mut octets = complete.encode().unwrap_or_default();
        let secured = self.nas.secured;
        let protected = match &mut self.nas.context {
            // In 5GMM-CONNECTED the whole message is ciphered (§4.4.6).
            Some(current) if secured => current.protect(&complete, Header::IntegrityAndCiphering),
            Some(current) => {
                let mut contained = octets.clone();
                let container = (cleartext(&request, None) != request)
                    .then(|| current.cipher_container(&mut contained).map(|()| contained))
                    .flatten();
                let sent = cleartext(&request, container);
                current.protect(&Nas5gsMessage::new_5gmm(sent), Header::Integrity)
            }
            None => None,
        };
        let unprotected = protected.is_none();
        let nas = protected.unwrap_or_else(|| {
            // No context, or one whose COUNTs are used up: a new authentication follows (§4.4.3.5).
            self.nas.context = None;
            request.ngksi.value = NO_KEY;
            complete = Nas5gsMessage::new_5gmm(request.clone());
            octets = complete.encode().unwrap_or_default();
            let sent = cleartext(&request, None);
            Nas5gsMessage::new_5gmm(sent).encode().unwrap_or_default()
        });
        self.attempt = Some(Box::new(Attempt::new(procedure, Kind::Registration, octets, unprotected)));
        self.nas.send_initial(nas, EstablishmentCause::MoSignalling, self.area.s_tmsi(), out);
        self.nas.set(Timer::T3510, timers::T3510, out);
    }

    /// The SUCI: a new one, unless T3519 keeps the last (TS 24.501 §5.5.1.2.2, §5.4.3.3).
    pub(crate) fn suci(&mut self, context: &mut Context<'_>, out: &mut Out) -> Option<Vec<u8>> {
        if self.nas.running.contains(Timer::T3519)
            && let Some(suci) = &self.suci
        {
            return Some(suci.to_vec());
        }
        let suci = suci::conceal(&self.subscriber, &context.settings.suci, context.rng)?;
        self.suci = Some(suci.as_slice().into());
        self.nas.set(Timer::T3519, timers::T3519, out);
        Some(suci)
    }

    /// TS 24.501 §5.5.1.2.4, §5.5.1.3.4.
    pub(crate) fn registration_accept(
        &mut self,
        accept: &NasRegistrationAccept,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        if !self.attempt.as_ref().is_some_and(|attempt| attempt.kind == Kind::Registration) {
            // The network repeats an accept whose REGISTRATION COMPLETE it did not get (T3550, §5.5.1.2.8 c).
            if self.registered
                && let Some(complete) = complete(accept)
            {
                out.push(UeAction::Unexpected("registration-accept-again"));
                self.area.update(accept, context);
                return self.nas.send(complete, out);
            }
            return self.nas.refuse(Some(NOT_COMPATIBLE_WITH_STATE), out);
        }
        self.area.update(accept, context);
        if self.area.guti.is_none() {
            // §5.5.1.2.4 has the network assign one; what is asked for by it cannot be asked for.
            out.push(UeAction::Unexpected("registration-without-5g-guti"));
        }
        self.registered = true;
        self.perseverance.succeeded();
        self.suci = None;
        for timer in [Timer::T3519, Timer::T3346] {
            self.nas.stop(timer, out);
        }
        if let Some(complete) = complete(accept) {
            self.nas.send(complete, out);
        }
        self.agree_on_sessions(accept.pdu_session_status.as_ref(), out);
        self.end_attempt(Outcome::Succeeded, out);
        // §5.3.1.3. Deviation: with a session the UE waits for the network without T3540, since it cannot tell whether user
        // plane resources are there.
        if self.sessions.lowest().is_none() {
            self.nas.expect_release(out);
        }
    }

    /// TS 24.501 §5.5.1.2.5, §5.5.1.3.5.
    pub(crate) fn registration_reject(
        &mut self,
        reject: &NasRegistrationReject,
        integrity: bool,
        context: &mut Context<'_>,
        out: &mut Out,
    ) {
        if !self.attempt.as_ref().is_some_and(|attempt| attempt.kind == Kind::Registration) {
            return self.nas.refuse(Some(NOT_COMPATIBLE_WITH_STATE), out);
        }
        if let Some(t3502) = reject.t3502_value.as_ref().and_then(|value| value.to_seconds()) {
            self.area.t3502 = Duration::from_secs(t3502);
        }
        let back_off = reject.t3346_value.as_ref().and_then(|value| value.to_seconds());
        self.suci = None;
        self.nas.stop(Timer::T3519, out);
        let counter = self.suffer(reject.fgmm_cause.value, back_off, integrity, context, out);
        let outcome = Outcome::Failed(Cause::Gmm(reject.fgmm_cause.value));
        self.fail_attempt(outcome, counter, context, out);
        self.nas.expect_release(out);
    }
}

/// The ngKSI of "no key is available" (TS 24.501 §9.11.3.32).
pub(crate) const NO_KEY: u8 = 7;
