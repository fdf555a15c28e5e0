//! Where a UE is registered (TS 24.501 §5.3.4): identity, areas, slices, and the timers that the network gave.

use std::time::Duration;

use identity::{Plmn, Tac};
use oxirush_nas::nas_5gs::{NasFGsMobileIdentity, NasRegistrationAccept};
use serde::{Deserialize, Serialize};

use crate::common::identity_of_ue::{Guti, STmsi};
use crate::common::timers::{T3502_DEFAULT, T3512_DEFAULT};

/// What a UE keeps of its registration.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RegisteredArea {
    pub(crate) guti: Option<Guti>,
    /// The TAI list as it came (TS 24.501 §9.11.3.9).
    tai_list: Box<[u8]>,
    /// The allowed NSSAI as it came (TS 24.501 §9.11.3.37).
    allowed_nssai: Box<[u8]>,
    /// The network that the UE registered with.
    plmn: Option<[u8; 3]>,
    /// The equivalent PLMNs as they came (TS 24.501 §9.11.3.45).
    equivalent_plmns: Box<[u8]>,
    /// The last visited registered TAI.
    pub(crate) last_tai: Option<[u8; 6]>,
    /// `None` when periodic registration is off.
    pub(crate) t3512: Option<Duration>,
    pub(crate) t3502: Duration,
}

impl Default for RegisteredArea {
    fn default() -> Self {
        Self {
            guti: None,
            tai_list: Box::default(),
            allowed_nssai: Box::default(),
            plmn: None,
            equivalent_plmns: Box::default(),
            last_tai: None,
            t3512: Some(T3512_DEFAULT),
            t3502: T3502_DEFAULT,
        }
    }
}

impl RegisteredArea {
    /// Takes over what an accept gives; the rest stays (§5.5.1.2.4, §5.5.1.3.4).
    pub(crate) fn update(&mut self, accept: &NasRegistrationAccept, area: (Plmn, Tac)) {
        if let Some(identity) = &accept.fg_guti
            && let Some(guti) = Guti::from_mobile_identity(&identity.value)
        {
            self.guti = Some(guti);
        }
        if let Some(tai_list) = &accept.tai_list {
            self.tai_list = tai_list.value.as_slice().into();
        }
        if let Some(allowed) = &accept.allowed_nssai {
            self.allowed_nssai = allowed.value.as_slice().into();
        }
        if let Some(t3512) = &accept.t3512_value {
            self.t3512 = t3512.to_seconds().map(Duration::from_secs);
        }
        if let Some(t3502) = &accept.t3502_value {
            self.t3502 = t3502.to_seconds().map_or(T3502_DEFAULT, Duration::from_secs);
        }
        // Without the IE the list that was stored is deleted (§5.5.1.2.4).
        let equivalent = accept.equivalent_plmns.as_ref();
        self.equivalent_plmns = equivalent.map_or_else(Box::default, |list| list.value.as_slice().into());
        self.plmn = Some(area.0.octets());
        self.last_tai = Some(tai(area));
    }

    /// Whether a tracking area is in the registration area: in the TAI list, and of the registered PLMN or of an
    /// equivalent one (§5.3.4, §5.5.1.3.2).
    pub(crate) fn contains(&self, area: (Plmn, Tac)) -> bool {
        let plmn = area.0.octets();
        let known = self.plmn == Some(plmn)
            || self.equivalent_plmns.chunks_exact(3).any(|equivalent| equivalent == plmn);
        let tai = tai(area);
        // A network that gave no list registered the UE in the one area where it was.
        known
            && if self.tai_list.is_empty() { self.last_tai == Some(tai) } else { listed(&self.tai_list, tai) }
    }

    /// The UE camps on a cell of its registration area.
    pub(crate) fn visit(&mut self, area: (Plmn, Tac)) {
        self.last_tai = Some(tai(area));
    }

    /// The identity that the network pages, when the UE has one.
    pub(crate) fn s_tmsi(&self) -> Option<STmsi> {
        self.guti.map(Guti::s_tmsi)
    }

    /// Takes over what a CONFIGURATION UPDATE COMMAND gives (§5.4.4.3).
    pub(crate) fn reconfigure(
        &mut self,
        guti: Option<&NasFGsMobileIdentity>,
        tai_list: Option<&[u8]>,
        allowed_nssai: Option<&[u8]>,
    ) {
        if let Some(guti) = guti.and_then(|identity| Guti::from_mobile_identity(&identity.value)) {
            self.guti = Some(guti);
        }
        if let Some(tai_list) = tai_list {
            self.tai_list = tai_list.into();
        }
        if let Some(allowed_nssai) = allowed_nssai {
            self.allowed_nssai = allowed_nssai.into();
        }
    }

    /// Forgets the 5G-GUTI, the TAI list and the last visited TAI (§5.5.1.2.5).
    pub(crate) fn forget(&mut self) {
        *self = Self { t3502: self.t3502, t3512: self.t3512, ..Self::default() };
    }

    pub(crate) fn heap_octets(&self) -> usize {
        self.tai_list.len() + self.allowed_nssai.len() + self.equivalent_plmns.len()
    }
}

/// Whether a TAI list (TS 24.501 §9.11.3.9) has a TAI. What is cut short ends the list.
fn listed(mut list: &[u8], tai: [u8; 6]) -> bool {
    let (plmn, tac) = tai.split_at(3);
    while let Some((&header, rest)) = list.split_first() {
        let count = usize::from(header & 0x1f) + 1;
        let octets = match header >> 5 & 3 {
            0 => 3 + 3 * count,
            1 => 6,
            2 => 6 * count,
            _ => return rest.starts_with(plmn),
        };
        let Some((part, after)) = rest.split_at_checked(octets) else { return false };
        let found = match header >> 5 & 3 {
            0 => part.strip_prefix(plmn).is_some_and(|tacs| tacs.chunks_exact(3).any(|one| one == tac)),
            1 => part
                .strip_prefix(plmn)
                .is_some_and(|first| (number(first)..number(first) + count).contains(&number(tac))),
            _ => part.chunks_exact(6).any(|one| one == tai),
        };
        if found {
            return true;
        }
        list = after;
    }
    false
}

fn number(octets: &[u8]) -> usize {
    octets.iter().fold(0, |number, &octet| number << 8 | usize::from(octet))
}

fn tai((plmn, tac): (Plmn, Tac)) -> [u8; 6] {
    let ([a, b, c], [d, e, f]) = (plmn.octets(), tac.octets());
    [a, b, c, d, e, f]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tai_list_of_each_type_is_searched() {
        // TS 24.501 figures 9.11.3.9.1 to 9.11.3.9.4.
        let tai = |tac: u8| [0, 0xf1, 0x10, 0, 0, tac];
        let apart = [0x01, 0, 0xf1, 0x10, 0, 0, 1, 0, 0, 9];
        let range = [0x24, 0, 0xf1, 0x10, 0, 0, 0x10];
        let mixed = [0x41, 0, 0xf1, 0x10, 0, 0, 0x20, 2, 0xf8, 0x39, 0, 0, 0x20];
        let all = [apart.as_slice(), &range, &mixed].concat();
        for (tac, expected) in
            [(1, true), (9, true), (2, false), (0x10, true), (0x14, true), (0x15, false), (0x20, true)]
        {
            assert_eq!(listed(&all, tai(tac)), expected, "{tac:#x}");
        }
        assert!(listed(&all, [2, 0xf8, 0x39, 0, 0, 0x20]));
        assert!(!listed(&all[..5], tai(1)), "cut short");
    }
}
