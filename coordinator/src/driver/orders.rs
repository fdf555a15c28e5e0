//! What the operator orders through the control socket.

use std::time::Instant;

use super::Run;
use crate::control::{Order, Ordered};
use crate::core::Input;
use crate::core::StopRequest;
use results::Phase;

impl Run {
    /// Does it when it can be done, and says what has come of it.
    pub(super) fn carry_out_order(&mut self, Ordered { order, answer }: Ordered) {
        let done = match order {
            Order::Watch => Err("watching is no order to the run".to_owned()),
            Order::Pause => self.pause(),
            Order::Resume => self.resume_clock(),
            Order::Stop => self.stop(),
        };
        // Who asked may have left meanwhile.
        let _ = answer.send(done);
    }

    fn pause(&mut self) -> Result<String, String> {
        match (self.core.phase(), self.core.paused_at()) {
            (_, Some(at)) => Err(format!("the run is paused already, at {:.1} s", at.as_secs_f64())),
            (Phase::Running, None) => {
                self.handle(Input::Pause, Instant::now());
                match self.core.paused_at() {
                    Some(at) => Ok(format!(
                        "paused at {:.1} s: nothing is due until roamstorm resume",
                        at.as_secs_f64()
                    )),
                    None => Err("the run is ending: it cannot be paused any more".to_owned()),
                }
            }
            (Phase::Joining | Phase::Preparing, None) => {
                Err("the run has not begun yet: there is nothing to pause".to_owned())
            }
            (Phase::Draining | Phase::Done, None) => {
                Err("the run is ending: it cannot be paused any more".to_owned())
            }
        }
    }

    fn resume_clock(&mut self) -> Result<String, String> {
        let Some(at) = self.core.paused_at() else { return Err("the run is not paused".to_owned()) };
        self.handle(Input::Resume, Instant::now());
        Ok(format!("goes on at {:.1} s", at.as_secs_f64()))
    }

    fn stop(&mut self) -> Result<String, String> {
        let again = self.core.state().drain.is_some();
        let request = if again { StopRequest::Now } else { StopRequest::Drain };
        self.handle(Input::Stop(request), Instant::now());
        Ok(if again {
            "stops at once: what is in flight is abandoned".to_owned()
        } else {
            "stopping: what is in flight may end; stop it again to end it at once".to_owned()
        })
    }
}
