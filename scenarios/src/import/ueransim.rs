//! The files of UERANSIM: of each gNB one, and of each range of UEs one.

use identity::{PduSessionType, Snssai};

use super::{FoundDraft, Source, made_by, plain};
use crate::{DraftGroup, DraftNetwork, DraftSession};

pub(super) fn draft(sources: &mut [Source], count: u64) -> Result<FoundDraft, String> {
    let (program, names) = ("ueransim", made_by("ueransim", sources));
    let (mut gnbs, mut ues) = by_kind(sources, program)?;
    let Some(first) = ues.first_mut() else {
        return Err(
            "no file of a UE is among them (with supi and key): its subscribers are needed".to_owned()
        );
    };
    let mut draft = plain(first.plmn("mcc", "mnc", "subscribers[].plmn")?, names);
    let (mut notes, mut target) = (Vec::new(), None);
    let mut ids = Vec::new();
    let mut networks: Vec<DraftNetwork> = Vec::new();
    for gnb in &mut gnbs {
        let plmn = gnb.plmn("mcc", "mnc", "cells.plmn")?;
        let known = networks.iter().position(|network| network.plmn == plmn);
        let place = known.unwrap_or_else(|| {
            networks.push(DraftNetwork { plmn, nodes: 0, tacs: Vec::new() });
            networks.len() - 1
        });
        if known.is_some() && place + 1 < networks.len() {
            notes.push(format!(
                "{}: nci: the gNBs of a network follow one another, so their identifiers are other ones: name the files network by network",
                gnb.name()
            ));
        }
        let network = &mut networks[place];
        network.nodes += 1;
        let tac = gnb.require("tac", "cells.tacs")?;
        let tac = whole(&tac).ok_or_else(|| gnb.wrong("tac", "this is not a number"))?;
        if !network.tacs.contains(&tac) {
            network.tacs.push(tac);
        }
        ids.extend(node_id(gnb)?);
        for item in 0..gnb.items("slices") {
            slice(gnb, &format!("slices[{item}]"), "cells.slices", &mut draft.slices)?;
        }
        if target.is_none() {
            target = amf(gnb);
        }
    }
    if !networks.is_empty() {
        let first = networks.remove(0);
        (draft.plmn, draft.nodes, draft.tacs) = (first.plmn, first.nodes, first.tacs);
        draft.others = networks;
    }
    first_node(&ids, &mut draft.first_node_id, &mut notes);
    for ue in &mut ues {
        let mut sessions = Vec::new();
        draft.groups.push(group(ue, count, &mut draft.slices, &mut sessions)?);
        for session in sessions {
            if !draft.sessions.contains(&session) {
                draft.sessions.push(session);
            }
        }
    }
    draft.algorithms = ues.first_mut().map(|ue| {
        let ciphering = ue.algorithms(|number| format!("ciphering.EA{number}"), true, "nas.nr.ciphering");
        let integrity = ue.algorithms(|number| format!("integrity.IA{number}"), false, "nas.nr.integrity");
        (ciphering, integrity)
    });
    if draft.tacs.is_empty() {
        draft.tacs.push(1);
    }
    if draft.slices.is_empty() {
        draft.slices.push(Snssai { sst: 1, sd: None });
    }
    Ok(FoundDraft { draft, notes, target })
}

/// The files of gNBs, and those of UEs.
fn by_kind<'a>(
    sources: &'a mut [Source],
    program: &str,
) -> Result<(Vec<&'a mut Source>, Vec<&'a mut Source>), String> {
    let (mut gnbs, mut ues): (Vec<&'a mut Source>, Vec<&'a mut Source>) = (Vec::new(), Vec::new());
    for source in sources.iter_mut() {
        match (source.has("supi") || source.has("imei"), source.has("tac") || source.has("nci")) {
            (true, false) => ues.push(source),
            (false, true) => gnbs.push(source),
            _ => {
                return Err(format!(
                    "{}: neither of a gNB (with nci and tac) nor of a UE (with supi): roamstorm import {program} takes UERANSIM's \
                     files of both",
                    source.name()
                ));
            }
        }
    }
    Ok((gnbs, ues))
}

