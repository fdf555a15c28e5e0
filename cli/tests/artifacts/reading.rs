//! Commands that take a run folder take a run in S3.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::server::{Room, SECRET, Server};
use crate::support::{self, registrations, scenario};
use crate::{said, sha256};

/// Two runs that were pushed, and nothing of them here; their names.
fn two_runs(server: &Server, place: &str) -> [String; 2] {
    ["1", "2"].map(|seed| {
        let out = tempfile::tempdir().unwrap();
        let mut command = server.roamstorm();
        command.args(["run", "smoke", "--json", "--seed", seed, "--out"]).arg(out.path());
        let output = command.args(["--artifacts", place]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains(&format!("artifacts: {place}/")), "{stderr}");
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        summary["run_id"].as_str().unwrap().to_owned()
    })
}

/// The program in a folder of its own, whose temporary folder is empty before and after.
fn in_folder(server: &Server, folder: &Path) -> Command {
    let temporary = folder.join("tmp");
    std::fs::create_dir_all(&temporary).unwrap();
    let mut command = server.roamstorm();
    command.current_dir(folder).env("TMPDIR", temporary);
    command
}

fn assert_nothing_is_left(folder: &Path) {
    assert_eq!(std::fs::read_dir(folder.join("tmp")).unwrap().count(), 0);
}

#[test]
fn runs_are_compared_reported_reconciled_and_listed_where_they_lie() {
    let server = Server::start(Room::Enough, &["campaigns"]);
    let place = "s3://campaigns/nightly";
    let [base, run] = two_runs(&server, place);
    let work = tempfile::tempdir().unwrap();
    let (base_url, run_url) = (format!("{place}/{base}"), format!("{place}/{run}"));

    let mut compare = in_folder(&server, work.path());
    let output = compare.args(["compare", &base_url, &run_url, "--json"]).output().unwrap();
    assert!(matches!(output.status.code(), Some(0..=2)), "{}", String::from_utf8_lossy(&output.stderr));
    let compared: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(compared["base"]["folder"], base_url, "{compared:#}");
    assert_eq!(compared["run"]["run_id"], run);
    let page = std::fs::read_to_string(work.path().join(format!("compare-with-{base}.html"))).unwrap();
    assert!(page.contains(&run_url) && !page.contains("roamstorm-s3-"), "the page names the places");

    let (out, _) = said(in_folder(&server, work.path()).args(["report", &run_url]), 0);
    assert_eq!(out.trim(), format!("{run}-report.html"));
    let page = std::fs::read_to_string(work.path().join(out.trim())).unwrap();
    assert!(page.contains(&run), "the report is of the run");
    let (out, _) = said(in_folder(&server, work.path()).args(["report", &run_url, "--html", "page.html"]), 0);
    assert_eq!(
        (out.trim(), sha256(&work.path().join("page.html"))),
        ("page.html", sha256(&work.path().join(format!("{run}-report.html"))))
    );

    let (out, _) = said(in_folder(&server, work.path()).args(["reconcile", &run_url, "--json"]), 0);
    let account: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(account["sessions"], 100, "{account:#}");
    assert!(work.path().join("unreconciled.csv").is_file(), "it is written into the present folder");

    let (out, _) = said(in_folder(&server, work.path()).args(["runs", "--out", place, "--json"]), 0);
    let listed: Value = serde_json::from_str(&out).unwrap();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    assert_eq!(names, [&base, &run]);
    assert_eq!(listed[0]["folder"], base_url);
    let mut trend = in_folder(&server, work.path());
    let output = trend.args(["trend", "registration.success", "--out", place, "--json"]).output().unwrap();
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    // A run whose generator was late is no valid one, and is left out.
    assert!(figures["runs"].as_array().is_none_or(|runs| runs.len() <= 2), "{figures:#}");

    let (out, _) = said(in_folder(&server, work.path()).args(["artifacts", "list", place]), 0);
    assert!(out.contains(&base_url) && out.contains("not locked, not signed"), "{out}");
    let (out, _) = said(in_folder(&server, work.path()).args(["artifacts", "list", &run_url]), 0);
    assert!(out.contains("usage.csv") && out.contains("billing") && out.contains("until 20"), "{out}");
    assert_nothing_is_left(work.path());
}

#[test]
fn what_was_changed_is_noticed_by_who_reads_it() {
    let server = Server::start(Room::Enough, &["plain"]);
    let run = crate::small_run();
    let id = run.summary["run_id"].as_str().unwrap();
    let url = format!("s3://plain/x/{id}");
    said(server.roamstorm().args(["artifacts", "push"]).arg(run.folder()).arg("s3://plain/x"), 0);
    let (out, _) = said(server.roamstorm().args(["artifacts", "verify", &url]), 0);
    assert!(out.contains("AS PUSHED") && out.contains("not signed") && out.contains("not locked"), "{out}");

    server.boto(&format!(
        "s3.put_object(Bucket='plain', Key='x/{id}/plan.json', Body=b'{{}}')\n\
         body = s3.get_object(Bucket='plain', Key='x/{id}/summary.json')['Body'].read()\n\
         s3.put_object(Bucket='plain', Key='x/{id}/summary.json', Body=body.replace(b'pass', b'PASS'))\n\
         s3.delete_object(Bucket='plain', Key='x/{id}/usage.csv')\n\
         s3.put_object(Bucket='plain', Key='x/{id}/more.txt', Body=b'x')"
    ));
    let (out, _) = said(server.roamstorm().args(["artifacts", "verify", &url]), 1);
    for expected in [
        "NOT AS PUSHED",
        "plan.json: s3://plain/x",
        "it has 2 octets",
        "its content is not what was pushed",
        "usage.csv: it is missing, and was to be kept until",
        "1 more objects lie there",
    ] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
    let (_, err) = said(server.roamstorm().args(["report", &url]), 2);
    assert!(err.contains("summary.json: its content is not what was pushed"), "{err}");
    let (_, err) = said(server.roamstorm().args(["runs", "--out", "s3://plain/x"]), 2);
    assert!(err.contains("left out: ") && err.contains("there is no such run"), "{err}");

    server.boto(&format!(
        "body = s3.get_object(Bucket='plain', Key='x/{id}/manifest.ndjson')['Body'].read()\n\
         s3.put_object(Bucket='plain', Key='x/{id}/manifest.ndjson', Body=body.replace(b'plan.json', b'../../plan'))"
    ));
    let (_, err) = said(server.roamstorm().args(["artifacts", "verify", &url]), 2);
    assert!(err.contains("leaves the run folder"), "{err}");
}

