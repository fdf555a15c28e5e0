//! The tunnels of sessions to the core's user plane, and the TEIDs that a node gives them.

use std::collections::VecDeque;
use std::net::IpAddr;

use identity::{SessionId, TeidKey};

/// The two ends of the NG-U tunnel of one PDU session (TS 38.413 §9.3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// The session.
    pub session: SessionId,
    /// Our TEID: downlink comes with it.
    pub local_teid: u32,
    /// The address of the UPF.
    pub remote: IpAddr,
    /// The TEID of the UPF: uplink goes there.
    pub remote_teid: u32,
    /// The QoS flow that user data goes in.
    pub qfi: u8,
}

/// The gNB's end of the NG-U tunnels. It takes the numbers `first`, `first + step` and so on up to `last`, so that many gNBs
/// can share one address, and hands out their TEIDs under `key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct N3Settings {
    /// The address.
    pub address: IpAddr,
    /// The first number. One whose TEID is 0 is left out: that is no TEID (TS 29.281 §5.1).
    pub first: u32,
    /// How far the next number is; at least 1.
    pub step: u32,
    /// No number is above this one.
    pub last: u32,
    /// By which a number is turned into a TEID.
    pub key: TeidKey,
}

/// The resource of one PDU session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) session: SessionId,
    /// 0 until the driver has admitted the UE.
    pub(crate) local_teid: u32,
    pub(crate) remote: IpAddr,
    pub(crate) remote_teid: u32,
    pub(crate) flows: QosFlows,
}

impl Resource {
    pub(crate) fn tunnel(&self) -> Tunnel {
        Tunnel {
            session: self.session,
            local_teid: self.local_teid,
            remote: self.remote,
            remote_teid: self.remote_teid,
            qfi: self.flows.default(),
        }
    }
}

/// The NR and E-UTRA algorithms of the UE (TS 38.413 §9.3.1.86), each as its 16 bits.
pub(crate) type SecurityCapabilities = [u16; 4];

/// The QoS flows of a session, by their identifiers 0 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QosFlows {
    set: u64,
    /// The flow that user data goes in: the first that was named.
    default: u8,
}

impl QosFlows {
    /// `None` for no flow, one that is named twice, and an identifier beyond 63 (TS 38.413 §9.3.1.51).
    pub(crate) fn new(identifiers: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut flows: Option<Self> = None;
        for identifier in identifiers {
            let qfi = u8::try_from(identifier).ok().filter(|qfi| *qfi < 64)?;
            match &mut flows {
                Some(flows) if flows.contains(qfi) => return None,
                Some(flows) => flows.set |= 1 << qfi,
                None => flows = Some(Self { set: 1 << qfi, default: qfi }),
            }
        }
        flows
    }

    pub(crate) fn contains(self, qfi: u8) -> bool {
        qfi < 64 && self.set >> qfi & 1 == 1
    }

    pub(crate) fn insert(&mut self, qfi: u8) {
        self.set |= 1 << (qfi & 63);
    }

    /// The last flow stays: a session without one has no resource (TS 38.413 §8.2.3.4).
    pub(crate) fn remove(&mut self, qfi: u8) {
        let left = self.set & !(1 << (qfi & 63));
        if left != 0 {
            self.set = left;
            if !self.contains(self.default) {
                self.default = self.iter().next().unwrap_or(self.default);
            }
        }
    }

    pub(crate) fn default(self) -> u8 {
        self.default
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        (0..64).filter(move |qfi| self.contains(*qfi))
    }
}

/// The TEIDs of a gNB. One that was released waits behind many others before it is used again, so that user data which is
/// still on its way is not taken for that of the next session.
pub(crate) struct Teids {
    n3: Option<N3Settings>,
    next: Option<u32>,
    released: VecDeque<u32>,
}

impl Teids {
    pub(crate) fn new(n3: Option<&N3Settings>) -> Self {
        Self { n3: n3.copied(), next: n3.map(|n3| n3.first), released: VecDeque::new() }
    }

    /// `None` when every TEID is taken, or the gNB has no user plane.
    pub(crate) fn take(&mut self) -> Option<u32> {
        if self.released.len() > RESTING {
            return self.released.pop_front();
        }
        let n3 = self.n3.as_ref()?;
        while let Some(number) = self.next.filter(|number| *number <= n3.last) {
            self.next = number.checked_add(n3.step.max(1));
            let teid = n3.key.teid(number);
            if teid != 0 {
                return Some(teid);
            }
        }
        self.released.pop_front()
    }

    pub(crate) fn release(&mut self, teid: u32) {
        self.released.push_back(teid);
    }
}

/// TEIDs that rest after their release, before new ones are saved.
const RESTING: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TeidKey {
        TeidKey::of_seed(7)
    }

    fn teids(first: u32, step: u32) -> Teids {
        let address = [127, 0, 0, 2].into();
        Teids::new(Some(&N3Settings { address, first, step, last: u32::MAX, key: key() }))
    }

    #[test]
    fn teids_are_those_of_the_numbers_without_0_and_end_with_the_last() {
        let mut first = teids(0, 3);
        assert_eq!([first.take(), first.take()], [0, 3].map(|number| Some(key().teid(number))));
        let nothing = key().number(0);
        let mut around_nothing = teids(nothing, 2);
        assert_eq!(around_nothing.take(), Some(key().teid(nothing + 2)), "0 is no TEID");
        let mut last = teids(u32::MAX - 1, 2);
        let teid = key().teid(u32::MAX - 1);
        assert_eq!([last.take(), last.take()], [Some(teid), None]);
        last.release(teid);
        assert_eq!(last.take(), Some(teid), "better at once than never");
        assert_eq!(Teids::new(None).take(), None);
    }

    #[test]
    fn no_teid_is_of_a_number_above_the_last() {
        let address = [127, 0, 0, 2].into();
        let mut teids = Teids::new(Some(&N3Settings { address, first: 5, step: 2, last: 8, key: key() }));
        let taken: Vec<u32> = std::iter::from_fn(|| teids.take()).map(|teid| key().number(teid)).collect();
        assert_eq!(taken, [5, 7]);
    }

    #[test]
    fn released_teid_rests_before_it_is_used_again() {
        let mut teids = teids(1, 1);
        let first = teids.take().unwrap();
        teids.release(first);
        let taken: Vec<u32> = (0..3000)
            .map(|_| {
                let teid = teids.take().unwrap();
                teids.release(teid);
                teid
            })
            .collect();
        let most = 2 + u32::try_from(RESTING).unwrap();
        assert!(taken.iter().all(|teid| key().number(*teid) <= most), "they are used again");
        assert!(taken[..RESTING].iter().all(|teid| *teid != first), "but not soon");
    }

    #[test]
    fn qos_flows_are_a_set_that_keeps_its_default_while_it_can() {
        let mut flows = QosFlows::new([9, 1]).unwrap();
        assert_eq!((flows.default(), flows.iter().collect::<Vec<_>>()), (9, vec![1, 9]));
        flows.insert(63);
        flows.remove(9);
        assert_eq!((flows.default(), flows.iter().collect::<Vec<_>>()), (1, vec![1, 63]));
        flows.remove(1);
        flows.remove(63);
        assert_eq!(flows.iter().collect::<Vec<_>>(), [63], "the last stays");
        assert_eq!(QosFlows::new([]), None);
        assert_eq!(QosFlows::new([5, 5]), None);
        assert_eq!(QosFlows::new([64]), None);
    }
}
