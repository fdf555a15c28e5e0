//! Registration: initial, mobility and periodic (TS 24.501 §5.5.1.2, §5.5.1.3).

use billing::Closing;
use identity::{Imsi, Snssai};
use oxirush_nas::nas_5gs::{
    GmmCause, Guti, NasCount, NasFGmmCause, NasFGsMobileIdentity, NasFGsRegistrationResult,
    NasFGsTrackingAreaIdentityList, NasGprsTimer2, NasPlmnList, NasRegistrationAccept, NasRegistrationReject,
    NasRegistrationRequest, NasT3512Value, RegistrationResult, RegistrationType,
};
use oxirush_ngap::ngap::{Cause, CauseNas};
use rand::RngCore;
use scenarios::HomeAnswer;

use super::{
    authentication, configuration_update, deregistration, identification, initial_context_setup,
    pdu_session_resource, session_status, ue_context_release,
};
use crate::amf::connection::{Attempt, ConnectionId, Protection, RegistrationKind, State};
use crate::amf::expiry::ConnectionTimer;
use crate::amf::gprs_timer;
use crate::amf::nas::Incoming;
use crate::amf::slices::{self, Selection};
use crate::amf::ue::{Pending, UeId};
use crate::amf::{Amf, home_network, sending};
use crate::sessions::EventContext;
use crate::sessions::session::Session;
use crate::statistics::{Event, Message, Refusal};

/// REGISTRATION REQUEST.
pub(in crate::amf) fn requested(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    request: &NasRegistrationRequest,
    incoming: &Incoming,
) {
    if repeats(amf, context, id, incoming) {
        return;
    }
    let attempt = read(amf, request, incoming);
    let kind = attempt.kind;
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    let (plmn, tac) = (connection.plmn, connection.tac);
    connection.attempt = Some(Box::new(attempt));
    let network = amf.settings.networks.get(plmn);
    if !network.is_some_and(|network| network.tacs.contains(&tac)) {
        amf.refuse(Refusal::UnknownTac);
        return reject(amf, context, id, GmmCause::NoSuitableCellsInTrackingArea);
    }
    let mut admitted = || amf.admission.as_mut().is_none_or(|bucket| bucket.admit(context.now()));
    if kind == RegistrationKind::Initial && !admitted() {
        amf.refuse(Refusal::Congestion);
        return reject(amf, context, id, GmmCause::Congestion);
    }
    match (incoming.verified, kind) {
        // §5.4.1.1: the UE has proved who it is, and an update needs no other proof.
        (Some((ue, count)), RegistrationKind::Mobility | RegistrationKind::Periodic) => {
            amf.bind(context, id, ue);
            accept(amf, context, id, count);
        }
        (Some((ue, _)), RegistrationKind::Initial | RegistrationKind::Emergency) => {
            amf.bind(context, id, ue);
            authentication::start(amf, context, id);
        }
        (None, _) => identify(amf, context, id, &request.fgs_mobile_identity),
    }
}

/// Whom the identity names: the next step depends on it.
fn identify(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    identity: &NasFGsMobileIdentity,
) {
    if identity.as_guti().is_some() {
        let known = find_guti(amf, identity).and_then(|ue| amf.ues.get(ue)).map(|ue| ue.imsi);
        match known {
            Some(imsi) => named(amf, context, id, imsi, true),
            None => identification::start(amf, context, id),
        }
    } else if identity.as_suci().is_some() {
        match amf.subscribers.deconceal(&identity.value) {
            Some(imsi) => named(amf, context, id, imsi, false),
            None => {
                amf.refuse(Refusal::SuciNotDeconcealed);
                reject(amf, context, id, GmmCause::IllegalUe);
            }
        }
    } else {
        identification::start(amf, context, id);
    }
}

/// The UE says that it is `imsi`: it is to prove it.
pub(in crate::amf) fn named(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    imsi: Imsi,
    by_guti: bool,
) {
    let attempt = amf.connections.get_mut(&id).and_then(|connection| connection.attempt.as_mut());
    let Some(attempt) = attempt else { return };
    attempt.imsi = Some(imsi);
    attempt.by_guti = by_guti;
    authentication::start(amf, context, id);
}

/// The UE with the 5G-GUTI of an identity, when the GUAMI is ours and the 5G-TMSI is known.
pub(in crate::amf) fn find_guti(amf: &Amf, identity: &NasFGsMobileIdentity) -> Option<UeId> {
    let guti = identity.as_guti()?;
    let settings = &amf.settings;
    let ours = guti.amf_region_id() == settings.region
        && guti.amf_set_id() == settings.set
        && guti.amf_pointer() == settings.pointer
        && amf.serving.iter().any(|serving| serving.nas == guti.plmn());
    if ours { amf.ues.find_tmsi(guti.tmsi()) } else { None }
}

