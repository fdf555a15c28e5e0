//! What packages have, made of the program of this build: the Debian package, its units, and what its scripts do. A fresh Debian root, where
//! they are used, has `make test-packages`.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const PROGRAM: &str = env!("CARGO_BIN_EXE_roamstorm");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn output(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{command:?}: {said}");
    String::from_utf8(done.stdout).unwrap() + &said
}

/// What was made once for all tests of this file.
struct Made {
    program: PathBuf,
    package: PathBuf,
    unpacked: PathBuf,
    folder: PathBuf,
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join("program");
        output(Command::new("strip").arg("-o").arg(&program).arg(PROGRAM));
        let mut dist = Command::new(root().join("scripts/dist"));
        dist.arg(&folder).env("BINARY", &program).envs([("ONLY", "deb sbom"), ("DEB_COMPRESSION", "none")]);
        dist.envs([("DEB_VERSION", "1.2.3"), ("SOURCE_DATE_EPOCH", "1700000000")]).env_remove("SIGNING_KEY");
        output(&mut dist);
        let name = output(Command::new("dpkg").arg("--print-architecture"));
        let package = folder.join(format!("roamstorm_1.2.3_{}.deb", name.trim()));
        let unpacked = folder.join("unpacked");
        output(Command::new("dpkg-deb").arg("-R").arg(&package).arg(&unpacked));
        Made { program, package, unpacked, folder }
    })
}

#[test]
fn the_package_has_program_services_pages_and_settings_that_are_the_operators() {
    let Made { package, unpacked, .. } = made();
    let there = [
        "usr/bin/roamstorm",
        "usr/lib/roamstorm/coordinator",
        "usr/lib/systemd/system/roamstorm-agent.service",
        "usr/lib/systemd/system/roamstorm-coordinator.service",
        "usr/lib/systemd/system/roamstorm-simulator.service",
        "usr/lib/sysusers.d/roamstorm.conf",
        "usr/lib/sysctl.d/50-roamstorm.conf",
        "usr/lib/modules-load.d/roamstorm.conf",
        "usr/share/man/man1/roamstorm.1.gz",
        "usr/share/man/man1/roamstorm-health.1.gz",
        "usr/share/bash-completion/completions/roamstorm",
        "usr/share/zsh/vendor-completions/_roamstorm",
        "usr/share/fish/vendor_completions.d/roamstorm.fish",
        "usr/share/doc/roamstorm/copyright",
        "usr/share/doc/roamstorm/docs/install.md",
    ];
    for path in there {
        assert!(std::fs::metadata(unpacked.join(path)).is_ok_and(|file| file.len() > 0), "{path} is missing");
    }
    let settings = std::fs::read_to_string(unpacked.join("DEBIAN/conffiles")).unwrap();
    for part in ["agent", "coordinator", "simulator"] {
        assert!(settings.contains(&format!("/etc/roamstorm/{part}.env\n")), "{settings}");
    }
    let field = |name: &str| output(Command::new("dpkg-deb").arg("-f").arg(package).arg(name));
    assert_eq!((field("Version").trim(), field("Depends").trim()), ("1.2.3", "adduser"));
    // Everything is root's, and no folder is its owner's alone.
    let contents = output(Command::new("dpkg-deb").arg("-c").arg(package));
    for line in contents.lines() {
        assert!(line.contains(" root/root "), "{line}");
        assert!(!line.starts_with('d') || line.starts_with("drwxr-xr-x "), "{line}");
    }
    assert!(
        contents.contains("-rw-r----- root/root") && contents.contains("./etc/roamstorm/agent.env"),
        "{contents}"
    );
    for script in ["postinst", "prerm", "postrm"] {
        output(Command::new("sh").arg("-n").arg(unpacked.join("DEBIAN").join(script)));
    }
}

