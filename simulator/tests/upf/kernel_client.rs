//! A client that is not ours: the kernel's own stack has a dual-stack session of the gateway, by a TUN device in a network namespace.

use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gtpu::Message;
use scenarios::Flow;
use simulator::SessionSpec;

use crate::bench::{Bench, dual_stack, g_pdu, gnb, spec};

/// 3 pings each way for each family, and what IPv6 says by itself.
const PINGS: u64 = 3;

#[test]
fn the_kernels_own_stack_gets_an_address_a_route_and_answers_to_its_pings() {
    if let Err(why) = is_possible() {
        return oracles::skipped("kernel-client", why);
    }
    let mut bench = Bench::new();
    let dual = SessionSpec { ue: dual_stack(), ..spec(Flow::NONE) };
    let teid = bench.upf.establish(bench.now, dual).unwrap().teid;
    bench.upf.set_downlink(bench.now, teid, Some((gnb(1), 1)));
    let mut client = Client::start(["10.45.0.7", "10.255.255.254", "::7", "2001:db8:0:7", "2001:db8::1"]);
    let mut sequence = 0;
    while let Some(t_pdu) = client.next() {
        bench.now = Instant::now();
        if let Some(t_pdu) = t_pdu {
            bench.receive(gnb(1), &g_pdu(teid, sequence, Some(9), &t_pdu));
            sequence = sequence.wrapping_add(1);
        }
        bench.advance();
        for message in bench.sent_to(gnb(1)) {
            if let Message::GPdu(g_pdu) = message {
                client.send(g_pdu.t_pdu);
            }
        }
        bench.actions.clear();
    }
    client.assert_well();
    let (counters, volumes) = (bench.upf.counters(), bench.upf.volumes(teid));
    assert_eq!(counters.echo_replies, 2 * PINGS, "{counters:?}");
    assert_eq!(counters.not_taken().count(), 0, "{counters:?}");
    assert_eq!(volumes.uplink_packets, u64::from(sequence));
    assert_eq!(volumes.downlink_packets, counters.echo_replies + counters.router_advertisements);
}

/// Whether a namespace with a TUN device can be had here, and there is a ping.
fn is_possible() -> Result<(), String> {
    let script = "test -w /dev/net/tun && command -v python3 && command -v ip && command -v ping";
    let tried = Command::new("unshare").args(["-r", "-n", "sh", "-c", script]).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "no namespace, or it lacks /dev/net/tun, python3, ip or ping: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Err(format!("unshare: {error}")),
    }
}

/// The kernel's stack, behind a Python script.
struct Client {
    child: Child,
    sent: mpsc::Receiver<Vec<u8>>,
}

impl Client {
    fn start(arguments: [&str; 5]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/upf/kernel_client.py");
        let mut child = Command::new("unshare")
            .args(["-r", "-n", "python3", script])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (sender, sent) = mpsc::channel();
        std::thread::spawn(move || {
            let mut head = [0; 2];
            while stdout.read_exact(&mut head).is_ok() {
                let mut packet = vec![0; usize::from(u16::from_be_bytes(head))];
                if stdout.read_exact(&mut packet).is_err() || sender.send(packet).is_err() {
                    return;
                }
            }
        });
        Self { child, sent }
    }

    /// The next packet that it sends, if one comes within a moment; nothing more when it has ended.
    fn next(&self) -> Option<Option<Vec<u8>>> {
        match self.sent.recv_timeout(Duration::from_millis(10)) {
            Ok(packet) => Some(Some(packet)),
            Err(mpsc::RecvTimeoutError::Timeout) => Some(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
        }
    }

    fn send(&mut self, packet: &[u8]) {
        let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
        let framed = [&length, packet].concat();
        if let Err(error) = self.child.stdin.as_mut().unwrap().write_all(&framed) {
            assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
        }
    }

    fn assert_well(mut self) {
        drop(self.child.stdin.take());
        let output = self.child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let whole = said.matches("3 packets transmitted, 3 received, 0% packet loss").count();
        assert_eq!(whole, 2, "{said}");
    }
}
