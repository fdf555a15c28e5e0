//! However events and messages come: every handover and every path switch ends exactly once, no tunnel is left or given twice,
//! no timer is left running, and everything that is sent keeps to the ASN.1.
#![allow(clippy::unwrap_used, reason = "test support")]
#![allow(unused_qualifications, reason = "both sides of the protocol have types of one name")]

mod amf;

use std::collections::{BTreeMap, BTreeSet};

use amf::*;
use identity::SessionId;
use oxirush_ngap::ngap::*;
use proptest::collection::vec;
use proptest::prelude::*;
use signalling::{EstablishmentCause, HandoverFailure, NodeAction, NodeEvent, ReleaseCause, XnContext};

/// What the driver of a gNB believes, from its actions alone.
#[derive(Default)]
struct Ledger {
    handovers: usize,
    handovers_ended: usize,
    switches: usize,
    switches_ended: usize,
    /// UEs that left, and whose release is to come.
    commanded: BTreeSet<u32>,
    tunnels: BTreeMap<(u32, SessionId), u32>,
    requested: BTreeSet<u32>,
}

impl Ledger {
    fn take(&mut self, actions: &[NodeAction]) -> Result<(), TestCaseError> {
        for action in actions {
            match action {
                NodeAction::HandoverPreparationFailed { ue, cause } => {
                    self.handovers_ended += 1;
                    // One that ends before it begins says nothing of another that is running.
                    if matches!(cause, HandoverFailure::ConnectedAnew) {
                        self.commanded.remove(ue);
                    }
                }
                NodeAction::HandoverCommanded { ue, .. } => {
                    prop_assert!(self.commanded.insert(*ue), "commanded twice");
                }
                NodeAction::Released { ue, .. } => {
                    self.handovers_ended += usize::from(self.commanded.remove(ue));
                    let left = self.tunnels.keys().find(|(of, _)| of == ue);
                    prop_assert!(left.is_none(), "released with a tunnel: {:?}", left);
                }
                NodeAction::PathSwitched { .. } | NodeAction::PathSwitchFailed { .. } => {
                    self.switches_ended += 1
                }
                NodeAction::SessionResource { ue, tunnel } => {
                    prop_assert!(tunnel.local_teid != 0);
                    self.tunnels.insert((*ue, tunnel.session), tunnel.local_teid);
                    let teids: BTreeSet<_> = self.tunnels.values().collect();
                    prop_assert_eq!(teids.len(), self.tunnels.len(), "one TEID for two sessions");
                }
                NodeAction::SessionResourceReleased { ue, session } => {
                    prop_assert!(self.tunnels.remove(&(*ue, *session)).is_some(), "released twice");
                }
                NodeAction::HandoverRequested { handle, .. } => {
                    self.requested.insert(*handle);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What does not change: a container for this gNB, an acknowledge and a status to answer with, a context that came over Xn.
struct Material {
    container: Vec<u8>,
    acknowledge: NGAP_PDU,
    status: NGAP_PDU,
    context: XnContext,
}

fn material() -> Material {
    let (mut other, ran) = Node::with_sessions(settings(2), &[1, 2]);
    other.handle(NodeEvent::Handover { ue: UE, target: target(1, 0), container: b"secret" });
    let container = container_of(other.last());
    let mut target = Node::ready(settings(1));
    target.receive(handover_request(container.clone(), &[1]));
    target.handle(NodeEvent::AdmitHandover { handle: 1, ue: UE });
    let acknowledge = target.last().clone();
    other.receive(handover_command(ran, &acknowledge));
    let status = other.last().clone();
    let (mut third, _) = Node::with_sessions(settings(3), &[1, 2]);
    let context = third.gnb.give_up_for_xn(UE).unwrap();
    Material { container, acknowledge, status, context }
}

/// One event or message, about one of three UEs or of the first connections.
fn step(node: &mut Node, ledger: &mut Ledger, material: &Material, kind: u8, number: u32) -> Vec<NodeAction> {
    let (ue, ran) = (number % 3, 1 + number % 7);
    let cause = CauseRadioNetwork::successful_handover;
    match kind {
        0 | 1 => {
            let cause = EstablishmentCause::MoData;
            node.handle(NodeEvent::Connect { ue, cell: 0, nas: NAS, cause, s_tmsi: None })
        }
        2 | 3 => node.receive(context_setup(ran, &[1, 2])),
        4 => node.receive(setup(ran, vec![(1 + (number % 4) as u8, transfer(1 + (number % 4) as u8))])),
        5 => node.receive(modify(ran, 1, Some((&[127, 8, 8, 8], number)), &[9], &[5])),
        6 => node.receive(release_sessions(ran, &[1 + (number % 2) as u8])),
        7 => node.receive(downlink(ran)),
        8 => node.receive(release(ran, cause)),
        9..=12 => {
            ledger.handovers += 1;
            node.handle(NodeEvent::Handover { ue, target: target(2, 0), container: b"secret" })
        }
        13 => node.handle(NodeEvent::CancelHandover { ue }),
        14 | 15 => node.receive(handover_command(ran, &material.acknowledge)),
        16 => node.receive(preparation_failure(ran)),
        17 => node.receive(cancel_acknowledge(ran)),
        18 | 19 => node.receive(handover_request(material.container.clone(), &[1, 20])),
        20 | 21 => match ledger.requested.pop_first() {
            Some(handle) => node.handle(NodeEvent::AdmitHandover { handle, ue }),
            None => node.handle(NodeEvent::RefuseHandover { handle: ran }),
        },
        22 => node.receive(status(ran, &material.status)),
        23 => node.handle(NodeEvent::HandoverArrived { ue }),
        24 => {
            node.gnb.give_up_for_xn(ue);
            Vec::new()
        }
        25 | 26 => {
            ledger.switches += 1;
            node.handle(NodeEvent::ArriveByXn { ue, cell: number % 4, context: &material.context })
        }
        27 => node.receive(path_switch_acknowledge(AMF, ran, &[2])),
        28 => node.receive(path_switch_failure(ran)),
        29 => node.handle(NodeEvent::ReleaseAfterXn { ue }),
        30 | 31 => match node.timers.iter().copied().nth(number as usize % node.timers.len().max(1)) {
            Some(timer) => node.expire(timer),
            None => Vec::new(),
        },
        32 => node.handle(NodeEvent::RequestRelease { ue, cause: ReleaseCause::RadioConnectionLost }),
        33 => node.handle(NodeEvent::RequestRelease { ue, cause: ReleaseCause::UserInactivity }),
        34 => node.handle(NodeEvent::Uplink { ue, nas: NAS }),
        35 => {
            // A message with a bit turned over.
            let octets = context_setup(ran, &[1, 2]).unwrap().encode().unwrap();
            let octets =
                [&octets, &handover_request(material.container.clone(), &[1]).unwrap().encode().unwrap()]
                    [number as usize % 2]
                    .clone();
            let at = number as usize / 2 % (8 * octets.len());
            let mut octets = octets;
            octets[at / 8] ^= 1 << (at % 8);
            node.handle(NodeEvent::Received { stream: 1, octets: &octets })
        }
        _ => node.receive(oxirush_ngap::build_ngap!(
            InitiatingMessage,
            ErrorIndication,
            ErrorIndication,
            AMF_UE_NGAP_ID(AMF),
            RAN_UE_NGAP_ID(ran),
            Cause(Cause::radioNetwork(CauseRadioNetwork::unknown_local_UE_NGAP_ID)),
        )),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_handover_ends_exactly_once_and_nothing_is_left(steps in vec((0u8..37, any::<u32>()), 0..80)) {
        let material = material();
        let (mut node, mut ledger) = (Node::ready(settings(1)), Ledger::default());
        for (kind, number) in steps {
            let actions = step(&mut node, &mut ledger, &material, kind, number);
            ledger.take(&actions)?;
            let open = ledger.handovers - ledger.handovers_ended;
            prop_assert!(open <= 3 && open >= ledger.commanded.len(), "{open} open after {kind}: {actions:?}");
            prop_assert!(ledger.switches >= ledger.switches_ended);
        }
        let actions = node.handle(NodeEvent::AssociationDown);
        ledger.take(&actions)?;
        prop_assert_eq!(ledger.handovers, ledger.handovers_ended);
        prop_assert_eq!(ledger.switches, ledger.switches_ended);
        prop_assert!(ledger.tunnels.is_empty(), "left: {:?}", ledger.tunnels);
        prop_assert!(node.timers.is_empty(), "running: {:?}", node.timers);
        prop_assert_eq!(node.gnb.connected(), 0);
    }
}
