//! What goes wrong on the way to a server, and that it costs neither a verdict nor a folder.

use std::io::Write as _;

use crate::proxy::{Cutter, endless, silent};
use crate::server::{Room, SECRET, Server, dead_port};
use crate::support::{self, Process, registrations, roamstorm, scenario};
use crate::{files, said, sha256, small_run};

#[test]
fn who_is_not_let_in_or_has_no_bucket_is_told_what_to_do_and_no_secret() {
    let server = Server::start(Room::Enough, &["plain"]);
    let run = small_run();
    let folder = run.folder();
    let push = |place: &str| {
        let mut command = server.roamstorm();
        command.args(["--log", "trace", "artifacts", "push"]).arg(&folder).arg(place);
        command
    };
    let told = |command: &mut std::process::Command, expected: &[&str]| {
        let (out, err) = said(command, 2);
        let last = err.lines().rfind(|line| line.starts_with("error: ")).unwrap_or_default();
        for text in expected.iter().chain(&["what is there is not sent again: roamstorm artifacts push"]) {
            assert!(last.contains(text), "{text}: {last}");
        }
        assert!(
            !out.contains(SECRET) && !err.contains(SECRET) && !err.contains("another-secret"),
            "a secret is shown"
        );
    };
    told(
        push("s3://plain/x").env("AWS_SECRET_ACCESS_KEY", "another-secret"),
        &["SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"],
    );
    told(
        push("s3://plain/x").env("AWS_ACCESS_KEY_ID", "nobody"),
        &["InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"],
    );
    told(
        push("s3://plain/x").env("AWS_ACCESS_KEY_ID", "reader-key"),
        &["AccessDenied", "may not do this here"],
    );
    told(&mut push("s3://nowhere/x"), &["s3://nowhere/x/", "NoSuchBucket", "make the bucket"]);
    told(push("s3://plain/x").args(["--artifacts-lock", "governance"]), &["made with object lock"]);
    let dead = format!("http://127.0.0.1:{}", dead_port());
    told(
        push("s3://plain/x").args(["--endpoint", &dead]),
        &["not reached", "Connection refused", "--endpoint right?"],
    );
    let mut nobody = push("s3://plain/x");
    nobody
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("HOME", folder.join("none"));
    told(&mut nobody, &["no credentials", "AWS_PROFILE"]);
    told(
        push("s3://plain/x").args(["--endpoint", "plain.example"]),
        &["no address of a server", "https://HOST"],
    );
    assert_eq!(server.boto("print(s3.list_objects_v2(Bucket='plain')['KeyCount'])"), "0");
}

#[test]
fn a_server_that_is_away_changes_no_verdict_and_the_folder_is_pushed_later() {
    let server = Server::start(Room::Enough, &["plain"]);
    let out = tempfile::tempdir().unwrap();
    let file = scenario(out.path(), &registrations(20, 20, 1, ""));
    let dead = format!("http://127.0.0.1:{}", dead_port());
    let mut command = server.roamstorm();
    command.args(["run", &file, "--json", "--seed", "1", "--artifacts", "s3://plain/x", "--endpoint", &dead]);
    command.arg("--out").arg(out.path());
    let run = support::finish(command.output().unwrap(), out);
    support::assert_passed(&run);
    assert!(
        run.stderr.contains("they are pushed at its end") && run.stderr.contains("Connection refused"),
        "{}",
        run.stderr
    );
    let line =
        run.stderr.lines().rfind(|line| line.starts_with("warning: the artifacts were not pushed")).unwrap();
    let again =
        line.split("the run folder has them all: roamstorm ").nth(1).unwrap_or_else(|| panic!("{line}"));
    let again = again.replace(&format!(" --endpoint {dead}"), "");
    let (out, _) = said(server.roamstorm().args(again.split(' ')), 0);
    assert!(out.contains("s3://plain/x/"), "{out}");
    let id = run.summary["run_id"].as_str().unwrap();
    said(server.roamstorm().args(["artifacts", "verify", &format!("s3://plain/x/{id}")]), 0);
}

