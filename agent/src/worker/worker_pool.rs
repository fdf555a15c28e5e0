//! The agent's workers, and what they need to carry out a holder's commands: plans, targets, the GTP-U port.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use edges::memory;
use identity::TeidKey;
use scenarios::{Plan, Scenario};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::Span;
use wire::pseudonyms::name_as_run;
use wire::to_agent::Lease;

use super::messages::{Command, Notice, Order};
use super::{Expected, FromWorker, Mailbox, ToWorker, Worker};
use crate::shard::ShardRunner;
use crate::user_plane::{GtpuPort, UserPlaneEnd};

/// Worker threads, and one thread that builds shards for them: a takeover of many shards stops nobody.
pub(crate) struct WorkerPool {
    workers: Vec<Worker>,
    building: Sender<Building>,
    notices_in: UnboundedSender<FromWorker>,
    notices: UnboundedReceiver<FromWorker>,
    backlog: Arc<AtomicU64>,
    plan: Option<(String, Arc<Plan>)>,
    gtpu_address: Option<IpAddr>,
    gtpu: Option<GtpuPort>,
    /// The next slot of the TEIDs.
    slots: u32,
    /// Octets of shards that are not built yet, about.
    promised: Arc<AtomicU64>,
    /// What logs say of this agent, and of its run as soon as it has one.
    within: Span,
}

/// A shard to be built.
struct Building {
    plan: Arc<Plan>,
    lease: Box<Lease>,
    end: Option<UserPlaneEnd>,
    to: Mailbox,
    /// About what it will take.
    octets: u64,
}

