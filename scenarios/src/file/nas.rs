//! What the UEs can do.

use identity::Technology;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::At;
use super::technology::{Unbuilt, refuse_unbuilt};
use crate::units::DurationText;
use crate::yaml::Complaint;
use crate::{Nas, Nas5g, Retry};

/// What the UEs can do, by technology.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {nr: {retry: never}}"
)]
pub(super) struct NasFile {
    /// In 5G.
    pub(super) nr: Nas5gFile,
    #[serde(skip_serializing)]
    #[schemars(skip)]
    pub(super) lte: Option<Unbuilt>,
    #[serde(skip_serializing)]
    #[schemars(skip)]
    pub(super) umts: Option<Unbuilt>,
}

/// What the UEs can do in 5G.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {retry: never}"
)]
pub(super) struct Nas5gFile {
    /// Ciphering algorithms NEA 0 to 3, the preferred ones first. With 0 first, traces can be read.
    #[schemars(length(min = 1, max = 4), inner(range(max = 3)))]
    pub(super) ciphering: Vec<u8>,
    /// Integrity algorithms NIA 0 to 3, the preferred ones first.
    #[schemars(length(min = 1, max = 4), inner(range(max = 3)))]
    pub(super) integrity: Vec<u8>,
    /// What a UE does after a failed registration.
    pub(super) retry: Retry,
    /// Overrides the periodic registration timer that the network assigns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) t3512: Option<DurationText>,
}

impl Default for Nas5gFile {
    fn default() -> Self {
        Self { ciphering: vec![2, 1, 0], integrity: vec![2, 1], retry: Retry::Never, t3512: None }
    }
}

pub(super) fn check(file: NasFile, at: &At<'_>) -> Result<Nas, Complaint> {
    refuse_unbuilt([(Technology::Lte, &file.lte), (Technology::Umts, &file.umts)], at)?;
    Ok(Nas { nr: check_nr(file.nr, &at.field("nr"))? })
}

fn check_nr(file: Nas5gFile, at: &At<'_>) -> Result<Nas5g, Complaint> {
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
    Ok(Nas5g {
        ciphering: file.ciphering,
        integrity: file.integrity,
        retry: file.retry,
        t3512: file.t3512.map(|text| text.0),
    })
}

impl From<&Nas> for NasFile {
    fn from(nas: &Nas) -> Self {
        let Nas5g { ciphering, integrity, retry, t3512 } = nas.nr.clone();
        let nr = Nas5gFile { ciphering, integrity, retry, t3512: t3512.map(DurationText) };
        Self { nr, ..Self::default() }
    }
}
