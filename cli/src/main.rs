//! The `roamstorm` program: one subcommand a file, no logic of its own.

#![deny(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "both may be dead, full or slow: stderr.rs and stdout.rs"
)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use coordinator::control::Order;

mod noise;
#[macro_use]
mod stderr;
#[macro_use]
mod stdout;

mod artifacts;
mod campaign;
mod colour;
mod commands;
mod exit;
mod help;
mod log;
mod metrics;
mod notify;
mod outcome;
mod past;
mod runs;
mod search;
mod spans;
mod target;
mod times;
mod usage;
mod view;

/// A registration makes and drops many small buffers, most of them in the SCTP stack (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Distributed signalling load generator for mobile networks.
///
/// Exit codes: 0 pass, 1 an SLO failed or a run is worse than its base, 2 the input is wrong, 3 the run is invalid, or
/// roamstorm itself is at fault.
#[derive(Parser)]
#[command(version, max_term_width = 100, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Log what happens, on standard error: warn, info, debug, or a filter such as agent=debug.
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<String>,
    /// How: as text for people, or as one JSON object a line, with all that goes to standard error.
    #[arg(
        long,
        global = true,
        value_name = "text|json",
        default_value = "text",
        hide_possible_values = true
    )]
    log_format: log::Format,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario with embedded coordinator, agents and core simulator, or against a target.
    #[command(after_help = help::RUN)]
    Run(commands::run::Arguments),
    /// Write a scenario to begin with, commented: asks what it is about, or takes options.
    #[command(after_help = help::INIT)]
    Init(commands::init::Arguments),
    /// Make a scenario of the configuration of UERANSIM or PacketRusher.
    #[command(after_help = help::IMPORT)]
    Import(commands::import::Arguments),
    /// Check a scenario and print its plan; runs nothing.
    #[command(after_help = help::CHECK)]
    Check(commands::check::Arguments),
    /// Look at this machine, at a target, and whether a scenario can be run there; each finding with what to do.
    #[command(after_help = help::DOCTOR)]
    Doctor(commands::doctor::Arguments),
    /// Coordinate a run of agents on other machines.
    #[command(after_help = help::COORDINATOR)]
    Coordinator(Box<commands::coordinator::Arguments>),
    /// Join a coordinator and work for it.
    #[command(after_help = help::AGENT)]
    Agent(commands::agent::Arguments),
    /// Serve the core simulator that a scenario describes.
    #[command(after_help = help::SIMULATOR)]
    Simulator(commands::simulator::Arguments),
    /// Print a scenario's subscribers, to provision a lab core with the same identities.
    #[command(after_help = help::SUBSCRIBERS)]
    Subscribers(commands::subscribers::Arguments),
    /// Watch a run that is under way, from another terminal; also tells how a finished one ended.
    #[command(after_help = help::WATCH)]
    Watch(commands::watch::Arguments),
    /// Let a run stand still: nothing is due, UEs stay as they are.
    #[command(after_help = help::PAUSE)]
    Pause(commands::order::Arguments),
    /// Let a run go on that stands still.
    #[command(after_help = help::RESUME)]
    Resume(commands::order::Arguments),
    /// End a run: what is in flight may end, and the report is written. Said again, it ends at once.
    #[command(after_help = help::STOP)]
    Stop(commands::order::Arguments),
    /// Ask whether a coordinator, an agent or a simulator is well.
    #[command(after_help = help::HEALTH)]
    Health(commands::health::Arguments),
    /// Write the report of a run folder again.
    #[command(after_help = help::REPORT)]
    Report(commands::report::Arguments),
    /// Hold a run against an earlier one: what is worse, what is better, beyond chance.
    #[command(after_help = help::COMPARE)]
    Compare(commands::compare::Arguments),
    /// List the runs that there are.
    #[command(after_help = help::RUNS)]
    Runs(commands::runs::Arguments),
    /// Show a figure over the last runs of a scenario, and where its level changed.
    #[command(after_help = help::TREND)]
    Trend(commands::trend::Arguments),
    /// Keep what runs leave in S3: push a run folder, verify and list what lies there.
    Artifacts(commands::artifacts::Arguments),
    /// Hold usage against charging, of a run or of ledgers from elsewhere.
    #[command(after_help = help::RECONCILE)]
    Reconcile(commands::reconcile::Arguments),
    /// Make a fleet's certificate authority and identities.
    #[command(after_help = help::CERTS)]
    Certs(commands::certs::Arguments),
    /// Print the JSON Schema of scenarios, for an editor's completion, or of what a run leaves.
    #[command(after_help = help::SCHEMA)]
    Schema(commands::schema::Arguments),
    /// List the catalogue's scenarios, or print one of them.
    #[command(after_help = help::CATALOGUE)]
    Catalogue(commands::catalogue::Arguments),
    /// Print the completions of a shell: bash, zsh, fish, elvish or powershell.
    #[command(after_help = help::COMPLETIONS)]
    Completions(commands::completions::Arguments),
    /// Write the manual pages of all commands into a folder.
    #[command(after_help = help::MAN)]
    Man(commands::man::Arguments),
}

fn main() -> ExitCode {
    stderr::report_panics();
    // Run folders, ledgers and reports hold the identities and keys of subscribers.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let code = match Arguments::try_parse() {
        Ok(arguments) => exit::whatever_happens(|| run(arguments)),
        Err(error) => usage::of_arguments(&error),
    };
    stderr::finish();
    code
}

fn run(arguments: Arguments) -> ExitCode {
    log::to_stderr(
        arguments.log.as_deref(),
        matches!(arguments.command, Command::Agent(_)),
        arguments.log_format,
    );
    exit::outlive_the_limit_of_files();
    if let Err(error) = exit::have_a_clock() {
        return exit::code(Err(error));
    }
    exit::code(match arguments.command {
        Command::Run(arguments) => commands::run::run(arguments),
        Command::Init(arguments) => commands::init::run(&arguments),
        Command::Import(arguments) => commands::import::run(&arguments),
        Command::Check(arguments) => commands::check::run(&arguments),
        Command::Doctor(arguments) => commands::doctor::run(&arguments),
        Command::Coordinator(arguments) => commands::coordinator::run(*arguments),
        Command::Agent(arguments) => commands::agent::run(arguments),
        Command::Simulator(arguments) => commands::simulator::run(&arguments),
        Command::Subscribers(arguments) => commands::subscribers::run(&arguments),
        Command::Watch(arguments) => commands::watch::run(&arguments),
        Command::Pause(arguments) => commands::order::run(&arguments, Order::Pause),
        Command::Resume(arguments) => commands::order::run(&arguments, Order::Resume),
        Command::Stop(arguments) => commands::order::run(&arguments, Order::Stop),
        Command::Health(arguments) => commands::health::run(&arguments),
        Command::Report(arguments) => commands::report::run(&arguments),
        Command::Compare(arguments) => commands::compare::run(&arguments),
        Command::Runs(arguments) => commands::runs::run(&arguments),
        Command::Trend(arguments) => commands::trend::run(&arguments),
        Command::Artifacts(arguments) => commands::artifacts::run(&arguments),
        Command::Reconcile(arguments) => commands::reconcile::run(&arguments),
        Command::Certs(arguments) => commands::certs::run(&arguments),
        Command::Schema(arguments) => commands::schema::run(&arguments),
        Command::Catalogue(arguments) => commands::catalogue::run(&arguments),
        Command::Completions(arguments) => commands::completions::run(&arguments),
        Command::Man(arguments) => commands::man::run(&arguments),
    })
}
