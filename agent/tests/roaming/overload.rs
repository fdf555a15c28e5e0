//! A core that is overloaded in one slice, and gNBs that obey it (TS 38.413 §8.7.6): who wants nothing else is held back.

use std::time::Duration;

use simulator::Command;

use crate::world::{World, plan};
use crate::yaml;

/// Half of the UEs have a session in each slice; all are idle when the overload begins, and again when it is over.
const LOAD: &str = "
  - {procedure: ue-context-release, starts-after: 3s, phases: [{rate: 48/s, for: 500ms}]}
  - {procedure: service-request, starts-after: 5s, phases: [{name: overloaded, rate: 24/s, for: 500ms}]}
  - {procedure: ue-context-release, starts-after: 7s, phases: [{rate: 48/s, for: 500ms}]}
  - {procedure: service-request, starts-after: 8s, phases: [{name: over, rate: 24/s, for: 500ms}]}";

/// User data would have the UEs connected at once.
const TRAFFIC: &str =
    ", uplink: {rate: 64kbit/s, packet: [200, 1200]}, downlink: {rate: 256kbit/s, packet: [200, 1200]}";

const LIMITED: &str = "slos:
  - {that: service-request.success >= 1%, dnn: internet, phase: overloaded}
  - {that: service-request.success >= 1%, dnn: ims, phase: overloaded}
  - {that: service-request.success >= 1%, phase: over}
";

#[test]
fn gnbs_hold_back_who_wants_nothing_but_the_overloaded_slice() {
    for (obeys, reduction) in [(true, 0), (true, 50), (false, 0)] {
        let obedience = if obeys { "obey" } else { "ignore" };
        let yaml = yaml("within-shard", "ideal", "never", LOAD)
            .replace("slos: [registration.success >= 1%]\n", LIMITED)
            .replace("slices: [\"1\"]}", &format!("slices: [\"1\", \"1-000001\"], overload: {obedience}}}"))
            .replace(TRAFFIC, ", slice: \"1\"")
            .replace("\nload:", "\n  - {name: voice, dnn: ims, slice: \"1-000001\"}\nload:");
        let plan = plan(&yaml, 301, 2);
        let mut world = World::new(&plan, 301);
        world.prepare();
        let (mut begun, mut over) = (false, false);
        world.run_with(|world, elapsed| {
            if elapsed >= Duration::from_millis(4_500) && !std::mem::replace(&mut begun, true) {
                let slice = "1-000001".parse().ok();
                world.tell_gnbs(|association| Command::StartOverload { association, slice, reduction });
            }
            if elapsed >= Duration::from_millis(6_500) && !std::mem::replace(&mut over, true) {
                world.tell_gnbs(|association| Command::StopOverload { association });
            }
        });
        world.assert_balanced();
        let part = |number: u32| {
            let totals = &world.parts[&(number, "service-request".to_owned())];
            let barred = totals.abandoned.get("barred-by-overload").copied().unwrap_or(0);
            assert_eq!(totals.succeeded + barred, totals.due, "{totals:?}");
            (totals.due, barred)
        };
        let ((of_others, spared), (of_slice, barred), (after, late)) = (part(0), part(1), part(2));
        println!("{obedience} {reduction}: {barred} of {of_slice}");
        assert_eq!((spared, late), (0, 0), "who wants another slice, and when it is over");
        assert!(of_others >= 4 && of_slice >= 4 && after >= 8, "{of_others} {of_slice} {after}");
        match (obeys, reduction) {
            (false, _) => assert_eq!(barred, 0),
            (true, 0) => assert_eq!(barred, of_slice),
            _ => assert!(0 < barred && barred < of_slice, "{barred} of {of_slice}"),
        }
    }
}
