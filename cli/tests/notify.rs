//! Who is told that a run has ended, how, and that nothing of it stands in the run's way.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;
use support::{registrations, roamstorm, scenario};
use wire::{Authority, Role};

/// A request: its head, and its body.
type Request = (String, String);

fn read_request(stream: &mut impl Read) -> Request {
    let (mut octets, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let n = stream.read(&mut part).unwrap();
        assert!(n > 0, "{:?}", String::from_utf8_lossy(&octets));
        octets.extend_from_slice(&part[..n]);
        let text = String::from_utf8_lossy(&octets).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= length.parse().unwrap() {
            return (head, body.to_owned());
        }
    }
}

/// Answers each connection with the next of these, and tells what was asked.
fn serve(answers: &'static [&'static str]) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read_request(&mut stream);
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").unwrap();
            sender.send(request).unwrap();
        }
    });
    (address, requests)
}

fn run(folder: &std::path::Path, arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let path = scenario(folder, &registrations(20, 20, 1, ""));
    let mut command = roamstorm();
    command.args(["run", &path, "--seed", "1", "--out"]).arg(folder.join("runs")).args(arguments);
    command.envs(environment.iter().copied());
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_message_is_signed_and_tried_again_and_slack_has_its_own_form() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, asked) = serve(&["503 Busy", "204 No Content"]);
    let (slack, asked_slack) = serve(&["200 OK"]);
    let summary = folder.path().join("summary.md");
    let (plain, slack) = (format!("http://{plain}/hook?x=1"), format!("slack+http://{slack}/services/T"));
    let arguments = ["--notify", &plain, "--notify", &slack, "--summary-file", summary.to_str().unwrap()];
    let (code, stderr) = run(folder.path(), &arguments, &[("ROAMSTORM_NOTIFY_SECRET", "secret")]);
    assert!(matches!(code, Some(0 | 3)), "{stderr}");
    assert!(!stderr.contains("could not be told"), "{stderr}");
    let (first, again) = (asked.recv().unwrap(), asked.recv().unwrap());
    assert_eq!(first.1, again.1, "the same message");
    let (head, body) = again;
    assert!(head.starts_with("post /hook?x=1 http/1.1"), "{head}");
    let of = |name: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap();
    let message: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(message["event"], "run-ended");
    assert!(message["run_id"].as_str().unwrap().ends_with("-test"), "{message}");
    let signed = format!("{}.{body}", of("roamstorm-timestamp"));
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-hmac", "secret"]).stdin(std::process::Stdio::piped());
    match openssl.stdout(std::process::Stdio::piped()).spawn() {
        Ok(mut openssl) => {
            openssl.stdin.take().unwrap().write_all(signed.as_bytes()).unwrap();
            let output = openssl.wait_with_output().unwrap();
            let digest =
                String::from_utf8_lossy(&output.stdout).trim().rsplit(' ').next().unwrap().to_owned();
            assert_eq!(of("roamstorm-signature"), format!("sha256={digest}"));
        }
        Err(error) => oracles::skipped("openssl", error),
    }
    let (_, body) = asked_slack.recv().unwrap();
    let message: Value = serde_json::from_str(&body).unwrap();
    assert!(message["text"].as_str().unwrap().contains("test: "), "{message}");
    let text = std::fs::read_to_string(&summary).unwrap();
    assert!(text.starts_with("## ") && text.contains("| registration | 20 | 20 |"), "{text}");
}

#[test]
fn whoever_cannot_be_told_changes_nothing_but_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let (refusing, _asked) = serve(&["404 Not Found"]);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (refusing, nobody) = (format!("http://{refusing}/a-secret"), format!("http://{nobody}/"));
    let (code, stderr) = run(folder.path(), &["--notify", &refusing, "--notify", &nobody], &[]);
    assert!(matches!(code, Some(0 | 3)), "{stderr}");
    assert!(stderr.contains("it answers 404") && stderr.contains("no connection"), "{stderr}");
    assert!(!stderr.contains("a-secret"), "{stderr}");
}

#[test]
fn tls_is_spoken_with_whom_the_system_trusts_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::generate("a test").unwrap();
    let identity = authority.issue("coordinator", Role::Coordinator, &["localhost".to_owned()]).unwrap();
    let trusted = folder.path().join("trusted.pem");
    std::fs::write(&trusted, authority.certificate_pem()).unwrap();
    let other = folder.path().join("other.pem");
    std::fs::write(&other, Authority::generate("another").unwrap().certificate_pem()).unwrap();
    for (file, is_told) in [(trusted, true), (other, false)] {
        use rustls::pki_types::pem::PemObject as _;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let chain = vec![CertificateDer::from_pem_slice(identity.certificate_pem().as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, asked) = channel();
        std::thread::spawn(move || {
            let config = Arc::new(config);
            while let Ok((tcp, _)) = listener.accept() {
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, tcp);
                let mut part = [0; 65_536];
                let Ok(n) = stream.read(&mut part) else { continue };
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                let _ = sender.send(String::from_utf8_lossy(&part[..n]).into_owned());
            }
        });
        let receiver = format!("https://localhost:{port}/");
        let (_, stderr) =
            run(folder.path(), &["--notify", &receiver], &[("SSL_CERT_FILE", file.to_str().unwrap())]);
        assert_eq!(asked.try_recv().is_ok_and(|request| request.starts_with("POST / ")), is_told, "{stderr}");
        assert_eq!(stderr.contains("could not be told"), !is_told, "{stderr}");
    }
}
