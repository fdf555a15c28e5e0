mod json;
mod network;

use std::fmt::Display;
use std::time::Duration;

use anyhow::Error;
use edges::memory;
use scenarios::{Description, Flow, Path, Plan, Scenario};

use self::network::{of_agents, print_core, print_nas, print_radio};
use super::scenario::ScenarioArguments;
use crate::exit::Exit;
use crate::search;

/// Checks a scenario.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// How many agents play it: the plan has at most 64 shards for each.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    agents: u16,
    /// Prints the plan, and the scenario with all its defaults, as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let plan = arguments.scenario.plan(arguments.agents)?;
    if arguments.json {
        json::print(&plan, arguments.agents)?;
        return Ok(Exit::Pass);
    }
    let (description, scenario) = (plan.describe(), plan.scenario());
    if let Some(text) = search::explain(scenario) {
        println!("{text}");
    }
    print_whole(&description, arguments.scenario.draws_seed(scenario));
    print_memory(plan.memory());
    print_loads(&description, scenario);
    print_radio(&scenario.radio);
    print_nas(scenario);
    print_core(&scenario.network);
    print_networks(scenario);
    print_sessions(scenario);
    print_mobility(scenario);
    print_impairments(&description, scenario);
    print_charging(scenario);
    print_conditions(scenario);
    print_agents(&plan, arguments.agents);
    print_shards(&description);
    Ok(Exit::Pass)
}

fn print_whole(plan: &Description, drawn: bool) {
    let seed = if drawn { "a seed drawn for each run".to_owned() } else { format!("seed {}", plan.seed) };
    println!(
        "{}: {}, {}, {}, {seed}",
        plan.scenario,
        counted(plan.subscribers, "subscriber"),
        counted(u64::from(plan.nodes), "base station"),
        counted(plan.cells, "cell"),
    );
    println!("ends after {}, at the latest after {}", seconds(plan.duration), seconds(plan.longest));
}

pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// What each of several agents holds.
fn print_agents(plan: &Plan, agents: u16) {
    if agents < 2 {
        return;
    }
    println!();
    println!(
        "{:<8}{:>8}{:>8}{:>14}{:>12}{:>12}",
        "agent", "shards", "nodes", "subscribers", "attempts", "memory"
    );
    let all = of_agents(plan, agents);
    for (number, agent) in (1..).zip(&all).take(SHARDS_SHOWN) {
        println!(
            "{:<8}{:>8}{:>8}{:>14}{:>12}{:>12}",
            number,
            agent.shards,
            agent.nodes,
            agent.subscribers,
            agent.attempts,
            memory::shown(agent.memory)
        );
    }
    if let Some(more) = all.len().checked_sub(SHARDS_SHOWN).filter(|&more| more > 0) {
        println!("and {more} more");
    }
}

/// About how much memory it takes, and where: a run that has too little is refused at its beginning.
fn print_memory(needs: scenarios::Memory) {
    println!(
        "memory: about {} at the agents, about {} at the simulator",
        memory::shown(needs.agents),
        memory::shown(needs.simulator)
    );
}

fn print_loads(plan: &Description, scenario: &Scenario) {
    println!();
    println!("{:<32}{:>12}{:>14}{:>10}{:>10}", "load", "attempts", "peak per s", "from", "to");
    for (load, written) in plan.loads.iter().zip(&scenario.load) {
        let repeat = written.repeat.map_or_else(String::new, |repeat| {
            format!("  {} times, every {}", written.rounds(), seconds(repeat.every))
        });
        println!(
            "{:<32}{:>12}{:>14.1}{:>10}{:>10}{repeat}",
            load.procedure.name(),
            load.planned,
            load.peak_rate_per_s,
            seconds(load.starts_after),
            seconds(load.ends_after)
        );
    }
}

