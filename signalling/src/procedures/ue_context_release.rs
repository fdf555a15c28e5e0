//! ue_context_release
