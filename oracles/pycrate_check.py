#!/usr/bin/env python3
"""Decodes what we send with pycrate, an implementation that is not ours.

Reads lines "NAS <hex>", "NGAP <hex>" and "GTPU <hex>" from standard input. Each is decoded wholly, NGAP with the NAS-PDUs in it,
and encoded again to the same octets; with its transfers, and with the containers of a handover down to the RRC messages in them.
The first that fails ends the program with status 1; otherwise it prints how many.
"""
import sys

from pycrate_asn1dir import NGAP, RRCNR
from pycrate_mobile.NAS5G import parse_NAS5G
from pycrate_mobile.TS29281_GTPU import parse_GTPU

NGAP_PDU = NGAP.NGAP_PDU_Descriptions.NGAP_PDU


def fail(line, why):
    sys.exit(f"pycrate: {why}: {line}")


def check_nas(octets, line):
    message, error = parse_NAS5G(octets)
    if error or message is None:
        fail(line, f"NAS error {error}")
    if message.to_bytes() != octets:
        fail(line, f"NAS encodes as {message.to_bytes().hex()}")
    # Under a security header: what is sent for this check has the null cipher, so that it can be read.
    if octets[1] & 0x0F:
        check_nas(octets[7:], line)


def nas_pdus(value):
    """The NAS-PDU octets anywhere in a decoded NGAP value."""
    if isinstance(value, tuple) and len(value) == 2 and value[0] == "NAS-PDU":
        yield value[1]
    elif isinstance(value, dict):
        for part in value.values():
            yield from nas_pdus(part)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from nas_pdus(part)


CONTAINERS = {
    "SourceToTarget-TransparentContainer": (
        NGAP.NGAP_IEs.SourceNGRANNode_ToTargetNGRANNode_TransparentContainer,
        RRCNR.NR_InterNodeDefinitions.HandoverPreparationInformation),
    "TargetToSource-TransparentContainer": (
        NGAP.NGAP_IEs.TargetNGRANNode_ToSourceNGRANNode_TransparentContainer,
        RRCNR.NR_InterNodeDefinitions.HandoverCommand),
}


def check_containers(value, line):
    """Transfers were decoded where they are, and containers are decoded here."""
    if isinstance(value, tuple) and len(value) == 2 and value[0] in CONTAINERS:
        container, rrc = CONTAINERS[value[0]]
        container.from_aper(value[1])
        if container.to_aper() != value[1]:
            fail(line, f"{value[0]} encodes as {container.to_aper().hex()}")
        message = container.get_val()["rRCContainer"]
        if isinstance(message, tuple):
            fail(line, "the RRC container was decoded already")
        rrc.from_uper(message)
        if rrc.to_uper() != message:
            fail(line, f"RRC encodes as {rrc.to_uper().hex()}")
        check_containers(rrc.get_val(), line)
    elif isinstance(value, tuple) and len(value) == 2 and value[0] == "rrcReconfiguration":
        # The free octets are inside of an extension that has a type.
        if isinstance(value[1].get("lateNonCriticalExtension"), bytes):
            fail(line, "lateNonCriticalExtension was not decoded")
    elif isinstance(value, dict):
        for name, part in value.items():
            if name.endswith("Transfer") and isinstance(part, bytes):
                fail(line, f"{name} was not decoded")
            check_containers(part, line)
    elif isinstance(value, (tuple, list)):
        for part in value:
            check_containers(part, line)


def check_ngap(octets, line):
    try:
        NGAP_PDU.from_aper(octets)
    except Exception as error:  # pycrate has no common class of errors
        fail(line, f"NGAP {error!r}")
    value = NGAP_PDU.get_val()
    again = NGAP_PDU.to_aper()
    if again != octets:
        fail(line, f"NGAP encodes as {again.hex()}")
    check_containers(value, line)
    for nas in nas_pdus(value):
        check_nas(nas, line)


def check_gtpu(octets, line):
    message, error = parse_GTPU(octets)
    if error or message is None:
        fail(line, f"GTP-U error {error}")
    if message.to_bytes() != octets:
        fail(line, f"GTP-U encodes as {message.to_bytes().hex()}")


def main():
    count = 0
    for line in sys.stdin:
        kind, _, octets = line.strip().partition(" ")
        check = {"NAS": check_nas, "NGAP": check_ngap, "GTPU": check_gtpu}.get(kind)
        if check is None:
            fail(line, "of no kind that is known")
        check(bytes.fromhex(octets), line)
        count += 1
    print(f"{count} messages decoded")


if __name__ == "__main__":
    main()
