//! Agents that have nothing but a token, as processes: they join, renew during a run, and are revoked.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

use support::{Process, assert_summary_passed, registrations, roamstorm, scenario};

fn certs(folder: &Path, arguments: &[&str]) -> String {
    let output = roamstorm().arg("certs").arg(folder.join("certs")).args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The word after `listening on`.
fn address_of(process: &mut Process) -> String {
    let line = process.wait_for("enrolment: listening on");
    line.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned()
}

fn serve(folder: &Path, more: &[&str]) -> (Process, String) {
    let mut command = roamstorm();
    command.arg("certs").arg(folder.join("certs")).args(["serve", "--listen", "127.0.0.1:0"]).args(more);
    let mut server = Process::start(&mut command);
    let address = address_of(&mut server);
    (server, address)
}

/// An agent without files.
fn agent(folder: &Path, name: &str, coordinator: &str, enrol: &str) -> Command {
    let mut command = roamstorm();
    command.args(["agent", "--workers", "1", "--name", name, "--coordinator", coordinator, "--enrol", enrol]);
    command.arg("--state").arg(folder.join(format!("state-{name}")));
    command
}

fn with_token(mut command: Command, token: &str) -> Command {
    command.env("ROAMSTORM_TOKEN", token);
    command
}

#[test]
fn an_agent_with_nothing_but_a_token_joins_renews_and_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::certs(folder);
    let path = scenario(folder, &registrations(700, 50, 14, ""));
    let (_simulator, target) = support::simulator(&path, 2, |_| {});
    let begin = || {
        let (coordinator, address) = support::coordinator(folder, (&path, 2), (1, &target), |command| {
            command.args(["--enrol=127.0.0.1:0", "--cert-life", "9s", "--pool", "spot"]);
        });
        // It is served before the run waits.
        let said = coordinator.said();
        let line = said.iter().find(|line| line.contains("enrolment: listening on")).unwrap();
        let enrol = line.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned();
        (coordinator, address, enrol)
    };
    let token = certs(folder, &["token", "create", "--pool", "spot"]);

    let (coordinator, address, enrol) = begin();
    let mut first = Process::start(&mut with_token(agent(folder, "web", &address, &enrol), &token));
    assert!(first.wait_for("enrolled as web").contains("(pool spot)"));
    first.wait_for("the load of run");
    first.wait_for("renewed the certificate of web");
    let (code, stdout, stderr) = coordinator.finish();
    assert_summary_passed(code, &serde_json::from_str(&stdout).unwrap(), &stderr);
    assert_eq!(first.finish().0, Some(0));

    // Its folder is enough from here on; a second machine gets nothing for the token.
    let (coordinator, address, enrol) = begin();
    let second = Process::start(&mut with_token(agent(folder, "db", &address, &enrol), &token));
    let (code, _, stderr) = second.finish();
    assert!(code == Some(2) && stderr.contains("good for 1 agent and is used up"), "{code:?} {stderr}");
    let mut again = Process::start(&mut agent(folder, "web", &address, &enrol));
    again.wait_for("using the certificate of web");
    again.wait_for("the load of run");
    let revoked = certs(folder, &["revoke", "web"]);
    assert!(revoked.contains("web: revoked"), "{revoked}");
    let (code, _, stderr) = again.finish();
    assert!(code == Some(3) && stderr.contains("revoked"), "{code:?} {stderr}");
    coordinator.signal("INT");
    coordinator.signal("INT");
    coordinator.finish();

    let listed = certs(folder, &["list"]);
    assert!(listed.contains("web ") && listed.contains("revoked") && listed.contains("token:"), "{listed}");
    let log = certs(folder, &["log"]);
    for line in
        ["token-created", "issued         web", "renewed        web", "token-used", "revoked        web"]
    {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(!log.contains(token.split('.').nth(3).unwrap()), "no secret is in the journal");
}

#[test]
fn a_pool_stands_in_the_certificate_and_no_word_of_the_agent_changes_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::certs(folder);
    let path = scenario(folder, &registrations(50, 50, 1, ""));
    let (_server, enrol) = serve(folder, &[]);
    let (_coordinator, address) =
        support::coordinator(folder, (&path, 2), (1, "sctp+udp://127.0.0.1:9"), |_| {});
    let token = certs(folder, &["token", "create", "--pool", "spot", "--uses", "2"]);
    let other =
        with_token(agent(folder, "web", &address, &enrol), &token).args(["--pool", "lab"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&other.stderr);
    assert!(stderr.contains("the token is for pool spot") && stderr.contains("lab"), "{stderr}");
    // With the certificate in hand it says so at the coordinator.
    let mut enrolled = Process::start(&mut with_token(agent(folder, "web", &address, &enrol), &token));
    enrolled.wait_for("joined");
    drop(enrolled);
    let liar = agent(folder, "web", &address, &enrol).args(["--pool", "lab"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&liar.stderr);
    assert_eq!(liar.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("(`web`) is for pool spot, and it says that it belongs to pool lab"), "{stderr}");
}

#[test]
fn an_authority_that_dies_between_record_and_answer_loses_no_use() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::certs(folder);
    let token = certs(folder, &["token", "create"]);
    // Signs for the checks at the start, and says when it is asked for a certificate; then it waits to be killed.
    let key = folder.join("certs/authority.key");
    let signs = folder.join("signs");
    let text = format!(
        "#!/bin/sh\nn=$(cat {0}/count 2>/dev/null || echo 0)\necho $((n + 1)) > {0}/count\n[ $n -ge 2 ] && echo asked > {0}/asked && cat {0}/never\nexec openssl dgst -sha256 -sign {1}\n",
        folder.display(),
        key.display()
    );
    std::fs::write(&signs, text).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&signs, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mkfifo = Command::new("mkfifo").arg(folder.join("asked")).arg(folder.join("never")).status().unwrap();
    assert!(mkfifo.success());

    let (server, enrol) =
        serve(folder, &["--authority-command", signs.to_str().unwrap(), "--authority-timeout", "60s"]);
    let first = Process::start(&mut with_token(agent(folder, "web", "127.0.0.1:9", &enrol), &token));
    assert_eq!(std::fs::read_to_string(folder.join("asked")).unwrap(), "asked\n");
    server.signal("KILL");
    drop(server);
    let (code, _, stderr) = first.finish();
    assert!(code == Some(2) && stderr.contains("nothing answered at"), "{code:?} {stderr}");
    assert!(certs(folder, &["token", "list"]).contains("1 of 1"));

    let (_server, enrol) = serve(folder, &[]);
    let stranger = with_token(agent(folder, "db", "127.0.0.1:9", &enrol), &token).output().unwrap();
    assert!(String::from_utf8_lossy(&stranger.stderr).contains("used up"));
    let mut again = Process::start(&mut with_token(agent(folder, "web", "127.0.0.1:9", &enrol), &token));
    again.wait_for("enrolled as web");
}

#[test]
fn what_is_wrong_with_a_token_is_said_before_anybody_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::certs(folder);
    let token = certs(folder, &["token", "create"]);
    let file = folder.join("token");
    let cut = token.trim().get(..60).unwrap().to_owned();
    for (text, expected) in
        [("", "the token is empty"), ("hunter2", "no join token"), (cut.as_str(), "cut or mistyped")]
    {
        std::fs::write(&file, text).unwrap();
        let mut command = agent(folder, "web", "127.0.0.1:9", "127.0.0.1:9");
        let output = command.arg("--token-file").arg(&file).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && stderr.contains(expected), "{expected}: {stderr}");
        assert!(stderr.contains("--token-file") && (text.is_empty() || !stderr.contains(text)), "{stderr}");
    }
    let mut none = roamstorm();
    none.args(["agent", "--coordinator", "127.0.0.1:9"])
        .env("XDG_STATE_HOME", folder)
        .env("STATE_DIRECTORY", folder);
    let output = none.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && stderr.contains("needs a join token"), "{stderr}");
    let missing = agent(folder, "web", "127.0.0.1:9", "127.0.0.1:9").output().unwrap();
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no certificate is kept there"));
}

