//! The kernel's SCTP; runs where there is one, for example in the guest of `scripts/test-kernel-sctp.sh`.
#![allow(clippy::unwrap_used, reason = "these are tests, outside of #[test] functions too")]

mod suite;

use oracles::skipped;
use sctp::{DownReason, Endpoint, Event, Options, Transport};
use std::time::{Duration, Instant};
use suite::{Link, impatient, ups};

const KERNEL: Link = Link::Same(Transport::Kernel);

/// Whether to run; says so where not.
fn has_kernel_sctp() -> bool {
    let has = sctp::pick() == Transport::Kernel;
    if !has {
        skipped(
            "kernel-sctp",
            "this kernel has none: scripts/test-kernel-sctp.sh runs this in a guest that has it",
        );
    }
    has
}

#[test]
fn kernel_without_sctp_is_a_clear_error() {
    if sctp::pick() == Transport::Kernel {
        skipped("no-kernel-sctp", "this kernel has SCTP");
        return;
    }
    let error = Endpoint::client(Transport::Kernel, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("modprobe sctp") && error.contains("sctp+udp://"), "{error}");
    let error =
        Endpoint::listen(&suite::any_port(Transport::Kernel), &Options::default()).unwrap_err().to_string();
    assert!(error.contains("modprobe sctp"), "{error}");
}

/// The tests of the suite that fit the kernel.
macro_rules! suite {
    ($($name:ident $(($($argument:expr),*))?;)*) => {$(
        #[test]
        fn $name() {
            if has_kernel_sctp() {
                suite::$name(KERNEL $(, $($argument),*)?);
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
    own_limit_of_associations_is_an_error;
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
fn closed_port_is_refused_at_once() {
    if !has_kernel_sctp() {
        return;
    }
    let server = Endpoint::listen(&suite::any_port(Transport::Kernel), &Options::default()).unwrap();
    let address = server.local_address();
    drop(server);
    let mut client = Endpoint::client(Transport::Kernel, &Options::default()).unwrap();
    let started = Instant::now();
    client.connect(&address, started).unwrap();
    let mut events = Vec::new();
    client.wait(started + Duration::from_secs(20), &mut events).unwrap();
    let [Event::Down { reason, .. }] = &events[..] else { panic!("{events:?}") };
    assert!(matches!(reason, DownReason::Refused { .. }), "{reason:?}");
    assert!(reason.to_string().contains(&address.to_string()), "{reason}");
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[test]
fn multihomed_address_connects() {
    if !has_kernel_sctp() {
        return;
    }
    let mut server = Endpoint::listen(&"sctp://0.0.0.0:0".parse().unwrap(), &impatient()).unwrap();
    let mut client = Endpoint::client(Transport::Kernel, &impatient()).unwrap();
    let port = server.local_address().port();
    client.connect(&format!("sctp://127.0.0.1,127.0.0.2:{port}").parse().unwrap(), Instant::now()).unwrap();
    let mut events = Vec::new();
    client.wait(Instant::now() + Duration::from_secs(20), &mut events).unwrap();
    assert_eq!(ups(&events).len(), 1, "{events:?}");
    server.poll(Instant::now(), &mut events).unwrap();
}
