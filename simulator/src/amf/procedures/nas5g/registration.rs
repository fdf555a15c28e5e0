//! Registration: initial, mobility and periodic (TS 24.501 §5.5.1.2, §5.5.1.3).

use std::time::Instant;

use billing::Closing;
use identity::{Imsi, Snssai};
use oxirush_nas::nas_5gs::{
    GmmCause, NasCount, NasFGmmCause, NasFGsMobileIdentity, NasFGsRegistrationResult,
    NasFGsTrackingAreaIdentityList, NasGprsTimer2, NasPduSessionStatus, NasPlmnList, NasRegistrationAccept,
    NasRegistrationReject, NasRegistrationRequest, NasT3512Value, NasUeSecurityCapability,
    NasUplinkDataStatus, RegistrationResult, RegistrationType,
};
use oxirush_ngap::ngap::{Cause, CauseNas};
use scenarios::HomeAnswer;

use super::authentication::Authentication;
use crate::amf::connection::{ConnectionId, Protection};
use crate::amf::expiry::ConnectionTimer;
use crate::amf::procedures::{Awaited, Next, Procedure, Step};
use crate::amf::received_nas::Incoming;
use crate::amf::slices::{self, Selection};
use crate::amf::ue::UeId;
use crate::amf::{Amf, gprs_timer, home_network, identities, sending, session_status, ue_context};
use crate::sessions::EventContext;
use crate::sessions::session::Session;
use crate::statistics::{Message, Refusal};

/// A registration in progress, from the REGISTRATION REQUEST to the end of the procedure.
pub(in crate::amf) struct Registration {
    pub(in crate::amf) state: State,
    kind: Kind,
    follow_on: bool,
    /// Who the UE says it is.
    pub(in crate::amf) imsi: Option<Imsi>,
    /// The 5G-TMSI that it named itself by.
    named_tmsi: Option<u32>,
    pub(in crate::amf) capability: Option<NasUeSecurityCapability>,
    requested: Vec<Snssai>,
    /// The sessions that the UE has, and those that it wants to send in.
    session_status: Option<NasPduSessionStatus>,
    uplink_data: Option<NasUplinkDataStatus>,
    /// The octets of the request, reduced: a repeated request is the same (TS 24.501 §5.5.1.2.8).
    digest: u64,
    /// The request came without its IEs that may not go in clear, or could not be verified.
    pub(in crate::amf) ask_again: bool,
    pub(in crate::amf) authentication: Authentication,
}

/// What a registration waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::amf) enum State {
    /// Nothing: what comes next begins.
    Between,
    ExpectIdentity,
    ExpectAuthentication,
    ExpectSecurityMode,
    ExpectComplete,
    /// It has ended.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Initial,
    Mobility,
    Periodic,
    Emergency,
}

