//! A whole agent, with its workers, its connection and a core, against a coordinator that is written out here.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use agent::{AgentConfig, AgentError, Interruption};
use scenarios::Scenario;
use simulator::{Simulator, SimulatorOptions};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use wire::attempts::RowsWanted;
use wire::to_agent::{Lease, ToAgent, TracePolicy, Welcome};
use wire::to_coordinator::{Hello, IntervalReport, Part, ToCoordinator};
use wire::{AgentLink, Authority, CoordinatorEndpoint, Identity, Role, WireError};

const RUN: &str = "run";
const TOKEN: [u8; 16] = [9; 16];
const SCENARIO: &str = r#"
name: returning
seed: 1
subscribers:
  - {plmn: 001/01, imsi: "001010000000001", count: 2000, k: {derived-from: "465B5CE8B199B49FAA5F0A2EE238A6BC"}, opc: "E8ED289DEBA952E4283B54E88E6183CA"}
cells: {nodes: 1, cells-per-node: 1, tacs: [1]}
radio: ideal
load:
  - procedure: registration
    arrivals: uniform
    phases:
      - {rate: 20/s, for: 100s}
"#;

/// A core, an authority, and the runtime of the agent.
struct Bench {
    authority: Authority,
    coordinator: Identity,
    simulator: Simulator,
    runtime: Runtime,
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

impl Bench {
    fn new() -> Self {
        let authority = Authority::generate("test fleet").unwrap();
        let coordinator = authority.issue("coordinator", Role::Coordinator, &[]).unwrap();
        let scenario = Scenario::from_yaml(SCENARIO, "the test").unwrap();
        let listen = "sctp+udp://127.0.0.1:0".parse().unwrap();
        let simulator = Simulator::start(&scenario, 1, &listen, &SimulatorOptions::default()).unwrap();
        Self { authority, coordinator, simulator, runtime: runtime() }
    }

    fn agent(
        &self,
        address: SocketAddr,
    ) -> (JoinHandle<Result<(), AgentError>>, UnboundedSender<Interruption>) {
        self.agent_with(address, |_| {})
    }

    fn agent_with(
        &self,
        address: SocketAddr,
        set: impl FnOnce(&mut AgentConfig),
    ) -> (JoinHandle<Result<(), AgentError>>, UnboundedSender<Interruption>) {
        let identity = self.authority.issue("agent", Role::Agent, &[]).unwrap();
        let mut config = AgentConfig::new("a".to_owned(), identity, address.to_string());
        set(&mut config);
        let (interrupt, interruptions) = unbounded_channel();
        (self.runtime.spawn(agent::run(config, interruptions)), interrupt)
    }

    fn lease(&self, asked_us: u64, valid: Duration) -> ToAgent {
        ToAgent::Lease(Box::new(Lease {
            run: RUN.to_owned(),
            scenario: SCENARIO.to_owned(),
            seed: 1,
            shard: 0,
            shards: 1,
            epoch: 1,
            asked_us,
            valid_us: valid.as_micros().try_into().unwrap(),
            target: self.simulator.address().to_string(),
            resume_at: vec![0],
            trace: TracePolicy::Failed,
            key: [0; 32],
            takeover: None,
            rows: RowsWanted::default(),
            trace_id: [0; 16],
        }))
    }
}

/// A coordinator's process: dropped, it dies without a word.
struct Coordinator {
    runtime: Option<Runtime>,
    address: SocketAddr,
    endpoint: Option<CoordinatorEndpoint>,
    link: Option<AgentLink>,
    hello: Option<Hello>,
    /// How long leases are extended; zero to leave them alone.
    renewing: Duration,
}

impl Coordinator {
    fn start(identity: &Identity, address: SocketAddr) -> Self {
        let runtime = runtime();
        let since = Instant::now();
        let endpoint = loop {
            // A port of a coordinator that died is free when the last of its tasks is gone.
            match runtime.block_on(async { CoordinatorEndpoint::bind(address, identity) }) {
                Ok(endpoint) => break endpoint,
                Err(error) => assert!(since.elapsed() < Duration::from_secs(5), "{error}"),
            }
        };
        Self {
            runtime: Some(runtime),
            address: endpoint.local_addr(),
            endpoint: Some(endpoint),
            link: None,
            hello: None,
            renewing: Duration::from_secs(30),
        }
    }