fn group(
    ue: &mut Source,
    count: u64,
    slices: &mut Vec<Snssai>,
    sessions: &mut Vec<DraftSession>,
) -> Result<DraftGroup, String> {
    let plmn = ue.plmn("mcc", "mnc", "subscribers[].plmn")?;
    let supi = ue.require("supi", "subscribers[].imsi")?;
    let Some(imsi) = supi.strip_prefix("imsi-") else {
        return Err(
            ue.wrong("supi", &format!("found {supi:?}, expected an IMSI such as imsi-001010000000001"))
        );
    };
    let k = format!("\"{}\"", ue.require("key", "subscribers[].k")?);
    let operator_key = ue.require("op", "subscribers[].opc or op")?;
    let kind = ue.take("opType", "subscribers[].opc or op").unwrap_or_else(|| "OPC".to_owned());
    let operator_field = match kind.to_ascii_uppercase().as_str() {
        "OPC" => "opc",
        "OP" => "op",
        _ => return Err(ue.wrong("opType", &format!("found {kind:?}, expected OP or OPC"))),
    };
    let amf = ue.take("amf", "subscribers[].amf").map(|amf| format!("{amf:0>4}"));
    let suci = ue.suci(["protectionScheme", "homeNetworkPublicKey", "homeNetworkPublicKeyId"])?;
    for item in 0..ue.items("sessions") {
        let at = format!("sessions[{item}]");
        let before = slices.len();
        let own = slice(ue, &format!("{at}.slice"), "sessions[].slice", slices)?;
        let slice = own.or_else(|| slices.get(before).or_else(|| slices.first()).copied());
        let slice = slice.unwrap_or(Snssai { sst: 1, sd: None });
        if slices.is_empty() {
            slices.push(slice);
        }
        let dnn = ue.take(&format!("{at}.apn"), "sessions[].dnn").unwrap_or_else(|| "internet".to_owned());
        let dnn = dnn.parse().map_err(|error| ue.wrong(&format!("{at}.apn"), &format!("{error}")))?;
        let type_ = ue.take(&format!("{at}.type"), "sessions[].type").unwrap_or_default();
        let type_ = match type_.to_ascii_lowercase().as_str() {
            "ipv6" => PduSessionType::Ipv6,
            "ipv4v6" => PduSessionType::Ipv4v6,
            _ => PduSessionType::Ipv4,
        };
        sessions.push(DraftSession { dnn, type_, slice });
    }
    for item in 0..ue.items("configured-nssai") {
        slice(ue, &format!("configured-nssai[{item}]"), "cells.slices", slices)?;
    }
    Ok(DraftGroup { plmn, imsi: imsi.to_owned(), count, k, operator_field, operator_key, amf, suci })
}

fn slice(
    source: &mut Source,
    at: &str,
    becomes: &str,
    slices: &mut Vec<Snssai>,
) -> Result<Option<Snssai>, String> {
    let found = source.slice(&format!("{at}.sst"), &format!("{at}.sd"), becomes, |text, _| whole(text))?;
    if let Some(slice) = found.filter(|slice| !slices.contains(slice)) {
        slices.push(slice);
    }
    Ok(found)
}

/// The gNB ID is the first `idLength` of the 36 bits of the NR cell identity (TS 38.413 §9.3.1.7).
fn node_id(gnb: &mut Source) -> Result<Option<u64>, String> {
    let Some(nci) = gnb.take("nci", "cells.first-node-id") else { return Ok(None) };
    let length = gnb.take("idLength", "cells.first-node-id").unwrap_or_else(|| "32".to_owned());
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let length = number(&length).filter(|length| (22..=32).contains(length));
    let length = length.ok_or_else(|| gnb.wrong("idLength", "22 to 32 bits are expected"))?;
    let nci = number(&nci).filter(|nci| *nci < 1 << 36);
    let nci = nci.ok_or_else(|| gnb.wrong("nci", "this is no NR cell identity of 36 bits"))?;
    Ok(Some(nci >> (36 - length)))
}

/// Base stations are numbered one after another.
fn first_node(ids: &[u64], first: &mut Option<u32>, notes: &mut Vec<String>) {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    let follow = ids.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let fits = ids.last().is_some_and(|last| *last < 1 << 22);
    match ids.first() {
        Some(lowest) if follow && fits => *first = u32::try_from(*lowest).ok(),
        Some(_) => notes.push(format!(
            "nci: the gNB IDs {ids:?} do not follow each other, or exceed 22 bits: cells.first-node-id is 1"
        )),
        None => {}
    }
}

fn amf(gnb: &mut Source) -> Option<String> {
    let becomes = "--target of run";
    let address = gnb.take("amfConfigs[0].address", becomes)?;
    let port = gnb.take("amfConfigs[0].port", becomes).unwrap_or_else(|| "38412".to_owned());
    Some(target(&address, &port))
}

pub(super) fn target(address: &str, port: &str) -> String {
    if address.contains(':') {
        format!("sctp://[{address}]:{port}")
    } else {
        format!("sctp://{address}:{port}")
    }
}

/// Decimal, or hexadecimal with 0x.
fn whole(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
