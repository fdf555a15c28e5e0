//! A client of S3, with its credentials, its patience and its limits.
//!
//! Credentials and region are found as the AWS SDK finds them: environment, profiles, web identity (IRSA), container, IMDSv2.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::{Client, Config};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use crate::fault::{Fault, Kind};
use crate::limits::LimitedAnswers;
use crate::place::Place;

/// A client of S3.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) client: Client,
    endpoint: Option<String>,
}

impl Store {
    /// A client of the server at `endpoint`, or where the environment says; else of AWS.
    ///
    /// # Errors
    /// The endpoint is no address of HTTP, or no credentials are to be had.
    pub async fn open(endpoint: Option<&str>) -> Result<Self, Fault> {
        Self::open_with(endpoint, TRIES).await
    }

    /// The same, trying everything once: for a look before there is anything to lose.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_for_a_look(endpoint: Option<&str>) -> Result<Self, Fault> {
        Self::open_with(endpoint, 1).await
    }

    async fn open_with(endpoint: Option<&str>, tries: u32) -> Result<Self, Fault> {
        if let Some(endpoint) = endpoint.filter(|endpoint| !is_address(endpoint)) {
            return Err(Fault::new(
                Kind::Settings,
                format!("--endpoint {}", edges::text::line(endpoint, 200)),
                "this is no address of a server",
                "http://HOST:PORT or https://HOST is expected",
            ));
        }
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let retries = RetryConfig::standard()
            .with_max_attempts(tries)
            .with_initial_backoff(FIRST_WAIT)
            .with_max_backoff(LONGEST_WAIT);
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(ANSWER).build();
        let mut found = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http)
            .retry_config(retries)
            .timeout_config(timeouts);
        if let Some(endpoint) = endpoint {
            found = found.endpoint_url(endpoint);
        }
        let found = found.load().await;
        let is_foreign = found.endpoint_url().is_some() || is_set("AWS_ENDPOINT_URL_S3");
        let mut config = Config::from(&found).to_builder().interceptor(LimitedAnswers);
        if found.region().is_none() {
            config = config.region(Region::from_static("us-east-1"));
        }
        if is_foreign {
            config = config.force_path_style(true);
        }
        // What is sent has its SHA-256 in any case; a checksum in a trailer is what other servers than AWS do not know.
        config = config
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        let endpoint = found.endpoint_url().map(str::to_owned);
        Ok(Self { client: Client::from_conf(config.build()), endpoint })
    }

    /// The server's address, where it is not AWS.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Whether something could be pushed there, as far as can be known without pushing.
    ///
    /// # Errors
    /// The server is not reached, does not take the credentials, or has no such bucket. That listing is not allowed is no error.
    pub async fn look(&self, place: &Place) -> Result<(), Fault> {
        let look = self.client.list_objects_v2().bucket(&place.bucket).prefix(&place.prefix).max_keys(1);
        match look.send().await.map_err(|error| Fault::of(place, &error)) {
            Err(fault) if fault.kind() != Kind::Denied => Err(fault),
            _ => Ok(()),
        }
    }
}

fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !host.contains('@') && !rest.chars().any(char::is_whitespace)
    })
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Of each request; what a server or the way to it cannot do now it may be able to do a little later.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// From a request's beginning to its answer: a part of 8 MiB takes so long at 0.6 Mbit/s.
const ANSWER: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_addresses_of_http_without_a_password() {
        for good in ["http://127.0.0.1:9000", "https://minio.example", "http://[::1]:8333/"] {
            assert!(is_address(good), "{good}");
        }
        for wrong in
            ["", "127.0.0.1:9000", "s3://x", "http://", "https:///x", "http://u:p@host", "http://a b"]
        {
            assert!(!is_address(wrong), "{wrong}");
        }
    }
}
