//! `--set path=value`: a value of the scenario is replaced before the scenario is read.

use super::reader::Part;
use super::tree::{Key, Node, Place, Value};
use crate::old_words::replace_in_path;
use crate::units::nearest;

/// One `--set`: a dotted path with list indices, and the value as YAML.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    parts: Vec<Part>,
    value: Node,
}

impl Override {
    /// `path` as in `load.0.phases[1].rate`; `number` is the override's own, kept as the place of its values.
    pub(crate) fn parse(number: usize, path: &str, value: &str) -> Result<Self, String> {
        let node = Node::parse(value).map_err(|error| format!("the value is no YAML: {}", error.message))?;
        Ok(Self { parts: parse_path(path)?, value: node.moved_to(Place::Override(number)) })
    }

    /// With the words that scenarios have now in its path; and the old word and the new one, where there was an old one.
    pub(crate) fn with_new_words(mut self) -> (Self, Option<(String, String)>) {
        let text = |part: &Part| match part {
            Part::Field(name) => name.clone(),
            Part::Index(index) => index.to_string(),
        };
        let mut parts: Vec<String> = self.parts.iter().map(text).collect();
        let replaced = replace_in_path(&mut parts);
        if replaced.is_some() {
            let part = |text: String| text.parse().map_or(Part::Field(text), Part::Index);
            self.parts = parts.into_iter().map(part).collect();
        }
        (self, replaced)
    }

    /// Puts the value into the tree. Mappings on the way are made where there are none.
    pub(crate) fn apply(&self, root: &mut Node) -> Result<(), String> {
        let mut node = root;
        let (mut so_far, mut meant) = (String::new(), None);
        for part in &self.parts {
            let unknown = mistyped(node, part);
            meant = unknown.or(meant);
            let hint =
                || meant.as_ref().map(|meant| format!("; did you mean {meant:?}?")).unwrap_or_default();
            node = step(node, part, &so_far, self.value.place).map_err(|error| error + &hint())?;
            match part {
                Part::Field(name) if so_far.is_empty() => so_far.push_str(name),
                Part::Field(name) => so_far += &format!(".{name}"),
                Part::Index(index) => so_far += &format!("[{index}]"),
            }
        }
        *node = self.value.clone();
        Ok(())
    }
}

fn parse_path(path: &str) -> Result<Vec<Part>, String> {
    let error = || format!("{path:?} is not the path of a field such as load.0.phases.1.rate");
    let mut parts = Vec::new();
    for dotted in path.split('.') {
        let (name, indices) = dotted.find('[').map_or((dotted, ""), |at| dotted.split_at(at));
        match name.parse() {
            Ok(index) => parts.push(Part::Index(index)),
            Err(_) if !name.is_empty() => parts.push(Part::Field(name.to_owned())),
            Err(_) => return Err(error()),
        }
        for index in indices.split_terminator(']') {
            let index = index.strip_prefix('[').and_then(|index| index.parse().ok()).ok_or_else(error)?;
            parts.push(Part::Index(index));
        }
        if !indices.is_empty() && !indices.ends_with(']') {
            return Err(error());
        }
    }
    Ok(parts)
}

/// The field beside it that was probably meant, where the one of this name is not there.
fn mistyped(node: &Node, part: &Part) -> Option<String> {
    let (Part::Field(name), Value::Mapping(entries)) = (part, &node.value) else { return None };
    let there: Vec<&str> = entries.iter().map(|(key, _)| key.name.as_str()).collect();
    if there.contains(&name.as_str()) {
        return None;
    }
    nearest(name, &there).map(str::to_owned)
}

fn step<'a>(node: &'a mut Node, part: &Part, so_far: &str, place: Place) -> Result<&'a mut Node, String> {
    let here = if so_far.is_empty() { "the scenario" } else { so_far };
    if let (Part::Field(_), Value::Null) = (part, &node.value) {
        node.value = Value::Mapping(Vec::new());
    }
    let kind = node.describe();
    match (part, &mut node.value) {
        (Part::Field(name), Value::Mapping(entries)) => {
            let at = entries.iter().position(|(key, _)| key.name == *name).unwrap_or(entries.len());
            if at == entries.len() {
                entries.push((Key { place, name: name.clone() }, Node { place, value: Value::Null }));
            }
            entries.get_mut(at).map(|(_, node)| node).ok_or_else(|| here.to_owned())
        }
        (Part::Index(index), Value::List(items)) => {
            let count = items.len();
            // The place after the last one adds an item.
            if *index == count {
                items.push(Node { place, value: Value::Null });
            }
            items
                .get_mut(*index)
                .ok_or_else(|| format!("{here} has {count} items: 0 to {count} are accepted, not {index}"))
        }
        (Part::Field(name), _) => Err(format!("{here} is {kind}, so it has no field {name:?}")),
        (Part::Index(index), _) => Err(format!("{here} is {kind}, so it has no item {index}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, path: &str, value: &str) -> Result<Node, String> {
        let mut root = Node::parse(text).unwrap();
        Override::parse(0, path, value)?.apply(&mut root)?;
        Ok(root)
    }

    #[test]
    fn both_forms_of_an_index_reach_the_same_value() {
        for path in ["a.0.b.1", "a[0].b[1]"] {
            let root = set("a: [{b: [1, 2]}]", path, "{c: 3}").unwrap();
            let found = root.get("a").unwrap().item(0).unwrap().get("b").unwrap().item(1).unwrap();
            assert_eq!(found.get("c").unwrap().value, Value::Number("3".to_owned()));
        }
    }

    #[test]
    fn missing_mappings_are_made_and_lists_extended() {
        let root = set("a: [1]", "b.c", "x").unwrap();
        assert_eq!(root.get("b").unwrap().get("c").unwrap().value, Value::Text("x".to_owned()));
        let root = set("a: [1]", "a.1", "2").unwrap();
        assert!(root.get("a").unwrap().item(1).is_some());
    }

    #[test]
    fn paths_that_lead_nowhere_say_why() {
        for (path, part) in [
            ("a.5", "a has 1 items: 0 to 1 are accepted, not 5"),
            ("a.x", "a is a list, so it has no field \"x\""),
            ("laod.0.rate", "laod is nothing, so it has no item 0; did you mean \"load\"?"),
            ("n.x", "n is \"t\", so it has no field \"x\""),
            ("a[", "is not the path of a field"),
            ("a..b", "is not the path of a field"),
            ("", "is not the path of a field"),
        ] {
            let error = set("a: [1]\nn: t\nload: []", path, "1").unwrap_err();
            assert!(error.contains(part), "{path}: {error}");
        }
        assert!(set("a: 1", "a", "[").unwrap_err().contains("the value is no YAML"));
    }
}
