//! Whatever a gNB or a UE sends, the AMF neither panics nor grows, and forgets everybody in the end.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use simulator::AmfEvent;
use simulator::amf::Limits;

use crate::bench::*;
use crate::ue::TestUe;

/// What is done to one message on its way.
#[derive(Clone, Debug)]
enum Fate {
    Arrives,
    Lost,
    Twice,
    Late(u16),
    Flipped(usize, u8),
    Cut(usize),
    Foreign(Vec<u8>),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Twice),
        1 => (1u16..40_000).prop_map(Fate::Late),
        2 => (0usize..200, 1u8..=255).prop_map(|(at, mask)| Fate::Flipped(at, mask)),
        1 => (0usize..200).prop_map(Fate::Cut),
        1 => vec(any::<u8>(), 0..80).prop_map(Fate::Foreign),
    ]
}

/// The octets as they arrive, each time that they do.
fn meet(bench: &mut Bench, fate: &Fate, octets: &[u8]) -> Vec<Vec<u8>> {
    let mut octets = octets.to_vec();
    match fate {
        Fate::Arrives => {}
        Fate::Lost => return Vec::new(),
        Fate::Twice => return vec![octets.clone(), octets],
        Fate::Late(ms) => drop(bench.pass(Duration::from_millis((*ms).into()))),
        Fate::Flipped(at, mask) => {
            let length = octets.len().max(1);
            if let Some(octet) = octets.get_mut(at % length) {
                *octet ^= mask;
            }
        }
        Fate::Cut(at) => octets.truncate(*at),
        Fate::Foreign(foreign) => octets = foreign.clone(),
    }
    vec![octets]
}

fn small() -> Limits {
    Limits { associations: 4, connections: 16, ues: 8, delayed_sends: 64 }
}

/// NAS of a UE through a healthy gNB: every uplink message meets a fate.
fn play(bench: &mut Bench, number: u32, fates: &[Fate]) {
    let mut ue = TestUe::new(number);
    let mut fates = fates.iter();
    let mut uplink = vec![ue.registration_request()];
    let mut first = true;
    while let (Some(nas_pdu), Some(fate)) = (uplink.pop(), fates.next()) {
        for octets in meet(bench, fate, &nas_pdu) {
            let did = if first || ue.amf_id == 0 {
                first = false;
                bench.initial(&mut ue, octets)
            } else {
                bench.uplink(&ue, octets)
            };
            for did in did {
                if let Did::Nas { nas, .. } = did {
                    // A UE that cannot follow any more says nothing; that is as good as a lost message.
                    let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ue.receive(&nas)));
                    uplink.extend(answer.ok().flatten());
                }
            }
        }
    }
}

fn forgets_everything(bench: &mut Bench) -> Result<(), TestCaseError> {
    let statistics = bench.core.statistics();
    prop_assert!(statistics.connections <= 16 && statistics.ues <= 8, "{statistics:?}");
    bench.event(AmfEvent::AssociationDown { association: GNB });
    bench.pass(Duration::from_secs(3 * 60 * 60));
    let statistics = bench.core.statistics();
    prop_assert_eq!((statistics.connections, statistics.ues, statistics.timers), (0, 0, 0));
    prop_assert_eq!((statistics.registered, statistics.sends_waiting), (0, 0));
    prop_assert_eq!(bench.core.next_signalling_deadline(), None);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn ues_with_broken_messages_are_all_forgotten(fates in vec((1u32..5, vec(fate(), 1..12)), 1..6)) {
        let mut settings = settings();
        settings.limits = small();
        let mut bench = Bench::with(settings);
        for (number, fates) in &fates {
            play(&mut bench, *number, fates);
        }
        forgets_everything(&mut bench)?;
    }

    #[test]
    fn a_broken_gnb_fills_nothing(messages in vec((0usize..7, 0u64..20, 0u32..20, fate()), 1..60)) {
        let mut settings = settings();
        settings.limits = small();
        let mut bench = Bench::with(settings);
        for (kind, amf_id, ran_id, fate) in &messages {
            let (amf_id, ran_id) = (*amf_id, *ran_id);
            let octets = match kind {
                0 => ng_setup("001", "01", [0, 0, 1], 1, ran_id),
                1 | 2 => initial_ue_message(ran_id, TestUe::new(ran_id).registration_request(), [0, 0, 1]),
                3 => uplink_nas_transport(amf_id, ran_id, vec![0x7e, 0x00, 0x43]),
                4 => initial_context_setup_response(amf_id, ran_id),
                5 => ue_context_release_request(amf_id, ran_id),
                _ => ue_context_release_complete(amf_id, ran_id),
            };
            for octets in meet(&mut bench, fate, &octets) {
                bench.ngap(GNB, &octets);
            }
        }
        forgets_everything(&mut bench)?;
    }
}
