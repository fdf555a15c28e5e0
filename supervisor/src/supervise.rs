//! The supervisor's loop: one child at a time, started, watched, told to leave, started again.

use std::ffi::OsString;
use std::io;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use wire::IdentitySlot;

use crate::child::Child;
use crate::control::{Control, Request};
use crate::line::Line;
use crate::order::Order;
use crate::spot::{Notice, SpotSettings, SpotWatcher};
use crate::{Exit, Next, RestartPolicy, Restarts};

/// How a supervisor is set up.
pub struct SupervisorConfig {
    /// The arguments of the child: this program is started again with them.
    pub arguments: Vec<OsString>,
    /// Of the agent, and of its supervisor.
    pub name: String,
    /// The agent's certificate.
    pub identity: IdentitySlot,
    /// `host:port` of the coordinator.
    pub coordinator: String,
    /// Where `roamstorm agent drain` finds us, if it can.
    pub control: Option<Control>,
    /// Whether the host may be taken away, and who says so.
    pub spot: Option<SpotSettings>,
    /// When a child that has died is started again.
    pub restarts: RestartPolicy,
    /// Who is told how it goes.
    pub observers: Option<watch::Sender<Supervised>>,
}

/// How a supervisor's child is, and has been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Supervised {
    /// There is one now.
    pub running: bool,
    /// It was told to leave, and is not started again.
    pub leaving: bool,
    /// How many were started.
    pub started: u64,
    /// How many of them ended with exit code 0.
    pub done: u64,
    /// How many ended with another one, or by a signal.
    pub died: u64,
    /// How often the host was said to be taken away.
    pub notices: u64,
}

/// Why a supervisor cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The child cannot be started.
    #[error("the agent's process cannot be started: {0}")]
    Start(#[source] io::Error),
    /// The system does not say how the child is.
    #[error("the agent's process cannot be watched: {0}")]
    Watch(#[source] io::Error),
}

/// Runs the agent as a child until it has done its work, dies again and again, or was told to leave. Says how it ended.
/// Has to run on the main thread.
///
/// # Errors
/// No child can be started or watched.
pub async fn supervise(config: SupervisorConfig) -> Result<Exit, SupervisorError> {
    let line = Line::open(config.coordinator.clone(), config.identity.clone(), &config.name);
    let ended = Supervisor::new(config, &line)?.watch().await;
    line.close().await;
    ended
}

struct Supervisor<'a> {
    arguments: Vec<OsString>,
    line: &'a Line,
    control: Option<Control>,
    spot: Option<SpotWatcher>,
    signals: [Signal; 2],
    restarts: Restarts,
    state: Supervised,
    observers: Option<watch::Sender<Supervised>>,
    /// Why it has to leave. Then no child is started again.
    leaving: Option<String>,
    /// Who waits for that.
    waiting: Vec<Request>,
}

enum Event {
    Ended(Exit),
    Due,
    Signal,
    Drain(Request),
    Notice(Notice),
    Tick,
}

impl<'a> Supervisor<'a> {
    fn new(config: SupervisorConfig, line: &'a Line) -> Result<Self, SupervisorError> {
        let handle = |kind| signal(kind).map_err(SupervisorError::Watch);
        Ok(Self {
            arguments: config.arguments,
            line,
            control: config.control,
            spot: config.spot.map(SpotWatcher::new),
            signals: [handle(SignalKind::terminate())?, handle(SignalKind::interrupt())?],
            restarts: Restarts::new(config.restarts),
            state: Supervised::default(),
            observers: config.observers,
            leaving: None,
            waiting: Vec::new(),
        })
    }

