//! Tells the world that a run has ended: a POST to each address that was named, signed, tried again, and never in the run's way.
//!
//! ```text
//! Roamstorm-Timestamp: UNIX time in seconds
//! Roamstorm-Signature: sha256=HMAC-SHA256(secret, timestamp "." body), hexadecimal      where there is a secret
//! ```

mod message;

use std::str::FromStr;
use std::time::Duration;

use post::{Body, Uri, is_worth_another_try};
use ring::hmac;

pub(crate) use message::Message;

/// Where it is told, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receiver {
    uri: Uri,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Our own JSON.
    Plain,
    /// That of Slack's incoming webhooks, which Mattermost, Rocket.Chat and others take too.
    Slack,
}

impl FromStr for Receiver {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (form, address) = match text.strip_prefix("slack+") {
            Some(address) => (Form::Slack, address),
            None => (Form::Plain, text),
        };
        let expected = || {
            "expected https://HOST/PATH, http://HOST/PATH, or slack+https://… for a webhook of Slack"
                .to_owned()
        };
        let uri = post::address(address).ok_or_else(expected)?;
        Ok(Self { uri, form })
    }
}

/// Tells all of them, one beside the other, and says on standard error whom it could not tell.
pub(crate) async fn tell(receivers: &[Receiver], message: &Message) {
    let secret = std::env::var(SECRET).ok().filter(|secret| !secret.is_empty());
    let mut told = tokio::task::JoinSet::new();
    for receiver in receivers {
        let body = match receiver.form {
            Form::Plain => message.plain(),
            Form::Slack => message.slack(),
        };
        let (uri, secret) = (receiver.uri.clone(), secret.clone());
        told.spawn(async move {
            let host = uri.host().unwrap_or_default().to_owned();
            let sent = tokio::time::timeout(LONGEST, send(&uri, &body.to_string(), secret.as_deref())).await;
            let sent = sent.unwrap_or_else(|_| Err("it takes too long".to_owned()));
            // The rest of an address is often a secret.
            sent.map_err(|why| format!("{host} could not be told how the run ended: {why}"))
        });
    }
    while let Some(sent) = told.join_next().await {
        if let Ok(Err(why)) = sent {
            eprintln!("warning: {why}");
        }
    }
}

/// Tries a few times, while there is hope.
async fn send(uri: &Uri, body: &str, secret: Option<&str>) -> Result<(), String> {
    let mut wait = FIRST_WAIT;
    let mut tries = 1;
    loop {
        let timestamp = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        let mut headers = vec![("roamstorm-timestamp", timestamp.to_string())];
        headers.extend(secret.map(|secret| ("roamstorm-signature", signature(secret, timestamp, body))));
        let json = Body { media_type: "application/json", octets: body.as_bytes().to_vec() };
        let answer = post::post(uri, json, &headers).await.map(|answer| answer.status);
        let failed = match answer {
            Ok(status) if status.is_success() => return Ok(()),
            Ok(status) if !is_worth_another_try(status) => return Err(format!("it answers {status}")),
            Ok(status) => format!("it answers {status}"),
            Err(why) => why,
        };
        if tries == TRIES {
            return Err(format!("{failed}, {TRIES} times"));
        }
        tracing::info!(tries, "not told yet: {failed}");
        tokio::time::sleep(wait).await;
        (wait, tries) = (wait * 2, tries + 1);
    }
}

/// What proves that the message is ours, and of that time.
fn signature(secret: &str, timestamp: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{timestamp}.{body}").as_bytes());
    format!("sha256={}", hex::encode(tag))
}

/// The environment's variable with the secret of signatures: an option could be read by every user of the machine.
const SECRET: &str = "ROAMSTORM_NOTIFY_SECRET";
const TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// For all tries together: the run has ended, and its result is out.
const LONGEST: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_urls_of_http_in_two_forms() {
        let plain: Receiver = "https://ci.example/hooks/1?x=2".parse().unwrap();
        assert_eq!((plain.form, plain.uri.host()), (Form::Plain, Some("ci.example")));
        let slack: Receiver = "slack+https://hooks.slack.com/services/T/B/x".parse().unwrap();
        assert_eq!((slack.form, slack.uri.path()), (Form::Slack, "/services/T/B/x"));
        for wrong in ["", "ci.example", "ftp://ci.example", "https://", "slack+mailto:x", "https:///path"] {
            let error = wrong.parse::<Receiver>().unwrap_err();
            assert!(error.contains("slack+https://"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_signature_is_of_time_and_body() {
        // Computed with openssl: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        let expected = "sha256=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686";
        assert_eq!(signature("secret", 1_700_000_000, "{\"a\":1}"), expected);
        assert_ne!(signature("secret", 1_700_000_001, "{\"a\":1}"), expected);
    }
}
