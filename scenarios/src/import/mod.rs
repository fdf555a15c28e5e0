//! A scenario out of the configuration of another program: what of it was taken, and what was not, with the reason.

mod packetrusher;
mod source;
mod ueransim;

use identity::Plmn;

use crate::{Draft, Kind, Scenario};
use source::Source;

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// UERANSIM: the files of its gNBs and of its UEs.
    Ueransim,
    /// PacketRusher: its one file.
    PacketRusher,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The scenario.
    pub yaml: String,
    /// What was taken: the field of the file, and the field of the scenario.
    pub taken: Vec<String>,
    /// What was not, with the reason.
    pub left: Vec<String>,
    /// The target as `--target` takes it, where the files name an AMF.
    pub target: Option<String>,
}

/// Makes a scenario of files, each by its name and text, for this many subscribers.
///
/// # Errors
/// Where in which file what was found, and what is expected.
pub fn import(from: Program, files: &[(String, String)], count: u64) -> Result<Imported, String> {
    let mut sources = Vec::new();
    for (name, text) in files {
        sources.push(Source::read(name, text)?);
    }
    let mut found = match from {
        Program::Ueransim => ueransim::draft(&mut sources, count)?,
        Program::PacketRusher => packetrusher::draft(&mut sources, count)?,
    };
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for source in sources {
        let (of_taken, of_left) = source.told();
        taken.extend(of_taken);
        left.extend(of_left);
    }
    left.append(&mut found.notes);
    let yaml = found.draft.to_yaml();
    // What is made here is a scenario, whatever the files say.
    Scenario::from_yaml(&yaml, "the scenario made of it").map_err(|error| error.to_string())?;
    Ok(Imported { yaml, taken, left, target: found.target })
}

/// The draft, and what is to be said of it.
struct FoundDraft {
    draft: Draft,
    notes: Vec<String>,
    target: Option<String>,
}

fn made_by(program: &str, sources: &[Source]) -> String {
    let names: Vec<&str> = sources.iter().map(Source::name).collect();
    format!("Made by roamstorm import {program} of {}.", names.join(", "))
}

/// A kind of draft that only registers and opens sessions, of what is common to all.
fn plain(plmn: Plmn, made_by: String) -> Draft {
    Draft {
        kind: Kind::Import,
        name: "imported".to_owned(),
        made_by,
        plmn,
        visited: plmn,
        others: Vec::new(),
        groups: Vec::new(),
        nodes: 1,
        tacs: Vec::new(),
        slices: Vec::new(),
        first_node_id: None,
        sessions: Vec::new(),
        algorithms: None,
        radio: "ideal".to_owned(),
        rate_per_s: 50,
        length: std::time::Duration::from_secs(30),
    }
}

/// What no scenario has, and why, by the beginning of the field's path. The first that fits is said.
const NOT_TAKEN: &[(&str, &str)] = &[
    ("linkIp", "there is no radio link over IP: radio says what lies between UE and gNB"),
    ("gnbSearchList", "there is no radio link over IP: the UEs are in the cells of the scenario"),
    ("ngapIp", "agents choose their address by the route to the target"),
    ("gtpIp", "--gtpu-address of run and agent is the address of the user plane"),
    ("ignoreStreamIds", "stream numbers are those of the SCTP association"),
    ("idLength", "every length from 22 bits on holds the identifiers"),
    ("imei", "UEs have IMEIs of their own, made from the IMSI"),
    ("uacAic", "access classes are not simulated"),
    ("uacAcc", "access classes are not simulated"),
    ("integrityMaxRate", "user data is not integrity protected"),
    ("routingIndicator", "the routing indicator is 0"),
    ("tunNetmask", "there is no TUN interface: sessions[].traffic says what flows"),
    ("tunName", "there is no TUN interface: sessions[].traffic says what flows"),
    ("default-nssai", "UEs ask for cells.slices"),
    ("cellAccessType", "cells are of NR on the ground"),
    ("gnodeb.controlif", "agents choose their address by the route to the target"),
    ("gnodeb.dataif", "--gtpu-address of run and agent is the address of the user plane"),
    ("gnodeb.plmnlist.cellid", "cells-per-node says how many cells a base station has"),
    ("gnodeb.plmnlist.gnbidlength", "every length from 22 bits on holds the identifiers"),
    ("ue.sqn", "sequence numbers begin anew, and are resynchronised"),
    ("ue.routingindicator", "the routing indicator is 0"),
    ("ue.tunnel", "there is no TUN interface: sessions[].traffic says what flows"),
    ("upfif", "the core network says where its user plane is"),
    ("logs", "--log says what is logged"),
];
