//! Subscribers of TS 35.208 test set 1.

use identity::{Imsi, Key128, Snssai};
use simulator::{HomeNetworkKey, Profile, SubscriberData, SubscriberRecord};

pub(crate) const K: &str = "465b5ce8b199b49faa5f0a2ee238a6bc";
pub(crate) const OPC: &str = "cd63cb71954a9f4e48a5994e37a02baf";

/// Every IMSI of 001/01 and of 208/93 is one.
#[derive(Default)]
pub(crate) struct Everyone {
    /// There is nobody.
    pub(crate) nobody: bool,
    pub(crate) slices: Option<Vec<Snssai>>,
    pub(crate) refused: Option<scenarios::HomeAnswer>,
    pub(crate) keys: Vec<HomeNetworkKey>,
}

impl SubscriberData for Everyone {
    fn home_network_keys(&self) -> Vec<HomeNetworkKey> {
        self.keys.clone()
    }

    fn find(&self, imsi: Imsi) -> Option<SubscriberRecord> {
        let digits = imsi.to_string();
        if self.nobody || !digits.starts_with("00101") && !digits.starts_with("20893") {
            return None;
        }
        Some(SubscriberRecord {
            k: K.parse::<Key128>().unwrap(),
            opc: OPC.parse::<Key128>().unwrap(),
            op: None,
            amf_field: [0x80, 0],
            profile: Profile {
                slices: self.slices.clone(),
                home: if digits.starts_with("00101") { "001/01".parse().ok() } else { "208/93".parse().ok() },
                refused: self.refused,
            },
        })
    }
}
