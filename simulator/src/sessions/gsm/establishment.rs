//! UE-requested PDU session establishment, network side (TS 24.501 §6.4.1, TS 23.502 §4.3.2.2).

use billing::Closing;
use identity::{Dnn, Snssai};
use oxirush_nas::nas_5gs::{GmmCause, GsmCause, NasPduSessionEstablishmentRequest};
use scenarios::HomeAnswer;

use super::messages;
use crate::policy::Decision;
use crate::sessions::session::{Procedure, Session, SessionKey};
use crate::sessions::{AccessNode, Ports, Requester, SessionTimer, Sessions, find_in};
use crate::statistics::{Event, Message, Refusal};

/// An establishment, by what it waits for.
///
/// ```text
/// ExpectPolicy ─► ExpectResources ─► (active)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Establishment {
    /// Policy control is asked, before the session is anchored.
    ExpectPolicy,
    /// The RAN is to set up its resources, which carries the PDU SESSION ESTABLISHMENT ACCEPT.
    ExpectResources,
}

/// What a UE asks for, and who it is.
pub(in crate::sessions) struct Asked<'a> {
    pub(in crate::sessions) key: SessionKey,
    pub(in crate::sessions) pti: u8,
    pub(in crate::sessions) request: &'a NasPduSessionEstablishmentRequest,
    /// The data network and the slice that it names.
    pub(in crate::sessions) dnn: Option<&'a [u8]>,
    pub(in crate::sessions) slice: Option<Snssai>,
}

impl Establishment {
    /// PDU SESSION ESTABLISHMENT REQUEST. The error is why it is not forwarded (§5.4.5.2.5).
    pub(in crate::sessions) fn begin(
        sessions: &mut Sessions,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        asked: &Asked<'_>,
    ) -> Result<(), GmmCause> {
        let (key, pti) = (asked.key, asked.pti);
        if repeats(sessions, node, ports, key, pti) {
            return Ok(());
        }
        // §5.4.5.2.5, §6.4.1.6: the UE has forgotten the one before.
        sessions.remove(ports, key, Closing::Released);
        let Some(requester) = node.requester(key.supi, asked.slice) else { return Ok(()) };
        let slice = requester.slice.ok_or(GmmCause::PayloadWasNotForwarded)?;
        let network = data_network(sessions, asked.dnn)?;
        if sessions.of(key.supi).len() >= sessions.settings.sessions_per_ue {
            sessions.counters.count_refusal(Refusal::TooManySessions);
            return Err(GmmCause::MaximumNumberOfPduSessionsReached);
        }
        let Requester { serving, home, .. } = requester;
        let answer = ports.subscribers.profile(key.supi).and_then(|profile| profile.refused);
        let judged = match answer.and_then(refusal_at_home) {
            Some(cause) => Err(cause),
            None => messages::wanted(asked.request)
                .and_then(|type_| Ok((type_, sessions.name(&network, home, serving)?))),
        };
        let (type_, (dnn, local_breakout)) = match judged {
            Ok(judged) => judged,
            Err(cause) => {
                refuse(sessions, node, ports, (key, pti), cause);
                return Ok(());
            }
        };
        sessions.insert(Session {
            supi: key.supi,
            id: key.id,
            pti,
            asked: network,
            dnn,
            type_,
            asked_for: messages::asked_for(asked.request),
            slice,
            home,
            serving,
            registered_in: serving,
            local_breakout,
            ambr_bps: sessions.settings.default_ambr_bps,
            anchor: None,
            ran: None,
            procedure: Procedure::Establishment(Self::ExpectPolicy),
            repeat: None,
            timer: None,
        });
        if sessions.settings.policy.delay.is_zero() {
            Self::decided(sessions, node, ports, key);
        } else {
            sessions.start_timer(node, ports.now, key, SessionTimer::Policy);
        }
        Ok(())
    }

    /// Policy control has answered: the session is anchored, and its resources are set up.
    pub(in crate::sessions) fn decided(
        sessions: &mut Sessions,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        key: SessionKey,
    ) {
        if !node.reaches(key.supi) {
            return sessions.remove(ports, key, Closing::Released);
        }
        let Some(pti) = sessions.find(key).map(|session| session.pti) else { return };
        let accept = match sessions.decide() {
            Decision::Refused => Err(GsmCause::UserAuthenticationOrAuthorizationFailed),
            Decision::Allowed(ambr_bps) => Self::anchored(sessions, ports, key, ambr_bps),
        };
        match accept {
            Ok(accept) => {
                sessions.counters.count_sent(Message::SessionEstablishmentAccept);
                sessions.start_timer(node, ports.now, key, SessionTimer::Resources);
                if let Some(session) = sessions.find(key) {
                    node.set_up_resources(ports.now, session, Some(accept));
                }
            }
            Err(cause) => {
                sessions.remove(ports, key, Closing::Released);
                refuse(sessions, node, ports, (key, pti), cause);
            }
        }
    }

