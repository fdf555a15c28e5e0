//! What the gNBs of a run say of it in their RAN node names, so that a core that serves several runs at once can tell them apart.

/// The name of a gNB in a run, of the characters that a RAN node name may have (TS 38.413 §9.4.5, `PrintableString` of 1 to 150).
pub fn node_name(gnb: &str, run: &str) -> String {
    if run.is_empty() {
        return gnb.to_owned();
    }
    let name = format!("{gnb}/{}", run_tag(run));
    name.chars().take(LONGEST_NODE_NAME).collect()
}

/// A run's name as it stands there.
pub fn run_tag(run: &str) -> String {
    let printable = |c: char| if c.is_ascii_alphanumeric() || " '()+,-.:=?".contains(c) { c } else { '-' };
    run.chars().take(LONGEST_TAG).map(printable).collect()
}

/// The tag in a RAN node name, where it has one.
pub fn tag_of(node_name: &str) -> Option<&str> {
    node_name.split_once('/').map(|(_, tag)| tag).filter(|tag| !tag.is_empty())
}

const LONGEST_NODE_NAME: usize = 150;
const LONGEST_TAG: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_by_the_names_of_its_gnbs() {
        let run = "20261125-101500-nachtlauf_ä/2";
        let name = node_name("roamstorm-gnb-0001", run);
        assert_eq!(name, "roamstorm-gnb-0001/20261125-101500-nachtlauf---2");
        assert_eq!(tag_of(&name), Some(run_tag(run).as_str()));
        assert_eq!((tag_of("gnb-1"), tag_of("gnb-1/"), tag_of("")), (None, None, None));
        assert_eq!(node_name("gnb-1", ""), "gnb-1");
        let longest = node_name("roamstorm-gnb-0001", &"x".repeat(400));
        assert_eq!(tag_of(&longest), Some(run_tag(&"x".repeat(400)).as_str()));
        assert!(longest.len() <= 150);
    }
}
