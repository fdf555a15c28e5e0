//! What travels between two nodes of a shard in a handover that the core learns of afterwards (TS 38.423 §9.1.1.1).

use super::tunnel::{Resource, SecurityCapabilities};

/// What the HANDOVER REQUEST of XnAP says of a UE: the source keeps its connection until it is told to release it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XnContext {
    /// The AMF UE NGAP ID at the source.
    pub(crate) amf: u64,
    pub(crate) security: SecurityCapabilities,
    /// With the ends of the UPF; the TEIDs are those of the source.
    pub(crate) sessions: Vec<Resource>,
}
