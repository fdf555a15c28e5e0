//! Who had the processors of the agents' hosts, and what to do about it where attempts left late.
//!
//! Each agent tells sums from the run's start on, in a message that nobody repeats: the last that arrives says it all, and
//! what it says explains lateness. No verdict rests on it.

use std::collections::BTreeMap;

use wire::to_coordinator::{MachineReport, ProcessorTime};

use results::units::float;
use results::{HELD_BACK, HostSummary, ProcessorShares};

/// The hosts of a run's agents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machines {
    hosts: Vec<HostSummary>,
    /// The target runs on the agents' host, in their process.
    embedded: bool,
}

impl Machines {
    /// From what each agent said last.
    pub(crate) fn of<'a>(agents: impl Iterator<Item = (&'a str, &'a MachineReport)>, embedded: bool) -> Self {
        let mut hosts: BTreeMap<u64, Vec<(&str, &MachineReport)>> = BTreeMap::new();
        for (number, (agent, report)) in (1u64..).zip(agents) {
            // Where it is not known which host it is, it is one of its own.
            let host = if report.host == 0 { u64::MAX - number } else { report.host };
            if report.processors > 0 {
                hosts.entry(host).or_default().push((agent, report));
            }
        }
        Self { hosts: hosts.into_values().map(|agents| host(&agents)).collect(), embedded }
    }

    /// The least that any worker got; empty where no agent said.
    pub(crate) fn priority(&self) -> String {
        least(self.hosts.iter().map(|host| host.priority.as_str()))
    }

    pub(crate) fn summaries(&self) -> Vec<HostSummary> {
        self.hosts.clone()
    }

    /// What was the matter where attempts left late, and what to do. Of several hosts, the fullest.
    pub(crate) fn advice(&self) -> String {
        let while_late = |host: &HostSummary| host.while_late.unwrap_or(host.run);
        let known = self.hosts.iter().filter(|host| while_late(host).is_known());
        let fullest = known.max_by(|a, b| while_late(a).busy.total_cmp(&while_late(b).busy));
        let Some(host) = fullest else { return "use more agents or a lower rate".to_owned() };
        let shares = while_late(host);
        let what = if host.while_late.is_some() { " while attempts left late" } else { "" };
        let of = if self.hosts.len() > 1 { format!(" of {}", host.agents.join(", ")) } else { String::new() };
        format!("{}{of}{what}; {}", shares.in_words(host.processors), self.remedy(host, shares))
    }

    fn remedy(&self, host: &HostSummary, shares: ProcessorShares) -> String {
        let ordinary = host.priority != "real-time";
        if shares.held_back > HELD_BACK {
            "the quota of this control group was used up: raise it (cpu.max, CPUQuota=), or lower the rate"
                .to_owned()
        } else if shares.stolen > STOLEN {
            "the host of this virtual machine gave its processors to others: use a machine that has its own"
                .to_owned()
        } else if shares.busy < FULL {
            "the processors were not full: one thread was (use more workers or agents), or this machine stood still"
                .to_owned()
        } else if shares.other_processes > OTHERS && ordinary {
            "end the other processes, or let this one take real-time priority (as root, CAP_SYS_NICE, or LimitRTPRIO=3)"
                .to_owned()
        } else if shares.other_processes > OTHERS {
            "end the other processes, or use a lower rate".to_owned()
        } else if self.embedded {
            "this program fills its processors: use a lower rate, or agents on machines of their own; more embedded agents \
             are no help"
                .to_owned()
        } else {
            "use more agents, on other machines, or a lower rate".to_owned()
        }
    }
}

/// The agents of one host together. Those in one process have one account.
fn host(agents: &[(&str, &MachineReport)]) -> HostSummary {
    let mut processes: BTreeMap<u64, &MachineReport> = BTreeMap::new();
    for (_, report) in agents {
        let latest = processes.entry(report.process).or_insert(report);
        if total(&report.run) > total(&latest.run) {
            *latest = report;
        }
    }
    let shares = |of: fn(&MachineReport) -> ProcessorTime| {
        // What one process calls others', another may call its own.
        let times = processes.values().map(|report| of(report)).filter(|time| total(time) > 0);
        let longest = times.clone().max_by_key(total)?;
        let own = times.map(|time| time.own_us).fold(0, u64::saturating_add);
        Some(shares_of(longest, own, processes.values().map(|report| report.processors).max()?))
    };
    HostSummary {
        agents: agents.iter().map(|(agent, _)| (*agent).to_owned()).collect(),
        priority: least(agents.iter().map(|(_, report)| report.priority.as_str())),
        set_back: processes.values().map(|report| report.set_back).fold(0, u64::saturating_add),
        processors: processes.values().map(|report| report.processors).max().unwrap_or(0),
        run: shares(|report| report.run).unwrap_or_default(),
        while_late: shares(|report| report.late),
    }
}