    /// Takes the agent in.
    fn welcome(&mut self, returned: bool) -> Hello {
        let accept = self.endpoint.as_ref().unwrap().accept();
        let link = self.runtime.as_ref().unwrap().block_on(async {
            tokio::time::timeout(Duration::from_secs(20), accept).await.expect("nobody came").unwrap()
        });
        let hello = link.hello.clone();
        (self.link, self.hello) = (Some(link), Some(hello.clone()));
        let (agent, program) = ("a".to_owned(), String::new());
        self.say(ToAgent::Welcome(Welcome { agent, program, token: TOKEN, returned }));
        hello
    }

    fn say(&mut self, message: ToAgent) {
        let link = self.link.as_mut().unwrap();
        self.runtime.as_ref().unwrap().block_on(link.send(&message)).unwrap();
    }

    /// The next message that matters; the agent's asking is answered.
    fn receive(&mut self) -> ToCoordinator {
        loop {
            let link = self.link.as_mut().unwrap();
            let message = self.runtime.as_ref().unwrap().block_on(async {
                tokio::time::timeout(Duration::from_secs(20), link.receive()).await.expect("silence")
            });
            match message.unwrap().expect("the agent has gone") {
                ToCoordinator::Alive { agent_us } => {
                    let valid_us = self.renewing.as_micros().try_into().unwrap();
                    if valid_us > 0 {
                        self.say(ToAgent::Renew { asked_us: agent_us, valid_us, leases: vec![(0, 1)] });
                    }
                }
                ToCoordinator::Health(_) | ToCoordinator::Trace(_) => {}
                message => return message,
            }
        }
    }

    fn hear_report(&mut self) -> IntervalReport {
        match self.receive() {
            ToCoordinator::Report(report) => *report,
            other => panic!("{other:?}"),
        }
    }

    fn acknowledge(&mut self, report: &IntervalReport) {
        let IntervalReport { shard, epoch, sequence, .. } = *report;
        self.say(ToAgent::Ack { shard, epoch, sequence });
    }

    /// Takes the agent in and has it begin.
    fn begin(&mut self, bench: &Bench) {
        let hello = self.welcome(false);
        assert_eq!(hello.part, Part::Agent);
        self.say(bench.lease(hello.agent_us, self.renewing.max(Duration::from_secs(6))));
        assert_eq!(self.receive(), ToCoordinator::Ready { shard: 0, epoch: 1 });
        self.say(ToAgent::Start {
            run: RUN.to_owned(),
            at_us: hello.agent_us,
            wall_us: 1,
            paused_at_us: None,
        });
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // First, so that nothing says goodbye.
            runtime.shutdown_background();
        }
    }
}

fn ended(bench: &Bench, agent: JoinHandle<Result<(), AgentError>>) -> Result<(), AgentError> {
    bench.runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), agent).await.expect("the agent does not end").unwrap()
    })
}

#[test]
fn the_load_outlives_the_coordinator_and_its_successor_gets_every_report_that_was_not_acknowledged() {
    let bench = Bench::new();
    let mut coordinator = Coordinator::start(&bench.coordinator, ([127, 0, 0, 1], 0).into());
    let address = coordinator.address;
    let (agent, _interrupt) = bench.agent(address);
    coordinator.begin(&bench);
    let first = coordinator.hear_report();
    coordinator.acknowledge(&first);
    let lost = coordinator.hear_report();
    drop(coordinator);

    let mut coordinator = Coordinator::start(&bench.coordinator, address);
    let hello = coordinator.welcome(true);
    let Part::Returning(back) = hello.part else { panic!("{hello:?}") };
    assert_eq!((back.run.as_str(), back.agent.as_str(), back.token), (RUN, "a", TOKEN));
    // The acknowledgement may have been lost with its sender.
    let [held] = back.held[..] else { panic!("{:?}", back.held) };
    assert!((held.shard, held.epoch) == (0, 1) && held.unacknowledged <= 1 && !held.lapsed, "{held:?}");
    assert_eq!(coordinator.receive(), ToCoordinator::Ready { shard: 0, epoch: 1 });

    let mut reports = Vec::new();
    while reports.len() < 4 {
        let report = coordinator.hear_report();
        coordinator.acknowledge(&report);
        reports.push(report);
    }
    assert_eq!(reports[0].sequence, held.unacknowledged);
    assert!(reports.contains(&lost), "what was not acknowledged comes again as it was");
    for pair in reports.windows(2) {
        assert_eq!((pair[1].sequence, pair[1].from_us), (pair[0].sequence + 1, pair[0].to_us));
        assert!(pair[1].progress > pair[0].progress, "the load stood still: {:?}", pair[1]);
    }

    coordinator.say(ToAgent::Release { shard: 0, epoch: 1, settle_us: 500_000 });
    let mut last = reports.pop().unwrap().sequence;
    let released = loop {
        match coordinator.receive() {
            ToCoordinator::Report(report) => last = report.sequence,
            ToCoordinator::Ues(_) => {}
            other => break other,
        }
    };
    assert!(
        matches!(released, ToCoordinator::Released { reports, lapsed: false, .. } if reports == last + 1),
        "{released:?}"
    );
    coordinator.say(ToAgent::RunOver { run: RUN.to_owned() });
    ended(&bench, agent).unwrap();
}

