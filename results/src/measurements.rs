//! The table of what is counted of a run beside its procedures.
//!
//! A count costs its row in a group ([`counts!`]), the place where it is recorded, and its documentation. From the row come the
//! field of `summary.json` and of `timeline.ndjson`, the sums, the check that it is possible, and its line in the report. A count that
//! agents report ([`user_plane_table`](crate::user_plane_table), [`run_table`](crate::run_table)) costs its field in their message as
//! well (`wire/src/to_coordinator.rs`).

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

/// A group of counts: rows of a table, and their values.
pub trait Counts {
    /// What is counted.
    const TABLE: &'static [Measurement];

    /// The values, in the order of the table.
    fn values(&self) -> impl Iterator<Item = u64>;

    /// Every count that the report lists by itself, with its title.
    fn listed(&self) -> impl Iterator<Item = (&'static str, CountUnit, u64)> {
        let rows = Self::TABLE.iter().zip(self.values());
        rows.filter_map(|(row, value)| Some((row.title?, row.unit, value)))
    }
}

/// Makes a group of counts out of its rows: a struct with a field for each, and their table.
macro_rules! counts {
    ($(#[doc = $about:literal])+ $name:ident: $($(#[doc = $doc:literal])+ $key:ident: $unit:ident $($title:literal)?;)+) => {
        $(#[doc = $about])+
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        #[serde(default)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $key: u64,)+
        }

        impl $crate::Counts for $name {
            const TABLE: &'static [$crate::Measurement] = &[$($crate::Measurement {
                key: stringify!($key),
                unit: $crate::CountUnit::$unit,
                about: concat!($($doc),+).trim_ascii(),
                title: [$(Some($title),)? None][0],
            },)+];

            fn values(&self) -> impl Iterator<Item = u64> {
                [$(self.$key,)+].into_iter()
            }
        }

        impl $name {
            /// Adds what another stretch of time, or another part, counted. Sums saturate.
            pub fn merge(&mut self, other: &Self) {
                $(self.$key = self.$key.saturating_add(other.$key);)+
            }
        }
    };
}
pub(crate) use counts;

/// The counts of a run as a whole: hands a row for each to the macro `then`.
#[macro_export]
macro_rules! run_table {
    ($then:ident) => {
        $then! {
            /// NGAP messages sent.
            messages_sent: Count "NGAP messages sent";
            /// NGAP messages received.
            messages_received: Count "NGAP messages received";
            /// UE messages that the radio profile lost.
            radio_lost: Count "NAS messages lost by the radio profile";
            /// Attempts that came due while their shard was on its way, and were started on its arrival.
            shifted: Count;
        }
    };
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
