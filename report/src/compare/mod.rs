//! `roamstorm compare`: two run folders in, the judgement of `statistics` out, with what makes the runs comparable or not.

mod read;

use std::path::{Path, PathBuf};

use serde::Serialize;
use statistics::{Comparison, Finding, Judgement, Settings};

use results::FolderError;
use results::folder::write_whole;
use results::{Status, Summary};

pub(crate) use read::{LATENESS, read_series};
pub use read::{RunRead, read_run};

use crate::comparison;

/// Two runs and their difference.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedRuns {
    /// The run that the other is held against.
    pub base: ComparedRun,
    /// The other run.
    pub run: ComparedRun,
    /// Why the two are not alike; a comparison of such runs was forced.
    pub differ: Vec<String>,
    /// Every figure.
    pub comparison: Comparison,
    /// True when a figure is worse beyond chance and by more than the least effect.
    pub regression: bool,
    /// Both folders hold the same run: nothing can differ.
    pub same_run: bool,
}

/// One of them.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedRun {
    /// Its folder.
    pub folder: PathBuf,
    /// Its name.
    pub run_id: String,
    /// Its scenario.
    pub scenario: String,
    /// Its verdict.
    pub verdict: String,
    /// What it signalled to.
    pub target: String,
    /// When it began.
    pub started_at: String,
    /// Its `summary.json`.
    #[serde(skip)]
    pub summary: Summary,
}

/// Why two runs are not compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A folder cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// They did not do the same.
    #[error("the two runs are not alike: {}; --force compares them all the same", .0.join("; "))]
    Unlike(Vec<String>),
}

/// Compares the runs of two folders.
///
/// # Errors
/// [`CompareError`]: a folder is not that of a run that has ended; the runs are unlike and `force` is not given.
pub fn compare_runs(
    base: &Path,
    run: &Path,
    settings: &Settings,
    force: bool,
) -> Result<ComparedRuns, CompareError> {
    let (of_base, of_run) = (read_run(base)?, read_run(run)?);
    let differ = unlike(&of_base, &of_run);
    if !differ.is_empty() && !force {
        return Err(CompareError::Unlike(differ));
    }
    let comparison = statistics::compare(&of_base.series, &of_run.series, settings);
    let regression = comparison.worse().next().is_some();
    let place = |folder: &Path| folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let same_run = place(base) == place(run)
        || of_base.summary.run_id == of_run.summary.run_id
            && !of_base.summary.started_at.is_empty()
            && of_base.summary.started_at == of_run.summary.started_at;
    Ok(ComparedRuns {
        base: of_base.described(base),
        run: of_run.described(run),
        differ,
        comparison,
        regression,
        same_run,
    })
}

impl ComparedRuns {
    /// Times that only stand in the table: whoever reads "not worse" must know that they were not judged.
    pub fn times_not_judged(&self) -> usize {
        let open = |finding: &&Finding| {
            finding.figure.more_is_worse() && matches!(finding.judgement, Judgement::NotJudged(_))
        };
        self.comparison.findings.iter().filter(open).count()
    }

    /// What the comparison comes to, in a sentence.
    pub fn in_words(&self) -> String {
        let judged = self.comparison.judged();
        let sentence = match (self.regression, judged) {
            _ if self.same_run => "Both are the same run: nothing can differ.".to_owned(),
            (true, _) => "The run is worse than its base.".to_owned(),
            (false, 0) => "Nothing can be judged: what was measured stands in the table.".to_owned(),
            (false, _) => "Nothing shows that the run is worse than its base.".to_owned(),
        };
        match self.times_not_judged() {
            0 => sentence,
            _ if self.same_run || judged == 0 => sentence,
            open => format!("{sentence} {open} latencies are not judged; their rows say why."),
        }
    }
}

/// The page of a comparison is named after its base, so that the next one does not take its place.
pub fn page_name(compared: &ComparedRuns) -> String {
    let plain =
        |letter: char| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '_' };
    let base: String = compared.base.run_id.chars().take(LONGEST_NAME).map(plain).collect();
    format!("compare-with-{base}.html")
}

/// Writes the page of a comparison.
///
/// # Errors
/// [`FolderError`]: the file cannot be written.
pub fn write_comparison(compared: &ComparedRuns, path: &Path) -> Result<(), FolderError> {
    write_whole(path, comparison::render(compared).as_bytes())
}

/// A finding for a table: base, run, difference, interval.
pub fn comparison_text(finding: &Finding) -> [String; 4] {
    use crate::comparison::{change, range, value};
    [
        value(finding, finding.base),
        value(finding, finding.run),
        finding.difference.map_or_else(String::new, |difference| change(finding, difference)),
        finding.interval.map_or_else(String::new, |interval| range(finding, interval)),
    ]
}

/// What must be the same for a difference to say something about the target.
fn unlike(base: &RunRead, run: &RunRead) -> Vec<String> {
    let mut differ = Vec::new();
    for (which, of) in [("base", base), ("other", run)] {
        let verdict = &of.summary.verdict;
        if verdict.status == Status::Invalid {
            let reason = verdict.reasons.first().map_or("no reason is given", String::as_str);
            differ.push(format!("the {which} run is invalid ({reason})"));
        }
    }
    match scenarios::differing_fields(&base.scenario, &run.scenario) {
        Ok(fields) => {
            let more = fields.len().saturating_sub(MOST_FIELDS);
            differ.extend(fields.into_iter().take(MOST_FIELDS));
            if more > 0 {
                differ.push(format!("and {more} more fields of the scenario"));
            }
        }
        Err(error) => differ.push(format!("a scenario.yaml cannot be read: {error}")),
    }
    let (of_base, of_run) = (base.summary.agents.len(), run.summary.agents.len());
    if of_base != of_run {
        differ.push(format!("agents: {of_base}, {of_run}"));
    }
    differ
}

/// Letters of a run's name in that of a file.
const LONGEST_NAME: usize = 100;
/// More differing fields are only counted.
const MOST_FIELDS: usize = 8;
