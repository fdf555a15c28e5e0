//! From a checked [`Scenario`] back to a file, with everything written out.

use super::types::{
    CellsFile, CongestionFile, DerivedFile, FreezeFile, GuardrailFile, HomeKeyFile, KeyFile, LoadFile,
    NasFile, NetworkFile, PhaseFile, ProfileFile, RadioFile, RampFile, ScenarioFile, SpikeFile, StepsFile,
    SubscribersFile, SuciFile,
};
use crate::units::{DurationText, Hex, Rate, Ratio};
use crate::{
    Cells, Guardrail, KeySource, Load, Nas, Network, Phase, RadioProfile, Scenario, Shape, SubscriberGroup,
    SuciScheme,
};

impl From<&Scenario> for ScenarioFile {
    fn from(scenario: &Scenario) -> Self {
        Self {
            name: scenario.name.clone(),
            description: scenario.description.clone(),
            seed: scenario.seed,
            subscribers: scenario.subscribers.iter().map(SubscribersFile::from).collect(),
            cells: CellsFile::from(&scenario.cells),
            nas: NasFile::from(&scenario.nas),
            radio: RadioFile::Inline(ProfileFile::from(&scenario.radio)),
            load: scenario.load.iter().map(LoadFile::from).collect(),
            slos: scenario.slos.iter().map(|slo| slo.text.clone()).collect(),
            guardrails: scenario.guardrails.iter().map(GuardrailFile::from).collect(),
            network: NetworkFile::from(&scenario.network),
            drain: DurationText(scenario.drain),
        }
    }
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
            opc: group.opc,
            amf: Hex(group.amf.to_vec()),
            suci: SuciFile::from(&group.suci),
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

impl From<&Cells> for CellsFile {
    fn from(cells: &Cells) -> Self {
        Self {
            gnbs: cells.gnbs,
            cells_per_gnb: cells.cells_per_gnb,
            plmn: Some(cells.plmn()),
            tacs: cells.networks[0].tacs.clone(),
            slices: cells.slices.clone(),
            first_gnb_id: cells.first_gnb_id,
            inactivity: cells.inactivity.map(DurationText),
        }
    }
}

impl From<&Nas> for NasFile {
    fn from(nas: &Nas) -> Self {
        Self {
            ciphering: nas.ciphering.clone(),
            integrity: nas.integrity.clone(),
            retry: nas.retry,
            t3512: nas.t3512.map(DurationText),
        }
    }
}

impl From<&RadioProfile> for ProfileFile {
    fn from(radio: &RadioProfile) -> Self {
        Self {
            name: Some(radio.name.clone()),
            latency: DurationText(radio.latency),
            jitter: DurationText(radio.jitter),
            loss: Ratio::new(radio.loss),
            capacity: radio.capacity,
            setup_round_trips: radio.setup_round_trips,
        }
    }
}

impl From<&Load> for LoadFile {
    fn from(load: &Load) -> Self {
        Self {
            procedure: load.procedure,
            arrivals: load.arrivals,
            starts_after: DurationText(load.starts_after),
            phases: load.phases.iter().map(PhaseFile::from).collect(),
        }
    }
}

impl From<&Phase> for PhaseFile {
    fn from(phase: &Phase) -> Self {
        let named = Self { name: phase.name.clone(), ..Self::default() };
        match phase.shape {
            Shape::Constant { rate_per_s, for_ } => {
                Self { rate: Some(Rate::new(rate_per_s)), for_: Some(DurationText(for_)), ..named }
            }
            Shape::Ramp { from_per_s, to_per_s, for_ } => {
                let ramp = RampFile { from: Rate::new(from_per_s), to: Rate::new(to_per_s) };
                Self { ramp: Some(ramp), for_: Some(DurationText(for_)), ..named }
            }
            Shape::Steps { from_per_s, to_per_s, by_per_s, each } => {
                let (from, to, by) = (Rate::new(from_per_s), Rate::new(to_per_s), Rate::new(by_per_s));
                Self { steps: Some(StepsFile { from, to, by, each: DurationText(each) }), ..named }
            }
            Shape::Spike { base_per_s, peak_per_s, after, lasts, for_ } => {
                let spike = SpikeFile {
                    base: Rate::new(base_per_s),
                    peak: Rate::new(peak_per_s),
                    after: DurationText(after),
                    lasts: DurationText(lasts),
                };
                Self { spike: Some(spike), for_: Some(DurationText(for_)), ..named }
            }
            Shape::Hold { for_ } => Self { hold: Some(DurationText(for_)), ..named },
        }
    }
}

impl From<&Guardrail> for GuardrailFile {
    fn from(guardrail: &Guardrail) -> Self {
        Self { abort_when: guardrail.condition.text.clone(), for_: DurationText(guardrail.for_) }
    }
}

impl From<&Network> for NetworkFile {
    fn from(network: &Network) -> Self {
        Self {
            processing_delay: DurationText(network.processing_delay),
            processing_jitter: DurationText(network.processing_jitter),
            congestion: network.congestion.map(|congestion| CongestionFile {
                max_registrations_per_s: congestion.max_registrations_per_s,
                backoff: DurationText(congestion.backoff),
            }),
            release_after_registration: network.release_after_registration,
            freezes: network
                .freezes
                .iter()
                .map(|freeze| FreezeFile { at: DurationText(freeze.at), for_: DurationText(freeze.for_) })
                .collect(),
            accept_slices: Some(network.accept_slices.clone()),
            t3512: DurationText(network.t3512),
        }
    }
}
