//! What an AMF says of itself, and of the load that it can take (TS 38.413 §8.7).

use std::fmt;

use identity::{Plmn, Snssai};

use crate::common::identity_of_ue::STmsi;
use crate::establishment_cause::EstablishmentCause;

/// What an AMF said of itself when the NG interface was set up, and since (TS 38.413 §9.2.6.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AmfFacts {
    /// Its name; empty where it gave none that is readable.
    pub name: String,
    /// The GUAMIs that it serves.
    pub guamis: Vec<Guami>,
    /// Its weight among the AMFs of its set, 0 to 255 (§9.3.1.32).
    pub capacity: u8,
    /// The networks that it supports, each with its slices (PLMN Support List); as it said when the interface was set up.
    pub plmns: Vec<(Plmn, Vec<Snssai>)>,
}

/// Names an AMF (TS 23.003 §2.10.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Guami {
    /// The octets of its PLMN.
    pub plmn: [u8; 3],
    /// AMF Region ID, 8 bits.
    pub region: u8,
    /// AMF Set ID, 10 bits.
    pub set: u16,
    /// AMF Pointer, 6 bits.
    pub pointer: u8,
}

/// AMF CONFIGURATION UPDATE (TS 38.413 §9.2.6.7): what it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AmfUpdate {
    /// The new name.
    pub name: Option<String>,
    /// The GUAMIs that it serves from now on.
    pub guamis: Option<Vec<Guami>>,
    /// The new weight.
    pub capacity: Option<u8>,
}

/// OVERLOAD START (TS 38.413 §9.2.6.11).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overload {
    /// What it asks for of all UEs.
    pub of_all: Fewer,
    /// What it asks for of UEs that want nothing but some slices.
    pub slices: Vec<SliceOverload>,
}

/// Which connections an AMF wants fewer of, and by how much. Without either it asks for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fewer {
    /// Which ones; any that UEs begin without it.
    pub action: Option<OverloadAction>,
    /// By how many per cent; all of them without it.
    pub reduction: Option<u8>,
}

/// An item of the Overload Start NSSAI List (TS 38.413 §9.2.6.11).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SliceOverload {
    /// The slices that are overloaded.
    pub slices: Vec<Snssai>,
    /// What is asked for of UEs that want no other slice.
    pub fewer: Fewer,
}

/// The Overload Action (TS 38.413 §9.3.1.105).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverloadAction {
    /// Reject RRC connection requests for non-emergency mobile originated data transfer.
    RejectMoData,
    /// Reject RRC connection requests for signalling, and those for data.
    RejectSignalling,
    /// Permit emergency sessions and mobile terminated services only.
    PermitEmergencyAndMt,
    /// Permit high priority sessions and mobile terminated services only.
    PermitHighPriorityAndMt,
}

/// Something that an AMF said about itself, or about all UEs. `Display` tells it to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AmfNotice {
    /// OVERLOAD START (TS 38.413 §8.7.6).
    OverloadStart(Overload),
    /// OVERLOAD STOP (§8.7.7).
    OverloadStop,
    /// AMF STATUS INDICATION (§8.7.8): these GUAMIs go, each perhaps to a backup AMF of this name.
    Unavailable(Vec<(Guami, Option<String>)>),
    /// AMF CONFIGURATION UPDATE (§8.7.3).
    ConfigurationUpdate(AmfUpdate),
    /// NG RESET (§8.7.4.2.1): so many UEs have lost their connections.
    Reset {
        /// How many.
        ues: usize,
    },
}

impl AmfFacts {
    /// Whether it is the AMF that gave this identity.
    pub fn serves(&self, s_tmsi: STmsi) -> bool {
        self.guamis
            .iter()
            .any(|guami| (guami.set, guami.pointer) == (s_tmsi.amf_set_id(), s_tmsi.amf_pointer()))
    }

    /// Whether it is of the AMF set that this identity names: it may fetch the UE's context (TS 23.501 §6.3.5).
    pub fn is_of_set(&self, s_tmsi: STmsi) -> bool {
        self.guamis.iter().any(|guami| guami.set == s_tmsi.amf_set_id())
    }

