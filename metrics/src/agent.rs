//! An agent, by itself: its coordinator tells of the run as a whole.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use coordinator::{Counts, Histogram, decode_v2};
use wire::to_coordinator::{IntervalReport, ProcedureInterval};

use crate::Source;
use crate::model::{Families, metrics};
use crate::run::{OfAttempts, add_counts};

metrics! {
    CONNECTED = Gauge "roamstorm_agent_connected" [] "Whether its coordinator answers";
    LEAVING = Gauge "roamstorm_agent_leaving" [] "Whether it hands over what it holds, to leave";
    SHARDS = Gauge "roamstorm_agent_shards" [] "Shards that it holds, or of which it still owes reports";
    DUE = Counter "roamstorm_agent_attempts_due" ["procedure"] "Attempts that came due: by the schedule, or because the UE began them itself";
    SELF_STARTED = Counter "roamstorm_agent_attempts_self_started" ["procedure"] "Those of the due attempts that UEs began themselves";
    STARTED = Counter "roamstorm_agent_attempts_started" ["procedure"] "Attempts that began";
    ATTEMPTS = Counter "roamstorm_agent_attempts" ["procedure", "outcome", "cause"] "Attempts by what became of them, as roamstorm_attempts_total";
    LATENCY = Histogram "roamstorm_agent_attempt_latency_seconds" ["procedure"] "How long the attempts took that succeeded, from the due time";
    SERVICE = Histogram "roamstorm_agent_attempt_service_seconds" ["procedure"] "The same from the first octet sent";
    LATENESS = Histogram "roamstorm_agent_attempt_lateness_seconds" [] "How late attempts left that the schedule made due";
    IN_FLIGHT = Gauge "roamstorm_agent_attempts_in_flight" [] "Attempts that have begun and not ended, at the end of the last interval";
    REGISTERED = Gauge "roamstorm_agent_registered_ues" [] "UEs that are registered, at the end of the last interval";
    SESSIONS = Gauge "roamstorm_agent_pdu_sessions" [] "PDU sessions that are open, at the end of the last interval";
    UES = Gauge "roamstorm_agent_ues" [] "UEs that it holds";
    UE_OCTETS = Gauge "roamstorm_agent_ue_bytes" [] "Memory of the state of those UEs";
    MESSAGES = Counter "roamstorm_agent_ngap_messages" ["direction"] "NGAP messages, uplink (sent) and downlink (received)";
    PACKETS = Counter "roamstorm_agent_user_plane_packets" ["direction"] "T-PDUs, uplink (sent) and downlink (received)";
    OCTETS = Counter "roamstorm_agent_user_plane_bytes" ["direction"] "Octets of T-PDUs without their GTP-U headers, uplink (sent) and downlink (received)";
    DOWNLINK_LOST = Counter "roamstorm_agent_user_plane_packets_lost" [] "T-PDUs to UEs that are missing by their sequence numbers";
    ASSOCIATIONS = Gauge "roamstorm_agent_sctp_associations" [] "SCTP associations that are up";
    ASSOCIATIONS_LOST = Counter "roamstorm_agent_sctp_associations_lost" [] "SCTP associations that ended without being asked to";
    ROUND_TRIP = Gauge "roamstorm_agent_sctp_round_trip_seconds" [] "The longest smoothed round trip of its associations";
    RTO = Gauge "roamstorm_agent_sctp_rto_seconds" [] "The longest retransmission timeout of its associations; where the transport tells it";
    RETRANSMITTED = Gauge "roamstorm_agent_sctp_retransmitted_packets" [] "Packets that those associations had to send again which are up; where the transport tells it";
    REPORTS_WAITING = Gauge "roamstorm_agent_reports_waiting" [] "Interval reports that are kept because they are not acknowledged yet";
    REPORTS_DROPPED = Counter "roamstorm_agent_reports_dropped" [] "Interval reports that there was no room for: the account cannot be proven then";
    REPORT_OCTETS = Counter "roamstorm_agent_report_bytes" [] "Octets of reports that were sent";
    SPOOLED = Gauge "roamstorm_agent_spooled_bytes" [] "Octets of reports that wait on its disk";
    TRACE_DROPPED = Counter "roamstorm_agent_trace_packets_dropped" [] "Packets of traces that there was no room for";
    WORKER_TIME = Counter "roamstorm_agent_worker_cpu_seconds" [] "Processor time of its workers";
}

static COUNTS: OfAttempts =
    OfAttempts { due: &DUE, self_started: &SELF_STARTED, started: &STARTED, ended: &ATTEMPTS };

/// An agent that tells what it does.
#[derive(Default)]
pub struct Agent(Mutex<Told>);

