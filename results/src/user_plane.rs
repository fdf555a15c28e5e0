//! What the user plane carried: in one second, or in the whole run.

use crate::measurements::counts;

macro_rules! define {
    ($($row:tt)+) => {
        counts! {
            /// T-PDUs, and their octets without GTP-U headers. A type apart from the wire's: the names in `summary.json` stay, the
            /// wire has versions. Its fields are the rows of [`crate::user_plane_table`].
            UserPlaneSummary: $($row)+
        }
    };
}
crate::user_plane_table!(define);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Counts;

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
