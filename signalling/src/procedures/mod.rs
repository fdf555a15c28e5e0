//! One 3GPP procedure a file, named as the specification names it. The UE's are in TS 24.501, the gNB's in TS 38.413.

pub(crate) mod authentication;
pub(crate) mod configuration_update;
pub(crate) mod deregistration_network_initiated;
pub(crate) mod deregistration_ue_initiated;
pub(crate) mod error_indication;
pub(crate) mod identification;
pub(crate) mod initial_context_setup;
pub(crate) mod initial_registration;
pub(crate) mod initial_ue_message;
pub(crate) mod mobility_and_periodic_registration_update;
pub(crate) mod nas_transport;
pub(crate) mod ng_reset;
pub(crate) mod ng_setup;
pub(crate) mod paging;
pub(crate) mod reject;
pub(crate) mod security_mode;
pub(crate) mod service_request;
pub(crate) mod ue_context_release;
