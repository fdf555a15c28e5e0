//! What is told: how the run ended, why, and where its report is.

use std::path::Path;

use results::{SearchSummary, SloResult, Summary};
use serde_json::{Value, json};

/// How a run ended, or a capacity search.
pub(crate) struct Message {
    plain: Value,
    /// A sentence.
    short: String,
    /// What stands below it.
    lines: Vec<String>,
}

impl Message {
    /// Of a run.
    pub(crate) fn of_run(summary: &Summary, folder: &Path) -> Self {
        let status = summary.verdict.status;
        let missed: Vec<&SloResult> = summary.slos.iter().filter(|slo| slo.judged && !slo.pass).collect();
        let reasons: Vec<&String> = summary.verdict.reasons.iter().take(MOST_REASONS).collect();
        let plain = json!({
            "event": "run-ended", "run_id": summary.run_id, "scenario": summary.scenario, "seed": summary.seed,
            "verdict": {"status": status.as_str(), "reasons": reasons}, "missed": missed, "started_at": summary.started_at,
            "duration_s": summary.duration_s, "target": summary.target, "folder": folder.display().to_string(), "version": summary.version,
        });
        Self {
            plain,
            short: format!("{} {}: {}", status.symbol(), summary.scenario, status.as_str()),
            lines: reasons.into_iter().cloned().chain([format!("run {}", summary.run_id)]).collect(),
        }
    }

    /// Of a capacity search.
    pub(crate) fn of_search(summary: &SearchSummary, folder: &Path) -> Self {
        let plain = json!({
            "event": "search-ended", "run_id": summary.run_id, "scenario": summary.scenario, "seed": summary.seed,
            "verdict": {"status": summary.status.as_str(), "reasons": [summary.verdict]}, "knee": summary.knee,
            "folder": folder.display().to_string(), "version": env!("CARGO_PKG_VERSION"),
        });
        Self {
            plain,
            short: format!("{} {}: {}", summary.status.symbol(), summary.scenario, summary.verdict),
            lines: vec![format!("run {}", summary.run_id)],
        }
    }

    /// The same with where its artifacts lie, where they were pushed.
    pub(crate) fn with_artifacts(mut self, place: Option<String>) -> Self {
        if let Some(place) = place {
            self.lines.push(format!("artifacts {place}"));
            self.plain["artifacts"] = place.into();
        }
        self
    }

    /// Our own JSON.
    pub(super) fn plain(&self) -> Value {
        self.plain.clone()
    }

    /// That of Slack: a text, in which `&`, `<` and `>` have a meaning of their own.
    pub(super) fn slack(&self) -> Value {
        let literal = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let lines: String = self.lines.iter().map(|line| format!("\n• {}", literal(line))).collect();
        json!({"text": format!("*{}*{lines}", literal(&self.short))})
    }
}

const MOST_REASONS: usize = 10;

#[cfg(test)]
mod tests {
    use results::Status;

    use super::*;

    #[test]
    fn a_message_says_how_it_ended_and_what_slack_would_take_for_markup_is_literal() {
        let mut summary =
            Summary { scenario: "night".to_owned(), run_id: "r-1".to_owned(), ..Summary::default() };
        summary.verdict.status = Status::Fail;
        summary.verdict.reasons = vec!["success < 99 % <!everyone>".to_owned()];
        let message = Message::of_run(&summary, Path::new("runs/r-1"));
        assert_eq!(message.plain()["verdict"]["status"], "fail");
        assert_eq!(message.plain()["event"], "run-ended");
        assert_eq!(
            message.slack()["text"],
            "*❌ night: fail*\n• success &lt; 99 % &lt;!everyone&gt;\n• run r-1"
        );
    }
}
