//! Whether a tariff has exactly one price for everything that a scenario can charge.

use std::collections::BTreeSet;

use billing::{Hours, Rate, Scope, Tariff};
use identity::{Dnn, Plmn};

use super::Charged;
use crate::file::at::At;
use crate::yaml::Complaint;
use crate::{Breakout, Roaming};

/// What is charged, as far as it decides the price: the home network, the serving one and the data network.
type Use<'a> = (Plmn, Plmn, &'a Dnn);

/// Every session of the scenario must have a price wherever its subscriber can be.
pub(super) fn check(tariff: &Tariff, charged: &Charged<'_>, at: &At<'_>) -> Result<(), Complaint> {
    for (home, serving, dnn) in uses(charged) {
        let roaming = home != serving;
        let fitting = tariff.rates.iter().filter(|rate| fits(rate, home, serving, dnn));
        let Some(gap) = first_gap(fitting.map(|rate| rate.hours)) else { continue };
        let when = match gap {
            None => String::new(),
            Some(minute) => format!(" at {:02}:{:02}", minute / 60, minute % 60),
        };
        let whose =
            if roaming { format!("subscribers of {home} roaming") } else { "subscribers at home".to_owned() };
        return at.wrong(format!(
            "tariff {:?} has no rate for {dnn} in {serving}{when}, which {whose} can use: a rate with dnn {dnn} and serving \
             {serving}, or without them, is expected",
            tariff.name
        ));
    }
    Ok(())
}

/// Rates may overlap only where the earlier one is the narrower.
pub(super) fn without_overlap(rates: &[Rate], at: &At<'_>) -> Result<(), Complaint> {
    for (later, rate) in rates.iter().enumerate() {
        for (earlier, other) in rates[..later].iter().enumerate() {
            if !overlap(rate, other) || (within(other, rate) && !within(rate, other)) {
                continue;
            }
            let found = if within(rate, other) {
                format!("never applies: rates[{earlier}] ({}) comes first and fits all of it", other.name)
            } else {
                format!("overlaps rates[{earlier}] ({}), and neither is narrower", other.name)
            };
            return at.item(later).wrong(format!(
                "{:?} {found}; two rates may fit the same use only where the earlier is the narrower one",
                rate.name
            ));
        }
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

fn fits(rate: &Rate, home: Plmn, serving: Plmn, dnn: &Dnn) -> bool {
    rate.serving.is_none_or(|only| only == serving)
        && rate.dnn.as_ref().is_none_or(|only| only == dnn)
        && match rate.scope {
            Scope::Anywhere => true,
            Scope::Home => home == serving,
            Scope::Roaming => home != serving,
        }
}

/// The first minute of the day that none of these covers; `None` in it where there are none at all.
fn first_gap(hours: impl Iterator<Item = Option<Hours>>) -> Option<Option<u16>> {
    let hours: Vec<Option<Hours>> = hours.collect();
    if hours.is_empty() {
        return Some(None);
    }
    (0..MINUTES).find(|minute| !hours.iter().any(|hours| covers(*hours, *minute))).map(Some)
}

fn covers(hours: Option<Hours>, minute: u16) -> bool {
    match hours {
        None => true,
        Some(Hours { from_min, to_min }) if from_min < to_min => (from_min..to_min).contains(&minute),
        Some(Hours { from_min, to_min }) => minute >= from_min || minute < to_min,
    }
}

/// Whether some use at some time fits both.
fn overlap(a: &Rate, b: &Rate) -> bool {
    fn meet<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
        a.is_none() || b.is_none() || a == b
    }
    let scopes = a.scope == b.scope || a.scope == Scope::Anywhere || b.scope == Scope::Anywhere;
    meet(a.serving.as_ref(), b.serving.as_ref())
        && meet(a.dnn.as_ref(), b.dnn.as_ref())
        && scopes
        && (0..MINUTES).any(|minute| covers(a.hours, minute) && covers(b.hours, minute))
}

/// Whether everything that fits `a` fits `b` too.
fn within(a: &Rate, b: &Rate) -> bool {
    b.serving.is_none_or(|only| a.serving == Some(only))
        && (b.dnn.is_none() || a.dnn == b.dnn)
        && (b.scope == Scope::Anywhere || a.scope == b.scope)
        && (0..MINUTES).all(|minute| !covers(a.hours, minute) || covers(b.hours, minute))
}

const MINUTES: u16 = 24 * 60;
