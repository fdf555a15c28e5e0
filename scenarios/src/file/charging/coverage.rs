//! Whether a tariff has a price for everything that a scenario can charge.

use std::collections::BTreeSet;

use billing::Tariff;
use identity::{Dnn, Plmn};

use super::Charged;
use crate::file::at::At;
use crate::yaml::Complaint;
use crate::{Breakout, Roaming};

/// What is charged, as far as it decides the price: the home network, the serving one and the data network.
type Use<'a> = (Plmn, Plmn, &'a Dnn);

/// Every session of the scenario must have a price wherever its subscriber can be, at any time of the day.
pub(super) fn check(tariff: &Tariff, charged: &Charged<'_>, at: &At<'_>) -> Result<(), Complaint> {
    // Where no rate has hours, one look at the day is enough.
    let whole_day = tariff.rates.iter().all(|rate| rate.hours.is_none());
    let minutes = if whole_day { 1 } else { MINUTES };
    for (home, serving, dnn) in uses(charged) {
        let lacks = |minute: &u64| tariff.rate_for(serving, home, dnn, minute * MINUTE_US).is_none();
        let Some(minute) = (0..minutes).find(lacks) else { continue };
        let when =
            if whole_day { String::new() } else { format!(" at {:02}:{:02}", minute / 60, minute % 60) };
        let whose = if home == serving {
            "its own subscribers".to_owned()
        } else {
            format!("roaming subscribers of {home}")
        };
        return at.wrong(format!(
            "tariff {:?} has no rate{when} for {dnn} in {serving}, which {whose} can use: one with this dnn and serving \
             network, or without them, is expected",
            tariff.name
        ));
    }
    Ok(())
}

fn uses<'a>(charged: &'a Charged<'_>) -> BTreeSet<Use<'a>> {
    let homes: BTreeSet<Plmn> = charged.subscribers.iter().map(|group| group.plmn).collect();
    let mut uses = BTreeSet::new();
    for home in homes {
        for network in &charged.cells.networks {
            let serving = network.plmn;
            let agreement =
                charged.network.roaming.iter().find(|roaming| roaming.visited == serving && serving != home);
            for session in charged.sessions {
                add_uses(&mut uses, (home, serving, &session.dnn), agreement);
            }
        }
    }
    uses
}

/// What a session that is asked for in this network is charged as, there and wherever it may be taken.
fn add_uses<'a>(uses: &mut BTreeSet<Use<'a>>, (home, serving, dnn): Use<'a>, agreement: Option<&'a Roaming>) {
    let Some(agreement) = agreement else {
        uses.insert((home, serving, dnn));
        return;
    };
    let given = agreement.dnns.iter().find(|(asked, _)| asked == dnn).map_or(dnn, |(_, given)| given);
    if !agreement.refused_dnns.contains(dnn) {
        uses.insert((home, serving, given));
    }
    if agreement.breakout == Breakout::HomeRouted {
        // It may have begun at home, under its own name, or go home under the one it was given here.
        uses.insert((home, serving, dnn));
        if !agreement.refused_dnns.contains(dnn) {
            uses.insert((home, home, given));
        }
    }
}

const MINUTES: u64 = 24 * 60;
const MINUTE_US: u64 = 60_000_000;
