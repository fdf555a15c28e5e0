#!/usr/bin/env python3
"""Makes nas/*.hex and ngap/*.hex with pycrate, and keys.hex, so that our codec is tested with octets that it did not make.

Run it in this folder: python3 make_vectors.py
"""
import hashlib
import hmac as std_hmac
import pathlib

from pycrate_asn1dir import NGAP, RRCNR
from pycrate_mobile import TS24501_FGMM as fgmm
from pycrate_mobile import TS24501_FGSM as fgsm

SOURCE = "# source: pycrate 0.8.1 (make_vectors.py)\n"
PLMN = "00101"


def nas(name, message):
    write("nas", name, message.to_bytes())


def ngap(name, choice, code, criticality, message, ies):
    pdu = NGAP.NGAP_PDU_Descriptions.NGAP_PDU
    ies = [{"id": i, "criticality": c, "value": v} for i, c, v in ies]
    pdu.set_val((choice, {"procedureCode": code, "criticality": criticality,
                          "value": (message, {"protocolIEs": ies})}))
    write("ngap", name, pdu.to_aper())


def write(folder, name, octets):
    path = pathlib.Path(folder)
    path.mkdir(exist_ok=True)
    (path / f"{name}.hex").write_text(f"{SOURCE}{octets.hex()}\n")


def downlink_nas():
    guti = {"Type": 2, "PLMN": PLMN, "AMFRegionID": 1, "AMFSetID": 1, "AMFPtr": 0, "5GTMSI": 0x11223344}
    nas("authentication_reject", fgmm.FGMMAuthenticationReject())
    nas("identity_request", fgmm.FGMMIdentityRequest(val={"5GSIDType": {"Value": 1}}))
    nas("registration_reject", fgmm.FGMMRegistrationReject(
        val={"5GMMCause": 22, "T3346": {"Unit": 1, "Value": 10}}))
    nas("registration_accept", fgmm.FGMMRegistrationAccept(val={"5GSRegResult": {"Value": 1}, "GUTI": guti}))
    nas("configuration_update_command", fgmm.FGMMConfigurationUpdateCommand(
        val={"ConfigUpdateInd": {"ACK": 1}, "GUTI": guti}))
    nas("deregistration_request_of_network", fgmm.FGMMMTDeregistrationRequest(
        val={"DeregistrationType": {"AccessType": 1}}))
    nas("service_reject", fgmm.FGMMServiceReject(val={"5GMMCause": 9}))
    nas("service_accept", fgmm.FGMMServiceAccept())


def session(name, message, **more):
    """A 5GSM message in a DL NAS TRANSPORT."""
    nas(name, fgmm.FGMMDLNASTransport(val={
        "PayloadContainerType": 1, "PayloadContainer": message.to_bytes(), "PDUSessID": 5, **more}))


def sessions():
    """What session 5 and PTIs 1 to 3 of a UE meet."""
    def header(pti):
        return {"PDUSessID": 5, "PTI": pti}

    everything = {"Dir": 3, "Id": 1, "PktFilter": [{"Type": 1}]}
    rule = {"ID": 1, "OpCode": 1, "DQR": 1, "PktFilterList": [everything], "Precedence": 255, "Flow": {"QFI": 9}}
    session("pdu_session_establishment_accept", fgsm.FGSMPDUSessionEstabAccept(val={
        "5GSMHeader": header(1), "SSCMode": {"Value": 1}, "PDUSessType": 3, "QoSRules": [rule],
        "SessAMBR": {"DLUnit": 6, "DL": 100, "ULUnit": 6, "UL": 50},
        "PDUAddress": {"Type": 3, "Addr": {"IPv6IfId": bytes(range(1, 9)), "IPv4": bytes([10, 45, 0, 2])}},
        "SNSSAI": {"SST": 1, "SD": 42}, "DNN": b"\x08internet",
        "ExtProtConfig": {"Config": [{"ID": 0xFF00, "Cont": b"\1\2\3\4"}]}}))
    session("pdu_session_establishment_reject", fgsm.FGSMPDUSessionEstabReject(val={
        "5GSMHeader": header(1), "5GSMCause": 27}))
    session("pdu_session_modification_command", fgsm.FGSMPDUSessionModifCommand(val={
        "5GSMHeader": header(2), "SessAMBR": {"DLUnit": 6, "DL": 2, "ULUnit": 6, "UL": 1}}))
    session("pdu_session_release_command", fgsm.FGSMPDUSessionReleaseCommand(val={
        "5GSMHeader": header(0), "5GSMCause": 36}))
    request = fgsm.FGSMPDUSessionEstabRequest(val={"5GSMHeader": header(1)})
    session("payload_not_forwarded", request, **{"5GMMCause": 90})
    nas("service_accept_without_sessions", fgmm.FGMMServiceAccept(val={
        "PDUSessStat": {"PSI_4": 1}, "PDUSessReactResult": {"PSI_5": 1}}))


