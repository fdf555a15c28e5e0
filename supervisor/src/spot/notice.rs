//! What the instance metadata service says about the end of this instance, and when it has to be obeyed. No I/O.
//!
//! A page that is not there (404) says that nothing is planned. Whatever else comes that is not understood is counted as
//! nothing, too: an agent that leaves for no reason costs load.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

/// The pages that are polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Page {
    /// The instance will be stopped, hibernated or terminated, two minutes from the notice.
    SpotAction,
    /// It is at an elevated risk of it.
    Rebalance,
    /// Its host will be worked on.
    Maintenance,
}

impl Page {
    /// All of them, the most urgent one first.
    pub const ALL: [Self; 3] = [Self::SpotAction, Self::Rebalance, Self::Maintenance];

    /// The path under the service's root.
    pub fn path(self) -> &'static str {
        match self {
            Self::SpotAction => "/latest/meta-data/spot/instance-action",
            Self::Rebalance => "/latest/meta-data/events/recommendations/rebalance",
            Self::Maintenance => "/latest/meta-data/events/maintenance/scheduled",
        }
    }
}

/// This instance is to be left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// For people and the coordinator.
    pub reason: String,
    /// When the instance ends, by the wall clock; none when nobody says.
    pub at: Option<SystemTime>,
}

impl Notice {
    /// How long is left.
    pub fn within(&self, now: SystemTime) -> Option<Duration> {
        self.at.map(|at| at.duration_since(now).unwrap_or_default())
    }
}

/// What a page that is there says.
///
/// # Errors
/// It is not what the service is known to say.
pub fn read(page: Page, body: &[u8], now: SystemTime) -> Result<Option<Notice>, String> {
    match page {
        Page::SpotAction => {
            let action: SpotAction = json(body)?;
            let at = instant(&action.time)?;
            let kind = word(&action.action);
            Ok(Some(Notice {
                reason: format!("spot interruption ({kind}) at {}", word(&action.time)),
                at: Some(at),
            }))
        }
        Page::Rebalance => {
            let rebalance: Rebalance = json(body)?;
            let since = word(&rebalance.notice_time);
            Ok(Some(Notice { reason: format!("spot rebalance recommendation of {since}"), at: None }))
        }
        Page::Maintenance => {
            let events: Vec<Maintenance> = json(body)?;
            let mut soon = Vec::new();
            for event in
                events.iter().filter(|event| event.state.as_deref().is_none_or(|state| state == "active"))
            {
                let at = instant(&event.not_before)?;
                if at.duration_since(now).unwrap_or_default() <= MAINTENANCE_LEAD {
                    let reason =
                        format!("maintenance ({}) at {}", word(&event.code), word(&event.not_before));
                    soon.push(Notice { reason, at: Some(at) });
                }
            }
            soon.sort_by_key(|notice| notice.at);
            Ok(soon.into_iter().next())
        }
    }
}

#[derive(Deserialize)]
struct SpotAction {
    action: String,
    time: String,
}

#[derive(Deserialize)]
struct Rebalance {
    #[serde(rename = "noticeTime")]
    notice_time: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Maintenance {
    code: String,
    not_before: String,
    state: Option<String>,
}

fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// `2017-09-18T08:22:00Z`, or `21 Jan 2019 09:00:43 GMT` in maintenance events.
fn instant(text: &str) -> Result<SystemTime, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(text, &Rfc2822));
    time.map(SystemTime::from).map_err(|_| format!("`{}` is no time", word(text)))
}

/// What came from elsewhere, fit for a log.
fn word(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// Maintenance is announced days before; the instance is left when it is so near.
const MAINTENANCE_LEAD: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> SystemTime {
        OffsetDateTime::parse(text, &Rfc3339).unwrap().into()
    }

    /// As the EC2 user guide prints them ("Spot Instance interruption notices", "Rebalance recommendations", "Scheduled
    /// events").
    #[test]
    fn documented_answers_are_understood() {
        let now = at("2019-01-21T08:59:43Z");
        let action = br#"{"action": "terminate", "time": "2017-09-18T08:22:00Z"}"#;
        let notice = read(Page::SpotAction, action, at("2017-09-18T08:20:00Z")).unwrap().unwrap();
        assert_eq!(notice.reason, "spot interruption (terminate) at 2017-09-18T08:22:00Z");
        assert_eq!(notice.within(at("2017-09-18T08:20:00Z")), Some(Duration::from_secs(120)));
        assert_eq!(notice.within(now), Some(Duration::ZERO), "it is over");

        let rebalance = br#"{"noticeTime": "2020-10-27T08:22:00Z"}"#;
        let notice = read(Page::Rebalance, rebalance, now).unwrap().unwrap();
        assert_eq!(
            (notice.reason.as_str(), notice.at),
            ("spot rebalance recommendation of 2020-10-27T08:22:00Z", None)
        );

        let maintenance = br#"[{"NotBefore": "21 Jan 2019 09:00:43 GMT", "Code": "system-reboot",
            "Description": "scheduled reboot", "EventId": "instance-event-0d59937288b749b32",
            "NotAfter": "21 Jan 2019 09:17:23 GMT", "State": "active"}]"#;
        let notice = read(Page::Maintenance, maintenance, now).unwrap().unwrap();
        assert_eq!(notice.within(now), Some(Duration::from_secs(60)));
        assert_eq!(
            read(Page::Maintenance, maintenance, now - Duration::from_secs(3600)),
            Ok(None),
            "days before"
        );
        assert_eq!(read(Page::Maintenance, b"[]", now), Ok(None));
        let over = String::from_utf8_lossy(maintenance).replace("active", "completed");
        assert_eq!(read(Page::Maintenance, over.as_bytes(), now), Ok(None));
    }

    #[test]
    fn what_is_not_understood_is_no_notice() {
        let now = SystemTime::now();
        for garbage in ["", "<html>", "{}", "[]", "null", r#"{"action":"terminate","time":"soon"}"#] {
            read(Page::SpotAction, garbage.as_bytes(), now).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,100}") {
            for page in Page::ALL {
                let _ = read(page, &octets, SystemTime::now());
                let body = serde_json::json!({"action": text, "time": text, "noticeTime": text}).to_string();
                if let Ok(Some(notice)) = read(page, body.as_bytes(), SystemTime::now()) {
                    prop_assert!(notice.reason.chars().count() < 100 && !notice.reason.contains('\n'));
                }
            }
        }
    }
}
