//! The file of PacketRusher, whose numbers of areas, gNBs and slices are hexadecimal.

use identity::Snssai;

use super::ueransim::target;
use super::{FoundDraft, Source, made_by, plain};
use crate::{DraftGroup, DraftSession};

pub(super) fn draft(sources: &mut [Source], count: u64) -> Result<FoundDraft, String> {
    let names = made_by("packetrusher", sources);
    let [source] = sources else {
        return Err(format!("{} files: PacketRusher has one, config.yml", sources.len()));
    };
    for section in ["gnodeb", "ue"] {
        if !source.has(section) {
            return Err(format!(
                "{}: the section {section:?} is missing: this is no file of PacketRusher",
                source.name()
            ));
        }
    }
    let plmn = source.plmn("gnodeb.plmnlist.mcc", "gnodeb.plmnlist.mnc", "cells.plmn")?;
    let mut draft = plain(plmn, names);
    let mut notes = Vec::new();
    let tac = source.require("gnodeb.plmnlist.tac", "cells.tacs")?;
    let tac = hexadecimal(&tac)
        .ok_or_else(|| source.wrong("gnodeb.plmnlist.tac", "hexadecimal digits are expected"))?;
    draft.tacs.push(tac);
    let id = source.require("gnodeb.plmnlist.gnbid", "cells.first-node-id")?;
    match hexadecimal(&id)
        .ok_or_else(|| source.wrong("gnodeb.plmnlist.gnbid", "hexadecimal digits are expected"))?
    {
        id if id < 1 << 22 => draft.first_node_id = Some(id),
        id => notes.push(format!("gnodeb.plmnlist.gnbid: {id:#x} exceeds 22 bits: cells.first-node-id is 1")),
    }
    let of_gnb = ("gnodeb.slicesupportlist.sst", "gnodeb.slicesupportlist.sd");
    let supported = source.slice(of_gnb.0, of_gnb.1, "cells.slices", |text, _| hexadecimal(text))?;
    let of_ue = ("ue.snssai.sst", "ue.snssai.sd");
    // This one of its numbers is decimal, but for the differentiator.
    let number = |text: &str, sd: bool| if sd { hexadecimal(text) } else { text.parse().ok() };
    let asked = source.slice(of_ue.0, of_ue.1, "sessions[].slice", number)?;
    let usual = Snssai { sst: 1, sd: None };
    let slice = asked.or(supported).unwrap_or(usual);
    for slice in [supported, Some(slice)].into_iter().flatten() {
        if !draft.slices.contains(&slice) {
            draft.slices.push(slice);
        }
    }
    draft.groups.push(group(source, count)?);
    let dnn = source.take("ue.dnn", "sessions[].dnn").unwrap_or_else(|| "internet".to_owned());
    let dnn = dnn.parse().map_err(|error| source.wrong("ue.dnn", &format!("{error}")))?;
    draft.sessions.push(DraftSession { dnn, type_: Default::default(), slice });
    let ciphering = source.algorithms(|number| format!("ue.ciphering.nea{number}"), true, "nas.nr.ciphering");
    let integrity =
        source.algorithms(|number| format!("ue.integrity.nia{number}"), false, "nas.nr.integrity");
    draft.algorithms = Some((ciphering, integrity));
    let target = amf(source);
    Ok(FoundDraft { draft, notes, target })
}

fn group(source: &mut Source, count: u64) -> Result<DraftGroup, String> {
    let plmn = source.plmn("ue.hplmn.mcc", "ue.hplmn.mnc", "subscribers[].plmn")?;
    let becomes = "subscribers[].imsi";
    // Earlier versions said the whole IMSI.
    let imsi = match (source.take("ue.msin", becomes), source.take("ue.imsi", becomes)) {
        (Some(msin), _) => format!("{}{msin}", plmn.to_string().replace('/', "")),
        (None, Some(imsi)) => imsi.trim_start_matches("imsi-").to_owned(),
        (None, None) => {
            return Err(format!(
                "{}: the field \"ue.msin\" is missing, of which {becomes} is made",
                source.name()
            ));
        }
    };
    let k = format!("\"{}\"", source.require("ue.key", "subscribers[].k")?);
    let operator_key = source.require("ue.opc", "subscribers[].opc")?;
    let amf = source.take("ue.amf", "subscribers[].amf").map(|amf| format!("{amf:0>4}"));
    let suci =
        source.suci(["ue.protectionScheme", "ue.homeNetworkPublicKey", "ue.homeNetworkPublicKeyID"])?;
    Ok(DraftGroup { plmn, imsi, count, k, operator_field: "opc", operator_key, amf, suci })
}

/// One AMF, or in later versions a list of them.
fn amf(source: &mut Source) -> Option<String> {
    let becomes = "--target of run";
    let at = if source.items("amfif") > 0 { "amfif[0]" } else { "amfif" };
    let address = source.take(&format!("{at}.ip"), becomes)?;
    let port = source.take(&format!("{at}.port"), becomes).unwrap_or_else(|| "38412".to_owned());
    Some(target(&address, &port))
}

fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}
