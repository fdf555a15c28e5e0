//! ng_reset
