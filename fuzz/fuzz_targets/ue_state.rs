#![no_main]
//! A UE that arrives from another agent, in a seal that opens: any state can be taken, and the UE goes on with it.

use std::time::Instant;

use fuzz::{tracking_area, ue_settings};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use signalling::{Context, Device, Procedure, Timer, UeEvent, UeState};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    signalling::fuzz::handover_containers(input);
    let Ok((state, rest)) = postcard::take_from_bytes::<UeState>(input) else { return };
    let (settings, mut rng, now) = (ue_settings(), SmallRng::seed_from_u64(1), Instant::now());
    let mut context = Context { now, rng: &mut rng, settings: &settings, tai: tracking_area() };
    let (mut ue, mut actions) = (Device::import(state), Vec::new());
    let mut events: Vec<_> = [Procedure::ServiceRequest, Procedure::Deregistration, Procedure::Registration]
        .into_iter()
        .map(UeEvent::Start)
        .collect();
    events.push(UeEvent::Downlink(rest));
    events.extend(Timer::ALL.map(UeEvent::Expired));
    for event in events {
        actions.clear();
        ue.handle(event, &mut context, &mut actions);
    }
    let _ = Device::import(ue.export());
});
