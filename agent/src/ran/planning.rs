//! Where a handover goes, and what chance has in store for it.

use std::time::Instant;

use identity::CellId;
use scenarios::{Path, Plan, Shard};
use signalling::{Procedure, TargetGnb, gnb_id_bits};

use super::access::Cell;
use super::handovers::{Departure, Fate, Target};
use super::impairments::unit;

/// The handover of a UE from a cell of the shard; `chance` draws by the number of what it decides.
pub(super) fn plan_handover(
    plan: &Plan,
    shard: &Shard,
    source: Cell,
    procedure: Procedure,
    chance: impl Fn(u64) -> u64,
    now: Instant,
) -> Result<(Departure, TargetGnb), &'static str> {
    let here = shard.nodes.get(usize::from(source.gnb)).ok_or("no-connection")?;
    let scenario = plan.scenario();
    let mobility = scenario.mobility;
    let path = if procedure == Procedure::HandoverXn { Path::WithinShard } else { mobility.path };
    let next = plan.next_node(here.index, path, chance(0)).ok_or("no-neighbour-gnb")?;
    let there = scenario.cells.node(next);
    let cell = u32::try_from(chance(1) % u64::from(there.cells.max(1))).unwrap_or_default();
    let in_shard = shard.nodes.iter().position(|gnb| gnb.index == next);
    let target = match in_shard.and_then(|place| u16::try_from(place).ok()) {
        Some(gnb) => Target::Here(Cell { gnb, cell }),
        None => Target::Elsewhere { network: there.plmn, shard: plan.shard_of_node(next) },
    };
    let n2 = procedure == Procedure::HandoverN2;
    let fate = if n2 && unit(chance(2)) < mobility.cancel {
        Fate::Cancelled
    } else if n2 && unit(chance(3)) < mobility.refuse {
        Fate::Refused
    } else if unit(chance(4)) < mobility.failure {
        Fate::Lost
    } else {
        Fate::Arrives
    };
    let departure = Departure {
        procedure,
        source,
        from: CellId { node: here.node_id, cell: source.cell },
        to: CellId { node: there.node_id, cell },
        target,
        fate,
        begun: now,
        commanded: None,
        arrived: None,
        amf: None,
        context: None,
        is_reported: false,
    };
    let target = TargetGnb {
        gnb_id: there.node_id,
        gnb_id_bits: gnb_id_bits(there.node_id),
        plmn: there.plmn,
        tac: there.tac,
        cell,
    };
    Ok((departure, target))
}
