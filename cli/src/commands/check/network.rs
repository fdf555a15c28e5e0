//! What is said of radio, core network and UEs.

use std::time::Duration;

use scenarios::{Nas5g, Network, Plan, RadioProfile, Retry, Scenario};

use super::{joined, percent, seconds};

pub(super) fn print_radio(radio: &RadioProfile) {
    println!();
    let RadioProfile { name, latency, jitter, loss, capacity, setup_round_trips } = radio;
    let capacity = capacity.map_or_else(|| "no limit of".to_owned(), |most| format!("at most {most}"));
    println!(
        "radio {name}: {} one way, spread by {}, {}, {capacity} connections a cell, round trips before \
         the first message: {setup_round_trips}",
        seconds(*latency),
        seconds(*jitter),
        percent("lost", *loss)
    );
}

pub(super) fn print_nas(scenario: &Scenario) {
    let Nas5g { ciphering, integrity, retry, t3512 } = &scenario.nas.nr;
    let retry = match retry {
        Retry::Never => "never try again by themselves",
        Retry::AsSpecified => "try again as specified",
    };
    let t3512 = t3512.map(|t3512| format!("; T3512 {}", seconds(t3512))).unwrap_or_default();
    println!("UEs of nr: NEA {}, NIA {}, {retry}{t3512}", joined(ciphering, " "), joined(integrity, " "));
}

pub(super) fn print_core(network: &Network) {
    println!(
        "simulated network: answers after {} to {}{}",
        seconds(network.processing_delay),
        seconds(network.processing_delay + network.processing_jitter),
        what_it_does(network).into_iter().map(|what| format!("; {what}")).collect::<String>()
    );
}

/// All that is not as it is by default.
fn what_it_does(network: &Network) -> Vec<String> {
    let mut does = Vec::new();
    for freeze in &network.freezes {
        does.push(format!("freezes from {} for {}", seconds(freeze.at), seconds(freeze.for_)));
    }
    let core = &network.nr;
    if let Some(congestion) = &core.congestion {
        does.push(format!(
            "refuses more than {} registrations a second, with a back-off of {}",
            congestion.max_registrations_per_s,
            seconds(congestion.backoff)
        ));
    }
    if !core.release_after_registration {
        does.push("keeps the connection after a registration".to_owned());
    }
    if core.t3512 != Duration::from_secs(54 * 60) {
        does.push(format!("T3512 {}", seconds(core.t3512)));
    }
    if network.equivalent_plmns {
        does.push("all networks are equivalent".to_owned());
    }
    let policy = network.policy;
    if !policy.delay.is_zero() {
        does.push(format!("policy control answers {} later", seconds(policy.delay)));
    }
    for (what, part) in [
        ("of handovers refused", core.handover.refuse),
        ("of path switches refused", core.handover.refuse_path_switch),
        ("of policy requests not answered", policy.timeout),
        ("of policy requests refused", policy.refuse),
    ] {
        if part > 0.0 {
            does.push(percent(what, part));
        }
    }
    does
}

/// What each agent holds when the shards are dealt evenly.
pub(super) struct OfAgent {
    pub(super) shards: u64,
    pub(super) nodes: u64,
    pub(super) subscribers: u64,
    pub(super) attempts: u64,
    pub(super) memory: u64,
}

pub(super) fn of_agents(plan: &Plan, agents: u16) -> Vec<OfAgent> {
    let described = plan.describe().shards;
    let of = |agent: u16| {
        let mine = described.iter().skip(usize::from(agent)).step_by(usize::from(agents.max(1)));
        mine.fold(OfAgent { shards: 0, nodes: 0, subscribers: 0, attempts: 0, memory: 0 }, |sum, shard| {
            OfAgent {
                shards: sum.shards + 1,
                nodes: sum.nodes + shard.nodes,
                subscribers: sum.subscribers + shard.subscribers,
                attempts: sum.attempts.saturating_add(shard.planned),
                memory: sum.memory.saturating_add(plan.shard(shard.number).memory()),
            }
        })
    };
    (0..agents).map(of).collect()
}
