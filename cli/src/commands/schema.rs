use anyhow::{Context, Error};
use clap::ValueEnum;

use crate::exit::Exit;

/// Prints a JSON Schema.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Of what: a scenario file, the summary.json of a run, that of a capacity search, or an interval, which is a line of
    /// timeline.ndjson
    #[arg(value_enum, default_value = "scenario")]
    of: Of,
}

#[derive(Clone, Copy, ValueEnum)]
enum Of {
    Scenario,
    Summary,
    Search,
    Interval,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let schema = match arguments.of {
        Of::Scenario => scenarios::json_schema(),
        Of::Summary => results::schema::of_summary(),
        Of::Search => results::schema::of_search(),
        Of::Interval => results::schema::of_interval(),
    };
    let schema = serde_json::to_string_pretty(&schema).context("writing the schema")?;
    crate::stdout::json(&schema);
    Ok(Exit::Pass)
}
