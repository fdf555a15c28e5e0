//! The agent's session with its coordinator: drives the holder, which decides, with a connection, a worker pool and a spool.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tracing::{Instrument as _, Span};
use wire::WireError;
use wire::to_agent::ToAgent;
use wire::to_coordinator::ToCoordinator;

use super::config::{AgentConfig, AgentError, Interruption};
use super::coordinator_connection::{CoordinatorConnection, FromCoordinator};
use super::holder::{Holder, HolderSettings, Input, Left, Output};
use super::observer::Standing;
use super::spool::Spool;
use crate::measure::Collector;
use crate::time::lease_clock;
use crate::worker::{FromWorker, Notice, Order, WorkerPool};

/// Joins the coordinator and works until the run is over, or an interruption has been dealt with. A coordinator that is lost
/// is called again; meanwhile the load goes on, as long as the leases allow.
///
/// An interrupted agent hands its shards over and leaves when its last report is acknowledged.
///
/// # Errors
/// The coordinator cannot be joined, refuses us, or does not come back; a worker dies; the spool cannot be used.
pub async fn run(
    config: AgentConfig,
    mut interruptions: UnboundedReceiver<Interruption>,
) -> Result<(), AgentError> {
    loop {
        let within = tracing::error_span!(
            "agent",
            agent = config.name,
            run_id = tracing::field::Empty,
            trace_id = tracing::field::Empty
        );
        let session = Session::open(&config, within.clone())?;
        let left = session.work(&config, &mut interruptions).instrument(within.clone()).await?;
        let _within = within.entered();
        match left {
            Left::RunOver if config.stay => {
                tracing::info!(target: NEWS, "the run is over: waiting for the next one at {}", config.coordinator);
            }
            Left::RunOver => {
                tracing::info!(target: NEWS, "leaving: the run is over, and everything is handed in");
                return Ok(());
            }
            Left::HandedOver => {
                tracing::info!(target: NEWS, "leaving: everything is handed over");
                return Ok(());
            }
            Left::OutOfTime => {
                tracing::warn!("the time is over: what is not handed over is lost with this agent");
                return Ok(());
            }
            Left::NobodyAnswers => unreachable!("the session says it with its reason"),
        }
    }
}

struct Session {
    holder: Holder,
    connection: CoordinatorConnection,
    pool: WorkerPool,
    health: Collector,
    spool: Option<Spool>,
    from_spool: UnboundedReceiver<Input>,
    /// Packets of traces that the coordinator was too slow for.
    traces_missed: u64,
    has_joined: bool,
    /// It was said that no coordinator is there yet.
    said_waiting: bool,
    /// The load of a run has begun here.
    has_begun: bool,
    last_error: String,
    outputs: Vec<Output>,
}

/// One thing that happens.
enum Event {
    Coordinator(FromCoordinator),
    Worker(FromWorker),
    Spool(Input),
    Interrupted(Interruption),
    HealthDue,
    Deadline,
}

impl Session {
    fn open(config: &AgentConfig, within: Span) -> Result<Self, AgentError> {
        let workers = config.workers.max(1);
        let (answers, from_spool) = unbounded_channel();
        let spool = open_spool(config, answers)?;
        let settings = HolderSettings {
            name: config.name.clone(),
            program: config.program.clone(),
            workers,
            mark: config.mark,
            belongs: config.belongs.clone(),
            patience: config.patience,
            disk: if spool.is_some() { config.spool_octets } else { 0 },
            ..HolderSettings::default()
        };
        Ok(Self {
            holder: Holder::new(settings, lease_clock::now()),
            connection: CoordinatorConnection::new(config.identity.clone(), config.coordinator.clone()),
            pool: WorkerPool::start(workers, config.priority, config.gtpu_address, within)
                .map_err(AgentError::Thread)?,
            health: Collector::new(workers),
            spool,
            from_spool,
            traces_missed: 0,
            has_joined: false,
            said_waiting: false,
            has_begun: false,
            last_error: "it was not called".to_owned(),
            outputs: Vec::new(),
        })
    }

