//! Words that scenarios had before. They go on working: a tree with old words becomes one with new words before it is read.

use crate::yaml::{Key, Node, Place, Value, is_field};

/// What a scenario called by an old word. It makes no scenario differ from another.
#[derive(Clone, Debug, Default)]
pub struct OldWords(pub(crate) Vec<String>);

impl PartialEq for OldWords {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// An old word that was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) place: Place,
    pub(crate) old: String,
    pub(crate) new: String,
}

/// From the old path to the new one; `*` is each item of a list. What is moved deeper is moved within the same mapping.
const MOVED: &[(&str, &str)] = &[
    ("cells.gnbs", "cells.nodes"),
    ("cells.cells-per-gnb", "cells.cells-per-node"),
    ("cells.first-gnb-id", "cells.first-node-id"),
    ("cells.networks.*.gnbs", "cells.networks.*.nodes"),
    ("nas.ciphering", "nas.nr.ciphering"),
    ("nas.integrity", "nas.nr.integrity"),
    ("nas.retry", "nas.nr.retry"),
    ("nas.t3512", "nas.nr.t3512"),
    ("network.congestion", "network.nr.congestion"),
    ("network.release-after-registration", "network.nr.release-after-registration"),
    ("network.accept-slices", "network.nr.accept-slices"),
    ("network.t3512", "network.nr.t3512"),
    ("network.handover", "network.nr.handover"),
    ("sessions.*.uplink.burst.on", "sessions.*.uplink.burst.active"),
    ("sessions.*.uplink.burst.off", "sessions.*.uplink.burst.idle"),
    ("sessions.*.downlink.burst.on", "sessions.*.downlink.burst.active"),
    ("sessions.*.downlink.burst.off", "sessions.*.downlink.burst.idle"),
];

/// Every old path with the new one; of a field of `nas` or `network` that moved deeper, too.
pub(crate) fn replaced() -> impl Iterator<Item = (&'static str, &'static str)> {
    MOVED.iter().copied()
}

/// Replaces the old words of a tree, and says which there were: each once.
pub(crate) fn replace(root: &mut Node) -> Vec<Found> {
    let mut found = Vec::new();
    for (old, new) in MOVED {
        let (from, to): (Vec<&str>, Vec<&str>) = (old.split('.').collect(), new.split('.').collect());
        let mut first = None;
        replace_below(root, &from, &to, &mut first);
        found.extend(first.map(|place| Found {
            place,
            old: (*old).replace(".*", "[]"),
            new: (*new).replace(".*", "[]"),
        }));
    }
    found.extend(search_out_of_load(root));
    found
}

/// The parts of a path with its new words, and the words that were replaced. A list's index is a number.
pub(crate) fn replace_in_path(parts: &mut Vec<String>) -> Option<(String, String)> {
    for (old, new) in MOVED {
        let (from, to): (Vec<&str>, Vec<&str>) = (old.split('.').collect(), new.split('.').collect());
        let is = |(part, word): (&String, &&str)| match *word {
            "*" => part.parse::<usize>().is_ok(),
            word => is_field(part, word),
        };
        if parts.len() >= from.len() && parts.iter().zip(&from).all(is) {
            let shared = from.len() - 1;
            let deeper = to[shared..].iter().map(|word| (*word).to_owned());
            parts.splice(shared..from.len(), deeper);
            return Some(((*old).replace(".*", "[]"), (*new).replace(".*", "[]")));
        }
    }
    // A field of load is one of a search: loads are a list.
    let of_search = parts.len() > 1 && parts[0] == "load" && parts[1].parse::<usize>().is_err();
    of_search.then(|| {
        "search".clone_into(&mut parts[0]);
        ("load".to_owned(), "search".to_owned())
    })
}

fn replace_below(node: &mut Node, from: &[&str], to: &[&str], first: &mut Option<Place>) {
    match (from, &mut node.value) {
        ([old], Value::Mapping(entries)) => {
            let Some(at) = entries.iter().position(|(key, _)| key.is(old)) else { return };
            let taken = |entries: &[(Key, Node)]| match to {
                [new] => entries.iter().any(|(key, _)| key.is(new)),
                _ => false,
            };
            // Both words at once: the old one is then an unknown field.
            if taken(entries) {
                return;
            }
            let (key, value) = entries.remove(at);
            first.get_or_insert(key.place);
            put(entries, at, to, key.place, value);
        }
        (["*", from @ ..], Value::List(items)) => {
            items.iter_mut().for_each(|item| replace_below(item, from, &to[1..], first));
        }
        ([name, from @ ..], Value::Mapping(entries)) => {
            let below = entries.iter_mut().find(|(key, _)| key.is(name));
            if let Some((_, below)) = below {
                replace_below(below, from, &to[1..], first);
            }
        }
        _ => {}
    }
}

