//! From what a file says to a [`Scenario`] that makes sense: every rule that serde cannot see.

use std::time::Duration;

use super::overlap::first_overlap;
use super::types::{
    CellsFile, GuardrailFile, HomeKeyFile, KeyFile, LoadFile, NasFile, NetworkFile, PhaseFile, ProfileFile,
    RadioFile, ScenarioFile, SubscribersFile, SuciFile,
};
use crate::load::MAX_STEPS;
use crate::units::{DurationText, LONGEST, Rate, nearest};
use crate::yaml::{Complaint, Node, Place};
use crate::{
    Cells, Charging, Conditions, Congestion, Freeze, Guardrail, HandoverPolicy, KeySource, Load, Mobility,
    Nas, Network, Phase, PolicyControl, Procedure, RadioNetwork, RadioProfile, Scenario, Shape, SimSwap, Slo,
    SubscriberGroup, SuciScheme, radio_profiles,
};

/// A value of the file and the path to it, for complaints. Where a value is missing, the place is that around it.
#[derive(Clone)]
struct At<'a> {
    node: Option<&'a Node>,
    place: Place,
    path: String,
}

impl<'a> At<'a> {
    fn root(node: &'a Node) -> Self {
        Self { node: Some(node), place: node.place, path: String::new() }
    }

    fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        self.inside(self.node.and_then(|node| node.get(name)), path)
    }

    fn item(&self, index: usize) -> Self {
        self.inside(self.node.and_then(|node| node.item(index)), format!("{}[{index}]", self.path))
    }

    fn inside(&self, node: Option<&'a Node>, path: String) -> Self {
        Self { node, place: node.map_or(self.place, |node| node.place), path }
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Result<T, Complaint> {
        Err(Complaint::new(self.place, &self.path, message.into()))
    }

    fn require(&self, holds: bool, message: impl FnOnce() -> String) -> Result<(), Complaint> {
        if holds { Ok(()) } else { self.wrong(message()) }
    }
}

