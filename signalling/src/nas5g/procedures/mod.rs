//! One procedure of the UE a file, named as TS 24.501 names it.

pub(crate) mod authentication;
pub(crate) mod configuration_update;
pub(crate) mod deregistration_network_initiated;
pub(crate) mod deregistration_ue_initiated;
pub(crate) mod identification;
pub(crate) mod nas_transport_of_5gsm;
pub(crate) mod pdu_session_establishment;
pub(crate) mod pdu_session_modification;
pub(crate) mod pdu_session_release;
pub(crate) mod registration;
pub(crate) mod reject;
pub(crate) mod security_mode;
pub(crate) mod service_request;
