//! What the user plane carried: in one second, or in the whole run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measurements::{CountUnit, Measurement};

macro_rules! define {
    ($($(#[doc = $doc:literal])+ $key:ident: $unit:ident $($title:literal)?;)+) => {
        /// T-PDUs, and their octets without GTP-U headers. A type apart from the wire's: the names in `summary.json` stay, the
        /// wire has versions. Its fields are the rows of [`crate::user_plane_table`].
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(default)]
        pub struct UserPlaneSummary {
            $($(#[doc = $doc])+ pub $key: u64,)+
        }

        impl UserPlaneSummary {
            /// What its fields are.
            pub const TABLE: &[Measurement] = &[$(Measurement {
                key: stringify!($key),
                unit: CountUnit::$unit,
                about: concat!($($doc),+).trim_ascii(),
                title: [$(Some($title),)? None][0],
            },)+];

            /// Its values, in the order of the table.
            pub fn values(&self) -> impl Iterator<Item = u64> {
                [$(self.$key,)+].into_iter()
            }

            /// Adds what another stretch of time carried. Sums saturate.
            pub fn merge(&mut self, other: &Self) {
                $(self.$key = self.$key.saturating_add(other.$key);)+
            }
        }
    };
}
crate::user_plane_table!(define);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_fields_of_summary_json_and_says_what_each_is() {
        let mut once = UserPlaneSummary { strays: 3, ..UserPlaneSummary::default() };
        once.merge(&UserPlaneSummary { strays: u64::MAX, echoes: 1, ..UserPlaneSummary::default() });
        assert_eq!((once.strays, once.echoes), (u64::MAX, 1));
        let json = serde_json::to_value(once).unwrap();
        let mut keys: Vec<&str> = UserPlaneSummary::TABLE.iter().map(|row| row.key).collect();
        let values: Vec<u64> = keys.iter().map(|key| json[*key].as_u64().unwrap()).collect();
        assert_eq!(values, once.values().collect::<Vec<_>>());
        keys.sort_unstable();
        assert_eq!(keys, json.as_object().unwrap().keys().collect::<Vec<_>>());
        let echoes = UserPlaneSummary::TABLE.iter().find(|row| row.key == "echoes").unwrap();
        assert_eq!((echoes.title, echoes.about), (Some("Echoes"), "Echoes answered, in either direction."));
    }
}
