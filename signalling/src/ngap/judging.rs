//! Which messages of an AMF the gNB comprehends (TS 38.413 §10.3.4.1).

use oxirush_ngap::NgapPduKind as K;

/// Whether the gNB has this procedure. One that it has not is judged by its criticality alone.
pub(super) fn comprehends(kind: &K) -> bool {
    matches!(
        kind,
        K::Initiating_DownlinkNASTransport
            | K::Initiating_InitialContextSetup
            | K::Initiating_PDUSessionResourceSetup
            | K::Initiating_PDUSessionResourceModify
            | K::Initiating_PDUSessionResourceRelease
            | K::Initiating_UEContextModification
            | K::Initiating_UEContextRelease
            | K::Initiating_Paging
            | K::Successful_HandoverPreparation
            | K::Unsuccessful_HandoverPreparation
            | K::Successful_HandoverCancel
            | K::Initiating_HandoverResourceAllocation
            | K::Initiating_DownlinkRANStatusTransfer
            | K::Successful_PathSwitchRequest
            | K::Unsuccessful_PathSwitchRequest
            | K::Successful_NGSetup
            | K::Unsuccessful_NGSetup
            | K::Initiating_NGReset
            | K::Successful_NGReset
            | K::Initiating_AMFConfigurationUpdate
            | K::Initiating_ErrorIndication
            | K::Initiating_OverloadStart
            | K::Initiating_OverloadStop
            | K::Initiating_AMFStatusIndication
    )
}
