#![no_main]
//! `--set path=value` on a scenario of the catalogue: what is accepted can be planned, or says why not.

use std::sync::Arc;

use scenarios::{Plan, Scenario};

libfuzzer_sys::fuzz_target!(|input: &str| {
    let settings: Vec<_> = input
        .lines()
        .take(8)
        .filter_map(|line| line.split_once('='))
        .map(|(path, value)| (path.to_owned(), value.to_owned()))
        .collect();
    match Scenario::load("smoke", &settings) {
        Ok(scenario) => drop(Plan::new(Arc::new(scenario), 1, 1).map(|plan| plan.describe())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
