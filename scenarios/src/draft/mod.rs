//! A scenario that is begun for somebody: commented YAML that passes its check and runs, to be changed from there.

mod kinds;

use std::fmt::Write as _;
use std::time::Duration;

use identity::{Dnn, PduSessionType, Plmn, Snssai};

use crate::units::DurationText;

pub use kinds::Kind;

/// What a new scenario says.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it is about.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What its first line says of where it comes from.
    pub made_by: String,
    /// What its base stations broadcast.
    pub plmn: Plmn,
    /// A network abroad, of a scenario about roaming.
    pub visited: Plmn,
    /// Who signals: at least one group.
    pub groups: Vec<DraftGroup>,
    /// More networks that are broadcast, by base stations of their own, which come after the others.
    pub others: Vec<DraftNetwork>,
    /// Base stations, of each network.
    pub nodes: u32,
    /// Their tracking areas, as they are written.
    pub tacs: Vec<u32>,
    /// Slices.
    pub slices: Vec<Snssai>,
    /// The first identifier of a base station.
    pub first_node_id: Option<u32>,
    /// Sessions.
    pub sessions: Vec<DraftSession>,
    /// Algorithms: NEA and NIA. `None`: as by default.
    pub algorithms: Option<(Vec<u8>, Vec<u8>)>,
    /// The name of a radio profile.
    pub radio: String,
    /// Registrations a second.
    pub rate_per_s: u32,
    /// How long the run lasts.
    pub length: Duration,
}

/// Subscribers of a draft, with their fields as they are written.
#[derive(Clone, Debug)]
pub struct DraftGroup {
    /// Their home network.
    pub plmn: Plmn,
    /// The first IMSI.
    pub imsi: String,
    /// How many.
    pub count: u64,
    /// `k`, such as `{derived-from: "…"}` or a key in quotes.
    pub k: String,
    /// `opc` or `op`.
    pub operator_field: &'static str,
    /// Its key.
    pub operator_key: String,
    /// The authentication management field, where it is not the usual one.
    pub amf: Option<String>,
    /// `suci`, where it is not the null scheme.
    pub suci: Option<String>,
}

/// A radio network of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftNetwork {
    /// What its base stations broadcast.
    pub plmn: Plmn,
    /// How many there are.
    pub nodes: u32,
    /// Their tracking areas.
    pub tacs: Vec<u32>,
}

/// A session of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftSession {
    /// The data network.
    pub dnn: Dnn,
    /// The kind of addresses.
    pub type_: PduSessionType,
    /// The slice.
    pub slice: Snssai,
}

impl Draft {
    /// The scenario, as YAML.
    pub fn to_yaml(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("a text takes whatever is written");
        text
    }

    /// How many subscribers there are.
    pub(crate) fn count(&self) -> u64 {
        self.groups.iter().map(|group| group.count).sum()
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "# {}", self.made_by)?;
        writeln!(
            out,
            "# What each field means: docs/scenarios.md. Is it right: roamstorm check FILE. Run it: roamstorm run FILE"
        )?;
        writeln!(out, "name: {}", self.name)?;
        writeln!(out, "description: {}", self.kind.description())?;
        writeln!(out, "subscribers:")?;
        for group in &self.groups {
            group.write(out)?;
        }
        self.write_cells(out)?;
        if let Some((ciphering, integrity)) = &self.algorithms {
            writeln!(
                out,
                "# Algorithms in order of preference; with ciphering 0 first, traces can be read without keys."
            )?;
            writeln!(out, "nas: {{nr: {{ciphering: {ciphering:?}, integrity: {integrity:?}}}}}")?;
        }
        writeln!(out, "# ideal, urban or rural; or {{extend: urban, loss: 2%}}.")?;
        writeln!(out, "radio: {}", self.radio)?;
        if self.kind.has_sessions() && !self.sessions.is_empty() {
            writeln!(out, "# What UEs ask for, and what flows: traffic: web, video, voice or telemetry.")?;
            writeln!(out, "sessions:")?;
            for DraftSession { dnn, type_, slice } in &self.sessions {
                let traffic = if self.kind == Kind::Import { "" } else { ", traffic: telemetry" };
                writeln!(
                    out,
                    "  - {{dnn: {dnn}, type: {}, slice: \"{slice}\"{traffic}}}",
                    addresses(*type_)
                )?;
            }
        }
        self.write_kind(out)
    }

    fn write_cells(&self, out: &mut String) -> std::fmt::Result {
        let slices: Vec<String> = self.slices.iter().map(|slice| format!("\"{slice}\"")).collect();
        let slices = slices.join(", ");
        let first = self.first_node_id.map(|id| format!(", first-node-id: {id}")).unwrap_or_default();
        let inactivity = if self.kind == Kind::Soak { ", inactivity: 10s" } else { "" };
        writeln!(
            out,
            "# Base stations, each with one association to the core. The target must serve their PLMN, TACs and slices."
        )?;
        if self.kind == Kind::Roaming {
            writeln!(out, "cells:\n  slices: [{slices}]\n  networks:")?;
            writeln!(out, "    - {{plmn: {}, nodes: {}, tacs: {:?}}}", self.plmn, self.nodes, self.tacs)?;
            let beyond = self.tacs.iter().max().copied().unwrap_or_default() + 1;
            return writeln!(
                out,
                "    - {{plmn: {}, nodes: {}, tacs: [{beyond}]}}",
                self.visited, self.nodes
            );
        }
        if !self.others.is_empty() {
            writeln!(out, "cells:\n  slices: [{slices}]")?;
            if let Some(id) = self.first_node_id {
                writeln!(out, "  first-node-id: {id}")?;
            }
            writeln!(out, "  networks:")?;
            let first = DraftNetwork { plmn: self.plmn, nodes: self.nodes, tacs: self.tacs.clone() };
            for DraftNetwork { plmn, nodes, tacs } in [&first].into_iter().chain(&self.others) {
                writeln!(out, "    - {{plmn: {plmn}, nodes: {nodes}, tacs: {tacs:?}}}")?;
            }
            return Ok(());
        }
        writeln!(
            out,
            "cells: {{plmn: {}, nodes: {}, tacs: {:?}, slices: [{slices}]{first}{inactivity}}}",
            self.plmn, self.nodes, self.tacs
        )
    }
}

impl DraftGroup {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "  - plmn: {}", self.plmn)?;
        writeln!(out, "    imsi: \"{}\"                   # the first one; the others follow", self.imsi)?;
        writeln!(out, "    count: {}", self.count)?;
        writeln!(out, "    k: {}", self.k)?;
        writeln!(out, "    {}: \"{}\"", self.operator_field, self.operator_key)?;
        if let Some(amf) = &self.amf {
            writeln!(out, "    amf: \"{amf}\"")?;
        }
        match &self.suci {
            Some(suci) => writeln!(out, "    suci: {suci}"),
            None => Ok(()),
        }
    }
}

fn addresses(type_: PduSessionType) -> &'static str {
    match type_ {
        PduSessionType::Ipv4 => "ipv4",
        PduSessionType::Ipv6 => "ipv6",
        PduSessionType::Ipv4v6 => "ipv4v6",
    }
}

/// A time as it is written.
fn time(duration: Duration) -> DurationText {
    DurationText::for_people(duration)
}
