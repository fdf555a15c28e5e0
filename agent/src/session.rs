//! The agent's session with its coordinator: joins, takes leases, hands reports in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use scenarios::{Plan, Scenario};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use wire::to_agent::{Lease, ToAgent};
use wire::to_coordinator::{Hello, Part, ToCoordinator};
use wire::{CoordinatorReceiver, CoordinatorSender, Identity, WireError};

use crate::gtpu_port::GtpuPort;
use crate::health::Collector;
use crate::user_plane::UserPlaneEnd;
use crate::worker::{Command, Notice, Worker};

/// How an agent is set up.
pub struct AgentConfig {
    /// The name it wishes for.
    pub name: String,
    /// Worker threads; one for each core is best.
    pub workers: usize,
    /// Its certificate.
    pub identity: Identity,
    /// `host:port` of the coordinator.
    pub coordinator: String,
    /// The program's version, for the other side's errors and the report.
    pub program: String,
    /// The address of its end of N3. `None`: the one that reaches the target; on loopback one of its own.
    pub gtpu_address: Option<IpAddr>,
}

/// Why an agent ended early.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The coordinator could not be joined.
    #[error(transparent)]
    Join(WireError),
    /// The coordinator was lost.
    #[error(transparent)]
    Lost(#[from] WireError),
    /// A worker could not go on.
    #[error("{0}")]
    Worker(String),
    /// A thread could not be started.
    #[error("cannot start a worker thread")]
    Thread(#[source] std::io::Error),
}

/// Joins the coordinator and works until the run is over, `shutdown` becomes true, or the coordinator is gone.
///
/// On `shutdown` nothing more is started, what is in flight may end, the last report is acknowledged, then it leaves.
///
/// # Errors
/// The coordinator cannot be reached, refuses us or vanishes; a worker dies.
pub async fn run(config: AgentConfig, shutdown: watch::Receiver<bool>) -> Result<(), AgentError> {
    let epoch = Instant::now();
    let workers = config.workers.max(1);
    let hello = Hello {
        name: config.name,
        program: config.program,
        workers: u32::try_from(workers).unwrap_or(u32::MAX),
        agent_us: 0,
        part: Part::Agent,
        mark: None,
    };
    let link = wire::join(&config.coordinator, &config.identity, hello).await.map_err(AgentError::Join)?;
    let (sender, receiver) = link.split();
    let (notices_in, notices) = unbounded_channel();
    let backlog = Arc::new(AtomicU64::new(0));
    let workers = (0..workers)
        .map(|number| Worker::spawn(number, notices_in.clone(), Arc::clone(&backlog)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(AgentError::Thread)?;
    let session = Session {
        epoch,
        health: Collector::new(workers.len()),
        dealt: vec![0; workers.len()],
        workers,
        backlog,
        plans: BTreeMap::new(),
        unacknowledged: BTreeSet::new(),
        unfinished: BTreeSet::new(),
        leaving: false,
        died: None,
        gtpu_address: config.gtpu_address,
        gtpu: None,
        slots: 0,
    };
    session.work(sender, receiver, notices, shutdown).await
}

struct Session {
    epoch: Instant,
    workers: Vec<Worker>,
    dealt: Vec<usize>,
    backlog: Arc<AtomicU64>,
    health: Collector,
    plans: BTreeMap<String, Arc<Plan>>,
    unacknowledged: BTreeSet<(u32, u64, u64)>,
    unfinished: BTreeSet<(u32, u64)>,
    leaving: bool,
    died: Option<String>,
    gtpu_address: Option<IpAddr>,
    gtpu: Option<GtpuPort>,
    /// Shards that have been given a slot of the TEIDs.
    slots: u32,
}

impl Session {
    async fn work(
        mut self,
        mut sender: CoordinatorSender,
        mut receiver: CoordinatorReceiver,
        mut notices: UnboundedReceiver<Notice>,
        mut shutdown: watch::Receiver<bool>,
    ) -> Result<(), AgentError> {
        let mut tick = tokio::time::interval(HEALTH_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let answer = tokio::select! {
                biased;
                message = receiver.receive() => match message? {
                    Some(ToAgent::RunOver { run }) => {
                        tracing::info!(%run, "the run is over");
                        break;
                    }
                    Some(message) => self.obey(message),
                    None => break,
                },
                Some(notice) = notices.recv() => {
                    if matches!(notice, Notice::Finished { .. }) {
                        // The run may end with this: what the workers said of themselves goes first.
                        sender.send(&self.health(sender.octets_sent())).await?;
                    }
                    self.pass_on(notice)
                }
                _ = tick.tick() => {
                    sender.send(&ToCoordinator::Alive { agent_us: self.clock_us() }).await?;
                    Some(self.health(sender.octets_sent()))
                }
                () = wanted(&mut shutdown), if !self.leaving => {
                    self.leave();
                    None
                }
            };
            if let Some(answer) = answer {
                sender.send(&answer).await?;
            }
            if let Some(error) = self.died.take() {
                return Err(AgentError::Worker(error));
            }
            if self.leaving && self.unfinished.is_empty() && self.unacknowledged.is_empty() {
                sender.send(&ToCoordinator::Leaving { reason: "shut down by its operator".into() }).await?;
                break;
            }
        }
        drop(self.workers);
        // The coordinator may be gone first: then nobody is left to wait for us.
        let _ = sender.finish().await;
        Ok(())
    }

    fn obey(&mut self, message: ToAgent) -> Option<ToCoordinator> {
        match message {
            ToAgent::Welcome(welcome) => {
                tracing::info!(agent = %welcome.agent, coordinator = %welcome.program, "joined");
                None
            }
            ToAgent::Ping { sent_us } => Some(ToCoordinator::Pong { sent_us, agent_us: self.clock_us() }),
            ToAgent::Lease(lease) => self.lease(lease),
            ToAgent::Start { run, at_us, wall_us } => {
                tracing::info!(%run, "starting");
                let at = self.epoch + Duration::from_micros(at_us);
                self.workers.iter().for_each(|worker| worker.tell(Command::Start { at, wall_us }));
                None
            }
            ToAgent::Renew { asked_us, valid_us, leases } => {
                let until = self.lease_end(asked_us, valid_us);
                for (shard, epoch) in leases {
                    self.workers
                        .iter()
                        .for_each(|worker| worker.tell(Command::Renew { shard, epoch, until }));
                }
                None
            }
            ToAgent::Ack { shard, epoch, sequence } => {
                self.unacknowledged.remove(&(shard, epoch, sequence));
                None
            }
            ToAgent::Drain { reason, grace_us } => {
                self.drain(&reason, Duration::from_micros(grace_us));
                None
            }
            ToAgent::RunOver { .. } => None,
            other => {
                tracing::warn!(?other, "not understood");
                None
            }
        }
    }

    fn lease(&mut self, lease: Box<Lease>) -> Option<ToCoordinator> {
        let (shard, epoch) = (lease.shard, lease.epoch);
        let ready = self.plan(&lease).and_then(|plan| {
            let target = parse_target(&lease.target)?;
            let user_plane = self.user_plane(&plan, &target)?;
            Ok((plan, target, user_plane))
        });
        match ready {
            Ok((plan, target, user_plane)) => {
                let lightest =
                    (0..self.workers.len()).min_by_key(|&worker| self.dealt.get(worker).copied())?;
                *self.dealt.get_mut(lightest)? += 1;
                self.unfinished.insert((shard, epoch));
                let until = self.lease_end(lease.asked_us, lease.valid_us);
                let target = Box::new(target);
                self.workers.get(lightest)?.tell(Command::Lease { lease, plan, target, until, user_plane });
                None
            }
            Err(error) => Some(ToCoordinator::CannotPrepare { shard, epoch, error }),
        }
    }

    /// The end of the tunnels of one more shard, where the scenario has sessions; the port is opened once.
    fn user_plane(&mut self, plan: &Plan, target: &sctp::Address) -> Result<Option<(GtpuPort, u32)>, String> {
        if plan.scenario().sessions.is_empty() {
            return Ok(None);
        }
        let port = match &self.gtpu {
            Some(port) => port.clone(),
            None => {
                GtpuPort::open(self.gtpu_address, target_ip(target)).map_err(|error| with_cause(&error))?
            }
        };
        self.gtpu = Some(port.clone());
        let slot = self.slots;
        self.slots += 1;
        if slot >= 1 << (u32::BITS - UserPlaneEnd::SHIFT) {
            return Err(format!("{slot} shards have had TEIDs of this agent, which is as many as there are"));
        }
        Ok(Some((port, slot)))
    }

    /// The plan that a lease is a part of; made once for all shards of a run.
    fn plan(&mut self, lease: &Lease) -> Result<Arc<Plan>, String> {
        if let Some(plan) = self.plans.get(&lease.run) {
            return Ok(Arc::clone(plan));
        }
        let scenario =
            Scenario::from_yaml(&lease.scenario, "the leased scenario").map_err(|error| error.to_string())?;
        let plan = Plan::with_shards(Arc::new(scenario), lease.seed, lease.shards)
            .map_err(|error| error.to_string())?;
        if lease.shard >= plan.shards() {
            return Err(format!("shard {} is leased, but the plan has {}", lease.shard, plan.shards()));
        }
        let plan = Arc::new(plan);
        self.plans = BTreeMap::from([(lease.run.clone(), Arc::clone(&plan))]);
        Ok(plan)
    }

    fn pass_on(&mut self, notice: Notice) -> Option<ToCoordinator> {
        match notice {
            Notice::Ready { shard, epoch } => Some(ToCoordinator::Ready { shard, epoch }),
            Notice::CannotPrepare { shard, epoch, error } => {
                Some(ToCoordinator::CannotPrepare { shard, epoch, error })
            }
            Notice::Report(report) => {
                self.backlog.fetch_sub(1, Ordering::Relaxed);
                self.unacknowledged.insert((report.shard, report.epoch, report.sequence));
                Some(ToCoordinator::Report(report))
            }
            Notice::Trace(trace) => {
                self.backlog.fetch_sub(1, Ordering::Relaxed);
                Some(ToCoordinator::Trace(trace))
            }
            Notice::Health(part) => {
                self.health.add(&part);
                None
            }
            Notice::Finished { shard, epoch, last_sequence } => {
                self.unfinished.remove(&(shard, epoch));
                Some(ToCoordinator::Finished { shard, epoch, last_sequence })
            }
            Notice::Died(error) => {
                self.died = Some(error);
                None
            }
        }
    }

    fn health(&mut self, report_octets: u64) -> ToCoordinator {
        ToCoordinator::Health(Box::new(self.health.take(self.unacknowledged.len() as u64, report_octets)))
    }

    fn leave(&mut self) {
        tracing::info!("shutting down: nothing more is started");
        self.leaving = true;
        self.drain("agent-shut-down", LEAVE_GRACE);
    }

    fn drain(&self, reason: &str, grace: Duration) {
        for worker in &self.workers {
            worker.tell(Command::Drain { reason: reason.to_owned(), grace });
        }
    }

    /// When a lease ends that we asked for at `asked_us` of our clock.
    fn lease_end(&self, asked_us: u64, valid_us: u64) -> Instant {
        let valid = wire::lease::holder_limit(Duration::from_micros(valid_us));
        self.epoch + Duration::from_micros(asked_us) + valid
    }

    fn clock_us(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Returns when the flag becomes true; never when nobody is left to set it.
async fn wanted(flag: &mut watch::Receiver<bool>) {
    if flag.wait_for(|&set| set).await.is_err() {
        std::future::pending().await
    }
}

fn parse_target(target: &str) -> Result<sctp::Address, String> {
    target.parse().map_err(|error| format!("target {target:?}: {error}"))
}

/// An address of the target's, where it is given or found by name.
fn target_ip(target: &sctp::Address) -> Option<SocketAddr> {
    target.resolve().ok().and_then(|found| found.into_iter().next())
}

/// An error with what is behind it, in one line.
fn with_cause(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

/// How often the agent says how it is doing.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);
/// How long what is in flight may take when the operator shuts the agent down.
const LEAVE_GRACE: Duration = Duration::from_secs(5);
