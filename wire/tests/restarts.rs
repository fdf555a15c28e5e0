//! A coordinator that dies without a word, and starts again.

#![allow(clippy::unwrap_used, reason = "how a test fails")]

mod fleet;

use std::time::{Duration, Instant};

use fleet::{Fleet, hello, in_time, loopback};
use tokio::runtime::{Builder, Runtime};
use wire::to_coordinator::ToCoordinator;
use wire::{CoordinatorEndpoint, Settings, WireError, join};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn agent_of_a_restarted_coordinator_is_told_at_once_that_its_connection_is_unknown() {
    let fleet = Fleet::new();
    let ours = runtime();
    let first = runtime();
    let endpoint =
        first.block_on(async { CoordinatorEndpoint::bind(loopback(), &fleet.coordinator) }).unwrap();
    let address = endpoint.local_addr();
    let accepting = first.spawn(async move {
        let link = endpoint.accept().await.unwrap();
        (endpoint, link)
    });
    let mut joined = ours.block_on(in_time(join(&address.to_string(), &fleet.agent, hello("a")))).unwrap();
    let held = ours.block_on(accepting).unwrap();

    // Nothing of it runs any more, so nothing says goodbye.
    first.shutdown_background();
    drop(held);
    let second = runtime();
    let again = Instant::now();
    let endpoint = loop {
        // The port is free when the last of the dead runtime's tasks is gone.
        let bound = second.block_on(async { CoordinatorEndpoint::bind(address, &fleet.coordinator) });
        match bound {
            Ok(endpoint) => break endpoint,
            Err(error) => assert!(again.elapsed() < Duration::from_secs(5), "{error}"),
        }
    };
    let accepting = second.spawn(async move { endpoint.accept().await.map(|link| (endpoint, link)) });
    let since = Instant::now();
    let error = ours.block_on(in_time(async {
        loop {
            let alive = ToCoordinator::Alive { agent_us: 1 };
            if let Err(error) = joined.send(&alive).await {
                break error;
            }
            let received = tokio::time::timeout(Duration::from_millis(100), joined.receive()).await;
            if let Ok(Err(error)) = received {
                break error;
            }
        }
    }));
    assert!(matches!(&error, WireError::Gone { reason, .. } if reason.contains("restarted")), "{error}");
    assert!(since.elapsed() < Settings::default().idle / 2, "after {:?}", since.elapsed());
    let _again = ours.block_on(in_time(join(&address.to_string(), &fleet.agent, hello("a")))).unwrap();
    ours.block_on(accepting).unwrap().unwrap();
}
