//! The scenario as it stands in a file: text ⇄ file types ⇄ checked [`Scenario`].

mod agents;
mod at;
mod cells;
mod charging;
mod condition_text;
mod conditions;
mod expect;
mod generator;
mod load;
mod mistakes;
mod mobility;
mod nas;
mod network;
mod overlap;
mod radio;
mod roaming;
mod scenario;
mod schema;
mod search;
mod sessions;
mod slos;
mod subscribers;
mod technology;

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{MAX_OCTETS, Problem, Problems};
use crate::old_words::{self, Found};
use crate::units::nearest;
use crate::yaml::{Complaint, Node, Override, Place, read};
use crate::{OldWords, RadioProfile, Scenario, ScenarioError, catalogue, radio_profiles};

use charging::Folder;
use radio::ProfileFile;
use scenario::ScenarioFile;

pub use scenario::is_name;
pub use schema::json_schema;

impl Scenario {
    /// Reads and checks a scenario. `file` names the text in errors, which say line, column, field, and what would be
    /// accepted; of every mistake at once.
    pub fn from_yaml(text: &str, file: &str) -> Result<Self, ScenarioError> {
        from_text(text, file, &[], None, Purpose::Run)
    }

    /// Reads a file, or the scenario of the catalogue with this name, and applies each `--set path=value` in order. A
    /// file wins over the catalogue; the catalogue is not looked at for names with a slash or an extension.
    pub fn load(
        name_or_path: &(impl AsRef<OsStr> + ?Sized),
        overrides: &[(String, String)],
    ) -> Result<Self, ScenarioError> {
        found(Path::new(name_or_path), overrides, Purpose::Run)
    }

    /// As [`Scenario::load`], for who only serves the network of a scenario: one without `load` is accepted, and its conditions on
    /// what a run measures are not read then.
    pub fn load_network(
        name_or_path: &(impl AsRef<OsStr> + ?Sized),
        overrides: &[(String, String)],
    ) -> Result<Self, ScenarioError> {
        found(Path::new(name_or_path), overrides, Purpose::ServeNetwork)
    }

    /// The whole scenario with every default and profile written out: `from_yaml(to_yaml(s)) == s`.
    pub fn to_yaml(&self) -> String {
        let file = ScenarioFile::from(self);
        serde_saphyr::to_string(&file).expect("a tree of texts, numbers, lists and mappings is always YAML")
    }
}

impl Scenario {
    /// As [`Scenario::to_yaml`], for programs.
    pub fn as_json(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::to_value(ScenarioFile::from(self))
    }
}

impl RadioProfile {
    /// The profile of this name that comes with the program.
    pub fn named(name: &str) -> Option<Self> {
        let (name, text) = radio_profiles().iter().find(|(known, _)| *known == name)?;
        let node = Node::parse(text).ok()?;
        let file: ProfileFile = read(&node).ok()?;
        Some(file.resolve(name))
    }
}

/// What a scenario is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Run,
    /// Nothing is attempted.
    ServeNetwork,
}

fn found(path: &Path, overrides: &[(String, String)], purpose: Purpose) -> Result<Scenario, ScenarioError> {
    // As it is shown; a path may be any octets.
    let name_or_path = &*path.to_string_lossy();
    let entry = catalogue().iter().find(|entry| entry.name == name_or_path);
    match (entry, path.is_file()) {
        (Some(entry), false) => {
            from_text(entry.yaml, &format!("{}.yaml (catalogue)", entry.name), overrides, None, purpose)
        }
        (None, false) if !path.exists() => Err(unknown(name_or_path)),
        _ => from_text(&read_file(path)?, name_or_path, overrides, path.parent(), purpose),
    }
}

/// Stands for the load that a scenario has not, where none is attempted.
fn without_load(root: &mut Node) {
    if root.get("load").is_some() || root.get("search").is_some() {
        return;
    }
    for (path, value) in [
        ("load", "[{procedure: registration, phases: [{rate: 1/s, for: 1s}]}]"),
        ("slos", "[]"),
        ("guardrails", "[]"),
    ] {
        // What is wrong with the root is told when it is read.
        let _ = Override::parse(usize::MAX, path, value).and_then(|set| set.apply(root));
    }
}

