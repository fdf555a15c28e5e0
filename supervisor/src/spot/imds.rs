//! The instance metadata service, version 2 (IMDSv2): a token for each session, and small pages. Its answers are bounded in
//! time and size, whoever it is that answers.

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Where the service is: `http://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

impl Endpoint {
    /// The link-local address at which every EC2 instance finds it.
    pub fn of_ec2() -> Self {
        Self("169.254.169.254:80".to_owned())
    }
}

impl std::str::FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no metadata service: write http://HOST or http://HOST:PORT");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("http") || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong());
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        Ok(Self(format!("{host}:{}", uri.port_u16().unwrap_or(80))))
    }
}

/// A session with the service.
#[derive(Debug)]
pub(super) struct Imds {
    endpoint: Endpoint,
    token: Option<(HeaderValue, Instant)>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImdsError {
    #[error("no answer within {} s", LIMIT.as_secs())]
    TooSlow,
    #[error("not reachable: {0}")]
    Unreachable(#[from] std::io::Error),
    #[error("it does not speak HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("its answer is too long, or breaks off: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("its token cannot be used")]
    Token,
}

impl Imds {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, token: None }
    }

    /// A page; `None` when it is not there.
    pub(super) async fn page(&mut self, path: &str) -> Result<Option<Bytes>, ImdsError> {
        for _ in 0..2 {
            let token = self.token().await?;
            match self.ask(Method::GET, path, (TOKEN, token)).await? {
                (StatusCode::OK, body) => return Ok(Some(body)),
                (StatusCode::NOT_FOUND, _) => return Ok(None),
                // Its session is over sooner than it was to be, or the service was restarted.
                (StatusCode::UNAUTHORIZED, _) => self.token = None,
                (status, _) => return Err(ImdsError::Status(status)),
            }
        }
        Err(ImdsError::Status(StatusCode::UNAUTHORIZED))
    }

    async fn token(&mut self) -> Result<HeaderValue, ImdsError> {
        if let Some((token, until)) = &self.token
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let seconds = HeaderValue::from(TOKEN_VALID.as_secs());
        let asked = Instant::now();
        let (status, body) = self.ask(Method::PUT, "/latest/api/token", (TOKEN_TTL, seconds)).await?;
        if status != StatusCode::OK {
            return Err(ImdsError::Status(status));
        }
        let token = HeaderValue::from_bytes(&body).map_err(|_| ImdsError::Token)?;
        if token.is_empty() || token.len() > LONGEST_TOKEN {
            return Err(ImdsError::Token);
        }
        self.token = Some((token.clone(), asked + TOKEN_VALID * 9 / 10));
        Ok(token)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        header: (&'static str, HeaderValue),
    ) -> Result<(StatusCode, Bytes), ImdsError> {
        timeout(LIMIT, self.exchange(method, path, header)).await.map_err(|_| ImdsError::TooSlow)?
    }

    /// One request on a connection of its own: a service that is asked every 5 s keeps none open.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        (name, value): (&'static str, HeaderValue),
    ) -> Result<(StatusCode, Bytes), ImdsError> {
        let stream = TcpStream::connect(&self.endpoint.0).await?;
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(LONGEST_HEAD)
            .handshake(TokioIo::new(stream))
            .await?;
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = method;
        *request.uri_mut() = Uri::try_from(path).unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_str(&self.endpoint.0).map_err(|_| ImdsError::Token)?);
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.insert(name, value);
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST_BODY).collect().await;
            Ok((status, body.map_err(ImdsError::Body)?.to_bytes()))
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
}

const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
/// The longest that the service gives one for.
const TOKEN_VALID: Duration = Duration::from_secs(21_600);
/// Octets; the service's tokens have 56.
const LONGEST_TOKEN: usize = 1024;
/// Octets.
const LONGEST_HEAD: usize = 16 << 10;
/// Octets.
const LONGEST_BODY: usize = 64 << 10;
/// For one request and its answer.
const LIMIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_is_a_host_and_a_port() {
        let parsed = |text: &str| text.parse::<Endpoint>().map(|endpoint| endpoint.0);
        assert_eq!(parsed("http://127.0.0.1:1338"), Ok("127.0.0.1:1338".to_owned()));
        assert_eq!(parsed("http://[fd00:ec2::254]/"), Ok("[fd00:ec2::254]:80".to_owned()));
        assert_eq!(parsed("http://169.254.169.254"), Ok(Endpoint::of_ec2().0));
        for wrong in ["", "169.254.169.254", "https://a", "http://", "http://a/latest", "http://a/?b"] {
            let error = parsed(wrong).unwrap_err();
            assert!(error.contains("write http://HOST"), "{error}");
        }
    }
}
