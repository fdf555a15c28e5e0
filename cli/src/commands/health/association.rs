//! A simulator, or another core: an association comes up, and is shut down. No NG setup: an AMF may take a second one of a gNB's name as
//! that gNB's restart, in the middle of a run.

use std::time::{Duration, Instant};

use sctp::{Address, AssociationId, DownReason, Endpoint, Event, Options};

use super::Health;

pub(super) fn ask(target: &Address, patience: Duration) -> Health {
    let began = Instant::now();
    let options = Options { connect_timeout: patience, spin: Duration::ZERO, ..Options::default() };
    let mut endpoint = Endpoint::client(target.transport(), &options).map_err(|error| error.to_string())?;
    let id = endpoint.connect(target, began).map_err(|error| error.to_string())?;
    match next(&mut endpoint, began + patience + MARGIN) {
        Some(None) => {}
        Some(Some(reason)) => return Err(reason.to_string()),
        None => return Err(format!("{target}: {}", super::silence(patience))),
    }
    let after = began.elapsed();
    leave(&mut endpoint, id);
    Ok(format!("{target}: an association, after {:.1} ms", after.as_secs_f64() * 1e3))
}

/// Waits until the association is up (`Some(None)`) or down, with the reason; none in time.
fn next(endpoint: &mut Endpoint, deadline: Instant) -> Option<Option<DownReason>> {
    while Instant::now() < deadline {
        let mut events = Vec::new();
        if endpoint.wait(deadline, &mut events).is_err() {
            std::thread::yield_now();
        }
        for event in events {
            match event {
                Event::Up { .. } => return Some(None),
                Event::Down { reason, .. } => return Some(Some(reason)),
                Event::Received { .. } => {}
            }
        }
    }
    None
}

/// The other end hears that the association ends.
fn leave(endpoint: &mut Endpoint, id: AssociationId) {
    let now = Instant::now();
    endpoint.shutdown(id, now);
    let _ = next(endpoint, now + FAREWELL);
    endpoint.abort(id, Instant::now());
}

/// What the endpoint may need beyond its own time to say that nobody answered.
const MARGIN: Duration = Duration::from_millis(500);
const FAREWELL: Duration = Duration::from_secs(1);