    async fn watch(mut self) -> Result<Exit, SupervisorError> {
        let mut child = Some(self.start()?);
        let (mut due, mut last) = (Instant::now(), Exit::Code(0));
        let mut ticks = interval(PROGRESS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                biased;
                exit = ended(&mut child) => Event::Ended(exit.map_err(SupervisorError::Watch)?),
                () = sleep_until(due.into()), if child.is_none() => Event::Due,
                () = signalled(&mut self.signals) => Event::Signal,
                request = drained(&mut self.control) => Event::Drain(request),
                notice = noticed(&mut self.spot) => Event::Notice(notice),
                _ = ticks.tick(), if !self.waiting.is_empty() => Event::Tick,
            };
            match event {
                Event::Ended(exit) => {
                    let dead = child.take();
                    last = exit;
                    match self.after(exit, dead) {
                        Some(wait) => due = Instant::now() + wait,
                        None => break,
                    }
                }
                Event::Due => child = Some(self.start()?),
                Event::Signal if self.leaving.is_some() && child.is_some() => {
                    tracing::warn!("signalled again: the agent is killed");
                    child.iter_mut().for_each(Child::kill);
                }
                Event::Signal => self.leave("SIGTERM", None, &mut child).await,
                Event::Drain(request) => {
                    let reason = request.reason.clone();
                    self.waiting.push(request);
                    self.leave(&reason, None, &mut child).await;
                }
                Event::Notice(notice) => {
                    self.note(|state| state.notices += 1);
                    let within = notice.within(std::time::SystemTime::now());
                    self.leave(&notice.reason, within, &mut child).await;
                }
                Event::Tick => self.tell("the agent hands over").await,
            }
            if self.leaving.is_some() && child.is_none() {
                break;
            }
        }
        self.tell(&format!("left: {last}")).await;
        Ok(last)
    }

    fn start(&mut self) -> Result<Child, SupervisorError> {
        let child = Child::start(&self.arguments).map_err(SupervisorError::Start)?;
        self.note(|state| {
            state.running = true;
            state.started += 1;
        });
        Ok(child)
    }

    /// Notes how it goes, for who looks on.
    fn note(&mut self, change: impl FnOnce(&mut Supervised)) {
        change(&mut self.state);
        if let Some(observers) = &self.observers {
            observers.send_replace(self.state);
        }
    }

    /// What follows a child's end: how long to wait for the next one, if there is to be one.
    fn after(&mut self, exit: Exit, dead: Option<Child>) -> Option<Duration> {
        let dead = dead?;
        self.note(|state| {
            state.running = false;
            let ended = if exit == Exit::Code(0) { &mut state.done } else { &mut state.died };
            *ended += 1;
        });
        let lived = dead.started.elapsed();
        let next = self.restarts.after(exit, lived, Instant::now());
        let more = match next {
            _ if self.leaving.is_some() => "it was told to leave".to_owned(),
            Next::Done => String::new(),
            Next::CrashLoop => "a crash loop: it is not started again".to_owned(),
            Next::Restart { wait, times } => {
                format!("restart {times} in {} ms", wait.as_millis())
            }
        };
        // First of all: others are to take its shards over.
        self.line.child_exited(dead.mark, exit, &more);
        match exit {
            Exit::Code(0) => tracing::info!(%exit, ?lived, "the agent has ended"),
            _ => tracing::error!(%exit, ?lived, "the agent has ended; {more}"),
        }
        match next {
            Next::Restart { wait, .. } if self.leaving.is_none() => Some(wait),
            _ => None,
        }
    }

    async fn leave(&mut self, reason: &str, within: Option<Duration>, child: &mut Option<Child>) {
        tracing::info!(reason, ?within, "the agent is told to leave");
        self.leaving = Some(reason.to_owned());
        self.note(|state| state.leaving = true);
        if let Some(child) = child {
            child.tell(&Order::leave(reason, within)).await;
        }
    }

    /// Tells whoever waits for the agent to have left.
    async fn tell(&mut self, text: &str) {
        let reason = self.leaving.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        for request in &mut self.waiting {
            request.tell(&format!("{text}{reason}")).await;
        }
    }
}

async fn ended(child: &mut Option<Child>) -> io::Result<Exit> {
    match child {
        Some(child) => child.exit().await,
        None => std::future::pending().await,
    }
}

async fn signalled([terminate, interrupt]: &mut [Signal; 2]) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn drained(control: &mut Option<Control>) -> Request {
    match control {
        Some(control) => control.next().await,
        None => std::future::pending().await,
    }
}

async fn noticed(spot: &mut Option<SpotWatcher>) -> Notice {
    match spot {
        Some(spot) => spot.next().await,
        None => std::future::pending().await,
    }
}

/// How often somebody who waits hears that it goes on.
const PROGRESS: Duration = Duration::from_secs(1);
