//! The supervisor of an agent.

use supervisor::Supervised;
use tokio::sync::watch;

use crate::Source;
use crate::model::{Families, metrics};

metrics! {
    RUNNING = Gauge "roamstorm_supervisor_agent_running" [] "Whether the agent's process is there";
    LEAVING = Gauge "roamstorm_supervisor_leaving" [] "Whether the agent was told to leave, and is not started again";
    STARTED = Counter "roamstorm_supervisor_agents_started" [] "Processes of the agent that were started; all beyond one are restarts";
    ENDED = Counter "roamstorm_supervisor_agents_ended" ["how"] "Processes of the agent that ended: done (exit code 0), or died";
    NOTICES = Counter "roamstorm_supervisor_host_notices" [] "How often the host was said to be taken away";
}

/// A supervisor that tells what it does.
pub struct Supervisor(watch::Receiver<Supervised>);

impl Supervisor {
    /// What it tells.
    pub fn new(supervised: watch::Receiver<Supervised>) -> Self {
        Self(supervised)
    }
}

impl Source for Supervisor {
    fn look(&self, families: &mut Families) {
        let state = *self.0.borrow();
        families.flag(&RUNNING, &[], state.running);
        families.flag(&LEAVING, &[], state.leaving);
        families.count(&STARTED, &[], state.started);
        families.count(&ENDED, &["done"], state.done);
        families.count(&ENDED, &["died"], state.died);
        families.count(&NOTICES, &[], state.notices);
    }

    fn ready(&self) -> Result<(), String> {
        let running = self.0.borrow().running;
        running.then_some(()).ok_or_else(|| "the agent's process is not there".to_owned())
    }
}
