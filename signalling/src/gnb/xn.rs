//! Handover over Xn: what XnAP would carry between two gNBs of a shard (TS 38.423 §9.1.1.1), and the path switch.

/// What the HANDOVER REQUEST of XnAP says of a UE: the source keeps its connection until it is told to release it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XnContext {
    /// The AMF UE NGAP ID at the source.
    pub(crate) amf: u64,
}