#[test]
fn the_same_program_makes_the_same_package_and_every_checksum_is_right() {
    let Made { program, package, unpacked, folder } = made();
    output(Command::new("sha256sum").args(["--quiet", "-c", "SHA256SUMS"]).current_dir(folder));
    output(Command::new("md5sum").args(["--quiet", "-c", "DEBIAN/md5sums"]).current_dir(unpacked));
    let again = folder.join("again");
    std::fs::create_dir(&again).unwrap();
    let stage = folder.join("stage");
    output(Command::new(root().join("packaging/stage")).arg(program).arg(&stage));
    let architecture = output(Command::new("dpkg").arg("--print-architecture"));
    let mut deb = Command::new(root().join("packaging/deb"));
    deb.arg(&stage).args([architecture.trim(), "1.2.3"]).arg(&again);
    output(deb.envs([("DEB_COMPRESSION", "none"), ("SOURCE_DATE_EPOCH", "1700000000")]));
    output(Command::new("cmp").arg(package).arg(again.join(package.file_name().unwrap())));
}

#[test]
fn units_are_understood_and_confined() {
    let Made { unpacked, folder, .. } = made();
    for part in ["agent", "coordinator", "simulator"] {
        let unit = unpacked.join(format!("usr/lib/systemd/system/roamstorm-{part}.service"));
        let text = std::fs::read_to_string(&unit).unwrap();
        // Their programs are where they are packed, not installed.
        let here = folder.join(format!("roamstorm-{part}.service"));
        let bin = unpacked.to_str().unwrap();
        let with_programs = text.replace("ExecStart=/", &format!("ExecStart={bin}/"));
        std::fs::write(&here, with_programs).unwrap();
        let said = output(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&here));
        // What systemd does not understand is a line, and no failure.
        let wrong: Vec<&str> = said.lines().filter(|line| line.contains("roamstorm")).collect();
        assert!(wrong.is_empty(), "{part}: {wrong:#?}");
        let mut security = Command::new("systemd-analyze");
        // Of 100: what is left is its sockets, its priority, and the network.
        output(security.args(["security", "--no-pager", "--offline=true", "--threshold=20"]).arg(&unit));
        let settings = format!("EnvironmentFile=/etc/roamstorm/{part}.env\n");
        assert!(
            text.contains("Environment=ROAMSTORM_METRICS=127.0.0.1:94") && text.contains(&settings),
            "{text}"
        );
    }
    output(
        Command::new("systemd-sysusers")
            .args(["--dry-run", "--root"])
            .arg(unpacked)
            .arg(unpacked.join("usr/lib/sysusers.d/roamstorm.conf")),
    );
}

#[test]
fn settings_as_they_are_installed_are_options_that_the_program_takes() {
    let folder = tempfile::tempdir().unwrap();
    for (part, command, fixed) in [
        ("agent", "agent", "--supervised --stay"),
        ("coordinator", "coordinator", "$SCENARIO $RUN_OPTIONS"),
        ("simulator", "simulator", "$SCENARIO"),
    ] {
        let settings = root().join(format!("packaging/etc/{part}.env"));
        let text = std::fs::read_to_string(&settings).unwrap();
        // As systemd reads it: no shell.
        let set: Vec<(&str, &str)> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once('='))
            .collect();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec {PROGRAM} {command} {fixed} $OPTIONS --no-such-option")]);
        let said = shell.current_dir(folder.path()).envs(set).output().unwrap();
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        // It complains of the one that it does not know, and so of none before.
        assert!(said.contains("'--no-such-option'"), "{part}: {said}");
    }
}

/// What the coordinator's service starts, for these runs.
fn started(folder: &Path) -> String {
    let program = folder.join("program");
    std::fs::write(&program, "#!/bin/sh\necho \"$*\"\n").unwrap();
    output(Command::new("chmod").arg("+x").arg(&program));
    let mut start = Command::new(root().join("packaging/systemd/coordinator"));
    let options = format!("--certs c --out {}", folder.join("runs").display());
    start.env("ROAMSTORM", &program).env("OPTIONS", options);
    output(start.envs([("SCENARIO", "smoke"), ("RUN_OPTIONS", "--agents 2 --target sctp://192.0.2.1")]))
        .trim()
        .to_owned()
}

