/// What a UPF counted. (Its 36 fields are one idea: a counter each.)
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
    /// Packets of a QoS flow that the session does not have.
    pub unknown_flow: u64,
    /// Packets from another address than the UE's.
    pub not_the_ues: u64,
    /// What is no whole IP packet.
    pub not_ip: u64,
    /// Packets and error indications from an address that is not the other end of the tunnel.
    pub foreign_source: u64,
    /// Packets from UEs that are missing by their sequence numbers.
    pub uplink_lost: u64,
    /// Packets from UEs that came after a later one.
    pub uplink_reordered: u64,
    /// Packets from UEs whose sequence number had come before.
    pub uplink_duplicated: u64,
    /// How often a gNB began its sequence numbers anew within a tunnel.
    pub uplink_restarts: u64,
    /// How often a gNB's sequence numbers jumped by more than can have been lost.
    pub uplink_jumps: u64,
    /// Pings of UEs to the gateway that were answered.
    pub echo_replies: u64,
    /// Sent to UEs, asked for or not.
    pub router_advertisements: u64,
    /// Answers to UEs that there was no room for.
    pub replies_dropped: u64,
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
    /// For packets to tunnels that gNBs do not have, whether the tunnel was one of ours or not.
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

impl UpfCounters {
    /// What came and could not be taken, and what could not be sent, by kind; kinds without any are left out.
    pub fn not_taken(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = [
            ("upf-foreign-source", self.foreign_source),
            ("upf-unknown-tunnel", self.unknown_tunnel),
            ("upf-session-ended", self.too_late_packets),
            ("upf-not-uplink", self.not_uplink),
            ("upf-unknown-qos-flow", self.unknown_flow),
            ("upf-not-the-ues-address", self.not_the_ues),
            ("upf-no-ip-packet", self.not_ip),
            ("upf-malformed", self.malformed),
            ("upf-ignored", self.ignored),
            ("upf-sequence-restarts", self.uplink_restarts),
            ("upf-sequence-jumps", self.uplink_jumps),
            ("upf-replies-dropped", self.replies_dropped),
        ];
        all.into_iter().filter(|(_, count)| *count > 0)
    }
}
