//! The PDU sessions of the UEs of a shard, and the traffic in each.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use gtpu::TrafficSource;
use identity::{Imsi, SessionId};
use signalling::Session;

use super::routers::Router;
use super::usage::PartId;

/// Sessions by UE. A UE without any takes no memory here.
#[derive(Default)]
pub(super) struct Sessions {
    of_ue: HashMap<u32, Vec<Held>>,
}

/// One session, from when the UE asks for it.
pub(super) struct Held {
    pub(super) id: SessionId,
    pub(super) supi: Imsi,
    /// Its place among the templates of the scenario.
    pub(super) template: usize,
    /// The UE has it.
    pub(super) up: bool,
    pub(super) address: IpAddr,
    pub(super) router: Router,
    /// The part of it that counts.
    pub(super) part: Option<PartId>,
    /// Sent by the UE in the parts before.
    pub(super) earlier_uplink: u64,
    /// The tunnel that its traffic goes through, by our TEID.
    pub(super) tunnel: Option<u32>,
    pub(super) source: Option<TrafficSource>,
    /// What is left of its rate.
    pub(super) factor: f64,
    /// Nothing is sent before.
    pub(super) holds_until: Option<Instant>,
}

impl Held {
    pub(super) fn asked_for(id: SessionId, supi: Imsi, template: usize) -> Self {
        Self {
            id,
            supi,
            template,
            up: false,
            address: Ipv4Addr::UNSPECIFIED.into(),
            router: Router::NotNeeded,
            part: None,
            earlier_uplink: 0,
            tunnel: None,
            source: None,
            factor: 1.0,
            holds_until: None,
        }
    }

    /// The network has given it this address. A link-local one wants a prefix.
    pub(super) fn takes(&mut self, address: IpAddr) {
        let same_host = match (self.address, address) {
            (IpAddr::V6(before), IpAddr::V6(now)) => before.octets()[8..] == now.octets()[8..],
            _ => false,
        };
        if same_host && self.router.prefix().is_some() {
            return;
        }
        self.address = address;
        self.router = if address.is_ipv6() { Router::Asked(0) } else { Router::NotNeeded };
    }

    /// The network has told its IPv6 prefix.
    pub(super) fn advertised(&mut self, prefix: [u8; 8]) {
        if let IpAddr::V6(address) = self.address {
            let mut octets = address.octets();
            octets[..8].copy_from_slice(&prefix);
            self.address = octets.into();
            self.router = Router::Advertised(prefix);
        }
    }

    /// There is nowhere to send to.
    pub(super) fn stand_still(&mut self) {
        self.tunnel = None;
        if let Some(source) = &mut self.source {
            source.pause();
        }
    }
}

impl Sessions {
    pub(super) fn insert(&mut self, ue: u32, held: Held) {
        self.of_ue.entry(ue).or_default().push(held);
    }

    pub(super) fn get(&self, ue: u32, id: SessionId) -> Option<&Held> {
        self.of(ue).find(|held| held.id == id)
    }

    pub(super) fn get_mut(&mut self, ue: u32, id: SessionId) -> Option<&mut Held> {
        self.of_ue.get_mut(&ue)?.iter_mut().find(|held| held.id == id)
    }

    pub(super) fn of(&self, ue: u32) -> impl Iterator<Item = &Held> {
        self.of_ue.get(&ue).into_iter().flatten()
    }

    pub(super) fn of_mut(&mut self, ue: u32) -> impl Iterator<Item = &mut Held> {
        self.of_ue.get_mut(&ue).into_iter().flatten()
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = (u32, &mut Held)> {
        self.of_ue.iter_mut().flat_map(|(ue, all)| all.iter_mut().map(|held| (*ue, held)))
    }

    /// The UEs that have any, in order.
    pub(super) fn ues(&self) -> Vec<u32> {
        let mut ues: Vec<u32> = self.of_ue.keys().copied().collect();
        ues.sort_unstable();
        ues
    }

    pub(super) fn remove(&mut self, ue: u32, id: SessionId) -> Option<Held> {
        let all = self.of_ue.get_mut(&ue)?;
        let place = all.iter().position(|held| held.id == id)?;
        let held = all.swap_remove(place);
        if all.is_empty() {
            self.of_ue.remove(&ue);
        }
        Some(held)
    }

    pub(super) fn clear(&mut self) {
        self.of_ue.clear();
    }

    pub(super) fn up(&self) -> u64 {
        self.of_ue.values().flatten().filter(|held| held.up).count() as u64
    }

    pub(super) fn octets(&self) -> usize {
        let held: usize = self.of_ue.values().map(|all| all.capacity() * size_of::<Held>()).sum();
        self.of_ue.capacity() * (size_of::<(u32, Vec<Held>)>() + 1) + held
    }
}

/// The UE's address in the session as the accept has it: of IPv6 the link-local one (TS 23.501 §5.8.2.2.3).
pub(super) fn address_of(session: &Session) -> IpAddr {
    match (session.ipv4, session.ipv6_interface_id) {
        (Some(ipv4), _) => ipv4.into(),
        (None, Some(id)) => {
            let mut octets = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            octets[8..].copy_from_slice(&id);
            octets.into()
        }
        (None, None) => Ipv4Addr::UNSPECIFIED.into(),
    }
}
