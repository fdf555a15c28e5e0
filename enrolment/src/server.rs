//! The endpoint where certificates are asked for: one request on each connection, in turns for each address, with limits on how
//! many, how large and how long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use wire::admission::{Admission, Denied, Origin, Turn};
use wire::{CertificateFacts, Settings};

use crate::desk::Desk;
use crate::message::{Answer, MOST_REQUEST, Outcome};
use crate::tls;

/// The endpoint.
pub struct Server {
    endpoint: quinn::Endpoint,
    local: SocketAddr,
    desk: Arc<Desk>,
}

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be bound.
    #[error(
        "cannot listen for enrolments on UDP {address}: {source}; where another one is served there already, name another port (--listen, --enrol=ADDRESS:PORT)"
    )]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Its certificate cannot be made.
    #[error("the enrolment endpoint has no certificate: {0}")]
    Certificate(String),
}

impl Server {
    /// Listens on a UDP address; port 0 takes a free one. Must be called in a tokio runtime. Waits for whoever signs.
    ///
    /// # Errors
    /// The address cannot be bound, or the authority signs nothing.
    pub fn bind(address: SocketAddr, desk: Arc<Desk>) -> Result<Self, ServerError> {
        let config = tls::server_config(desk.authority()).map_err(ServerError::Certificate)?;
        let bind = |source| ServerError::Bind { address, source };
        let endpoint = quinn::Endpoint::server(config, address).map_err(bind)?;
        let local = endpoint.local_addr().map_err(bind)?;
        Ok(Self { endpoint, local, desk })
    }

    /// The real address, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Serves for as long as it is polled.
    pub async fn serve(self) {
        let mut work = Work {
            admission: Admission::new(&Settings::default(), Instant::now().into_std()),
            at_work: JoinSet::new(),
            desk: self.desk,
        };
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewed = Instant::now();
        loop {
            work.take_up();
            tokio::select! {
                Some(done) = work.at_work.join_next() => work.done(done),
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => work.attempt(incoming),
                    None => return,
                },
                _ = ticks.tick() => {
                    work.tick();
                    if renewed.elapsed() > RENEWED {
                        renewed = Instant::now();
                        let desk = Arc::clone(&work.desk);
                        let endpoint = self.endpoint.clone();
                        tokio::task::spawn_blocking(move || match tls::server_config(desk.authority()) {
                            Ok(config) => endpoint.set_server_config(Some(config)),
                            Err(error) => tracing::error!("the enrolment endpoint's certificate is not renewed: {error}"),
                        });
                    }
                }
            }
        }
    }
}

/// How one ended: with an answer, and whether that was no fault of who asked; or why it came to none.
type Done = (Turn, Result<bool, (SocketAddr, String)>);

struct Work {
    admission: Admission<quinn::Incoming>,
    at_work: JoinSet<Done>,
    desk: Arc<Desk>,
}

impl Work {
    fn attempt(&mut self, incoming: quinn::Incoming) {
        let address = incoming.remote_address();
        let validated = incoming.remote_address_validated() || !incoming.may_retry();
        let now = Instant::now().into_std();
        match self.admission.ask(Origin::of(address.ip()), validated, incoming, now) {
            Ok(()) => {}
            Err((Denied::Retry, incoming)) => drop(incoming.retry()),
            Err((_, incoming)) => {
                incoming.refuse();
                self.fail(address.to_string(), "too many are at hand: not looked at");
            }
        }
    }

    /// Begins as many as may be worked on.
    fn take_up(&mut self) {
        while let Some((turn, incoming)) = self.admission.next(Instant::now().into_std()) {
            let desk = Arc::clone(&self.desk);
            self.at_work.spawn(async move { (turn, exchange(incoming, desk).await) });
        }
    }