    pub(crate) fn apply(&mut self, update: &AmfUpdate) {
        if let Some(name) = &update.name {
            self.name.clone_from(name);
        }
        if let Some(guamis) = &update.guamis {
            self.guamis.clone_from(guamis);
        }
        self.capacity = update.capacity.unwrap_or(self.capacity);
    }
}

impl Overload {
    /// Whether the AMF wants this connection not to be asked for, of a UE that wants these slices (TS 38.413 §8.7.6.2). `draw` is
    /// chance, 0 to 1 without the latter: it decides where the AMF wants a share of them.
    pub fn bars(&self, cause: EstablishmentCause, wanted: &[Snssai], draw: f64) -> bool {
        let concerns =
            |of: &SliceOverload| !wanted.is_empty() && wanted.iter().all(|slice| of.slices.contains(slice));
        self.of_all.bars(cause, draw)
            || self.slices.iter().any(|of| concerns(of) && of.fewer.bars(cause, draw))
    }
}

impl Fewer {
    fn bars(self, cause: EstablishmentCause, draw: f64) -> bool {
        let concerned = match (self.action, cause) {
            // The answer to a page is what every action permits (§8.7.6.2).
            (_, EstablishmentCause::MtAccess) => false,
            (Some(OverloadAction::RejectMoData), EstablishmentCause::MoSignalling) => false,
            (Some(_), EstablishmentCause::MoData | EstablishmentCause::MoSignalling) => true,
            // A reduction alone is one of whatever UEs begin.
            (None, _) => self.reduction.is_some(),
        };
        concerned && self.reduction.is_none_or(|percent| draw * 100.0 < f64::from(percent))
    }
}

impl AmfNotice {
    /// Its name where such events are listed.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::OverloadStart(_) => "overload-start",
            Self::OverloadStop => "overload-stop",
            Self::Unavailable(_) => "amf-status-indication",
            Self::ConfigurationUpdate(_) => "amf-configuration-update",
            Self::Reset { .. } => "ng-reset-by-amf",
        }
    }
}

impl fmt::Display for Guami {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "region {}, set {}, pointer {}", self.region, self.set, self.pointer)
    }
}

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut and = "";
        if self.of_all != Fewer::default() || self.slices.is_empty() {
            self.of_all.fmt(f)?;
            and = "; ";
        }
        for of in self.slices.iter().take(LISTED) {
            write!(f, "{and}{} for slice", of.fewer)?;
            let slices = of.slices.iter().take(LISTED).enumerate();
            for (place, slice) in slices {
                write!(f, "{} {slice}", if place == 0 { "" } else { "," })?;
            }
            if of.slices.len() > LISTED {
                write!(f, " and {} more", of.slices.len() - LISTED)?;
            }
            and = "; ";
        }
        if self.slices.len() > LISTED {
            write!(f, "; and {} more", self.slices.len() - LISTED)?;
        }
        Ok(())
    }
}

impl fmt::Display for Fewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.action {
            Some(OverloadAction::RejectMoData) => "reject mobile originated data",
            Some(OverloadAction::RejectSignalling) => "reject signalling and data",
            Some(OverloadAction::PermitEmergencyAndMt) => {
                "permit emergency and mobile terminated services only"
            }
            Some(OverloadAction::PermitHighPriorityAndMt) => {
                "permit high priority and mobile terminated services only"
            }
            None => "no action named",
        })?;
        if let Some(percent) = self.reduction {
            write!(f, ", {percent} % less")?;
        }
        Ok(())
    }
}