def ngap_of_amf():
    ids = [(10, "reject", ("AMF-UE-NGAP-ID", 42)), (85, "reject", ("RAN-UE-NGAP-ID", 1))]
    ngap("downlink_nas_transport", "initiatingMessage", 4, "ignore", "DownlinkNASTransport",
         ids + [(38, "reject", ("NAS-PDU", b"\x7e\0\x44\x16"))])
    pair = ("uE-NGAP-ID-pair", {"aMF-UE-NGAP-ID": 42, "rAN-UE-NGAP-ID": 1})
    ngap("ue_context_release_command", "initiatingMessage", 41, "reject", "UEContextReleaseCommand",
         [(114, "reject", ("UE-NGAP-IDs", pair)), (15, "ignore", ("Cause", ("nas", "normal-release")))])
    ngap("ng_setup_failure", "unsuccessfulOutcome", 21, "reject", "NGSetupFailure",
         [(15, "ignore", ("Cause", ("misc", "unknown-PLMN-or-SNPN"))), (107, "ignore", ("TimeToWait", "v5s"))])
    plmn = b"\0\xf1\x10"
    guami = {"pLMNIdentity": plmn, "aMFRegionID": (1, 8), "aMFSetID": (1, 10), "aMFPointer": (0, 6)}
    slices = [{"s-NSSAI": {"sST": b"\x01"}}]
    ngap("ng_setup_response", "successfulOutcome", 21, "reject", "NGSetupResponse",
         [(1, "reject", ("AMFName", "amf-1")), (96, "reject", ("ServedGUAMIList", [{"gUAMI": guami}])),
          (86, "ignore", ("RelativeAMFCapacity", 255)),
          (80, "reject", ("PLMNSupportList", [{"pLMNIdentity": plmn, "sliceSupportList": slices}]))])
    ngap("ng_reset", "initiatingMessage", 20, "reject", "NGReset",
         [(15, "ignore", ("Cause", ("misc", "unspecified"))),
          (88, "reject", ("ResetType", ("nG-Interface", "reset-all")))])


def tunnel(address, teid):
    return ("gTPTunnel", {"transportLayerAddress": (int.from_bytes(address, "big"), 8 * len(address)),
                          "gTP-TEID": teid.to_bytes(4, "big")})


def setup_transfer():
    """PDU Session Resource Setup Request Transfer of one flow, with QFI 9."""
    flow = {"qosFlowIdentifier": 9, "qosFlowLevelQosParameters": {
        "qosCharacteristics": ("nonDynamic5QI", {"fiveQI": 9}),
        "allocationAndRetentionPriority": {
            "priorityLevelARP": 8, "pre-emptionCapability": "shall-not-trigger-pre-emption",
            "pre-emptionVulnerability": "not-pre-emptable"}}}
    ambr = {"pDUSessionAggregateMaximumBitRateDL": 1000000, "pDUSessionAggregateMaximumBitRateUL": 500000}
    ies = [(130, "reject", ("PDUSessionAggregateMaximumBitRate", ambr)),
           (139, "reject", ("UPTransportLayerInformation", tunnel(bytes([127, 9, 9, 1]), 0x1001))),
           (134, "reject", ("PDUSessionType", "ipv4v6")),
           (136, "reject", ("QosFlowSetupRequestList", [flow]))]
    return ("PDUSessionResourceSetupRequestTransfer",
            {"protocolIEs": [{"id": i, "criticality": c, "value": v} for i, c, v in ies]})


