//! Registration, UE side: initial (TS 24.501 §5.5.1.2), and for mobility and periodic updating (§5.5.1.3).

use std::time::Duration;

use identity::Procedure;
use oxirush_nas::nas_5gs::{
    Nas5gsMessage, NasFGmmCapability, NasFGsMobileIdentity, NasFGsRegistrationType,
    NasFGsTrackingAreaIdentity, NasKeySetIdentifier, NasMessageContainer, NasNssai, NasPduSessionStatus,
    NasRegistrationAccept, NasRegistrationComplete, NasRegistrationReject, NasRegistrationRequest, NasSNssai,
    NasUeSecurityCapability, NasUplinkDataStatus, RegistrationType,
};

use super::reject::NOT_COMPATIBLE_WITH_STATE;
use super::security_mode;
use crate::common::nas_security::{Header, NasContext};
use crate::common::retry::Counter;
use crate::common::timers::{self, Timer};
use crate::establishment_cause::EstablishmentCause;
use crate::nas5g::attempt::{Next, Running, Slot, Step};
use crate::nas5g::registered_area::RegisteredArea;
use crate::nas5g::ue::Ue;
use crate::outcome::{Cause, Outcome};
use crate::sessions::Sessions;
use crate::settings::UeSettings;

/// A registration, of whichever type. It waits for the REGISTRATION ACCEPT.
pub(crate) struct Registration {
    procedure: Procedure,
    /// The complete message, plain.
    complete: Vec<u8>,
    /// The network has seen the cleartext IEs alone.
    unprotected: bool,
}

impl Registration {
    pub(crate) const TIMER: (Timer, Duration) = (Timer::T3510, timers::T3510);

    pub(crate) fn new(procedure: Procedure) -> Self {
        Self { procedure, complete: Vec::new(), unprotected: false }
    }

    pub(crate) fn procedure(&self) -> Procedure {
        self.procedure
    }

    /// Sends a REGISTRATION REQUEST (TS 24.501 §5.5.1.2.2, §5.5.1.3.2).
    pub(crate) fn begin(&mut self, ue: &mut Ue<'_>) -> Step {
        if !self.procedure.needs().registered {
            // A registered UE begins anew, as after a loss of power: the network learns it from the registration type.
            ue.leave_registered();
            if ue.mm.connected {
                ue.release();
            }
        }
        for timer in [Timer::T3511, Timer::T3502] {
            ue.stop(timer);
        }
        ue.mm.retry.begin();
        let identity = match ue.mm.area.guti {
            Some(guti) => guti.mobile_identity(),
            None => match ue.suci() {
                Some(suci) => suci,
                None => return Step::Done(Outcome::Failed(Cause::NotEncodable)),
            },
        };
        let mm = &mut *ue.mm;
        let mut request = message(
            registration_type(self.procedure),
            NasFGsMobileIdentity::new(identity),
            mm.context.as_ref().map_or(NO_KEY, NasContext::ng_ksi),
            &mm.area,
            (&*ue.sessions, !mm.connected),
            ue.sm.was_used(),
            ue.settings,
        );
        let mut complete = Nas5gsMessage::new_5gmm(request.clone());
        self.complete = complete.encode().unwrap_or_default();
        let protected = match &mut mm.context {
            // In 5GMM-CONNECTED the whole message is ciphered (§4.4.6).
            Some(current) if mm.secured => current.protect(&complete, Header::IntegrityAndCiphering),
            Some(current) => {
                let mut contained = self.complete.clone();
                let container = (cleartext(&request, None) != request)
                    .then(|| current.cipher_container(&mut contained).map(|()| contained))
                    .flatten();
                let sent = cleartext(&request, container);
                current.protect(&Nas5gsMessage::new_5gmm(sent), Header::Integrity)
            }
            None => None,
        };
        self.unprotected = protected.is_none();
        let nas = protected.unwrap_or_else(|| {
            // No context, or one whose COUNTs are used up: a new authentication follows (§4.4.3.5).
            mm.context = None;
            request.ngksi.value = NO_KEY;
            complete = Nas5gsMessage::new_5gmm(request.clone());
            self.complete = complete.encode().unwrap_or_default();
            let sent = cleartext(&request, None);
            Nas5gsMessage::new_5gmm(sent).encode().unwrap_or_default()
        });
        ue.send_initial(nas, EstablishmentCause::MoSignalling);
        ue.set(Timer::T3510, timers::T3510);
        Step::Stay
    }

    /// TS 24.501 §5.5.1.2.4, §5.5.1.3.4.
    fn accepted(accept: &NasRegistrationAccept, ue: &mut Ue<'_>) -> Step {
        ue.mm.area.update(accept, ue.tai);
        if ue.mm.area.guti.is_none() {
            // §5.5.1.2.4 has the network assign one; what is asked for by it cannot be asked for.
            ue.unexpected("registration-without-5g-guti");
        }
        ue.mm.registered = true;
        ue.mm.retry.succeeded();
        ue.mm.suci = None;
        for timer in [Timer::T3519, Timer::T3346] {
            ue.stop(timer);
        }
        if let Some(complete) = complete(accept) {
            ue.send(complete);
        }
        ue.agree_on_sessions(accept.pdu_session_status.as_ref(), None);
        // §5.3.1.3. Deviation: with a session the UE waits for the network without T3540, since it cannot tell whether user
        // plane resources are there.
        match ue.sessions.lowest() {
            None => Step::Then(Outcome::Succeeded, Next::ExpectRelease),
            Some(_) => Step::Done(Outcome::Succeeded),
        }
    }