impl Registration {
    /// REGISTRATION REQUEST.
    pub(in crate::amf) fn begin(
        amf: &mut Amf,
        context: &mut EventContext<'_>,
        id: ConnectionId,
        request: &NasRegistrationRequest,
        incoming: &Incoming,
    ) -> Step<'static> {
        if repeats(amf, context.now(), id, incoming) {
            return Step::Stay;
        }
        let mut registration = Box::new(Self::read(amf, request, incoming));
        let step = registration.judge(amf, context, id, &request.fgs_mobile_identity, incoming.verified);
        amf.keep_registration(id, registration);
        step
    }

    fn read(amf: &Amf, request: &NasRegistrationRequest, incoming: &Incoming) -> Self {
        let verified = incoming.verified.and_then(|(ue, _)| amf.ues.get(ue));
        let capability = request.ue_security_capability.clone();
        Self {
            state: State::Between,
            kind: kind_of(request),
            follow_on: request.fgs_registration_type.follow_on_request(),
            imsi: verified.map(|ue| ue.imsi),
            named_tmsi: request.fgs_mobile_identity.as_guti().map(|guti| guti.tmsi()),
            // §8.2.6.4: an update of a UE that is known may leave it out.
            capability: capability.or_else(|| verified.map(|ue| ue.capability.clone())),
            requested: slices::requested(request.requested_nssai.as_ref()),
            session_status: request.pdu_session_status.clone(),
            uplink_data: request.uplink_data_status.clone(),
            digest: incoming.digest,
            ask_again: incoming.unverifiable,
            authentication: Authentication::of(verified.is_some()),
        }
    }

    /// Where the UE is, whether there is room, and what it has proved: the next step depends on it.
    fn judge(
        &mut self,
        amf: &mut Amf,
        context: &mut EventContext<'_>,
        id: ConnectionId,
        identity: &NasFGsMobileIdentity,
        verified: Option<(UeId, NasCount)>,
    ) -> Step<'static> {
        let now = context.now();
        let Some(connection) = amf.connections.get(&id) else { return Step::Stay };
        let network = amf.settings.networks.get(connection.plmn);
        if !network.is_some_and(|network| network.tacs.contains(&connection.tac)) {
            amf.refuse(Refusal::UnknownTac);
            return self.reject(amf, context, id, GmmCause::NoSuitableCellsInTrackingArea);
        }
        let mut admitted = || amf.admission.as_mut().is_none_or(|bucket| bucket.admit(now));
        if self.kind == Kind::Initial && !admitted() {
            amf.refuse(Refusal::Congestion);
            return self.reject(amf, context, id, GmmCause::Congestion);
        }
        match (verified, self.kind) {
            // §5.4.1.1: the UE has proved who it is, and an update needs no other proof.
            (Some((ue, count)), Kind::Mobility | Kind::Periodic) => {
                amf.bind(context, id, ue);
                self.accept(amf, context, id, count)
            }
            (Some((ue, _)), Kind::Initial | Kind::Emergency) => {
                amf.bind(context, id, ue);
                Step::Then(id, Next::Authentication)
            }
            (None, _) => self.identify(amf, context, id, identity),
        }
    }

    /// Whom the identity names.
    fn identify(
        &mut self,
        amf: &mut Amf,
        context: &mut EventContext<'_>,
        id: ConnectionId,
        identity: &NasFGsMobileIdentity,
    ) -> Step<'static> {
        if identity.as_guti().is_some() {
            let known = identities::find(amf, identity).and_then(|ue| amf.ues.get(ue)).map(|ue| ue.imsi);
            match known {
                Some(imsi) => self.named(id, imsi, true),
                None => Step::Then(id, Next::Identification),
            }
        } else if identity.as_suci().is_some() {
            match context.ports.subscribers.deconceal(&identity.value) {
                Some(imsi) => self.named(id, imsi, false),
                None => {
                    amf.refuse(Refusal::SuciNotDeconcealed);
                    self.reject(amf, context, id, GmmCause::IllegalUe)
                }
            }
        } else {
            Step::Then(id, Next::Identification)
        }
    }

    /// The UE says that it is `imsi`: it is to prove it.
    pub(in crate::amf) fn named(&mut self, id: ConnectionId, imsi: Imsi, by_guti: bool) -> Step<'static> {
        self.imsi = Some(imsi);
        self.authentication.by_guti = by_guti;
        Step::Then(id, Next::Authentication)
    }

    pub(in crate::amf) fn awaits(&self) -> Awaited {
        match self.state {
            State::Between | State::Over => Awaited::Nothing,
            State::ExpectIdentity => Awaited::Identity,
            State::ExpectAuthentication => Awaited::Authentication,
            State::ExpectSecurityMode => Awaited::SecurityMode,
            State::ExpectComplete => Awaited::RegistrationComplete,
        }
    }

    /// The whole request, which the SECURITY MODE COMPLETE carried, takes the place of the one in clear (§5.4.2.4).
    pub(in crate::amf) fn completed_by(&mut self, request: &NasRegistrationRequest) {
        self.kind = kind_of(request);
        self.follow_on = request.fgs_registration_type.follow_on_request();
        self.requested = slices::requested(request.requested_nssai.as_ref());
        self.session_status.clone_from(&request.pdu_session_status);
        self.uplink_data.clone_from(&request.uplink_data_status);
    }

    /// REGISTRATION ACCEPT, under the current security context; `count` is the uplink NAS COUNT for KgNB.
    pub(in crate::amf) fn accept(
        &mut self,
        amf: &mut Amf,
        context: &mut EventContext<'_>,
        id: ConnectionId,
        count: NasCount,
    ) -> Step<'static> {
        let Some(connection) = amf.connections.get_mut(&id) else { return Step::Stay };
        // The end of another connection of the UE may have ended this one.
        let Some(ue_id) = connection.ue.filter(|_| !connection.is_being_released()) else {
            return Step::Stay;
        };
        connection.secured = true;
        let Some(imsi) = amf.ues.get(ue_id).map(|ue| ue.imsi) else { return Step::Stay };
        let profile = context.ports.subscribers.profile(imsi);
        let refused = profile.as_ref().and_then(|profile| profile.refused);
        if let Some(answer) = refused.filter(|answer| home_network::registration_cause(*answer).is_some()) {
            return self.refuse_at_home(amf, context, id, answer);
        }
        let subscribed = profile.and_then(|profile| profile.slices);
        let Some(selection) = self.select(amf, id, subscribed.as_deref()) else {
            amf.refuse(Refusal::NoSliceAllowed);
            return self.reject(amf, context, id, GmmCause::NoNetworkSlicesAvailable);
        };
        // TS 33.501 §6.12.3: a new 5G-GUTI with each registration but a periodic one.
        let new_guti = self.kind != Kind::Periodic && amf.settings.assigns_guti;
        if let Some(tmsi) = self.named_tmsi {
            amf.ues.has_named(ue_id, tmsi);
        }
        if new_guti {
            identities::offer_tmsi(amf, ue_id);
        }
        if let Some(ue) = amf.ues.get_mut(ue_id) {
            ue.allowed = selection.allowed;
        }
        amf.ues.set_registered(ue_id, true);
        if matches!(self.kind, Kind::Initial | Kind::Emergency) {
            // §5.5.1.2.4: the UE begins anew, without sessions.
            context.sessions.remove_all(&mut context.ports, imsi, Closing::Deregistered);
        }
        session_status::arrived(amf, context, id, imsi);
        let Some(accept) = build(amf, id, ue_id, &selection, new_guti) else {
            amf.refuse(Refusal::CannotEncode);
            return Step::Stay;
        };
        self.send_accept(amf, context, (id, imsi), accept, (count, new_guti))
    }

    /// What is requested, subscribed and supported is allowed. `None`: nothing is.
    fn select(&self, amf: &Amf, id: ConnectionId, subscribed: Option<&[Snssai]>) -> Option<Selection> {
        let connection = amf.connections.get(&id)?;
        // TS 23.501 §5.15.4.1.1: what is allowed is supported where the UE is.
        // Deviation: a UE of which nothing is supported there is registered all the same; its sessions will not find resources.
        let gnb = amf.gnbs.get(&connection.association);
        let there = gnb.and_then(|gnb| gnb.area(connection.plmn, connection.tac)).map(|area| &area.slices);
        let supported = |slice: &&Snssai| there.is_none_or(|there| there.contains(slice));
        let all = &amf.settings.slices;
        let served: Vec<Snssai> = all.iter().filter(supported).copied().collect();
        let select = |served: &[Snssai]| Selection::new(all, served, subscribed, &self.requested);
        let there = select(&served);
        let selection = if there.allowed.is_empty() { select(all) } else { there };
        (!selection.allowed.is_empty()).then_some(selection)
    }

    /// Sends the REGISTRATION ACCEPT, with the resources of the sessions that the UE wants to send in.
    fn send_accept(
        &mut self,
        amf: &mut Amf,
        context: &mut EventContext<'_>,
        (id, imsi): (ConnectionId, Imsi),
        mut accept: NasRegistrationAccept,
        (count, new_guti): (NasCount, bool),
    ) -> Step<'static> {
        let uplink = self.uplink_data.as_ref();
        let sessions = session_status::synchronise(context, imsi, self.session_status.as_ref());
        let has_data = |id: &identity::SessionId| uplink.is_some_and(|uplink| uplink.has_data(id.value()));
        let wanted: Vec<_> = sessions.iter().copied().filter(has_data).collect();
        accept.pdu_session_status = self.session_status.as_ref().and_then(|_| session_status::of(&sessions));
        accept.pdu_session_reactivation_result =
            uplink.and_then(|uplink| session_status::not_reactivated(&sessions, uplink));
        let Some(plain) = sending::encoded(amf, accept) else { return Step::Stay };
        amf.statistics.registrations_accepted += 1;
        let name = Message::RegistrationAccept;
        if new_guti {
            ue_context::deliver(amf, context, id, (name, plain.clone()), count, &wanted);
            let (message, timer) = ((name, plain), ConnectionTimer::T3550);
            sending::repeat(amf, context.now(), id, message, Protection::Current, timer);
            self.state = State::ExpectComplete;
            return Step::Stay;
        }
        if wanted.is_empty() {
            sending::transport(amf, context.now(), id, name, plain, Protection::Current);
        } else {
            ue_context::deliver(amf, context, id, (name, plain), count, &wanted);
        }
        self.finish(amf, context, id)
    }

    /// REGISTRATION COMPLETE.
    pub(in crate::amf) fn received(
        &mut self,
        amf: &mut Amf,
        context: &mut EventContext<'_>,
        id: ConnectionId,
    ) -> Step<'static> {
        if let Some(ue) = amf.connections.get(&id).and_then(|connection| connection.ue) {
            amf.ues.drop_old_tmsi(ue);
        }
        self.finish(amf, context, id)
    }

    /// The registration is over. What waited for the UE is done, or the connection is released (§5.5.1.2.4).
    fn finish(&mut self, amf: &mut Amf, context: &EventContext<'_>, id: ConnectionId) -> Step<'static> {
        amf.statistics.registrations_completed += 1;
        self.state = State::Over;
        let Some(connection) = amf.connections.get(&id) else { return Step::Stay };
        let (ue, asked) = (connection.ue, connection.resources_asked);
        let ue = ue.and_then(|ue| amf.ues.get_mut(ue));
        // A UE with user plane, or whose session is about to get one, is not idle.
        let sessions = ue.as_ref().map(|ue| context.sessions.of(ue.imsi)).unwrap_or_default();
        let busy = asked || sessions.iter().any(Session::is_busy);
        let pending = ue.map(|ue| std::mem::take(&mut ue.pending)).unwrap_or_default();
        match pending.next() {
            Some(next) => Step::Then(id, next),
            None if self.follow_on || busy || !amf.settings.release_after_registration => Step::Stay,
            None => Step::Release(id, Cause::nas(CauseNas::normal_release)),
        }
    }

    /// REGISTRATION REJECT, and the connection is released (§5.5.1.2.5).
    pub(in crate::amf) fn reject(
        &mut self,
        amf: &mut Amf,
        context: &EventContext<'_>,
        id: ConnectionId,
        cause: GmmCause,
    ) -> Step<'static> {
        self.state = State::Over;
        let mut body = NasRegistrationReject::new(NasFGmmCause::from_cause(cause));
        match cause {
            GmmCause::Congestion => {
                let backoff =
                    amf.settings.congestion.map(|congestion| congestion.backoff).unwrap_or_default();
                body.t3346_value = Some(NasGprsTimer2::new([gprs_timer::timer_2(backoff)]));
            }
            GmmCause::NoNetworkSlicesAvailable => {
                body.rejected_nssai = Selection::new(&[], &[], None, &self.requested).rejected_nssai();
            }
            _ => {}
        }
        let who =
            || self.imsi.map_or_else(|| "a UE of unknown identity".to_owned(), |imsi| format!("UE {imsi}"));
        let why = format!("registration rejected with 5GMM cause #{} ({cause:?})", body.fgmm_cause.value);
        amf.statistics.turn_away(context.wall_us(), who, why);
        amf.statistics.count_rejection(body.fgmm_cause.value);
        let protection = amf.protection_of(id);
        sending::settle(amf, id);
        sending::nas(amf, context.now(), id, Message::RegistrationReject, body, protection);
        Step::Release(id, Cause::nas(CauseNas::normal_release))
    }

    /// The home network does not want the UE served: REGISTRATION REJECT with the cause that tells it so (TS 29.524 §4).
    pub(in crate::amf) fn refuse_at_home(
        &mut self,
        amf: &mut Amf,
        context: &EventContext<'_>,
        id: ConnectionId,
        answer: HomeAnswer,
    ) -> Step<'static> {
        let Some(cause) = home_network::registration_cause(answer) else { return Step::Stay };
        let unknown = answer == HomeAnswer::UserNotFound;
        amf.refuse(if unknown { Refusal::UnknownSubscriber } else { Refusal::HomeNetworkRefused });
        self.reject(amf, context, id, cause)
    }
}