#[test]
fn a_lease_that_nobody_renews_stops_its_shard_and_an_interrupted_agent_leaves() {
    let bench = Bench::new();
    let mut coordinator = Coordinator::start(&bench.coordinator, ([127, 0, 0, 1], 0).into());
    coordinator.renewing = Duration::ZERO;
    let (agent, interrupt) = bench.agent(coordinator.address);
    coordinator.begin(&bench);
    let mut reports = 0;
    let released = loop {
        match coordinator.receive() {
            ToCoordinator::Report(report) => {
                reports += 1;
                coordinator.acknowledge(&report);
            }
            other => break other,
        }
    };
    let expected = ToCoordinator::Released { shard: 0, epoch: 1, reports, batches: 0, lapsed: true };
    assert_eq!(released, expected);
    let before = bench.simulator.statistics().amf;

    interrupt.send(Interruption { reason: "SIGTERM".to_owned(), deadline: None }).unwrap();
    let draining = ToCoordinator::Draining { reason: "SIGTERM".to_owned(), within_us: None };
    assert_eq!(coordinator.receive(), draining);
    assert_eq!(coordinator.receive(), ToCoordinator::Leaving { reason: "SIGTERM".to_owned() });
    ended(&bench, agent).unwrap();
    let after = bench.simulator.statistics().amf;
    assert_eq!(format!("{before:?}"), format!("{after:?}"), "something was said after the end of the lease");
}

#[test]
fn an_agent_that_is_sent_away_ends_with_the_reason() {
    let bench = Bench::new();
    let mut coordinator = Coordinator::start(&bench.coordinator, ([127, 0, 0, 1], 0).into());
    let (agent, _interrupt) = bench.agent(coordinator.address);
    coordinator.welcome(false);
    let link = coordinator.link.take().unwrap();
    coordinator.runtime.as_ref().unwrap().block_on(link.refuse("the run has ended"));
    let error = ended(&bench, agent).unwrap_err();
    assert!(matches!(&error, AgentError::Lost(WireError::Refused { .. })), "{error}");
    assert!(error.to_string().contains("the run has ended"), "{error}");
}

#[test]
fn an_agent_that_stays_joins_for_the_next_run_as_a_new_one() {
    let bench = Bench::new();
    let mut coordinator = Coordinator::start(&bench.coordinator, ([127, 0, 0, 1], 0).into());
    let (agent, interrupt) = bench.agent_with(coordinator.address, |config| config.stay = true);
    coordinator.begin(&bench);
    coordinator.say(ToAgent::RunOver { run: RUN.to_owned() });
    assert_eq!(coordinator.welcome(false).part, Part::Agent);
    coordinator.say(ToAgent::Ping { sent_us: 3 });
    assert!(matches!(coordinator.receive(), ToCoordinator::Pong { sent_us: 3, .. }));
    interrupt.send(Interruption { reason: "SIGTERM".to_owned(), deadline: None }).unwrap();
    assert_eq!(coordinator.receive(), ToCoordinator::Leaving { reason: "SIGTERM".to_owned() });
    ended(&bench, agent).unwrap();
}

#[test]
fn a_folder_that_cannot_hold_reports_is_named_before_anybody_is_called() {
    let bench = Bench::new();
    let set = |config: &mut AgentConfig| config.spool = Some("/nowhere/at/all".into());
    let (agent, _interrupt) = bench.agent_with(([127, 0, 0, 1], 9).into(), set);
    let error = ended(&bench, agent).unwrap_err().to_string();
    assert!(error.contains("/nowhere/at/all") && error.contains("give another folder"), "{error}");
}
