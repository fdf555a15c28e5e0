//! initial_context_setup