pub(super) fn scenario(file: ScenarioFile, root: &Node) -> Result<Scenario, Complaint> {
    let at = At::root(root);
    name(&file.name, &at.field("name"))?;
    let subscribers = subscribers(file.subscribers, &at.field("subscribers"))?;
    let cells = cells(file.cells, &subscribers, &at.field("cells"))?;
    let nas = nas(file.nas, &at.field("nas"))?;
    let radio = radio(file.radio, &at.field("radio"))?;
    let load = every(
        file.load,
        &at.field("load"),
        "load such as {procedure: registration, phases: [...]}",
        one_load,
    )?;
    let condition = |text: &str, at: &At<'_>| condition(text, &load, at);
    let slos = each(file.slos, &at.field("slos"), |text, at| condition(&text, at))?;
    let guardrails =
        each(file.guardrails, &at.field("guardrails"), |GuardrailFile { abort_when, for_ }, at| {
            Ok(Guardrail { condition: condition(&abort_when, &at.field("abort-when"))?, for_: for_.0 })
        })?;
    let network = network(file.network, &cells, &at.field("network"))?;
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

fn each<T, U>(
    items: Vec<T>,
    at: &At<'_>,
    check: impl Fn(T, &At<'_>) -> Result<U, Complaint>,
) -> Result<Vec<U>, Complaint> {
    items.into_iter().enumerate().map(|(index, item)| check(item, &at.item(index))).collect()
}

/// As `each`, for a list that must not be empty.
fn every<T, U>(
    items: Vec<T>,
    at: &At<'_>,
    what: &str,
    check: impl Fn(T, &At<'_>) -> Result<U, Complaint>,
) -> Result<Vec<U>, Complaint> {
    at.require(!items.is_empty(), || format!("the list is empty, expected at least one {what}"))?;
    each(items, at, check)
}

fn name(name: &str, at: &At<'_>) -> Result<(), Complaint> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let fits = name.len() <= 64 && name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    at.require(fits && name.chars().all(plain), || {
        "a name is 1 to 64 letters, digits, dots, dashes and underscores, and begins with a letter or digit"
            .to_owned()
    })
}

fn subscribers(groups: Vec<SubscribersFile>, at: &At<'_>) -> Result<Vec<SubscriberGroup>, Complaint> {
    let groups = every(groups, at, "group of subscribers", group)?;
    match first_overlap(&groups) {
        None => Ok(groups),
        Some((first, second)) => {
            let range = |place: usize| {
                let group = &groups[place];
                let last = group.last_imsi().unwrap_or(group.first_imsi);
                format!("subscribers[{place}] ({} to {last})", group.first_imsi)
            };
            let message = format!(
                "the IMSIs of {} overlap those of {}: every IMSI must be in one group only",
                range(second),
                range(first)
            );
            at.item(second).field("imsi").wrong(message)
        }
    }
}

fn group(file: SubscribersFile, at: &At<'_>) -> Result<SubscriberGroup, Complaint> {
    let SubscribersFile { plmn, imsi, count, k, opc, amf, suci } = file;
    let home = format!("{}{}", plmn.mcc(), plmn.mnc());
    at.field("imsi").require(imsi.to_string().starts_with(&home), || {
        format!("{imsi} does not begin with its PLMN {plmn}: an IMSI such as {home}… is accepted")
    })?;
    at.field("count").require(count > 0, || "0 subscribers are none: at least 1 is accepted".to_owned())?;
    let last = imsi.plus(count - 1).filter(|last| last.to_string().starts_with(&home));
    at.field("count").require(last.is_some(), || {
        let digits = u32::try_from(imsi.digits() - home.len()).unwrap_or_default();
        let room = 10u64.pow(digits) - imsi.value() % 10u64.pow(digits);
        format!("the {digits} digits after the PLMN do not suffice for {count} IMSIs from {imsi} on: at most {room} are accepted")
    })?;
    let amf = <[u8; 2]>::try_from(amf.0.as_slice());
    let Ok(amf) = amf else {
        return at.field("amf").wrong("expected four hexadecimal digits, such as \"8000\"");
    };
    let k = match k {
        KeyFile::Shared(k) => KeySource::Shared(k),
        KeyFile::Derived(derived) => KeySource::Derived(derived.derived_from),
    };
    let suci = suci_scheme(suci, &at.field("suci"))?;
    Ok(SubscriberGroup { plmn, first_imsi: imsi, count, k, opc, amf, suci })
}

fn suci_scheme(file: SuciFile, at: &At<'_>) -> Result<SuciScheme, Complaint> {
    let private = |file: &HomeKeyFile, at: &At<'_>| match &file.private_key {
        None => Ok(None),
        Some(key) => match <[u8; 32]>::try_from(key.0.as_slice()) {
            Ok(key) => Ok(Some(key)),
            Err(_) => at
                .field("private-key")
                .wrong(octets_expected(key.0.len(), "32 octets (64 hexadecimal digits)")),
        },
    };
    match file {
        SuciFile::NullScheme => Ok(SuciScheme::Null),
        SuciFile::ProfileA(file) => {
            let at = at.field("profile-a");
            let private_key = private(&file, &at)?;
            match <[u8; 32]>::try_from(file.public_key.0.as_slice()) {
                Ok(public_key) => Ok(SuciScheme::ProfileA { key_id: file.key_id, public_key, private_key }),
                Err(_) => at.field("public-key").wrong(octets_expected(
                    file.public_key.0.len(),
                    "a Curve25519 key of 32 octets (64 hexadecimal digits)",
                )),
            }
        }
        SuciFile::ProfileB(file) => {
            let at = at.field("profile-b");
            let private_key = private(&file, &at)?;
            let public_key = file.public_key.0;
            at.field("public-key").require(
                public_key.len() == 33 && matches!(public_key.first(), Some(2 | 3)),
                || {
                    octets_expected(
                        public_key.len(),
                        "a compressed secp256r1 key of 33 octets, the first 02 or 03",
                    )
                },
            )?;
            Ok(SuciScheme::ProfileB { key_id: file.key_id, public_key, private_key })
        }
    }
}

fn octets_expected(found: usize, expected: &str) -> String {
    format!("found {found} octets, expected {expected}")
}

fn cells(file: CellsFile, subscribers: &[SubscriberGroup], at: &At<'_>) -> Result<Cells, Complaint> {
    let CellsFile { gnbs, cells_per_gnb, plmn, tacs, slices, first_gnb_id, inactivity } = file;
    at.field("gnbs")
        .require((1..=100_000).contains(&gnbs), || format!("{gnbs} gNBs: 1 to 100000 are accepted"))?;
    at.field("cells-per-gnb").require((1..=1024).contains(&cells_per_gnb), || {
        format!("{cells_per_gnb} cells: 1 to 1024 are accepted")
    })?;
    at.field("tacs")
        .require(!tacs.is_empty(), || "the list is empty, expected at least one TAC".to_owned())?;
    at.field("slices").require((1..=8).contains(&slices.len()), || {
        format!("{} slices: 1 to 8 are accepted (TS 24.501 §4.6.2.1)", slices.len())
    })?;
    at.field("first-gnb-id").require(first_gnb_id.saturating_add(gnbs - 1) <= HIGHEST_GNB_ID, || {
        format!("the identifiers of {gnbs} gNBs from {first_gnb_id} on exceed 22 bits: at most {HIGHEST_GNB_ID} is accepted")
    })?;
    if let Some(DurationText(Duration::ZERO)) = inactivity {
        return at
            .field("inactivity")
            .wrong("0s would release every UE at once: leave it out, or take 1s or more");
    }
    let Some(plmn) = plmn.or_else(|| subscribers.first().map(|group| group.plmn)) else {
        return at.wrong("there is no PLMN");
    };
    let inactivity = inactivity.map(|text| text.0);
    let networks = vec![RadioNetwork { plmn, gnbs, tacs }];
    Ok(Cells { gnbs, cells_per_gnb, networks, slices, first_gnb_id, inactivity })
}