/// A request while a procedure runs on the same connection (§5.5.1.2.8 d, e): the same again changes nothing, and
/// another one takes its place.
fn repeats(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId, incoming: &Incoming) -> bool {
    let Some(connection) = amf.connections.get(&id) else { return true };
    let state = connection.state;
    let same = connection.attempt.as_ref().is_some_and(|attempt| attempt.digest == incoming.digest);
    match (connection.attempt.is_some() && state != State::Quiet, same) {
        (true, true) => {
            amf.refuse(Refusal::RepeatedRequest);
            if state == State::ExpectRegistrationComplete {
                sending::again(amf, context.now(), id);
            }
            return true;
        }
        (true, false) => amf.refuse(Refusal::SupersededRequest),
        // §5.4.4.6, §5.5.2.3.5: the registration goes before a configuration update and a deregistration.
        (false, _) => {}
    }
    sending::settle(amf, id);
    false
}

fn read(amf: &Amf, request: &NasRegistrationRequest, incoming: &Incoming) -> Attempt {
    let verified = incoming.verified.and_then(|(ue, _)| amf.ues.get(ue));
    let capability = request.ue_security_capability.clone();
    Attempt {
        kind: kind_of(request),
        follow_on: request.fgs_registration_type.follow_on_request(),
        by_guti: verified.is_some(),
        imsi: verified.map(|ue| ue.imsi),
        // §8.2.6.4: an update of a UE that is known may leave it out.
        capability: capability.or_else(|| verified.map(|ue| ue.capability.clone())),
        requested: slices::requested(request.requested_nssai.as_ref()),
        session_status: request.pdu_session_status.clone(),
        uplink_data: request.uplink_data_status.clone(),
        digest: incoming.digest,
        ask_again: incoming.unverifiable,
        next_card: false,
        failures: 0,
        challenge: None,
        candidate: None,
    }
}

fn kind_of(request: &NasRegistrationRequest) -> RegistrationKind {
    match request.fgs_registration_type.registration_type() {
        Some(
            RegistrationType::MobilityRegistrationUpdating
            | RegistrationType::DisasterRoamingMobilityRegistrationUpdating,
        ) => RegistrationKind::Mobility,
        Some(RegistrationType::PeriodicRegistrationUpdating) => RegistrationKind::Periodic,
        Some(RegistrationType::EmergencyRegistration) => RegistrationKind::Emergency,
        _ => RegistrationKind::Initial,
    }
}

/// The whole request, which the SECURITY MODE COMPLETE carried, takes the place of the one in clear (§5.4.2.4).
pub(in crate::amf) fn completed_request(amf: &mut Amf, id: ConnectionId, request: &NasRegistrationRequest) {
    let attempt = amf.connections.get_mut(&id).and_then(|connection| connection.attempt.as_mut());
    let Some(attempt) = attempt else { return };
    attempt.kind = kind_of(request);
    attempt.follow_on = request.fgs_registration_type.follow_on_request();
    attempt.requested = slices::requested(request.requested_nssai.as_ref());
    attempt.session_status = request.pdu_session_status.clone();
    attempt.uplink_data = request.uplink_data_status.clone();
}

