//! UL NAS TRANSPORT: its payload goes to whom it is for, or back (TS 24.501 §5.4.5.2).

use identity::{SessionId, Snssai};
use oxirush_nas::nas_5gs::{GmmCause, NasDlNasTransport, NasFGmmCause, NasUlNasTransport};

use crate::amf::connection::{ConnectionId, Protection};
use crate::amf::procedures::{Awaited, Step};
use crate::amf::{Amf, sending};
use crate::sessions::{EventContext, Uplink};
use crate::statistics::{Message, Refusal};

/// UL NAS TRANSPORT of a UE that has proved who it is.
pub(in crate::amf) fn received(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    transport: NasUlNasTransport,
) -> Step<'static> {
    let Some(connection) = amf.connections.get(&id) else { return Step::Stay };
    let ue = connection.ue.and_then(|ue| amf.ues.get(ue));
    // §5.5.2.3.5 c: a deregistration goes on.
    let goes = connection.procedure.awaits() == Awaited::DeregistrationAccept;
    let Some(ue) = ue.filter(|_| !goes) else {
        amf.refuse(Refusal::OutOfState);
        return Step::Stay;
    };
    let named = transport.pdu_session_id.as_ref().map(|id| id.pdu_session_id());
    let forwarded = match named.and_then(SessionId::new) {
        Some(session) if ue.registered && transport.payload_container_type.is_n1_sm() => {
            let slice = transport.s_nssai.as_ref().and_then(|slice| slice.parse());
            let uplink = Uplink {
                supi: ue.imsi,
                id: session,
                octets: &transport.payload_container.value,
                dnn: transport.dnn.as_ref().map(|dnn| dnn.value.as_slice()),
                slice: slice.map(|slice| Snssai { sst: slice.sst, sd: slice.sd }),
            };
            context.sessions.receive(amf, &mut context.ports, &uplink)
        }
        // Nothing but 5GSM is served.
        _ => Err(GmmCause::PayloadWasNotForwarded),
    };
    if let Err(cause) = forwarded {
        return_payload(amf, context, id, transport, cause);
    }
    Step::Stay
}

/// The payload goes back with the reason (§5.4.5.3.1 e to h).
fn return_payload(
    amf: &mut Amf,
    context: &mut EventContext<'_>,
    id: ConnectionId,
    transport: NasUlNasTransport,
    cause: GmmCause,
) {
    amf.refuse(Refusal::PayloadNotForwarded);
    let mut back = NasDlNasTransport::new(transport.payload_container_type, transport.payload_container)
        .with_fgmm_cause(NasFGmmCause::from_cause(cause));
    back.pdu_session_id = transport.pdu_session_id;
    sending::nas(amf, context.now(), id, Message::DownlinkTransport, back, Protection::Current);
}
