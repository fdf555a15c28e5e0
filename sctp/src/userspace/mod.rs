//! SCTP in userspace: the protocol by dcsctp, one socket per association; what surrounds it is ours.
//!
//! ```text
//! endpoint (sockets, waiting) ──► stack (which association?) ──► association (dcsctp and its bounds)
//!                                   └─ offers (INIT answered, cookie awaited), packet (strays)
//! ```

mod association;
mod endpoint;
#[doc(hidden)]
pub mod fuzz;
mod offers;
mod packet;
mod packet_socket;
mod stack;

pub(crate) use endpoint::UserspaceEndpoint;