/// T3550 expired for the fifth time: the UE is registered, under both of its 5G-GUTIs (§5.5.1.2.8 c).
pub(in crate::amf) fn expired(amf: &mut Amf, id: ConnectionId) -> Step<'static> {
    amf.refuse(Refusal::RegistrationTimeout);
    Step::Release(id, Cause::nas(CauseNas::normal_release))
}

/// A request while a procedure runs on the same connection (§5.5.1.2.8 d, e): the same again changes nothing, and
/// another one takes its place.
fn repeats(amf: &mut Amf, now: Instant, id: ConnectionId, incoming: &Incoming) -> bool {
    let Some(connection) = amf.connections.get(&id) else { return true };
    match &connection.procedure {
        Procedure::Registration(before) if before.awaits() != Awaited::Nothing => {
            if before.digest == incoming.digest {
                let accepted = before.state == State::ExpectComplete;
                amf.refuse(Refusal::RepeatedRequest);
                if accepted {
                    sending::again(amf, now, id);
                }
                return true;
            }
            amf.refuse(Refusal::SupersededRequest);
        }
        // §5.4.4.6, §5.5.2.3.5: the registration goes before a configuration update and a deregistration.
        _ => {}
    }
    amf.end_procedure(id);
    false
}

fn kind_of(request: &NasRegistrationRequest) -> Kind {
    match request.fgs_registration_type.registration_type() {
        Some(
            RegistrationType::MobilityRegistrationUpdating
            | RegistrationType::DisasterRoamingMobilityRegistrationUpdating,
        ) => Kind::Mobility,
        Some(RegistrationType::PeriodicRegistrationUpdating) => Kind::Periodic,
        Some(RegistrationType::EmergencyRegistration) => Kind::Emergency,
        _ => Kind::Initial,
    }
}

