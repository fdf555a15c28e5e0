//! The transport within a process.
#![allow(clippy::unwrap_used, reason = "these are tests, outside of #[test] functions too")]

mod suite;

use sctp::{DownReason, Endpoint, Event, Options, Transport};
use std::time::Instant;
use suite::Link;

const MEMORY: Link = Link::Same(Transport::Memory);

#[test]
fn messages_of_every_length_arrive_with_stream_and_ppid() {
    suite::messages_of_every_length_arrive_with_stream_and_ppid(MEMORY);
}

#[test]
fn burst_arrives_complete_and_ordered_in_each_stream() {
    suite::burst_arrives_complete_and_ordered_in_each_stream(MEMORY);
}

#[test]
fn shutdown_delivers_everything_queued() {
    suite::shutdown_delivers_everything_queued(MEMORY);
}

#[test]
fn abort_ends_both_sides() {
    suite::abort_ends_both_sides(MEMORY);
}

#[test]
fn dropped_endpoint_is_noticed_at_once() {
    suite::dropped_endpoint_is_noticed_at_once(MEMORY);
}

#[test]
fn many_associations_share_one_endpoint() {
    suite::many_associations_share_one_endpoint(MEMORY, 200);
}

#[test]
fn association_beyond_the_limit_is_refused() {
    suite::association_beyond_the_limit_is_refused(MEMORY);
}

#[test]
fn own_limit_of_associations_is_an_error() {
    suite::own_limit_of_associations_is_an_error(MEMORY);
}

#[test]
fn wrong_stream_and_length_are_errors() {
    suite::wrong_stream_and_length_are_errors(MEMORY);
}

#[test]
fn full_send_buffer_is_an_error_and_drains() {
    suite::full_send_buffer_is_an_error_and_drains(MEMORY);
}

#[test]
fn waker_ends_a_wait() {
    suite::waker_ends_a_wait(MEMORY);
}

#[test]
fn due_instant_is_met_and_never_before_it() {
    suite::due_instant_is_met_and_never_before_it(MEMORY);
}

#[test]
fn longest_wait_ends_before_something_due_much_later() {
    suite::longest_wait_ends_before_something_due_much_later(MEMORY);
}

#[test]
fn waker_ends_a_wait_that_is_awake() {
    suite::waker_ends_a_wait_that_is_awake(MEMORY);
}

#[test]
fn messages_are_taken_in_while_awake() {
    suite::messages_are_taken_in_while_awake(MEMORY);
}

#[test]
fn processor_is_left_alone_when_nothing_is_due_soon() {
    suite::processor_is_left_alone_when_nothing_is_due_soon(MEMORY);
}

#[test]
fn wait_ends_at_its_deadline() {
    suite::wait_ends_at_its_deadline(MEMORY);
}

#[test]
fn connect_without_listener_is_refused_with_its_name() {
    let mut client = Endpoint::client(Transport::Memory, &Options::default()).unwrap();
    client.connect(&"memory://nobody".parse().unwrap(), Instant::now()).unwrap();
    let mut events = Vec::new();
    client.poll(Instant::now(), &mut events).unwrap();
    let [Event::Down { reason, .. }] = &events[..] else { panic!("{events:?}") };
    assert!(matches!(reason, DownReason::Refused { .. }) && reason.to_string().contains("memory://nobody"));
}
