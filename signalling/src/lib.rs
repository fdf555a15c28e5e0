//! The 5G UE and gNB as state machines: events in, actions out (TS 24.501, TS 33.501, TS 38.413).
//!
//! Nothing here reads a clock, a socket or a global random number generator: time and randomness are arguments, so a
//! seed replays a run. [`Ue`] speaks NAS and never sees NGAP; [`Gnb`] speaks NGAP and never decodes NAS.

mod attempt;
mod ecies;
mod establishment_cause;
#[doc(hidden)]
pub mod fuzz;
mod gnb;
mod identity_of_ue;
mod message_name;
mod nas_connection;
mod nas_security;
mod ngap;
mod outcome;
mod procedures;
mod registered_area;
mod rrc_container;
mod session;
mod session_management;
mod settings;
mod suci;
mod timers;
mod ue;
mod ue_state;
mod usim;

pub use establishment_cause::EstablishmentCause;
pub use gnb::{
    AmfFacts, AmfNotice, AmfUpdate, Gnb, GnbAction, GnbEvent, GnbSettings, Guami, HandoverFailure,
    N3Settings, NgapCause, Overload, OverloadAction, RefusalReason, ReleaseCause, Released, TargetGnb,
    Tunnel, XnContext,
};
pub use identity::Procedure;
pub use identity_of_ue::{Guti, STmsi};
pub use message_name::message_name;
pub use outcome::{AuthenticationFailure, Cause, ConnectionRefusal, Outcome};
pub use session::{Session, SessionRequest};
pub use settings::{Context, Retry, Subscriber, SuciScheme, UeSettings};
pub use timers::{GnbTimer, NG_SETUP_AGAIN, Timer};
pub use ue::{Ue, UeAction, UeEvent};
pub use ue_state::UeState;
