#!/usr/bin/env python3
"""Makes nas/*.hex and ngap/*.hex with pycrate, so that our codec is tested with octets that it did not make.

Run it in this folder: python3 make_vectors.py
"""
import pathlib

import pycrate_core
from pycrate_asn1dir import NGAP
from pycrate_mobile import TS24501_FGMM as fgmm

SOURCE = "# source: pycrate 0.8.1 (make_vectors.py)\n"
PLMN = "00101"
RAND, AUTN = bytes(range(16)), bytes(range(16, 32))


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
    nas("authentication_request", fgmm.FGMMAuthenticationRequest(val={
        "NAS_KSI": 0, "ABBA": b"\0\0", "RAND": RAND, "AUTN": AUTN}))
    nas("authentication_reject", fgmm.FGMMAuthenticationReject())
    nas("identity_request", fgmm.FGMMIdentityRequest(val={"5GSIDType": b"\1"}))
    nas("registration_reject", fgmm.FGMMRegistrationReject(val={"5GMMCause": b"\x16", "T3346": b"\x2a"}))
    nas("service_reject", fgmm.FGMMServiceReject(val={"5GMMCause": b"\x09"}))
    nas("service_accept", fgmm.FGMMServiceAccept())
    nas("registration_accept", fgmm.FGMMRegistrationAccept(val={
        "5GSRegResult": b"\1", "GUTI": bytes.fromhex("f200f110010040" "11223344"),
        "5GSTAIList": bytes.fromhex("0000f110000001"), "AllowedNSSAI": b"\1\1", "T3512": b"\x5e"}))
    nas("security_mode_command", fgmm.FGMMSecurityModeCommand(val={
        "NASSecAlgo": b"\x22", "NAS_KSI": 0, "UESecCap": b"\xf0\x70"}))
    nas("deregistration_accept", fgmm.FGMMMODeregistrationAccept())
    nas("deregistration_request_of_network", fgmm.FGMMMTDeregistrationRequest(val={"DeregistrationType": b"\1"}))
    nas("configuration_update_command", fgmm.FGMMConfigurationUpdateCommand(val={"ConfigUpdateInd": 1}))
    nas("5gmm_status", fgmm.FGMMStatus(val={"5GMMCause": b"\x6f"}))


if __name__ == "__main__":
    downlink_nas()