    /// Anchors the session. The PDU SESSION ESTABLISHMENT ACCEPT.
    fn anchored(
        sessions: &mut Sessions,
        ports: &mut Ports<'_>,
        key: SessionKey,
        ambr_bps: (u64, u64),
    ) -> Result<Vec<u8>, GsmCause> {
        let Sessions { by_subscriber, anchors, settings, .. } = sessions;
        let session = find_in(by_subscriber, key).ok_or(GsmCause::NetworkFailure)?;
        session.ambr_bps = ambr_bps;
        anchors.open(settings, ports, session)?;
        session.procedure = Procedure::Establishment(Self::ExpectResources);
        messages::establishment_accept(session).ok_or(GsmCause::NetworkFailure)
    }

    /// The RAN has the session's resources: the UE has its PDU SESSION ESTABLISHMENT ACCEPT.
    pub(in crate::sessions) fn completed(sessions: &mut Sessions, key: SessionKey) {
        sessions.stop_timer(key);
        if let Some(session) = sessions.find_mut(key) {
            session.procedure = Procedure::None;
            sessions.counters.count_event(Event::SessionEstablished);
        }
    }

    /// The RAN did not set up the resources: the UE, which did not get the ACCEPT, gets a REJECT (TS 23.502 §4.3.2.2.1
    /// step 15).
    pub(in crate::sessions) fn without_resources(
        sessions: &mut Sessions,
        node: &mut impl AccessNode,
        ports: &mut Ports<'_>,
        key: SessionKey,
    ) {
        let Some(pti) = sessions.find(key).map(|session| session.pti) else { return };
        sessions.counters.count_refusal(Refusal::ResourcesNotSetUp);
        sessions.remove(ports, key, Closing::Released);
        if node.reaches(key.supi) {
            refuse(sessions, node, ports, (key, pti), GsmCause::InsufficientResources);
        }
    }
}

/// The same request again, when T3580 of the UE has expired (§6.4.1.6): the answer is sent again when there is one.
fn repeats(
    sessions: &mut Sessions,
    node: &mut impl AccessNode,
    ports: &mut Ports<'_>,
    key: SessionKey,
    pti: u8,
) -> bool {
    let Some(session) = sessions.find(key).filter(|session| session.pti == pti) else { return false };
    let accept = match session.procedure {
        Procedure::Establishment(_) => None,
        Procedure::None => messages::establishment_accept(session),
        _ => return false,
    };
    sessions.counters.count_refusal(Refusal::RepeatedRequest);
    sessions.send(node, ports.now, key, (Message::SessionEstablishmentAccept, accept));
    true
}

/// The data network that the UE names, or the first one that there is.
fn data_network(sessions: &Sessions, named: Option<&[u8]>) -> Result<Dnn, GmmCause> {
    let settings = &sessions.settings;
    let network = match named {
        Some(octets) => Dnn::from_octets(octets).filter(|dnn| settings.data_network(dnn).is_some()),
        None => settings.data_networks.first().map(|network| network.dnn.clone()),
    };
    network.ok_or(GmmCause::DnnNotSupportedOrNotSubscribedInTheSlice)
}

/// The 5GSM cause of the PDU SESSION ESTABLISHMENT REJECT (TS 29.524 §5); `None` where there is a session.
fn refusal_at_home(answer: HomeAnswer) -> Option<GsmCause> {
    match answer {
        HomeAnswer::DnnNotAllowed => Some(GsmCause::MissingOrUnknownDnn),
        HomeAnswer::SessionRoamingNotAllowed | HomeAnswer::SessionUserNotFound => {
            Some(GsmCause::UserAuthenticationOrAuthorizationFailed)
        }
        _ => None,
    }
}

/// PDU SESSION ESTABLISHMENT REJECT.
fn refuse(
    sessions: &mut Sessions,
    node: &mut impl AccessNode,
    ports: &mut Ports<'_>,
    (key, pti): (SessionKey, u8),
    cause: GsmCause,
) {
    sessions.counters.count_refusal(Refusal::SessionRefused);
    let reject = messages::establishment_reject(key.id.value(), pti, cause);
    sessions.send(node, ports.now, key, (Message::SessionEstablishmentReject, reject));
}
