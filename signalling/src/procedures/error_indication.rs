//! error_indication