    async fn work(
        mut self,
        config: &AgentConfig,
        interruptions: &mut UnboundedReceiver<Interruption>,
    ) -> Result<Left, AgentError> {
        let mut health_due = tokio::time::interval(HEALTH_INTERVAL);
        health_due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let left = loop {
            let event = tokio::select! {
                biased;
                interruption = interrupted(interruptions) => Event::Interrupted(interruption),
                from_coordinator = self.connection.next() => Event::Coordinator(from_coordinator),
                Some(input) = self.from_spool.recv() => Event::Spool(input),
                received = self.pool.receive() => Event::Worker(received),
                _ = health_due.tick() => Event::HealthDue,
                () = until(self.holder.next_deadline()) => Event::Deadline,
            };
            if let Some(left) = self.take(event, config)? {
                break left;
            }
        };
        if left == Left::NobodyAnswers {
            return Err(AgentError::NobodyAnswers { after: config.patience, last: self.last_error });
        }
        drop(self.pool);
        self.connection.finish().await;
        Ok(left)
    }

    fn take(&mut self, event: Event, config: &AgentConfig) -> Result<Option<Left>, AgentError> {
        let input = match event {
            Event::Coordinator(FromCoordinator::Due) => {
                self.connection.call(self.holder.hello(lease_clock::now()));
                return Ok(None);
            }
            Event::Coordinator(FromCoordinator::Connected(welcome)) => {
                let verb = if welcome.returned { "back at" } else { "joined" };
                tracing::info!(target: NEWS, "{verb} {} as {} ({})", config.coordinator, welcome.agent, welcome.program);
                (self.has_joined, self.said_waiting) = (true, false);
                Input::Connected(welcome)
            }
            Event::Coordinator(FromCoordinator::Message(message)) => {
                self.say(&message);
                Input::Message(message)
            }
            Event::Coordinator(FromCoordinator::Refused(error)) if !self.has_joined => {
                return Err(AgentError::Join(error));
            }
            Event::Coordinator(FromCoordinator::Refused(error)) => return Err(AgentError::Lost(error)),
            Event::Coordinator(FromCoordinator::Lost(error)) => {
                if !self.has_joined && !config.stay {
                    return Err(AgentError::Join(error));
                }
                self.say_lost(&error, &config.coordinator);
                Input::Disconnected
            }
            Event::Worker(FromWorker::Notice(notice)) => {
                if matches!(notice, Notice::Finished { .. } | Notice::Released { .. }) {
                    // The run may end with this: what the workers said of themselves goes first.
                    self.send_health();
                }
                if let (Some(observer), Notice::Report(report)) = (&config.observer, &notice) {
                    observer.reported(report);
                }
                Input::Notice(notice)
            }
            Event::Worker(FromWorker::Health(part)) => {
                self.health.add(&part);
                return Ok(None);
            }
            Event::Worker(FromWorker::Died(error)) => return Err(AgentError::Worker(error)),
            Event::Spool(input) => input,
            Event::Interrupted(Interruption { reason, deadline }) => {
                let within = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
                tracing::info!(target: NEWS, "draining: {reason}: nothing new is begun, shards are handed over");
                Input::Interrupted { reason, within }
            }
            Event::HealthDue => {
                self.send_health();
                if let Some(observer) = &config.observer {
                    observer.stands(self.standing());
                }
                return Ok(None);
            }
            Event::Deadline => Input::Tick,
        };
        Ok(self.decide(input))
    }

    /// Tells an operator, once, that nobody answers.
    fn say_lost(&mut self, error: &WireError, coordinator: &str) {
        if self.holder.is_connected() {
            tracing::warn!(%error, "lost the coordinator: calling again");
        } else if !self.has_joined && !std::mem::replace(&mut self.said_waiting, true) {
            tracing::info!(target: NEWS, "waiting for a coordinator at {coordinator}: {error}");
        }
        self.last_error = error.to_string();
    }

