//! The UE as a procedure finds it during one event, and what more than one procedure does to it.

use std::time::Duration;

use identity::{Dnn, Plmn, Procedure, SessionId, Tac};
use oxirush_nas::nas_5gs::NasPduSessionStatus;

use super::procedures::authentication::Authentication;
use super::registered_area::RegisteredArea;
use super::session_management::SessionManagement;
use super::suci;
use crate::common::nas_security::NasContext;
use crate::common::retry::RetryState;
use crate::common::timers::{self, RunningTimers, Timer};
use crate::common::usim::Usim;
use crate::device::{Out, UeAction};
use crate::sessions::Sessions;
use crate::settings::{Retry, UeSettings};

/// What 5GMM keeps of a UE beside the procedure that runs.
///
/// ```text
///                 registration accepted
///  DEREGISTERED ─────────────────────────► REGISTERED ──► updates, service requests
///       ▲   de-registration, reject, 5GMM cause  │
///       └────────────────────────────────────────┘
/// ```
#[derive(Default)]
pub(crate) struct Mobility {
    /// The current native security context. It outlives the connection that it protects.
    pub(crate) context: Option<NasContext>,
    /// The timers that run, those of every procedure.
    pub(crate) running: RunningTimers,
    /// There is an N1 signalling connection, or one is being set up.
    pub(crate) connected: bool,
    /// The secure exchange of NAS messages is established on this connection (§4.4.2.5).
    pub(crate) secured: bool,
    /// What an authentication leaves until a SECURITY MODE COMMAND takes it into use.
    pub(crate) authentication: Option<Box<Authentication>>,
    pub(crate) area: RegisteredArea,
    /// The SUCI that T3519 keeps.
    pub(crate) suci: Option<Box<[u8]>>,
    pub(crate) retry: RetryState,
    pub(crate) registered: bool,
    /// The cell changed, and no update has begun for it yet.
    pub(crate) moved: bool,
    /// The procedure that the network asked for once the connection is released.
    pub(crate) after_release: Option<Procedure>,
}

/// Everything that a procedure works on while it handles one event. The procedure itself is in its slot, which it does not see.
pub(crate) struct Ue<'a> {
    pub(crate) usim: &'a mut Usim,
    pub(crate) mm: &'a mut Mobility,
    pub(crate) sm: &'a mut SessionManagement,
    pub(crate) sessions: &'a mut Sessions,
    pub(crate) settings: &'a UeSettings,
    /// Where the UE camps.
    pub(crate) tai: (Plmn, Tac),
    pub(crate) rng: &'a mut dyn rand::RngCore,
    pub(crate) out: &'a mut Out,
}

impl Ue<'_> {
    /// Whether the UE repeats what failed, and keeps the back-offs of the specification.
    pub(crate) fn does_as_specified(&self) -> bool {
        self.settings.retry == Retry::AsSpecified
    }

    pub(crate) fn unexpected(&mut self, kind: &'static str) {
        self.out.push(UeAction::Unexpected(kind));
    }

    // The registration.

    /// 5GMM-DEREGISTERED: the PDU sessions are released locally (§6.1.4.1).
    pub(crate) fn leave_registered(&mut self) {
        self.mm.registered = false;
        self.mm.moved = false;
        self.stop(Timer::T3512);
        self.sessions.release_all(self.out);
        self.sm.forget_completed();
    }

    /// The SUCI: a new one, unless T3519 keeps the last (TS 24.501 §5.5.1.2.2, §5.4.3.3).
    pub(crate) fn suci(&mut self) -> Option<Vec<u8>> {
        if self.runs(Timer::T3519)
            && let Some(suci) = &self.mm.suci
        {
            return Some(suci.to_vec());
        }
        let suci = suci::conceal(&self.usim.subscriber, &self.settings.suci, self.rng)?;
        self.mm.suci = Some(suci.as_slice().into());
        self.set(Timer::T3519, timers::T3519);
        Some(suci)
    }

    // The sessions.

    /// Releases locally what the network does not know (§5.6.1.4, §5.5.1.3.4). Whether `about` was among it.
    pub(crate) fn agree_on_sessions(
        &mut self,
        status: Option<&NasPduSessionStatus>,
        about: Option<SessionId>,
    ) -> bool {
        let Some(status) = status else { return false };
        let known: Vec<_> = self.sessions.iter().map(|session| session.id).collect();
        let gone = known.into_iter().filter(|id| !status.is_active(id.value()));
        gone.fold(false, |is_gone, id| {
            self.sessions.remove(id, self.out);
            is_gone || about == Some(id)
        })
    }

    /// Holds back requests for a congested data network (§6.2.7, §6.2.8).
    ///
    /// Deviation: T3584 and T3585, which are T3396 for one slice, are kept as T3396 of the data network; and one data
    /// network is held back at a time.
    pub(crate) fn back_off(&mut self, cause: u8, seconds: Option<u64>, dnn: Option<Dnn>) {
        let (Some(seconds), Some(dnn)) = (seconds.filter(|&seconds| seconds > 0), dnn) else { return };
        if self.does_as_specified() && matches!(cause, 22 | 26 | 67 | 69) {
            self.sm.backed_off = Some(dnn);
            self.set(Timer::T3396, Duration::from_secs(seconds));
        }
    }
}
