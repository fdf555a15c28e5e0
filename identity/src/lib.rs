//! The vocabulary that every part of Roamstorm shares: subscriber, network, area, slice, key (TS 23.003), and the procedures.
//!
//! An identity is parsed once, at the edge, and then trusted. No runtime, no I/O.

mod cell;
mod dnn;
mod imsi;
mod key;
pub mod membership;
mod plmn;
mod procedure;
mod run_tag;
mod session;
mod slice;
mod tac;
mod technology;
mod teid;

pub use cell::CellId;
pub use dnn::Dnn;
pub use imsi::{Imsi, decimal};
pub use key::Key128;
pub use membership::Membership;
pub use plmn::Plmn;
pub use procedure::{Needs, Performer, Procedure};
pub use run_tag::{node_name, run_tag, tag_of};
pub use session::{PduSessionType, SessionId};
pub use slice::Snssai;
pub use tac::Tac;
pub use technology::Technology;
pub use teid::TeidKey;

/// Why a text is not the identity it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {expected}")]
pub struct IdentityError {
    found: String,
    expected: &'static str,
}

impl IdentityError {
    fn new(found: &str, expected: &'static str) -> Self {
        Self { found: found.to_owned(), expected }
    }
}

/// `Serialize`/`Deserialize` as text, through `Display` and `FromStr`, and a string schema.
macro_rules! as_text {
    ($type:ty, $pattern:literal, $description:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern, "description": $description })
            }
        }
    };
}
use as_text;
