//! The agent's end.

use crate::to_coordinator::Hello;
use crate::{CoordinatorLink, Identity, Settings, WireError};

/// Joins the coordinator at `host:port`. When it returns, the coordinator has accepted certificate and version, and
/// has been sent `hello`; it answers with `ToAgent::Welcome`.
///
/// # Errors
/// Nothing answered in time, a certificate was refused by either side, the versions differ, the name does not resolve.
pub async fn join(coordinator: &str, identity: &Identity, hello: Hello) -> Result<CoordinatorLink, WireError> {
    join_with(coordinator, identity, hello, Settings::default()).await
}

/// [`join`] with other times and limits.
///
/// # Errors
/// As [`join`].
pub async fn join_with(
    _coordinator: &str,
    _identity: &Identity,
    _hello: Hello,
    _settings: Settings,
) -> Result<CoordinatorLink, WireError> {
    todo!()
}
