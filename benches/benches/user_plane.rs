//! The user plane in memory: one G-PDU written and read, and what the simulator's UPF does with one each way.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gtpu::{Direction, GPdu, Message, Packet, QosFlow};
use identity::SessionId;
use scenarios::Flow;
use simulator::{SessionSpec, UeAddresses, Upf, UpfSettings};

const SIZE: u16 = 1_000;
const SESSIONS: u32 = 10_000;

fn packet() -> Packet {
    let (from, to) = (IpAddr::from([10, 45, 0, 7]), IpAddr::from([198, 51, 100, 1]));
    Packet { from, to, from_port: 61_002, to_port: 61_001 }
}

fn g_pdu(teid: u32, t_pdu: &[u8]) -> GPdu<'_> {
    let qos_flow = Some(QosFlow { direction: Direction::Uplink, qfi: 9 });
    GPdu { teid, sequence: Some(1), qos_flow, t_pdu }
}

fn codec(c: &mut Criterion) {
    let mut group = c.benchmark_group("g_pdu");
    group.throughput(Throughput::Elements(1));
    let (mut t_pdu, mut octets) = (Vec::new(), Vec::new());
    group.bench_function("make_and_encode", |b| {
        b.iter(|| {
            t_pdu.clear();
            octets.clear();
            gtpu::build(&packet(), SIZE, &mut t_pdu).unwrap();
            g_pdu(1, &t_pdu).encode(&mut octets).unwrap();
            black_box(octets.len())
        });
    });
    group.bench_function("decode", |b| b.iter(|| Message::decode(black_box(&octets)).unwrap()));
    group.bench_function("check_t_pdu", |b| b.iter(|| gtpu::read(black_box(&t_pdu)).unwrap()));
    group.finish();
}

/// A UPF with many sessions, whose downlink is a packet each second where it flows.
fn upf(now: Instant, rate_bps: u64) -> (Upf, Vec<u32>) {
    let mut upf = Upf::new(UpfSettings::new([127, 9, 9, 9].into(), 1));
    let first: identity::Imsi = "001010000000001".parse().unwrap();
    let teids = (0..SESSIONS).map(|n| {
        let spec = SessionSpec {
            supi: first.plus(n.into()).unwrap(),
            session: SessionId::new(1).unwrap(),
            dnn: "internet".parse().unwrap(),
            serving: "001/01".parse().unwrap(),
            qfi: 9,
            ue: UeAddresses { ipv4: Some([10, 45, 0, 7].into()), ipv6: None },
            uplink: None,
            downlink: Flow { rate_bps, packet_octets: (SIZE, SIZE), burst: None, volume: None },
            ambr: (0, 0),
        };
        let teid = upf.establish(now, spec).unwrap().teid;
        upf.set_downlink(now, teid, Some(([127, 0, 1, 1].into(), n)));
        teid
    });
    let teids = teids.collect();
    (upf, teids)
}

fn throughput(c: &mut Criterion) {
    let mut group = c.benchmark_group("upf");
    let from = SocketAddr::from(([127, 0, 1, 1], gtpu::PORT));
    let start = Instant::now();
    group.throughput(Throughput::Elements(1));
    group.bench_function("uplink_packet_of_10000_sessions", |b| {
        let (mut upf, teids) = upf(start, 0);
        let mut t_pdu = Vec::new();
        gtpu::build(&packet(), SIZE, &mut t_pdu).unwrap();
        let datagrams: Vec<Vec<u8>> = teids
            .iter()
            .map(|teid| {
                let mut octets = Vec::new();
                g_pdu(*teid, &t_pdu).encode(&mut octets).unwrap();
                octets
            })
            .collect();
        let mut next = datagrams.iter().cycle();
        b.iter(|| upf.received(start, from, next.next().unwrap()));
        let counters = upf.counters();
        assert_eq!(counters.uplink_packets, counters.datagrams_received);
    });
    // One second of 10,000 sessions with ten packets each, looked at each 5 ms.
    group.throughput(Throughput::Elements(10 * u64::from(SESSIONS)));
    group.sample_size(10);
    group.bench_function("downlink_second_of_10000_sessions", |b| {
        b.iter_batched(
            || upf(start, 10 * 8 * u64::from(SIZE)).0,
            |mut upf| {
                let mut actions = Vec::new();
                let mut sent = 0;
                for look in 1..=200 {
                    let now = start + Duration::from_millis(5 * look);
                    while upf.next_deadline().is_some_and(|at| at <= now) {
                        actions.clear();
                        upf.advance(now, &mut actions);
                        sent += actions.len();
                    }
                }
                assert!(sent as u64 >= 9 * u64::from(SESSIONS), "{sent}");
                upf
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, codec, throughput);
criterion_main!(benches);
