//! Tells others over HTTP: one POST on a connection of its own. TLS 1.3 with the authorities that the system trusts (or those of `SSL_CERT_FILE`).

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request};
pub use hyper::{StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// What is posted.
#[derive(Clone, Debug)]
pub struct Body {
    /// Its media type.
    pub media_type: &'static str,
    /// It itself.
    pub octets: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// What it says; nothing where that is too long.
    pub body: Vec<u8>,
}

/// Posts it with these headers, and returns the answer; a redirection is one like any other.
///
/// # Errors
/// There is no answer, within five seconds: why, as part of a sentence about the other end.
pub async fn post<N: AsRef<str>>(uri: &Uri, body: Body, headers: &[(N, String)]) -> Result<Answer, String> {
    timeout(LIMIT, exchange(uri, body, headers))
        .await
        .unwrap_or_else(|_| Err("it does not answer".to_owned()))
}

/// Whether the same might be taken a little later.
pub fn is_worth_another_try(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

/// Reads the address of a receiver: `http://` or `https://` with a host.
pub fn address(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    (is_http && uri.host().is_some_and(|host| !host.is_empty())).then_some(uri)
}

async fn exchange<N: AsRef<str>>(uri: &Uri, body: Body, headers: &[(N, String)]) -> Result<Answer, String> {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let request = request(uri, body, headers)?;
    let stream = TcpStream::connect((host, port)).await.map_err(|error| format!("no connection: {error}"))?;
    if !is_tls {
        return converse(stream, request).await;
    }
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| "its name cannot be in a certificate".to_owned())?;
    let tls = TlsConnector::from(Arc::new(config()?));
    let stream = tls.connect(name, stream).await.map_err(|error| format!("TLS: {error}"))?;
    converse(stream, request).await
}

async fn converse<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let no_http = |error: hyper::Error| format!("HTTP: {error}");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(no_http)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(no_http)?;
        let status = response.status();
        // What it says is read, so that it can finish.
        let said = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
        Ok(Answer { status, body: said.map(|said| said.to_bytes().to_vec()).unwrap_or_default() })
    };
    tokio::pin!(exchange, connection);
    let mut is_open = true;
    loop {
        tokio::select! {
            answer = &mut exchange => return answer,
            // Its error is the exchange's, too.
            _ = &mut connection, if is_open => is_open = false,
        }
    }
}

fn request<N: AsRef<str>>(
    uri: &Uri,
    body: Body,
    headers: &[(N, String)],
) -> Result<Request<Full<Bytes>>, String> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| "a header cannot be written".to_owned());
    let mut request = Request::new(Full::new(Bytes::from(body.octets)));
    *request.method_mut() = Method::POST;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| "its path cannot be asked for".to_owned())?;
    let host = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    // A password in an address is not the host's name.
    let host = host.rsplit('@').next().unwrap_or_default();
    let all = request.headers_mut();
    all.insert(HOST, value(host)?);
    all.insert(CONNECTION, HeaderValue::from_static("close"));
    all.insert(CONTENT_TYPE, HeaderValue::from_static(body.media_type));
    all.insert(USER_AGENT, HeaderValue::from_static(concat!("roamstorm/", env!("CARGO_PKG_VERSION"))));
    for (name, text) in headers {
        let name = HeaderName::from_bytes(name.as_ref().as_bytes());
        all.insert(name.map_err(|_| "a header has no name that can be written".to_owned())?, value(text)?);
    }
    Ok(request)
}

fn config() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        return Err(
            "this system has no certificates of authorities: install ca-certificates, or set SSL_CERT_FILE"
                .to_owned(),
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// For one try.
const LIMIT: Duration = Duration::from_secs(5);
/// Octets.
const LONGEST_ANSWER: usize = 64 << 10;