impl fmt::Display for AmfNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OverloadStart(overload) => write!(f, "the AMF is overloaded: {overload}"),
            Self::OverloadStop => f.write_str("the AMF is overloaded no more"),
            Self::Unavailable(guamis) => {
                f.write_str("the AMF says that it will not serve ")?;
                for (place, (guami, backup)) in guamis.iter().take(LISTED).enumerate() {
                    let and = if place == 0 { "" } else { "; " };
                    write!(f, "{and}{guami}")?;
                    if let Some(backup) = backup {
                        write!(f, " (backup {backup})")?;
                    }
                }
                if guamis.len() > LISTED {
                    write!(f, " and {} more", guamis.len() - LISTED)?;
                }
                Ok(())
            }
            Self::ConfigurationUpdate(update) => {
                f.write_str("the AMF has changed its configuration")?;
                if let Some(name) = &update.name {
                    write!(f, ", name {name}")?;
                }
                if let Some(guamis) = &update.guamis {
                    write!(f, ", {} GUAMIs", guamis.len())?;
                }
                if let Some(capacity) = update.capacity {
                    write!(f, ", relative capacity {capacity}")?;
                }
                Ok(())
            }
            Self::Reset { ues } => write!(f, "the AMF has reset the interface: {ues} connections are lost"),
        }
    }
}

/// GUAMIs, or slices, that a text names.
const LISTED: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overload_bars_what_its_action_names_and_never_the_answer_to_a_page() {
        use EstablishmentCause::{MoData, MoSignalling, MtAccess};
        use OverloadAction::*;
        for (action, reduction, data, signalling) in [
            (Some(RejectMoData), None, true, false),
            (Some(RejectSignalling), None, true, true),
            (Some(PermitEmergencyAndMt), None, true, true),
            (Some(PermitHighPriorityAndMt), None, true, true),
            (None, None, false, false),
            (None, Some(50), true, true),
        ] {
            let overload = Overload { of_all: Fewer { action, reduction }, slices: Vec::new() };
            assert_eq!(overload.bars(MoData, &[], 0.0), data, "{overload}");
            assert_eq!(overload.bars(MoSignalling, &[], 0.0), signalling, "{overload}");
            assert!(!overload.bars(MtAccess, &[], 0.0), "{overload}");
        }
    }

    #[test]
    fn a_reduction_bars_a_share() {
        let of_all = Fewer { action: Some(OverloadAction::RejectSignalling), reduction: Some(30) };
        let overload = Overload { of_all, slices: Vec::new() };
        let cause = EstablishmentCause::MoData;
        let barred = (0..100).filter(|n| overload.bars(cause, &[], f64::from(*n) / 100.0));
        assert_eq!(barred.count(), 30);
    }

    #[test]
    fn an_overload_of_slices_bars_who_wants_no_other_slice() {
        let slices =
            |texts: &[&str]| -> Vec<Snssai> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let data = Fewer { action: Some(OverloadAction::RejectMoData), reduction: None };
        let half = Fewer { action: None, reduction: Some(50) };
        let overload = Overload {
            of_all: Fewer::default(),
            slices: vec![
                SliceOverload { slices: slices(&["1", "2"]), fewer: data },
                SliceOverload { slices: slices(&["3-00000a"]), fewer: half },
            ],
        };
        for (wanted, draw, barred) in [
            (&["1"][..], 0.9, true),
            (&["1", "2"], 0.9, true),
            (&["1", "3-00000a"], 0.0, false),
            (&["1-000001"], 0.0, false),
            (&["3-00000a"], 0.4, true),
            (&["3-00000a"], 0.6, false),
            (&[], 0.0, false),
        ] {
            let is_barred = overload.bars(EstablishmentCause::MoData, &slices(wanted), draw);
            assert_eq!(is_barred, barred, "{wanted:?} {draw}");
        }
        assert!(!overload.bars(EstablishmentCause::MoSignalling, &slices(&["1"]), 0.0));
        assert!(!overload.bars(EstablishmentCause::MtAccess, &slices(&["3-00000a"]), 0.0));
        let told =
            "reject mobile originated data for slice 1, 2; no action named, 50 % less for slice 3-00000a";
        assert_eq!(overload.to_string(), told);
        let both = Overload { of_all: Fewer { reduction: Some(10), ..data }, ..overload };
        assert!(
            both.bars(EstablishmentCause::MoData, &[], 0.05),
            "what is asked for of all is asked of everybody"
        );
    }
}