const EC2_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../enrolment/testdata/ec2-test.key");
const EC2_CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../enrolment/testdata/ec2-test.pem");

/// A metadata service on loopback that has the identity document of an instance, and nothing else; signed by the test's certificate.
fn metadata_service(document: String) -> String {
    let key = RsaKeyPair::from_pkcs8(PrivatePkcs8KeyDer::from_pem_file(EC2_KEY).unwrap().secret_pkcs8_der())
        .unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), document.as_bytes(), &mut signature).unwrap();
    let signature = base64::engine::general_purpose::STANDARD.encode(signature);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let asked = lines.next().unwrap_or_default();
            lines.find(String::is_empty);
            let body = match asked.split(' ').nth(1).unwrap_or_default() {
                "/latest/api/token" => "TOKEN==",
                "/latest/dynamic/instance-identity/document" => &document,
                "/latest/dynamic/instance-identity/signature" => &signature,
                _ => "",
            };
            let status = if body.is_empty() { "404 Not Found" } else { "200 OK" };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    url
}

#[test]
fn a_supervised_instance_of_ec2_enrols_by_its_document_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::certs(folder);
    let path = scenario(folder, &registrations(400, 50, 8, ""));
    let (_simulator, target) = support::simulator(&path, 2, |_| {});
    let (_server, enrol) = serve(
        folder,
        &[
            "--cert-life",
            "6s",
            "--ec2-certs",
            EC2_CERTIFICATE,
            "--ec2-account",
            "123456789012",
            "--ec2-pool",
            "spot",
        ],
    );
    let (coordinator, address) = support::coordinator(folder, (&path, 2), (1, &target), |command| {
        command.args(["--pool", "spot"]);
    });
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let started = enrolment::clock::iso(now);
    let metadata = metadata_service(format!(
        r#"{{"accountId": "123456789012", "instanceId": "i-1234567890abcdef0", "region": "eu-west-1", "pendingTime": "{started}"}}"#
    ));
    let listed = roamstorm().arg("certs").arg(folder.join("certs")).args(["token", "list"]).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stderr).into_owned();
    let authority = listed.split_whitespace().find(|word| word.starts_with("sha256:")).unwrap();
    let instance = |name: &str| {
        let mut command = agent(folder, name, &address, &enrol);
        command.args(["--ec2", "--authority", authority, "--metadata", &metadata, "--supervised"]);
        command.env("ROAMSTORM_RUNTIME_DIR", folder.join("run"));
        command
    };
    let mut first = Process::start(&mut instance("web"));
    assert!(first.wait_for("enrolled as i-1234567890abcdef0").contains("(pool spot)"));
    first.wait_for("using the certificate of i-1234567890abcdef0");
    first.wait_for("renewed the certificate of i-1234567890abcdef0");
    let (code, stdout, stderr) = coordinator.finish();
    let summary = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    assert_summary_passed(code, &summary, &stderr);
    assert_eq!(summary["agents"][0]["id"], "i-1234567890abcdef0", "{}", summary["agents"]);
    assert_eq!(summary["agents"][0]["pool"], "spot");
    let (code, _, stderr) = first.finish();
    assert_eq!(code, Some(0), "{stderr}");
    let copied = instance("copied").output().unwrap();
    let stderr = String::from_utf8_lossy(&copied.stderr);
    assert!(copied.status.code() == Some(2) && stderr.contains("has enrolled already"), "{stderr}");
}
