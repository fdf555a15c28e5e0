//! An agent that works as it should: half of its attempts at once, the rest when the lies are over.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use wire::to_agent::{Lease, ToAgent};
use wire::to_coordinator::{Hello, Part, ToCoordinator};
use wire::{CoordinatorLink, Identity};

use crate::agent::{planned, report, success};

/// Its mark; nobody else knows it but its supervisor.
pub(crate) const MARK: [u8; 16] = [7; 16];

pub(crate) async fn work(coordinator: String, identity: Identity, mut lies_are_over: watch::Receiver<bool>) {
    let clock = Instant::now();
    let now_us = || u64::try_from(clock.elapsed().as_micros()).unwrap() + 1_000_000_000;
    let hello = Hello {
        name: "honest".to_owned(),
        program: "test".to_owned(),
        workers: 1,
        agent_us: now_us(),
        part: Part::Agent,
        mark: Some(MARK),
        belongs: Default::default(),
    };
    let mut link = wire::join(&coordinator, &identity, hello).await.unwrap();
    let mut leases: Vec<Lease> = Vec::new();
    let mut alive = tokio::time::interval(Duration::from_millis(100));
    let mut rest = None;
    loop {
        let message = tokio::select! {
            message = link.receive() => message.unwrap().unwrap(),
            _ = alive.tick() => {
                link.send(&ToCoordinator::Alive { agent_us: now_us() }).await.unwrap();
                continue;
            }
            () = due(rest), if rest.is_some() && *lies_are_over.borrow() => {
                rest = None;
                for lease in &leases {
                    say(&mut link, lease, 1, planned(lease) - planned(lease) / 2).await;
                    let (shard, epoch) = (lease.shard, lease.epoch);
                    link.send(&ToCoordinator::Finished { shard, epoch, last_sequence: 1 }).await.unwrap();
                }
                continue;
            }
            Ok(()) = lies_are_over.changed() => continue,
        };
        match message {
            ToAgent::Ping { sent_us } => {
                link.send(&ToCoordinator::Pong { sent_us, agent_us: now_us() }).await.unwrap();
            }
            ToAgent::Lease(lease) => {
                let (shard, epoch) = (lease.shard, lease.epoch);
                link.send(&ToCoordinator::Ready { shard, epoch }).await.unwrap();
                leases.push(*lease);
            }
            ToAgent::Start { at_us, .. } => {
                let wait = Duration::from_micros(at_us.saturating_sub(now_us()));
                tokio::time::sleep(wait + Duration::from_secs(1)).await;
                for lease in &leases {
                    say(&mut link, lease, 0, planned(lease) / 2).await;
                }
                rest = Some(tokio::time::Instant::now() + Duration::from_secs(1));
            }
            ToAgent::RunOver { .. } => return,
            ToAgent::Release { .. } | ToAgent::Revoke { .. } | ToAgent::Drain { .. } => {
                panic!("a lie was believed: {message:?}")
            }
            _ => {}
        }
    }
}

async fn due(at: Option<tokio::time::Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}

async fn say(link: &mut CoordinatorLink, lease: &Lease, sequence: u64, succeeded: u64) {
    let report = report(lease, sequence, success(succeeded));
    link.send(&ToCoordinator::Report(Box::new(report))).await.unwrap();
}
