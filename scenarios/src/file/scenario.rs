//! The top of the file.

use std::time::Duration;

use identity::Procedure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::agents::{self, AgentsFile};
use super::at::{At, each};
use super::cells::{self, CellsFile};
use super::charging::{self, Charged, ChargingFile, Folder};
use super::conditions::{self, ConditionsFile};
use super::expect::{self, ExpectFile};
use super::generator::{self, GeneratorFile};
use super::load::LoadFile;
use super::mobility::{self, MobilityFile};
use super::nas::{self, NasFile};
use super::network::{self, NetworkFile};
use super::radio::{self, ProfileFile, RadioFile};
use super::search::{self, SearchFile};
use super::sessions::{self, SessionFile};
use super::slos::{self, GuardrailFile, SloFile};
use super::subscribers::{self, SubscribersFile};
use crate::units::DurationText;
use crate::yaml::{Complaint, Node};
use crate::{Cells, Expectation, Load, OldWords, Scenario, SimSwap};

/// What a run does: who signals, through which cells, how often, and what counts as good.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a mapping with name, subscribers and load"
)]
#[schemars(extend("anyOf" = [{"required": ["load"]}, {"required": ["search"]}]))]
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
    /// What UEs ask for in a PDU session; a load of pdu-session deals these out by their shares.
    #[serde(default)]
    pub(super) sessions: Vec<SessionFile>,
    /// Where UEs move.
    #[serde(default)]
    pub(super) mobility: MobilityFile,
    /// What a SIM swap replaces: the keys of an IMSI, or the IMSI in a device.
    #[serde(default)]
    pub(super) sim_swap: SimSwap,
    /// What is made worse on purpose.
    #[serde(default)]
    pub(super) conditions: ConditionsFile,
    /// What is attempted, how often. Beside a search: what comes before each of its probes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<LoadFile>", length(min = 1))]
    pub(super) load: Option<Vec<LoadFile>>,
    /// Looks for the highest rate at which conditions hold, instead of playing one load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) search: Option<SearchFile>,
    /// What must hold at the end, such as `registration.success >= 99.5%`.
    #[serde(default)]
    pub(super) slos: Vec<SloFile>,
    /// What aborts the run.
    #[serde(default)]
    pub(super) guardrails: Vec<GuardrailFile>,
    /// What would otherwise fail the run.
    #[serde(default)]
    pub(super) expect: ExpectFile,
    /// Which agents a coordinator takes, and how many it waits for.
    #[serde(default)]
    pub(super) agents: AgentsFile,
    /// How late attempts may leave before the run says nothing about its target.
    #[serde(default)]
    pub(super) generator: GeneratorFile,
    /// What the embedded simulator does; a real target ignores it.
    #[serde(default)]
    pub(super) network: NetworkFile,
    /// How the embedded simulator charges.
    #[serde(default)]
    pub(super) charging: ChargingFile,
    /// How long what is in flight at the end may still take.
    #[serde(default = "default_drain")]
    pub(super) drain: DurationText,
}

fn default_drain() -> DurationText {
    DurationText(Duration::from_secs(20))
}

