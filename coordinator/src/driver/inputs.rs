//! What a run can be repeated from, in its folder: `scenario.yaml` and `plan.json`.

use std::collections::BTreeMap;

use results::FolderError;
use serde_json::{Value, json};

use super::RunConfig;
use crate::core::Core;
use crate::folder::RunFolder;

/// Writes both.
pub(super) fn write(core: &Core, folder: &RunFolder, config: &RunConfig) -> Result<(), FolderError> {
    let plan = core.plan();
    let shards: Vec<Value> = (0..plan.shards())
        .map(|number| {
            let gnbs: Vec<String> = plan.shard(number).nodes.iter().map(|gnb| gnb.name.clone()).collect();
            json!({"shard": number, "gnbs": gnbs, "planned": planned_of(plan, number)})
        })
        .collect();
    let inputs = json!({
        "run_id": folder.run_id, "scenario": plan.scenario().name, "seed": plan.seed(),
        "duration_s": plan.duration().as_secs_f64(), "planned": core.planned(), "shards": shards,
        "target": config.target, "command": config.command, "versions": versions(),
    });
    folder.write("scenario.yaml", plan.scenario().to_yaml().as_bytes())?;
    folder.write("plan.json", pretty(&inputs).as_bytes())?;
    Ok(())
}

/// The versions of the parts.
pub(super) fn versions() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("roamstorm".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("wire".to_owned(), wire::VERSION.to_string()),
    ])
}

pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// What the plan holds for one shard, by procedure.
fn planned_of(plan: &scenarios::Plan, shard: u32) -> BTreeMap<String, u64> {
    let mut planned = BTreeMap::new();
    for (load, n) in plan.scenario().load.iter().zip(plan.shard(shard).planned()) {
        *planned.entry(load.procedure.name().to_owned()).or_insert(0) += n;
    }
    planned
}
