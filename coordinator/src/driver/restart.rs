//! A run whose coordinator has died is taken up by another process: from its folder alone.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use scenarios::{Plan, Scenario};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use wire::attempts::{RowPolicy, RowsWanted};
use wire::to_agent::TracePolicy;
use wire::trace_context::TraceParent;

use super::release::Checkpoint;
use super::{RETURN_TIMEOUT, Run, STORE};
use crate::admission::Roster;
use crate::core::{Core, CoreSettings, Input};
use crate::driver::{CoordinatorConfig, CoordinatorError, RunConfig};
use crate::folder::RunFolder;
use crate::folder::{Files, FilesSoFar};
use crate::store::{SqliteStore, Stored};
use crate::time::SteadyClock;
use identity::Membership;
use results::{FolderError, Progress};

/// What a run was given at its beginning; kept in its store.
#[derive(Serialize, Deserialize)]
pub(super) struct RunInputs {
    run: String,
    /// As YAML, with every override applied.
    scenario: String,
    seed: u64,
    shards: u32,
    agents_wanted: usize,
    agents_like: Membership,
    target: String,
    trace: TracePolicy,
    lease: Duration,
    join_timeout: Duration,
    prepare_timeout: Duration,
    charging: Option<PathBuf>,
    command: Option<String>,
    /// Its network ended with its process.
    embedded: bool,
    /// Where its coordinator's certificates are.
    certs: Option<PathBuf>,
    /// Where its agents joined.
    listen: Option<SocketAddr>,
    rows: RowPolicy,
    trace_parent: Option<TraceParent>,
}

/// A run whose coordinator has died, before it goes on: its folder is locked, and what it was given is read.
pub struct Interrupted {
    folder: RunFolder,
    store: SqliteStore,
    inputs: RunInputs,
    began: Instant,
}

impl RunInputs {
    pub(super) fn of(config: &RunConfig, plan: &Plan, run: &str) -> Self {
        Self {
            run: run.to_owned(),
            scenario: plan.scenario().to_yaml(),
            seed: plan.seed(),
            shards: plan.shards(),
            agents_wanted: config.agents_wanted,
            agents_like: config.agents_like.clone(),
            target: config.target.clone(),
            trace: config.trace,
            lease: config.lease,
            join_timeout: config.join_timeout,
            prepare_timeout: config.prepare_timeout,
            charging: config.charging.clone(),
            command: config.command.clone(),
            embedded: config.network.is_some(),
            certs: config.certs.clone(),
            listen: config.listen,
            rows: config.rows,
            trace_parent: config.trace_parent.clone(),
        }
    }

    /// `spans` is how many of a million attempts have a span, where anybody makes some.
    pub(super) fn settings(&self, spans: Option<u32>) -> CoreSettings {
        CoreSettings {
            agents_wanted: self.agents_wanted,
            trace: self.trace,
            rows: RowsWanted { file: self.rows, spans },
            trace_parent: self.trace_parent.clone(),
            lease: self.lease,
            join_timeout: self.join_timeout,
            prepare_timeout: self.prepare_timeout,
            ..CoreSettings::new(&self.run, &self.target)
        }
    }
}

impl Interrupted {
    /// Locks the folder of a run, and reads what it was given.
    ///
    /// # Errors
    /// The folder holds no run that can be taken up, or another coordinator has it.
    pub fn open(folder: &Path) -> Result<Self, CoordinatorError> {
        let began = Instant::now();
        let folder = RunFolder::open(folder)?;
        folder.close_to_others()?;
        let cannot =
            |why: &str| CoordinatorError::CannotResume { folder: folder.path.clone(), why: why.to_owned() };
        if folder.path.join("summary.json").exists() && !folder.path.join(STORE).exists() {
            return Err(cannot("the run has its verdict already: see its report"));
        }
        let (store, inputs) =
            SqliteStore::open::<RunInputs>(&folder.path.join(STORE)).map_err(CoordinatorError::Store)?;
        if inputs.embedded {
            return Err(cannot(
                "it was made by roamstorm run: its agents and its simulator ended with it, so there is nothing to go on with; run it again with --seed",
            ));
        }
        Ok(Self { folder, store, inputs, began })
    }

