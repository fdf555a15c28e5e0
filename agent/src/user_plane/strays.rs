//! GTP-U messages that belong to nothing, counted by kind.

/// Why a message counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stray {
    /// It is for a tunnel, but does not come from the tunnel's other end.
    ForeignSource,
    /// It is for a tunnel that is not there.
    UnknownTunnel,
    /// It is for a tunnel whose UE is not at the gNB: not yet, or not any more.
    NobodysTunnel,
    /// It is a G-PDU without an IP packet.
    NoPacket,
    /// It says that a tunnel of ours is not known.
    ErrorIndication,
    /// It has an extension header that is not known and must be understood.
    ExtensionHeader,
    /// It is none that a gNB has a use for.
    Other,
    /// It is no GTP-U.
    Malformed,
}

/// How many there were of each.
#[derive(Default)]
pub(super) struct Strays([u64; NAMES.len()]);

impl Strays {
    pub(super) fn count(&mut self, kind: Stray) {
        self.0[kind as usize] += 1;
    }

    /// Those that there were since the last call.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.into_iter().zip(std::mem::take(&mut self.0)).filter(|(_, count)| *count > 0)
    }
}

/// In the order of [`Stray`]; they stand among the unexpected messages of a run.
const NAMES: [&str; 8] = [
    "gtpu-foreign-source",
    "gtpu-unknown-tunnel",
    "gtpu-tunnel-without-ue",
    "gtpu-without-ip-packet",
    "gtpu-error-indication",
    "gtpu-extension-header",
    "gtpu-other-message",
    "gtpu-malformed",
];