#[test]
fn a_coordinator_signs_as_what_it_is_and_a_change_shows() {
    let server = Server::start(Room::Enough, &["signed"]);
    let work = tempfile::tempdir().unwrap();
    let certs = support::certs(work.path());
    let run = crate::small_run();
    let id = run.summary["run_id"].as_str().unwrap();
    let mut push = server.roamstorm();
    push.args(["artifacts", "push"]).arg(run.folder()).args(["s3://signed", "--artifacts-certs"]).arg(&certs);
    let (out, _) = said(&mut push, 0);
    assert!(out.contains(&format!("s3://signed/{id}")) && out.contains(", signed"), "{out}");

    // OpenSSL says the same of the signature.
    let manifest = server.boto(&format!(
        "print(s3.get_object(Bucket='signed', Key='{id}/manifest.ndjson')['Body'].read().decode(), end='')"
    ));
    let (first, second) = manifest.split_once('\n').unwrap();
    let signature: Value = serde_json::from_str(second).unwrap();
    let at = |name: &str| work.path().join(name);
    std::fs::write(at("manifest"), first).unwrap();
    std::fs::write(at("signer.pem"), signature["certificate"].as_str().unwrap()).unwrap();
    let hex = signature["signature"].as_str().unwrap();
    let octets =
        (0..hex.len()).step_by(2).map(|place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap());
    std::fs::write(at("signature"), octets.collect::<Vec<u8>>()).unwrap();
    let script = "openssl x509 -in signer.pem -pubkey -noout > key.pem && openssl dgst -sha256 -verify key.pem -signature signature manifest";
    let (out, _) = said(Command::new("sh").args(["-c", script]).current_dir(work.path()), 0);
    assert!(out.contains("Verified OK"), "{out}");

    // The verdict in the manifest is what it was signed for.
    server.boto(&format!(
        "body = s3.get_object(Bucket='signed', Key='{id}/manifest.ndjson')['Body'].read()\n\
         s3.put_object(Bucket='signed', Key='{id}/manifest.ndjson', Body=body.replace(b'\"seed\":1', b'\"seed\":2'))"
    ));
    let url = format!("s3://signed/{id}");
    let (_, err) = said(server.roamstorm().args(["artifacts", "verify", &url]), 2);
    assert!(err.contains("the signature is not of this text"), "{err}");
    // Without the second line nobody signed, which is said, and is wrong where a signer is asked for.
    server.boto(&format!(
        "body = s3.get_object(Bucket='signed', Key='{id}/manifest.ndjson')['Body'].read()\n\
         s3.put_object(Bucket='signed', Key='{id}/manifest.ndjson', Body=body.splitlines()[0])"
    ));
    let mut verify = server.roamstorm();
    verify.args(["artifacts", "verify", &url, "--authority"]).arg(certs.join("authority.pem"));
    let (out, _) = said(&mut verify, 1);
    assert!(out.contains("nobody signed it"), "{out}");
}

#[test]
fn a_fleet_pushes_as_its_coordinator() {
    let server = Server::start(Room::Enough, &["fleet"]);
    let work = tempfile::tempdir().unwrap();
    let certs = support::certs(work.path());
    let file = scenario(work.path(), &registrations(20, 20, 1, ""));
    let (simulator, target) = support::simulator(&file, 1, |_| {});
    let (mut coordinator, address) = support::coordinator(work.path(), (&file, 1), (1, &target), |command| {
        server.let_in(command, SECRET);
        command.args(["--artifacts", "s3://fleet/x", "--endpoint", &server.endpoint()]);
    });
    let mut agent = support::roamstorm();
    let mut agent = agent.args(["agent", "--coordinator", &address, "--certs"]).arg(&certs).spawn().unwrap();
    let pushed = coordinator.wait_for("artifacts: s3://fleet/x/");
    assert!(pushed.contains(", signed"), "{pushed}");
    let url = pushed.split(' ').nth(1).unwrap().trim_end_matches(':').to_owned();
    coordinator.finish();
    agent.wait().unwrap();
    drop(simulator);
    let mut verify = server.roamstorm();
    verify.args(["artifacts", "verify", &url, "--authority"]).arg(certs.join("authority.pem"));
    let (out, _) = said(&mut verify, 0);
    assert!(out.contains("signed by a coordinator of this authority"), "{out}");
}
