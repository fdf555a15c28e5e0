#!/usr/bin/env python3
"""Decodes what we send with pycrate, an implementation that is not ours.

Reads a message in hexadecimal a line from standard input. Each is decoded wholly and encoded again to the same octets.
The first that fails ends the program with status 1; otherwise it prints how many.
"""
import sys

from pycrate_mobile.TS29281_GTPU import parse_GTPU

count = 0
for line in sys.stdin:
    octets = bytes.fromhex(line)
    message, error = parse_GTPU(octets)
    if error or message is None:
        sys.exit(f"pycrate: GTP-U error {error}: {line}")
    if message.to_bytes() != octets:
        sys.exit(f"pycrate: encodes as {message.to_bytes().hex()}: {line}")
    count += 1
print(f"{count} messages decoded")
