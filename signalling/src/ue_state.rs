//! What moves with a UE from one agent to another.

use identity::{Imsi, Key128, Plmn, Procedure};
use serde::{Deserialize, Serialize};

use crate::common::nas_security::{NasContext, NasContextState};
use crate::common::retry::{RetryState, begun_by_the_ue};
use crate::common::timers::{RunningTimers, Timer};
use crate::common::usim::Usim;
use crate::device::{Device, Nas};
use crate::nas5g::registered_area::RegisteredArea;
use crate::nas5g::session_management::SessionManagement;
use crate::nas5g::{Mobility, Nas5g};
use crate::sessions::Sessions;
use crate::settings::Subscriber;

/// A UE at rest, on its way to another agent: identities, keys, COUNTs, area and sessions, in a few hundred octets.
///
/// It holds keys in clear: it is to be sealed before it leaves the process.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UeState {
    imsi: Imsi,
    plmn: Plmn,
    k: [u8; 16],
    opc: [u8; 16],
    sequence_numbers: Vec<u64>,
    context: Option<NasContextState>,
    area: RegisteredArea,
    suci: Option<Box<[u8]>>,
    retry: RetryState,
    running: RunningTimers,
    sessions: Sessions,
    session_management: SessionManagement,
    #[serde(with = "begun_by_the_ue")]
    after_release: Option<Procedure>,
    registered: bool,
    moved: bool,
    connected: bool,
    secured: bool,
}

impl UeState {
    pub(crate) fn of(device: &Device) -> Self {
        let Device { usim, nas: Nas::Nr(Nas5g { mm, sm, slot }), sessions } = device;
        let Subscriber { imsi, plmn, k, opc } = usim.subscriber;
        // The timers of what stays behind do not come along.
        let mut running = mm.running;
        for timer in slot.timer().into_iter().chain(OF_AUTHENTICATION) {
            running.remove(timer);
        }
        Self {
            imsi,
            plmn,
            k: k.0,
            opc: opc.0,
            sequence_numbers: usim.sequence_numbers().to_vec(),
            context: mm.context.as_ref().map(NasContext::export),
            area: mm.area.clone(),
            suci: mm.suci.clone(),
            retry: mm.retry.clone(),
            running,
            sessions: sessions.clone(),
            session_management: sm.clone(),
            after_release: mm.after_release,
            registered: mm.registered,
            moved: mm.moved,
            connected: mm.connected,
            secured: mm.secured,
        }
    }

    pub(crate) fn into_device(self) -> Device {
        let usim = Usim::remembering(self.subscriber(), self.sequence_numbers);
        let mm = Mobility {
            context: self.context.as_ref().and_then(NasContext::import),
            running: self.running,
            connected: self.connected,
            secured: self.secured,
            area: self.area,
            suci: self.suci,
            retry: self.retry,
            after_release: self.after_release,
            registered: self.registered,
            moved: self.moved,
            ..Mobility::default()
        };
        let nas = Nas5g { mm, sm: self.session_management, ..Nas5g::default() };
        Device { usim, nas: Nas::Nr(nas), sessions: self.sessions }
    }

    /// The permanent identity.
    pub fn imsi(&self) -> Imsi {
        self.imsi
    }

    /// The subscription in its USIM.
    pub fn subscriber(&self) -> Subscriber {
        Subscriber { imsi: self.imsi, plmn: self.plmn, k: Key128(self.k), opc: Key128(self.opc) }
    }

    /// The timers that run. The driver arms them again with what is left of each.
    pub fn timers(&self) -> impl Iterator<Item = Timer> {
        self.running.all()
    }
}

impl std::fmt::Debug for UeState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UeState").field("imsi", &self.imsi).finish_non_exhaustive()
    }
}

/// An authentication that no SECURITY MODE COMMAND has ended stays behind.
const OF_AUTHENTICATION: [Timer; 2] = [Timer::T3516, Timer::T3520];