pub(super) fn check(file: ScenarioFile, root: &Node, folder: Folder<'_>) -> Result<Scenario, Complaint> {
    let at = At::root(root);
    name(&file.name, &at.field("name"))?;
    let subscribers = subscribers::check(file.subscribers, &at.field("subscribers"))?;
    let cells = cells::check(file.cells, &subscribers, &at.field("cells"))?;
    let nas = nas::check(file.nas, &at.field("nas"))?;
    let radio = radio::check(file.radio, &at.field("radio"))?;
    let count = subscribers.iter().map(|group| group.count).sum();
    let (load, search) = search::check(file.load, file.search, count, &at)?;
    let loads = load.len();
    at.field("slos").require(file.slos.is_empty() || search.is_none(), || {
        "the conditions of a search stand in search.while: no slos are expected beside it".to_owned()
    })?;
    let sessions = sessions::check(file.sessions, &cells, &at.field("sessions"))?;
    at.field("sessions").require_across(
        !sessions.is_empty() || load.iter().all(|load| load.procedure != Procedure::PduSession),
        || {
            "a load establishes PDU sessions: at least one is expected here, such as {dnn: internet}"
                .to_owned()
        },
    )?;
    for (index, load) in load.iter().enumerate() {
        // The searched load is the last one.
        let searched = search.is_some() && index + 1 == loads;
        let of_search = || at.field("search").field("find");
        let at = if searched { of_search() } else { at.field("load").item(index).field("procedure") };
        procedure(load.procedure, &cells, &at)?;
    }
    let mobility =
        mobility::check(file.mobility, &cells, &at.field("mobility")).map_err(Complaint::across)?;
    let loads_end = load.iter().map(Load::ends_after).max().unwrap_or_default();
    let conditions =
        conditions::check(file.conditions, loads_end.saturating_add(file.drain.0), &at.field("conditions"))?;
    let network = network::check(file.network, &cells, &subscribers, &at.field("network"))?;
    let charged =
        Charged { subscribers: &subscribers, cells: &cells, sessions: &sessions, network: &network };
    let charging = charging::check(file.charging, &charged, folder, &at.field("charging"))?;
    let mut scenario = Scenario {
        name: file.name,
        description: file.description,
        seed: file.seed,
        subscribers,
        cells,
        nas,
        radio,
        sessions,
        mobility,
        sim_swap: file.sim_swap,
        conditions,
        load,
        search,
        slos: Vec::new(),
        guardrails: Vec::new(),
        expect: Expectation::default(),
        agents: agents::check(file.agents, &at.field("agents"))?,
        generator: generator::check(&file.generator, &at.field("generator"))?,
        network,
        charging,
        drain: file.drain.0,
        old_words: OldWords::default(),
    };
    // What can be measured follows from everything else.
    scenario.slos = each(file.slos, &at.field("slos"), |file, at| slos::slo(file, &scenario, at))?;
    scenario.guardrails =
        each(file.guardrails, &at.field("guardrails"), |file, at| slos::guardrail(file, &scenario, at))?;
    slos::few_parts(&scenario, &at.field("slos")).map_err(Complaint::across)?;
    scenario.expect =
        expect::check(file.expect, &scenario, &at.field("expect")).map_err(Complaint::across)?;
    Ok(scenario)
}

/// What a procedure needs of the radio network.
fn procedure(procedure: Procedure, cells: &Cells, at: &At<'_>) -> Result<(), Complaint> {
    let hands_over = matches!(procedure, Procedure::HandoverN2 | Procedure::HandoverXn);
    at.require_across(cells.nodes > 1 || !hands_over, || {
        "a handover needs 2 base stations: cells.nodes is 1".to_owned()
    })?;
    let technology = procedure.technology();
    at.require_across(cells.has(technology), || {
        format!("{} is a procedure of {technology}, and no network has it", procedure.name())
    })
}

/// Whether a scenario may be called so.
pub fn is_name(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    name.len() <= 64
        && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && name.chars().all(plain)
}

fn name(name: &str, at: &At<'_>) -> Result<(), Complaint> {
    at.require(is_name(name), || {
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
            sessions: scenario.sessions.iter().map(SessionFile::from).collect(),
            mobility: MobilityFile::from(&scenario.mobility),
            sim_swap: scenario.sim_swap,
            conditions: ConditionsFile::from(&scenario.conditions),
            load: search::loads_file(scenario),
            search: scenario.search.as_ref().map(SearchFile::from),
            slos: scenario.slos.iter().map(SloFile::from).collect(),
            guardrails: scenario.guardrails.iter().map(GuardrailFile::from).collect(),
            expect: ExpectFile::from(&scenario.expect),
            agents: AgentsFile::from(&scenario.agents),
            generator: GeneratorFile::from(&scenario.generator),
            network: NetworkFile::from(&scenario.network),
            charging: ChargingFile::from(&scenario.charging),
            drain: DurationText(scenario.drain),
        }
    }
}
