//! One run from the command line's side: its options, its progress, Ctrl-C, and its result.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Error;
use coordinator::{Coordinator, CoordinatorConfig, RunConfig, RunFolder, RunOutcome, StopRequest};
use scenarios::Plan;
use tokio::sync::watch;
use wire::Identity;
use wire::attempts::{RowPolicy, WHOLE};
use wire::to_agent::TracePolicy;

use crate::commands::interrupted;
use crate::exit::{self, Exit};
use crate::notify::{self, Message, Receiver};
use crate::{artifacts, metrics, outcome, spans, view};

/// What every run can be told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where run folders go.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// Whose messages are kept: those of failed UEs, of all, or of the first N UEs of each shard as well.
    #[arg(long, value_name = "failed|all|N", default_value = "2", value_parser = trace_policy)]
    trace: TracePolicy,
    /// Which attempts have a line in attempts.ndjson.zst: all, those that did not succeed, or a share such as 1%, drawn by the seed.
    #[arg(long, value_name = "all|failed|SHARE%", value_parser = row_policy)]
    attempts: Option<RowPolicy>,
    /// How long an agent that has lost its coordinator goes on, and how long a coordinator waits for one before it gives its
    /// shards to others: 30s, 2m, 500ms.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = lease)]
    lease: Duration,
    /// Prints summary.json on standard output, and nothing else.
    #[arg(long)]
    pub(crate) json: bool,
    /// Adds the result as GitHub-flavoured Markdown to this file, such as "$GITHUB_STEP_SUMMARY".
    #[arg(long, value_name = "FILE")]
    summary_file: Option<PathBuf>,
    /// Tells this address how the run ended: https://HOST/PATH, or slack+https://… for a webhook of Slack. May be repeated. With
    /// a secret in ROAMSTORM_NOTIFY_SECRET it is signed (docs/pipelines.md).
    #[arg(long, value_name = "URL")]
    notify: Vec<Receiver>,
    #[command(flatten)]
    pub(crate) artifacts: artifacts::Options,
    #[command(flatten)]
    pub(crate) metrics: metrics::Options,
    #[command(flatten)]
    pub(crate) spans: spans::Collector,
    /// Nothing of it is shown while it runs.
    #[arg(skip)]
    pub(crate) quiet: bool,
}

impl Options {
    /// Of a probe, which shows and keeps nothing.
    pub(crate) fn of_probe(out: &Path) -> Self {
        Self {
            out: out.to_owned(),
            trace: TracePolicy::Failed,
            attempts: None,
            lease: PROBE_LEASE,
            json: true,
            summary_file: None,
            notify: Vec::new(),
            artifacts: artifacts::Options::default(),
            metrics: metrics::Options::none(),
            spans: spans::Collector::none(),
            quiet: true,
        }
    }

    /// Makes the folder of a run.
    pub(crate) fn folder(&self, plan: &Plan) -> Result<RunFolder, Error> {
        let folder = RunFolder::create(&self.out, None, &plan.scenario().name);
        folder.map_err(|error| exit::of_coordinator(error.into()))
    }

    /// Where run folders are.
    pub(crate) fn out(&self) -> &Path {
        &self.out
    }

    /// Adds the result to the file of a pipeline's summary; where that cannot be, the run has ended all the same.
    pub(crate) fn add_summary(&self, markdown: impl FnOnce() -> String) {
        let Some(path) = &self.summary_file else { return };
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        let written = file.and_then(|mut file| {
            use std::io::Write as _;
            file.write_all(markdown().as_bytes())
        });
        if let Err(error) = written {
            eprintln!("warning: --summary-file {}: {error}", path.display());
        }
    }

    /// Pushes the folder, where that is wanted, and adds to the pipeline's summary where its artifacts lie then.
    pub(crate) async fn push_artifacts(&self, folder: &Path) -> Option<String> {
        let place = self.artifacts.push(folder).await?;
        self.add_summary(|| format!("\nArtifacts: `{place}`\n"));
        Some(place)
    }

    /// Tells whoever wants to know how it ended.
    pub(crate) async fn tell(&self, message: &Message) {
        notify::tell(&self.notify, message).await;
    }

    /// A ledger that is not there may still be on its way; who mistyped its name should learn it before the run.
    pub(crate) fn expect_ledger(ledger: Option<&Path>) {
        if let Some(ledger) = ledger.filter(|ledger| !ledger.exists()) {
            eprintln!(
                "warning: --charging {} is not there yet; it is read at the end of the run",
                ledger.display()
            );
        }
    }

    /// The coordinator's settings, as far as they are the same for every command.
    pub(crate) fn coordinator_config(
        &self,
        listen: SocketAddr,
        identity: Identity,
        target: &str,
    ) -> CoordinatorConfig {
        let command: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        let ends = CoordinatorConfig::new(listen, identity, target, &self.out);
        let run = RunConfig {
            trace: self.trace,
            rows: self.attempts.unwrap_or_default(),
            lease: self.lease,
            command: Some(command.join(" ")),
            trace_parent: spans::parent(),
            ..ends.run
        };
        CoordinatorConfig { run, ..ends }
    }
}

/// Runs the plan, shows its progress, and prints its result.
pub(crate) async fn conduct(coordinator: Coordinator, plan: Plan, options: &Options) -> Result<Exit, Error> {
    let order = plan.scenario().order();
    let ended = play(coordinator, plan, options.quiet).await?;
    finish(&ended, options, &order).await
}

