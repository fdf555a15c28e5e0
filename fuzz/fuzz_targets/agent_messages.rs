#![no_main]
//! Messages of an agent that is part of the fleet, whatever they say: the core of a run survives them, and so does one that is
//! restored from its state.

use std::time::{Duration, Instant};

use coordinator::core::{Input, LinkId};
use fuzz::{core_with_an_agent, messages, wall};
use wire::frame::decode_to_coordinator;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let begin = Instant::now();
    let mut core = core_with_an_agent(begin);
    let mut link = LinkId(1);
    for (step, message) in (1u64..).zip(messages(input)) {
        // An octet of time before each message.
        let Some((&later, message)) = message.split_first() else { continue };
        let elapsed = Duration::from_millis(step * 100 + u64::from(later) * 50);
        let (now, wall) = (begin + elapsed, wall() + elapsed);
        if let Ok(message) = decode_to_coordinator(message) {
            core.handle(Input::Message { link, message: Box::new(message) }, now, wall);
        } else {
            core.handle(Input::Tick, now, wall);
        }
        if core.take_output().closes.iter().any(|(closed, _)| *closed == link) {
            core.handle(Input::Gone { link, why: "closed".to_owned() }, now, wall);
            link = LinkId(step + 1);
            fuzz::join(&mut core, link, now, wall);
        }
    }
    let state = core.snapshot().expect("a state can be written");
    core.restore(&state).expect("what was written is read");
});
