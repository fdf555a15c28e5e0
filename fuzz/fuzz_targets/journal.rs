#![no_main]
//! What a journal holds whose checksum is right: records, one after the other, and a checkpoint.

use std::time::{Duration, Instant};

use coordinator::core::{Input, Record};
use fuzz::{messages, new_core, wall};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let now = Instant::now();
    let mut core = new_core(now);
    for record in messages(input) {
        if let Ok(record) = postcard::from_bytes::<Record>(record) {
            core.apply(&record);
        }
    }
    core.handle(Input::Restarted, now, wall());
    core.handle(Input::Tick, now + Duration::from_secs(1), wall() + Duration::from_secs(1));
    core.take_output();
    let mut core = new_core(now);
    if core.restore(input).is_ok() {
        core.handle(Input::Restarted, now, wall());
        core.take_output();
    }
});
