//! The core simulator.

use std::sync::{Arc, Mutex, PoisonError};

use simulator::NetworkStatistics;

use crate::Source;
use crate::model::{Families, metrics};

metrics! {
    GNBS = Gauge "roamstorm_simulator_gnbs" [] "gNBs that have set up the NG interface";
    ASSOCIATIONS = Gauge "roamstorm_simulator_associations" [] "SCTP associations that are up";
    CONNECTIONS = Gauge "roamstorm_simulator_ng_connections" [] "UE-associated logical NG-connections";
    REGISTERED = Gauge "roamstorm_simulator_registered_ues" [] "UEs that are registered";
    UES = Gauge "roamstorm_simulator_ue_contexts" [] "UE contexts, registered or not";
    SESSIONS = Gauge "roamstorm_simulator_pdu_sessions" [] "PDU sessions that are anchored and charged";
    MESSAGES = Counter "roamstorm_simulator_messages" ["message", "direction"] "Messages of NGAP and 5GS NAS, received or sent, with repetitions";
    EVENTS = Counter "roamstorm_simulator_events" ["event"] "What an operator wants to hear of, such as a retransmission that came to its end";
    REFUSALS = Counter "roamstorm_simulator_refusals" ["reason"] "What was refused or given up, by reason";
    TURNED_AWAY = Counter "roamstorm_simulator_turned_away" [] "gNBs and UEs that were refused";
    ACCEPTED = Counter "roamstorm_simulator_registrations_accepted" [] "Registrations that were accepted";
    COMPLETED = Counter "roamstorm_simulator_registrations_completed" [] "Of these, those that the UE completed, or that needed no REGISTRATION COMPLETE";
    REJECTED = Counter "roamstorm_simulator_registrations_rejected" ["cause"] "Registrations that were rejected, by their 5GMM cause";
    SERVICES = Counter "roamstorm_simulator_services_accepted" [] "Service requests that were accepted";
    DEREGISTRATIONS = Counter "roamstorm_simulator_deregistrations" [] "UEs that deregistered, or were deregistered";
    AUTHENTICATIONS = Counter "roamstorm_simulator_authentications" [] "Authentications that passed";
    UNSENT = Counter "roamstorm_simulator_messages_unsent" ["why"] "Messages that were not sent: dropped (too many waited), refused (by the transport)";
    LATE = Counter "roamstorm_simulator_messages_late" [] "Messages of signalling that waited too long because the simulator was not let run";
    SERVED = Counter "roamstorm_simulator_messages_served" [] "Messages of signalling, both ways";
    WAITING = Gauge "roamstorm_simulator_messages_waiting" [] "Messages that wait for the processing delay";
    SESSIONS_MADE = Counter "roamstorm_simulator_pdu_sessions_made" [] "PDU sessions that there have been";
    SESSIONS_REFUSED = Counter "roamstorm_simulator_pdu_sessions_refused" [] "PDU sessions that the user plane had no room for";
    PACKETS = Counter "roamstorm_simulator_user_plane_packets" ["direction"] "Packets from UEs (uplink) and to UEs (downlink)";
    OCTETS = Counter "roamstorm_simulator_user_plane_bytes" ["direction"] "Their octets";
    LOST = Counter "roamstorm_simulator_user_plane_packets_lost" [] "Packets from UEs that are missing by their sequence numbers";
    NOT_TAKEN = Counter "roamstorm_simulator_user_plane_packets_not_taken" ["reason"] "Packets from UEs that were not taken, by reason";
    RECORDS = Counter "roamstorm_simulator_charging_records" [] "Charging records that were written";
    OPEN = Gauge "roamstorm_simulator_charging_sessions" [] "Charging sessions that are open";
    FAULTS = Counter "roamstorm_simulator_charging_faults" ["fault"] "What was done wrong with charging records on purpose";
}

/// A simulator: whoever has it says how it is read.
pub struct Core(Mutex<Look>);

type Look = Box<dyn Fn() -> Option<NetworkStatistics> + Send>;

impl Core {
    /// Of a simulator, or of the last that is known of it; nothing while there is none.
    pub fn new(look: impl Fn() -> Option<NetworkStatistics> + Send + 'static) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Box::new(look))))
    }

    fn statistics(&self) -> Option<NetworkStatistics> {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))()
    }
}

impl Source for Core {
    fn look(&self, families: &mut Families) {
        if let Some(statistics) = self.statistics() {
            add_signalling(&statistics, families);
            add_user_plane(&statistics, families);
        }
    }

    fn ready(&self) -> Result<(), String> {
        self.statistics().map(|_| ()).ok_or_else(|| "there is no simulator".to_owned())
    }
}

fn add_signalling(statistics: &NetworkStatistics, families: &mut Families) {
    let amf = &statistics.amf;
    for (gauge, value) in [
        (&GNBS, amf.gnbs),
        (&ASSOCIATIONS, amf.associations),
        (&CONNECTIONS, amf.connections),
        (&REGISTERED, amf.registered),
        (&UES, amf.ues),
        (&SESSIONS, amf.sessions),
        (&WAITING, amf.sends_waiting),
    ] {
        families.gauge(gauge, &[], value as u64);
    }
    for (name, received, sent) in amf.messages() {
        families.count(&MESSAGES, &[name, "received"], received);
        families.count(&MESSAGES, &[name, "sent"], sent);
    }
    amf.happened().for_each(|(event, count)| families.count(&EVENTS, &[event], count));
    amf.refused().for_each(|(reason, count)| families.count(&REFUSALS, &[reason], count));
    for (counter, value) in [
        (&TURNED_AWAY, amf.turned_away_total),
        (&ACCEPTED, amf.registrations_accepted),
        (&COMPLETED, amf.registrations_completed),
        (&SERVICES, amf.services_accepted),
        (&DEREGISTRATIONS, amf.deregistrations),
        (&AUTHENTICATIONS, amf.authentications),
        (&LATE, statistics.served.late),
        (&SERVED, statistics.served.messages),
    ] {
        families.count(counter, &[], value);
    }
    for (cause, count) in &amf.rejections {
        families.count(&REJECTED, &[&cause.to_string()], *count);
    }
    families.count(&UNSENT, &["dropped"], amf.sends_dropped);
    families.count(&UNSENT, &["refused"], amf.sends_refused);
}

fn add_user_plane(statistics: &NetworkStatistics, families: &mut Families) {
    let (upf, charging) = (&statistics.upf, &statistics.charging);
    families.count(&SESSIONS_MADE, &[], upf.sessions_made);
    families.count(&SESSIONS_REFUSED, &[], upf.sessions_refused);
    families.count(&PACKETS, &["uplink"], upf.uplink_packets);
    families.count(&PACKETS, &["downlink"], upf.downlink_packets);
    families.count(&OCTETS, &["uplink"], upf.uplink_octets);
    families.count(&OCTETS, &["downlink"], upf.downlink_octets);
    families.count(&LOST, &[], upf.uplink_lost);
    upf.not_taken().for_each(|(reason, count)| families.count(&NOT_TAKEN, &[reason], count));
    families.count(&RECORDS, &[], charging.records);
    families.gauge(&OPEN, &[], charging.open as u64);
    for (fault, count) in &charging.faults {
        families.count(&FAULTS, &[fault.as_str()], *count);
    }
}
