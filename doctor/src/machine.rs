//! What this machine gives to a run.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;

use gtpu::PORT;
use sctp::Transport;
use socket2::{Domain, Protocol, Socket, Type};

use crate::{Finding, Topic, processors};

/// What the run wants of the machine.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// The transports of its targets.
    pub transports: Vec<Transport>,
    /// The addresses of the user plane's ends; none where there are no sessions.
    pub user_plane: Vec<IpAddr>,
    /// gNBs, each with an association to each target.
    pub associations: u64,
    /// Octets of memory.
    pub memory: u64,
    /// Where run folders go.
    pub out: PathBuf,
}

/// Looks at this machine.
pub fn machine(needs: &Needs) -> Vec<Finding> {
    let mut findings = vec![kernel_sctp(needs), raw_sockets(needs)];
    findings.extend(udp_encapsulation());
    findings.extend(needs.user_plane.iter().map(|address| user_plane_port(*address)));
    findings.push(buffers());
    findings.push(files(needs));
    findings.push(processors::look());
    findings.push(priority());
    findings.extend(memory(needs));
    findings.push(clock());
    findings.extend(disk(needs));
    findings
}

fn kernel_sctp(needs: &Needs) -> Finding {
    if sctp::pick() == Transport::Kernel {
        return Finding::good(Topic::KernelSctp, "this kernel has SCTP: sctp:// targets can be reached");
    }
    Finding::fault_if(
        needs.transports.contains(&Transport::Kernel),
        Topic::KernelSctp,
        "this kernel has no SCTP: sctp:// targets cannot be reached from here",
        "load it on the host (modprobe sctp); else use sctp+udp:// or sctp+ip://",
    )
}

fn raw_sockets(needs: &Needs) -> Finding {
    let wanted = needs.transports.contains(&Transport::RawIp);
    match Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::SCTP)) {
        Ok(_) if sctp::pick() == Transport::Kernel && wanted => Finding::warning(
            Topic::RawSockets,
            "this process may use raw IP, and this kernel's own SCTP answers there with ABORT",
            "use sctp://, or unload the kernel's SCTP (rmmod sctp)",
        ),
        Ok(_) => Finding::good(Topic::RawSockets, "this process may use raw IP: sctp+ip:// works"),
        Err(_) => Finding::fault_if(
            wanted,
            Topic::RawSockets,
            "this process may not use raw IP: sctp+ip:// does not work",
            "run as root or with CAP_NET_RAW, where sctp+ip:// is wanted",
        ),
    }
}

/// What the kernel's SCTP does with UDP (RFC 6951); nothing where it has none. SCTP of our own in UDP needs nothing.
fn udp_encapsulation() -> Option<Finding> {
    let port = number("/proc/sys/net/sctp/udp_port")?;
    Some(Finding::note(
        Topic::UdpEncapsulation,
        match port {
            0 => "the kernel takes no SCTP in UDP (net.sctp.udp_port is 0); sctp+udp:// of roamstorm needs no kernel".to_owned(),
            port => format!("the kernel takes SCTP in UDP at port {port} (net.sctp.udp_port)"),
        },
    ))
}

pub(crate) fn user_plane_port(address: IpAddr) -> Finding {
    let at = SocketAddr::new(address, PORT);
    match UdpSocket::bind(at) {
        Ok(_) => Finding::good(Topic::UserPlanePort, format!("UDP port {PORT} of {address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Finding::fault(
            Topic::UserPlanePort,
            format!("UDP port {PORT} of {address} is taken"),
            "another agent, a UPF or a gNB has it: end it, or give another address with --gtpu-address",
        ),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Finding::fault(
            Topic::UserPlanePort,
            format!("{address} is no address of this machine"),
            "give one of its own with --gtpu-address, which the UPF can reach",
        ),
        Err(error) => Finding::fault(
            Topic::UserPlanePort,
            format!("UDP port {PORT} of {address} cannot be had: {error}"),
            "allow this process the port, or give another address with --gtpu-address",
        ),
    }
}

fn buffers() -> Finding {
    let (Some(receive), Some(send)) =
        (number("/proc/sys/net/core/rmem_max"), number("/proc/sys/net/core/wmem_max"))
    else {
        return Finding::note(Topic::Buffers, "this system does not say how large buffers of sockets may be");
    };
    let found = format!("sockets may have {} to receive and {} to send", shown(receive), shown(send));
    if receive >= ENOUGH && send >= ENOUGH {
        return Finding::good(Topic::Buffers, found);
    }
    Finding::warning(
        Topic::Buffers,
        found + ": bursts of user data and of messages may be lost",
        format!("sysctl -w net.core.rmem_max={WANTED} net.core.wmem_max={WANTED}"),
    )
}

fn files(needs: &Needs) -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let wanted = needs.associations.saturating_add(FILES_BESIDE);
    match limit {
        Some(limit) if limit < wanted => Finding::warning(
            Topic::Files,
            format!("this process may open {limit} files, and the run may want {wanted}"),
            format!("ulimit -n {}", wanted.next_power_of_two()),
        ),
        Some(limit) => Finding::good(Topic::Files, format!("this process may open {limit} files")),
        None => Finding::good(Topic::Files, "this process may open as many files as it wants"),
    }
}