/// The shares of a time in which these processes had so much.
fn shares_of(time: ProcessorTime, own_us: u64, processors: u32) -> ProcessorShares {
    let whole = float(total(&time)).max(1.0);
    let busy = float(time.own_us.saturating_add(time.others_us));
    let this_program = float(own_us).min(busy) / whole;
    let (other_processes, stolen) = (busy / whole - this_program, float(time.stolen_us) / whole);
    // The whole is that of all processors; what is held back counts once.
    let held_back = float(time.held_back_us) * f64::from(processors) / whole;
    ProcessorShares {
        busy: this_program + other_processes + stolen,
        this_program,
        other_processes,
        stolen,
        held_back,
    }
}

fn total(time: &ProcessorTime) -> u64 {
    [time.own_us, time.others_us, time.stolen_us, time.idle_us].into_iter().fold(0, u64::saturating_add)
}

/// Of places in the queue, the worst.
fn least<'a>(places: impl Iterator<Item = &'a str>) -> String {
    let known = ["none", "slice", "real-time"];
    let rank = |place: &&str| known.iter().position(|known| known == place);
    places.filter(|place| rank(place).is_some()).min_by_key(rank).unwrap_or_default().to_owned()
}

/// Processors that are busier are full.
const FULL: f64 = 0.8;
/// Others that have more are in the way.
const OTHERS: f64 = 0.2;
/// A host that takes more is in the way.
const STOLEN: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    fn report(host: u64, process: u64, shares: [u64; 4], priority: &str) -> MachineReport {
        let [own_us, others_us, stolen_us, idle_us] = shares.map(|share| share * 10_000);
        let run = ProcessorTime { own_us, others_us, stolen_us, idle_us, held_back_us: 0 };
        MachineReport {
            host,
            process,
            priority: priority.to_owned(),
            processors: 2,
            run,
            late: run,
            ..MachineReport::default()
        }
    }

    fn advice(embedded: bool, shares: [u64; 4], priority: &str) -> String {
        Machines::of([("a", &report(1, 1, shares, priority))].into_iter(), embedded).advice()
    }

    #[test]
    fn advice_follows_from_who_had_the_processors() {
        let cases = [
            (true, [35, 60, 3, 2], "slice", "real-time priority"),
            (true, [35, 60, 3, 2], "real-time", "end the other processes, or use a lower rate"),
            (true, [95, 3, 0, 2], "real-time", "more embedded agents are no help"),
            (false, [95, 3, 0, 2], "slice", "more agents, on other machines"),
            (false, [40, 20, 38, 2], "slice", "a machine that has its own"),
            (false, [20, 10, 0, 70], "slice", "were not full"),
        ];
        for (embedded, shares, priority, expected) in cases {
            let advice = advice(embedded, shares, priority);
            assert!(advice.contains(expected), "{shares:?}: {advice}");
        }
        assert!(
            advice(true, [35, 60, 3, 2], "slice").starts_with(
                "2 processors 98 % busy (35 % this program, 60 % other processes, 3 % stolen by the host) while attempts"
            )
        );
        assert_eq!(Machines::default().advice(), "use more agents or a lower rate");
        assert_eq!(advice(true, [0; 4], "slice"), "use more agents or a lower rate", "nobody could look");
        let mut held = report(1, 1, [10, 0, 0, 90], "slice");
        held.late.held_back_us = 400_000;
        assert!(Machines::of([("a", &held)].into_iter(), false).advice().contains("quota"));
    }

    #[test]
    fn agents_of_one_process_have_one_account_and_those_of_one_host_one_host() {
        let one = report(1, 1, [30, 40, 0, 30], "real-time");
        let other = report(1, 2, [25, 45, 0, 30], "slice");
        let elsewhere = report(2, 1, [10, 0, 0, 90], "slice");
        let agents = [("a", &one), ("b", &one), ("c", &other), ("d", &elsewhere)];
        let machines = Machines::of(agents.into_iter(), false);
        assert_eq!((machines.hosts.len(), machines.priority().as_str()), (2, "slice"));
        let host = &machines.hosts[0];
        assert_eq!((host.agents.len(), host.priority.as_str()), (3, "slice"));
        let near = |value: f64, expected: f64| (value - expected).abs() < 1e-9;
        assert!(near(host.run.this_program, 0.55) && near(host.run.other_processes, 0.15), "{host:?}");
        assert!(near(host.run.busy, 0.7));
    }

    #[test]
    fn an_agent_that_said_nothing_is_no_host() {
        let machines = Machines::of([("a", &MachineReport::default())].into_iter(), true);
        assert_eq!((machines.priority(), machines.summaries()), (String::new(), vec![]));
    }
}
