//! The messages that are damaged, each in a network where it is due.

use oxirush_nas::nas_5gs::ServiceType;
use oxirush_ngap::build_ngap;
use oxirush_ngap::ngap::*;
use simulator::AmfEvent;

use crate::bench::*;
use crate::damage::{Class, IGNORE, Mandatory, REJECT};
use crate::handover::{TARGET, commanded, ready};
use crate::ran;
use crate::ue::TestUe;

/// A message that is in order, in a network where it is due.
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) class: Class,
    pub(super) mandatory: &'static [Mandatory],
    /// The network, and what comes from which gNB.
    pub(super) make: fn() -> (Bench, u32, Vec<u8>),
}

pub(super) const SCENES: &[Scene] = &[
    Scene {
        name: "NG SETUP REQUEST",
        class: Class::Answered("Unsuccessful_NGSetup"),
        mandatory: &[(27, REJECT, false), (102, REJECT, false), (21, IGNORE, false)],
        make: || {
            let mut bench = Bench::without_gnb(settings());
            bench.event(AmfEvent::AssociationUp { association: GNB, streams_out: 8 });
            (bench, GNB, ng_setup("001", "01", [0, 0, 1], 1, 1))
        },
    },
    Scene {
        name: "RAN CONFIGURATION UPDATE",
        class: Class::Answered("Unsuccessful_RANConfigurationUpdate"),
        mandatory: &[],
        make: || (Bench::new(), GNB, crate::gnb::configuration_update(1, 1, None)),
    },
    Scene {
        name: "INITIAL UE MESSAGE",
        class: Class::Unanswered,
        mandatory: &[(85, REJECT, false), (38, REJECT, false), (121, REJECT, false), (90, IGNORE, false)],
        make: || {
            let request = TestUe::new(1).registration_request();
            (Bench::new(), GNB, initial_ue_message(1, request, [0, 0, 1]))
        },
    },
    Scene {
        name: "UPLINK NAS TRANSPORT",
        class: Class::Unanswered,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (38, REJECT, false), (121, IGNORE, false)],
        make: || {
            let (bench, mut ue) = ready();
            let nas = ue.session_release(1, 3);
            (bench, GNB, uplink_nas_transport(ue.amf_id, ue.ran_id, nas))
        },
    },
    Scene {
        name: "NAS NON DELIVERY INDICATION",
        class: Class::Unanswered,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (38, IGNORE, false), (15, IGNORE, false)],
        make: || {
            let (bench, ue) = ready();
            let pdu = build_ngap!(
                InitiatingMessage,
                NASNonDeliveryIndication,
                NASNonDeliveryIndication,
                AMF_UE_NGAP_ID(ue.amf_id),
                RAN_UE_NGAP_ID(ue.ran_id),
                NAS_PDU(vec![0x7e, 0, 0x54]),
                Cause(Cause::radioNetwork(CauseRadioNetwork::radio_connection_with_ue_lost)),
            );
            (bench, GNB, pdu.unwrap().encode().unwrap())
        },
    },
    Scene {
        name: "UE CONTEXT RELEASE REQUEST",
        class: Class::Unanswered,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (15, IGNORE, false)],
        make: || {
            let (bench, ue) = ready();
            (bench, GNB, ue_context_release_request(ue.amf_id, ue.ran_id))
        },
    },
    Scene {
        name: "HANDOVER REQUIRED",
        class: Class::Answered("Unsuccessful_HandoverPreparation"),
        mandatory: &[
            (10, REJECT, true),
            (85, REJECT, true),
            (29, REJECT, false),
            (15, IGNORE, false),
            (105, REJECT, false),
            (61, REJECT, false),
            (101, REJECT, false),
        ],
        make: || {
            let (bench, ue) = ready();
            (bench, GNB, ran::handover_required(ue.amf_id, ue.ran_id, 2, "001/01", 1, &[1]))
        },
    },
    Scene {
        name: "HANDOVER CANCEL",
        class: Class::OnlyAcknowledged,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (15, IGNORE, false)],
        make: || {
            let (mut bench, ue) = ready();
            commanded(&mut bench, &ue);
            (bench, GNB, ran::handover_cancel(ue.amf_id, ue.ran_id))
        },
    },
    Scene {
        name: "UPLINK RAN STATUS TRANSFER",
        class: Class::Unanswered,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (84, REJECT, false)],
        make: || {
            let (mut bench, ue) = ready();
            commanded(&mut bench, &ue);
            (bench, GNB, ran::status_transfer(ue.amf_id, ue.ran_id))
        },
    },
    Scene {
        name: "HANDOVER NOTIFY",
        class: Class::Unanswered,
        mandatory: &[(10, REJECT, false), (85, REJECT, false), (121, IGNORE, false)],
        make: || {
            let (mut bench, ue) = ready();
            let target = commanded(&mut bench, &ue);
            (bench, TARGET, ran::handover_notify(target, 77, "001/01", 1))
        },
    },
    Scene {
        name: "PATH SWITCH REQUEST",
        class: Class::Answered("Unsuccessful_PathSwitchRequest"),
        mandatory: &[
            (85, REJECT, true),
            (100, REJECT, true),
            (121, IGNORE, false),
            (119, IGNORE, false),
            (76, REJECT, true),
        ],
        make: || {
            let (bench, ue) = ready();
            (bench, TARGET, ran::path_switch_request(ue.amf_id, 5, TARGET, "001/01", 1, &[1]))
        },
    },
    Scene {
        name: "NG RESET",
        class: Class::OnlyAcknowledged,
        mandatory: &[(15, IGNORE, false), (88, REJECT, false)],
        make: || (ready().0, GNB, crate::gnb::reset(ResetType::nG_Interface(ResetAll::reset_all))),
    },
    Scene {
        name: "PDU SESSION RESOURCE NOTIFY",
        class: Class::Unanswered,
        mandatory: &[(10, REJECT, false), (85, REJECT, false)],
        make: || {
            let (bench, ue) = ready();
            (bench, GNB, ran::notify_released(ue.amf_id, ue.ran_id, 1))
        },
    },
    Scene {
        name: "INITIAL CONTEXT SETUP RESPONSE",
        class: Class::Outcome,
        mandatory: &[(10, IGNORE, false), (85, IGNORE, false)],
        make: || {
            let (mut bench, mut ue) = (Bench::new(), TestUe::new(1));
            bench.register(&mut ue);
            let request = ue.service_request(ServiceType::Signalling);
            bench.initial(&mut ue, request);
            (bench, GNB, initial_context_setup_response(ue.amf_id, ue.ran_id))
        },
    },
    Scene {
        name: "UE CONTEXT RELEASE COMPLETE",
        class: Class::Outcome,
        mandatory: &[(10, IGNORE, false), (85, IGNORE, false)],
        make: || {
            let (mut bench, ue) = ready();
            bench.ngap(GNB, &ue_context_release_request(ue.amf_id, ue.ran_id));
            (bench, GNB, ue_context_release_complete(ue.amf_id, ue.ran_id))
        },
    },
    Scene {
        name: "HANDOVER REQUEST ACKNOWLEDGE",
        class: Class::Outcome,
        mandatory: &[(10, IGNORE, false), (85, IGNORE, false), (53, IGNORE, false), (106, REJECT, false)],
        make: || {
            let (mut bench, ue) = ready();
            let required = ran::handover_required(ue.amf_id, ue.ran_id, 2, "001/01", 1, &[1]);
            let did = bench.ngap(GNB, &required);
            let Did::Other(_, _, octets) = &did[0] else { panic!("{did:?}") };
            let target = ran::amf_id_of(octets);
            (bench, TARGET, ran::handover_acknowledge(target, 77, TARGET, &[1]))
        },
    },
];
