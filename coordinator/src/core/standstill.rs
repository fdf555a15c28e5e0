//! Agents, or the whole of an embedded run, that stood still: what waited for them then was not the target's fault.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use wire::standstill::StoodStill;
use wire::to_coordinator::Standstill;

use super::{Core, Member, is_supervisor};
use results::units::{self, float};

impl Member {
    /// Adds what one of its shards has reported: all of them tell of the same.
    pub(crate) fn stood_still(&mut self, told: &Standstill) {
        let same = |known: &&mut Standstill| known.until_us.abs_diff(told.until_us) < SAME_US;
        if let Some(known) = self.standstills.iter_mut().find(same) {
            known.for_us = known.for_us.max(told.for_us);
            known.under_way = known.under_way.saturating_add(told.under_way);
            known.came_due = known.came_due.saturating_add(told.came_due);
        } else if self.standstills.len() < MOST_KEPT {
            self.standstills.push(*told);
        }
    }
}

impl Core {
    /// The process that runs all of the run stood still: agents, network and coordinator alike.
    pub(super) fn stood_still(&mut self, stood: &StoodStill) {
        let lasted_us = super::micros(stood.lasted);
        let when = match self.start {
            Some(_) if self.run_us() > 0 => format!("until {}", seconds(self.run_us())),
            _ => "before the load began".to_owned(),
        };
        self.decide("this process stood still", json!({"for_us": lasted_us}));
        let told = self.state.invalid.iter().filter(|reason| reason.starts_with(OF_PROCESS));
        if told.count() >= MOST_SHOWN {
            return;
        }
        self.invalidate(format!(
            "{OF_PROCESS} for {}, {when}: what was under way then says nothing about the target",
            seconds(lasted_us)
        ));
    }

    /// Agents that stood still while they held shards, and what that cost: whether it makes the run invalid is for the limits of
    /// lateness and of what the fleet may lose. Of an embedded run the process has said it already.
    pub fn standstills(&self) -> Vec<String> {
        if self.state.invalid.iter().any(|reason| reason.starts_with(OF_PROCESS)) {
            return Vec::new();
        }
        let agents = self.state.agents.iter().filter(|member| !is_supervisor(member));
        let stood = |member: &Member| {
            let longest = member.standstills.iter().max_by_key(|stood| stood.for_us)?;
            let more = match member.standstills.len() {
                1 => String::new(),
                n => format!(" ({n} times)"),
            };
            let (lasted, until) = (seconds(longest.for_us), seconds(longest.until_us));
            let sum = |of: fn(&Standstill) -> u64| {
                member.standstills.iter().fold(0u64, |sum, stood| sum.saturating_add(of(stood)))
            };
            Some(format!(
                "agent {} stood still for {lasted}, until {until} of the run{more}: {} attempts came due meanwhile and left late, \
                 and {} that were under way are in no figure (agent-stood-still)",
                member.name,
                units::count(sum(|stood| stood.came_due)),
                units::count(sum(|stood| stood.under_way)),
            ))
        };
        let all: BTreeSet<String> = agents.filter_map(stood).collect();
        let (shown, rest) = (all.iter().take(MOST_SHOWN), all.len().saturating_sub(MOST_SHOWN));
        let mut told: Vec<String> = shown.cloned().collect();
        if rest > 0 {
            told.push(format!("{rest} more agents stood still"));
        }
        told
    }
}

fn seconds(us: u64) -> String {
    if us < 10_000_000 {
        format!("{:.1} s", float(us) / 1e6)
    } else {
        format!("{:.0} s", Duration::from_micros(us).as_secs_f64())
    }
}

const OF_PROCESS: &str = "this process stood still";
/// The shards of one agent tell of one standstill with times that differ by the reading of clocks; the next one is at least
/// a second later.
const SAME_US: u64 = 500_000;
/// Of each agent.
const MOST_KEPT: usize = 256;
const MOST_SHOWN: usize = 10;
