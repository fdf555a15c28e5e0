//! Every mistake of a file at once. The reading ends at the first one; that place is then amended, and the rest is read again.

use super::charging::Folder;
use super::scenario::{self, ScenarioFile};
use crate::Scenario;
use crate::yaml::{Complaint, Key, Node, Part, Remedy, Value, parts_of, read};

/// Reads and checks a tree.
pub(super) fn scenario(root: &Node, folder: Folder<'_>) -> Result<Scenario, Vec<Complaint>> {
    once(root, folder).map_err(|first| all(first, root.clone(), folder))
}

fn once(root: &Node, folder: Folder<'_>) -> Result<Scenario, Complaint> {
    read::<ScenarioFile>(root).and_then(|file| scenario::check(file, root, folder))
}

/// The first mistake, and those that are found when it is amended, in the order of the file.
fn all(first: Complaint, mut root: Node, folder: Folder<'_>) -> Vec<Complaint> {
    let (mut found, mut amended) = (Vec::new(), Amended::default());
    let mut next = Some(first);
    for round in 0..=MOST_AMENDED {
        let Some(complaint) = next.take() else { break };
        let is_explained = amended.explain(&complaint);
        if round < MOST_AMENDED && amended.amend(&mut root, &complaint) {
            next = once(&root, folder).err();
        }
        if !is_explained {
            found.push(complaint);
        }
    }
    found.sort_by_key(|complaint| complaint.place);
    found
}

/// What stands no longer as it was written.
#[derive(Default)]
struct Amended {
    paths: Vec<Vec<Part>>,
    /// Where a text was replaced by the one that was probably meant: what is still wrong there is no other mistake.
    replaced: Vec<Vec<Part>>,
}

impl Amended {
    /// Whether a complaint only comes from what was amended before: something is missing that was left out, or a section is
    /// held against one that is no longer as it was.
    fn explain(&self, complaint: &Complaint) -> bool {
        let parts = complaint_parts(complaint);
        let within = |path: &Vec<Part>| path.starts_with(&parts) && !(parts.is_empty() && path.len() > 1);
        if self.paths.iter().chain(&self.replaced).any(within) {
            return true;
        }
        let Some(Part::Field(section)) = parts.first() else { return false };
        let mut amended = self.paths.iter().filter_map(|path| match path.first() {
            Some(Part::Field(section)) => Some(section.as_str()),
            _ => None,
        });
        let needs = RESTS_ON.iter().find(|(known, _)| known == section).map_or(&[][..], |(_, on)| on);
        complaint.is_across() && amended.any(|section| needs.contains(&section))
    }

    /// Makes the tree one without this mistake. `false`: that cannot be done.
    fn amend(&mut self, root: &mut Node, complaint: &Complaint) -> bool {
        let mut path = complaint_parts(complaint);
        match complaint.remedy() {
            Some(Remedy::Rename(name)) => return rename(root, &path, name),
            Some(Remedy::Replace(text)) if replace(root, &path, text) => {
                self.replaced.push(path);
                return true;
            }
            Some(Remedy::Insert(field)) => {
                path.push(Part::Field((*field).to_owned()));
                if let (Some(value), Some(Value::Mapping(entries))) = (
                    stand_in(field, path.len()),
                    at(root, &path[..path.len() - 1]).map(|node| &mut node.value),
                ) {
                    let place = value.place;
                    entries.push((Key { place, name: (*field).to_owned() }, value));
                    self.paths.push(path);
                    return true;
                }
                path.pop();
            }
            _ => {}
        }
        // What is missing has no place of its own: then all around it goes.
        while !path.is_empty() && at(root, &path).is_none() {
            path.pop();
        }
        let done = leave_out(root, &path);
        self.paths.push(path);
        done
    }
}

/// Tariffs are documents of their own.
fn complaint_parts(complaint: &Complaint) -> Vec<Part> {
    if complaint.file.is_some() {
        vec![Part::Field("charging".to_owned())]
    } else {
        parts_of(&complaint.field())
    }
}

