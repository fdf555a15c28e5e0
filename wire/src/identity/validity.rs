//! Until when a certificate is valid.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::prelude::{FromDer, X509Certificate};

use super::Pem;

/// Until when a certificate is valid, as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidUntil {
    instant: SystemTime,
    /// As ISO 8601 writes it, in UTC.
    date: String,
}

impl ValidUntil {
    /// The instant itself.
    pub fn instant(&self) -> SystemTime {
        self.instant
    }

    /// Of the first certificate of a PEM text; nothing where there is none.
    pub(super) fn of(pem: &Pem) -> Option<Self> {
        let der = pem.certificates().ok()?.swap_remove(0);
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        let end = certificate.validity().not_after;
        let since = u64::try_from(end.timestamp()).ok()?;
        let date = end.to_datetime().date().to_string();
        Some(Self { instant: UNIX_EPOCH + Duration::from_secs(since), date })
    }

    /// Whole days from this time until then; 0 when it is over.
    pub fn days_after(&self, now: SystemTime) -> u64 {
        self.instant.duration_since(now).unwrap_or_default().as_secs() / SECONDS_OF_A_DAY
    }

    /// What to say of a certificate that ends soon, and nothing of one that does not.
    pub fn warning(&self, certificate: &str, now: SystemTime) -> Option<String> {
        let days = self.days_after(now);
        (days < SOON_DAYS).then(|| {
            let left = match days {
                0 => "less than a day".to_owned(),
                1 => "a day".to_owned(),
                days => format!("{days} days"),
            };
            format!(
                "{certificate} is valid for {left} more, until {self}: issue a new one with `roamstorm certs`, or nobody joins after that"
            )
        })
    }
}

impl fmt::Display for ValidUntil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.date)
    }
}

const SECONDS_OF_A_DAY: u64 = 24 * 3600;
/// A certificate that has fewer days left is warned of.
const SOON_DAYS: u64 = 30;
