//! TLS 1.3 with mutual authentication.