/// REGISTRATION ACCEPT, under the current security context; `count` is the uplink NAS COUNT for KgNB.
pub(in crate::amf) fn accept(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    count: NasCount,
) {
    let Some(connection) = amf.connections.get(&id) else { return };
    let (Some(ue_id), Some(attempt)) = (connection.ue, connection.attempt.as_ref()) else { return };
    let (kind, requested) = (attempt.kind, attempt.requested.clone());
    let (status, uplink) = (attempt.session_status.clone(), attempt.uplink_data.clone());
    let Some(imsi) = amf.ues.get(ue_id).map(|ue| ue.imsi) else { return };
    let record = amf.subscribers.find(imsi);
    let refused = record.as_ref().and_then(|record| record.refused);
    if let Some(answer) = refused.filter(|answer| home_network::registration_cause(*answer).is_some()) {
        if let Some(connection) = amf.connections.get_mut(&id) {
            connection.secured = true;
        }
        return refused_at_home(amf, context, id, answer);
    }
    let subscribed = record.and_then(|record| record.slices);
    let Some(connection) = amf.connections.get(&id) else { return };
    // TS 23.501 §5.15.4.1.1: what is allowed is supported where the UE is.
    // Deviation: a UE of which nothing is supported there is registered all the same; its sessions will not find resources.
    let gnb = amf.gnbs.get(&connection.association);
    let there = gnb.and_then(|gnb| gnb.area(connection.plmn, connection.tac)).map(|area| &area.slices);
    let supported = |slice: &&Snssai| there.is_none_or(|there| there.contains(slice));
    let served: Vec<Snssai> = amf.settings.slices.iter().filter(supported).copied().collect();
    let select =
        |served: &[Snssai]| Selection::new(&amf.settings.slices, served, subscribed.as_deref(), &requested);
    let there = select(&served);
    let selection = if there.allowed.is_empty() { select(&amf.settings.slices) } else { there };
    if selection.allowed.is_empty() {
        amf.refuse(Refusal::NoSliceAllowed);
        if let Some(connection) = amf.connections.get_mut(&id) {
            connection.secured = true;
        }
        return reject(amf, context, id, GmmCause::NoNetworkSlicesAvailable);
    }
    // TS 33.501 §6.12.3: a new 5G-GUTI with each registration but a periodic one.
    let new_guti = kind != RegistrationKind::Periodic;
    if new_guti {
        give_tmsi(amf, ue_id);
    }
    if let Some(ue) = amf.ues.get_mut(ue_id) {
        ue.allowed = selection.allowed;
    }
    amf.ues.set_registered(ue_id, true);
    if matches!(kind, RegistrationKind::Initial | RegistrationKind::Emergency) {
        // §5.5.1.2.4: the UE begins anew, without sessions.
        context.sessions.remove_all(&mut context.ports, imsi, Closing::Deregistered);
    }
    arrived(amf, context, id, imsi);
    let sessions = session_status::synchronise(context, imsi, status.as_ref());
    let wanted: Vec<_> = sessions
        .iter()
        .copied()
        .filter(|id| uplink.as_ref().is_some_and(|uplink| uplink.has_data(id.value())))
        .collect();
    if let Some(connection) = amf.connections.get_mut(&id) {
        connection.secured = true;
    }
    let Some(mut accept) = build(amf, id, ue_id, &selection, new_guti) else {
        return amf.refuse(Refusal::CannotEncode);
    };
    accept.pdu_session_status = status.as_ref().and_then(|_| session_status::of(&sessions));
    accept.pdu_session_reactivation_result =
        uplink.as_ref().and_then(|uplink| session_status::not_reactivated(&sessions, uplink));
    let Some(plain) = sending::encoded(amf, accept) else { return };
    amf.statistics.registrations_accepted += 1;
    if new_guti {
        initial_context_setup::with_nas(
            amf,
            context,
            id,
            (Message::RegistrationAccept, plain.clone()),
            count,
            &wanted,
        );
        let wait = (State::ExpectRegistrationComplete, ConnectionTimer::T3550);
        sending::repeat(
            amf,
            context.now(),
            id,
            (Message::RegistrationAccept, plain),
            Protection::Current,
            wait,
        );
    } else if wanted.is_empty() {
        sending::transport(amf, context.now(), id, Message::RegistrationAccept, plain, Protection::Current);
        finish(amf, context, id);
    } else {
        initial_context_setup::with_nas(
            amf,
            context,
            id,
            (Message::RegistrationAccept, plain),
            count,
            &wanted,
        );
        finish(amf, context, id);
    }
}

/// A UE registers where its connection is (TS 24.501 §5.5.1.3, TS 23.502 §4.2.2.2.2).
fn arrived(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId, supi: Imsi) {
    let plmn = amf.connections.get(&id).and_then(|connection| amf.serving.get(connection.plmn));
    let Some(serving) = plmn.map(|serving| serving.plmn) else { return };
    let sessions = context.sessions.registered_in(&mut context.ports, supi, serving, id.into());
    if sessions.network_changed {
        amf.statistics.counters.count_event(Event::NetworkChanged);
    }
    for (session, has_resources) in sessions.ended {
        if has_resources {
            pdu_session_resource::release(amf, context.now(), id, session, None);
        }
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
    let t3512 = settings.t3512.map_or(gprs_timer::TIMER_3_DEACTIVATED, gprs_timer::timer_3);
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
        accept.fg_guti = Some(NasFGsMobileIdentity::from_guti(guti(amf, connection.plmn, ue.tmsi)?));
    }
    Some(accept)
}

/// The 5G-GUTI of a 5G-TMSI of this AMF.
pub(in crate::amf) fn guti(amf: &Amf, plmn: usize, tmsi: u32) -> Option<Guti> {
    let settings = &amf.settings;
    Guti::new(amf.serving.get(plmn)?.nas, settings.region, settings.set, settings.pointer, tmsi).ok()
}

/// A 5G-TMSI that nobody has, unpredictable but for who knows the seed.
pub(in crate::amf) fn give_tmsi(amf: &mut Amf, ue: UeId) {
    for _ in 0..TMSI_DRAWS {
        let tmsi = amf.rng.next_u32();
        if amf.ues.give_tmsi(ue, tmsi) {
            return;
        }
    }
}

