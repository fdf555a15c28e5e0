//! Exit codes.

use std::process::ExitCode;

use anyhow::Error;
use coordinator::CoordinatorError;

use crate::stderr;

/// How a command ended, when it did not fail to do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0
    Pass,
    /// 1: an SLO was missed, or a comparison found a regression.
    SloFailed,
    /// 2: a comparison in which nothing could be judged.
    NotJudged,
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
        Ok(Exit::NotJudged) => ExitCode::from(2),
        Ok(Exit::Invalid) => ExitCode::from(3),
        Ok(Exit::TryAgain) => ExitCode::from(supervisor::TRY_AGAIN),
        Ok(Exit::Child(code)) => ExitCode::from(code),
        Err(error) => {
            stderr::lines(&format!("error: {}", with_causes(&error)));
            ExitCode::from(if error.is::<RunInvalid>() { 3 } else { 2 })
        }
    }
}

/// Runs a command; a panic in it has been reported, and ends with 3: whatever was run, nothing is proven. A runtime that has
/// no threads panics, too: that is a limit of the surroundings, and ends with 2.
pub(crate) fn whatever_happens(command: impl FnOnce() -> ExitCode) -> ExitCode {
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(command));
    ended.unwrap_or_else(|said| {
        let said = said.downcast_ref::<String>().map_or("", String::as_str);
        ExitCode::from(if is_for_want_of_a_thread(said) { 2 } else { 3 })
    })
}

/// Whether a panic says that the system gives no thread.
pub(crate) fn is_for_want_of_a_thread(said: &str) -> bool {
    said.contains("spawn") && said.contains("os error 11")
}

/// The error and its causes, each once: some errors name their cause themselves.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    // Errors of the system come from many places, most of which do not know what to do about these.
    for (said, limit, remedy) in [
        ("(os error 24)", "ulimit -n", "this process may open no more files: allow it more with `ulimit -n`"),
        (
            "(os error 12)",
            "ulimit -v",
            "there is no more memory for this process: see `ulimit -v`, and what else runs here",
        ),
    ] {
        if text.contains(said) && !text.contains(limit) {
            text = format!("{text}; {remedy}");
        }
    }
    // With so few, what fails first may be far from where it is said.
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    if let Some(files) = files.filter(|files| *files < FEWEST_FILES && !text.contains("ulimit -n")) {
        text = format!(
            "{text}; this process may open no more than {files} files: allow it more with `ulimit -n`"
        );
    }
    text
}

/// Open files with which anything may fail.
const FEWEST_FILES: u64 = 64;

/// A file that may not grow any more (`ulimit -f`) is an error of that file, and not the end of the process.
pub(crate) fn outlive_the_limit_of_files() {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
    let _guard = runtime.enter();
    // The handler stays when nobody listens to it any more: the signal ends nothing then, and the write fails.
    let kind = tokio::signal::unix::SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    let _ = tokio::signal::unix::signal(kind);
}

/// Certificates, the names of runs and the times of records count from 1970.
pub(crate) fn have_a_clock() -> Result<(), Error> {
    let since = std::time::UNIX_EPOCH.elapsed();
    since.map(drop).map_err(|_| anyhow::anyhow!("the clock of this machine says a time before 1970: set it"))
}

/// An error of the coordinator: one in the input (where to write, where to listen), or one that ended the run.
pub(crate) fn of_coordinator(error: CoordinatorError) -> Error {
    let error = match error {
        // What kept agents away was said when it happened.
        CoordinatorError::TooFewAgents { joined, wanted, waited_s, address, .. } => {
            CoordinatorError::TooFewAgents { joined, wanted, waited_s, address, hints: String::new() }
        }
        error => error,
    };
    match error {
        CoordinatorError::Listen { .. }
        | CoordinatorError::Folder(_)
        | CoordinatorError::Store(_)
        | CoordinatorError::Thread { .. }
        | CoordinatorError::CannotResume { .. } => error.into(),
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

/// How to get what a build lacks.
#[cfg(not(all(feature = "metrics", feature = "otlp", feature = "s3")))]
pub(crate) const GET_ALL: &str =
    "build it with `cargo build --release --features full`, or take a package of `make dist`";
