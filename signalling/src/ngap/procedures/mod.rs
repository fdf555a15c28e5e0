//! One procedure of the gNB a file, named as TS 38.413 names it.

pub(crate) mod amf_management;
pub(crate) mod error_indication;
pub(crate) mod handover_cancel;
pub(crate) mod handover_notification;
pub(crate) mod handover_preparation;
pub(crate) mod handover_resource_allocation;
pub(crate) mod initial_context_setup;
pub(crate) mod initial_ue_message;
pub(crate) mod nas_transport;
pub(crate) mod ng_reset;
pub(crate) mod ng_setup;
pub(crate) mod paging;
pub(crate) mod path_switch_request;
pub(crate) mod pdu_session_resource_modify;
pub(crate) mod pdu_session_resource_release;
pub(crate) mod pdu_session_resource_setup;
pub(crate) mod ran_status_transfer;
pub(crate) mod ue_context_modification;
pub(crate) mod ue_context_release;