#[test]
fn the_coordinators_service_takes_up_the_run_that_was_left_and_begins_one_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let begins =
        format!("coordinator smoke --agents 2 --target sctp://192.0.2.1 --certs c --out {}", runs.display());
    assert_eq!(started(folder.path()), begins);
    // One that has its verdict has no journal any more.
    std::fs::create_dir_all(runs.join("20261125-101500-smoke")).unwrap();
    std::fs::create_dir_all(runs.join("20261126-101500-smoke")).unwrap();
    assert_eq!(started(folder.path()), begins);
    std::fs::write(runs.join("20261126-101500-smoke/journal.sqlite"), "").unwrap();
    // It died before there was a plan: nothing had begun.
    assert_eq!(started(folder.path()), begins);
    std::fs::write(runs.join("20261126-101500-smoke/plan.json"), "{}").unwrap();
    let run = runs.join("20261126-101500-smoke");
    let takes_up = format!("coordinator --resume {} --certs c --out {}", run.display(), runs.display());
    assert_eq!(started(folder.path()), takes_up);
}

#[test]
fn the_bill_of_materials_names_what_is_linked_in_and_nothing_else() {
    let Made { package, .. } = made();
    let bill = std::fs::read_to_string(format!("{}.cdx.json", package.display())).unwrap();
    let bill: serde_json::Value = serde_json::from_str(&bill).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    let sum = output(Command::new("sha256sum").arg(package));
    assert_eq!(bill["metadata"]["component"]["hashes"][0]["content"], sum.split(' ').next().unwrap());
    let components = bill["components"].as_array().unwrap();
    let names: Vec<&str> = components.iter().map(|one| one["name"].as_str().unwrap()).collect();
    for linked in
        ["quinn", "rustls", "ring", "sqlite", "mimalloc", "musl", "rust-std", "metrics", "prometheus-client"]
    {
        assert!(names.contains(&linked), "{linked} is missing: {names:?}");
    }
    // They build or test the program.
    for other in ["syn", "cc", "serde_derive", "proptest", "criterion", "oracles"] {
        assert!(!names.contains(&other), "{other} is not in the program");
    }
    // Every reference leads somewhere.
    let known = |reference: &serde_json::Value| {
        components.iter().chain([&bill["metadata"]["component"]]).any(|one| &one["bom-ref"] == reference)
    };
    for dependency in bill["dependencies"].as_array().unwrap() {
        assert!(known(&dependency["ref"]), "{dependency}");
        assert!(dependency["dependsOn"].as_array().unwrap().iter().all(known), "{dependency}");
    }
}

#[test]
fn checksums_are_signed_where_there_is_a_key_and_a_changed_one_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    output(Command::new("minisign").args(["-G", "-W", "-p"]).arg(path("key.pub")).arg("-s").arg(path("key")));
    std::fs::write(path("SHA256SUMS"), "0  file\n").unwrap();
    let sign = || {
        let mut sign = Command::new(root().join("packaging/sign"));
        sign.arg(path("SHA256SUMS"));
        sign
    };
    let said = output(sign().env_remove("SIGNING_KEY"));
    assert!(said.contains("not signed: SIGNING_KEY") && !path("SHA256SUMS.minisig").exists(), "{said}");
    output(sign().env("SIGNING_KEY", path("key")));
    // As docs/install.md has it.
    let verify = || {
        Command::new("minisign")
            .args(["-Vm", "SHA256SUMS", "-p", "key.pub"])
            .current_dir(folder.path())
            .output()
    };
    assert!(verify().unwrap().status.success());
    std::fs::write(path("SHA256SUMS"), "1  file\n").unwrap();
    assert!(!verify().unwrap().status.success());
}

/// The static program has its own memcpy and memmove (packaging/build).
#[test]
#[cfg(target_arch = "x86_64")]
fn copies_of_the_static_program_are_right_at_every_length_and_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("memcpy");
    let flags = ["-O2", "-ffreestanding", "-fno-builtin", "-fno-tree-loop-distribute-patterns"];
    let sources = ["packaging/tests/memcpy.c", "packaging/memcpy.c"].map(|source| root().join(source));
    output(Command::new("cc").args(flags).args(sources).arg("-o").arg(&program));
    let said = output(&mut Command::new(&program));
    assert!(said.ends_with(" right\n"), "{said}");
}
