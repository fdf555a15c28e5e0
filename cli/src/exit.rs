//! Exit codes and logging.

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use anyhow::Error;
use coordinator::CoordinatorError;
use tracing_subscriber::EnvFilter;

/// How a command ended, when it did not fail to do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0
    Pass,
    /// 1: an SLO was missed, or a comparison found a regression.
    SloFailed,
    /// 3
    Invalid,
    /// 75: a supervised agent that is to be started again later.
    TryAgain,
    /// As the child of a supervisor ended.
    Child(u8),
}

/// The process's exit code. An error is printed with its causes; it means that the input is wrong (2), unless it is
/// marked as [`RunInvalid`].
pub(crate) fn code(result: Result<Exit, Error>) -> ExitCode {
    match result {
        Ok(Exit::Pass) => ExitCode::SUCCESS,
        Ok(Exit::SloFailed) => ExitCode::from(1),
        Ok(Exit::Invalid) => ExitCode::from(3),
        Ok(Exit::TryAgain) => ExitCode::from(supervisor::TRY_AGAIN),
        Ok(Exit::Child(code)) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {}", with_causes(&error));
            ExitCode::from(if error.is::<RunInvalid>() { 3 } else { 2 })
        }
    }
}

/// The error and its causes, each once: some errors name their cause themselves.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// An error of the coordinator: one in the input (where to write, where to listen), or one that ended the run.
pub(crate) fn of_coordinator(error: CoordinatorError) -> Error {
    match error {
        CoordinatorError::Listen { .. }
        | CoordinatorError::Folder { .. }
        | CoordinatorError::Store(_)
        | CoordinatorError::CannotResume { .. }
        | CoordinatorError::Unreadable { .. }
        | CoordinatorError::Content { .. } => error.into(),
        _ => Error::new(RunInvalid(error.into())),
    }
}

/// Marks an error that ended a run, rather than one in the input.
#[derive(Debug)]
pub(crate) struct RunInvalid(pub(crate) Error);

impl std::fmt::Display for RunInvalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&with_causes(&self.0))
    }
}

impl std::error::Error for RunInvalid {}

/// Logs to standard error at this filter; warnings where none is given.
pub(crate) fn log_to_stderr(filter: Option<&str>) {
    let filter = EnvFilter::try_new(filter.unwrap_or("warn")).unwrap_or_else(|error| {
        eprintln!("warning: --log is not understood ({error}); logging warnings");
        EnvFilter::new("warn")
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        .init();
}
