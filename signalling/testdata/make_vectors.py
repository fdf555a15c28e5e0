#!/usr/bin/env python3
"""Makes nas/*.hex and ngap/*.hex with pycrate, and keys.hex, so that our codec is tested with octets that it did not make.

Run it in this folder: python3 make_vectors.py
"""
import hashlib
import hmac as std_hmac
import pathlib

from pycrate_asn1dir import NGAP
from pycrate_mobile import TS24501_FGMM as fgmm

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


def ngap_of_amf():
    ids = [(10, "reject", ("AMF-UE-NGAP-ID", 42)), (85, "reject", ("RAN-UE-NGAP-ID", 1))]
    ngap("downlink_nas_transport", "initiatingMessage", 4, "ignore", "DownlinkNASTransport",
         ids + [(38, "reject", ("NAS-PDU", b"\x7e\0\x44\x16"))])
    pair = ("uE-NGAP-ID-pair", {"aMF-UE-NGAP-ID": 42, "rAN-UE-NGAP-ID": 1})
    ngap("ue_context_release_command", "initiatingMessage", 41, "reject", "UEContextReleaseCommand",
         [(114, "reject", ("UE-NGAP-IDs", pair)), (15, "ignore", ("Cause", ("nas", "normal-release")))])
    ngap("ng_setup_failure", "unsuccessfulOutcome", 21, "reject", "NGSetupFailure",
         [(15, "ignore", ("Cause", ("misc", "unknown-PLMN-or-SNPN"))), (107, "ignore", ("TimeToWait", "v5s"))])
    ngap("ng_reset", "initiatingMessage", 20, "reject", "NGReset",
         [(15, "ignore", ("Cause", ("misc", "unspecified"))),
          (88, "reject", ("ResetType", ("nG-Interface", "reset-all")))])


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
    ngap_of_amf()
    keys()