/// REGISTRATION COMPLETE.
pub(in crate::amf) fn completed(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    let ue = amf.connections.get(&id).and_then(|connection| connection.ue);
    if let Some(ue) = ue {
        amf.ues.drop_old_tmsi(ue);
    }
    sending::settle(amf, id);
    finish(amf, context, id);
}

/// The registration is over. What waited for the UE is done, or the connection is released (§5.5.1.2.4).
fn finish(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    amf.statistics.registrations_completed += 1;
    let Some(connection) = amf.connections.get_mut(&id) else { return };
    let follow_on = connection.attempt.take().is_some_and(|attempt| attempt.follow_on);
    let ue = connection.ue;
    // A UE with user plane, or whose session is about to get one, is not idle.
    let supi = ue.and_then(|ue| amf.ues.get(ue)).map(|ue| ue.imsi);
    let sessions = supi.map(|supi| context.sessions.of(supi)).unwrap_or_default();
    let busy = connection.resources_asked || sessions.iter().any(Session::is_busy);
    let kept = follow_on || busy || !amf.settings.release_after_registration;
    let pending = ue.and_then(|ue| amf.ues.get_mut(ue)).map(|ue| std::mem::take(&mut ue.pending));
    match pending.unwrap_or_default() {
        Pending::Deregistration { re_registration } => {
            deregistration::send(amf, context, id, re_registration)
        }
        Pending::ConfigurationUpdate => configuration_update::start(amf, context, id),
        Pending::Nothing if !kept => {
            ue_context_release::command(amf, context, id, Cause::nas(CauseNas::normal_release));
        }
        Pending::Nothing => {}
    }
}

/// REGISTRATION REJECT, and the connection is released (§5.5.1.2.5).
pub(in crate::amf) fn reject(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    cause: GmmCause,
) {
    let mut body = NasRegistrationReject::new(NasFGmmCause::from_cause(cause));
    match cause {
        GmmCause::Congestion => {
            let backoff = amf.settings.congestion.map(|congestion| congestion.backoff).unwrap_or_default();
            body.t3346_value = Some(NasGprsTimer2::new([gprs_timer::timer_2(backoff)]));
        }
        GmmCause::NoNetworkSlicesAvailable => {
            let attempt = amf.connections.get(&id).and_then(|connection| connection.attempt.as_ref());
            let requested = attempt.map(|attempt| attempt.requested.clone()).unwrap_or_default();
            body.rejected_nssai = Selection::new(&[], &[], None, &requested).rejected_nssai();
        }
        _ => {}
    }
    let connection = amf.connections.get(&id);
    let imsi = connection.and_then(|connection| connection.attempt.as_ref()).and_then(|attempt| attempt.imsi);
    let who = || imsi.map_or_else(|| "a UE of unknown identity".to_owned(), |imsi| format!("UE {imsi}"));
    let why = format!("registration rejected with 5GMM cause #{} ({cause:?})", body.fgmm_cause.value);
    let secured = connection.is_some_and(|connection| connection.secured);
    amf.statistics.turn_away(context.wall_us(), who, why);
    amf.statistics.count_rejection(body.fgmm_cause.value);
    let protection = if secured { Protection::Current } else { Protection::Plain };
    sending::settle(amf, id);
    sending::nas(amf, context.now(), id, Message::RegistrationReject, body, protection);
    ue_context_release::command(amf, context, id, Cause::nas(CauseNas::normal_release));
}

/// The home network does not want the UE served: REGISTRATION REJECT with the cause that tells it so (TS 29.524 §4).
pub(in crate::amf) fn refused_at_home(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    answer: HomeAnswer,
) {
    let Some(cause) = home_network::registration_cause(answer) else { return };
    let unknown = answer == HomeAnswer::UserNotFound;
    amf.refuse(if unknown { Refusal::UnknownSubscriber } else { Refusal::HomeNetworkRefused });
    reject(amf, context, id, cause);
}

/// T3550 expired for the fifth time: the UE is registered, under both of its 5G-GUTIs (§5.5.1.2.8 c).
pub(in crate::amf) fn gave_up(amf: &mut Amf, context: &mut EventContext<'_>, id: ConnectionId) {
    amf.refuse(Refusal::RegistrationTimeout);
    sending::settle(amf, id);
    ue_context_release::command(amf, context, id, Cause::nas(CauseNas::normal_release));
}

/// TS 24.501 §9.11.3.45.
const MAX_EQUIVALENT_PLMNS: usize = 15;
/// With four million UEs, ten draws in a row all taken is once in 10^30.
const TMSI_DRAWS: usize = 10;
