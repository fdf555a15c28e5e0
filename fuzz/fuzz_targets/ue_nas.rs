#![no_main]
//! What the network sends to a UE that registers.

use std::time::Instant;

use fuzz::{messages, subscriber, tracking_area, ue_settings};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use signalling::{Context, Device, Procedure, UeEvent};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (settings, mut rng, now) = (ue_settings(), SmallRng::seed_from_u64(1), Instant::now());
    let mut context = Context { now, rng: &mut rng, settings: &settings, tai: tracking_area() };
    let (mut ue, mut actions) = (Device::new(&subscriber()), Vec::new());
    ue.handle(UeEvent::Start(Procedure::Registration), &mut context, &mut actions);
    for message in messages(input) {
        actions.clear();
        ue.handle(UeEvent::Downlink(message), &mut context, &mut actions);
    }
});
