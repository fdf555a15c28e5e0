//! One procedure of TS 38.413 or TS 24.501 a file.

pub(super) mod authentication;
pub(super) mod configuration_update;
pub(super) mod deregistration;
pub(super) mod error_indication;
pub(super) mod handover;
pub(super) mod handover_target;
pub(super) mod identification;
pub(super) mod initial_context_setup;
pub(super) mod nas_transport;
pub(super) mod ng_reset;
pub(super) mod ng_setup;
pub(super) mod paging;
pub(super) mod path_switch_request;
pub(super) mod pdu_session_resource;
pub(super) mod ran_configuration_update;
pub(super) mod registration;
pub(super) mod security_mode;
pub(super) mod service_request;
pub(super) mod session_status;
pub(super) mod session_transport;
pub(super) mod ue_context_release;