#[test]
fn a_lock_without_a_place_is_refused_before_anything_runs() {
    for (option, value) in [
        ("--artifacts-lock", "compliance"),
        ("--artifacts-keep", "traces=7d"),
        ("--endpoint", "http://127.0.0.1:9"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let mut command = roamstorm();
        command.args(["run", "smoke", option, value, "--out"]).arg(out.path());
        let (_, err) = said(&mut command, 2);
        assert!(err.contains(&format!("{option} says how artifacts are kept")), "{err}");
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
    }
}

/// A run folder with a file in it that goes up in parts.
fn with_a_large_file() -> support::Run {
    let run = small_run();
    let mut file = std::fs::File::create(run.folder().join("usage.csv")).unwrap();
    for number in 0..(20 << 10) {
        writeln!(file, "{number:0>1023}").unwrap();
    }
    run
}

#[test]
fn connections_that_are_cut_are_made_again_and_every_octet_arrives() {
    let server = Server::start(Room::Enough, &["locked"]);
    let run = with_a_large_file();
    let cutter = Cutter::before(server.port(), 9, 3 << 20);
    let small = Cutter::before(server.port(), 5, 300);
    for (number, cutter) in [&cutter, &small].into_iter().enumerate() {
        let place = format!("s3://locked/{number}");
        let mut push = server.roamstorm();
        push.args(["artifacts", "push"]).arg(run.folder()).args([&place, "--artifacts-lock", "governance"]);
        let (out, _) = said(push.args(["--endpoint", &cutter.endpoint()]), 0);
        assert!(out.contains("locked (governance)"), "{out}");
        assert!(cutter.cut() > 0, "nothing was cut");
        let url = format!("{place}/{}", run.summary["run_id"].as_str().unwrap());
        let (out, _) = said(server.roamstorm().args(["artifacts", "verify", &url]), 0);
        assert!(out.contains("AS PUSHED"), "{out}");
    }
    // What goes up in parts has a checksum of its parts, and the server holds no part that belongs to nothing.
    let answers = server.boto(
        "print(len(s3.list_multipart_uploads(Bucket='locked').get('Uploads', [])))\n\
         key = [o['Key'] for o in s3.list_objects_v2(Bucket='locked', Prefix='0/')['Contents'] if o['Key'].endswith('usage.csv')][0]\n\
         head = s3.head_object(Bucket='locked', Key=key, ChecksumMode='ENABLED')\n\
         print(head['ContentLength'], head['ChecksumSHA256'].endswith('-3'), head['ObjectLockMode'])",
    );
    assert_eq!(answers, format!("0\n{} True GOVERNANCE", 20 << 20));
}

#[test]
fn a_server_that_is_full_says_so_and_what_went_up_is_not_sent_again() {
    let server = Server::start(Room::Little, &["small"]);
    let run = with_a_large_file();
    let before: Vec<_> =
        files(&run.folder()).into_iter().map(|path| sha256(&run.folder().join(path))).collect();
    let (_, err) =
        said(server.roamstorm().args(["artifacts", "push"]).arg(run.folder()).arg("s3://small"), 2);
    assert!(err.contains("no room") && err.contains("again and again"), "{err}");
    let after: Vec<_> =
        files(&run.folder()).into_iter().map(|path| sha256(&run.folder().join(path))).collect();
    assert_eq!(before, after);
    assert_eq!(server.boto("print(len(s3.list_multipart_uploads(Bucket='small').get('Uploads', [])))"), "0");
    // Without a manifest nobody takes it for a run.
    let (_, err) = said(server.roamstorm().args(["artifacts", "list", "s3://small"]), 2);
    assert!(err.contains("the push of none has ended"), "{err}");
}

#[test]
fn who_interrupts_a_push_is_told_how_to_go_on() {
    let server = Server::start(Room::Enough, &["plain"]);
    let run = with_a_large_file();
    let id = run.summary["run_id"].as_str().unwrap();
    // Everything but the large file is there, which then meets a server that says nothing.
    let mut first = server.roamstorm();
    said(first.args(["artifacts", "push"]).arg(run.folder()).arg("s3://plain"), 0);
    server.boto(&format!("s3.delete_object(Bucket='plain', Key='{id}/usage.csv')"));
    let (port, asked) = silent();
    let silent = format!("http://127.0.0.1:{port}");
    let mut push = server.roamstorm();
    push.args(["artifacts", "push"]).arg(run.folder()).args(["s3://plain", "--endpoint", &silent]);
    let push = Process::start(&mut push);
    asked.recv().unwrap();
    push.signal("INT");
    let (code, _, err) = push.finish();
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("it was stopped") && err.contains("roamstorm artifacts push"), "{err}");
    let (out, _) =
        said(server.roamstorm().args(["artifacts", "push"]).arg(run.folder()).arg("s3://plain"), 0);
    let all = files(&run.folder())
        .into_iter()
        .filter(|path| artifacts::fate(path) != Some(artifacts::Fate::Stays))
        .count();
    assert!(
        out.contains(&format!("{all} files"))
            && out.contains(&format!("({} files were there already)", all - 1)),
        "{out}"
    );
}

#[test]
fn an_answer_without_end_is_refused_before_it_fills_the_memory() {
    let server = Server::start(Room::Enough, &[]);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\n\r\n<?xml version=\"1.0\"?><x>";
    for (head, expected) in [
        (head, "longer than any answer of S3"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n<Error>", "longer than any answer of S3"),
        ("HTTP/1.1 400 Bad Request\r\nx: ", "not reached"),
    ] {
        let port = endless(head);
        // Memory is what this shell allows, in KiB.
        let mut limited = std::process::Command::new("bash");
        let script = format!(
            "ulimit -v 1500000; exec {} runs --out s3://bucket/x --endpoint http://127.0.0.1:{port}",
            env!("CARGO_BIN_EXE_roamstorm")
        );
        server.let_in(limited.args(["-c", &script]), SECRET);
        let (_, err) = said(&mut limited, 2);
        assert!(err.contains(expected), "{expected}: {err}");
    }
    // A manifest without end.
    let port = endless("HTTP/1.1 200 OK\r\n\r\n{");
    let mut report = roamstorm();
    server.let_in(&mut report, SECRET);
    report.args(["report", "s3://bucket/x/run", "--endpoint", &format!("http://127.0.0.1:{port}")]);
    let (_, err) = said(&mut report, 2);
    assert!(err.contains("manifest.ndjson: it has more than"), "{err}");
}
