//! What holds for any octets, any order of numbers, and any flow.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "a test needs some instant to start from")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use billing::Octets;
use gtpu::{
    ALL_NODES, Advertised, Direction, GPdu, MOST_MISSING, Message, QosFlow, SequenceCounter, TrafficSource,
    build, read, read_ip, read_router_advertisement, router_advertisement,
};
use proptest::prelude::*;
use scenarios::{Burst, Flow};

fn any_message() -> impl Strategy<Value = (Vec<u8>, Message<'static>)> {
    prop_oneof![
        any::<u16>().prop_map(|sequence| Message::EchoRequest { sequence }),
        any::<u16>().prop_map(|sequence| Message::EchoResponse { sequence }),
        any::<(u32, std::net::IpAddr)>().prop_map(|(teid, peer)| Message::ErrorIndication { teid, peer }),
        any::<u32>().prop_map(|teid| Message::EndMarker { teid }),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Message::SupportedExtensionHeaders),
    ]
    .prop_map(|message| {
        let mut octets = Vec::new();
        message.encode(&mut octets).unwrap();
        (octets, message)
    })
}

proptest! {
    /// Any octets are a message or an error.
    #[test]
    fn any_octets_are_read_without_a_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Message::decode(&octets);
        let _ = read(&octets);
        let _ = (read_ip(&octets), read_router_advertisement(&octets));
    }

    /// A router advertisement that was spoilt, too: it is refused, or read.
    #[test]
    fn spoilt_advertisements_are_read_without_a_panic(
        prefix in any::<[u8; 8]>(),
        mtu in prop::option::of(any::<u32>()),
        dns in prop::option::of(any::<u128>().prop_map(std::net::Ipv6Addr::from)),
        spoil in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in 0usize..20,
    ) {
        let advertised = Advertised { prefix, mtu, dns };
        let router = "fe80::1".parse().unwrap();
        let mut octets = router_advertisement(router, ALL_NODES, &advertised);
        prop_assert_eq!(read_router_advertisement(&octets), Some(advertised));
        let untouched = octets.clone();
        for (at, octet) in spoil {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        octets.truncate(octets.len() - cut);
        let read = read_router_advertisement(&octets);
        prop_assert!(octets != untouched || read == Some(advertised));
        let _ = read_ip(&octets);
    }

    /// Octets that begin as a GTP-U message, too.
    #[test]
    fn spoilt_messages_are_read_without_a_panic(
        (mut octets, _) in any_message(),
        spoil in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        tail in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        octets.extend(tail);
        for (at, octet) in spoil {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        let _ = Message::decode(&octets);
    }

    #[test]
    fn messages_come_back_as_they_were((octets, message) in any_message()) {
        prop_assert_eq!(Message::decode(&octets).unwrap(), message);
    }

    #[test]
    fn packets_come_back_as_they_were(
        teid in any::<u32>(),
        sequence in any::<Option<u16>>(),
        flow in prop::option::of((any::<bool>(), 0u8..64)),
        t_pdu in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let direction = |up| if up { Direction::Uplink } else { Direction::Downlink };
        let qos_flow = flow.map(|(up, qfi)| QosFlow { direction: direction(up), qfi });
        let g_pdu = GPdu { teid, sequence, qos_flow, t_pdu: &t_pdu };
        let mut octets = Vec::new();
        g_pdu.encode(&mut octets).unwrap();
        prop_assert_eq!(Message::decode(&octets).unwrap(), Message::GPdu(g_pdu));
    }

    #[test]
    fn t_pdus_have_their_size_and_right_checksums(
        v4 in any::<(std::net::Ipv4Addr, std::net::Ipv4Addr)>(),
        v6 in any::<(std::net::Ipv6Addr, std::net::Ipv6Addr)>(),
        ports in any::<(u16, u16)>(),
        size in 48u16..=65_000,
        spoil in any::<prop::sample::Index>(),
    ) {
        for (from, to) in [(v4.0.into(), v4.1.into()), (v6.0.into(), v6.1.into())] {
            let packet = gtpu::Packet { from, to, from_port: ports.0, to_port: ports.1 };
            let mut octets = Vec::new();
            prop_assert_eq!(build(&packet, size, &mut octets).unwrap(), usize::from(size));
            prop_assert_eq!(octets.len(), usize::from(size));
            prop_assert_eq!(read(&octets).unwrap(), packet);
            let at = spoil.index(octets.len() - 48) + 48;
            octets[at.min(usize::from(size) - 1)] ^= 0x55;
            if size > 48 {
                prop_assert!(read(&octets).is_err(), "a spoilt octet at {} passed", at);
            }
        }
    }

    /// Against a set of numbers that never wrap.
    #[test]
    fn the_sequence_counter_agrees_with_a_set(
        first in any::<u16>(),
        steps in prop::collection::vec(prop_oneof![9 => Just(1i64), 2 => 2i64..50, 3 => -60i64..1], 1..400),
    ) {
        let mut counter = SequenceCounter::expecting(first);
        let (mut seen, mut highest, mut duplicates, mut late) = (BTreeSet::new(), -1i64, 0u64, 0u64);
        for step in steps {
            // Numbers before the first were never sent.
            let number = (highest + step).max(0);
            counter.record(first.wrapping_add(u16::try_from(number & 0xffff).unwrap()));
            if !seen.insert(number) {
                duplicates += 1;
            } else if number < highest {
                late += 1;
            }
            highest = highest.max(number);
        }
        prop_assert_eq!(counter.lost(), u64::try_from(highest + 1).unwrap() - seen.len() as u64);
        prop_assert_eq!(counter.duplicated(), duplicates);
        prop_assert_eq!(counter.reordered(), late);
        prop_assert_eq!(counter.restarts(), 0);
    }

    /// A sender that begins again, or jumps, between stretches in which packets are lost: only those are losses.
    #[test]
    fn restarts_and_jumps_are_told_from_losses(
        stretches in prop::collection::vec((1u16..400, prop::collection::vec(any::<bool>(), 20..60)), 1..8),
        first in 200u16..60_000,
    ) {
        let mut counter = SequenceCounter::expecting(first);
        let (mut next, mut lost, mut received, mut restarts, mut jumps) = (first, 0u64, 0u64, 0u64, 0u64);
        for (n, (skip, arrives)) in stretches.iter().enumerate() {
            if n > 0 && n % 2 == 1 {
                next = 0;
                restarts += 1;
            } else if n > 0 {
                next = next.wrapping_add(MOST_MISSING + 200 + skip);
                jumps += 1;
            }
            // What is lost at the ends of a stretch is in no gap.
            let last = arrives.len() - 1;
            for (at, arrives) in arrives.iter().enumerate() {
                if *arrives || at < 4 || at == last {
                    counter.record(next);
                    received += 1;
                } else {
                    lost += 1;
                }
                next = next.wrapping_add(1);
            }
        }
        prop_assert_eq!((counter.received(), counter.lost()), (received, lost));
        prop_assert_eq!((counter.restarts(), counter.jumps()), (restarts, jumps));
        prop_assert_eq!((counter.duplicated(), counter.reordered()), (0, 0));
    }

    /// Any numbers: each counts once, and what is missing is never more than could have been lost before each.
    #[test]
    fn any_numbers_are_counted(
        numbers in prop::collection::vec((any::<u16>(), 0u16..2_000), 0..200),
    ) {
        let mut counter = SequenceCounter::new();
        let mut most = 0;
        for (number, can_be_missing) in &numbers {
            counter.record_after(*number, *can_be_missing);
            most += u64::from(*can_be_missing);
            prop_assert!(counter.lost() <= most);
        }
        prop_assert_eq!(counter.received(), numbers.len() as u64);
        let apart = counter.reordered() + counter.duplicated() + counter.restarts() + counter.jumps();
        prop_assert!(apart <= counter.received());
    }

    /// However often its driver looks, a flow is the same packets, and never faster than its rate.
    #[test]
    fn a_flow_keeps_its_rate_and_its_volume(
        rate_bps in 8_000u64..50_000_000,
        sizes in (48u16..1500, 48u16..1500),
        burst in prop::option::of((10u64..2_000, 0u64..2_000)),
        volume in prop::option::of(1u64..200_000),
        looks_us in prop::collection::vec(1u64..100_000, 20..200),
        seed in any::<u64>(),
    ) {
        let burst = burst.map(|(on, off)| Burst {
            on: Duration::from_millis(on),
            off: Duration::from_millis(off),
        });
        let flow = Flow { rate_bps, packet_octets: sizes, burst, volume: volume.map(Octets) };
        let start = Instant::now();
        let (mut source, mut steady) = (TrafficSource::new(flow, seed, start), TrafficSource::new(flow, seed, start));
        let (mut now, mut got, mut total) = (start, Vec::new(), 0u64);
        for look in looks_us {
            now += Duration::from_micros(look);
            while let Some(size) = source.packet(now) {
                got.push(size);
                total += u64::from(size);
            }
        }
        // The other one is looked at just when it says.
        let mut expected = Vec::new();
        while let Some(due) = steady.next_due().filter(|due| *due <= now) {
            expected.push(steady.packet(due).unwrap());
        }
        prop_assert_eq!(&got, &expected);
        prop_assert_eq!(source.octets(), total);
        let elapsed = now.duration_since(start).as_secs_f64();
        let (smallest, largest) = (sizes.0.min(sizes.1), sizes.0.max(sizes.1));
        prop_assert!(got.iter().all(|size| (48..=largest).contains(size)));
        // At most one packet ahead of the rate.
        prop_assert!(total as f64 <= rate_bps as f64 / 8.0 * elapsed + f64::from(largest) + 1.0);
        if burst.is_none() && volume.is_none() {
            let least = rate_bps as f64 / 8.0 * elapsed - 2.0 * f64::from(largest) - 1.0;
            prop_assert!(total as f64 >= least, "{} of {}", total, least);
        }
        if let Some(volume) = volume {
            prop_assert!(total < volume + u64::from(48u16.max(smallest)));
            prop_assert_eq!(source.finished(), total >= volume);
        }
    }
}

fn steady(rate_bps: u64) -> Flow {
    Flow { rate_bps, packet_octets: (1_000, 1_000), burst: None, volume: None }
}

#[test]
fn a_late_driver_gets_a_bounded_part_of_what_it_missed() {
    let start = Instant::now();
    // One packet a millisecond.
    let mut source = TrafficSource::new(steady(8_000_000), 1, start);
    let mut got = 0;
    while source.packet(start + Duration::from_secs(10)).is_some() {
        got += 1;
    }
    assert!((200..=202).contains(&got), "{got}");
    let skipped = source.skipped();
    assert_eq!(skipped.times, 1);
    assert!((9_790_000..9_802_000).contains(&skipped.octets), "{skipped:?}");
}

#[test]
fn a_volume_is_sent_whole_even_by_a_late_driver() {
    let start = Instant::now();
    let flow = Flow { volume: Some(Octets(100_500)), ..steady(8_000_000) };
    let mut source = TrafficSource::new(flow, 1, start);
    let (mut now, mut total) = (start, 0);
    while !source.finished() {
        now += Duration::from_secs(3);
        while let Some(size) = source.packet(now) {
            total += u64::from(size);
        }
    }
    assert_eq!(total, 100_500);
}

#[test]
fn a_throttled_flow_is_slower_and_a_closed_one_stands() {
    let start = Instant::now();
    let mut source = TrafficSource::new(steady(8_000_000), 1, start);
    let count = |source: &mut TrafficSource, from: u64, to: u64| {
        let mut got = 0;
        for ms in from..to {
            while source.packet(start + Duration::from_millis(ms)).is_some() {
                got += 1;
            }
        }
        got
    };
    let full = count(&mut source, 0, 1_000);
    source.throttle(start + Duration::from_secs(1), 0.25);
    let quarter = count(&mut source, 1_000, 2_000);
    source.throttle(start + Duration::from_secs(2), 0.0);
    assert_eq!(source.next_due(), None);
    let none = count(&mut source, 2_000, 3_000);
    source.throttle(start + Duration::from_secs(3), 1.0);
    let again = count(&mut source, 3_000, 4_000);
    assert!((998..=1_001).contains(&full), "{full}");
    assert!((248..=252).contains(&quarter), "{quarter}");
    assert_eq!(none, 0);
    assert!((998..=1_001).contains(&again), "{again}");
    assert_eq!(source.skipped().times, 0);
}

#[test]
fn a_burst_flows_and_pauses() {
    let start = Instant::now();
    let burst = Some(Burst { on: Duration::from_millis(100), off: Duration::from_millis(300) });
    let mut source = TrafficSource::new(Flow { burst, ..steady(8_000_000) }, 1, start);
    let mut by_turn = [0u32; 10];
    while let Some(due) = source.next_due().filter(|due| *due < start + Duration::from_secs(4)) {
        source.packet(due).unwrap();
        let ms = due.duration_since(start).as_millis();
        assert!(ms % 400 <= 101, "a packet in the pause, at {ms} ms");
        by_turn[usize::try_from(ms / 400).unwrap()] += 1;
    }
    assert!(by_turn.iter().all(|packets| (99..=101).contains(packets)), "{by_turn:?}");
}