/// Puts a value where the path leads, below the entries; mappings on the way are made.
fn put(entries: &mut Vec<(Key, Node)>, at: usize, path: &[&str], place: Place, value: Node) {
    let [name, deeper @ ..] = path else { return };
    let key = Key { place, name: (*name).to_owned() };
    if deeper.is_empty() {
        entries.insert(at.min(entries.len()), (key, value));
        return;
    }
    let known = entries.iter().position(|(key, _)| key.is(name));
    let known = known.unwrap_or_else(|| {
        entries.push((key, Node { place, value: Value::Mapping(Vec::new()) }));
        entries.len() - 1
    });
    if let Some((_, Node { value: Value::Mapping(inner), .. })) = entries.get_mut(known) {
        let end = inner.len();
        put(inner, end, deeper, place, value);
    }
}

/// `load: {find: …}` was a search.
fn search_out_of_load(root: &mut Node) -> Option<Found> {
    let Value::Mapping(entries) = &mut root.value else { return None };
    let known = entries.iter().any(|(key, _)| key.name == "search");
    let load =
        entries.iter_mut().find(|(key, node)| key.name == "load" && matches!(node.value, Value::Mapping(_)));
    let (key, _) = load.filter(|_| !known)?;
    "search".clone_into(&mut key.name);
    Some(Found { place: key.place, old: "load".to_owned(), new: "search".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> (Node, Vec<Found>) {
        let mut root = Node::parse(text).unwrap();
        let found = replace(&mut root);
        (root, found)
    }

    #[test]
    fn every_old_word_is_replaced_wherever_it_stands() {
        for (old, new) in MOVED {
            let text = |path: &str| {
                let mut text = "1".to_owned();
                for word in path.rsplit('.') {
                    text = if word == "*" { format!("[{text}]") } else { format!("{{{word}: {text}}}") };
                }
                text
            };
            let (root, found) = replaced(&text(old));
            assert_eq!(found.len(), 1, "{old}");
            let without_places = |text: &str| crate::differing_fields(text, &text_of(&root));
            assert_eq!(without_places(&text(new)), Ok(Vec::new()), "{old}");
            let mut parts: Vec<String> = old.replace('*', "0").split('.').map(str::to_owned).collect();
            assert!(replace_in_path(&mut parts).is_some(), "{old}");
            assert_eq!(parts.join("."), new.replace('*', "0"));
        }
    }

    fn text_of(node: &Node) -> String {
        match &node.value {
            Value::Mapping(entries) => {
                let entries: Vec<String> =
                    entries.iter().map(|(key, node)| format!("{}: {}", key.name, text_of(node))).collect();
                format!("{{{}}}", entries.join(", "))
            }
            Value::List(items) => format!("[{}]", items.iter().map(text_of).collect::<Vec<_>>().join(", ")),
            Value::Number(text) | Value::Text(text) => text.clone(),
            Value::Bool(value) => value.to_string(),
            Value::Null | Value::LeftOut => "null".to_owned(),
        }
    }

    #[test]
    fn both_words_at_once_are_left_as_they_are() {
        let (root, found) = replaced("cells: {nodes: 2, gnbs: 3}");
        assert!(found.is_empty());
        assert!(root.get("cells").unwrap().get("gnbs").is_some());
    }

    #[test]
    fn a_search_leaves_the_load() {
        let (root, found) = replaced("load: {find: registration.rate}");
        assert_eq!((found[0].old.as_str(), found[0].new.as_str()), ("load", "search"));
        assert!(root.get("search").is_some());
        assert!(replaced("load: [{procedure: registration}]").1.is_empty());
        let mut parts = vec!["load".to_owned(), "from".to_owned()];
        assert!(replace_in_path(&mut parts).is_some());
        assert_eq!(parts, ["search", "from"]);
    }
}