/// Prints the result of a run, adds it to the pipeline's summary, and tells whoever wants to know.
pub(crate) async fn finish(ended: &RunOutcome, options: &Options, order: &[String]) -> Result<Exit, Error> {
    let exit = print(ended, options, order)?;
    options.add_summary(|| report::render_markdown(&ended.summary, order));
    let artifacts = options.push_artifacts(&ended.folder).await;
    options.tell(&Message::of_run(&ended.summary, &ended.folder).with_artifacts(artifacts)).await;
    Ok(exit)
}

fn print(ended: &RunOutcome, options: &Options, order: &[String]) -> Result<Exit, Error> {
    if options.json {
        // In the order of summary.json.
        crate::stdout::json(&serde_json::to_string_pretty(&serde_json::to_value(&ended.summary)?)?);
    } else {
        outcome::print(&ended.summary, &ended.folder, order);
    }
    Ok(outcome::exit(&ended.summary))
}

/// Runs the plan and shows its progress.
pub(crate) async fn play(coordinator: Coordinator, plan: Plan, quiet: bool) -> Result<RunOutcome, Error> {
    let (stop, stopped) = watch::channel(StopRequest::None);
    // On a thread of its own: whoever reads standard error slowly does not hold up the fleet.
    let (progress, runtime) = (coordinator.progress(), tokio::runtime::Handle::current());
    let (done, viewed) = tokio::sync::oneshot::channel();
    let viewer = std::thread::Builder::new().name("view".to_owned()).spawn(move || {
        if !quiet {
            runtime.block_on(view::show(progress));
        }
        let _ = done.send(());
    });
    if let Err(error) = viewer {
        eprintln!("warning: the run is not shown while it runs: no thread can be started: {error}");
    }
    let run = coordinator.run(plan, stopped);
    tokio::pin!(run);
    let mut asked = 0;
    let ended = loop {
        tokio::select! {
            ended = &mut run => break ended,
            () = interrupted() => {
                asked += 1;
                if asked == 1 {
                    eprintln!("stopping: what is in flight may end; interrupt again to stop at once");
                }
                let _ = stop.send(if asked == 1 { StopRequest::Drain } else { StopRequest::Now });
            }
        }
    };
    // The view ends with the progress channel, unless nobody reads it.
    let _ = tokio::time::timeout(LAST_LOOK, viewed).await;
    ended.map_err(exit::of_coordinator)
}

/// Worker threads for each of the embedded agents: the cores, less one for the other end. Those that have short slices of a fair
/// share are more, so that each takes less of it and is let run sooner when it wakes.
pub(crate) fn workers_for(agents: usize, granted: host::Granted) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = match granted {
        host::Granted::RealTime | host::Granted::Ordinary => cores.saturating_sub(1),
        host::Granted::Slice => cores + 1,
    };
    (threads / agents).max(1)
}

fn lease(text: &str) -> Result<Duration, String> {
    let length = scenarios::parse_duration(text)?;
    let fits = (SHORTEST_LEASE..=LONGEST_LEASE).contains(&length);
    fits.then_some(length).ok_or_else(|| "expected a time from 500ms to 1h, such as 30s".to_owned())
}

fn trace_policy(text: &str) -> Result<TracePolicy, String> {
    match text {
        "failed" => Ok(TracePolicy::Failed),
        "all" => Ok(TracePolicy::All),
        _ => text
            .parse()
            .map(TracePolicy::Sampled)
            .map_err(|_| "expected failed, all, or a number of UEs".to_owned()),
    }
}

fn row_policy(text: &str) -> Result<RowPolicy, String> {
    match text {
        "all" => Ok(RowPolicy::All),
        "failed" => Ok(RowPolicy::Failed),
        _ => share(text)
            .filter(|share| *share > 0)
            .map(RowPolicy::Share)
            .ok_or_else(|| "expected all, failed, or a share from 0.0001% to 100%, such as 1%".to_owned()),
    }
}

/// A share such as `2.5%`, of a million.
pub(crate) fn share(text: &str) -> Option<u32> {
    let share: f64 = text.strip_suffix('%')?.trim_end().parse().ok()?;
    let of_a_million = (share * f64::from(WHOLE) / 100.0).round();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked before: 0 to a million, and whole"
    )]
    (0.0..=f64::from(WHOLE)).contains(&of_a_million).then_some(of_a_million as u32)
}

const PROBE_LEASE: Duration = Duration::from_secs(30);
/// What is shown last may take so long.
const LAST_LOOK: Duration = Duration::from_secs(1);
/// Below, leases end by the delays of a busy machine.
const SHORTEST_LEASE: Duration = Duration::from_millis(500);
const LONGEST_LEASE: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_times_within_limits() {
        assert_eq!(lease("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(lease("1500ms"), Ok(Duration::from_millis(1500)));
        for wrong in ["", "30", "s", "0s", "100ms", "2h", "99999999999999999999s", "5 parsecs"] {
            assert!(lease(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn attempts_are_all_failed_or_a_share() {
        assert_eq!(row_policy("all"), Ok(RowPolicy::All));
        assert_eq!(row_policy("failed"), Ok(RowPolicy::Failed));
        for (text, share) in [("1%", 10_000), ("0.25 %", 2_500), ("100%", WHOLE), ("0.0001%", 1)] {
            assert_eq!(row_policy(text), Ok(RowPolicy::Share(share)), "{text}");
        }
        for wrong in ["", "1", "0%", "101%", "-1%", "NaN%", "1e9%", "some"] {
            assert!(row_policy(wrong).is_err(), "{wrong}");
        }
    }
}
