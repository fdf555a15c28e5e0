//! What a node of the radio network and its driver say to each other, whatever the technology.

pub(crate) mod action;
pub(crate) mod amf;
pub(crate) mod cause;
pub(crate) mod event;
pub(crate) mod tunnel;
pub(crate) mod xn_context;
