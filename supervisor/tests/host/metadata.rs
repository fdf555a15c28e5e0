//! A metadata service on loopback, as EC2's in what it is asked, and worse than it in what it may answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Metadata {
    endpoint: String,
    pages: Arc<Mutex<HashMap<String, String>>>,
    asked: watch::Receiver<u64>,
}

impl Metadata {
    pub(crate) async fn serve() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let pages = Arc::new(Mutex::new(HashMap::new()));
        let (asked_in, asked) = watch::channel(0);
        let served = Arc::clone(&pages);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, Arc::clone(&served)));
                asked_in.send_modify(|asked| *asked += 1);
            }
        });
        Self { endpoint, pages, asked }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// From now on this page is there.
    pub(crate) fn say(&self, page: &str, what: &str) {
        self.pages.lock().unwrap().insert(format!("/latest/meta-data/{page}"), what.to_owned());
    }

    /// Waits until so many more requests have come.
    pub(crate) async fn is_asked(&self, more: u64) {
        let mut asked = self.asked.clone();
        let until = *asked.borrow() + more;
        super::in_time(asked.wait_for(|asked| *asked >= until)).await.unwrap();
    }
}

async fn answer(stream: TcpStream, pages: Arc<Mutex<HashMap<String, String>>>) {
    let mut stream = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    while stream.read_line(&mut line).await.is_ok_and(|octets| octets > 2) {
        head.push_str(&std::mem::take(&mut line));
    }
    let request: Vec<&str> = head.split_whitespace().collect();
    let head_lower = head.to_lowercase();
    let ok = |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let status = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    let answer = match request.as_slice() {
        ["PUT", "/latest/api/token", ..]
            if head_lower.contains("x-aws-ec2-metadata-token-ttl-seconds: 21600") =>
        {
            ok("TOKEN==")
        }
        ["GET", page, ..] if head_lower.contains("x-aws-ec2-metadata-token: token==") => {
            let said = pages.lock().unwrap().get(*page).cloned();
            match said.as_deref() {
                None => status("404 Not Found"),
                // Nothing comes, and the connection stays.
                Some("slow") => std::future::pending().await,
                Some("garbage") => ok("<html>no JSON</html>"),
                Some("long") => ok(&"x".repeat(1 << 20)),
                Some("rude") => "\0\u{1}no HTTP".to_owned(),
                Some("forgetful") => status("401 Unauthorized"),
                Some(said) => ok(said),
            }
        }
        _ => status("400 Bad Request"),
    };
    let _ = stream.write_all(answer.as_bytes()).await;
}
