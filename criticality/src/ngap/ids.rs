//! Whom a message is about.

use oxirush_ngap::ngap::*;

/// The UE NGAP IDs of a message, as far as it has them and they are readable (TS 38.413 §8.7.5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// AMF UE NGAP ID, also where the message calls it that of the source.
    pub amf: Option<u64>,
    /// RAN UE NGAP ID.
    pub ran: Option<u32>,
}

impl Ids {
    /// Those of a message of any kind.
    pub fn of(pdu: &NGAPPDU<'_>) -> Self {
        let mut ids = Self::default();
        let Ok(ies) = pdu.protocol_ies() else { return ids };
        for ie in &ies.0 {
            match ie.id {
                ID_AMF_UE_NGAP_ID | ID_SOURCE_AMF_UE_NGAP_ID => {
                    let id = decode_open_type::<AMFUENGAPID>(&ie.value).ok();
                    ids.amf = ids.amf.or_else(|| id.map(|id| id.0));
                }
                ID_RAN_UE_NGAP_ID => {
                    let id = decode_open_type::<RANUENGAPID>(&ie.value).ok();
                    ids.ran = ids.ran.or_else(|| id.map(|id| id.0));
                }
                ID_UE_NGAP_IDS => match decode_open_type::<UENGAPIDs>(&ie.value) {
                    Ok(UENGAPIDs::uE_NGAP_ID_pair(pair)) => {
                        (ids.amf, ids.ran) = (Some(pair.amf_ue_ngap_id.0), Some(pair.ran_ue_ngap_id.0));
                    }
                    Ok(UENGAPIDs::aMF_UE_NGAP_ID(id)) => ids.amf = Some(id.0),
                    _ => {}
                },
                _ => {}
            }
        }
        ids
    }

    /// Whether both may be about one UE: what one of them lacks does not tell them apart.
    pub fn agree(self, other: Self) -> bool {
        let amf = self.amf.zip(other.amf).is_none_or(|(one, other)| one == other);
        let ran = self.ran.zip(other.ran).is_none_or(|(one, other)| one == other);
        amf && ran
    }
}
