#!/bin/bash
# Tests what needs kernel SCTP, in a User Mode Linux guest (scripts/uml-run): the kernel transport, and our userspace stack
# against the kernel's over UDP encapsulation, both ways.
set -eu
cd "$(dirname "$0")/.."

if [ "${1-}" != --inside ]; then
    programs=$(cargo test -p sctp --test kernel --test kernel_and_userspace --no-run --message-format json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | sort)
    # shellcheck disable=SC2086 # one word per program
    exec scripts/uml-run --timeout 900 -- scripts/test-kernel-sctp.sh --inside $programs
fi

export REQUIRE_KERNEL_SCTP=1
# With Debian's 208 KiB, a burst from our userspace stack closes the kernel's receive window again and again, and crawls.
sysctl -q -w net.core.rmem_max=8388608 net.core.wmem_max=8388608
"$2" --test-threads 1
# The kernel's side of UDP encapsulation: it listens on 9899 and sends to 9898. With larger packets on loopback it crawls.
ip link set lo mtu 1500 gso_max_size 1500
sysctl -q -w net.sctp.udp_port=9899 net.sctp.encap_port=9898
UDP_ENCAPSULATION=9899,9898 "$3" --test-threads 1