fn nas(file: NasFile, at: &At<'_>) -> Result<Nas, Complaint> {
    for (name, letter, algorithms) in
        [("ciphering", "NEA", &file.ciphering), ("integrity", "NIA", &file.integrity)]
    {
        let at = at.field(name);
        at.require(!algorithms.is_empty(), || {
            format!("the list is empty, expected some of {letter}0 to {letter}3")
        })?;
        for (index, algorithm) in algorithms.iter().enumerate() {
            at.item(index).require(*algorithm <= 3, || {
                format!("{algorithm} is not an algorithm: 0 to 3 are accepted ({letter}0 to {letter}3)")
            })?;
            at.item(index).require(!algorithms[..index].contains(algorithm), || {
                format!("{letter}{algorithm} is in the list twice")
            })?;
        }
    }
    Ok(Nas {
        ciphering: file.ciphering,
        integrity: file.integrity,
        retry: file.retry,
        t3512: file.t3512.map(|text| text.0),
    })
}

fn radio(file: RadioFile, at: &At<'_>) -> Result<RadioProfile, Complaint> {
    match file {
        RadioFile::Named(name) => match RadioProfile::named(&name) {
            Some(profile) => Ok(profile),
            None => {
                let known: Vec<&str> = radio_profiles().iter().map(|(known, _)| *known).collect();
                let hint = nearest(&name, &known)
                    .map(|near| format!("; did you mean {near:?}?"))
                    .unwrap_or_default();
                at.wrong(format!("unknown radio profile {name:?}{hint} (known: {})", known.join(", ")))
            }
        },
        RadioFile::Inline(file) => {
            at.field("capacity").require(file.capacity != Some(0), || {
                "0 connections let nobody in: 1 or more are accepted, or leave it out".to_owned()
            })?;
            at.field("setup-round-trips").require(file.setup_round_trips <= 16, || {
                format!("{} round trips: 0 to 16 are accepted", file.setup_round_trips)
            })?;
            Ok(file.resolve("inline"))
        }
    }
}

impl ProfileFile {
    /// The profile, with this name unless it has its own.
    pub(super) fn resolve(self, name: &str) -> RadioProfile {
        RadioProfile {
            name: self.name.unwrap_or_else(|| name.to_owned()),
            latency: self.latency.0,
            jitter: self.jitter.0,
            loss: self.loss.value(),
            capacity: self.capacity,
            setup_round_trips: self.setup_round_trips,
        }
    }
}

fn one_load(file: LoadFile, at: &At<'_>) -> Result<Load, Complaint> {
    let LoadFile { procedure, arrivals, starts_after, phases } = file;
    let at = at.field("phases");
    let phases = every(phases, &at, "phase such as {rate: 10/s, for: 10s}", phase)?;
    let load = Load { procedure, arrivals, starts_after: starts_after.0, phases };
    at.require(load.ends_after() <= LONGEST, || "the phases last longer than 366 days together".to_owned())?;
    at.require(load.planned() > 0, || {
        "the phases plan no attempt at all: the rate times the time must come to 1 or more".to_owned()
    })?;
    Ok(load)
}

