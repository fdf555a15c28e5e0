#!/bin/bash
# What needs kernel SCTP, in a User Mode Linux guest (scripts/uml-run): the kernel transport's own tests, our userspace stack
# against the kernel's over UDP encapsulation, both ways, and the smoke campaign on sctp://. Then what needs a kernel without
# SCTP, in a guest that has none: userspace SCTP on raw IP.
set -eu
cd "$(dirname "$0")/.."

if [ $# = 0 ]; then
    cargo build -p roamstorm
    target=$(cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    programs=$(cargo test -p sctp --test kernel --test kernel_and_userspace --test raw_ip --no-run --message-format json |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | sort)
    # shellcheck disable=SC2086 # one word per program
    scripts/uml-run --timeout 900 -- scripts/test-kernel-sctp.sh --inside "$target/debug/roamstorm" $programs
    # shellcheck disable=SC2086 # one word per program
    exec scripts/uml-run --timeout 300 --without-sctp -- scripts/test-kernel-sctp.sh --without $programs
fi
if [ "$1" = --without ]; then
    # What a test cannot see here, it may not skip.
    export ROAMSTORM_REQUIRE=no-kernel-sctp,raw-ip
    "$2" --test-threads 1 kernel_without_sctp
    exec "$4" --test-threads 1
fi
roamstorm=$2

# What a test cannot see here, it may not skip.
export ROAMSTORM_REQUIRE=kernel-sctp,encapsulation
# With Debian's 208 KiB of socket buffer, a burst from our userspace stack into the kernel's was seen to crawl.
sysctl -q -w net.core.rmem_max=8388608 net.core.wmem_max=8388608

# The smoke campaign: registrations, sessions with GTP-U in UDP, handovers, deregistrations, and the bill. A guest may be
# many times as slow as its host, so there are few subscribers, a tenth as many a second, and time between the procedures. Where it is slower
# still, a verdict for lateness alone is let pass, and with it attempts that found every subscriber still busy. A subscriber that
# fails is not, nor a session that is charged wrong.
gently=(--set subscribers.0.count=20)
for load in 0 1 2 3; do
    gently+=(--set "load.$load.phases.0.rate=10/s" --set "load.$load.phases.0.for=2s" --set "load.$load.starts-after=$((load * 4))s")
done
smoke() { # name, further arguments
    name=$1 && shift
    timeout 120 "$roamstorm" run smoke --seed 7 --json --out /tmp/runs "${gently[@]}" "$@" >/tmp/summary.json 2>/tmp/smoke.log || true
    if jq -e '(.verdict.reasons | any(test("generator limited|target starved")) and all(test("generator limited|target starved|\\.latency\\."))) as $late
        | ([.procedures[] | .succeeded + if $late then .never_started else 0 end] == [20, 20, 20, 20])
        and .procedures.registration.succeeded == 20
        and .billing.matched == .procedures."pdu-session".succeeded and .billing.unreconciled == 0
        and .user_plane.downlink_octets > 0 and (.verdict.status == "pass" or $late)' \
        /tmp/summary.json >/dev/null; then
        echo "smoke, $name: 20 registered, $(jq .billing.matched /tmp/summary.json) sessions charged, verdict $(jq -r .verdict.status /tmp/summary.json)"
    else
        echo "smoke, $name: FAILED" >&2
        tail -n 20 /tmp/smoke.log >&2
        jq '{verdict, billing, user_plane, procedures: .procedures | map_values({succeeded, failed, timed_out, abandoned, never_started})}' \
            /tmp/summary.json >&2 || cat /tmp/summary.json >&2
        exit 1
    fi
}
smoke "embedded simulator on kernel SCTP" --target sim:kernel
"$roamstorm" simulator smoke --seed 7 "${gently[@]}" --listen sctp://127.0.0.1:38412 --ledger /tmp/charging.csv >/dev/null 2>/tmp/simulator.log &
simulator=$!
for _ in $(seq 100); do
    grep -q 'listening on' /tmp/simulator.log && break
    sleep 0.1
done
smoke "simulator of its own on sctp://" --target sctp://127.0.0.1:38412 --charging /tmp/charging.csv
kill -INT "$simulator"
wait "$simulator" || true

# Another program than that of the tests, such as the one that packages have, is through here.
[ $# -gt 2 ] || exit 0
"$3" --test-threads 1
# The kernel's side of UDP encapsulation: it listens on 9899 and sends to 9898. With larger packets on loopback it crawls.
ip link set lo mtu 1500 gso_max_size 1500
sysctl -q -w net.sctp.udp_port=9899 net.sctp.encap_port=9898
UDP_ENCAPSULATION=9899,9898 "$4" --test-threads 1
