//! What packets that went missing may explain: no more than they can have held, and no more than can have been sent.
//!
//! Down, what was lost was charged and not received: the UE side knows how many packets are missing, by their sequence numbers.
//! Up, it was sent and not charged: the network side knows. Whoever counts them may err, or be made to err, so a count alone
//! explains nothing: what the session's traffic can have carried in its time bounds it, and where that is not known, what came.

use std::fmt;

use identity::Dnn;

use super::totals::Totals;
use crate::Rules;

/// What the traffic of a session can have carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Octets to the UE, at most.
    pub downlink: u64,
    /// Octets from the UE, at most; 0 where the traffic does not say.
    pub uplink: u64,
    /// Octets of the largest packet to the UE.
    pub largest_downlink: u64,
    /// Octets of the largest packet from the UE.
    pub largest_uplink: u64,
}

/// What the traffic to a data network can have carried in so many µs; `None` where nobody knows.
pub type Traffic<'a> = dyn Fn(&Dnn, u64) -> Option<Carried> + Sync + 'a;

/// What of a session's differences is tolerated.
#[derive(Clone, Copy)]
pub(super) struct Allowed<'a> {
    pub(super) rules: &'a Rules,
    pub(super) traffic: Option<&'a Traffic<'a>>,
    /// The data network that was used.
    pub(super) dnn: Option<&'a Dnn>,
}

/// Octets that are explained by packets that went missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Explained {
    pub(super) uplink: u64,
    pub(super) downlink: u64,
}

impl fmt::Debug for Allowed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allowed").field("dnn", &self.dnn).finish_non_exhaustive()
    }
}

