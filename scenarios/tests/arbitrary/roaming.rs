//! Sessions, mobility and agreements between networks.

use std::collections::BTreeMap;

use billing::Octets;
use identity::{Dnn, PduSessionType};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use scenarios::{Breakout, Burst, Cells, Flow, Mobility, Path, Roaming, SessionTemplate, SimSwap};

use super::{duration, positive, ratio};

/// With any slice: `with_slices_of` makes them fit.
pub(super) fn sessions() -> impl Strategy<Value = Vec<(SessionTemplate, prop::sample::Index)>> {
    let types =
        prop::sample::select(vec![PduSessionType::Ipv4, PduSessionType::Ipv6, PduSessionType::Ipv4v6]);
    let one = ("\\PC{1,10}", dnn(), types, 0.001..1e6, flow(), flow(), any::<prop::sample::Index>());
    vec(one, 1..4).prop_map(|sessions| {
        let sessions = sessions.into_iter().zip(0..);
        sessions
            .map(|((name, dnn, type_, share, uplink, downlink, pick), number)| {
                let (name, slice) = (format!("{name}{number}"), identity::Snssai { sst: 1, sd: None });
                (SessionTemplate { name, dnn, type_, slice, share, uplink, downlink }, pick)
            })
            .collect()
    })
}

pub(super) fn with_slices_of(
    sessions: Vec<(SessionTemplate, prop::sample::Index)>,
    cells: &Cells,
) -> Vec<SessionTemplate> {
    sessions
        .into_iter()
        .map(|(session, pick)| SessionTemplate { slice: *pick.get(&cells.slices), ..session })
        .collect()
}

fn flow() -> impl Strategy<Value = Flow> {
    let burst = (positive(), positive()).prop_map(|(on, off)| Burst { on, off });
    let packet = (48u16..=9000, 48u16..=9000).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let volume = option::of((1u64..1 << 40).prop_map(Octets));
    let rates = prop_oneof![Just(0), Just(200_000), 0u64..=100_000_000_000];
    (rates, packet, option::of(burst), volume).prop_map(|(rate_bps, packet_octets, burst, volume)| Flow {
        rate_bps,
        packet_octets,
        burst,
        volume,
    })
}

pub(super) fn mobility() -> impl Strategy<Value = Mobility> {
    let paths = prop::sample::select(vec![Path::Ring, Path::Random, Path::Border, Path::WithinShard]);
    (paths, duration(), ratio(), ratio(), ratio()).prop_map(
        |(path, interruption, failure, cancel, refuse)| Mobility {
            path,
            interruption,
            failure,
            cancel,
            refuse,
        },
    )
}

/// Without a border to cross where there is none.
pub(super) fn fitting(mobility: Mobility, cells: &Cells) -> Mobility {
    let impossible = mobility.path == Path::Border && cells.networks.len() < 2;
    Mobility { path: if impossible { Path::Random } else { mobility.path }, ..mobility }
}

pub(super) fn sim_swap() -> impl Strategy<Value = SimSwap> {
    prop::sample::select(vec![SimSwap::NewKeys, SimSwap::OtherIdentity])
}

/// With any visited network: `between` makes them fit.
pub(super) fn agreements() -> impl Strategy<Value = Vec<Roaming>> {
    let breakout = prop::sample::select(vec![Breakout::HomeRouted, Breakout::Local]);
    let one = (breakout, btree_map(dnn(), dnn(), 0..3), vec(dnn(), 0..3), any::<bool>());
    let visited: identity::Plmn = "310/410".parse().unwrap();
    let one = one.prop_map(move |(breakout, dnns, mut refused_dnns, accepts_handovers)| {
        let dnns: BTreeMap<Dnn, Dnn> = dnns;
        refused_dnns.sort();
        refused_dnns.dedup();
        refused_dnns.retain(|dnn| !dnns.contains_key(dnn));
        Roaming { visited, breakout, dnns: dnns.into_iter().collect(), refused_dnns, accepts_handovers }
    });
    vec(one, 0..4)
}

/// One for each network but the first, which may be everybody's home.
pub(super) fn between(agreements: Vec<Roaming>, cells: &Cells) -> Vec<Roaming> {
    let visited = cells.networks.iter().filter(|network| network.plmn.to_string() == "262/01");
    visited.zip(agreements).map(|(network, roaming)| Roaming { visited: network.plmn, ..roaming }).collect()
}

pub(super) fn dnn() -> impl Strategy<Value = Dnn> {
    prop::sample::select(vec!["internet", "ims", "iot.example", "internet.visited"])
        .prop_map(|text| text.parse().unwrap())
}
