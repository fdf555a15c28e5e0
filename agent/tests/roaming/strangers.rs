//! What somebody else sends, or what gets lost, makes no bill right or wrong.

use std::time::Duration;

use billing::{Carried, LossJudgement, LossRules};
use scenarios::Plan;

use crate::world::{World, plan};
use crate::{HANDOVERS, LIFE, yaml};

#[test]
fn a_stranger_on_n3_changes_no_bill() {
    for (path, load) in [("ring", LIFE), ("within-shard", HANDOVERS)] {
        let plan = plan(&yaml(path, "ideal", "never", load), 12, 2);
        let mut world = World::new(&plan, 12);
        world.n3.stranger = true;
        world.prepare();
        world.run();
        world.assert_balanced();
        assert!(world.user_plane.foreign_source > 1_000, "{path}: {:?}", world.user_plane);
        assert_eq!(world.user_plane.foreign_source, world.unexpected["gtpu-foreign-source"], "{path}");
        assert_eq!(world.user_plane.downlink_lost, 0, "{path}");
        world.assert_charged_as_used();
        let counters = world.upf_counters();
        assert!(counters.foreign_source > 1_000, "{path}: {counters:?}");
        assert_eq!((counters.uplink_lost, counters.uplink_jumps), (0, 0), "{path}");
    }
}

/// What a session can have carried, by the traffic of the scenario.
fn carried(plan: &Plan, length_us: u64) -> Option<Carried> {
    let template = plan.scenario().sessions.first()?;
    Some(Carried {
        downlink: template.downlink.most_octets(Duration::from_micros(length_us))?,
        uplink: template.uplink.most_octets(Duration::from_micros(length_us)).unwrap_or(0),
        largest_downlink: template.downlink.largest().into(),
        largest_uplink: template.uplink.largest().into(),
    })
}

#[test]
fn what_gets_lost_on_n3_is_explained_in_both_directions() {
    // They end long after the last loss, so that every loss shows in a number that came later.
    let release = "
  - {procedure: pdu-session-release, starts-after: 8s, phases: [{rate: 24/s, for: 1s}]}";
    let plan = plan(&yaml("within-shard", "ideal", "never", release), 13, 2);
    let mut world = World::new(&plan, 13);
    world.n3.losing = Some((50, Duration::from_secs(3), Duration::from_secs(7)));
    world.prepare();
    world.run();
    world.assert_balanced();
    assert!(world.user_plane.downlink_lost > 10, "{:?}", world.user_plane);
    let traffic = |_: &identity::Dnn, length_us| carried(&plan, length_us);
    let (account, differences) = world.reconcile_with(Some(&traffic));
    assert_eq!(account.unreconciled, 0, "{differences:#?}");
    assert!(account.explained_by_loss_uplink > 0 && account.explained_by_loss_downlink > 0, "{account:?}");
    let missing = account.charged_downlink - account.used_downlink;
    assert_eq!(account.explained_by_loss_downlink, missing);
    assert_eq!(account.explained_by_loss_uplink, account.used_uplink - account.charged_uplink);
    assert!(account.explained_by_loss_sessions > 10, "{account:?}");
    assert_eq!(LossRules::default().judge(&account), LossJudgement::Noticeable, "{account:?}");
}
