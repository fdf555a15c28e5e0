//! The JSON Schemas of what a run leaves, for whoever reads it with another program.

use serde_json::Value;

use crate::{Interval, SearchSummary, Summary};

/// Of `summary.json`.
pub fn of_summary() -> Value {
    schemars::schema_for!(Summary).to_value()
}

/// Of a line of `timeline.ndjson`.
pub fn of_interval() -> Value {
    schemars::schema_for!(Interval).to_value()
}

/// Of `summary.json` of a capacity search.
pub fn of_search() -> Value {
    schemars::schema_for!(SearchSummary).to_value()
}