fn print_networks(scenario: &Scenario) {
    let home = |plmn| scenario.subscribers.iter().any(|group| group.plmn == plmn);
    if let [one] = scenario.cells.networks.as_slice()
        && home(one.plmn)
    {
        return;
    }
    println!();
    println!("{:<12}{:>8}  {:<16}visitors", "network", "nodes", "TACs");
    for network in &scenario.cells.networks {
        let agreement = scenario.network.roaming.iter().find(|roaming| roaming.visited == network.plmn);
        let mut visitors = Vec::new();
        if home(network.plmn) {
            visitors.push("is a home network".to_owned());
        }
        if let Some(agreement) = agreement {
            visitors.push(match agreement.breakout {
                scenarios::Breakout::HomeRouted => "home-routed".to_owned(),
                scenarios::Breakout::Local => "local breakout".to_owned(),
            });
            visitors.extend(agreement.dnns.iter().map(|(asked, given)| format!("{asked} is {given}")));
            visitors.extend(agreement.refused_dnns.iter().map(|dnn| format!("no {dnn}")));
            if !agreement.accepts_handovers {
                visitors.push("no handovers".to_owned());
            }
        }
        println!(
            "{:<12}{:>8}  {:<16}{}",
            network.plmn.to_string(),
            network.nodes,
            joined(&network.tacs, " "),
            visitors.join(", ")
        );
    }
}

fn print_sessions(scenario: &Scenario) {
    if scenario.sessions.is_empty() {
        return;
    }
    let shares: f64 = scenario.sessions.iter().map(|session| session.share).sum();
    println!();
    println!("{:<16}{:<20}{:<12}{:>6}  {:<36}downlink", "session", "DNN", "slice", "part", "uplink");
    for session in &scenario.sessions {
        println!(
            "{:<16}{:<20}{:<12}{:>5.0}%  {:<36}{}",
            session.name,
            session.dnn.to_string(),
            session.slice.to_string(),
            100.0 * session.share / shares,
            flow(&session.uplink),
            flow(&session.downlink)
        );
    }
}

fn print_mobility(scenario: &Scenario) {
    use scenarios::Procedure::{HandoverN2, HandoverXn};
    if !scenario.load.iter().any(|load| matches!(load.procedure, HandoverN2 | HandoverXn)) {
        return;
    }
    let mobility = &scenario.mobility;
    let path = match mobility.path {
        Path::Ring => "to the next gNB",
        Path::Random => "to any other gNB",
        Path::Border => "to another network",
        Path::WithinShard => "to the next gNB of the shard",
    };
    let rates = [("lost", mobility.failure), ("cancelled", mobility.cancel), ("refused", mobility.refuse)];
    let rates = rates.iter().filter(|(_, rate)| *rate > 0.0).map(|(what, rate)| percent(what, *rate));
    let rates: Vec<String> = rates.collect();
    println!();
    println!(
        "handovers {path}, interrupted for {}{}",
        seconds(mobility.interruption),
        if rates.is_empty() { String::new() } else { format!("; {}", rates.join(", ")) }
    );
}

fn print_impairments(plan: &Description, scenario: &Scenario) {
    let conditions = &scenario.conditions;
    if conditions.impairments.is_empty() {
        return;
    }
    let names = conditions.impairments.iter().map(|impairment| impairment.name.chars().count());
    let widest = names.max().unwrap_or_default().clamp(22, 60);
    println!();
    println!(
        "{:<widest$}  {:<18}{:>10}{:>10}{:>10}{:>8}{:>8}",
        "impairment", "kind", "from", "for", "every", "times", "cells"
    );
    let windows = conditions.windows(plan.longest);
    for (number, impairment) in conditions.impairments.iter().enumerate() {
        let times = windows.iter().filter(|(of, _)| *of == number).count();
        println!(
            "{:<widest$}  {:<18}{:>10}{:>10}{:>10}{:>8}{:>7.0}%",
            impairment.name,
            impairment.kind.as_str(),
            seconds(impairment.window.at),
            seconds(impairment.window.for_),
            impairment.every.map_or_else(|| "once".to_owned(), seconds),
            times,
            100.0 * impairment.cells
        );
    }
    for window in &conditions.maintenance {
        println!("maintenance from {} for {}", seconds(window.at), seconds(window.for_));
    }
    println!(
        "safety budget: {} of impairment in the worst hour, {} allowed",
        seconds(plan.impaired),
        seconds(plan.impaired_at_most)
    );
    if let Some(given) = &conditions.override_ {
        println!("overridden by {}: {}", given.by, given.reason);
    }
}

