//! What more than one technology, or both ends of the air interface, is made of.

pub(crate) mod causes;
pub(crate) mod identity_of_ue;
pub(crate) mod nas_security;
pub(crate) mod retry;
pub(crate) mod timers;
pub(crate) mod usim;
