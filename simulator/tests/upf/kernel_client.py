"""A UE that is the kernel's own IPv4 and IPv6 stack, in a network namespace: its packets on standard output, those for it on
standard input, each behind its length in two octets. Says on standard error what it does, and ends with 0 when all is answered."""

import fcntl
import os
import struct
import subprocess
import sys
import threading
import time

V4, GATEWAY_V4, INTERFACE_ID, PREFIX, GATEWAY_V6 = sys.argv[1:]
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def do(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    print("$", *words, "\n" + done.stdout + done.stderr, file=sys.stderr, flush=True)
    return done


def end(code, why=""):
    # At once: the threads wait for packets.
    print(why, file=sys.stderr, flush=True)
    os._exit(code)


def need(*words):
    if do(*words).returncode != 0:
        end(1)


def setting(name, value):
    with open(f"/proc/sys/net/ipv6/conf/ue/{name}", "w") as file:
        file.write(value)


def from_the_kernel(tun):
    while True:
        packet = os.read(tun, 65535)
        sys.stdout.buffer.write(struct.pack(">H", len(packet)) + packet)
        sys.stdout.buffer.flush()


def to_the_kernel(tun):
    while head := sys.stdin.buffer.read(2):
        packet = sys.stdin.buffer.read(struct.unpack(">H", head)[0])
        try:
            os.write(tun, packet)
        except OSError as error:
            print("not taken:", error, file=sys.stderr, flush=True)


tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"ue", IFF_TUN | IFF_NO_PI))
for thread in (from_the_kernel, to_the_kernel):
    threading.Thread(target=thread, args=[tun], daemon=True).start()

# What a session gives a UE: an IPv4 address and an interface identifier. The rest it learns by itself.
setting("addr_gen_mode", "1")
setting("accept_ra", "2")
need("ip", "addr", "add", f"{V4}/32", "dev", "ue")
need("ip", "-6", "addr", "add", f"fe80{INTERFACE_ID}/64", "dev", "ue", "nodad")
need("ip", "link", "set", "ue", "up")
need("ip", "route", "add", "default", "dev", "ue")

until = time.monotonic() + 20
while True:
    shown = do("ip", "-6", "addr", "show", "dev", "ue", "scope", "global").stdout
    if f"{PREFIX}{INTERFACE_ID}/64" in shown and "tentative" not in shown:
        break
    if time.monotonic() > until:
        end(1, "no address by a router advertisement")
    time.sleep(0.1)
routes = do("ip", "-6", "route", "show", "default").stdout
if "proto ra" not in routes or "mtu 1400" not in routes:
    end(1, "no route, or no MTU, by a router advertisement")

for gateway in (GATEWAY_V4, GATEWAY_V6):
    need("ping", "-c", "3", "-i", "0.2", "-W", "5", "-s", "500", gateway)
end(0)
