//! What a scenario's cells broadcast, against what an AMF serves.

use std::collections::BTreeSet;
use std::fmt::Display;

use identity::{Plmn, Tac, Technology};
use scenarios::Plan;
use signalling::{AmfFacts, GnbSettings};

/// Each different thing that gNBs of the plan broadcast, once, in their order: the first gNB that does, without a user plane.
pub fn broadcasts(plan: &Plan) -> Vec<GnbSettings> {
    let cells = &plan.scenario().cells;
    let mut all: Vec<GnbSettings> = Vec::new();
    // Other technologies have other set-ups.
    let gnbs = (0..cells.nodes).map(|index| cells.node(index));
    for gnb in gnbs.filter(|gnb| gnb.technology == Technology::Nr) {
        let alike =
            |one: &GnbSettings| one.plmn == gnb.plmn && one.tac == gnb.tac && one.slices == gnb.slices;
        if all.iter().any(alike) {
            continue;
        }
        let scenarios::Node { node_id: gnb_id, name, plmn, tac, slices, cells, .. } = gnb;
        all.push(GnbSettings { gnb_id, name, plmn, tac, slices, cells, n3: None });
        if all.len() == MOST {
            break;
        }
    }
    all
}

/// What all of these broadcast, in one clause: `PLMN 001/01, TACs 1, 2, slices 1`.
pub(crate) fn clause(all: &[GnbSettings]) -> String {
    let plmns: BTreeSet<Plmn> = all.iter().map(|one| one.plmn).collect();
    let per_network = plmns.iter().map(|plmn| {
        let of = || all.iter().filter(|one| one.plmn == *plmn);
        let tacs: BTreeSet<Tac> = of().map(|one| one.tac).collect();
        let slices: BTreeSet<String> =
            of().flat_map(|one| one.slices.iter().map(ToString::to_string)).collect();
        format!("PLMN {plmn}, {}, {}", counted("TAC", &tacs), counted("slice", &slices))
    });
    per_network.collect::<Vec<_>>().join("; ")
}

/// What an AMF says that it serves, in one clause.
pub(crate) fn served(facts: &AmfFacts) -> String {
    let name =
        if facts.name.is_empty() { "this AMF".to_owned() } else { format!("the AMF {:?}", facts.name) };
    if facts.plmns.is_empty() {
        return format!("{name} does not say which PLMNs and slices it serves");
    }
    let plmns = facts.plmns.iter().map(|(plmn, slices)| {
        let slices: BTreeSet<String> = slices.iter().map(ToString::to_string).collect();
        format!("PLMN {plmn}, {}", counted("slice", &slices))
    });
    format!("{name} serves {}", plmns.collect::<Vec<_>>().join("; "))
}

/// What of these an AMF that accepted them does not serve all the same.
pub(crate) fn not_served(all: &[GnbSettings], facts: &AmfFacts) -> Vec<String> {
    let mut missing = BTreeSet::new();
    for one in all.iter().filter(|_| !facts.plmns.is_empty()) {
        match facts.plmns.iter().find(|(plmn, _)| *plmn == one.plmn) {
            None => drop(missing.insert(format!("PLMN {}", one.plmn))),
            Some((plmn, slices)) => missing.extend(
                one.slices
                    .iter()
                    .filter(|slice| !slices.contains(slice))
                    .map(|slice| format!("slice {slice} in {plmn}")),
            ),
        }
    }
    missing.into_iter().collect()
}

fn counted<T: Display>(what: &str, items: &BTreeSet<T>) -> String {
    let listed: Vec<String> = items.iter().take(LISTED).map(ToString::to_string).collect();
    let more = items.len().saturating_sub(LISTED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let s = if items.len() == 1 { "" } else { "s" };
    match listed.len() {
        0 => format!("no {what}s"),
        _ => format!("{what}{s} {}{more}", listed.join(", ")),
    }
}

/// Different broadcasts that are looked at.
const MOST: usize = 16;
/// Items that a sentence names.
const LISTED: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn broadcast(plmn: &str, tac: u32, slices: &[&str]) -> GnbSettings {
        GnbSettings {
            gnb_id: 1,
            name: "g".to_owned(),
            plmn: plmn.parse().unwrap(),
            tac: Tac::new(tac).unwrap(),
            slices: slices.iter().map(|slice| slice.parse().unwrap()).collect(),
            cells: 1,
            n3: None,
        }
    }

    #[test]
    fn cells_and_amf_are_told_in_one_clause_each() {
        let all = [broadcast("001/01", 9, &["1"]), broadcast("001/01", 10, &["1", "2-0000ff"])];
        assert_eq!(clause(&all), "PLMN 001/01, TACs 9, 10, slices 1, 2-0000ff");
        let facts = AmfFacts {
            name: "amf-1".to_owned(),
            plmns: vec![("001/01".parse().unwrap(), vec!["1".parse().unwrap()])],
            ..AmfFacts::default()
        };
        assert_eq!(served(&facts), "the AMF \"amf-1\" serves PLMN 001/01, slice 1");
        assert_eq!(not_served(&all, &facts), ["slice 2-0000ff in 001/01"]);
        assert_eq!(not_served(&[broadcast("262/01", 1, &["1"])], &facts), ["PLMN 262/01"]);
        assert!(not_served(&all, &AmfFacts::default()).is_empty());
    }

    #[test]
    fn what_gnbs_have_in_common_is_asked_for_once() {
        let scenario = scenarios::Scenario::load("cross-border", &[]).unwrap();
        let plan = Plan::new(std::sync::Arc::new(scenario), 1, 1).unwrap();
        let all = broadcasts(&plan);
        assert!(!all.is_empty() && all.len() <= MOST, "{all:?}");
        let plmns: BTreeSet<Plmn> = all.iter().map(|one| one.plmn).collect();
        assert_eq!(plmns.len(), plan.scenario().cells.networks.len());
    }
}
