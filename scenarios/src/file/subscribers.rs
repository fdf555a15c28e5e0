//! Ranges of IMSIs with their keys.

use std::fmt;

use identity::{Imsi, Key128, Plmn};
use schemars::JsonSchema;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::at::{At, every};
use super::overlap::first_overlap;
use crate::units::Hex;
use crate::yaml::Complaint;
use crate::{HomeAnswer, KeySource, OperatorKey, SubscriberGroup, SuciScheme};

/// A range of consecutive IMSIs.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    expecting = "a mapping with plmn, imsi, count, k and opc or op"
)]
#[schemars(extend("oneOf" = [{"required": ["opc"]}, {"required": ["op"]}]))]
pub(super) struct SubscribersFile {
    /// The home network, MCC/MNC.
    pub(super) plmn: Plmn,
    /// The first IMSI, in quotes; it begins with the PLMN's digits.
    pub(super) imsi: Imsi,
    /// How many.
    #[schemars(range(min = 1))]
    pub(super) count: u64,
    /// The secret key: one for all, or `derived-from` a master key, one for each.
    pub(super) k: KeyFile,
    /// OPc, one for all; or op in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) opc: Option<Key128>,
    /// OP, one for all: OPc follows from it and from K.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) op: Option<Key128>,
    /// The authentication management field, four hexadecimal digits.
    #[serde(default = "default_amf")]
    #[schemars(regex(pattern = "^[0-9A-Fa-f]{4}$"))]
    pub(super) amf: Hex,
    /// How the IMSI is concealed.
    #[serde(default)]
    pub(super) suci: SuciFile,
    /// What the simulator's home network says of them, so that they are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<HomeAnswer>,
}

/// The secret key K.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum KeyFile {
    /// The same for all.
    Shared(Key128),
    /// One for each.
    Derived(DerivedFile),
}

/// K of each subscriber is AES-128 under the master key of its IMSI.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with derived-from")]
pub(super) struct DerivedFile {
    /// The master key.
    pub(super) derived_from: Key128,
}

/// How the IMSI is concealed (TS 33.501 annex C).
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SuciFile {
    /// Not at all.
    #[default]
    NullScheme,
    /// ECIES on Curve25519.
    ProfileA(HomeKeyFile),
    /// ECIES on secp256r1.
    ProfileB(HomeKeyFile),
}

/// The home network's key pair.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a mapping with key-id and public-key")]
pub(super) struct HomeKeyFile {
    /// Home network public key identifier.
    pub(super) key_id: u8,
    /// 32 octets for profile A, 33 (compressed) for profile B, in hexadecimal.
    pub(super) public_key: Hex,
    /// 32 octets; only the embedded simulator needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) private_key: Option<Hex>,
}

// Written by hand: serde's untagged enums forget what was wrong inside.
impl<'de> Deserialize<'de> for KeyFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = KeyFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key of 32 hexadecimal digits, or {derived-from: a master key}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<KeyFile, E> {
        text.parse().map(KeyFile::Shared).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KeyFile, A::Error> {
        DerivedFile::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(KeyFile::Derived)
    }
}

fn default_amf() -> Hex {
    Hex(vec![0x80, 0x00])
}

pub(super) fn check(groups: Vec<SubscribersFile>, at: &At<'_>) -> Result<Vec<SubscriberGroup>, Complaint> {
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
    let SubscribersFile { plmn, imsi, count, k, opc, op, amf, suci, refused } = file;
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
    let operator = match (opc, op) {
        (Some(opc), None) => OperatorKey::Opc(opc),
        (None, Some(op)) => OperatorKey::Op(op),
        (None, None) => {
            return at.wrong(
                "missing field \"opc\" or \"op\": OPc, or the OP that it follows from (TS 35.206 §2.3)",
            );
        }
        (Some(_), Some(_)) => {
            return at.field("op").wrong(
                "there is an opc too: one of them is accepted, for OPc follows from OP and K (TS 35.206 §2.3)",
            );
        }
    };
    let suci = suci_scheme(suci, &at.field("suci"))?;
    Ok(SubscriberGroup { plmn, first_imsi: imsi, count, k, operator, amf, suci, refused })
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

impl From<&SubscriberGroup> for SubscribersFile {
    fn from(group: &SubscriberGroup) -> Self {
        Self {
            plmn: group.plmn,
            imsi: group.first_imsi,
            count: group.count,
            k: match group.k {
                KeySource::Shared(k) => KeyFile::Shared(k),
                KeySource::Derived(derived_from) => KeyFile::Derived(DerivedFile { derived_from }),
            },
            opc: match group.operator {
                OperatorKey::Opc(opc) => Some(opc),
                OperatorKey::Op(_) => None,
            },
            op: group.operator.op(),
            amf: Hex(group.amf.to_vec()),
            suci: SuciFile::from(&group.suci),
            refused: group.refused,
        }
    }
}

impl From<&SuciScheme> for SuciFile {
    fn from(scheme: &SuciScheme) -> Self {
        let home_key = |key_id: u8, public_key: &[u8], private_key: &Option<[u8; 32]>| HomeKeyFile {
            key_id,
            public_key: Hex(public_key.to_vec()),
            private_key: private_key.map(|key| Hex(key.to_vec())),
        };
        match scheme {
            SuciScheme::Null => Self::NullScheme,
            SuciScheme::ProfileA { key_id, public_key, private_key } => {
                Self::ProfileA(home_key(*key_id, public_key, private_key))
            }
            SuciScheme::ProfileB { key_id, public_key, private_key } => {
                Self::ProfileB(home_key(*key_id, public_key, private_key))
            }
        }
    }
}
