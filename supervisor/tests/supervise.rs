//! Supervisors and their children as real processes: this program starts itself as one or the other.

#![allow(clippy::unwrap_used, reason = "how a test fails")]

mod host;

use std::time::{Duration, Instant};

use host::{Host, Metadata, in_time};
use rustix::process::{Pid, Signal, kill_process};
use wire::to_coordinator::{Part, ToCoordinator};

#[tokio::test]
async fn killed_child_is_told_at_once_and_started_again() {
    let mut host = Host::start("obeys", &[]).await;
    let mut line = host.supervisor_joins().await;
    assert_eq!((line.hello.part.clone(), line.hello.workers), (Part::Supervisor, 0));
    let first = host.child().await;
    let began = Instant::now();
    kill(first.pid, Signal::KILL);
    let told = in_time(line.receive()).await.unwrap();
    let after = began.elapsed();
    let Some(ToCoordinator::ChildExited { mark, status }) = told else { panic!("{told:?}") };
    assert_eq!(mark, first.mark);
    assert!(status.starts_with("killed by signal 9; restart 1 in 200 ms"), "{status}");
    assert!(after < Duration::from_millis(100), "it took {after:?}");
    let second = host.child().await;
    assert!(second.mark != first.mark && second.pid != first.pid);
}

#[tokio::test]
async fn sigterm_is_passed_on_and_the_exit_code_forwarded() {
    let mut host = Host::start("obeys", &[]).await;
    let mut child = host.child().await;
    kill(host.pid(), Signal::TERM);
    assert_eq!(child.order().await, r#"{"leave":{"reason":"SIGTERM","within_ms":null}}"#);
    assert_eq!(host.exit_code().await, Some(host::OBEYED));
}

#[tokio::test]
async fn child_that_obeys_no_order_is_killed_by_the_second_signal() {
    let mut host = Host::start("hangs", &[]).await;
    let mut child = host.child().await;
    kill(host.pid(), Signal::TERM);
    child.order().await;
    kill(host.pid(), Signal::TERM);
    assert_eq!(host.exit_code().await, Some(128 + 9));
}

#[tokio::test]
async fn crash_loop_is_seen_and_ends() {
    let mut host = Host::start("crashes", &[]).await;
    let mut line = host.supervisor_joins().await;
    let mut statuses = Vec::new();
    while let Ok(Some(ToCoordinator::ChildExited { status, .. })) = in_time(line.receive()).await {
        statuses.push(status);
    }
    assert_eq!(statuses.len(), 4, "{statuses:?}");
    assert!(statuses[2].starts_with("exit code 101; restart 3 in "), "{statuses:?}");
    assert_eq!(statuses[3], "exit code 101; a crash loop: it is not started again");
    assert_eq!(host.exit_code().await, Some(101));
}

#[tokio::test]
async fn work_that_is_done_ends_the_supervisor() {
    let mut host = Host::start("finishes", &[]).await;
    assert_eq!(host.exit_code().await, Some(0));
}

#[tokio::test]
async fn child_of_a_killed_supervisor_is_told_to_leave() {
    let mut host = Host::start("obeys", &[]).await;
    let mut child = host.child().await;
    kill(host.pid(), Signal::KILL);
    // The end of its socket, or SIGTERM from the kernel, whichever is first; the latter ends it without a word.
    child.gone().await;
}

#[tokio::test]
async fn coordinator_that_was_away_hears_of_it_when_it_is_back() {
    let mut host = Host::start("obeys", &[]).await;
    drop(host.supervisor_joins().await);
    let child = host.child().await;
    kill(child.pid, Signal::KILL);
    let mut line = host.supervisor_joins().await;
    let told = in_time(line.receive()).await.unwrap();
    assert!(matches!(told, Some(ToCoordinator::ChildExited { mark, .. }) if mark == child.mark), "{told:?}");
}

#[tokio::test]
async fn drain_request_is_passed_on_and_answered_until_the_end() {
    let mut host = Host::start("obeys", &[]).await;
    let mut child = host.child().await;
    let found = supervisor::control::agents(&host.folder()).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(supervisor::control::is_named("spot agent", &found[0].0), "{found:?}");
    let mut progress = supervisor::control::Progress::of(&found[0].1, "kernel update").await.unwrap();
    assert_eq!(child.order().await, r#"{"leave":{"reason":"kernel update","within_ms":null}}"#);
    let mut said = Vec::new();
    while let Some(line) = in_time(progress.next()).await {
        said.push(line);
    }
    assert_eq!(said.last().unwrap(), "left: exit code 7 (kernel update)");
    assert_eq!(host.exit_code().await, Some(host::OBEYED));
    assert!(supervisor::control::agents(&host.folder()).await.unwrap().is_empty(), "its socket is gone");
}

#[tokio::test]
async fn spot_notice_reaches_the_child_with_its_time() {
    let metadata = Metadata::serve().await;
    let mut host = Host::start("obeys", &[&metadata.endpoint()]).await;
    let mut child = host.child().await;
    // Nothing is planned; then the service is slow, then it talks nonsense, then its sessions end: nothing is obeyed.
    metadata.is_asked(6).await;
    for trouble in ["slow", "garbage", "long", "rude", "forgetful"] {
        metadata.say("spot/instance-action", trouble);
        metadata.is_asked(2).await;
    }
    let at = std::time::SystemTime::now() + Duration::from_secs(120);
    let at = time::OffsetDateTime::from(at).format(&time::format_description::well_known::Rfc3339).unwrap();
    metadata.say("spot/instance-action", &format!(r#"{{"action":"terminate","time":"{at}"}}"#));
    let order: serde_json::Value = serde_json::from_str(&child.order().await).unwrap();
    let leave = &order["leave"];
    assert!(leave["reason"].as_str().unwrap().starts_with("spot interruption (terminate) at 20"), "{order}");
    let within = leave["within_ms"].as_u64().unwrap();
    assert!((100_000..=120_000).contains(&within), "{order}");
    assert_eq!(host.exit_code().await, Some(host::OBEYED), "it is not started again");
}

#[tokio::test]
async fn rebalance_recommendation_is_a_reason_to_leave() {
    let metadata = Metadata::serve().await;
    metadata.say("events/recommendations/rebalance", r#"{"noticeTime":"2026-11-25T10:00:00Z"}"#);
    let mut host = Host::start("obeys", &[&metadata.endpoint()]).await;
    let order = host.child().await.order().await;
    let expected = "spot rebalance recommendation of 2026-11-25T10:00:00Z";
    assert_eq!(order, format!(r#"{{"leave":{{"reason":"{expected}","within_ms":null}}}}"#));
}

#[tokio::test]
async fn supervisor_is_small() {
    let mut host = Host::start("hangs", &[]).await;
    let _line = host.supervisor_joins().await;
    let _child = host.child().await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    println!("{} KiB of its own, {} threads", field("RssAnon:"), field("Threads:"));
    assert!(field("RssAnon:") < 6 << 10, "KiB: {status}");
}

fn kill(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// Not a test: what [`Host::start`] starts.
#[test]
#[ignore = "started by the other tests"]
fn supervisor_process() {
    host::be_a_supervisor();
}

/// Not a test: what the supervisor starts.
#[test]
#[ignore = "started by the other tests"]
fn child_process() {
    host::be_a_child();
}