    fn done(&mut self, done: Result<Done, JoinError>) {
        let (turn, outcome) = match done {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only the runtime's end cancels one.
                Err(_) => return,
            },
        };
        self.admission.left(turn, !matches!(outcome, Ok(true)), Instant::now().into_std());
        if let Err((address, why)) = outcome {
            self.fail(address.to_string(), &why);
        }
    }

    fn tick(&mut self) {
        for _ in 0..self.admission.forget_the_old(Instant::now().into_std()) {
            self.fail(String::new(), "waited too long: too many are at hand");
        }
        let desk = Arc::clone(&self.desk);
        tokio::task::spawn_blocking(move || desk.tick());
    }

    fn fail(&self, address: String, why: &str) {
        // In a flood most are counted only.
        if !self.desk.admits(why) {
            return;
        }
        let (desk, why) = (Arc::clone(&self.desk), why.to_owned());
        tokio::task::spawn_blocking(move || desk.note_failure(&address, &why));
    }
}

/// One request and its answer; true where a certificate was issued, or could not be for a fault of ours.
async fn exchange(incoming: quinn::Incoming, desk: Arc<Desk>) -> Result<bool, (SocketAddr, String)> {
    let address = incoming.remote_address();
    let fail = |why: String| (address, why);
    let connecting = incoming.accept().map_err(|error| fail(error.to_string()))?;
    let asking = async {
        let connection = connecting.await.map_err(|error| handshake(&error))?;
        let shown = shown(&connection);
        let (send, mut receive) =
            connection.accept_bi().await.map_err(|error| format!("asked nothing: {error}"))?;
        let request = receive.read_to_end(MOST_REQUEST).await;
        let request = request.map_err(|error| format!("its request cannot be read: {error}"))?;
        Ok::<_, String>((connection, send, shown, request))
    };
    let asked = timeout(ASKING, asking)
        .await
        .map_err(|_| fail(format!("asked nothing within {} s", ASKING.as_secs())))?;
    let (connection, mut send, shown, request) = asked.map_err(fail)?;
    let decided = tokio::task::spawn_blocking(move || {
        desk.answer(&request, address, shown.as_ref(), SystemTime::now())
    });
    let answer: Answer = decided.await.map_err(|error| fail(format!("the answer was lost: {error}")))?;
    let is_in_order = matches!(answer.outcome, Outcome::Issued { .. } | Outcome::Refused { again: true, .. });
    let said = async {
        send.write_all(&answer.encode()).await.map_err(|error| error.to_string())?;
        send.finish().map_err(|error| error.to_string())?;
        // Until the agent's machine has all of it.
        send.stopped().await.map_err(|error| error.to_string())?;
        connection.close(0u32.into(), b"answered");
        Ok::<_, String>(())
    };
    match timeout(ANSWERING, said).await {
        Ok(Ok(())) => {}
        // It asks again, and gets the same.
        Ok(Err(error)) => tracing::info!("{address} did not hear its answer: {error}"),
        Err(_) => tracing::info!("{address} did not read its answer"),
    }
    Ok(is_in_order)
}

fn shown(connection: &quinn::Connection) -> Option<CertificateFacts> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    CertificateFacts::of(chain.first()?)
}

/// What a failed handshake means, in words. RFC 8446 §6.2: the alerts about certificates.
fn handshake(error: &quinn::ConnectionError) -> String {
    let code = match error {
        quinn::ConnectionError::ConnectionClosed(close) => Some(close.error_code),
        quinn::ConnectionError::TransportError(error) => Some(error.code),
        _ => None,
    };
    let by_agent = matches!(error, quinn::ConnectionError::ConnectionClosed(_));
    match (code.map(u64::from).and_then(|code| code.checked_sub(0x100)), by_agent) {
        (Some(45), true) => {
            "its clock is wrong: for it, this endpoint's certificate is not valid now".to_owned()
        }
        (Some(48), true) => "its token is of another authority".to_owned(),
        (Some(45), false) => "the certificate that it shows has ended: it needs a token".to_owned(),
        (Some(48 | 51), false) => "the certificate that it shows is of another authority".to_owned(),
        (Some(120), _) => "it does not ask for enrolment (another protocol)".to_owned(),
        _ => format!("no handshake: {}", edges::text::line(&error.to_string(), 200)),
    }
}

const TICK: Duration = Duration::from_millis(250);
/// How long an agent may take from its first packet to the end of its request.
const ASKING: Duration = Duration::from_secs(5);
/// How long it may take to read the answer.
const ANSWERING: Duration = Duration::from_secs(5);
/// How often the endpoint's own certificate is made anew.
const RENEWED: Duration = Duration::from_secs(24 * 3600);
