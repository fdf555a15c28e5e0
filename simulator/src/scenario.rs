//! What a scenario says about the network, as the settings and the subscriber data of an AMF.

use std::sync::Arc;

use identity::Imsi;
use scenarios::{Scenario, SuciScheme};

use crate::amf::{AmfSettings, Congestion, HomeNetworkKey, SubscriberData, SubscriberRecord};

/// The AMF that a scenario describes.
pub fn settings(scenario: &Scenario, seed: u64) -> AmfSettings {
    let network = &scenario.network;
    AmfSettings {
        slices: network.accept_slices.clone(),
        tacs: scenario.cells.networks.iter().flat_map(|network| network.tacs.iter().copied()).collect(),
        ciphering: scenario.nas.ciphering.clone(),
        integrity: scenario.nas.integrity.clone(),
        t3512: (!network.t3512.is_zero()).then_some(network.t3512),
        processing_delay: network.processing_delay,
        processing_jitter: network.processing_jitter,
        congestion: network.congestion.as_ref().map(|congestion| Congestion {
            max_registrations_per_s: congestion.max_registrations_per_s,
            backoff: congestion.backoff,
        }),
        release_after_registration: network.release_after_registration,
        home_network_keys: home_network_keys(scenario),
        seed: scenarios::stream_seed(seed, &[AMF_STREAM]),
        ..AmfSettings::new(scenario.cells.plmn())
    }
}

fn home_network_keys(scenario: &Scenario) -> Vec<HomeNetworkKey> {
    let keys = scenario.subscribers.iter().filter_map(|group| match &group.suci {
        SuciScheme::Null => None,
        SuciScheme::ProfileA { key_id, private_key, .. } => {
            Some(HomeNetworkKey::ProfileA { key_id: *key_id, private_key: (*private_key)? })
        }
        SuciScheme::ProfileB { key_id, private_key, .. } => {
            Some(HomeNetworkKey::ProfileB { key_id: *key_id, private_key: (*private_key)? })
        }
    });
    keys.collect()
}

/// The subscribers of a scenario.
pub struct ScenarioSubscribers(pub Arc<Scenario>);

impl SubscriberData for ScenarioSubscribers {
    fn find(&self, imsi: Imsi) -> Option<SubscriberRecord> {
        let subscriber = self.0.find_subscriber(imsi)?;
        Some(SubscriberRecord {
            k: subscriber.k,
            opc: subscriber.opc,
            amf_field: subscriber.amf,
            slices: None,
        })
    }
}

/// The AMF's stream of random numbers is none of the plan's: those are numbered by shard.
const AMF_STREAM: u64 = u64::from_be_bytes(*b"sim-amf\0");