fn build(
    amf: &Amf,
    id: ConnectionId,
    ue_id: UeId,
    selection: &Selection,
    new_guti: bool,
) -> Option<NasRegistrationAccept> {
    let (connection, ue) = (amf.connections.get(&id)?, amf.ues.get(ue_id)?);
    let settings = &amf.settings;
    let tacs: Vec<u32> =
        amf.registration_area(connection.plmn, connection.tac).iter().map(|tac| tac.value()).collect();
    let plmn = &amf.serving.get(connection.plmn)?.nas;
    let result = NasFGsRegistrationResult::from_result(RegistrationResult::ThreeGppAccess);
    let t3512 = settings.timers.t3512.map_or(gprs_timer::TIMER_3_DEACTIVATED, gprs_timer::timer_3);
    let mut accept = NasRegistrationAccept::new(result)
        .with_tai_list(NasFGsTrackingAreaIdentityList::from_plmn_tacs(plmn, &tacs).ok()?)
        .with_t3512_value(NasT3512Value::new([t3512]));
    let others = amf.serving.iter().filter(|other| other.nas != *plmn).map(|other| other.nas);
    let others: Vec<_> = others.take(MAX_EQUIVALENT_PLMNS).collect();
    if settings.equivalent_plmns && !others.is_empty() {
        accept.equivalent_plmns = NasPlmnList::from_plmns(&others).ok();
    }
    accept.allowed_nssai = selection.allowed.to_nssai(&settings.slices);
    accept.rejected_nssai = selection.rejected_nssai();
    if new_guti {
        let guti = identities::guti(amf, connection.plmn, ue.tmsi)?;
        accept.fg_guti = Some(NasFGsMobileIdentity::from_guti(guti));
    }
    Some(accept)
}

/// TS 24.501 §9.11.3.45.
const MAX_EQUIVALENT_PLMNS: usize = 15;
