//! What moves with a UE from one agent to another.

use identity::{Imsi, Key128, Plmn, Procedure};
use serde::{Deserialize, Serialize};

use crate::common::nas_security::{NasContext, NasContextState};
use crate::common::timers::Timer;
use crate::common::usim::Usim;
use crate::nas5g::attempt::{Perseverance, RunningTimers};
use crate::nas5g::nas_connection::NasConnection;
use crate::nas5g::registered_area::RegisteredArea;
use crate::nas5g::session_management::SessionManagement;
use crate::nas5g::ue::Ue;
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
    perseverance: Perseverance,
    running: RunningTimers,
    sessions: SessionManagement,
    #[serde(with = "begun_by_the_ue")]
    after_release: Option<Procedure>,
    registered: bool,
    moved: bool,
    connected: bool,
    secured: bool,
}

impl UeState {
    pub(crate) fn of(ue: &Ue) -> Self {
        let Subscriber { imsi, plmn, k, opc } = ue.subscriber;
        // The timers of what stays behind do not come along.
        let mut running = ue.nas.running;
        for timer in ue.attempt.as_ref().map(|attempt| attempt.timer().0).into_iter().chain(OF_AUTHENTICATION)
        {
            running.remove(timer);
        }
        Self {
            imsi,
            plmn,
            k: k.0,
            opc: opc.0,
            sequence_numbers: ue.usim.sequence_numbers().to_vec(),
            context: ue.nas.context.as_ref().map(NasContext::export),
            area: ue.area.clone(),
            suci: ue.suci.clone(),
            perseverance: ue.perseverance.clone(),
            running,
            sessions: ue.sessions.clone(),
            after_release: ue.after_release,
            registered: ue.registered,
            moved: ue.moved,
            connected: ue.nas.connected,
            secured: ue.nas.secured,
        }
    }

    pub(crate) fn into_ue(self) -> Ue {
        let subscriber = self.subscriber();
        Ue {
            usim: Usim::remembering(self.sequence_numbers),
            nas: NasConnection {
                context: self.context.as_ref().and_then(NasContext::import),
                running: self.running,
                connected: self.connected,
                secured: self.secured,
            },
            area: self.area,
            suci: self.suci,
            perseverance: self.perseverance,
            sessions: self.sessions,
            after_release: self.after_release,
            registered: self.registered,
            moved: self.moved,
            ..Ue::new(&subscriber)
        }
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

/// A procedure that the UE is to begin by itself, as the number under which it travels.
pub(crate) mod begun_by_the_ue {
    use identity::Procedure;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        procedure: &Option<Procedure>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let place = |procedure: &Procedure| NUMBERED.iter().find(|(_, one)| one == procedure);
        procedure.as_ref().and_then(place).map(|(number, _)| number).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Procedure>, D::Error> {
        let Some(number) = Option::<u8>::deserialize(deserializer)? else { return Ok(None) };
        let known = NUMBERED.iter().find(|(one, _)| *one == number).map(|(_, procedure)| *procedure);
        known.map(Some).ok_or_else(|| D::Error::custom("no UE begins this by itself"))
    }

    const NUMBERED: [(u8, Procedure); 4] = [
        (0, Procedure::Registration),
        (3, Procedure::MobilityRegistrationUpdate),
        (4, Procedure::PeriodicRegistrationUpdate),
        (5, Procedure::RegistrationRetry),
    ];
}

/// An authentication that no SECURITY MODE COMMAND has ended stays behind.
const OF_AUTHENTICATION: [Timer; 2] = [Timer::T3516, Timer::T3520];