    /// Where the certificates of its coordinator were.
    pub fn certs(&self) -> Option<&Path> {
        self.inputs.certs.as_deref()
    }

    /// Where its agents joined, and call again.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.inputs.listen
    }

    /// The run's settings, for who listens at these ends now.
    pub(crate) fn config(&self, config: CoordinatorConfig) -> CoordinatorConfig {
        let inputs = &self.inputs;
        let run = RunConfig {
            agents_wanted: inputs.agents_wanted,
            agents_like: inputs.agents_like.clone(),
            target: inputs.target.clone(),
            folder: Some(self.folder.clone()),
            network: None,
            charging: inputs.charging.clone(),
            trace: inputs.trace,
            rows: inputs.rows,
            trace_parent: inputs.trace_parent.clone(),
            lease: inputs.lease,
            join_timeout: inputs.join_timeout,
            prepare_timeout: inputs.prepare_timeout,
            command: inputs.command.clone(),
            ..config.run
        };
        CoordinatorConfig { run, ..config }
    }

    /// The plan of the run.
    pub(crate) fn plan(&self) -> Result<Plan, CoordinatorError> {
        let plan = Scenario::from_yaml(&self.inputs.scenario, "the scenario of the run")
            .and_then(|scenario| Plan::with_shards(Arc::new(scenario), self.inputs.seed, self.inputs.shards));
        plan.map_err(|error| CoordinatorError::CannotResume {
            folder: self.folder.path.clone(),
            why: format!("its scenario is not understood any more: {error}"),
        })
    }
}

impl Run {
    /// Replays what the store holds, writes the files on from there, and lets the agents return.
    pub(crate) fn resume(
        config: RunConfig,
        roster: &Roster,
        progress: watch::Sender<Progress>,
        plan: Plan,
        resumed: Interrupted,
    ) -> Result<Self, CoordinatorError> {
        let Interrupted { folder, store, inputs, began } = resumed;
        let Stored { checkpoint, records } = store.load::<Checkpoint>().map_err(CoordinatorError::Store)?;
        let planned = super::lasts(&plan);
        let wall = SteadyClock::open(&folder.path).now();
        let mut core =
            Core::new(inputs.settings(config.spans_share()), plan, rand::random(), Instant::now(), wall);
        let mut so_far = FilesSoFar::default();
        if let Some(Checkpoint { core: state, files }) = checkpoint {
            core.restore(&state).map_err(|error| CoordinatorError::CannotResume {
                folder: folder.path.clone(),
                why: error.to_string(),
            })?;
            so_far = files;
        }
        let start = core.state().start_wall_us.map(|us| UNIX_EPOCH + Duration::from_micros(us));
        let mut files = Files::resume(&folder, config.kept(), planned, start, so_far)?;
        if core.state().key != [0; 32] {
            files.name_as_run(&core.state().key);
        }
        let replayed = records.len();
        for record in &records {
            core.apply(record);
            let seconds = core.take_output().seconds;
            files
                .write(std::slice::from_ref(record), &seconds, &[])
                .map_err(|what| FolderError::unwritable(&folder.path, std::io::Error::other(what)))?;
        }
        let mut run = Self::with(
            config,
            roster.claim(&folder.run_id, inputs.agents_wanted, inputs.agents_like.clone(), true),
            progress,
            folder,
            files,
            store,
            core,
        )?;
        run.handle(Input::Restarted, Instant::now());
        run.was_resumed = true;
        run.be_looked_on(true);
        run.files.make_spans(run.config.spans.clone(), &records);
        run.returning_until = Some(Instant::now() + RETURN_TIMEOUT);
        if start.is_some() || run.core.state().start_wall_us.is_some() {
            let text = "the coordinator was started again during the run: traces of the seconds before may be missing";
            run.core.warn(text.to_owned());
        }
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(records = replayed, took_ms, "took the run up again");
        run.carry_out();
        run.show();
        Ok(run)
    }
}