fn from_text(
    text: &str,
    file: &str,
    overrides: &[(String, String)],
    folder: Folder<'_>,
    purpose: Purpose,
) -> Result<Scenario, ScenarioError> {
    let octets = text.len() as u64;
    if octets > MAX_OCTETS {
        return Err(ScenarioError::TooLarge { file: file.to_owned(), octets });
    }
    let mut root = Node::parse(text).map_err(|error| {
        let place = format!("{file}:{}:{}", error.line, error.column);
        ScenarioError::Invalid(Problems(vec![Problem {
            place,
            field: String::new(),
            message: error.message,
        }]))
    })?;
    let mut old = old_words::replace(&mut root);
    for (number, (path, value)) in overrides.iter().enumerate() {
        let set = || format!("{path}={value}");
        let apply = |set: Override| {
            let (set, replaced) = set.with_new_words();
            let place = Place::Override(number);
            old.extend(replaced.map(|(old, new)| Found { place, old, new }));
            set.apply(&mut root)
        };
        Override::parse(number, path, value)
            .and_then(apply)
            .map_err(|message| ScenarioError::Override { set: set(), message })?;
    }
    old.extend(old_words::replace(&mut root));
    if purpose == Purpose::ServeNetwork {
        without_load(&mut root);
    }
    let mut scenario = mistakes::scenario(&root, folder).map_err(|complaints| {
        let problems = complaints.iter().map(|complaint| problem(complaint, file, overrides));
        ScenarioError::Invalid(Problems(problems.collect()))
    })?;
    let told = |Found { place, old, new }: Found| {
        let place = place_text(Some(place), file, overrides);
        format!("{place}: {old} is called {new} now: the old word still works")
    };
    scenario.old_words = OldWords(old.into_iter().map(told).collect());
    Ok(scenario)
}

fn problem(complaint: &Complaint, file: &str, overrides: &[(String, String)]) -> Problem {
    let file = complaint.file.as_deref().unwrap_or(file);
    let place = place_text(complaint.place, file, overrides);
    Problem { place, field: complaint.field(), message: complaint.message.clone() }
}

fn place_text(place: Option<Place>, file: &str, overrides: &[(String, String)]) -> String {
    match place {
        Some(Place::File { line, column }) => format!("{file}:{line}:{column}"),
        Some(Place::Override(number)) => match overrides.get(number) {
            Some((path, value)) => format!("--set {path}={value}"),
            None => "--set".to_owned(),
        },
        None => file.to_owned(),
    }
}

/// Never more than the limit is read, so a device or a huge file does no harm.
fn read_file(path: &Path) -> Result<String, ScenarioError> {
    let unreadable = |source| ScenarioError::Unreadable { path: path.to_owned(), source };
    let mut octets = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_OCTETS + 1).read_to_end(&mut octets))
        .map_err(unreadable)?;
    if octets.len() as u64 > MAX_OCTETS {
        let file = path.display().to_string();
        return Err(ScenarioError::TooLarge { file, octets: octets.len() as u64 });
    }
    let not_text = |error| unreadable(std::io::Error::new(std::io::ErrorKind::InvalidData, error));
    String::from_utf8(octets).map_err(not_text)
}

fn unknown(name: &str) -> ScenarioError {
    let names: Vec<&str> = catalogue().iter().map(|entry| entry.name).collect();
    let hint = nearest(name, &names).map(str::to_owned).or_else(|| near_file(Path::new(name)));
    let hint = hint.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
    ScenarioError::Unknown { name: name.to_owned(), hint, known: names.join(", ") }
}

/// The file of the same folder whose name is nearest; nothing where the folder cannot be read.
fn near_file(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or_else(|| Path::new("."))).ok()?;
    let there = entries.take(MOST_FILES).flatten().filter(|entry| entry.path().is_file());
    let there: Vec<String> = there.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let near = nearest(name, &there.iter().map(String::as_str).collect::<Vec<_>>())?;
    Some(folder.map_or_else(|| near.to_owned(), |folder| folder.join(near).display().to_string()))
}

/// Files of a folder among which a mistyped name is looked for.
const MOST_FILES: usize = 1_000;
