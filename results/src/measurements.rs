//! The table of what is counted of a run beside its procedures.
//!
//! A count costs its row here, its field in the message that agents report it in (`wire/src/to_coordinator.rs`), the place where
//! it is recorded, and its documentation. From the row come the field of `summary.json` and of `timeline.ndjson`, the sums, the
//! check that it is possible, and its line in the report.

/// One count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// Its key in `summary.json`.
    pub key: &'static str,
    /// What is counted.
    pub unit: CountUnit,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// How the report lists it by itself; nothing where the report shows it in another way.
    pub title: Option<&'static str>,
}

/// What a count is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountUnit {
    /// Of messages, or of times that something happened.
    Count,
    /// Of octets.
    Octets,
}

/// The counts of the user plane: hands a row for each to the macro `then`. T-PDUs are IP packets in GTP-U; octets are theirs,
/// without GTP-U headers.
#[macro_export]
macro_rules! user_plane_table {
    ($then:ident) => {
        $then! {
            /// T-PDUs sent.
            uplink_packets: Count;
            /// Octets sent.
            uplink_octets: Octets;
            /// T-PDUs received.
            downlink_packets: Count;
            /// Octets received.
            downlink_octets: Octets;
            /// T-PDUs missing by their sequence numbers.
            downlink_lost: Count;
            /// T-PDUs that came after a later one.
            downlink_reordered: Count;
            /// T-PDUs that could not be sent.
            uplink_dropped: Count;
            /// GTP-U messages that were not understood, or of no session.
            strays: Count "Strays";
            /// End markers received.
            end_markers: Count "End markers";
            /// Echoes answered, in either direction.
            echoes: Count "Echoes";
            /// T-PDUs whose sequence number had come before.
            downlink_duplicated: Count;
            /// How often a sender began its sequence numbers anew within a tunnel.
            sequence_restarts: Count "Restarts of sequence numbers";
            /// How often a sequence number was further away than can have been lost.
            sequence_jumps: Count "Jumps of sequence numbers";
            /// Messages for a tunnel from an address that is not its other end; among the strays.
            foreign_source: Count "Strays from strangers";
            /// Router advertisements that gave a UE its IPv6 prefix.
            router_advertisements: Count;
        }
    };
}