impl WorkerPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(
        workers: usize,
        priority: host::Priority,
        gtpu_address: Option<IpAddr>,
        within: Span,
    ) -> std::io::Result<Self> {
        let (notices_in, notices) = unbounded_channel();
        let backlog = Arc::new(AtomicU64::new(0));
        let workers = (0..workers)
            .map(|number| {
                let backlog = Arc::clone(&backlog);
                Worker::spawn(number, priority, notices_in.clone(), backlog, within.clone())
            })
            .collect::<Result<Vec<_>, _>>()?;
        let (building, builds) = channel();
        let promised = Arc::<AtomicU64>::default();
        let kept = Arc::clone(&promised);
        std::thread::Builder::new().name("builder".to_owned()).spawn(move || build(&builds, &kept))?;
        Ok(Self {
            workers,
            building,
            notices_in,
            notices,
            backlog,
            plan: None,
            gtpu_address,
            gtpu: None,
            slots: 0,
            promised,
            within,
        })
    }

    /// What a worker says next. Cancel-safe.
    pub(crate) async fn receive(&mut self) -> FromWorker {
        let Some(received) = self.notices.recv().await else {
            unreachable!("the pool holds a sender itself")
        };
        if matches!(received, FromWorker::Notice(Notice::Report(_) | Notice::Trace(_))) {
            self.backlog.fetch_sub(1, Ordering::Relaxed);
        }
        received
    }

    /// Passes a command on to its worker. A lease is given what it needs first.
    pub(crate) fn tell(&mut self, worker: usize, command: Command) {
        let Command { shard, epoch, order } = command;
        match order {
            Order::Take { lease, until } => {
                if let Err(error) = self.take(worker, lease, until) {
                    let notice = Notice::CannotPrepare { shard, epoch, error, own: true };
                    let _ = self.notices_in.send(FromWorker::Notice(notice));
                }
            }
            order => {
                if let Some(worker) = self.workers.get(worker) {
                    worker.mailbox().tell(ToWorker::Order(Command { shard, epoch, order }));
                }
            }
        }
    }

    fn take(&mut self, worker: usize, lease: Box<Lease>, until: std::time::Instant) -> Result<(), String> {
        let plan = self.plan(&lease)?;
        let targets = lease.target.parse::<sctp::Targets>().map_err(|error| error.to_string())?;
        let user_plane = self.user_plane(&plan, targets.addresses(), &lease.key)?;
        let end = user_plane.as_ref().map(|(port, slot)| port.end(*slot));
        let Some(worker) = self.workers.get(worker) else { return Ok(()) };
        let octets = plan.shard(lease.shard).memory();
        self.have_room(octets)?;
        let to = worker.mailbox().clone();
        let expected = Expected { shard: lease.shard, epoch: lease.epoch, until, targets, user_plane };
        to.tell(ToWorker::Expect(Box::new(expected)));
        // The builder lives as long as the worker pool.
        self.promised.fetch_add(octets, Ordering::Relaxed);
        let _ = self.building.send(Building { plan, lease, end, to, octets });
        Ok(())
    }

    /// Says whether a shard of about so many octets still fits, beside those that are yet to be built: memory that is refused
    /// would end this process, with all its other shards.
    fn have_room(&self, octets: u64) -> Result<(), String> {
        let Some(available) = memory::available() else { return Ok(()) };
        let promised = self.promised.load(Ordering::Relaxed);
        if octets.saturating_add(promised) <= available.octets {
            return Ok(());
        }
        let others = if promised > 0 {
            format!(", and {} are promised to shards before it", memory::shown(promised))
        } else {
            String::new()
        };
        Err(format!(
            "the shard needs about {} of memory{others}; {} are {}: have more agents, or fewer subscribers",
            memory::shown(octets),
            memory::shown(available.octets),
            available.of
        ))
    }

    /// The plan that a lease is a part of; made once for all shards of a run.
    fn plan(&mut self, lease: &Lease) -> Result<Arc<Plan>, String> {
        let plan = match &self.plan {
            Some((run, plan)) if *run == lease.run => Arc::clone(plan),
            _ => {
                let scenario = Scenario::from_yaml(&lease.scenario, "the leased scenario");
                let scenario = scenario.map_err(|error| error.to_string())?;
                let plan = Plan::with_shards(Arc::new(scenario), lease.seed, lease.shards);
                Arc::new(plan.map_err(|error| error.to_string())?)
            }
        };
        if lease.shard >= plan.shards() {
            return Err(format!("shard {} is leased, but the plan has {}", lease.shard, plan.shards()));
        }
        if self.plan.as_ref().is_none_or(|(run, _)| *run != lease.run) {
            self.within.record("run_id", &*lease.run);
            self.within.record("trace_id", hex::encode(lease.trace_id));
            name_as_run(&lease.key);
        }
        self.plan = Some((lease.run.clone(), Arc::clone(&plan)));
        Ok(plan)
    }

    /// The end of the tunnels of one more shard, where the scenario has sessions; the port is opened once, and its TEIDs are
    /// drawn by the secret of the run that opened it.
    fn user_plane(
        &mut self,
        plan: &Plan,
        targets: &[sctp::Address],
        secret: &[u8; 32],
    ) -> Result<Option<(GtpuPort, u32)>, String> {
        if plan.scenario().sessions.is_empty() {
            return Ok(None);
        }
        let port = match &self.gtpu {
            Some(port) => port.clone(),
            None => GtpuPort::open(
                self.gtpu_address,
                targets.first().and_then(target_ip),
                TeidKey::of_secret(secret),
            )
            .map_err(|error| with_cause(&error))?,
        };
        self.gtpu = Some(port.clone());
        // Around and around, so that what is late for a shard that is gone finds no other in its place.
        for _ in 0..SLOTS {
            let slot = self.slots;
            self.slots = (slot + 1) % SLOTS;
            if !port.is_routed(slot) {
                return Ok(Some((port, slot)));
            }
        }
        Err(format!("{SLOTS} shards have TEIDs of this agent, which is as many as there are"))
    }
}

fn build(builds: &Receiver<Building>, promised: &AtomicU64) {
    while let Ok(Building { plan, lease, end, to, octets }) = builds.recv() {
        to.tell(ToWorker::Built(Box::new(ShardRunner::new(&plan, &lease, end))));
        promised.fetch_sub(octets, Ordering::Relaxed);
    }
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

/// Shards that an agent can have at once, where they have sessions.
const SLOTS: u32 = 1 << (u32::BITS - UserPlaneEnd::SHIFT);