def ngap_of_sessions():
    ids = [(10, "reject", ("AMF-UE-NGAP-ID", 42)), (85, "reject", ("RAN-UE-NGAP-ID", 1))]
    item = {"pDUSessionID": 1, "pDUSessionNAS-PDU": b"\x7e\0\x68\1", "s-NSSAI": {"sST": b"\1"},
            "pDUSessionResourceSetupRequestTransfer": setup_transfer()}
    ngap("pdu_session_resource_setup_request", "initiatingMessage", 29, "reject", "PDUSessionResourceSetupRequest",
         ids + [(74, "reject", ("PDUSessionResourceSetupListSUReq", [item]))])
    command = ("PDUSessionResourceReleaseCommandTransfer", {"cause": ("nas", "normal-release")})
    item = {"pDUSessionID": 1, "pDUSessionResourceReleaseCommandTransfer": command}
    ngap("pdu_session_resource_release_command", "initiatingMessage", 28, "reject",
         "PDUSessionResourceReleaseCommand",
         ids + [(38, "ignore", ("NAS-PDU", b"\x7e\0\x68\2")),
                (79, "reject", ("PDUSessionResourceToReleaseListRelCmd", [item]))])


def ngap_of_handovers():
    ids = [(10, "reject", ("AMF-UE-NGAP-ID", 42)), (85, "reject", ("RAN-UE-NGAP-ID", 1))]
    late_ids = [(i, "ignore", v) for i, _, v in ids]
    plmn, slices = bytes([0, 0xF1, 0x10]), [{"s-NSSAI": {"sST": b"\1"}}]
    keys = {"nextHopChainingCount": 2, "nextHopNH": (int.from_bytes(bytes(32), "big"), 256)}
    guami = {"pLMNIdentity": plmn, "aMFRegionID": (1, 8), "aMFSetID": (1, 10), "aMFPointer": (0, 6)}
    algorithms = {name: (0xE000, 16) for name in (
        "nRencryptionAlgorithms", "nRintegrityProtectionAlgorithms",
        "eUTRAencryptionAlgorithms", "eUTRAintegrityProtectionAlgorithms")}
    item = {"pDUSessionID": 1, "s-NSSAI": {"sST": b"\1"}, "handoverRequestTransfer": setup_transfer()}
    ngap("handover_request", "initiatingMessage", 13, "reject", "HandoverRequest",
         [(10, "reject", ("AMF-UE-NGAP-ID", 42)), (29, "reject", ("HandoverType", "intra5gs")),
          (15, "ignore", ("Cause", ("radioNetwork", "handover-desirable-for-radio-reason"))),
          (110, "reject", ("UEAggregateMaximumBitRate", {
              "uEAggregateMaximumBitRateDL": 1000000, "uEAggregateMaximumBitRateUL": 1000000})),
          (119, "reject", ("UESecurityCapabilities", algorithms)), (93, "reject", ("SecurityContext", keys)),
          (73, "reject", ("PDUSessionResourceSetupListHOReq", [item])), (0, "reject", ("AllowedNSSAI", slices)),
          (101, "reject", ("SourceToTarget-TransparentContainer", source_to_target(plmn))),
          (28, "reject", ("GUAMI", guami))])
    item = {"pDUSessionID": 1, "handoverCommandTransfer": ("HandoverCommandTransfer", {})}
    ngap("handover_command", "successfulOutcome", 12, "reject", "HandoverCommand",
         ids + [(29, "reject", ("HandoverType", "intra5gs")), (59, "ignore", ("PDUSessionResourceHandoverList", [item])),
                (106, "reject", ("TargetToSource-TransparentContainer", target_to_source()))])
    count = {"pDCP-SN18": 0, "hFN-PDCP-SN18": 0}
    drb = {"dRB-ID": 1, "dRBStatusUL": ("dRBStatusUL18", {"uL-COUNTValue": count}),
           "dRBStatusDL": ("dRBStatusDL18", {"dL-COUNTValue": count})}
    ngap("downlink_ran_status_transfer", "initiatingMessage", 7, "ignore", "DownlinkRANStatusTransfer",
         ids + [(84, "reject", ("RANStatusTransfer-TransparentContainer", {"dRBsSubjectToStatusTransferList": [drb]}))])
    uplink = ("PathSwitchRequestAcknowledgeTransfer", {"uL-NGU-UP-TNLInformation": tunnel(bytes([127, 8, 8, 8]), 0x8888)})
    item = {"pDUSessionID": 1, "pathSwitchRequestAcknowledgeTransfer": uplink}
    ngap("path_switch_request_acknowledge", "successfulOutcome", 25, "reject", "PathSwitchRequestAcknowledge",
         late_ids + [(93, "reject", ("SecurityContext", keys)),
                     (77, "ignore", ("PDUSessionResourceSwitchedList", [item])), (0, "reject", ("AllowedNSSAI", slices))])
    cause = ("PathSwitchRequestUnsuccessfulTransfer", {"cause": ("radioNetwork", "ho-target-not-allowed")})
    item = {"pDUSessionID": 1, "pathSwitchRequestUnsuccessfulTransfer": cause}
    ngap("path_switch_request_failure", "unsuccessfulOutcome", 25, "reject", "PathSwitchRequestFailure",
         late_ids + [(69, "ignore", ("PDUSessionResourceReleasedListPSFail", [item]))])


