//! A core that mixes up what sources send to targets: each sealed UE is taken once, and by the handover that it was sealed for.

use std::collections::BTreeMap;
use std::time::Duration;

use sctp::memory::Conditions;

use crate::world::{World, plan};

/// What the core does with the containers of its HANDOVER REQUESTs.
pub(crate) struct MixUp {
    kind: Kind,
    /// The containers that are kept, by their target and length.
    kept: BTreeMap<(u32, usize), Vec<u8>>,
    /// How many requests carried another container than their own.
    pub(crate) done: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The first container of a target comes again in every later request, whose own is lost.
    Replay,
    /// Each request carries the container of the one before; the first is lost.
    Shift,
    /// As `Replay`, but to any gNB.
    ReplayAnywhere,
}

impl MixUp {
    fn new(kind: Kind) -> Self {
        Self { kind, kept: BTreeMap::new(), done: 0 }
    }

    /// Changes a message of the core to a gNB; `false` where it is lost.
    pub(crate) fn meddle(&mut self, to: u32, message: &mut [u8]) -> bool {
        let Some(container) = container_of(message) else { return true };
        let to = if self.kind == Kind::ReplayAnywhere { 0 } else { to };
        let key = (to, container.len());
        match (self.kind, self.kept.get_mut(&key)) {
            (_, None) => {
                self.kept.insert(key, container.to_vec());
                self.kind != Kind::Shift
            }
            (Kind::Replay | Kind::ReplayAnywhere, Some(kept)) => {
                container.copy_from_slice(kept);
                self.done += 1;
                true
            }
            (Kind::Shift, Some(kept)) => {
                container.swap_with_slice(kept);
                self.done += 1;
                true
            }
        }
    }
}

/// The Source to Target Transparent Container of a HANDOVER REQUEST: protocol IE 101, an open type with an OCTET STRING in it.
fn container_of(message: &mut [u8]) -> Option<&mut [u8]> {
    if !message.starts_with(&[0x00, HANDOVER_RESOURCE_ALLOCATION]) {
        return None;
    }
    let ies = message.windows(3).enumerate().filter(|(_, octets)| *octets == [0x00, 101, 0x00]);
    let found = ies.into_iter().find_map(|(at, _)| {
        let (outer, at) = length(message, at + 3)?;
        let (inner, from) = length(message, at)?;
        (from + inner == at + outer && inner > 0).then_some(from..from + inner)
    });
    message.get_mut(found?)
}

/// A length of one or two octets (ITU-T X.691 §11.9), and the place behind it.
fn length(message: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = *message.get(at)?;
    match first & 0xC0 {
        0x80 => Some((usize::from(first & 0x3F) << 8 | usize::from(*message.get(at + 1)?), at + 2)),
        0xC0 => None,
        _ => Some((usize::from(first), at + 1)),
    }
}

const HANDOVER_RESOURCE_ALLOCATION: u8 = 13;

const HANDOVERS: &str = "
  - {procedure: handover-n2, starts-after: 3s, phases: [{rate: 24/s, for: 4s}]}
  - {procedure: periodic-registration-update, starts-after: 50s, phases: [{rate: 1/s, for: 1s}]}";

/// Runs with a core that mixes up, and looks at who is where when all has settled.
fn run(path: &str, kind: Kind, seed: u64) -> World {
    let plan = plan(&super::yaml(path, "ideal", "never", HANDOVERS), seed, 2);
    let mut world = World::new(&plan, seed);
    world.prepare();
    let (delay_min, delay_max) = (Duration::ZERO, Duration::from_millis(5));
    world.network.set_conditions(Conditions { delay_min, delay_max, ..Conditions::default() });
    world.mix_up = Some(MixUp::new(kind));
    world.look_after = Some(Duration::from_secs(48));
    world.run();
    world.assert_balanced();
    world
}

fn taken(world: &World) -> u64 {
    world.succeeded("handover-n2")
}

fn named(world: &World, kind: &str) -> u64 {
    world.unexpected.get(kind).copied().unwrap_or_default()
}

#[test]
fn a_sealed_ue_that_comes_again_is_refused_and_named() {
    for path in ["ring", "random", "within-shard"] {
        let world = run(path, Kind::Replay, 31);
        let (totals, replayed) = (&world.totals["handover-n2"], world.mix_up.as_ref().unwrap().done);
        assert!(replayed > 20, "{path}: {replayed} replayed");
        assert!(taken(&world) + replayed <= totals.started, "{path}: a replay was taken: {totals:?}");
        assert_eq!(named(&world, "sealed-ue-replayed"), replayed, "{path}: {:?}", world.unexpected);
        assert_eq!(world.registered.iter().sum::<u64>(), 24, "{path}: {:?}", world.unexpected);
        world.assert_nobody_is_half_attached();
    }
}

#[test]
fn a_sealed_ue_that_comes_to_another_gnb_is_refused_and_named() {
    let world = run("random", Kind::ReplayAnywhere, 32);
    let replayed = world.mix_up.as_ref().unwrap().done;
    let (stray, again) = (named(&world, "sealed-ue-misdirected"), named(&world, "sealed-ue-replayed"));
    assert!(again > 0 && stray + again <= replayed, "{replayed}: {:?}", world.unexpected);
    assert!(taken(&world) + replayed <= world.totals["handover-n2"].started, "{:?}", world.totals);
    assert_eq!(world.registered.iter().sum::<u64>(), 24, "{:?}", world.unexpected);
    world.assert_nobody_is_half_attached();
}

/// A container that was never taken before comes with the request of another UE: its source sees it by the answer.
#[test]
fn handovers_of_two_ues_that_are_mixed_up_fail_at_their_sources() {
    for path in ["ring", "within-shard"] {
        let world = run(path, Kind::Shift, 33);
        let mixed_up = world.mix_up.as_ref().unwrap().done;
        assert!(mixed_up > 20, "{path}: {mixed_up}");
        assert_eq!(taken(&world), 0, "{path}: {:?}", world.totals);
        assert!(named(&world, "handover-command-of-another-ue") > 0, "{path}: {:?}", world.unexpected);
        let failed = &world.totals["handover-n2"].failed;
        assert!(failed.contains_key("handover-command-of-another-ue"), "{path}: {failed:?}");
        assert_eq!(world.registered.iter().sum::<u64>(), 24, "{path}: {:?}", world.unexpected);
        world.assert_nobody_is_half_attached();
    }
}
