use anyhow::{Context, Error};

use crate::exit::Exit;

/// Prints the JSON Schema.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Result<Exit, Error> {
    let schema = serde_json::to_string_pretty(&scenarios::json_schema()).context("writing the schema")?;
    crate::stdout::json(&schema);
    Ok(Exit::Pass)
}
