//! A running agent renews its certificate before it ends. Its connection stays; the next one shows the new certificate.

use std::hash::{BuildHasher, RandomState};
use std::time::{Instant, SystemTime};

use wire::IdentitySlot;

use crate::client::{EnrolError, Where, renew};
use crate::renewal::Schedule;
use crate::state::{Locked, State};

/// What is kept renewed.
pub struct Renewing {
    /// Its folder.
    pub state: State,
    /// Held as long as it renews: nobody else asks with the same certificate.
    pub lock: Locked,
    /// Whom it asks.
    pub to: Where,
    /// Where new connections take their identity from.
    pub slot: IdentitySlot,
}

/// Renews for as long as it is polled; ends when the certificate is of no use any more.
pub async fn keep_renewed(renewing: Renewing) -> EnrolError {
    let Renewing { state, lock: _lock, to, slot } = renewing;
    loop {
        let Some(mut schedule) = schedule(&slot) else {
            return EnrolError::Answer {
                endpoint: to.endpoint,
                why: "this agent's certificate cannot be read".to_owned(),
            };
        };
        loop {
            tokio::time::sleep_until(schedule.next().into()).await;
            let identity = slot.current();
            match renew(&state, &to, &identity).await {
                Ok(enrolled) => {
                    let until =
                        enrolled.identity.valid_until().map(|until| until.to_string()).unwrap_or_default();
                    let left =
                        enrolled.facts.until.duration_since(SystemTime::now()).unwrap_or_default().as_secs();
                    slot.set(enrolled.identity);
                    tracing::info!(target: "agent_news", "renewed the certificate of {}: valid for {left} s, until {until}", enrolled.facts.name);
                    break;
                }
                Err(error) if error.is_final_for_identity() => {
                    if error.is_revocation() {
                        put_away(&state);
                    }
                    tracing::error!("the certificate is not renewed: {error}");
                    return error;
                }
                Err(error) => {
                    let now = Instant::now();
                    schedule.failed(now, chance());
                    if schedule.is_over(now) {
                        tracing::error!(
                            "the certificate has ended, and was not renewed: {error}; the agent is let in no more, a new token is needed"
                        );
                        return error;
                    }
                    let wait = schedule.next().saturating_duration_since(now).as_secs_f64();
                    tracing::warn!(
                        "the certificate is not renewed yet: {error}; asking again in {wait:.1} s"
                    );
                }
            }
        }
    }
}

fn put_away(state: &State) {
    if let Err(error) = state.put_away() {
        tracing::warn!("{error}");
    }
}

/// By the clock that counts: how much is left is asked of the wall clock once.
fn schedule(slot: &IdentitySlot) -> Option<Schedule> {
    let facts = slot.current().facts()?;
    let life = facts.until.duration_since(facts.issued()).unwrap_or_default();
    let left = facts.until.duration_since(SystemTime::now()).unwrap_or_default().min(life);
    Some(Schedule::new(life, left, Instant::now(), chance()))
}

/// Between 0 and 1.
fn chance() -> f64 {
    let drawn = RandomState::new().hash_one(Instant::now()) % 1_000;
    drawn as f64 / 1_000.0
}
