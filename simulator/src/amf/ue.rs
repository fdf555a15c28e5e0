//! The 5GMM contexts of the UEs, found by IMSI and by 5G-TMSI in constant time.

use identity::{Imsi, Plmn, Tac};
use oxirush_nas::nas_5gs::NasUeSecurityCapability;
use rustc_hash::FxHashMap;

use super::connection::ConnectionId;
use super::procedures::Next;
use super::security::Security;
use super::slices::SliceSet;
use crate::timers::TimerId;

/// The place of a UE context in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct UeId(pub(super) u32);

/// What the AMF knows of a UE that authenticated. Flat: a registered idle UE is this, its NAS security context
/// and its entries in the tables.
pub(super) struct Ue {
    pub(super) imsi: Imsi,
    pub(super) registered: bool,
    /// 5G-TMSI; 0 before the first is given, which is never given.
    pub(super) tmsi: u32,
    /// The 5G-TMSI before, valid until the UE has confirmed the new one (TS 24.501 §5.4.4.4, §5.5.1.2.4).
    pub(super) old_tmsi: u32,
    pub(super) plmn: usize,
    pub(super) tac: Tac,
    pub(super) allowed: SliceSet,
    pub(super) capability: NasUeSecurityCapability,
    pub(super) security: Option<Box<Security>>,
    pub(super) connection: Option<ConnectionId>,
    pub(super) timer: Option<TimerId>,
    /// Paging runs: how often it was sent again.
    pub(super) paged: Option<u8>,
    /// Of its subscription; the serving one where that says nothing.
    pub(super) home: Option<Plmn>,
    /// What is to be done as soon as the UE is connected.
    pub(super) pending: Pending,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pending {
    #[default]
    Nothing,
    Deregistration {
        re_registration: bool,
    },
    ConfigurationUpdate,
}

impl Pending {
    /// What begins when the UE is connected.
    pub(super) fn next(self) -> Option<Next> {
        match self {
            Self::Nothing => None,
            Self::Deregistration { re_registration } => Some(Next::Deregistration { re_registration }),
            Self::ConfigurationUpdate => Some(Next::ConfigurationUpdate),
        }
    }
}

/// All UE contexts.
pub(super) struct Ues {
    places: Vec<Option<Ue>>,
    free: Vec<u32>,
    by_imsi: FxHashMap<Imsi, UeId>,
    by_tmsi: FxHashMap<u32, UeId>,
    limit: usize,
    registered: usize,
}

impl Ues {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            by_imsi: FxHashMap::default(),
            by_tmsi: FxHashMap::default(),
            limit,
            registered: 0,
        }
    }

    pub(super) fn get(&self, id: UeId) -> Option<&Ue> {
        self.places.get(usize::try_from(id.0).ok()?)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: UeId) -> Option<&mut Ue> {
        self.places.get_mut(usize::try_from(id.0).ok()?)?.as_mut()
    }

    pub(super) fn find(&self, imsi: Imsi) -> Option<UeId> {
        self.by_imsi.get(&imsi).copied()
    }

    pub(super) fn find_tmsi(&self, tmsi: u32) -> Option<UeId> {
        self.by_tmsi.get(&tmsi).copied()
    }

    /// The context of a subscriber, made when there is none. `None` when there are too many.
    pub(super) fn entry(&mut self, imsi: Imsi, plmn: usize, tac: Tac) -> Option<UeId> {
        if let Some(id) = self.find(imsi) {
            return Some(id);
        }
        if self.by_imsi.len() >= self.limit {
            return None;
        }
        let ue = Ue {
            imsi,
            registered: false,
            tmsi: 0,
            old_tmsi: 0,
            plmn,
            tac,
            allowed: SliceSet::default(),
            capability: NasUeSecurityCapability::from_capabilities(0, 0),
            security: None,
            connection: None,
            timer: None,
            paged: None,
            home: None,
            pending: Pending::Nothing,
        };
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                let place = u32::try_from(self.places.len()).ok()?;
                self.places.push(None);
                place
            }
        };
        *self.places.get_mut(usize::try_from(place).ok()?)? = Some(ue);
        let id = UeId(place);
        self.by_imsi.insert(imsi, id);
        Some(id)
    }

    /// Gives a UE a new 5G-TMSI, beside the one that it has. `false` when the 5G-TMSI is taken.
    pub(super) fn give_tmsi(&mut self, id: UeId, tmsi: u32) -> bool {
        if tmsi == 0 || tmsi == u32::MAX || self.by_tmsi.contains_key(&tmsi) {
            return false;
        }
        let Some(ue) = self.get_mut(id) else { return false };
        let dropped = std::mem::replace(&mut ue.old_tmsi, ue.tmsi);
        ue.tmsi = tmsi;
        self.by_tmsi.remove(&dropped);
        self.by_tmsi.insert(tmsi, id);
        true
    }

    /// The UE has confirmed its 5G-TMSI: the one before is free.
    pub(super) fn drop_old_tmsi(&mut self, id: UeId) {
        if let Some(ue) = self.get_mut(id) {
            let dropped = std::mem::take(&mut ue.old_tmsi);
            self.by_tmsi.remove(&dropped);
        }
    }

    /// The UE has named itself by this 5G-TMSI: where it is the newer of two, the one before is free.
    pub(super) fn has_named(&mut self, id: UeId, tmsi: u32) {
        if self.get(id).is_some_and(|ue| ue.tmsi == tmsi) {
            self.drop_old_tmsi(id);
        }
    }

    pub(super) fn set_registered(&mut self, id: UeId, registered: bool) {
        let Some(ue) = self.get_mut(id) else { return };
        if std::mem::replace(&mut ue.registered, registered) != registered {
            self.registered =
                if registered { self.registered + 1 } else { self.registered.saturating_sub(1) };
        }
    }

    /// Forgets a UE. The caller has stopped its timer and released its connection.
    pub(super) fn remove(&mut self, id: UeId) -> Option<Ue> {
        self.set_registered(id, false);
        let ue = self.places.get_mut(usize::try_from(id.0).ok()?)?.take()?;
        self.free.push(id.0);
        self.by_imsi.remove(&ue.imsi);
        self.by_tmsi.remove(&ue.tmsi);
        self.by_tmsi.remove(&ue.old_tmsi);
        Some(ue)
    }

    /// All of them, in the order of their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (UeId, &Ue)> {
        let places = (0u32..).zip(&self.places);
        places.filter_map(|(place, ue)| Some((UeId(place), ue.as_ref()?)))
    }

    pub(super) fn len(&self) -> usize {
        self.by_imsi.len()
    }

    pub(super) fn registered(&self) -> usize {
        self.registered
    }
}