def reconfiguration(octets):
    """RRCReconfiguration with these octets where a receiver may not know them."""
    extension = ("RRCReconfiguration-v15t0-IEs", {"lateNonCriticalExtension": octets})
    return ("RRCReconfiguration", {"rrc-TransactionIdentifier": 0, "criticalExtensions": (
        "rrcReconfiguration", {"lateNonCriticalExtension": extension})})


def source_to_target(plmn):
    """The container of a source, for cell 0 of gNB 1, with the octets 01 02 03 for the target."""
    rrc = RRCNR.NR_InterNodeDefinitions.HandoverPreparationInformation
    rrc.set_val({"criticalExtensions": ("c1", ("handoverPreparationInformation", {
        "ue-CapabilityRAT-List": [{"rat-Type": "nr", "ue-CapabilityRAT-Container": b"\1\2"}],
        "sourceConfig": {"rrcReconfiguration": reconfiguration(b"\1\2\3")}}))})
    cell = ("nR-CGI", {"pLMNIdentity": plmn, "nRCellIdentity": (1 << 12, 36)})
    last = {"globalCellID": cell, "cellType": {"cellSize": "medium"}, "timeUEStayedInCell": 9}
    container = NGAP.NGAP_IEs.SourceNGRANNode_ToTargetNGRANNode_TransparentContainer
    container.set_val({"rRCContainer": rrc.to_uper(), "targetCell-ID": cell,
                       "uEHistoryInformation": [{"lastVisitedCellInformation": ("nGRANCell", last)}]})
    return container.to_aper()


def target_to_source():
    """The container of a target, with the octets 04 05 for the source."""
    rrc = RRCNR.NR_InterNodeDefinitions.HandoverCommand
    rrc.set_val({"criticalExtensions": ("c1", ("handoverCommand", {
        "handoverCommandMessage": reconfiguration(b"\4\5")}))})
    container = NGAP.NGAP_IEs.TargetNGRANNode_ToSourceNGRANNode_TransparentContainer
    container.set_val({"rRCContainer": rrc.to_uper()})
    return container.to_aper()


def hmac(key, fc, *parts):
    """The KDF of TS 33.220 Annex B.2."""
    text = bytes([fc]) + b"".join(part + len(part).to_bytes(2, "big") for part in parts)
    return std_hmac.new(key, text, hashlib.sha256).digest()


def keys():
    """TS 33.501 Annex A on the MILENAGE outputs of TS 35.208 test set 1."""
    sn, imsi = b"5G:mnc093.mcc208.3gppnetwork.org", b"208930000000001"
    rand = bytes.fromhex("23553cbe9637a89d218ae64dae47bf35")
    res = bytes.fromhex("a54211d5e3ba50bf")
    ck_ik = bytes.fromhex("b40ba9a3c58b2a05bbf0d987b21bf8cb" "f769bcd751044604127672711c6d3441")
    sqn, ak = bytes.fromhex("ff9bb4d0b607"), bytes.fromhex("aa689c648370")
    concealed = bytes(a ^ b for a, b in zip(sqn, ak))
    k_seaf = hmac(hmac(ck_ik, 0x6A, sn, concealed), 0x6C, sn)
    k_amf = hmac(k_seaf, 0x6D, imsi, b"\0\0")
    values = {
        "autn": concealed + bytes.fromhex("b9b9" "4a9ffac354dfafb3"),
        "res-star": hmac(ck_ik, 0x6B, sn, rand, res)[16:],
        "k-amf": k_amf,
        "k-nas-enc": hmac(k_amf, 0x69, b"\1", b"\2")[16:],
        "k-nas-int": hmac(k_amf, 0x69, b"\2", b"\2")[16:],
    }
    source = "# source: TS 35.208 test set 1; TS 33.501 Annex A by hmac of Python (make_vectors.py)\n"
    lines = "".join(f"{name} {value.hex()}\n" for name, value in values.items())
    pathlib.Path("keys.hex").write_text(source + lines)


if __name__ == "__main__":
    downlink_nas()
    sessions()
    ngap_of_amf()
    ngap_of_sessions()
    ngap_of_handovers()
    keys()