fn at<'a>(root: &'a mut Node, path: &[Part]) -> Option<&'a mut Node> {
    path.iter().try_fold(root, |node, part| node.part_mut(part))
}

fn rename(root: &mut Node, path: &[Part], name: &str) -> bool {
    let Some((Part::Field(old), above)) = path.split_last() else { return false };
    let Some(Value::Mapping(entries)) = at(root, above).map(|node| &mut node.value) else { return false };
    let taken = entries.iter().any(|(key, _)| key.name == name);
    let Some(place) = entries.iter().position(|(key, _)| key.name == *old) else { return false };
    if taken {
        entries.remove(place);
    } else if let Some((key, _)) = entries.get_mut(place) {
        name.clone_into(&mut key.name);
    }
    true
}

fn replace(root: &mut Node, path: &[Part], text: &str) -> bool {
    let Some(node) = at(root, path).filter(|node| matches!(node.value, Value::Text(_))) else { return false };
    node.value = Value::Text(text.to_owned());
    true
}

fn leave_out(root: &mut Node, path: &[Part]) -> bool {
    let Some((last, above)) = path.split_last() else { return false };
    let stand_in = match last {
        Part::Field(name) => stand_in(name, path.len()).filter(|_| path.len() == 1),
        Part::Index(_) => None,
    };
    let Some(node) = at(root, above) else { return false };
    match (&mut node.value, last, stand_in) {
        (Value::Mapping(_), _, Some(stand_in)) => {
            let Some(node) = node.part_mut(last) else { return false };
            // A stand-in that is wrong itself would be put there for ever.
            let was_there = node.value == stand_in.value;
            *node = stand_in;
            !was_there
        }
        (Value::Mapping(entries), Part::Field(name), None) => {
            let before = entries.len();
            entries.retain(|(key, _)| !key.is(name));
            entries.len() < before
        }
        (Value::List(items), Part::Index(index), _) => {
            let Some(item) = items.get_mut(*index) else { return false };
            item.value = Value::LeftOut;
            true
        }
        _ => false,
    }
}

/// What a scenario could say there, so that the rest of it can be read.
fn stand_in(field: &str, depth: usize) -> Option<Node> {
    let text = match (field, depth) {
        ("name", _) | ("by" | "reason", 3..) => "x",
        ("subscribers", 1) => {
            "[{plmn: 001/01, imsi: \"001010000000001\", count: 100000000, k: \"00000000000000000000000000000000\", opc: \"00000000000000000000000000000000\"}]"
        }
        ("load", 1) => "[{procedure: registration, phases: [{rate: 1/s, for: 1h}]}]",
        ("for" | "each" | "lasts" | "period" | "at" | "active" | "idle" | "after", 2..) => "1s",
        ("every", 2..) => "8784h",
        ("count", 3) => "1",
        ("share" | "factor", 3..) => "1%",
        _ => return None,
    };
    Node::parse(text).ok()
}

/// Which sections a section is held against.
const RESTS_ON: &[(&str, &[&str])] = &[
    ("cells", &["subscribers"]),
    ("sessions", &["cells", "load", "search"]),
    ("load", &["cells", "sessions", "subscribers", "search"]),
    ("search", &["cells", "sessions", "subscribers", "load"]),
    ("mobility", &["cells", "load"]),
    ("conditions", &["load", "search"]),
    ("network", &["cells", "subscribers"]),
    ("charging", &["subscribers", "cells", "sessions", "network"]),
    ("slos", &["load", "search", "cells", "sessions", "conditions", "nas", "network", "mobility"]),
    ("guardrails", &["load", "search", "cells", "sessions", "conditions", "nas", "network", "mobility"]),
    ("expect", &["load", "search", "cells", "sessions", "conditions", "nas", "network", "mobility"]),
];

/// After so many nobody reads on.
const MOST_AMENDED: usize = 30;
