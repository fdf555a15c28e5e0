//! A real S3 server, SeaweedFS, and boto3 as a client that is not ours.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::roamstorm;

/// The server as a process of its own; killed hard at the end, for it outlives SIGTERM.
pub struct Server {
    child: Child,
    port: u16,
    /// Its data.
    _folder: tempfile::TempDir,
}

/// How much room a server has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Room {
    Enough,
    /// A few megabytes.
    Little,
}

impl Server {
    /// Starts one, with these buckets; those whose names begin with `locked` are made with object lock.
    pub fn start(room: Room, buckets: &[&str]) -> Self {
        // Somebody may take a port between its being found free and its being taken: then others are.
        let server = (0..5).find_map(|_| Self::try_start(room)).expect("SeaweedFS finds free ports");
        for bucket in buckets {
            let lock = if bucket.starts_with("locked") { "True" } else { "False" };
            server.boto(&format!("s3.create_bucket(Bucket='{bucket}', ObjectLockEnabledForBucket={lock})"));
        }
        server
    }

    fn try_start(room: Room) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (identities, log) = (folder.path().join("s3.json"), folder.path().join("log"));
        std::fs::write(&identities, IDENTITIES).unwrap();
        let said = std::fs::File::create(&log).unwrap();
        let mut command = Command::new(weed());
        command.args(["-logtostderr=true", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]);
        command.args([
            "-s3.autoCreateBucket=false",
            "-s3.iam=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
        ]);
        command.args(["-master.telemetry=false", "-volume.minFreeSpace=0"]);
        let (limit, volumes) = if room == Room::Little { (2, 2) } else { (64, 40) };
        command.arg(format!("-master.volumeSizeLimitMB={limit}")).arg(format!("-volume.max={volumes}"));
        command.arg(format!("-dir={}", folder.path().display()));
        command.arg(format!("-s3.config={}", identities.display()));
        let ports = free_ports();
        for (option, ports) in ["master", "volume", "filer", "s3"].iter().zip(ports.chunks(2)) {
            command
                .arg(format!("-{option}.port={}", ports[0]))
                .arg(format!("-{option}.port.grpc={}", ports[1]));
        }
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        let child = command.spawn().expect("weed of SeaweedFS, which `make setup` installs");
        let mut server = Self { child, port: ports[6], _folder: folder };
        if server.is_ready() {
            return Some(server);
        }
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(said.contains("address already in use"), "SeaweedFS does not start: {said}");
        None
    }

    /// Waits until it answers; false when it has ended.
    fn is_ready(&mut self) -> bool {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                eprintln!("SeaweedFS ended: {status}");
                return false;
            }
            let listed = Command::new(python()).arg("-c").arg(READY).arg(self.endpoint()).output().unwrap();
            if listed.status.success() {
                return true;
            }
            let said = String::from_utf8_lossy(&listed.stderr).into_owned();
            assert!(begun.elapsed() < PATIENCE, "SeaweedFS does not become ready: {said}");
        }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The program with the server's credentials.
    pub fn roamstorm(&self) -> Command {
        let mut command = roamstorm();
        self.let_in(&mut command, SECRET);
        command.env("AWS_ENDPOINT_URL", self.endpoint());
        command
    }

    /// Gives a command credentials, and nothing else of the environment's.
    pub fn let_in(&self, command: &mut Command, secret: &str) {
        for variable in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"] {
            command.env_remove(variable);
        }
        command.env("AWS_ACCESS_KEY_ID", "test-key").env("AWS_SECRET_ACCESS_KEY", secret);
        command.env("AWS_REGION", "us-east-1").env("AWS_EC2_METADATA_DISABLED", "true");
    }

    /// What Python prints that has boto3's client as `s3`; `refused(call)` prints the code that a call is refused with.
    pub fn boto(&self, code: &str) -> String {
        let mut command = Command::new(python());
        command.arg("-c").arg(format!("{BOTO}\n{code}"));
        self.let_in(&mut command, SECRET);
        let output = command.arg(self.endpoint()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{code}\n{said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("ROAMSTORM_PYTHON") {
        return python.into();
    }
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/venv/bin/python")
}

fn weed() -> PathBuf {
    python().with_file_name("weed")
}

/// Ports that nobody listens on now.
fn free_ports() -> Vec<u16> {
    let held: Vec<TcpListener> = (0..8).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

/// A port of loopback at which nobody answers.
pub fn dead_port() -> u16 {
    let port = free_ports()[0];
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    port
}

pub const SECRET: &str = "a-secret-of-tests-0815";
const IDENTITIES: &str = r#"{"identities": [
    {"name": "all", "credentials": [{"accessKey": "test-key", "secretKey": "a-secret-of-tests-0815"}],
     "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
    {"name": "reader", "credentials": [{"accessKey": "reader-key", "secretKey": "a-secret-of-tests-0815"}],
     "actions": ["Read", "List"]}
]}"#;
const READY: &str = r"
import sys, urllib.request, urllib.error
try:
    urllib.request.urlopen(sys.argv[1], timeout=5)
except urllib.error.HTTPError as error:
    sys.exit(0 if error.code in (200, 403) else 1)
";
const BOTO: &str = r"
import sys, datetime, hashlib
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
s3 = boto3.client('s3', endpoint_url=sys.argv[1], config=Config(
    request_checksum_calculation='when_required', response_checksum_validation='when_required'))
def refused(call):
    try:
        call()
        print('done')
    except ClientError as error:
        print(error.response['Error']['Code'])
def until(days):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
";
const PATIENCE: Duration = Duration::from_secs(60);
