//! How a coordinator that was restarted tells agents at once that it does not know their connections any more
//! (RFC 9000 §10.3): otherwise they would find out by their idle time only.
//!
//! The key that proves it is the same at each start, so it is derived from the coordinator's private key.

use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectionId, ConnectionIdGenerator, EndpointConfig};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::Identity;
use crate::identity::IdentityError;

/// The settings of a coordinator's end.
pub(crate) fn endpoint_config(identity: &Identity) -> Result<EndpointConfig, IdentityError> {
    let credentials = identity.credentials()?;
    let secret = hmac::Key::new(hmac::HMAC_SHA256, credentials.key.secret_der());
    let reset = hmac::sign(&secret, b"roamstorm stateless resets");
    let mut config = EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, reset.as_ref())));
    config.cid_generator(|| -> Box<dyn ConnectionIdGenerator> { Box::new(RandomIds(SystemRandom::new())) });
    // A whole fleet is told in a moment. A reset is smaller than what it answers, so it floods nobody.
    config.min_reset_interval(BETWEEN_RESETS);
    Ok(config)
}

/// Any identifier may be of an earlier start, so all of them are answered. quinn's own generator knows its own only.
struct RandomIds(SystemRandom);

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; ID_OCTETS];
        // Without random numbers there was no TLS before this either.
        if self.0.fill(&mut id).is_err() {
            tracing::error!("the system has no random numbers");
        }
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        ID_OCTETS
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

const ID_OCTETS: usize = 8;
const BETWEEN_RESETS: Duration = Duration::from_micros(100);
