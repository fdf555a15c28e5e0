//! A file of another program: its fields, and which of them were taken.

use std::collections::BTreeMap;

use identity::{Plmn, Snssai};

use super::NOT_TAKEN;
use crate::yaml::{Node, Part, Place, Value, parts_of};

/// A file, by its leaves.
pub(super) struct Source {
    name: String,
    root: Node,
    /// Each field with a value of its own: whether, and as what, it was taken.
    fields: BTreeMap<String, Option<String>>,
}

impl Source {
    pub(super) fn read(name: &str, text: &str) -> Result<Self, String> {
        let root = Node::parse(text)
            .map_err(|error| format!("{name}:{}:{}: {}", error.line, error.column, error.message))?;
        if !matches!(root.value, Value::Mapping(_)) {
            return Err(format!(
                "{name}: found {}, expected a mapping with the settings of a gNB or a UE",
                root.describe()
            ));
        }
        let mut fields = BTreeMap::new();
        leaves(&root, String::new(), &mut fields);
        Ok(Self { name: name.to_owned(), root, fields })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.node(path).is_some()
    }

    /// How many items a list has; 0 where there is none.
    pub(super) fn items(&self, path: &str) -> usize {
        match self.node(path).map(|node| &node.value) {
            Some(Value::List(items)) => items.len(),
            _ => 0,
        }
    }

    /// The text of a field, which becomes this one of the scenario.
    pub(super) fn take(&mut self, path: &str, becomes: &str) -> Option<String> {
        let text = match &self.node(path)?.value {
            Value::Text(text) | Value::Number(text) => text.trim().to_owned(),
            Value::Bool(value) => value.to_string(),
            _ => return None,
        };
        self.fields.insert(path.to_owned(), Some(becomes.to_owned()));
        Some(text)
    }

    pub(super) fn require(&mut self, path: &str, becomes: &str) -> Result<String, String> {
        self.take(path, becomes).ok_or_else(|| {
            format!("{}: the field {path:?} is missing, of which {becomes} is made", self.name)
        })
    }

    /// The protection scheme of the SUCI, the home network's public key and its identifier, at these paths: 1 and 2 are the
    /// profiles A and B of TS 33.501 annex C.
    pub(super) fn suci(&mut self, [scheme, key, id]: [&str; 3]) -> Result<Option<String>, String> {
        let becomes = "subscribers[].suci";
        let given = self.take(scheme, becomes).unwrap_or_else(|| "0".to_owned());
        let profile = match given.as_str() {
            "0" => return Ok(None),
            "1" => "profile-a",
            "2" => "profile-b",
            _ => return Err(self.wrong(scheme, &format!("found {given:?}, expected 0, 1 or 2"))),
        };
        let key = self.require(key, becomes)?;
        let id = self.take(id, becomes).unwrap_or_else(|| "1".to_owned());
        Ok(Some(format!("{{{profile}: {{key-id: {id}, public-key: \"{key}\"}}}}")))
    }

    /// A complaint about a field.
    pub(super) fn wrong(&self, path: &str, message: &str) -> String {
        match self.node(path).map(|node| node.place) {
            Some(Place::File { line, column }) => format!("{}:{line}:{column}: {path}: {message}", self.name),
            _ => format!("{}: {path}: {message}", self.name),
        }
    }

    /// Digits of a network code, of which YAML may have taken zeros for nothing.
    pub(super) fn plmn(&mut self, mcc: &str, mnc: &str, becomes: &str) -> Result<Plmn, String> {
        let (code, network) = (self.require(mcc, becomes)?, self.require(mnc, becomes)?);
        format!("{code}/{network}").parse().map_err(|error| self.wrong(mnc, &format!("{error}")))
    }

    /// A slice of two fields. Which base their numbers have is the program's own.
    pub(super) fn slice(
        &mut self,
        sst: &str,
        sd: &str,
        becomes: &str,
        number: impl Fn(&str, bool) -> Option<u32>,
    ) -> Result<Option<Snssai>, String> {
        let Some(sst_text) = self.take(sst, becomes) else { return Ok(None) };
        let wrong = |path: &str, text: &str| format!("{text:?} is not a number of a slice, in field {path}");
        let value = number(&sst_text, false)
            .and_then(|value| u8::try_from(value).ok())
            .ok_or_else(|| self.wrong(sst, &wrong(sst, &sst_text)))?;
        let Some(sd_text) = self.take(sd, becomes) else { return Ok(Some(Snssai { sst: value, sd: None })) };
        let differentiator = number(&sd_text, true)
            .filter(|value| *value < 1 << 24)
            .ok_or_else(|| self.wrong(sd, &wrong(sd, &sd_text)))?;
        let [_, a, b, c] = differentiator.to_be_bytes();
        Ok(Some(Snssai { sst: value, sd: Some([a, b, c]) }))
    }

    /// Which algorithms are not switched off: 2 before 1 before 3, as scenarios prefer them.
    pub(super) fn algorithms(&mut self, path: impl Fn(u8) -> String, null: bool, becomes: &str) -> Vec<u8> {
        let mut on: Vec<u8> = Vec::new();
        for algorithm in [2, 1, 3, 0] {
            let asked = self.take(&path(algorithm), becomes);
            let default = if algorithm == 0 { null } else { asked.is_none() };
            if asked.map_or(default, |text| text == "true" || text == "1") {
                on.push(algorithm);
            }
        }
        on
    }

    /// What was taken as what, and what was not, with the reason.
    pub(super) fn told(self) -> (Vec<String>, Vec<String>) {
        let (mut taken, mut left) = (Vec::new(), Vec::new());
        for (field, becomes) in &self.fields {
            match becomes {
                Some(becomes) => taken.push(format!("{}: {field} is {becomes}", self.name)),
                None => {
                    let why = NOT_TAKEN.iter().find(|(beginning, _)| field.starts_with(beginning));
                    let why = why.map_or("no field of a scenario says this", |(_, why)| why);
                    left.push(format!("{}: {field}: {why}", self.name));
                }
            }
        }
        (taken, left)
    }

    fn node(&self, path: &str) -> Option<&Node> {
        parts_of(path).iter().try_fold(&self.root, |node, part| match (&node.value, part) {
            (Value::Mapping(entries), Part::Field(name)) => {
                entries.iter().find(|(key, _)| key.name == *name).map(|(_, node)| node)
            }
            (Value::List(items), Part::Index(index)) => items.get(*index),
            _ => None,
        })
    }
}

fn leaves(node: &Node, path: String, fields: &mut BTreeMap<String, Option<String>>) {
    match &node.value {
        Value::Mapping(entries) => {
            for (key, node) in entries {
                let name = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
                leaves(node, name, fields);
            }
        }
        Value::List(items) => {
            for (index, node) in items.iter().enumerate() {
                leaves(node, format!("{path}[{index}]"), fields);
            }
        }
        _ => {
            fields.insert(path, None);
        }
    }
}
