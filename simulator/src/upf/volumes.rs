use billing::Octets;

/// What flowed in a session since it was made. T-PDUs are counted, without their GTP-U headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volumes {
    /// Octets that came from the UE.
    pub uplink: Octets,
    /// Octets that were sent to the UE.
    pub downlink: Octets,
    /// Packets that came from the UE.
    pub uplink_packets: u64,
    /// Packets that were sent to the UE.
    pub downlink_packets: u64,
    /// Packets from the UE that went missing, by their sequence numbers; fewer when one comes late.
    pub uplink_lost: u64,
}

impl Volumes {
    /// Both directions together.
    pub fn total(&self) -> Octets {
        Octets(self.uplink.0.saturating_add(self.downlink.0))
    }
}