fn priority() -> Finding {
    if host::check(host::Priority::RealTime).is_ok() {
        return Finding::good(Topic::Priority, "workers may be real-time");
    }
    let granted = host::check(host::Priority::Auto).unwrap_or_default();
    Finding::warning(
        Topic::Priority,
        match granted {
            host::Granted::Ordinary => "workers have no priority: beside others they may start late",
            _ => "workers have short slices, and no real-time priority",
        },
        "give CAP_SYS_NICE or LimitRTPRIO=3 (ulimit -r 3), where other processes run beside",
    )
}

fn memory(needs: &Needs) -> Option<Finding> {
    let available = edges::memory::available()?;
    let (there, wanted) = (shown(available.octets), shown(needs.memory));
    if needs.memory > available.octets {
        return Some(Finding::fault(
            Topic::Memory,
            format!("the run needs about {wanted}, and {there} are {}", available.of),
            "have fewer subscribers, or a fleet of agents on other machines",
        ));
    }
    let needs = if needs.memory == 0 { String::new() } else { format!(", about {wanted} are needed") };
    Some(Finding::good(Topic::Memory, format!("{there} are {}{needs}", available.of)))
}

fn clock() -> Finding {
    if std::time::UNIX_EPOCH.elapsed().is_err() {
        return Finding::fault(Topic::Clock, "the clock says a time before 1970", "set it");
    }
    match host::clock() {
        Some(host::Clock { synchronised: true, error }) => Finding::good(
            Topic::Clock,
            format!("the clock is synchronised, to within {} ms", error.as_millis().max(1)),
        ),
        Some(host::Clock { synchronised: false, .. }) => Finding::warning(
            Topic::Clock,
            "the clock is not synchronised: traces and ledgers of several machines will not agree in time",
            "start a time service (systemd-timesyncd, chrony); on one machine alone nothing is lost",
        ),
        None => Finding::note(Topic::Clock, "this system does not say whether its clock is synchronised"),
    }
}

fn disk(needs: &Needs) -> Option<Finding> {
    let there = needs.out.ancestors().find(|folder| folder.is_dir());
    let folder = there.unwrap_or_else(|| std::path::Path::new("."));
    let (shown_folder, disk) = (folder.display(), rustix::fs::statvfs(folder).ok()?);
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_err() {
        return Some(Finding::fault(
            Topic::Disk,
            format!("{shown_folder} cannot be written"),
            "choose another folder for runs with --out",
        ));
    }
    let found = format!("{} are free in {shown_folder}", shown(free));
    Some(if free < LITTLE {
        Finding::warning(Topic::Disk, found, "make room, or choose another folder with --out")
    } else {
        Finding::good(Topic::Disk, found)
    })
}

fn number(path: &str) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn shown(octets: u64) -> String {
    edges::memory::shown(octets)
}

/// Octets of a socket's buffer with which a burst of a second is not lost.
const ENOUGH: u64 = 4 << 20;
/// What agents ask for.
const WANTED: u64 = 32 << 20;
/// Files of a run beside its associations.
const FILES_BESIDE: u64 = 128;
/// Octets.
const LITTLE: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Level, worst};

    fn found(findings: &[Finding], topic: Topic) -> &Finding {
        findings.iter().find(|finding| finding.topic == topic).unwrap()
    }

    #[test]
    fn every_finding_that_is_not_good_says_what_to_do() {
        let needs = Needs { transports: vec![Transport::Kernel, Transport::RawIp], ..Needs::default() };
        let findings = machine(&needs);
        assert!(findings.len() >= 9, "{findings:?}");
        for finding in findings.iter().filter(|finding| finding.level >= Level::Warning) {
            assert!(finding.advice.is_some(), "{finding:?}");
        }
    }

    #[test]
    fn a_port_that_is_taken_and_an_address_of_elsewhere_are_faults() {
        let mine = IpAddr::from([127, 77, 3, 9]);
        assert_eq!(user_plane_port(mine).level, Level::Good);
        let Ok(_held) = UdpSocket::bind((mine, PORT)) else { panic!("it was free") };
        let taken = user_plane_port(mine);
        assert_eq!(taken.level, Level::Fault);
        assert!(taken.found.contains("is taken"), "{taken:?}");
        let elsewhere = user_plane_port(IpAddr::from([192, 0, 2, 77]));
        assert!(elsewhere.found.contains("no address of this machine"), "{elsewhere:?}");
    }

    #[test]
    fn too_little_of_what_a_run_needs_is_said_with_both_figures() {
        let needs = Needs {
            memory: u64::MAX,
            associations: 1 << 40,
            out: "/proc/nowhere".into(),
            ..Needs::default()
        };
        let findings = machine(&needs);
        assert_eq!(worst(&findings), Level::Fault);
        assert_eq!(found(&findings, Topic::Memory).level, Level::Fault);
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        if limit.is_some() {
            assert!(found(&findings, Topic::Files).advice.as_ref().unwrap().starts_with("ulimit -n "));
        }
    }
}
