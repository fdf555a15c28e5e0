//! Userspace SCTP on raw IP; needs CAP_NET_RAW and a kernel without SCTP.
#![allow(clippy::unwrap_used, reason = "these are tests, outside of #[test] functions too")]

mod suite;

use oracles::skipped;
use sctp::{DownReason, Endpoint, Event, Options, SctpError, Transport};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use suite::{Link, Pair, downs, impatient};

const RAW: Link = Link::Same(Transport::RawIp);

/// The right to run, for one test at a time: a raw socket hears every packet of SCTP on the machine, also those of a test
/// beside it. Nothing, and a word why, where raw sockets cannot be used.
fn raw_ip() -> Option<MutexGuard<'static, ()>> {
    static ALONE: Mutex<()> = Mutex::new(());
    if std::path::Path::new("/proc/net/sctp").exists() {
        skipped("raw-ip", "this kernel has SCTP and would answer with ABORT");
        return None;
    }
    match Endpoint::client(Transport::RawIp, &Options::default()) {
        Ok(_) => Some(ALONE.lock().unwrap_or_else(PoisonError::into_inner)),
        Err(error @ SctpError::NoRawSocket { .. }) => {
            assert!(error.to_string().contains("CAP_NET_RAW"), "{error}");
            skipped("raw-ip", error);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The tests of the suite that fit raw IP.
macro_rules! suite {
    ($($name:ident $(($($argument:expr),*))?;)*) => {$(
        #[test]
        fn $name() {
            if let Some(_alone) = raw_ip() {
                suite::$name(RAW $(, $($argument),*)?);
            }
        }
    )*};
}

suite! {
    messages_of_every_length_arrive_with_stream_and_ppid;
    burst_arrives_complete_and_ordered_in_each_stream;
    shutdown_delivers_everything_queued;
    abort_ends_both_sides;
    dropped_endpoint_is_noticed_at_once;
    many_associations_share_one_endpoint(50);
    association_beyond_the_limit_is_refused;
    wrong_stream_and_length_are_errors;
    full_send_buffer_is_an_error_and_drains;
    waker_ends_a_wait;
    due_instant_is_met_and_never_before_it;
    longest_wait_ends_before_something_due_much_later;
    waker_ends_a_wait_that_is_awake;
    messages_are_taken_in_while_awake;
    processor_is_left_alone_when_nothing_is_due_soon;
}

#[test]
fn endpoints_of_one_host_leave_each_other_alone() {
    let Some(_alone) = raw_ip() else { return };
    let (mut first, first_id, _) = Pair::connected(RAW, &Options::default(), &Options::default());
    let (mut second, second_id, _) = Pair::connected(RAW, &Options::default(), &Options::default());
    for (pair, id) in [(&mut first, first_id), (&mut second, second_id)] {
        pair.client.send(id, 0, 60, vec![1]).unwrap();
        pair.run_until("a message", |pair| !pair.server_events.is_empty());
    }
    for pair in [&mut first, &mut second] {
        pair.client.poll(Instant::now(), &mut pair.client_events).unwrap();
        assert!(downs(&pair.client_events).is_empty() && downs(&pair.server_events).is_empty());
    }
}

#[test]
fn silence_times_out_and_names_what_to_try() {
    let Some(_alone) = raw_ip() else { return };
    let mut client = Endpoint::client(Transport::RawIp, &impatient()).unwrap();
    client.connect(&"sctp+ip://127.0.0.9:9".parse().unwrap(), Instant::now()).unwrap();
    let mut events = Vec::new();
    client.wait(Instant::now() + Duration::from_secs(20), &mut events).unwrap();
    let [Event::Down { reason, .. }] = &events[..] else { panic!("{events:?}") };
    assert!(matches!(reason, DownReason::TimedOut { .. }), "{reason:?}");
    assert!(reason.to_string().contains("protocol 132"), "{reason}");
}
