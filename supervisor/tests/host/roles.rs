//! What this program does when it is started as a supervisor, or as its child.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use supervisor::control::{Control, folder};
use supervisor::spot::SpotSettings;
use supervisor::{Orders, RestartPolicy, SupervisorConfig, supervise};
use wire::{Identity, Role};

/// The exit code of a child that obeyed.
pub(crate) const OBEYED: i32 = 7;

pub(crate) fn be_a_supervisor() {
    let Ok(certs) = std::env::var("TEST_FOLDER") else { return };
    let metadata = var("TEST_METADATA");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        let config = SupervisorConfig {
            arguments: ["--ignored", "--exact", "child_process", "--nocapture"].map(Into::into).to_vec(),
            name: "spot agent".to_owned(),
            identity: Identity::load(certs.as_ref(), Role::Agent).unwrap().into(),
            coordinator: var("TEST_COORDINATOR"),
            control: Some(Control::open(&folder(), "spot agent").unwrap()),
            spot: (!metadata.is_empty()).then(|| SpotSettings {
                every: Duration::from_millis(20),
                ..SpotSettings::new(metadata.parse().unwrap())
            }),
            observers: None,
            restarts: RestartPolicy { most: 3, ..RestartPolicy::default() },
        };
        supervise(config).await.unwrap()
    });
    std::process::exit(ended.code().into());
}

pub(crate) fn be_a_child() {
    let Some(orders) = Orders::from_supervisor().unwrap() else { return };
    let kind = var("TEST_CHILD");
    match kind.as_str() {
        "crashes" => std::process::exit(101),
        "finishes" => std::process::exit(0),
        _ => {}
    }
    let mut test = TcpStream::connect(var("TEST_REPORT_TO")).unwrap();
    writeln!(test, "{} {:032x}", std::process::id(), u128::from_be_bytes(orders.mark)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let follow = orders.follow(|order| {
        writeln!(test, "{}", serde_json::to_string(&order).unwrap()).unwrap();
        if kind == "obeys" {
            std::process::exit(OBEYED);
        }
    });
    runtime.block_on(follow).unwrap();
}

fn var(name: &str) -> String {
    std::env::var(name).unwrap()
}
