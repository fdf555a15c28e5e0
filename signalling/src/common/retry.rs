//! What a UE keeps of its failures between attempts: the attempt counters and the forbidden lists.

use identity::{Plmn, Procedure, Tac};
use serde::{Deserialize, Serialize};

/// The attempt counters and the forbidden lists (TS 24.501 §5.5.1.2.7, §5.6.1.7, §5.3.13).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RetryState {
    registrations: u8,
    services: u8,
    forbidden: Option<(Forbids, Plmn, Tac)>,
    /// What T3511, T3502 or T3346 begins again.
    #[serde(with = "begun_by_the_ue")]
    pub(crate) again: Option<Procedure>,
}

/// Where a UE does not try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Forbids {
    Nothing,
    /// The USIM is invalid for 5GS services until the UE is switched off.
    Usim,
    Plmn,
    TrackingArea,
}

/// The registration attempt counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    Reset,
    /// An abnormal case (§5.5.1.2.7 d): one more attempt failed.
    OneMore,
    /// A protocol error: as if five attempts had failed.
    Exhausted,
}

impl RetryState {
    /// A registration begins. After five failures the count starts anew (T3502 ran, or the driver wants it).
    pub(crate) fn begin(&mut self) {
        if self.registrations >= MAX_REGISTRATION_ATTEMPTS {
            self.registrations = 0;
        }
        self.again = None;
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Counts a failed registration. `true` when it was the fifth.
    pub(crate) fn failed(&mut self, counter: Counter) -> bool {
        match counter {
            Counter::Reset => self.registrations = 0,
            Counter::OneMore => self.registrations += 1,
            Counter::Exhausted => self.registrations = MAX_REGISTRATION_ATTEMPTS,
        }
        self.registrations >= MAX_REGISTRATION_ATTEMPTS
    }

    /// Counts a service request that was not answered, and tells how many it is.
    pub(crate) fn service_failed(&mut self) -> u8 {
        self.services = self.services.saturating_add(1);
        self.services
    }

    pub(crate) fn service_succeeded(&mut self) {
        self.services = 0;
    }

    pub(crate) fn forbid(&mut self, forbids: Forbids, (plmn, tac): (Plmn, Tac)) {
        if forbids != Forbids::Nothing {
            self.forbidden = Some((forbids, plmn, tac));
        }
    }

    pub(crate) fn forbids_here(&self, (plmn, tac): (Plmn, Tac)) -> bool {
        self.forbidden.is_some_and(|(forbids, forbidden_plmn, forbidden_tac)| match forbids {
            Forbids::Nothing => false,
            Forbids::Usim => true,
            Forbids::Plmn => forbidden_plmn == plmn,
            Forbids::TrackingArea => (forbidden_plmn, forbidden_tac) == (plmn, tac),
        })
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

/// TS 24.501 §5.5.1.2.7: failed registrations after which T3502 takes the place of T3511.
const MAX_REGISTRATION_ATTEMPTS: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_ue_begins_by_itself_travels_under_its_number() {
        for (number, procedure) in [
            (0, Procedure::Registration),
            (3, Procedure::MobilityRegistrationUpdate),
            (4, Procedure::PeriodicRegistrationUpdate),
            (5, Procedure::RegistrationRetry),
        ] {
            let state = RetryState { again: Some(procedure), ..RetryState::default() };
            assert_eq!(postcard::to_stdvec(&state).unwrap(), [0, 0, 0, 1, number]);
            let state: RetryState = postcard::from_bytes(&[0, 0, 0, 1, number]).unwrap();
            assert_eq!(state.again, Some(procedure));
        }
        assert!(postcard::from_bytes::<RetryState>(&[0, 0, 0, 1, 1]).is_err(), "no UE leaves by itself");
    }
}
