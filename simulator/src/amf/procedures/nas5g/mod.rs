//! 5G mobility management (TS 24.501 §5).

pub(in crate::amf) mod authentication;
pub(in crate::amf) mod configuration_update;
pub(in crate::amf) mod deregistration;
pub(in crate::amf) mod identification;
pub(in crate::amf) mod registration;
pub(in crate::amf) mod security_mode;
pub(in crate::amf) mod service_request;
pub(in crate::amf) mod session_transport;
