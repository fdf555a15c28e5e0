//! Who may stay connected: every address has a share of the associations, and whoever connects has to set NG up in time
//! (TS 38.413 §8.7.1). Otherwise one host could keep all gNBs out by connecting and saying nothing.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use sctp::{AssociationId, Endpoint};

use crate::amf::{Amf, NgSetup};

/// How far an association has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// It has not asked for NG SETUP.
    Silent,
    /// It has asked, and was refused: it may have been told to wait for up to a minute (TS 38.413 §9.3.1.56).
    Asked,
    /// NG is set up, or the association is gone.
    Settled,
}

/// What became of associations that may not stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// Ended because NG was not set up in time.
    pub never_set_up: u64,
    /// Ended because their address had its share.
    pub beyond_share: u64,
    /// Messages of another payload protocol identifier than NGAP's, which were ignored.
    pub not_ngap: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Newcomers {
    origins: FxHashMap<AssociationId, IpAddr>,
    of_origin: FxHashMap<IpAddr, usize>,
    /// Those that have not set NG up, the oldest first.
    waiting: VecDeque<(Instant, AssociationId)>,
    pub(super) turned: Turned,
}

impl Newcomers {
    /// An association has come up; false when it may not stay.
    pub(super) fn up(&mut self, id: AssociationId, peer: IpAddr, now: Instant) -> bool {
        let origin = origin(peer);
        let share = self.of_origin.entry(origin).or_default();
        *share += 1;
        let fits = *share <= SHARE;
        self.origins.insert(id, origin);
        if fits {
            self.waiting.push_back((now, id));
        } else {
            self.turned.beyond_share += 1;
        }
        fits
    }

    pub(super) fn down(&mut self, id: AssociationId) {
        let Some(origin) = self.origins.remove(&id) else { return };
        if let Some(share) = self.of_origin.get_mut(&origin) {
            *share -= 1;
            if *share == 0 {
                self.of_origin.remove(&origin);
            }
        }
    }

    /// Ends those whose time is over.
    pub(super) fn end_overdue(&mut self, amf: &Amf, endpoint: &mut Endpoint, now: Instant) {
        let progress = |id: AssociationId| match amf.ng_setup_of(id.0) {
            Some(NgSetup::NotAsked) => Progress::Silent,
            Some(NgSetup::Refused) => Progress::Asked,
            Some(NgSetup::Done) | None => Progress::Settled,
        };
        for id in self.overdue(now, progress) {
            tracing::warn!(association = id.0, "association ended: NG was not set up in time");
            endpoint.abort(id, now);
        }
    }

    /// Those whose time is over. While many wait, each has less of it.
    fn overdue(&mut self, now: Instant, progress: impl Fn(AssociationId) -> Progress) -> Vec<AssociationId> {
        let origins = &self.origins;
        self.waiting.retain(|(_, id)| origins.contains_key(id) && progress(*id) != Progress::Settled);
        let silent = if self.waiting.len() > MANY { SILENT_OF_MANY } else { SILENT };
        let is_over = |(since, id): &(Instant, AssociationId)| {
            let limit = if progress(*id) == Progress::Asked { ASKED } else { silent };
            now.saturating_duration_since(*since) >= limit
        };
        let over: Vec<AssociationId> =
            self.waiting.iter().filter(|one| is_over(one)).map(|(_, id)| *id).collect();
        self.waiting.retain(|one| !is_over(one));
        self.turned.never_set_up += over.len() as u64;
        over
    }
}

/// An IPv4 address, or the /64 of an IPv6 address, all of which one host may use.
fn origin(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(peer) => {
            let [a, b, c, d, ..] = peer.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Associations of all addresses.
pub(super) const MOST: usize = 8_192;
/// Associations of one address.
const SHARE: usize = 4_096;
/// How long an association may stay that does not ask for NG SETUP.
const SILENT: Duration = Duration::from_secs(30);
/// Where so many wait for NG SETUP, …
const MANY: usize = 256;
/// … each of them may wait so long.
const SILENT_OF_MANY: Duration = Duration::from_secs(5);
/// How long one may stay that has asked: longer than the longest Time to Wait.
const ASKED: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use super::*;

    const ID: fn(usize) -> AssociationId = |n| AssociationId(u32::try_from(n).unwrap());

    fn silent(_: AssociationId) -> Progress {
        Progress::Silent
    }

    #[test]
    fn whoever_sets_nothing_up_ends_after_a_deadline() {
        let (mut newcomers, start) = (Newcomers::default(), Instant::now());
        for n in 0..3 {
            assert!(newcomers.up(ID(n), IpAddr::from([192, 0, 2, 1]), start));
        }
        let progress =
            |id: AssociationId| [Progress::Silent, Progress::Asked, Progress::Settled][id.0 as usize];
        assert_eq!(newcomers.overdue(start + SILENT / 2, progress), []);
        assert_eq!(newcomers.overdue(start + SILENT, progress), [ID(0)]);
        assert_eq!(newcomers.overdue(start + SILENT * 2, progress), []);
        assert_eq!(newcomers.overdue(start + ASKED, progress), [ID(1)]);
        assert_eq!(newcomers.overdue(start + ASKED * 9, progress), []);
        assert_eq!(newcomers.turned.never_set_up, 2);
    }

    #[test]
    fn each_of_many_has_less_time() {
        let (mut newcomers, start) = (Newcomers::default(), Instant::now());
        for n in 0..=MANY {
            newcomers.up(ID(n), IpAddr::from([192, 0, 2, 1]), start);
        }
        assert_eq!(newcomers.overdue(start + SILENT_OF_MANY, silent).len(), MANY + 1);
    }

    #[test]
    fn an_address_has_its_share_and_keeps_nobody_else_out() {
        let (mut newcomers, start) = (Newcomers::default(), Instant::now());
        let greedy = IpAddr::from([192, 0, 2, 1]);
        for n in 0..SHARE {
            assert!(newcomers.up(ID(n), greedy, start));
        }
        assert!(!newcomers.up(ID(SHARE), "::ffff:192.0.2.1".parse().unwrap(), start), "the same address");
        assert!(newcomers.up(ID(SHARE + 1), IpAddr::from([192, 0, 2, 2]), start));
        newcomers.down(ID(SHARE));
        assert!(!newcomers.up(ID(SHARE + 2), greedy, start), "a full share stays full");
        newcomers.down(ID(SHARE + 2));
        newcomers.down(ID(0));
        assert!(newcomers.up(ID(SHARE + 3), greedy, start));
        assert_eq!(newcomers.turned.beyond_share, 2);
        assert_eq!(origin("2001:db8::1:2:3:4".parse().unwrap()), "2001:db8::".parse::<IpAddr>().unwrap());
    }
}
