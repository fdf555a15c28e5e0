//! ng_setup