fn print_charging(scenario: &Scenario) {
    if scenario.sessions.is_empty() {
        return;
    }
    let charging = &scenario.charging;
    let quota = charging.quota.map(|quota| format!("online, {} at a time", quota.with_unit()));
    println!();
    println!(
        "charging: tariff {:?} ({}), {}",
        charging.tariff.name,
        charging.tariff.currency,
        quota.as_deref().unwrap_or("offline")
    );
    for rate in &charging.tariff.rates {
        let mut uses: Vec<String> = Vec::new();
        uses.extend(rate.serving.map(|plmn| format!("in {plmn}")));
        uses.extend(rate.dnn.as_ref().map(|dnn| format!("for {dnn}")));
        match rate.scope {
            billing::Scope::Anywhere => {}
            billing::Scope::Home => uses.push("at home".to_owned()),
            billing::Scope::Roaming => uses.push("roaming".to_owned()),
        }
        uses.extend(rate.hours.map(|hours| hours.to_string()));
        let uses = if uses.is_empty() { "everything".to_owned() } else { uses.join(", ") };
        let price = rate.price.to_string();
        let price = price.trim_end_matches('0').trim_end_matches('.');
        println!("  {:<24}{price} a {:<10}{uses}", rate.name, rate.unit.to_string());
    }
    let faults = charging.faults;
    let faults = [
        ("lost", faults.lost),
        ("duplicated", faults.duplicated),
        ("late", faults.late),
        ("reordered", faults.reordered),
        ("wrong volume", faults.wrong_volume),
        ("wrong tariff", faults.wrong_tariff),
        ("wrong PLMN", faults.wrong_plmn),
        ("orphan", faults.orphan),
        ("partial", faults.partial),
    ];
    let faults = faults.iter().filter(|(_, rate)| *rate > 0.0).map(|(what, rate)| percent(what, *rate));
    let faults: Vec<String> = faults.collect();
    if !faults.is_empty() {
        println!("  faults: {}", faults.join(", "));
    }
}

fn print_conditions(scenario: &Scenario) {
    if scenario.slos.is_empty() && scenario.guardrails.is_empty() {
        return;
    }
    println!();
    for slo in &scenario.slos {
        println!("must hold: {slo}");
    }
    for guardrail in &scenario.guardrails {
        println!("aborts the run after {}: {}", seconds(guardrail.for_), guardrail.condition);
    }
    for subject in &scenario.expect.never_succeeds {
        println!("never succeeds: {subject}");
    }
}

fn print_shards(plan: &Description) {
    println!();
    if plan.nodes_of_a_shard > 1 {
        println!("{} base stations or more in a shard, for handovers within it", plan.nodes_of_a_shard);
    }
    println!("{:<8}{:>8}{:>14}{:>12}", "shard", "nodes", "subscribers", "attempts");
    for shard in plan.shards.iter().take(SHARDS_SHOWN) {
        println!("{:<8}{:>8}{:>14}{:>12}", shard.number, shard.nodes, shard.subscribers, shard.planned);
    }
    if let Some(more) = plan.shards.len().checked_sub(SHARDS_SHOWN).filter(|&more| more > 0) {
        println!("and {more} more");
    }
}

fn flow(flow: &Flow) -> String {
    if flow.rate_bps == 0 {
        return "nothing".to_owned();
    }
    let mut text = format!("{} kbit/s", flow.rate_bps as f64 / 1000.0);
    if let Some(burst) = flow.burst {
        text += &format!(", {} active, {} idle", seconds(burst.on), seconds(burst.off));
    }
    if let Some(volume) = flow.volume {
        text += &format!(", to {}", volume.with_unit());
    }
    text
}

fn percent(what: &str, rate: f64) -> String {
    // Six digits are enough, and hide what binary fractions add.
    let percent = (rate * 1e8).round() / 1e6;
    format!("{percent}% {what}")
}

/// Below a second in milliseconds, above in seconds; nobody measures a plan in microseconds.
fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if duration < Duration::from_secs(1) && !duration.is_zero() {
        return format!("{} ms", (seconds * 1e6).round() / 1e3);
    }
    format!("{} s", (seconds * 1000.0).round() / 1000.0)
}

fn joined(items: &[impl Display], between: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

const SHARDS_SHOWN: usize = 16;