    /// TS 24.501 §5.5.1.2.5, §5.5.1.3.5.
    fn rejected(&self, reject: &NasRegistrationReject, integrity: bool, ue: &mut Ue<'_>) -> Step {
        if let Some(t3502) = reject.t3502_value.as_ref().and_then(|value| value.to_seconds()) {
            ue.mm.area.t3502 = Duration::from_secs(t3502);
        }
        let back_off = reject.t3346_value.as_ref().and_then(|value| value.to_seconds());
        ue.mm.suci = None;
        ue.stop(Timer::T3519);
        let counter = ue.apply_cause(reject.fgmm_cause.value, back_off, integrity);
        self.failed(counter, ue);
        Step::Then(Outcome::Failed(Cause::Gmm(reject.fgmm_cause.value)), Next::ExpectRelease)
    }

    /// T3510 (TS 24.501 §5.5.1.2.7 c, §5.5.1.3.7 c).
    pub(crate) fn expired(&self, ue: &mut Ue<'_>) -> Step {
        self.failed(Counter::OneMore, ue);
        Step::Then(Outcome::TimedOut(Timer::T3510), Next::LeaveCell)
    }

    /// Arranges the next registration after one that failed, as TS 24.501 §5.5.1.2.7 and §5.5.1.3.7 have it.
    pub(crate) fn failed(&self, counter: Counter, ue: &mut Ue<'_>) {
        let exhausted = ue.mm.retry.failed(counter);
        if exhausted {
            ue.mm.area.forget();
            ue.mm.context = None;
            ue.leave_registered();
        }
        if !ue.does_as_specified() {
            return;
        }
        let again = if ue.mm.registered { self.procedure } else { Procedure::RegistrationRetry };
        if ue.runs(Timer::T3346) {
            ue.mm.retry.again = Some(again);
        } else if counter != Counter::Reset {
            ue.mm.retry.again = Some(again);
            let (timer, duration) =
                if exhausted { (Timer::T3502, ue.mm.area.t3502) } else { (Timer::T3511, timers::T3511) };
            ue.set(timer, duration);
        }
    }

    pub(crate) fn initial_message(&self) -> (&[u8], bool) {
        (&self.complete, self.unprotected)
    }
}

/// REGISTRATION ACCEPT.
pub(crate) fn accepted(slot: &mut Slot, accept: &NasRegistrationAccept, ue: &mut Ue<'_>) {
    if matches!(slot.running(), Some(Running::Registration(_))) {
        let step = Registration::accepted(accept, ue);
        return slot.settle(step, ue);
    }
    // The network repeats an accept whose REGISTRATION COMPLETE it did not get (T3550, §5.5.1.2.8 c).
    match complete(accept).filter(|_| ue.mm.registered) {
        Some(complete) => {
            ue.unexpected("registration-accept-again");
            ue.mm.area.update(accept, ue.tai);
            ue.send(complete);
        }
        None => ue.refuse(Some(NOT_COMPATIBLE_WITH_STATE)),
    }
}

/// REGISTRATION REJECT.
pub(crate) fn rejected(slot: &mut Slot, reject: &NasRegistrationReject, integrity: bool, ue: &mut Ue<'_>) {
    let Some(Running::Registration(registration)) = slot.running() else {
        return ue.refuse(Some(NOT_COMPATIBLE_WITH_STATE));
    };
    let step = registration.rejected(reject, integrity, ue);
    slot.settle(step, ue);
}

/// The 5GS registration type of a procedure (TS 24.501 §9.11.3.7).
fn registration_type(procedure: Procedure) -> RegistrationType {
    match procedure {
        Procedure::MobilityRegistrationUpdate => RegistrationType::MobilityRegistrationUpdating,
        Procedure::PeriodicRegistrationUpdate => RegistrationType::PeriodicRegistrationUpdating,
        _ => RegistrationType::InitialRegistration,
    }
}

/// REGISTRATION REQUEST (TS 24.501 §8.2.6) with every IE that it is to carry.
fn message(
    kind: RegistrationType,
    identity: NasFGsMobileIdentity,
    ng_ksi: u8,
    area: &RegisteredArea,
    (sessions, idle): (&Sessions, bool),
    may_have_had_sessions: bool,
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
        && may_have_had_sessions
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
fn cleartext(request: &NasRegistrationRequest, container: Option<Vec<u8>>) -> NasRegistrationRequest {
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
fn complete(accept: &NasRegistrationAccept) -> Option<NasRegistrationComplete> {
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

/// The ngKSI of "no key is available" (TS 24.501 §9.11.3.32).
pub(crate) const NO_KEY: u8 = 7;
