//! The check as JSON.

use anyhow::{Context, Error};
use scenarios::{Description, Plan, Scenario};
use serde_json::{Value, json};

use super::network::of_agents;

pub(super) fn print(plan: &Plan, agents: u16) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(&of(plan, agents)?).context("writing the plan")?;
    crate::stdout::json(&text);
    Ok(())
}

fn of(plan: &Plan, agents: u16) -> Result<Value, Error> {
    let (described, scenario) = (plan.describe(), plan.scenario());
    let memory = plan.memory();
    let written: Value = scenario.as_json().context("writing the scenario")?;
    let of_agents: Vec<Value> = of_agents(plan, agents)
        .iter()
        .map(|agent| {
            json!({
                "shards": agent.shards, "nodes": agent.nodes, "subscribers": agent.subscribers, "attempts": agent.attempts,
                "memory_octets": agent.memory,
            })
        })
        .collect();
    Ok(json!({
        "scenario": described.scenario, "seed": described.seed, "subscribers": described.subscribers, "nodes": described.nodes,
        "cells": described.cells, "duration_s": described.duration.as_secs_f64(), "longest_s": described.longest.as_secs_f64(),
        "memory_octets": {"agents": memory.agents, "simulator": memory.simulator},
        "loads": loads(&described), "impaired_s": described.impaired.as_secs_f64(),
        "impaired_at_most_s": described.impaired_at_most.as_secs_f64(),
        "slos": conditions(scenario), "guardrails": guardrails(scenario),
        "agents": of_agents, "shards": shards(&described), "warnings": described.warnings, "resolved": written,
    }))
}

fn loads(described: &Description) -> Vec<Value> {
    let of = |load: &scenarios::LoadDescription| {
        json!({
            "procedure": load.procedure.name(), "attempts": load.planned, "peak_rate_per_s": load.peak_rate_per_s,
            "starts_after_s": load.starts_after.as_secs_f64(), "ends_after_s": load.ends_after.as_secs_f64(),
        })
    };
    described.loads.iter().map(of).collect()
}

fn shards(described: &Description) -> Vec<Value> {
    let of = |shard: &scenarios::ShardDescription| {
        json!({
            "shard": shard.number, "nodes": shard.nodes, "subscribers": shard.subscribers, "attempts": shard.planned,
        })
    };
    described.shards.iter().map(of).collect()
}

fn conditions(scenario: &Scenario) -> Vec<String> {
    let of_search = scenario.search.iter().flat_map(|search| &search.conditions);
    scenario.slos.iter().chain(of_search).map(ToString::to_string).collect()
}

fn guardrails(scenario: &Scenario) -> Vec<Value> {
    let of = |guardrail: &scenarios::Guardrail| json!({"abort_when": guardrail.condition.to_string(), "for_s": guardrail.for_.as_secs_f64()});
    scenario.guardrails.iter().map(of).collect()
}