impl Allowed<'_> {
    /// The most that lost packets may explain of what was used and charged.
    pub(super) fn by_loss(&self, used: Totals, charged: Totals) -> Explained {
        let carried = self.traffic.zip(self.dnn).and_then(|(traffic, dnn)| traffic(dnn, used.length_us));
        let most = |lost: u64, largest: Option<u64>| {
            let size =
                largest.map_or(self.rules.lost_packet.0, |largest| largest.min(self.rules.lost_packet.0));
            lost.saturating_mul(size)
        };
        // Where more came than the traffic can be, it is no measure.
        let carried = carried.filter(|carried| used.downlink <= carried.downlink);
        let sent_and_not_come = carried.map_or(used.downlink, |carried| carried.downlink - used.downlink);
        Explained {
            uplink: most(charged.lost, carried.map(|carried| carried.largest_uplink)),
            downlink: most(used.lost, carried.map(|carried| carried.largest_downlink)).min(sent_and_not_come),
        }
    }

    /// Whether what was charged is what was used, as far as the rules go; and what of it is explained by lost packets. `None`:
    /// the two differ by more.
    pub(super) fn agree(&self, used: Totals, charged: Totals) -> Option<Explained> {
        let most = self.by_loss(used, charged);
        Some(Explained {
            uplink: self.differs(used.uplink, charged.uplink, used.uplink, most.uplink)?,
            downlink: self.differs(charged.downlink, used.downlink, used.downlink, most.downlink)?,
        })
    }

    /// Whether all that differs may have been lost behind the last packet that came, which no count shows: in both directions no more
    /// than flows in a moment is missing. It is not excused by that, for it may as well have been charged wrongly.
    pub(super) fn may_be_lost_at_the_end(&self, used: Totals, charged: Totals) -> bool {
        let Some(moment) = self.traffic.zip(self.dnn).and_then(|(traffic, dnn)| traffic(dnn, 0)) else {
            return false;
        };
        let most = self.by_loss(used, charged);
        let down = self.differs(
            charged.downlink,
            used.downlink,
            used.downlink,
            most.downlink.saturating_add(moment.downlink),
        );
        let up =
            self.differs(used.uplink, charged.uplink, used.uplink, most.uplink.saturating_add(moment.uplink));
        down.is_some() && up.is_some()
    }

    /// By how much `sent` is more than `came`, where the rules do not tolerate it and losses explain it.
    fn differs(&self, sent: u64, came: u64, used: u64, most: u64) -> Option<u64> {
        let tolerance = self.rules.volume.of(used);
        if sent.abs_diff(came) <= tolerance {
            return Some(0);
        }
        let lost = sent.checked_sub(came)?;
        (lost <= most.saturating_add(tolerance)).then_some(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Octets;

    const CARRIED: Carried =
        Carried { downlink: 22_000, uplink: 11_000, largest_downlink: 200, largest_uplink: 100 };

    fn used(uplink: u64, downlink: u64, lost: u64) -> Totals {
        Totals { uplink, downlink, lost, length_us: 10_000_000 }
    }

    fn agree(used: Totals, charged: Totals, carried: Option<Carried>) -> Option<Explained> {
        let (rules, dnn) = (Rules::default(), "internet".parse().unwrap());
        let traffic = move |_: &Dnn, _| carried;
        Allowed { rules: &rules, traffic: Some(&traffic), dnn: Some(&dnn) }.agree(used, charged)
    }

    #[test]
    fn a_count_alone_explains_nothing_that_cannot_have_been_sent() {
        // 30,000 losses of a stranger's making, and a bill that is seven times too high.
        let (spoofed, wrong) = (used(10_000, 20_000, 30_000), used(10_000, 1_040_000, 0));
        assert_eq!(agree(spoofed, wrong, Some(CARRIED)), None);
        assert_eq!(agree(spoofed, wrong, None), None, "more than twice what came");
        // The traffic has room for 2,000 octets more than came.
        let most = agree(spoofed, used(10_000, 22_000, 0), Some(CARRIED));
        assert_eq!(most, Some(Explained { uplink: 0, downlink: 2_000 }));
        assert_eq!(agree(spoofed, used(10_000, 22_001, 0), Some(CARRIED)), None);
    }

    #[test]
    fn a_lost_packet_held_no_more_than_the_largest() {
        let lost = used(10_000, 20_000, 3);
        assert_eq!(agree(lost, used(10_000, 20_601, 0), Some(CARRIED)), None);
        let three = agree(lost, used(10_000, 20_600, 0), Some(CARRIED));
        assert_eq!(three, Some(Explained { uplink: 0, downlink: 600 }));
        assert!(agree(lost, used(10_000, 24_500, 0), None).is_some(), "of 1,500 octets each");
        let more_came = used(10_000, 30_000, 3);
        assert!(agree(more_came, used(10_000, 34_500, 0), Some(CARRIED)).is_some(), "no measure");
    }

    #[test]
    fn losses_explain_the_uplink_likewise_and_never_the_other_direction() {
        let sent = used(10_000, 20_000, 0);
        let came = |uplink, lost| used(uplink, 20_000, lost);
        assert_eq!(agree(sent, came(9_700, 3), Some(CARRIED)), Some(Explained { uplink: 300, downlink: 0 }));
        assert_eq!(agree(sent, came(9_699, 3), Some(CARRIED)), None);
        assert_eq!(agree(sent, came(9_700, 0), Some(CARRIED)), None);
        assert_eq!(agree(sent, came(10_001, 1_000), Some(CARRIED)), None, "more charged than sent");
        assert_eq!(agree(used(10_000, 20_000, 50), used(10_000, 19_999, 0), Some(CARRIED)), None);
    }

    #[test]
    fn what_flows_in_a_moment_may_be_lost_at_the_end_and_is_not_explained() {
        let (rules, dnn) = (Rules::default(), "internet".parse().unwrap());
        // In 10 s, and in a moment.
        let traffic = |_: &Dnn, length_us| {
            let moment = Carried { downlink: 4_000, uplink: 2_000, ..CARRIED };
            Some(if length_us == 0 { moment } else { CARRIED })
        };
        let allowed = Allowed { rules: &rules, traffic: Some(&traffic), dnn: Some(&dnn) };
        let sent = used(10_000, 20_000, 3);
        let may = |uplink, downlink| {
            let charged = used(uplink, downlink, 0);
            assert_eq!(allowed.agree(sent, charged), None, "{charged:?}");
            allowed.may_be_lost_at_the_end(sent, charged)
        };
        assert!(may(10_000, 24_600) && may(8_000, 20_000) && may(8_000, 24_600));
        assert!(!may(10_000, 24_601), "three lost packets and a moment");
        assert!(
            !may(7_999, 20_000) && !may(10_001, 20_000) && !may(10_000, 19_999),
            "nothing lost makes more"
        );
        assert!(!Allowed { traffic: None, ..allowed }.may_be_lost_at_the_end(sent, used(10_000, 24_600, 0)));
    }

    #[test]
    fn what_the_rules_tolerate_is_explained_by_no_loss() {
        let mut rules = Rules::default();
        rules.volume.absolute = Octets(500);
        let allowed = Allowed { rules: &rules, traffic: None, dnn: None };
        let within = allowed.agree(used(10_000, 20_000, 9), used(9_600, 20_500, 9));
        assert_eq!(within, Some(Explained::default()));
    }
}
