//! Whatever gNBs and UEs do in whatever order, what the SMF, the UPF and the CHF hold is always the same, and nothing
//! is left in the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use oxirush_nas::nas_5gs::ServiceType;
use proptest::collection::vec;
use proptest::prelude::*;
use simulator::AmfEvent;
use simulator::amf::Limits;

use crate::bench::*;
use crate::ran;
use crate::ue::TestUe;

/// One thing that happens: what, to which UE, at which gNB, and which of several.
type Step = (u8, usize, u32, u8);

struct World {
    bench: Bench,
    ues: Vec<TestUe>,
    /// AMF UE NGAP IDs that a gNB was told in a HANDOVER REQUEST.
    targets: Vec<(u32, u64)>,
}

impl World {
    fn new() -> Self {
        let mut settings = settings();
        settings.limits = Limits { associations: 4, connections: 16, ues: 8, delayed_sends: 64 };
        let mut bench = Bench::with(settings);
        bench.set_up(2, 2);
        bench.set_up(3, 3);
        let mut ues: Vec<_> = (1..=3).map(TestUe::new).collect();
        ues.iter_mut().for_each(|ue| ue.follow_on = true);
        Self { bench, ues, targets: Vec::new() }
    }

    /// The messages reach the gNBs and the UE, which answer; a UE that cannot follow says nothing.
    fn deliver(&mut self, who: usize, did: Vec<Did>) {
        for did in &did {
            if let Did::Other(gnb, name, octets) = did
                && name == "Initiating_HandoverResourceAllocation"
            {
                self.targets.push((*gnb, ran::amf_id_of(octets)));
            }
        }
        let Self { bench, ues, .. } = self;
        let _ = catch_unwind(AssertUnwindSafe(|| bench.settle(&mut ues[who], did)));
    }

    fn step(&mut self, (what, who, gnb, which): Step) {
        let (amf_id, ran_id, at) = (self.ues[who].amf_id, self.ues[who].ran_id, self.ues[who].association);
        let session = which % 3 + 1;
        let target = self.targets.get(usize::from(which) % self.targets.len().max(1)).copied();
        let target_ran_id = 1_000 + u32::from(which);
        let bench = &mut self.bench;
        let ue = &mut self.ues[who];
        // A UE without a security context can only register.
        let what = if ue.security.is_none() || ue.guti.is_none() { what % 2 * 11 } else { what };
        let did = match what {
            0 => {
                ue.association = gnb;
                let request = ue.registration_request();
                bench.initial(ue, request)
            }
            1 | 2 => {
                let request = ue.session_request(session, which + 1, "internet");
                bench.uplink(ue, request)
            }
            3 => {
                let request = ue.session_release(session, which + 1);
                bench.uplink(ue, request)
            }
            4 => {
                ue.association = gnb;
                ue.uplink_data = vec![session];
                let request = ue.service_request(ServiceType::Data);
                bench.initial(ue, request)
            }
            5 => bench.ngap(at, &ue_context_release_request(amf_id, ran_id)),
            6 | 7 => bench.ngap(at, &ran::handover_required(amf_id, ran_id, gnb, "001/01", 1, &[1, 2, 3])),
            8 | 9 | 14 => {
                let Some(target) = target else { return };
                at_target(bench, ue, what, (target, target_ran_id), session)
            }
            10 => bench.ngap(at, &ran::handover_cancel(amf_id, ran_id)),
            11 => {
                let mut did = bench.event(AmfEvent::AssociationDown { association: gnb });
                did.extend(bench.set_up(gnb, gnb));
                did
            }
            12 => {
                let did = bench
                    .ngap(gnb, &ran::path_switch_request(amf_id, ran_id + 500, gnb, "001/01", 1, &[1, 2]));
                (ue.association, ue.ran_id) = (gnb, ran_id + 500);
                did
            }
            13 => {
                let request = ue.deregistration_request(which % 2 == 0);
                bench.uplink(ue, request)
            }
            15 => bench.ngap(gnb, &ue_context_release_complete(amf_id, ran_id)),
            _ => bench.pass(Duration::from_secs(u64::from(which))),
        };
        // Some messages are lost.
        if which % 5 != 0 {
            self.deliver(who, did);
        }
    }
}

/// The gNB that a UE may be handed over to takes it, reports that it has arrived, or refuses.
fn at_target(
    bench: &mut Bench,
    ue: &mut TestUe,
    what: u8,
    ((at, id), ran_id): ((u32, u64), u32),
    session: u8,
) -> Vec<Did> {
    match what {
        8 => bench.ngap(at, &ran::handover_acknowledge(id, ran_id, at, &[session])),
        9 => {
            let did = bench.ngap(at, &ran::handover_notify(id, ran_id, "001/01", 1));
            (ue.left, ue.association) = (Some(ue.association), at);
            (ue.amf_id, ue.ran_id) = (id, ran_id);
            did
        }
        _ => bench.ngap(at, &ran::handover_failure(id)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn sessions_charging_and_user_plane_agree_after_every_step(
        steps in vec((0u8..17, 0usize..3, 1u32..4, 0u8..20), 1..60),
    ) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            // Asserts that the three agree.
            world.bench.sessions();
            let statistics = world.bench.core.statistics();
            prop_assert!(statistics.connections <= 16, "{statistics:?}");
        }
        for association in 1..=3 {
            world.bench.event(AmfEvent::AssociationDown { association });
        }
        world.bench.pass(Duration::from_secs(3 * 60 * 60));
        let statistics = world.bench.core.statistics();
        prop_assert_eq!((statistics.connections, statistics.ues, statistics.timers), (0, 0, 0));
        prop_assert_eq!((statistics.registered, world.bench.sessions()), (0, 0));
        prop_assert_eq!(world.bench.core.next_signalling_deadline(), None);
    }
}
