//! What waiting for something due must be like: exact, open to what comes meanwhile, and asleep as long as it can.

use super::{Link, Pair};
use rustix::time::{ClockId, clock_gettime};
use sctp::{Address, Endpoint, Event, Options};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Awake for the whole of any wait of a test, whatever the machine's timers are like.
fn wakeful() -> Options {
    Options { spin: Duration::from_secs(3600), ..Options::default() }
}

pub(crate) fn due_instant_is_met_and_never_before_it(link: Link) {
    let mut endpoint = Endpoint::client(link.client(), &Options::default()).unwrap();
    let mut late: Vec<Duration> = (0..200u32)
        .map(|number| {
            let due = Instant::now() + Duration::from_micros(50) * (number % 8);
            endpoint.wait_until_due(Some(due), due + Duration::from_secs(9), &mut Vec::new()).unwrap();
            let now = Instant::now();
            assert!(now >= due, "never early");
            now - due
        })
        .collect();
    late.sort();
    // By the instant, and not by the end of the wait. How exactly is measured by a bench: the machine may be busy here.
    assert!(late[100] < Duration::from_secs(4), "median {:?}", late[100]);
}

pub(crate) fn longest_wait_ends_before_something_due_much_later(link: Link) {
    let mut endpoint = Endpoint::client(link.client(), &wakeful()).unwrap();
    let started = Instant::now();
    let due = Some(started + Duration::from_secs(30));
    endpoint.wait_until_due(due, started + Duration::from_millis(2), &mut Vec::new()).unwrap();
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(2) && took < Duration::from_secs(20), "{took:?}");
}

pub(crate) fn waker_ends_a_wait_that_is_awake(link: Link) {
    let mut endpoint = Endpoint::client(link.client(), &wakeful()).unwrap();
    // Again and again, since a wake that comes before the wait proves little.
    for _ in 0..20 {
        let waker = endpoint.waker();
        let started = Instant::now();
        let thread = std::thread::spawn(move || {
            (0..10).for_each(|_| std::thread::yield_now());
            waker.wake();
        });
        let end = started + Duration::from_secs(30);
        endpoint.wait_until_due(Some(end), end, &mut Vec::new()).unwrap();
        thread.join().unwrap();
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}

/// Round trips with a thread, each within a wait that never sleeps.
pub(crate) fn messages_are_taken_in_while_awake(link: Link) {
    let (address_out, address_in) = mpsc::channel();
    let echo = std::thread::spawn(move || {
        let (server, address) = link.listen(&Options::default());
        address_out.send(address).unwrap();
        return_everything(server);
    });
    let address: Address = address_in.recv().unwrap();
    let mut client = Endpoint::client(link.client(), &wakeful()).unwrap();
    let started = Instant::now();
    let id = client.connect(&address, started).unwrap();
    let end = started + Duration::from_secs(30);
    let mut events = Vec::new();
    for number in 0..20 {
        while events.is_empty() {
            assert!(Instant::now() < end, "before message {number}");
            client.wait_until_due(Some(end), end, &mut events).unwrap();
        }
        let [Event::Up { .. } | Event::Received { .. }] = events[..] else { panic!("{events:?}") };
        events.clear();
        client.send(id, 0, 60, vec![number]).unwrap();
    }
    drop(client);
    echo.join().unwrap();
}

fn return_everything(mut server: Endpoint) {
    let mut events = Vec::new();
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        server.wait(end, &mut events).unwrap();
        for event in events.drain(..) {
            match event {
                Event::Received { id, stream, ppid, payload, .. } => {
                    // Who has sent its last message may be gone before the answer.
                    if server.send(id, stream, ppid, payload).is_err() {
                        return;
                    }
                }
                Event::Down { .. } => return,
                Event::Up { .. } => {}
            }
        }
    }
}

/// Neither the longest wait nor what is due in a while keeps a processor busy. A guest counts processor time in ticks, also those of
/// its host's other work; who is awake for nothing uses all of every attempt.
pub(crate) fn processor_is_left_alone_when_nothing_is_due_soon(link: Link) {
    let (mut pair, ..) = Pair::connected(link, &Options::default(), &Options::default());
    let mut shares = Vec::new();
    while shares.len() < 5 && shares.iter().all(|share| *share >= 1.0 / 30.0) {
        let (started, before) = (Instant::now(), thread_cpu_time());
        for number in 0..30u32 {
            let longest = started + Duration::from_millis(10) * (number + 1);
            let due = started + Duration::from_secs(1);
            let due = if number % 2 == 0 { None } else { Some(due) };
            while Instant::now() < longest {
                pair.client.wait_until_due(due, longest, &mut pair.client_events).unwrap();
            }
        }
        shares.push((thread_cpu_time() - before).as_secs_f64() / started.elapsed().as_secs_f64());
    }
    assert!(shares.iter().any(|share| *share < 1.0 / 30.0), "shares of a processor: {shares:?}");
}

fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}
