//! The end of each command's help: a few examples, and what its exit codes mean. Tests read the examples.

/// The help of a command ends so: examples, a line each, then its exit codes.
macro_rules! ending {
    ($codes:expr; $($example:literal)+) => {
        concat!("Examples:", $("\n  roamstorm ", $example,)+ "\n\nExit codes: ", $codes)
    };
}

/// Of commands that read, write or show something, and judge nothing.
macro_rules! done {
    () => {
        "0 done, 2 the input is wrong, 3 a fault of roamstorm"
    };
}

/// Of commands that end with a run's verdict.
macro_rules! verdict {
    () => {
        "0 pass, 1 an SLO failed or a guardrail ended the run, 2 the input is wrong, 3 the run is invalid or could not begin"
    };
}

pub(crate) const RUN: &str = ending!(verdict!();
    "run smoke"
    "run mine.yaml --seed 7 --set radio=urban --agents 2"
    "run mine.yaml --target sctp://192.0.2.10:38412 --gtpu-address 192.0.2.21"
);
pub(crate) const INIT: &str = ending!(done!();
    "init"
    "init soak.yaml --kind soak --subscribers 500 --length 8h --no-ask"
    "init lab.yaml --kind attach --plmn 999/70 --imsi 999700000000001 --no-ask"
);
pub(crate) const IMPORT: &str = ending!(done!();
    "import ueransim open5gs-gnb.yaml open5gs-ue.yaml --subscribers 100"
    "import packetrusher config.yml --out lab.yaml"
);
pub(crate) const CHECK: &str = ending!("0 the scenario can be run, 2 it is wrong, 3 a fault of roamstorm";
    "check mine.yaml"
    "check campaign-10k --set load.0.phases.0.rate=500/s"
    "check attach-10k --duration 8h"
    "check mine.yaml --agents 3 --json"
);
pub(crate) const DOCTOR: &str = ending!("0 a run can begin, 1 it cannot, 2 the input is wrong, 3 a fault of roamstorm";
    "doctor"
    "doctor sctp://192.0.2.10:38412"
    "doctor mine.yaml --target sctp://192.0.2.10:38412 --gtpu-address 192.0.2.21"
    "doctor mine.yaml --json"
);
pub(crate) const COORDINATOR: &str = ending!(verdict!();
    "coordinator mine.yaml --certs fleet/ --agents 3 --target sctp://192.0.2.10:38412"
    "coordinator mine.yaml --certs fleet/ --enrol --target sctp://192.0.2.10:38412"
    "coordinator mine.yaml --certs fleet/ --target sctp://192.0.2.10 --charging charged.csv"
    "coordinator --resume runs/20261125-101500-soak"
);
pub(crate) const AGENT: &str = ending!(
    "0 its work is done or handed over, 2 the input is wrong or it is not let in, 3 it was lost or ended early";
    "agent --token-file join-token --coordinator coordinator.example"
    "agent --certs fleet/ --coordinator coordinator.example"
    "agent --supervised --stay --certs /etc/roamstorm --coordinator coordinator.example:7400"
    "agent drain"
);
pub(crate) const DRAIN: &str = ending!("0 it has left, 2 there is no such agent, 3 it ended without handing over";
    "agent drain"
    "agent drain --name rack-7 --reason maintenance"
);
pub(crate) const SIMULATOR: &str = ending!("0 it was stopped, 2 the input is wrong or its records are not whole, 3 a fault of roamstorm";
    "simulator mine.yaml"
    "simulator mine.yaml --listen sctp+udp://192.0.2.10:9899 --ledger charged.csv"
    "simulator mine.yaml --listen sctp+udp://127.0.0.1:9902 --amf-set 2 --amf-capacity 85"
);
pub(crate) const SUBSCRIBERS: &str = ending!(done!();
    "subscribers mine.yaml > subscribers.csv"
    "subscribers mine.yaml --format open5gs | mongoimport --db open5gs -c subscribers"
);
pub(crate) const WATCH: &str = ending!("0 the run passed, 1 it failed, 2 there is no such run, 3 it is invalid or its coordinator is gone";
    "watch 20261125-101500-soak"
    "watch runs/20261125-101500-soak"
);
pub(crate) const PAUSE: &str = ending!("0 done, 2 there is no such run or it has ended";
    "pause 20261125-101500-soak"
    "pause 20261125-101500-soak --out /var/lib/roamstorm/runs"
);
pub(crate) const RESUME: &str = ending!("0 done, 2 there is no such run or it has ended";
    "resume 20261125-101500-soak"
    "resume 20261125-101500-soak --out /var/lib/roamstorm/runs"
);
pub(crate) const STOP: &str = ending!("0 done, 2 there is no such run or it has ended";
    "stop 20261125-101500-soak"
    "stop 20261125-101500-soak --out /var/lib/roamstorm/runs"
);
pub(crate) const HEALTH: &str = ending!("0 it is well, 1 it is not or does not answer, 2 the input is wrong, 3 a fault of roamstorm";
    "health 127.0.0.1:9464"
    "health 127.0.0.1:9465 --ready"
    "health 20261125-101500-soak --out /var/lib/roamstorm/runs"
    "health sctp+udp://192.0.2.10:9899"
    "health"
);
pub(crate) const REPORT: &str = ending!(done!();
    "report 20261125-101500-soak"
    "report /var/lib/roamstorm/runs/20261125-101500-soak"
);
pub(crate) const COMPARE: &str = ending!(
    "0 not worse, 1 worse, 2 the input is wrong or nothing can be judged, 3 a fault of roamstorm";
    "compare 20261124-010000-nightly 20261125-010000-nightly"
    "compare 20261124-010000-nightly 20261125-010000-nightly --min-effect 5%"
    "compare s3://campaigns/nightly/20261124-010000-nightly 20261125-010000-nightly"
);
pub(crate) const RUNS: &str = ending!("0 listed, 2 there is no such run, 3 a fault of roamstorm";
    "runs"
    "runs --scenario nightly --verdict fail --last 10"
    "runs --json | jq -r .[-1].run_id"
    "runs --out s3://campaigns/nightly --verdict fail"
);
pub(crate) const TREND: &str = ending!("0 shown, 2 no run has this figure or the input is wrong, 3 a fault of roamstorm";
    "trend registration.latency.p99 --scenario nightly"
    "trend handover-n2.success --scenario campaign-10k --last 60 --json"
    "trend capacity.knee --scenario capacity"
);
pub(crate) const PUSH_ARTIFACTS: &str = ending!("0 pushed, 2 the input is wrong or the server does not take it, 3 a fault of roamstorm";
    "artifacts push 20261125-101500-soak s3://campaigns/nightly"
    "artifacts push 20261125-101500-soak s3://campaigns/nightly --artifacts-lock compliance"
    "artifacts push 20261125-101500-soak s3://nightly --endpoint http://127.0.0.1:9000"
);
pub(crate) const VERIFY_ARTIFACTS: &str = ending!("0 all is as it was pushed, 1 something is not, 2 the input is wrong or the server is not reached, 3 a fault of roamstorm";
    "artifacts verify s3://campaigns/nightly/20261125-101500-soak"
    "artifacts verify s3://nightly/20261125-101500-soak --authority fleet/authority.pem"
);
pub(crate) const LIST_ARTIFACTS: &str = ending!("0 listed, 2 no run lies there or the server is not reached, 3 a fault of roamstorm";
    "artifacts list s3://campaigns/nightly"
    "artifacts list s3://campaigns/nightly/20261125-101500-soak --json"
);
pub(crate) const RECONCILE: &str = ending!(
    "0 every session that can be judged agrees, 1 some do not, 2 the input is wrong, 3 lost packets explain so much that nothing is proven";
    "reconcile 20261125-101500-soak"
    "reconcile 20261125-101500-soak --charging cdr.csv --map mapping.yaml"
    "reconcile --usage used.csv --charging charged.csv --tariff roaming --json"
);
pub(crate) const CERTS: &str = ending!(done!();
    "certs fleet/ --host coordinator.example"
    "certs fleet/ issue spot-1 --days 90"
    "certs fleet/ token create --pool spot --uses 20 --expires 12h"
    "certs fleet/ serve"
    "certs fleet/ revoke spot-1"
);
pub(crate) const TOKEN: &str = ending!(done!();
    "certs fleet/ token create"
    "certs fleet/ token list"
    "certs fleet/ token revoke 3f9c"
);
pub(crate) const TOKEN_CREATE: &str = ending!(done!();
    "certs fleet/ token create > join-token"
    "certs fleet/ token create --pool spot --uses 20 --expires 12h"
    "certs fleet/ token create --name rack-7"
);
pub(crate) const TOKEN_LIST: &str = ending!(done!();
    "certs fleet/ token list"
    "certs fleet/ token list --json"
);
pub(crate) const TOKEN_REVOKE: &str = ending!(done!();
    "certs fleet/ token revoke 3f9c"
    "certs /etc/roamstorm/certs token revoke 3f9c"
);
pub(crate) const SERVE: &str = ending!("0 it was stopped, 2 the input is wrong, 3 a fault of roamstorm";
    "certs fleet/ serve"
    "certs fleet/ serve --listen 192.0.2.7 --cert-life 4h"
    "certs fleet/ serve --authority-command /usr/local/bin/sign-with-vault"
    "certs fleet/ serve --ec2-certs aws-rsa.pem --ec2-account 123456789012 --ec2-pool spot"
);
pub(crate) const LIST: &str = ending!(done!();
    "certs fleet/ list"
    "certs fleet/ list --json"
);
pub(crate) const LOG: &str = ending!(done!();
    "certs fleet/ log"
    "certs fleet/ log -n 1000 --json"
);
pub(crate) const ISSUE: &str = ending!(done!();
    "certs fleet/ issue spot-1"
    "certs fleet/ issue spot-1 --days 90 --force"
);
pub(crate) const REVOKE: &str = ending!(done!();
    "certs fleet/ revoke spot-1"
    "certs fleet/ revoke found-in-the-train/agent.pem"
    "certs fleet/ revoke --token 3f9c"
);
pub(crate) const SCHEMA: &str = ending!(done!();
    "schema > scenario.schema.json"
    "schema summary > summary.schema.json"
);
pub(crate) const CATALOGUE: &str = ending!(done!();
    "catalogue"
    "catalogue smoke > mine.yaml"
);
pub(crate) const COMPLETIONS: &str = ending!(done!();
    "completions bash > ~/.local/share/bash-completion/completions/roamstorm"
    "completions zsh > ~/.zfunc/_roamstorm"
    "completions fish > ~/.config/fish/completions/roamstorm.fish"
);
pub(crate) const MAN: &str = ending!(done!();
    "man ~/.local/share/man/man1"
    "man target/man"
);
