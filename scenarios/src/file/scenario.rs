//! The top of the file.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::{At, each, every};
use super::cells::{self, CellsFile};
use super::load::{self, LoadFile};
use super::nas::{self, NasFile};
use super::network::{self, NetworkFile};
use super::radio::{self, ProfileFile, RadioFile};
use super::slos::{self, GuardrailFile};
use super::subscribers::{self, SubscribersFile};
use crate::units::DurationText;
use crate::yaml::{Complaint, Node};
use crate::{Charging, Conditions, Mobility, Scenario, SimSwap};

/// What a run does: who signals, through which cells, how often, and what counts as good.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a mapping with name, subscribers and load"
)]
pub(super) struct ScenarioFile {
    /// Names the run folder and the report: letters, digits, dots, dashes and underscores.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"))]
    pub(super) name: String,
    /// For the reader of the report.
    #[serde(default)]
    pub(super) description: String,
    /// The seed of a run which is not given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
    /// Ranges of IMSIs with their keys; they must not overlap.
    #[schemars(length(min = 1))]
    pub(super) subscribers: Vec<SubscribersFile>,
    /// The base stations. Default: one gNB with one cell.
    #[serde(default)]
    pub(super) cells: CellsFile,
    /// What the UEs can do.
    #[serde(default)]
    pub(super) nas: NasFile,
    /// What lies between UE and gNB: ideal, urban, rural, or a profile of its own.
    #[serde(default)]
    pub(super) radio: RadioFile,
    /// What is attempted, how often.
    #[schemars(length(min = 1))]
    pub(super) load: Vec<LoadFile>,
    /// What must hold at the end, such as `registration.success >= 99.5%`.
    #[serde(default)]
    pub(super) slos: Vec<String>,
    /// What aborts the run.
    #[serde(default)]
    pub(super) guardrails: Vec<GuardrailFile>,
    /// What the embedded simulator does; a real target ignores it.
    #[serde(default)]
    pub(super) network: NetworkFile,
    /// How long what is in flight at the end may still take.
    #[serde(default = "default_drain")]
    pub(super) drain: DurationText,
}

fn default_drain() -> DurationText {
    DurationText(Duration::from_secs(20))
}

pub(super) fn check(file: ScenarioFile, root: &Node) -> Result<Scenario, Complaint> {
    let at = At::root(root);
    name(&file.name, &at.field("name"))?;
    let subscribers = subscribers::check(file.subscribers, &at.field("subscribers"))?;
    let cells = cells::check(file.cells, &subscribers, &at.field("cells"))?;
    let nas = nas::check(file.nas, &at.field("nas"))?;
    let radio = radio::check(file.radio, &at.field("radio"))?;
    let load = every(
        file.load,
        &at.field("load"),
        "load such as {procedure: registration, phases: [...]}",
        load::check,
    )?;
    let slos = each(file.slos, &at.field("slos"), |text, at| slos::check(&text, &load, at))?;
    let guardrails =
        each(file.guardrails, &at.field("guardrails"), |file, at| slos::guardrail(file, &load, at))?;
    let network = network::check(file.network, &cells, &at.field("network"))?;
    Ok(Scenario {
        name: file.name,
        description: file.description,
        seed: file.seed,
        subscribers,
        cells,
        nas,
        radio,
        sessions: Vec::new(),
        mobility: Mobility::default(),
        sim_swap: SimSwap::default(),
        conditions: Conditions::default(),
        load,
        slos,
        guardrails,
        network,
        charging: Charging::default(),
        drain: file.drain.0,
    })
}

fn name(name: &str, at: &At<'_>) -> Result<(), Complaint> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let fits = name.len() <= 64 && name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    at.require(fits && name.chars().all(plain), || {
        "a name is 1 to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit"
            .to_owned()
    })
}

impl From<&Scenario> for ScenarioFile {
    fn from(scenario: &Scenario) -> Self {
        Self {
            name: scenario.name.clone(),
            description: scenario.description.clone(),
            seed: scenario.seed,
            subscribers: scenario.subscribers.iter().map(SubscribersFile::from).collect(),
            cells: CellsFile::from(&scenario.cells),
            nas: NasFile::from(&scenario.nas),
            radio: RadioFile::Inline(ProfileFile::from(&scenario.radio)),
            load: scenario.load.iter().map(LoadFile::from).collect(),
            slos: scenario.slos.iter().map(|slo| slo.text.clone()).collect(),
            guardrails: scenario.guardrails.iter().map(GuardrailFile::from).collect(),
            network: NetworkFile::from(&scenario.network),
            drain: DurationText(scenario.drain),
        }
    }
}