#[derive(Default)]
struct Told {
    standing: agent::Standing,
    procedures: BTreeMap<String, Figures>,
    lateness: Histogram,
    /// By shard: in flight, registered, sessions at the end of its last interval, in a lease.
    shards: BTreeMap<u32, [u64; 3]>,
    messages: [u64; 2],
    packets: [u64; 2],
    octets: [u64; 2],
    downlink_lost: u64,
    associations_lost: u64,
}

#[derive(Default)]
struct Figures {
    counts: Counts,
    latency: Histogram,
    service: Histogram,
}

impl agent::Observer for Agent {
    fn reported(&self, report: &IntervalReport) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(report);
    }

    fn stands(&self, standing: agent::Standing) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.standing = standing;
        if standing.shards == 0 {
            // What it had has gone elsewhere, or ended.
            told.shards.clear();
        }
    }
}

impl Told {
    fn add(&mut self, report: &IntervalReport) {
        for procedure in &report.procedures {
            self.add_procedure(procedure);
        }
        let left = [report.in_flight, report.registered, report.sessions];
        self.shards.insert(report.shard, left);
        let carried = &report.user_plane;
        for (sum, more) in [
            (&mut self.messages, [report.messages_sent, report.messages_received]),
            (&mut self.packets, [carried.uplink_packets, carried.downlink_packets]),
            (&mut self.octets, [carried.uplink_octets, carried.downlink_octets]),
        ] {
            sum.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.saturating_add(more));
        }
        self.downlink_lost = self.downlink_lost.saturating_add(carried.downlink_lost);
        let lost = report.events.iter().filter(|event| event.kind == ASSOCIATION_LOST);
        self.associations_lost = self.associations_lost.saturating_add(lost.count() as u64);
    }

    fn add_procedure(&mut self, interval: &ProcedureInterval) {
        let figures = self.procedures.entry(interval.procedure.clone()).or_default();
        figures.counts.add(interval);
        for (histogram, samples) in [
            (&mut figures.latency, &interval.latency_v2),
            (&mut figures.service, &interval.service_v2),
            (&mut self.lateness, &interval.lateness_v2),
        ] {
            // They are this agent's own.
            if let Ok(samples) = decode_v2(samples) {
                histogram.add_samples(&samples);
            }
        }
    }
}

impl Source for Agent {
    fn look(&self, families: &mut Families) {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = told.standing;
        families.flag(&CONNECTED, &[], standing.connected);
        families.flag(&LEAVING, &[], standing.leaving);
        families.gauge(&SHARDS, &[], standing.shards);
        for (name, figures) in &told.procedures {
            add_counts(name, &figures.counts, &COUNTS, families);
            families.distribution(&LATENCY, &[name], &figures.latency);
            families.distribution(&SERVICE, &[name], &figures.service);
        }
        families.distribution(&LATENESS, &[], &told.lateness);
        for (gauge, place) in [(&IN_FLIGHT, 0), (&REGISTERED, 1), (&SESSIONS, 2)] {
            families.gauge(gauge, &[], told.shards.values().map(|left| left[place]).sum());
        }
        families.gauge(&UES, &[], standing.ues);
        families.gauge(&UE_OCTETS, &[], standing.ue_octets);
        for (metric, [uplink, downlink]) in
            [(&MESSAGES, told.messages), (&PACKETS, told.packets), (&OCTETS, told.octets)]
        {
            families.count(metric, &["uplink"], uplink);
            families.count(metric, &["downlink"], downlink);
        }
        families.count(&DOWNLINK_LOST, &[], told.downlink_lost);
        families.gauge(&ASSOCIATIONS, &[], standing.sctp.associations);
        families.count(&ASSOCIATIONS_LOST, &[], told.associations_lost);
        families.real(&ROUND_TRIP, &[], standing.sctp.round_trip.as_secs_f64());
        if let Some(rto) = standing.sctp.rto {
            families.real(&RTO, &[], rto.as_secs_f64());
        }
        if let Some(retransmitted) = standing.sctp.retransmitted {
            families.gauge(&RETRANSMITTED, &[], retransmitted);
        }
        families.gauge(&REPORTS_WAITING, &[], standing.reports_waiting);
        families.count(&REPORTS_DROPPED, &[], standing.reports_dropped);
        families.count(&REPORT_OCTETS, &[], standing.report_octets);
        families.gauge(&SPOOLED, &[], standing.spooled_octets);
        families.count(&TRACE_DROPPED, &[], standing.trace_dropped);
        families.real(&WORKER_TIME, &[], standing.worker_time.as_secs_f64());
    }

    fn ready(&self) -> Result<(), String> {
        let standing = self.0.lock().unwrap_or_else(PoisonError::into_inner).standing;
        if standing.leaving {
            return Err("it hands over what it holds, to leave".to_owned());
        }
        standing.connected.then_some(()).ok_or_else(|| "no coordinator answers".to_owned())
    }
}

/// The kind of such an event.
const ASSOCIATION_LOST: &str = "association-lost";
