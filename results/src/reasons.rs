//! Why attempts were given up that say nothing about the target.

/// Whether an attempt that was given up for this reason says nothing about the target.
pub fn is_own_reason(reason: &str) -> bool {
    OWN_REASONS.contains(&reason) || KEPT_BACK.contains(&reason)
}

/// The reason for what a vanished agent leaves behind.
pub const AGENT_LOST: &str = "agent-lost";
/// The reason of an agent that stopped because its lease was not renewed.
pub const LEASE_LAPSED: &str = "lease-lapsed";
/// The reason of a shard that has asked another one for an attempt and heard nothing of it.
pub const OTHER_SHARD_SILENT: &str = "other-shard-silent";
/// The reason of a handover into cells whose shard was lost, or on its way from one agent to another, just then.
pub const OTHER_SHARD_AWAY: &str = "other-shard-away";
/// The reason of an agent that did not run while the attempt was under way.
pub const AGENT_STOOD_STILL: &str = "agent-stood-still";
/// Reasons of the fleet, which say nothing about the target.
pub const OWN_REASONS: [&str; 6] =
    [AGENT_LOST, LEASE_LAPSED, "shard-moved", OTHER_SHARD_SILENT, OTHER_SHARD_AWAY, AGENT_STOOD_STILL];
/// Reasons of a UE that kept an attempt back or gave it up itself. They say nothing about the target either.
pub const KEPT_BACK: [&str; 6] =
    ["barred", "barred-by-overload", "procedure-running", "switched-off", "not-of-ue", "not-encodable"];
