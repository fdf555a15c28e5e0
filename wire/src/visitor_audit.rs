//! The visitor audit: how subscribers are found again who were visiting a shard that was lost.
//!
//! ```text
//! coordinator   AuditVisitors ─────► every running shard
//!               Visitors  ◄───────── each names whom it has, or had lately
//!               FoundAway ─────────► each home: who of those that are away is anywhere
//! ```
//! Only the shard that has a guest knows where it is: where it went from there its home is not told. So after a loss everybody is
//! asked. A guest that goes from one shard to another in the middle of a call is named by the one or the other, since who has
//! let it go goes on naming it for [`NAMED_FOR`], longer than a call may take ([`ANSWERED_WITHIN`]); and whoever had arrived
//! elsewhere less than [`AWAY_FOR`] before home answered may have come there after that shard did, and is left alone.

use std::time::Duration;

/// A call that some shard has not answered by then is void.
pub const ANSWERED_WITHIN: Duration = Duration::from_secs(4);

/// How long a shard names a guest that it has let go.
pub const NAMED_FOR: Duration = Duration::from_secs(10);

/// Who had arrived elsewhere less than this before home answered is not missed.
pub const AWAY_FOR: Duration = Duration::from_secs(5);

/// Guests of one answer.
pub const MOST_GUESTS: usize = 1 << 18;

/// Subscribers of one shard that a call has found.
pub const MOST_FOUND: usize = 1 << 20;
