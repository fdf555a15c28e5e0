#![no_main]
//! What the instance metadata service answers, and what a supervisor says to its agent.

use std::time::{Duration, UNIX_EPOCH};

use supervisor::Order;
use supervisor::spot::{Page, read};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    for page in Page::ALL {
        if let Ok(Some(notice)) = read(page, input, now) {
            assert!(!notice.reason.contains(char::is_control) && notice.reason.chars().count() < 200);
            let _ = notice.within(now);
        }
    }
    let _ = serde_json::from_slice::<Order>(input);
});