    /// Tells an operator what the coordinator's word means for this agent.
    fn say(&mut self, message: &ToAgent) {
        match message {
            ToAgent::Start { run, .. } => {
                self.has_begun = true;
                tracing::info!(target: NEWS, "the load of run {run} begins");
            }
            ToAgent::Drain { reason, .. } => tracing::info!(target: NEWS, "nothing new is begun: {reason}"),
            ToAgent::RunOver { run } if !self.has_begun => {
                tracing::info!(target: NEWS, "sent home: run {run} ended before it began, its coordinator says why");
            }
            _ => {}
        }
    }

    /// Asks the holder what is to be done, and does it.
    fn decide(&mut self, input: Input) -> Option<Left> {
        let mut outputs = std::mem::take(&mut self.outputs);
        self.holder.handle(input, lease_clock::now(), &mut outputs);
        let mut left = None;
        for output in outputs.drain(..) {
            match output {
                Output::Send(ToCoordinator::Trace(trace)) => {
                    let packets = trace.packets.len() as u64;
                    if !self.connection.send(ToCoordinator::Trace(trace)) {
                        self.traces_missed += packets;
                    }
                }
                Output::Send(message) => {
                    self.connection.send(message);
                }
                Output::Tell { worker, command } => {
                    if matches!(command.order, Order::Start { .. }) {
                        self.health.run_starts();
                    }
                    self.pool.tell(worker, command);
                }
                Output::Spool { id, report } => {
                    if let Some(spool) = &self.spool {
                        spool.write(id, report);
                    }
                }
                Output::Fetch(id) => {
                    if let Some(spool) = &self.spool {
                        spool.read(id);
                    }
                }
                Output::Forget(id) => {
                    if let Some(spool) = &self.spool {
                        spool.forget(id);
                    }
                }
                Output::Leave(why) => left = Some(why),
            }
        }
        self.outputs = outputs;
        left
    }

    /// How it stands, for who looks on.
    fn standing(&self) -> Standing {
        let (reports_dropped, trace_dropped) = self.health.dropped();
        Standing {
            connected: self.holder.is_connected(),
            leaving: self.holder.is_leaving(),
            shards: self.holder.shards() as u64,
            reports_waiting: self.holder.unacknowledged(),
            reports_dropped: reports_dropped + self.holder.reports_dropped(),
            trace_dropped: trace_dropped + self.holder.traces_dropped() + self.traces_missed,
            report_octets: self.connection.octets_sent(),
            spooled_octets: self.holder.spooled_octets(),
            ues: self.health.ues(),
            ue_octets: self.health.ue_octets(),
            worker_time: self.health.cpu(),
            sctp: self.health.sctp(),
        }
    }

    fn send_health(&mut self) {
        if !self.holder.is_connected() {
            return;
        }
        let mut health = self.health.take();
        health.unacknowledged = self.holder.unacknowledged();
        health.reports_dropped += self.holder.reports_dropped();
        health.trace_dropped += self.holder.traces_dropped() + self.traces_missed;
        health.report_octets = self.connection.octets_sent();
        health.spooled_octets = self.holder.spooled_octets();
        self.connection.send(ToCoordinator::Health(Box::new(health)));
    }
}

/// A folder that was asked for has to work; without the usual one reports wait in memory only.
fn open_spool(
    config: &AgentConfig,
    answers: tokio::sync::mpsc::UnboundedSender<Input>,
) -> Result<Option<Spool>, AgentError> {
    if config.spool_octets == 0 {
        return Ok(None);
    }
    let folder = config.spool.clone().unwrap_or_else(std::env::temp_dir);
    match Spool::open(&folder, answers) {
        Ok(spool) => Ok(Some(spool)),
        Err(source) if config.spool.is_some() => Err(AgentError::Spool { folder, source }),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "reports wait in memory only");
            Ok(None)
        }
    }
}

/// The next interruption; never when nobody is left to interrupt.
async fn interrupted(interruptions: &mut UnboundedReceiver<Interruption>) -> Interruption {
    match interruptions.recv().await {
        Some(interruption) => interruption,
        None => std::future::pending().await,
    }
}

/// Waits until this instant of the lease clock.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline.saturating_duration_since(lease_clock::now())).await,
        None => std::future::pending().await,
    }
}

/// The target of the log's lines that an operator of an agent wants to see in any case.
const NEWS: &str = "agent_news";
/// How often the agent says how it is doing.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);
