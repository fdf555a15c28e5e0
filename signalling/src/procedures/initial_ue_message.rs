//! initial_ue_message