fn phase(file: PhaseFile, at: &At<'_>) -> Result<Phase, Complaint> {
    let given = [
        ("rate", file.rate.is_some()),
        ("ramp", file.ramp.is_some()),
        ("steps", file.steps.is_some()),
        ("spike", file.spike.is_some()),
        ("hold", file.hold.is_some()),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    let &[kind] = given.as_slice() else {
        let found = if given.is_empty() { "none".to_owned() } else { given.join(" and ") };
        return at
            .wrong(format!("a phase has exactly one of rate, ramp, steps, spike and hold, found {found}"));
    };
    let shape = match (file.rate, file.ramp, file.steps, file.spike, file.hold) {
        (Some(rate), ..) => {
            positive(rate, &at.field("rate"))?;
            Shape::Constant { rate_per_s: rate.per_s(), for_: lasting(file.for_, kind, at)? }
        }
        (_, Some(ramp), ..) => {
            positive(Rate::new(ramp.from.per_s().max(ramp.to.per_s())), &at.field("ramp"))?;
            let (from_per_s, to_per_s) = (ramp.from.per_s(), ramp.to.per_s());
            Shape::Ramp { from_per_s, to_per_s, for_: lasting(file.for_, kind, at)? }
        }
        (_, _, Some(steps), ..) => {
            let at = at.field("steps");
            positive(Rate::new(steps.from.per_s().max(steps.to.per_s())), &at)?;
            positive(steps.by, &at.field("by"))?;
            long(steps.each, &at.field("each"))?;
            let (from_per_s, to_per_s) = (steps.from.per_s(), steps.to.per_s());
            let shape = Shape::Steps { from_per_s, to_per_s, by_per_s: steps.by.per_s(), each: steps.each.0 };
            at.field("by").require(shape.steps() <= MAX_STEPS, || {
                format!("more than {MAX_STEPS} steps: take a ramp instead, or higher steps")
            })?;
            shape
        }
        (_, _, _, Some(spike), _) => {
            let for_ = lasting(file.for_, kind, at)?;
            let at = at.field("spike");
            positive(spike.peak, &at.field("peak"))?;
            long(spike.lasts, &at.field("lasts"))?;
            at.require(spike.after.0 + spike.lasts.0 <= for_, || {
                let (after, lasts, for_) = (spike.after, spike.lasts, DurationText(for_));
                format!(
                    "the peak does not fit into the phase: after {after} and lasts {lasts} exceed for {for_}"
                )
            })?;
            Shape::Spike {
                base_per_s: spike.base.per_s(),
                peak_per_s: spike.peak.per_s(),
                after: spike.after.0,
                lasts: spike.lasts.0,
                for_,
            }
        }
        (_, _, _, _, hold) => {
            let hold = hold.unwrap_or_default();
            long(hold, &at.field("hold"))?;
            Shape::Hold { for_: hold.0 }
        }
    };
    at.field("for").require(file.for_.is_none() || !["steps", "hold"].contains(&kind), || match kind {
        "steps" => "\"for\" does not go with steps: \"each\" says how long a step lasts".to_owned(),
        _ => "\"for\" does not go with hold, which says itself how long: {hold: 5s}".to_owned(),
    })?;
    Ok(Phase { name: file.name, shape })
}

fn positive(rate: Rate, at: &At<'_>) -> Result<(), Complaint> {
    at.require(rate.per_s() > 0.0, || {
        "0/s is an impossible rate here: above 0/s and at most 1000000/s are accepted (without arrivals: {hold: 5s})"
            .to_owned()
    })
}

fn lasting(for_: Option<DurationText>, kind: &str, at: &At<'_>) -> Result<Duration, Complaint> {
    let Some(for_) = for_ else {
        return at.wrong(format!("the field \"for\" is missing: how long the {kind} lasts, such as 10s"));
    };
    long(for_, &at.field("for"))?;
    Ok(for_.0)
}

fn long(duration: DurationText, at: &At<'_>) -> Result<(), Complaint> {
    at.require(!duration.0.is_zero(), || "0s is no time: more is expected, such as 10s".to_owned())
}

fn condition(text: &str, load: &[Load], at: &At<'_>) -> Result<Slo, Complaint> {
    let slo: Slo = match text.parse() {
        Ok(slo) => slo,
        Err(message) => return at.wrong::<Slo>(message),
    };
    if let Some(subject) = slo.metric.subject() {
        let started: Vec<Procedure> = load.iter().map(|load| load.procedure).collect();
        at.require(started.contains(&subject), || {
            let mut names: Vec<&str> = started.iter().map(|procedure| procedure.as_str()).collect();
            names.dedup();
            let subject = subject.as_str();
            format!(
                "no load starts {subject}, so {} never has a value (started: {})",
                slo.metric,
                names.join(", ")
            )
        })?;
    }
    Ok(slo)
}

fn network(file: NetworkFile, cells: &Cells, at: &At<'_>) -> Result<Network, Complaint> {
    let freezes = each(file.freezes, &at.field("freezes"), |freeze, at| {
        long(freeze.for_, &at.field("for"))?;
        Ok(Freeze { at: freeze.at.0, for_: freeze.for_.0 })
    })?;
    Ok(Network {
        processing_delay: file.processing_delay.0,
        processing_jitter: file.processing_jitter.0,
        congestion: file.congestion.map(|congestion| Congestion {
            max_registrations_per_s: congestion.max_registrations_per_s,
            backoff: congestion.backoff.0,
        }),
        release_after_registration: file.release_after_registration,
        freezes,
        accept_slices: file.accept_slices.unwrap_or_else(|| cells.slices.clone()),
        t3512: file.t3512.0,
        roaming: Vec::new(),
        equivalent_plmns: false,
        handover: HandoverPolicy::default(),
        policy: PolicyControl::default(),
    })
}

/// gNB IDs have 22 to 32 bits (TS 38.413 §9.3.1.6); with at most 22 every length will do.
const HIGHEST_GNB_ID: u32 = (1 << 22) - 1;
