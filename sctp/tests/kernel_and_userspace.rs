//! Our userspace stack against the kernel's, over UDP encapsulation; in the guest of `scripts/test-kernel-sctp.sh`, which
//! says by the environment which UDP ports the kernel uses: `UDP_ENCAPSULATION=<net.sctp.udp_port>,<net.sctp.encap_port>`.
#![allow(clippy::unwrap_used, reason = "these are tests, outside of #[test] functions too")]

mod suite;

use oracles::skipped;
use suite::Link;

/// The kernel's own and its peers' UDP port; says so where there is none.
fn encapsulation_ports() -> Option<(u16, u16)> {
    let Ok(ports) = std::env::var("UDP_ENCAPSULATION") else {
        skipped(
            "encapsulation",
            "scripts/test-kernel-sctp.sh runs this in a guest whose kernel has SCTP in UDP",
        );
        return None;
    };
    let (own, peers) = ports.split_once(',').unwrap();
    Some((own.parse().unwrap(), peers.parse().unwrap()))
}

/// The tests of the suite, from and to the kernel.
macro_rules! suite {
    ($($name:ident $(($($argument:expr),*))?;)*) => {
        mod userspace_connects_to_kernel {
            use super::*;
            $(
                #[test]
                fn $name() {
                    if let Some((kernel_port, _)) = encapsulation_ports() {
                        suite::$name(Link::UserspaceToKernel { kernel_port } $(, $($argument),*)?);
                    }
                }
            )*
        }
        mod kernel_connects_to_userspace {
            use super::*;
            $(
                #[test]
                fn $name() {
                    if let Some((_, userspace_port)) = encapsulation_ports() {
                        suite::$name(Link::KernelToUserspace { userspace_port } $(, $($argument),*)?);
                    }
                }
            )*
        }
    };
}

suite! {
    messages_of_every_length_arrive_with_stream_and_ppid;
    burst_arrives_complete_and_ordered_in_each_stream;
    shutdown_delivers_everything_queued;
    abort_ends_both_sides;
    dropped_endpoint_is_noticed_at_once;
    many_associations_share_one_endpoint(20);
    association_beyond_the_limit_is_refused;
    wrong_stream_and_length_are_errors;
    full_send_buffer_is_an_error_and_drains;
}
