//! nas_transport
