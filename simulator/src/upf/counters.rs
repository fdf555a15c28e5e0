/// What a UPF counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpfCounters {
    /// Sessions there are now.
    pub sessions: usize,
    /// Sessions there have been.
    pub sessions_made: u64,
    /// Sessions that had no room.
    pub sessions_refused: u64,
    /// Datagrams that came.
    pub datagrams_received: u64,
    /// Packets from UEs.
    pub uplink_packets: u64,
    /// Their octets.
    pub uplink_octets: u64,
    /// Packets to UEs.
    pub downlink_packets: u64,
    /// Their octets.
    pub downlink_octets: u64,
    /// Octets of downlink that came due so late that they were left out: this machine is too slow.
    pub downlink_skipped: u64,
    /// Packets for a session that had just ended.
    pub too_late_packets: u64,
    /// Their octets: nobody is charged for them.
    pub too_late_octets: u64,
    /// Packets for tunnels that never were, or long ago.
    pub unknown_tunnel: u64,
    /// Packets without a PDU Session Container of the uplink (TS 38.415 §5.5.2.2).
    pub not_uplink: u64,
    /// Packets that are no whole UDP packets from the UE's own address.
    pub not_the_ues: u64,
    /// Datagrams that are no GTP-U messages.
    pub malformed: u64,
    /// Messages that nothing depends on.
    pub ignored: u64,
    /// Sessions whose UE had to be paged for their downlink.
    pub downlink_data_reports: u64,
    /// Old paths that were closed.
    pub end_markers_sent: u64,
    /// Of gNBs.
    pub end_markers_received: u64,
    /// For packets to tunnels that are not there.
    pub error_indications_sent: u64,
    /// For packets to tunnels that gNBs do not have.
    pub error_indications_received: u64,
    /// To gNBs.
    pub echo_requests_sent: u64,
    /// Of gNBs.
    pub echo_responses_received: u64,
    /// Of gNBs; each was answered.
    pub echo_requests_received: u64,
    /// Addresses that did not answer.
    pub peers_lost: u64,
}
