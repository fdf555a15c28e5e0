//! Asks the host's metadata service whether the host is to be taken away.

mod imds;
mod notice;

use std::time::{Duration, SystemTime};

use tokio::time::{Interval, MissedTickBehavior, interval};

pub use imds::Endpoint;
pub use notice::{Notice, Page, read};

use imds::Imds;

/// Whom to ask, and how often.
#[derive(Clone, Debug)]
pub struct SpotSettings {
    /// The metadata service.
    pub endpoint: Endpoint,
    /// How often: every 5 s, as AWS advises.
    pub every: Duration,
    /// Whether a recommendation to rebalance is a reason to leave. It comes minutes before an interruption, or without
    /// one.
    pub leave_on_rebalance: bool,
}

impl SpotSettings {
    /// The usual ones.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, every: Duration::from_secs(5), leave_on_rebalance: true }
    }
}

/// Polls the service.
pub(crate) struct SpotWatcher {
    imds: Imds,
    settings: SpotSettings,
    ticks: Interval,
    /// The next page of this round; beyond the last one when the round is over.
    page: usize,
    told: Vec<Notice>,
    /// What was wrong last, so that it is said once.
    trouble: Option<String>,
}

impl SpotWatcher {
    pub(crate) fn new(settings: SpotSettings) -> Self {
        let mut ticks = interval(settings.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let imds = Imds::new(settings.endpoint.clone());
        Self { imds, settings, ticks, page: Page::ALL.len(), told: Vec::new(), trouble: None }
    }

    /// The next notice that was not told yet. Cancel-safe: a page that is being read is read again.
    pub(crate) async fn next(&mut self) -> Notice {
        loop {
            let Some(page) = Page::ALL.get(self.page).copied() else {
                self.ticks.tick().await;
                self.page = 0;
                continue;
            };
            let answer = match page {
                Page::Rebalance if !self.settings.leave_on_rebalance => Ok(None),
                page => self.ask(page).await,
            };
            self.page += 1;
            match answer {
                Ok(Some(notice)) if !self.told.contains(&notice) => {
                    tracing::warn!(reason = notice.reason, "this host is to be left");
                    if self.told.len() >= MOST_TOLD {
                        self.told.remove(0);
                    }
                    self.told.push(notice.clone());
                    return notice;
                }
                Ok(_) => {}
                Err(trouble) => {
                    // The other pages would say the same.
                    self.page = Page::ALL.len();
                    if self.trouble.as_ref() != Some(&trouble) {
                        tracing::warn!("the metadata service is of no use: {trouble}; asking on");
                        self.trouble = Some(trouble);
                    }
                }
            }
        }
    }

    async fn ask(&mut self, page: Page) -> Result<Option<Notice>, String> {
        let body = self.imds.page(page.path()).await.map_err(|error| error.to_string())?;
        let Some(body) = body else { return Ok(None) };
        match read(page, &body, SystemTime::now()) {
            Ok(notice) => Ok(notice),
            Err(garbage) => {
                tracing::warn!("{} is not understood: {garbage}", page.path());
                Ok(None)
            }
        }
    }
}

/// The identity document of this instance, and its signature (base64), for who wants to know which instance it is.
///
/// # Errors
/// The service does not answer, or has none.
pub async fn identity_document(endpoint: &Endpoint) -> Result<(String, String), String> {
    let mut imds = Imds::new(endpoint.clone());
    let mut texts = Vec::new();
    for page in ["document", "signature"] {
        let path = format!("/latest/dynamic/instance-identity/{page}");
        let body = imds.page(&path).await.map_err(|error| error.to_string())?;
        let body = body.ok_or_else(|| format!("it has no {path}"))?;
        texts.push(String::from_utf8(body.to_vec()).map_err(|_| format!("{path} is no text"))?);
    }
    let [document, signature] = texts.try_into().map_err(|_| "it has no document".to_owned())?;
    Ok((document, signature))
}

const MOST_TOLD: usize = 16;
