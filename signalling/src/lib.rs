//! The 5G UE and gNB as state machines: events in, actions out (TS 24.501, TS 33.501, TS 38.413).
//!
//! Nothing here reads a clock, a socket or a global random number generator: time and randomness are arguments, so a
//! seed replays a run. [`Device`] speaks NAS and never sees NGAP; [`Gnb`] speaks NGAP and never decodes NAS.

mod common;
mod device;
mod establishment_cause;
#[doc(hidden)]
pub mod fuzz;
mod message_name;
mod nas5g;
mod ngap;
mod node;
mod outcome;
mod sessions;
mod settings;
mod ue_state;

pub use common::identity_of_ue::{Guti, STmsi};
pub use common::timers::{NG_SETUP_AGAIN, NodeTimer, Timer};
pub use device::{Device, UeAction, UeEvent};
pub use establishment_cause::EstablishmentCause;
pub use identity::Procedure;
pub use message_name::message_name;
pub use ngap::{
    AmfFacts, AmfNotice, AmfUpdate, Gnb, GnbSettings, Guami, HandoverFailure, N3Settings, NgapCause,
    Overload, OverloadAction, Released, TargetGnb, Tunnel, XnContext,
};
pub use node::{NodeAction, NodeEvent, RanNode, RefusalReason, ReleaseCause};
pub use outcome::{AuthenticationFailure, Cause, ConnectionRefusal, Outcome};
pub use sessions::{Session, SessionRequest};
pub use settings::{Context, Retry, Subscriber, SuciScheme, UeSettings};
pub use ue_state::UeState;
