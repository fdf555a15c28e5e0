use std::time::{Duration, Instant};

use agent::{AgentConfig, AgentError, Interruption};
use anyhow::{Context, Error};
use enrolment::EnrolError;
use identity::Membership;
use supervisor::control::{Control, Request};
use supervisor::{Order, Orders};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{Arguments, Who, who_and_where};
use crate::commands::interrupted;
use crate::exit::{Exit, RunInvalid};
use crate::metrics::{Metrics, Seen};

/// The agent itself; with orders, the child of a supervisor.
pub(super) fn run(arguments: Arguments, orders: Option<Orders>) -> Result<Exit, Error> {
    arguments.place.check()?;
    let is_child = orders.is_some();
    let who = match who_and_where(&arguments) {
        Err(error) if is_child && error.downcast_ref().is_some_and(EnrolError::is_transient) => {
            tracing::warn!("{error}");
            return Ok(Exit::TryAgain);
        }
        who => who?,
    };
    let Who { name, pool, slot, joined, coordinator } = who;
    let renewing = joined.as_ref().map(|joined| joined.renewing(&slot)).transpose()?;
    let metrics = Metrics::open(&arguments.metrics.alone(), "agent", Some(&slot), vec![Seen::Agent])?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let config = AgentConfig {
        workers: arguments.workers.map_or(cores, usize::from),
        priority: arguments.place.priority,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        gtpu_address: arguments.gtpu_address,
        mark: orders.as_ref().map(|orders| orders.mark),
        stay: arguments.stay,
        belongs: Membership {
            pool: arguments.pool.or(pool).unwrap_or_default(),
            labels: arguments.labels.into_iter().collect(),
        },
        spool: arguments.spool,
        spool_octets: arguments.spool_limit.saturating_mul(1 << 20),
        patience: arguments.patience,
        observer: metrics.agent(),
        ..AgentConfig::new(name.clone(), slot, coordinator)
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(async {
        let control = if is_child { None } else { super::control(&name) };
        // What becomes of it is said there; an agent that is not renewed works on for as long as it is let.
        let renewals = renewing.map(|renewing| tokio::spawn(enrolment::keep_renewed(renewing)));
        let ended = until_the_end(config, orders, control).await;
        renewals.iter().for_each(tokio::task::JoinHandle::abort);
        if let (Some(Err(AgentError::Join(error) | AgentError::Lost(error))), Some(joined)) =
            (&ended, &joined)
            && error.is_revocation()
        {
            joined.state.put_away()?;
        }
        match ended {
            None => Ok(Exit::Invalid),
            Some(Ok(())) => Ok(Exit::Pass),
            Some(Err(AgentError::Join(error))) if is_child && error.is_transient() => {
                tracing::warn!("{error}");
                Ok(Exit::TryAgain)
            }
            Some(Err(error @ AgentError::Join(_))) => Err(error.into()),
            Some(Err(error)) => Err(Error::new(RunInvalid(error.into()))),
        }
    })
}

/// Works, and passes on whatever interrupts it. `None` when it was interrupted again.
async fn until_the_end(
    config: AgentConfig,
    orders: Option<Orders>,
    mut control: Option<Control>,
) -> Option<Result<(), AgentError>> {
    let (interrupt, interruptions) = unbounded_channel();
    if let Some(orders) = orders {
        tokio::spawn(carry_out(orders, interrupt.clone()));
    }
    let work = agent::run(config, interruptions);
    tokio::pin!(work);
    let mut waiting: Vec<Request> = Vec::new();
    let mut ticks = tokio::time::interval(PROGRESS);
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            ended = &mut work => break ended,
            () = interrupted() => {
                if stopping {
                    return None;
                }
                stopping = true;
                eprintln!("stopping: shards are handed over; interrupt again to leave at once");
                tell(&interrupt, "interrupted by its operator", None);
            }
            request = requested(&mut control) => {
                stopping = true;
                tell(&interrupt, &request.reason, None);
                waiting.push(request);
            }
            _ = ticks.tick(), if !waiting.is_empty() => say(&mut waiting, "the agent hands over").await,
        }
    };
    let left =
        ended.as_ref().map_or_else(|error| format!("left: {error}"), |()| "left: exit code 0".to_owned());
    say(&mut waiting, &left).await;
    Some(ended)
}

/// Passes the supervisor's orders on.
async fn carry_out(orders: Orders, interrupt: UnboundedSender<Interruption>) {
    let followed = orders.follow(|order| match order {
        Order::Leave { reason, within_ms } => {
            tell(&interrupt, &reason, within_ms.map(Duration::from_millis));
        }
    });
    if let Err(error) = followed.await {
        tracing::error!(%error, "no orders can be taken from the supervisor");
    }
}

fn tell(interrupt: &UnboundedSender<Interruption>, reason: &str, within: Option<Duration>) {
    let deadline = within.and_then(|within| Instant::now().checked_add(within));
    // It may have left already.
    let _ = interrupt.send(Interruption { reason: reason.to_owned(), deadline });
}

async fn say(waiting: &mut [Request], text: &str) {
    for request in waiting {
        request.tell(text).await;
    }
}

async fn requested(control: &mut Option<Control>) -> Request {
    match control {
        Some(control) => control.next().await,
        None => std::future::pending().await,
    }
}

/// How often somebody who waits hears that it goes on.
const PROGRESS: Duration = Duration::from_secs(1);
