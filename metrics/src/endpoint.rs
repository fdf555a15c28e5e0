//! Where others look: `/metrics`, `/healthz`, `/readyz`, on a thread of its own, so that who looks is in nobody's way.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Notify, Semaphore, oneshot};

use crate::Families;
use crate::encode::{Format, encode};

/// What there is to see of a process.
pub trait Source: Send + Sync + 'static {
    /// Adds what it sees now. Must not wait.
    fn look(&self, families: &mut Families);

    /// Whether the process does its work.
    ///
    /// # Errors
    /// Why it does not, yet or any more.
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// Nothing is yet to come that a process would wait for, when it ends, to be seen.
    fn is_final(&self) -> bool {
        true
    }
}

/// An endpoint that is open until it is dropped.
pub struct Endpoint {
    address: SocketAddr,
    looks: Arc<Looks>,
    close: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Who has looked.
#[derive(Default)]
struct Looks {
    any: AtomicBool,
    last: AtomicBool,
    changed: Notify,
}

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The address cannot be bound.
    #[error(
        "--metrics {address}: {source}: give an address of this machine and a TCP port that is free, such as 127.0.0.1:9464"
    )]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The machine has no thread for it.
    #[error("--metrics: no thread can be started")]
    Thread(#[source] io::Error),
}

impl Endpoint {
    /// Serves what the sources see at this address; port 0 takes a free one.
    ///
    /// # Errors
    /// The address cannot be bound, or no thread started.
    pub fn open(address: SocketAddr, sources: Vec<Arc<dyn Source>>) -> Result<Self, EndpointError> {
        let listen = |source| EndpointError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(EndpointError::Thread)?;
        let looks = Arc::new(Looks::default());
        let served = Arc::new(Served { sources, looks: Arc::clone(&looks) });
        let (close, closed) = oneshot::channel();
        let body = move || runtime.block_on(serve(listener, served, closed));
        let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(body);
        let thread = thread.map_err(EndpointError::Thread)?;
        Ok(Self { address: bound, looks, close: Some(close), thread: Some(thread) })
    }

    /// Where it is, with its real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until those who have looked before have seen the end, at most so long. Who was never looked at waits for nobody.
    /// The sources must be final.
    pub async fn last_look(&self, most: Duration) {
        if !self.looks.any.load(Ordering::Acquire) {
            return;
        }
        let seen = async {
            while !self.looks.last.load(Ordering::Acquire) {
                self.looks.changed.notified().await;
            }
        };
        let _ = tokio::time::timeout(most, seen).await;
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        drop(self.close.take());
        if let Some(thread) = self.thread.take() {
            // A panic was printed by its own thread.
            let _ = thread.join();
        }
    }
}

struct Served {
    sources: Vec<Arc<dyn Source>>,
    looks: Arc<Looks>,
}

async fn serve(listener: TcpListener, served: Arc<Served>, mut closed: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "metrics cannot be served"),
    };
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            _ = &mut closed => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Such as too few descriptors: it may be better in a moment.
                tracing::debug!(%error, "a connection to the metrics cannot be taken");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        // Who comes when there is no room is sent away, and tries again at its next interval.
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
        let served = Arc::clone(&served);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = served.answer(&request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(LONGEST_HEADER).max_buf_size(BUFFER);
            // One answer for each connection: none is kept by who asks for nothing.
            server.keep_alive(false);
            let connection = server.serve_connection(TokioIo::new(stream), service);
            // Who does not read, or comes to no end, is cut off.
            let _ = tokio::time::timeout(LONGEST_CONNECTION, connection).await;
            drop(place);
        });
    }
    // What is being answered is answered to its end.
    let all = room.acquire_many(u32::try_from(MOST_CONNECTIONS).unwrap_or(u32::MAX));
    let _ = tokio::time::timeout(LAST_WORDS, all).await;
}

impl Served {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n".to_owned());
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match request.uri().path() {
            "/metrics" => self.metrics(request),
            "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => {
                let all: Result<(), String> = self.sources.iter().try_for_each(|source| source.ready());
                match all {
                    Ok(()) => text(StatusCode::OK, "ready\n".to_owned()),
                    Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
                }
            }
            _ => text(StatusCode::NOT_FOUND, "there is /metrics, /healthz and /readyz\n".to_owned()),
        }
    }

    fn metrics(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let accepted: Vec<&str> =
            request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        let format = Format::accepted(&accepted.join(","));
        let is_last = self.sources.iter().all(|source| source.is_final());
        let mut families = Families::default();
        self.sources.iter().for_each(|source| source.look(&mut families));
        let Ok(octets) = encode(families, format) else {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n".to_owned());
        };
        self.looks.any.store(true, Ordering::Release);
        if is_last {
            self.looks.last.store(true, Ordering::Release);
            self.looks.changed.notify_one();
        }
        let mut answer = Response::new(Full::new(Bytes::from(octets)));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        answer
    }
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}

/// More than anybody needs who scrapes.
const MOST_CONNECTIONS: usize = 16;
const LONGEST_HEADER: Duration = Duration::from_secs(10);
/// With the answer.
const LONGEST_CONNECTION: Duration = Duration::from_secs(30);
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Of a request that is read, octets.
const BUFFER: usize = 16 << 10;
const BREATH: Duration = Duration::from_millis(100);
