//! What a scenario says about the network, as the settings and the subscriber data of an AMF.

use std::sync::Arc;

use identity::Imsi;
use scenarios::{RadioNetwork, Scenario, SessionTemplate, SuciScheme};

use crate::amf::{AmfSettings, AmfTimers, Congestion, ServedNetwork};
use crate::sessions::{DataNetwork, SessionSettings};
use crate::subscribers::{HomeNetworkKey, Profile, SubscriberData, SubscriberRecord};

/// The AMF that a scenario describes.
pub fn settings(scenario: &Scenario, seed: u64) -> AmfSettings {
    let network = &scenario.network;
    AmfSettings {
        slices: network.nr.accept_slices.clone(),
        networks: networks(scenario),
        equivalent_plmns: network.equivalent_plmns,
        handover: network.nr.handover,
        ciphering: scenario.nas.nr.ciphering.clone(),
        integrity: scenario.nas.nr.integrity.clone(),
        timers: AmfTimers {
            t3512: (!network.nr.t3512.is_zero()).then_some(network.nr.t3512),
            ..AmfTimers::default()
        },
        processing_delay: network.processing_delay,
        processing_jitter: network.processing_jitter,
        congestion: network.nr.congestion.as_ref().map(|congestion| Congestion {
            max_registrations_per_s: congestion.max_registrations_per_s,
            backoff: congestion.backoff,
        }),
        release_after_registration: network.nr.release_after_registration,
        seed: scenarios::stream_seed(seed, &[AMF_STREAM]),
        ..AmfSettings::new(scenario.cells.plmn())
    }
}

/// Each network once, the one of the first gNBs first, with all its tracking areas.
fn networks(scenario: &Scenario) -> Vec<ServedNetwork> {
    let mut networks: Vec<ServedNetwork> = Vec::new();
    for RadioNetwork { plmn, tacs, .. } in &scenario.cells.networks {
        match networks.iter_mut().find(|network| network.plmn == *plmn) {
            Some(network) => network.tacs.extend(tacs.iter().copied()),
            None => networks.push(ServedNetwork { plmn: *plmn, tacs: tacs.clone() }),
        }
    }
    for network in &mut networks {
        network.tacs.sort_unstable();
        network.tacs.dedup();
    }
    networks
}

/// The sessions that a scenario describes. The data networks are those that UEs ask for. Of the templates of one DNN the first
/// tells what flows.
pub fn session_settings(scenario: &Scenario, seed: u64) -> SessionSettings {
    let mut settings = SessionSettings {
        seed: scenarios::stream_seed(seed, &[SESSIONS_STREAM]),
        roaming: scenario.network.roaming.clone(),
        policy: scenario.network.policy,
        ..SessionSettings::default()
    };
    if !scenario.sessions.is_empty() {
        settings.data_networks.clear();
    }
    for SessionTemplate { dnn, uplink, downlink, .. } in &scenario.sessions {
        if !settings.data_networks.iter().any(|network| network.dnn == *dnn) {
            let (dnn, uplink, downlink) = (dnn.clone(), Some(*uplink), *downlink);
            settings.data_networks.push(DataNetwork { dnn, uplink, downlink });
        }
    }
    settings
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
    fn home_network_keys(&self) -> Vec<HomeNetworkKey> {
        home_network_keys(&self.0)
    }

    fn find(&self, imsi: Imsi) -> Option<SubscriberRecord> {
        let subscriber = self.0.find_subscriber(imsi)?;
        Some(SubscriberRecord {
            k: subscriber.k,
            opc: subscriber.opc,
            op: subscriber.op,
            amf_field: subscriber.amf,
            profile: self.profile(imsi)?,
        })
    }

    fn profile(&self, imsi: Imsi) -> Option<Profile> {
        let group = self.0.group_of(imsi)?;
        Some(Profile { slices: None, home: Some(group.plmn), refused: group.refused })
    }
}

/// The network's streams of random numbers are none of the plan's: those are numbered by shard.
const SESSIONS_STREAM: u64 = u64::from_be_bytes(*b"sim-smf\0");
const AMF_STREAM: u64 = u64::from_be_bytes(*b"sim-amf\0");
