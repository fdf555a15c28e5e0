//! The kernel's SCTP, by oxirush-sctp (RFC 6458 one-to-one sockets).
//!
//! Its sockets are asynchronous, our API is not: a thread of the endpoint's own runs them, one task per association.
//!
//! ```text
//! endpoint (the caller's thread) ──messages──► association task ──► kernel
//!                                ◄──reports─── (bounded: a slow caller closes the receive windows)
//! ```

mod association;
mod endpoint;
mod io_thread;

pub(crate) use endpoint::KernelEndpoint;
