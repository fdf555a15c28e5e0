//! Wrong input ends with exit code 2 and an error that says what was wrong, where, and what would be accepted.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::net::UdpSocket;

use support::{refused, registrations, scenario};

fn assert_refused(arguments: &[&str], expected: &[&str]) {
    let (code, stderr) = refused(arguments);
    assert_eq!(code, Some(2), "{stderr}");
    for text in expected {
        assert!(stderr.contains(text), "{text:?} is not in: {stderr}");
    }
}

#[test]
fn unknown_field_is_named_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(10, 10, 1, "sloz: []"));
    assert_refused(&["check", &path], &["scenario.yaml:", "sloz", "slos"]);
}

#[test]
fn impossible_rate_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = scenario(folder.path(), &registrations(10, 0, 1, ""));
    assert_refused(&["check", &path], &["scenario.yaml:", "rate"]);
}

#[test]
fn unknown_scenario_lists_the_catalogue() {
    assert_refused(&["run", "smoek"], &["smoek", "smoke", "attach-10k"]);
}

#[test]
fn override_of_no_field_names_the_option() {
    assert_refused(&["check", "smoke", "--set", "cells.gnbz=4"], &["--set", "gnbz"]);
}

#[test]
fn target_that_is_no_url_is_refused() {
    assert_refused(&["run", "smoke", "--target", "http://core"], &["http://core", "sctp://"]);
}

#[test]
fn out_that_is_no_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_refused(&["run", "smoke", "--out", file.to_str().unwrap()], &[file.to_str().unwrap(), "--out"]);
}

#[test]
fn certificates_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let certs = folder.path().join("certs");
    assert_refused(
        &["agent", "--coordinator", "127.0.0.1:1", "--certs", certs.to_str().unwrap()],
        &["certs"],
    );
}

/// Runs against a target that cannot work; the error names address and transport, and the exit code is 3: it is the run
/// that could not be.
fn assert_unreachable(target: &str, expected: &[&str]) {
    let out = tempfile::tempdir().unwrap();
    let (code, stderr) =
        refused(&["run", "smoke", "--target", target, "--out", out.path().to_str().unwrap()]);
    assert_eq!(code, Some(3), "{stderr}");
    for text in expected {
        assert!(stderr.contains(text), "{text:?} is not in: {stderr}");
    }
}

#[test]
fn target_where_nothing_listens_is_named() {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_unreachable(&format!("sctp+udp://127.0.0.1:{port}"), &[&format!("127.0.0.1:{port}")]);
}

#[test]
fn target_that_speaks_something_else_is_named() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(b"HTTP/1.1 400 Bad Request\r\n\r\n", peer);
        }
    });
    assert_unreachable(&format!("sctp+udp://{address}"), &[&address.to_string()]);
}

#[test]
fn ledger_of_another_charging_function_is_refused_beside_the_simulator() {
    assert_refused(&["run", "smoke", "--charging", "cdr.csv"], &["--charging", "sim:", "charging.csv"]);
}

#[test]
fn agents_that_would_share_a_user_plane_address_are_refused_before_the_run() {
    let lab = ["run", "smoke", "--target", "sctp+udp://192.0.2.1:9899", "--agents", "2"];
    assert_refused(&lab, &["--gtpu-address", "2 addresses", "2152"]);
    let one = [&lab[..], &["--gtpu-address", "192.0.2.21"]].concat();
    assert_refused(&one, &["2 agents need 2 addresses", "1 are given"]);
    let twice = [&lab[..], &["--gtpu-address", "192.0.2.21,192.0.2.21"]].concat();
    assert_refused(&twice, &["an address of its own"]);
}

#[test]
fn report_of_what_is_no_run_folder_says_what_is_expected() {
    assert_refused(&["report", "nowhere"], &["nowhere", "run folder"]);
}

#[test]
fn foreign_ledger_without_a_mapping_names_the_option() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("cdr.csv");
    std::fs::write(&ledger, "CDR;IMSI\n1;001010000000001\n").unwrap();
    let ledger = ledger.to_str().unwrap();
    assert_refused(&["reconcile", "--usage", ledger, "--charging", ledger], &["cdr.csv:1", "--map"]);
}
