//! Which fields of two scenarios differ, for those who compare the runs of both.

use crate::old_words;
use crate::yaml::{Key, Node, Value};

/// The fields in which two scenarios, as YAML, differ, such as `load[0].phases[0].rate: 100/s, 200/s`. What names them, and the
/// seed, is left out. `Err`: one of the two is no YAML.
pub fn differing_fields(left: &str, right: &str) -> Result<Vec<String>, String> {
    let parse = |text| {
        let mut root =
            Node::parse(text).map_err(|error| format!("line {}: {}", error.line, error.message))?;
        old_words::replace(&mut root);
        Ok::<_, String>(root)
    };
    let mut fields = Vec::new();
    compare("", Some(&parse(left)?), Some(&parse(right)?), &mut fields);
    Ok(fields)
}

fn compare(path: &str, left: Option<&Node>, right: Option<&Node>, fields: &mut Vec<String>) {
    if NAMES.contains(&path) {
        return;
    }
    match (left.map(|node| &node.value), right.map(|node| &node.value)) {
        (Some(Value::Mapping(left)), Some(Value::Mapping(right))) => {
            let find = |entries: &[(Key, Node)], name: &str| {
                entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node.clone())
            };
            let more = right.iter().filter(|(key, _)| find(left, &key.name).is_none());
            for (key, _) in left.iter().chain(more) {
                let path = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
                compare(&path, find(left, &key.name).as_ref(), find(right, &key.name).as_ref(), fields);
            }
        }
        (Some(Value::List(left)), Some(Value::List(right))) => {
            for index in 0..left.len().max(right.len()) {
                compare(&format!("{path}[{index}]"), left.get(index), right.get(index), fields);
            }
        }
        (Some(left), Some(right)) if left == right => {}
        _ => {
            let shown = |node: Option<&Node>| node.map_or_else(|| "absent".to_owned(), Node::describe);
            fields.push(format!("{path}: {}, {}", shown(left), shown(right)));
        }
    }
}

const NAMES: [&str; 3] = ["name", "description", "seed"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_named_and_the_seed_does_not_count() {
        let left = "name: a\nseed: 1\nload: [{rate: 1/s}, {rate: 2/s}]\nradio: ideal\n";
        let right = "name: b\nseed: 2\nload: [{rate: 1/s}, {rate: 3/s}]\ndrain: 5s\n";
        let fields = differing_fields(left, right).unwrap();
        assert_eq!(
            fields,
            ["load[1].rate: \"2/s\", \"3/s\"", "radio: \"ideal\", absent", "drain: absent, \"5s\""]
        );
        assert!(differing_fields(left, left).unwrap().is_empty());
        assert!(differing_fields(left, "a: [").is_err());
    }
}
