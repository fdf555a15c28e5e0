//! Both ends of the socket, on a folder of a run that is no run.

use std::os::unix::fs::PermissionsExt as _;

use tokio::sync::{mpsc, watch as channel};

use super::*;
use results::Status;

struct Ends {
    folder: tempfile::TempDir,
    server: Server,
    progress: channel::Sender<Progress>,
    orders: mpsc::Receiver<Ordered>,
}

fn ends() -> Ends {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plan.json"), "{}").unwrap();
    let progress = channel::Sender::new(Progress { run_id: "a run".to_owned(), ..Progress::default() });
    let (ordering, orders) = mpsc::channel(4);
    let server = Server::open(folder.path(), progress.subscribe(), ordering).unwrap();
    Ends { folder, server, progress, orders }
}

#[tokio::test]
async fn watchers_see_the_same_and_one_that_leaves_disturbs_nobody() {
    let ends = ends();
    let folder = ends.folder.path().to_owned();
    let (first, mut shown) = channel::channel(Progress::default());
    let watching = tokio::spawn({
        let folder = folder.clone();
        async move { watch(&folder, &first).await }
    });
    let (second, mut also_shown) = channel::channel(Progress::default());
    let leaving = tokio::spawn(async move { watch(&folder, &second).await });
    shown.wait_for(|progress| progress.run_id == "a run").await.unwrap();
    also_shown.wait_for(|progress| progress.run_id == "a run").await.unwrap();
    leaving.abort();
    ends.progress.send_replace(Progress { registered: 7, ..Progress::default() });
    shown.wait_for(|progress| progress.registered == 7).await.unwrap();
    let verdict = Verdict { status: Status::Fail, reasons: vec!["a reason".to_owned()] };
    ends.server.over(&verdict);
    match watching.await.unwrap().unwrap() {
        Watched::Over(told) => assert_eq!(told, verdict),
        Watched::Vanished => panic!("no verdict"),
    }
}

#[tokio::test]
async fn orders_reach_the_run_and_its_answer_comes_back() {
    let Ends { folder, server: _server, mut orders, .. } = ends();
    let run = tokio::spawn(async move {
        let mut asked = Vec::new();
        while let Some(Ordered { order, answer }) = orders.recv().await {
            asked.push(order);
            let done = if order == Order::Pause { Ok("paused".to_owned()) } else { Err("no".to_owned()) };
            answer.send(done).unwrap();
            if asked.len() == 2 {
                return asked;
            }
        }
        asked
    });
    assert_eq!(order(folder.path(), Order::Pause).await.unwrap(), "paused");
    assert_eq!(order(folder.path(), Order::Stop).await.unwrap_err().to_string(), "no");
    assert_eq!(run.await.unwrap(), [Order::Pause, Order::Stop]);
}

#[tokio::test]
async fn socket_is_for_its_user_alone_and_goes_with_the_run() {
    let ends = ends();
    let here: Whereabouts =
        serde_json::from_slice(&std::fs::read(whereabouts(ends.folder.path())).unwrap()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&here.socket), mode(here.socket.parent().unwrap())), (0o600, 0o700));
    let Ends { folder, server, .. } = ends;
    drop(server);
    assert!(!here.socket.exists() && !whereabouts(folder.path()).exists());
}

#[tokio::test]
async fn folder_too_deep_for_a_socket_has_one_elsewhere() {
    let top = tempfile::tempdir().unwrap();
    let deep = top.path().join("a-folder-with-a-rather-long-name-of-its-own/".repeat(4));
    std::fs::create_dir_all(&deep).unwrap();
    let progress = channel::Sender::new(Progress::default());
    let (ordering, mut orders) = mpsc::channel(1);
    let server = Server::open(&deep, progress.subscribe(), ordering).unwrap();
    tokio::spawn(async move {
        let Ordered { answer, .. } = orders.recv().await.unwrap();
        answer.send(Ok("done".to_owned())).unwrap();
    });
    assert_eq!(order(&deep, Order::Pause).await.unwrap(), "done");
    drop(server);
}

#[tokio::test]
async fn nothing_to_attach_to_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let said = |error: ControlError| error.to_string();
    std::fs::write(folder.path().join("plan.json"), "{}").unwrap();
    assert!(
        said(order(folder.path(), Order::Pause).await.unwrap_err()).contains("no coordinator is running it")
    );
    // What a coordinator leaves that was killed.
    let socket = folder.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    std::fs::write(whereabouts(folder.path()), serde_json::to_vec(&Whereabouts { socket, pid: 1 }).unwrap())
        .unwrap();
    assert!(said(order(folder.path(), Order::Stop).await.unwrap_err()).contains("--resume"));
    std::fs::write(folder.path().join("summary.json"), r#"{"verdict": {"status": "pass", "reasons": []}}"#)
        .unwrap();
    assert!(said(order(folder.path(), Order::Stop).await.unwrap_err()).contains("has ended already"));
    assert_eq!(verdict_of(folder.path()).unwrap().status, Status::Pass);
}

#[tokio::test]
async fn stranger_who_says_something_else_is_told_what_is_expected() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let ends = ends();
    let here: Whereabouts =
        serde_json::from_slice(&std::fs::read(whereabouts(ends.folder.path())).unwrap()).unwrap();
    let mut stream = tokio::net::UnixStream::connect(&here.socket).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    assert!(told.contains(r#"\"order\""#), "{told}");
}
