//! How the simulator charges, and what it does wrong on purpose.

mod coverage;
mod source;

use billing::Octets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at::At;
use crate::units::{Ratio, Volume};
use crate::yaml::Complaint;
use crate::{Cells, Charging, ChargingFaults, Network, SessionTemplate, SubscriberGroup};

pub(super) use source::Folder;
use source::TariffSource;

/// How the embedded simulator charges.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {quota: 1MB}"
)]
pub(super) struct ChargingFile {
    /// The prices: a tariff, the name of one that comes with the program, or a file beside the scenario.
    tariff: TariffSource,
    /// Online charging: this much is granted at a time. Default: offline.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<Volume>,
    /// What goes wrong.
    faults: FaultsFile,
}

/// Faults of the charging function, each as a part of all sessions.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping such as {lost: 0.1%}"
)]
struct FaultsFile {
    /// None of their records is written.
    lost: Ratio,
    /// Their last record is written twice.
    duplicated: Ratio,
    /// Their last record is written much later than the rules allow.
    late: Ratio,
    /// Their records are written in another order.
    reordered: Ratio,
    /// Their volume is wrong.
    wrong_volume: Ratio,
    /// Another rate of the tariff is applied to them.
    wrong_tariff: Ratio,
    /// Their serving network is wrong.
    wrong_plmn: Ratio,
    /// Sessions that nobody had, for each one that there was.
    orphan: Ratio,
    /// Their last record is written in part, and the rest by a retry; nothing is wrong with the sum.
    partial: Ratio,
}

/// What of the scenario decides which prices are needed.
pub(super) struct Charged<'a> {
    pub(super) subscribers: &'a [SubscriberGroup],
    pub(super) cells: &'a Cells,
    pub(super) sessions: &'a [SessionTemplate],
    pub(super) network: &'a Network,
}

pub(super) fn check(
    file: ChargingFile,
    charged: &Charged<'_>,
    folder: Folder<'_>,
    at: &At<'_>,
) -> Result<Charging, Complaint> {
    let tariff = source::check(file.tariff, folder, &at.field("tariff"))?;
    coverage::check(&tariff, charged, &at.field("tariff"))?;
    at.field("quota").require(file.quota != Some(Volume(Octets(0))), || {
        "0B grant nothing: more is expected, such as 1MB, or leave it out for offline charging".to_owned()
    })?;
    let faults = faults(&file.faults, &at.field("faults"))?;
    Ok(Charging { tariff, quota: file.quota.map(|quota| quota.0), faults })
}

fn faults(file: &FaultsFile, at: &At<'_>) -> Result<ChargingFaults, Complaint> {
    let faults = ChargingFaults {
        lost: file.lost.value(),
        duplicated: file.duplicated.value(),
        late: file.late.value(),
        reordered: file.reordered.value(),
        wrong_volume: file.wrong_volume.value(),
        wrong_tariff: file.wrong_tariff.value(),
        wrong_plmn: file.wrong_plmn.value(),
        orphan: file.orphan.value(),
        partial: file.partial.value(),
    };
    let ChargingFaults { lost, duplicated, late, reordered, wrong_volume, wrong_tariff, wrong_plmn, .. } =
        faults;
    let of_sessions =
        [lost, duplicated, late, reordered, wrong_volume, wrong_tariff, wrong_plmn, faults.partial];
    // A hair is allowed, or ten times 10% would be too much.
    at.require(of_sessions.iter().sum::<f64>() <= 1.0 + 1e-9, || {
        "a session suffers at most one fault, and these (orphan aside) come to more than 100% together"
            .to_owned()
    })?;
    Ok(faults)
}

impl From<&Charging> for ChargingFile {
    fn from(charging: &Charging) -> Self {
        Self {
            tariff: TariffSource::from(&charging.tariff),
            quota: charging.quota.map(Volume),
            faults: FaultsFile::from(&charging.faults),
        }
    }
}

impl From<&ChargingFaults> for FaultsFile {
    fn from(faults: &ChargingFaults) -> Self {
        Self {
            lost: Ratio::new(faults.lost),
            duplicated: Ratio::new(faults.duplicated),
            late: Ratio::new(faults.late),
            reordered: Ratio::new(faults.reordered),
            wrong_volume: Ratio::new(faults.wrong_volume),
            wrong_tariff: Ratio::new(faults.wrong_tariff),
            wrong_plmn: Ratio::new(faults.wrong_plmn),
            orphan: Ratio::new(faults.orphan),
            partial: Ratio::new(faults.partial),
        }
    }
}
