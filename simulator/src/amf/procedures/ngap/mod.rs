//! The procedures of NGAP (TS 38.413 §8).

pub(in crate::amf) mod error_indication;
pub(in crate::amf) mod handover;
pub(in crate::amf) mod handover_target;
pub(in crate::amf) mod initial_context_setup;
pub(in crate::amf) mod nas_transport;
pub(in crate::amf) mod ng_reset;
pub(in crate::amf) mod ng_setup;
pub(in crate::amf) mod overload;
pub(in crate::amf) mod paging;
pub(in crate::amf) mod path_switch_request;
pub(in crate::amf) mod pdu_session_resource;
pub(in crate::amf) mod ran_configuration_update;
pub(in crate::amf) mod ue_context_release;
