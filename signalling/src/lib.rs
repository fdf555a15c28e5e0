//! The 5G UE and gNB as state machines: events in, actions out (TS 24.501, TS 33.501, TS 38.413).
//!
//! Nothing here reads a clock, a socket or a global random number generator: time and randomness are arguments, so a
//! seed replays a run. [`Device`] speaks NAS and never sees NGAP; [`Gnb`] speaks NGAP and never decodes NAS.
//!
//! ```text
//! nas5g/   5GMM and 5GSM of a device; device.rs is above it
//! ngap/    the gNB and its NG interface; ran_node.rs is above it
//! node/    what a node and its driver say to each other
//! common/  what more than one technology is made of
//! ```

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
mod ran_node;
mod sessions;
mod settings;
mod ue_state;

pub use common::identity_of_ue::{Guti, STmsi};
pub use common::timers::{NG_SETUP_AGAIN, NodeTimer, Timer};
pub use device::{Device, UeAction, UeEvent};
pub use establishment_cause::EstablishmentCause;
pub use identity::Procedure;
pub use message_name::{message_name, nas_message_name};
pub use ngap::{Gnb, GnbSettings, gnb_id_bits};
pub use node::action::{NodeAction, RefusalReason};
pub use node::amf::{AmfFacts, AmfNotice, AmfUpdate, Fewer, Guami, Overload, OverloadAction, SliceOverload};
pub use node::cause::{HandoverFailure, NgapCause, Released};
pub use node::event::{NodeEvent, ReleaseCause, TargetGnb};
pub use node::tunnel::{N3Settings, Tunnel};
pub use node::xn_context::XnContext;
pub use outcome::{AuthenticationFailure, Cause, ConnectionRefusal, Outcome};
pub use ran_node::RanNode;
pub use sessions::{Session, SessionRequest};
pub use settings::{Context, Retry, Subscriber, SuciScheme, UeSettings};
pub use ue_state::UeState;
