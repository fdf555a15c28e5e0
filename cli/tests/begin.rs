//! Scenarios that are begun for somebody: by `init`, and by `import` from other programs' configuration.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use support::roamstorm;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn init_writes_a_scenario_that_is_checked_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut init = roamstorm();
    init.current_dir(folder.path()).args(["init", "mine.yaml", "--no-ask", "--kind", "attach"]);
    let output = init.args(["--subscribers", "20", "--rate", "20", "--length", "3s"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        said(&output).contains("written: mine.yaml; next: roamstorm check mine.yaml"),
        "{}",
        said(&output)
    );
    let check = roamstorm().current_dir(folder.path()).args(["check", "mine.yaml"]).output().unwrap();
    assert_eq!(check.status.code(), Some(0), "{}", said(&check));
    assert!(!said(&check).contains("warning"), "{}", said(&check));
    let run = [
        "run",
        "mine.yaml",
        "--seed",
        "1",
        "--set",
        "generator={late: 1s, share: 50%}",
        "--set",
        "radio=ideal",
    ];
    let output = roamstorm().current_dir(folder.path()).args(run).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let again =
        roamstorm().current_dir(folder.path()).args(["init", "mine.yaml", "--no-ask"]).output().unwrap();
    assert_eq!(again.status.code(), Some(2));
    assert!(
        said(&again).contains("mine.yaml is there already: another name is expected, or --force"),
        "{}",
        said(&again)
    );
}

#[test]
fn init_asks_for_what_is_not_given_and_asks_again_after_a_wrong_answer() {
    let mut init: Command = roamstorm();
    init.args(["init", "-", "--ask", "--subscribers", "50"]);
    let mut child = init.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Kind (twice), name, network, IMSI, nodes, area, slice; the rest is the usual.
    child.stdin.take().unwrap().write_all(b"storn\nstorm\nwild\n262/01\n\n3\n7\n\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let (text, asked) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{asked}");
    assert!(
        asked
            .contains("\"storn\" is none of attach, soak, storm, roaming, capacity; did you mean \"storm\"?"),
        "{asked}"
    );
    for part in [
        "name: wild",
        "plmn: 262/01",
        "imsi: \"262010000000001\"",
        "count: 50",
        "nodes: 3, tacs: [7]",
        "signalling-storm",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(asked.contains("base stations [4]: ") && !asked.contains("subscribers ["), "{asked}");
}

#[test]
fn init_refuses_what_does_not_go_together() {
    for (arguments, part) in [
        (&["--imsi", "999700000000001"][..], "does not begin with its PLMN 001/01"),
        (&["--radio", "urbane"], "did you mean \"urban\"?"),
        (&["--length", "soon"], "is not a duration"),
        (&["--tac", "16777214"], "is not a tracking area code"),
        (&["--kind", "roaming", "--visited", "001/01"], "is in the list twice"),
    ] {
        let output = roamstorm().args(["init", "-", "--no-ask"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(part), "{part}: {}", said(&output));
    }
}

#[test]
fn import_says_what_was_taken_and_what_was_not() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gnb.yaml"), GNB).unwrap();
    std::fs::write(folder.path().join("ue.yaml"), UE).unwrap();
    let mut import = roamstorm();
    import.current_dir(folder.path()).args([
        "import",
        "ueransim",
        "gnb.yaml",
        "ue.yaml",
        "--subscribers",
        "30",
    ]);
    let output = import.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for part in [
        "taken: ue.yaml: supi is subscribers[].imsi",
        "not taken: gnb.yaml: linkIp: there is no radio link over IP",
        "run it: roamstorm run imported.yaml --target sctp://192.0.2.5:38412",
    ] {
        assert!(said(&output).contains(part), "{part}: {}", said(&output));
    }
    let check = roamstorm().current_dir(folder.path()).args(["check", "imported.yaml"]).output().unwrap();
    assert_eq!(check.status.code(), Some(0), "{}", said(&check));
    assert!(!said(&check).contains("warning") && said(&check).contains("30 subscribers"), "{}", said(&check));
    let missing = roamstorm().args(["import", "ueransim", "nowhere.yaml"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(said(&missing).contains("reading nowhere.yaml"), "{}", said(&missing));
}

const GNB: &str = "mcc: '262'\nmnc: '01'\nnci: '0x000000030'\nidLength: 32\ntac: 7\nlinkIp: 127.0.0.1\nngapIp: 127.0.0.1\n\
    gtpIp: 127.0.0.1\namfConfigs:\n  - {address: 192.0.2.5, port: 38412}\nslices:\n  - {sst: 1, sd: 0x0a}\n";

const UE: &str = "supi: 'imsi-262010000000101'\nmcc: '262'\nmnc: '01'\nkey: '00112233445566778899AABBCCDDEEFF'\n\
    op: '0102030405060708090A0B0C0D0E0F10'\nopType: 'OP'\namf: '8000'\ngnbSearchList: [127.0.0.1]\n\
    sessions:\n  - {type: 'IPv4v6', apn: 'ims', slice: {sst: 1, sd: 0x0a}}\nintegrity: {IA1: true, IA2: true, IA3: false}\n\
    ciphering: {EA1: false, EA2: true, EA3: true}\n";
